/** The verdict of a drill and the figures it rests on: see computeVerdict. */
import type { Fate } from './bundle.ts';
import { messageOf } from './errors.ts';
import type { Verdict } from './history.ts';
import { consistencyReasons, writesOf } from './verdict/consistency.ts';
import { figuresOf, noFigures, objectiveReasons } from './verdict/figures.ts';
import { badOf, counted, countFates, seconds, unknown, type Reason, type VerdictInput } from './verdict/input.ts';
import { dataReasons, expectationReasons, historyReasons } from './verdict/rules.ts';
import { signatureReasons } from './verdict/signatures.ts';

export type { VerdictInput } from './verdict/input.ts';

export interface Figure {
  /** what was reached; null: not reached or not known (see `note`) */
  ms: number | null;
  /** width of the instants it was computed from */
  errorMs: number;
  objectiveMs: number | null;
  met: boolean | null;
  note?: string;
}
export interface Figures {
  /** T0: effect instant of the first fault; monotonic ns of the earlier end, and its wall time */
  t0Ns: string | null;
  t0WallMs: number | null;
  serviceRto: Figure;
  dataRto: Figure;
  convergence: Figure;
  rpoAtPromotion: { transactions: number | null; seconds: number | null };
  rpoAfterRecovery: { writes: number | null; objective: number; met: boolean | null };
  /** null: a script plays the people */
  people: PeopleFigures | null;
  outages: { fromNs: string; toNs: string | null; failed: number }[];
}
export type PeopleFigures = Record<'detection' | 'acknowledgement' | 'decision', Figure>;
export interface VerdictReport {
  verdict: Verdict;
  /** DRILL_VERDICT_FAIL, DRILL_DISASTER_NOT_REPRODUCED, … ; null on pass */
  code: string | null;
  /** one sentence that a manager reads and an engineer cannot dispute */
  sentence: string;
  /** worst first */
  reasons: { verdict: Verdict; text: string }[];
  figures: Figures;
  fates: Record<Fate, number>;
  acked: number;
  rehearsal: string | null;
}

const RANK: Record<Verdict, number> = { fail: 0, unknown: 1, pass: 2 };

/**
 * The verdict: a pure function of the bundle; what it says can be said again by anybody who has the bundle.
 *
 * The worst reason wins: fail before unknown before pass, as in Jepsen. So a disaster that was not reproduced, or a lease that lapsed,
 * is unknown and never pass; but a loss that was found stays fail even then. What is missing, does not fit, or makes a part of
 * this computation throw, is unknown: nothing passes by the absence of evidence. Fates are not taken on trust (verdict/consistency.ts).
 */
export function computeVerdict(input: VerdictInput): VerdictReport {
  const reasons: Reason[] = [];
  const part = <T>(name: string, compute: () => T, otherwise: T): T => {
    try {
      return compute();
    } catch (e) {
      reasons.push(unknown(`the ${name} could not be judged: ${messageOf(e)}`));
      return otherwise;
    }
  };
  const fates = part('fates', () => countFates(input.fates), countFates([]));
  const writes = part('ledger', () => writesOf(input.attempts), new Map<string, never>());
  const figures = part('figures', () => figuresOf(input, fates), noFigures(input));
  const parts: [string, () => Reason[]][] = [
    ['history', () => historyReasons(input)],
    ['signatures', () => signatureReasons(input)],
    ['expectations', () => expectationReasons(input)],
    ['objectives', () => objectiveReasons(figures, fates)],
    ['data', () => dataReasons(input)],
    ['evidence', () => consistencyReasons(input, writes)],
  ];
  for (const [name, compute] of parts) reasons.push(...part(name, compute, []));
  reasons.sort((a, b) => RANK[a.verdict] - RANK[b.verdict]);
  const verdict = reasons[0]?.verdict ?? 'pass';
  return {
    verdict,
    code: codeOf(verdict, reasons),
    sentence: sentenceOf(verdict, reasons, figures, fates),
    reasons: reasons.map(({ verdict: v, text }) => ({ verdict: v, text })),
    figures,
    fates,
    acked: [...writes.values()].filter((w) => w.outcome === 'acked').length,
    rehearsal: input.plan.rehearsal,
  };
}

function codeOf(verdict: Verdict, reasons: readonly Reason[]): string | null {
  if (verdict === 'pass') return null;
  if (verdict === 'fail') return 'DRILL_VERDICT_FAIL';
  return reasons.some((r) => r.notReproduced) ? 'DRILL_DISASTER_NOT_REPRODUCED' : 'DRILL_VERDICT_UNKNOWN';
}

/** "PASS (rehearsal: data proven, people not)", "FAIL". */
export function verdictLine(report: Pick<VerdictReport, 'verdict' | 'rehearsal'>): string {
  const word = report.verdict.toUpperCase();
  if (report.rehearsal === null) return word;
  return `${word} (rehearsal: ${report.verdict === 'pass' ? 'data proven, people not' : 'people not exercised'})`;
}

/** The service, then the data, then what else stands against a pass. */
function sentenceOf(verdict: Verdict, reasons: readonly Reason[], figures: Figures, fates: Record<Fate, number>): string {
  const { serviceRto, dataRto } = figures;
  const bad = badOf(fates);
  const service =
    serviceRto.ms === 0
      ? 'Service was never down'
      : serviceRto.ms !== null
        ? `Service was back in ${seconds(serviceRto.ms)}`
        : serviceRto.met === false
          ? 'Service was not back'
          : 'When service was back is not known';
  if (bad > 0) return `${service}. ${counted(bad, 'acknowledged write')} ${bad === 1 ? 'was' : 'were'} ${serviceRto.ms ? 'not' : 'lost'}.`;
  const data =
    dataRto.ms === null
      ? '. Whether every acknowledged write was back is not known.'
      : dataRto.ms === 0
        ? '; no acknowledged write was lost.'
        : `; every acknowledged write was back in ${seconds(dataRto.ms)}.`;
  const worst = reasons[0];
  return `${service}${data}${worst && verdict !== 'pass' ? ` ${verdict === 'fail' ? 'Failed' : 'Unknown'}: ${worst.text}.` : ''}`;
}
