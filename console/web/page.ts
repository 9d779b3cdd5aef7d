/**
 * What the page of a drill says, as plain data: from the plan, the drill's state, its history and its evidence views, for one person. Pure but for reading the views,
 * whose digests are verified as they are read. What is signed is shown from the bytes that are signed.
 */
import { crewOf, hasRight } from '../../core/message.ts';
import type { CrewMember, Transition } from '../../core/message.ts';
import type { InputSpec } from '../../core/plan.ts';
import { messageOf } from '../../core/errors.ts';
import type { ReportModel } from '../../core/report/model.ts';
import type { StepView } from '../../evidence/views.ts';
import { rolesNow } from '../../core/step-roles.ts';
import type { StepState } from '../../workflows/steps.ts';
import { may, whoMay } from '../people/who.ts';
import { curvesOf } from './curves.ts';
import type { CurvesModel } from './curves.ts';
import type { Seen } from './feed.ts';
import { logLines } from './log.ts';
import type { LogLine } from './log.ts';
import { clocksOf, faultsOf, stepListOf, stepsOfReport } from './page-parts.ts';
import type { ClockModel, FaultRow, StepItem } from './page-parts.ts';

/** The last act of a person on a step, as far as it came. */
export interface Outcome {
  stepId: string;
  transition: Transition;
  state: 'sending' | 'refused';
  why: string;
}
export interface Viewer {
  /** null: nobody has signed in */
  name: string | null;
  csrf: string;
  /** the plan knows this board's key */
  vouched: boolean;
  outcomes: readonly Outcome[];
}

export interface PageModel {
  drillId: string;
  title: string;
  target: string;
  viewer: { name: string | null; roles: string; rights: string; csrf: string };
  /** why this person cannot act here; "" when they can */
  onlyReads: string;
  mayAbort: boolean;
  /** of the drill as a whole (an abort) */
  outcome: Outcome | null;
  phase: string;
  doing: string;
  problems: readonly string[];
  silent: string;
  ended: boolean;
  report: { verdict: string; sentence: string; note: string; figures: { name: string; says: string; state: string; objective: string }[] } | null;
  clocks: ClockModel[];
  curves: CurvesModel | null;
  work: WorkModel[];
  steps: StepItem[];
  faults: FaultRow[];
  log: LogLine[];
}

export interface Field extends InputSpec {
  id: string;
  choices: string[];
}
export interface WorkModel {
  id: string;
  number: number;
  of: number;
  title: string;
  attempt: number;
  status: StepState['status'];
  roles: string;
  /** who has it or who may take it, as a sentence */
  who: string;
  budgetMs: number;
  openedAt: number | null;
  overdue: boolean;
  sentBack: readonly string[];
  /** Markdown */
  instructions: string;
  /** the evidence cannot be trusted, or not be read: nothing is offered for signing */
  unreadable: string;
  view: { digest: string; about: string; inputs: [string, string][]; doneBy: string; checks: StepView['checks']; bytes: string[] } | null;
  fields: Field[];
  outcome: Outcome | null;
  can: Record<'acknowledge' | 'takeOver' | 'done' | 'approve' | 'sendBack' | 'delegate' | 'skip' | 'reject' | 'comment', boolean>;
  /** anything but the main button */
  more: boolean;
  people: string[];
  /** the second person that the manual wants, as a sentence; "" when it wants none */
  approval: string;
}

const OPEN: readonly StepState['status'][] = ['active', 'acknowledged', 'done', 'checked'];
const PHASES: Record<string, string> = {
  preparing: 'getting ready',
  chain: 'the disaster',
  manual: 'the manual',
  verifying: 'proving every row',
  sealing: 'undoing what was broken, sealing the evidence',
  ended: 'over',
};

export const phaseSays = (phase: string): string => PHASES[phase] ?? phase;

export function pageModel(seen: Seen, viewer: Viewer, report: ReportModel | null): PageModel {
  const { plan, state, history, silent, ended, drillId } = seen;
  const member = crewOf(plan.keys).find((p) => p.name === viewer.name) ?? null;
  const onlyReads = readOnly(seen, viewer, member);
  const acts = onlyReads === '' ? member : null;
  const work = (state && !ended ? state.steps : []).filter((s) => OPEN.includes(s.status)).map((s) => workOf(seen, s, acts, viewer));
  return {
    drillId,
    title: plan.title,
    target: `${plan.target.name}: ${plan.target.nodes.join(', ')}${state?.version ? `, ${state.version}` : ''}`,
    viewer: { name: viewer.name, csrf: viewer.csrf, roles: member?.roles.join(', ') ?? '', rights: member?.rights?.join(', ') ?? '' },
    onlyReads,
    mayAbort: acts !== null && hasRight(acts, ['responder', 'approver', 'coordinator']),
    outcome: viewer.outcomes.find((o) => o.stepId === '') ?? null,
    phase: ended || !state ? (ended ? 'over' : 'starting') : phaseSays(state.phase),
    doing: ended ? '' : (state?.doing ?? ''),
    problems: state?.problems ?? [],
    silent: ended ? '' : silent,
    ended,
    report: report && {
      verdict: report.verdict,
      sentence: report.sentence,
      note: report.note,
      figures: report.figures.map((f) => ({ name: f.name, says: f.says, state: f.state, objective: f.objectiveSays && `${f.objectiveSays} ${f.from}` })),
    },
    clocks: ended ? [] : clocksOf(seen, acts),
    curves: ended ? null : curvesOf(seen),
    // one's own first
    work: work.toSorted((a, b) => Number(mine(b)) - Number(mine(a))),
    steps: state || !report ? stepListOf(seen, viewer.name) : stepsOfReport(report),
    faults: faultsOf(seen),
    log: logLines(history, { refusals: member !== null && (member.rights === undefined || member.rights.some((r) => r !== 'viewer')) }),
  };
}

