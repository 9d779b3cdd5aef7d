/** `drillbook show`: where a drill is, and what its open steps ask of whom; rendered from the bytes that are signed. */
import { Command } from 'commander';
import type { CheckResult } from '../../../core/history.ts';
import { duration, inert } from '../../../core/report/text.ts';
import type { StepView } from '../../../evidence/views.ts';
import type { DrillState } from '../../../workflows/messages.ts';
import type { StepState } from '../../../workflows/steps.ts';
import { EXIT } from '../context.ts';
import type { CliContext } from '../context.ts';
import { isUtf8 } from '../live.ts';
import { paint } from '../live-text.ts';
import type { Line, Style } from '../live-text.ts';
import { openDrill, stepOf } from '../../people/drills.ts';
import type { OpenDrill } from '../../people/drills.ts';
import { whoMay } from '../../people/who.ts';

interface ShowFlags {
  drill?: string;
  json?: boolean;
}

export function showCommand(ctx: CliContext): Command {
  return new Command('show')
    .description('where a drill is, and what its open steps ask of whom')
    .argument('[step]', 'one step, by its id or number (default: all steps, and the texts of the open ones)')
    .option('--drill <id>', 'which drill (default: the only one that runs here)')
    .option('--json', 'print the state, and the views of the open steps, as JSON')
    .addHelpText('after', '\nThe digest below a text is what `done` and `approve` take as --view: a signature is bound to it.')
    .action(async (step: string | undefined, flags: ShowFlags) => {
      const drill = await openDrill(ctx, flags.drill);
      try {
        const state = await drill.state();
        const steps = step === undefined ? state.steps.filter(hasText) : [stepOf(state, step, () => false)];
        ctx.stdout.write(flags.json ? `${JSON.stringify(asJson(drill, state, steps))}\n` : asText(ctx, drill, state, step === undefined, steps));
        ctx.exit(EXIT.pass);
      } finally {
        await drill.close();
      }
    });
}

const hasText = (s: StepState): boolean => ['active', 'acknowledged', 'done', 'checked'].includes(s.status);
const viewOf = ({ store }: OpenDrill, s: StepState): StepView | null => (s.viewDigest ? (JSON.parse(store.getView(s.viewDigest)) as StepView) : null);

function asJson(drill: OpenDrill, state: DrillState, steps: readonly StepState[]): object {
  const shown = steps.map((s) => {
    const view = viewOf(drill, s);
    return {
      step: s.id,
      attempt: s.attempt,
      status: s.status,
      viewDigest: s.viewDigest,
      view,
      instructions: s.instructionsDigest ? drill.store.getInstructions(s.instructionsDigest) : null,
    };
  });
  return { ...state, bundle: drill.running.bundle, shown };
}

const MARKS: Record<StepState['status'], [string, Style]> = {
  pending: ['○', 'dim'],
  active: ['●', 'bold'],
  acknowledged: ['●', 'bold'],
  done: ['●', 'bold'],
  checked: ['●', 'unknown'],
  verified: ['✓', 'pass'],
  skipped: ['✕', 'unknown'],
  rejected: ['✕', 'fail'],
};

function asText(ctx: CliContext, drill: OpenDrill, state: DrillState, all: boolean, steps: readonly StepState[]): string {
  const look = { width: Infinity, colour: ctx.colour, unicode: isUtf8(ctx.env) };
  const lines: Line[] = all ? [...head(state), ...state.steps.map((s, i) => stepLine(drill, s, i)), []] : [];
  for (const s of steps) lines.push(...stepText(drill, s));
  return lines.map((l) => `${paint(l, look)}\n`).join('');
}

function head(state: DrillState): Line[] {
  return [
    [[inert(state.drillId), 'bold'], [`   ${state.phase}${state.doing ? `: ${inert(state.doing)}` : ''}`]],
    ...state.problems.map((p): Line => [[`  ${inert(p)}`, 'fail']]),
    [],
  ];
}

function stepLine(drill: OpenDrill, s: StepState, index: number): Line {
  const [mark, style] = MARKS[s.status];
  const since = s.openedAt === null ? '' : duration((s.endedAt ?? Date.now()) - s.openedAt);
  const late = s.overdue ? `   over its budget of ${duration(s.budgetMs)}` : '';
  return [
    [`  ${mark} `, style],
    [`${index + 1}  ${inert(s.id).padEnd(14)} ${s.status.padEnd(13)} ${since.padStart(9)}  `],
    [who(drill, s), 'dim'],
    [late, 'fail'],
  ];
}

const names = (list: string[], otherwise: string): string => (list.length > 0 ? list.map(inert).join(', ') : otherwise);

/** Who has it, or who may take it. */
function who({ plan }: OpenDrill, s: StepState): string {
  if (s.status === 'checked') return `waits for ${names(whoMay(plan, s, 'approve'), `the role ${s.approver}`)} to approve what ${inert(s.by ?? '')} did`;
  if (s.status === 'active') return `waits for ${names(whoMay(plan, s, 'acknowledge'), `the role ${s.role}`)}`;
  return s.by ? inert(s.by) : s.status === 'pending' ? `for the role ${s.role}` : '';
}

function stepText(drill: OpenDrill, s: StepState): Line[] {
  const view = viewOf(drill, s);
  const title: Line[] = [[[inert(s.title), 'bold'], [`   step ${inert(s.id)}, attempt ${s.attempt}, ${s.status}; ${who(drill, s)}`]]];
  if (!view) return [...title, [['  it has not opened yet', 'dim']], []];
  const asked = drill.plan.steps.find((p) => p.id === s.id)?.inputs ?? [];
  return [
    ...title,
    ...s.sentBack.map((why): Line => [[`  sent back: ${inert(why)}`, 'fail']]),
    [],
    ...indented(drill.store.getInstructions(s.instructionsDigest)),
    ...asked.map((i): Line => [[`  asks for ${i.name} (${i.type}${i.choices ? `: ${i.choices.join(', ')}` : ''}): ${inert(i.ask)}`]]),
    ...Object.entries(view.inputs).map(([name, value]): Line => [[`  signed ${inert(name)}: ${inert(value)}`]]),
    ...view.checks.map(checkLine),
    [['  view '], [s.viewDigest, 'dim']],
    [],
  ];
}

const checkLine = ({ check, verdict, seen }: CheckResult): Line => [
  [`  ${verdict === 'pass' ? '✓' : verdict === 'fail' ? '✕' : '?'} `, verdict],
  [`${check}: ${inert(seen)}`],
];

/** Line by line, so that no text of a runbook can steer the terminal. */
const indented = (text: string): Line[] =>
  text
    .trimEnd()
    .split('\n')
    .map((l): Line => [[`    ${inert(l)}`]]);

/** What a person is about to sign, in plain words. */
export function signedText(drill: OpenDrill, s: StepState, inputs: Record<string, string>): string {
  const lines = [...stepText(drill, s), ...Object.entries(inputs).map(([name, value]): Line => [[`  you sign ${inert(name)}: ${inert(value)}`]])];
  return lines.map((l) => `${paint(l, { width: Infinity, colour: false, unicode: true })}\n`).join('');
}
