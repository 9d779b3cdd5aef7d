/** What the live view shows, as plain data: filled from the drill's query and the writer's status by whoever follows a drill. */
export type ChainStatus = 'pending' | 'active' | 'done' | 'healed' | 'lapsed' | 'failed';
export type StepStatus = 'pending' | 'active' | 'acknowledged' | 'done' | 'checked' | 'verified' | 'skipped' | 'rejected';

/** A running objective. `waiting`: what it counts from has not happened. */
export interface LiveObjective {
  ms: number | null;
  objectiveMs: number | null;
  state: 'waiting' | 'running' | 'met' | 'missed' | 'unknown';
}
export interface LiveStep {
  id: string;
  title: string;
  status: StepStatus;
  attempt: number;
  budgetMs: number;
  /** so far, or in all when it has ended */
  tookMs: number | null;
  by: string | null;
  overdue: boolean;
}
export interface LiveFault {
  id: string;
  title: string;
  status: ChainStatus;
  /** of a leased fault while it is in force: when the target heals it unless it is renewed, by the target's own count (epoch ms; null: it cannot be told) */
  lease?: { lapsesAtMs: number | null; lapsesInMs: number | null };
}
/** Outcomes per second; buckets that are over. `bad`: failed and without an answer. */
export interface LiveRates {
  /** epoch ms */
  startMs: number;
  bucketMs: number;
  acked: readonly number[];
  bad: readonly number[];
}
/** The worst of each bucket; null where the node could not be read. */
export interface NodeStaleness {
  node: string;
  startMs: number;
  bucketMs: number;
  staleMs: readonly (number | null)[];
}
export interface LiveState {
  title: string;
  /** "local (3 × MySQL 9.7.4)" */
  target: string;
  /** what the drill is doing now, as a sentence */
  phase: string;
  /** true: elapsedMs counts from T0; false: from the start of the drill */
  t0Known: boolean;
  elapsedMs: number;
  chain: LiveFault[];
  steps: LiveStep[];
  /** null: no workload yet. atRisk: acknowledged writes that only `atRiskOn` has; null: not known */
  writes: { ackedPerS: number; failedPerS: number; atRisk: number | null; atRiskOn: string | null } | null;
  curves: { rates: LiveRates | null; staleness: readonly NodeStaleness[] };
  serviceRto: LiveObjective;
  dataRto: LiveObjective;
  /** what a person should read, oldest first; only grows */
  messages: string[];
}