const mine = ({ can }: WorkModel): boolean => can.done || can.approve || can.acknowledge;

function readOnly({ plan, ended }: Seen, { name, vouched }: Viewer, member: CrewMember | null): string {
  if (ended) return 'The drill is over.';
  if (plan.rehearsal !== null) return `A rehearsal (${plan.rehearsal}): a script plays the people.`;
  if (name === null) return 'Nobody is signed in: this page can be read only.';
  if (!member) return `${name} does not take part in this drill.`;
  if (!vouched) return 'This drill began without the key of this board: take part by the command line, with your own key.';
  return hasRight(member, ['responder', 'approver', 'coordinator']) ? '' : `${name} may read (${member.rights?.join(', ')}), and not act.`;
}

function workOf(seen: Seen, s: StepState, member: CrewMember | null, viewer: Viewer): WorkModel {
  const { plan, state } = seen;
  const spec = plan.steps.find((p) => p.id === s.id);
  const read = evidenceOf(seen, s);
  const allowed = (t: Transition): boolean => member !== null && may(plan, member, s, t);
  const whole = read.unreadable === '';
  const can = {
    acknowledge: allowed('acknowledge') && s.status === 'active',
    takeOver: allowed('acknowledge') && s.status !== 'active',
    done: allowed('done') && whole,
    approve: allowed('approve') && whole,
    sendBack: allowed('send-back'),
    delegate: allowed('delegate'),
    skip: allowed('skip'),
    reject: allowed('reject'),
    comment: allowed('comment'),
  };
  return {
    id: s.id,
    number: plan.steps.findIndex((p) => p.id === s.id) + 1,
    of: state?.steps.length ?? 0,
    title: s.title,
    attempt: s.attempt,
    status: s.status,
    roles: (s.roles ?? [s.role]).join(', ') || `${s.role} (absent)`,
    who: whoSays(seen, s, viewer.name),
    budgetMs: s.budgetMs,
    openedAt: s.openedAt,
    overdue: s.overdue,
    sentBack: s.sentBack,
    ...read,
    fields: (spec?.inputs ?? []).map((i) => ({ ...i, choices: i.choices ?? [], id: `in-${s.id}-${i.name}` })),
    outcome: viewer.outcomes.find((o) => o.stepId === s.id) ?? null,
    can,
    more: can.takeOver || can.sendBack || can.delegate || can.skip || can.reject || can.comment,
    people: crewOf(plan.keys)
      .filter((p) => hasRight(p, ['responder']) && p.name !== s.by && p.name !== s.delegate)
      .map((p) => p.name),
    approval: s.approver && s.status !== 'checked' ? `A second person approves this step: ${names(whoElse(seen, s), s.approver)}.` : '',
  };
}

const whoElse = ({ plan }: Seen, s: StepState): string[] => whoMay(plan, s, 'approve').filter((n) => n !== s.by);
const names = (list: readonly string[], role: string): string => (list.length > 0 ? list.join(' or ') : `somebody with the role ${role}`);

function whoSays({ plan }: Seen, s: StepState, viewer: string | null): string {
  const by = s.by === viewer && viewer !== null ? 'you' : (s.by ?? '');
  if (s.status === 'active') {
    const handed = !s.delegate ? '' : rolesNow(s).length > 0 ? `; it was handed to ${s.delegate}` : ', to whom it was handed';
    return `waits for ${names(whoMay(plan, s, 'acknowledge'), s.role)}${handed}`;
  }
  if (s.status === 'checked') return `done by ${by}; waits for ${names(whoMay(plan, s, 'approve'), s.approver ?? '')} to approve it`;
  return s.status === 'done' ? `signed by ${by}; its checks run` : by === 'you' ? 'yours' : `${by} has it`;
}

function evidenceOf({ store, plan }: Seen, s: StepState): Pick<WorkModel, 'instructions' | 'view' | 'unreadable'> {
  try {
    const view = JSON.parse(store.getView(s.viewDigest)) as StepView;
    const { name, nodes } = view.target;
    return {
      instructions: store.getInstructions(s.instructionsDigest),
      unreadable: '',
      view: {
        digest: s.viewDigest,
        about: `step ${view.stepId}, attempt ${view.attempt}, of ${plan.runbook} on ${name} (${nodes.join(', ')})`,
        inputs: Object.entries(view.inputs),
        doneBy: view.done?.by ?? '',
        checks: view.checks,
        bytes: JSON.stringify(view, null, 2).split('\n'),
      },
    };
  } catch (e) {
    return { instructions: '', view: null, unreadable: messageOf(e) };
  }
}
