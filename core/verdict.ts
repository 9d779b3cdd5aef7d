/** The verdict of a drill and the figures it rests on: see computeVerdict. */
import type { Fate } from './bundle.ts';
import type { Verdict } from './history.ts';

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
  outages: { fromNs: string; toNs: string | null; failed: number }[];
}
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
