/** A drill's history as lines for people, newest first. Who may not see what was refused does not get those lines. */
import type { HistoryEntry } from '../../core/history.ts';
import { duration, limit } from '../../core/report/text.ts';

export interface LogLine {
  n: number;
  wallMs: number;
  /** whom it is by or about; "" for the machine */
  who: string;
  text: string;
  tone: '' | 'pass' | 'fail' | 'unk';
}
type Said = Omit<LogLine, 'n' | 'wallMs'> | null;

const machine = (text: string, tone: LogLine['tone'] = ''): Said => ({ who: '', text, tone });
const person = (who: string, text: string, tone: LogLine['tone'] = ''): Said => ({ who, text, tone });
const because = (reason: string): string => (reason.trim() === '' ? '' : `: ${reason}`);

/** null: of no interest to whoever takes part. */
function said(e: HistoryEntry, titles: ReadonlyMap<string, string>): Said {
  switch (e.kind) {
    case 'fault-injected':
      return machine(`${e.title}${e.leaseMs === null ? '' : ` (lease ${limit(e.leaseMs)})`}`, e.undo === 'one-way' && e.verb !== 'kill-node' ? '' : 'fail');
    case 'fault-healed':
      return machine(
        `healed: ${titles.get(e.chainId) ?? e.chainId}${e.how === 'lease' ? ' by its lease' : e.how === 'vanished' ? ': it was gone' : ''}`,
        'pass',
      );
    case 'lease-lapsed':
      return machine(`lease lapsed: ${e.chainIds.join(', ')}: ${e.seen}`, 'fail');
    case 'step-opened':
      return machine(`step ${e.stepId} opened${e.attempt > 1 ? `, attempt ${e.attempt}` : ''}`);
    case 'step-acknowledged':
      return person(e.envelope.by, `took step ${e.stepId}`);
    case 'step-done':
      return person(e.envelope.by, `signed step ${e.stepId} as done`);
    case 'step-checked':
      return checked(e);
    case 'step-verified':
      return machine(`step ${e.stepId} verified`, 'pass');
    case 'step-approved':
      return person(e.envelope.by, `approved step ${e.stepId}`, 'pass');
    case 'step-escalated':
      return machine(`step ${e.stepId} escalated to ${e.to}: ${e.why}`, 'unk');
    case 'step-delegated':
      return person(e.envelope.by, `handed step ${e.stepId} to ${e.to}`);
    case 'step-sent-back':
      return e.envelope
        ? person(e.envelope.by, `sent step ${e.stepId} back${because(e.envelope.reason)}`, 'unk')
        : machine(`step ${e.stepId} went back: ${e.seen.join('; ')}`, 'unk');
    case 'step-skipped':
      return person(e.envelope.by, `skipped step ${e.stepId}${because(e.envelope.reason)}`, 'unk');
    case 'step-rejected':
      return person(e.envelope.by, `rejected step ${e.stepId}${because(e.envelope.reason)}`, 'fail');
    case 'step-overdue':
      return machine(`step ${e.stepId} is over its budget of ${limit(e.budgetMs)}`, 'unk');
    case 'comment':
      return person(e.envelope.by, `on ${e.stepId}: “${e.envelope.reason}”`);
    case 'message-refused':
      return person(e.by, `was refused: ${e.reason}`, 'unk');
    case 'aborted':
      return person(e.by, `aborted the drill${because(e.reason)}`, 'fail');
    case 'problem':
      return machine(`${e.code}: ${e.seen}`, 'fail');
    case 'engine-gap':
      return machine(`the engine was away for ${duration(e.toWallMs - e.fromWallMs)}`, 'unk');
    case 'people-not-told':
      return machine(`${e.route} could not be told: ${e.why}`, 'unk');
    case 'drill-started':
    case 'target-unlocked':
    case 'workload-started':
    case 'workload-stopped':
      return machine(e.kind.replaceAll('-', ' '));
    case 'verified':
      return machine(
        `every row was read: ${e.acked} acknowledged writes, ${e.bad} not in place, ${e.unknown} unknown`,
        e.bad > 0 ? 'fail' : e.unknown > 0 ? 'unk' : 'pass',
      );
    case 'disaster-not-reproduced':
      return machine(`the disaster was not reproduced: ${e.reasons.join('; ')}`, 'unk');
    case 'people-told':
    case 'target-locked':
    case 'baseline-held':
    case 'writes-went-on':
    case 'fault-held':
    case 'lease-renewed':
    case 'residue-checked':
      return null;
    default:
      return e satisfies never;
  }
}

function checked({ stepId, results }: Extract<HistoryEntry, { kind: 'step-checked' }>): Said {
  const bad = results.filter((r) => r.verdict !== 'pass');
  if (bad.length === 0) return machine(`checks of ${stepId} passed${results.length > 0 ? `: ${results.map((r) => r.seen).join('; ')}` : ''}`, 'pass');
  return machine(
    bad.map((r) => `check ${r.check} ${r.verdict === 'fail' ? 'failed' : 'is unknown'}: ${r.seen}`).join('; '),
    bad.some((r) => r.verdict === 'fail') ? 'fail' : 'unk',
  );
}

const made = new WeakMap<readonly HistoryEntry[], Map<boolean, LogLine[]>>();

/** The same lines, as the same list, for as long as nothing was written: whoever renders them need not do so for each who watches. */
export function logLines(history: readonly HistoryEntry[], { refusals }: { refusals: boolean }): LogLine[] {
  const known = made.get(history) ?? new Map<boolean, LogLine[]>();
  const lines = known.get(refusals) ?? linesOf(history, refusals);
  made.set(history, known.set(refusals, lines));
  return lines;
}

function linesOf(history: readonly HistoryEntry[], refusals: boolean): LogLine[] {
  const titles = new Map(history.flatMap((e) => (e.kind === 'fault-injected' ? [[e.chainId, e.title] as const] : [])));
  return history
    .filter((e) => refusals || e.kind !== 'message-refused')
    .flatMap((e) => {
      const s = said(e, titles);
      return s ? [{ n: e.n, wallMs: e.at.wallMs, ...s }] : [];
    })
    .toReversed();
}
