/**
 * The plan: a runbook resolved against a target and a crew. Plain data with a digest, at most 64 KB, the only thing the workflow gets.
 * Texts (instructions, scripts) stay in the evidence store under their digests.
 */
import type { PublicKeyEntry } from './message.ts';
import type { Route } from './notice.ts';

export type Undo = 'leased' | 'compensated' | 'one-way';

export interface Objective {
  withinMs: number;
  /** id of the chain entry it counts from */
  from: string;
}

export interface WorkloadSpec {
  /** arrivals per second, open loop */
  rate: number;
  /** most statements in flight */
  concurrency: number;
  /** bytes of random text in each row */
  payloadBytes: number;
  /** acct keys changed on both sides by construction */
  hotKeys: number;
  /** a statement without an answer after this long is `unknown`; a connect: nothing was sent, `failed` */
  timeoutMs: number;
}

/** What must be true of the disaster, or it was not reproduced (verdict unknown). */
export interface Expectations {
  /** lost acknowledged transactions, at least */
  lostTransactions?: number;
  /** keys per conflict class, at least; old side first */
  conflicts?: Partial<Record<ConflictClass, number>>;
}
export const CONFLICT_CLASSES = ['insert/insert', 'update/update', 'update/delete', 'delete/update'] as const;
export type ConflictClass = (typeof CONFLICT_CLASSES)[number];

/** One entry of the disaster chain. `do` is an activity's name: a fault's verb, or `baseline` / `writes` (no fault). */
export interface ChainEntry {
  id: string;
  title: string;
  do: string;
  with: Record<string, unknown>;
  undo: Undo | 'none';
  /** leased faults only */
  leaseMs?: number;
  /** the fault must be seen by probes as unbroken until the named chain entry takes effect */
  heldUntil?: string;
}

export interface InputSpec {
  name: string;
  type: 'text' | 'number' | 'gtid-set' | 'file-digest' | 'host' | 'choice';
  ask: string;
  choices?: string[];
}

export interface StepPlan {
  id: string;
  title: string;
  role: string;
  budgetMs: number;
  needs: string[];
  inputs: InputSpec[];
  /** somebody must have taken it this long after it opened, else it is escalated; left out: nobody watches */
  acknowledgeMs?: number;
  /** roles that are called, one after the other, when it is late */
  escalate?: string[];
  /** role of the second person who must approve it, never the one who did it */
  approve?: string;
  checks: { check: string; with: Record<string, unknown> }[];
}

export interface Plan {
  version: 1;
  /** runbook name, e.g. mysql-stale-promotion */
  runbook: string;
  title: string;
  /** SHA-256 of the runbook file's bytes */
  runbookDigest: string;
  target: TargetIdentity;
  objectives: {
    serviceRto?: Objective;
    dataRto: Objective;
    convergence: Objective;
    /** acknowledged writes missing, altered or duplicated, at most */
    rpoWrites: number;
    /** of people: first act, first step taken, first sign-off */
    detection?: Objective;
    acknowledgement?: Objective;
    decision?: Objective;
  };
  workload: WorkloadSpec;
  chain: ChainEntry[];
  expect: Expectations;
  steps: StepPlan[];
  /** how a key changed on both sides is settled, and which columns identify a row better than its AUTO_INCREMENT id */
  rules: ReconcileRules;
  keys: PublicKeyEntry[];
  /** roles that nobody fills in this drill, by the runbook's will: their steps are escalated as they open */
  absent?: string[];
  /** when the crew is told of the drill: as it begins, or only when a first fault has taken effect (unannounced). Left out: nobody takes part, or a plan from before */
  announce?: 'at-start' | 'at-fault';
  /** how people are told; left out: nobody is */
  routes?: Route[];
  /** address of the board, for links in what people are told */
  board?: string;
  /** name of the rehearsal, or null when people do it */
  rehearsal: string | null;
  limits: { drillMs: number; sessionLostMs: number; catchUpMs: number };
}

export interface TargetIdentity {
  /** inventory name */
  name: string;
  platform: string;
  system: string;
  site: string;
  nodes: string[];
  disposable: boolean;
}

export interface ReconcileRules {
  conflict: 'new-wins' | 'old-wins';
  /** `schema.table` → column that identifies a row; the AUTO_INCREMENT id is then meaningless and may be re-keyed */
  identity: Record<string, string>;
}
