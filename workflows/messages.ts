/**
 * How the outside talks to a drill. People use the update: it is validated before it is accepted, so a wrong person, a stale view or
 * a wrong step is refused with a reason and leaves no trace in the workflow. The signal carries the same envelope for integrations that
 * can only signal; what it asks wrongly is recorded as refused. Reading is by query only.
 */
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Envelope } from '../core/message.ts';
import type { Plan } from '../core/plan.ts';
import type { CheckResult, HistoryEvent, Verdict } from '../core/history.ts';
import type { EffectInterval, Instant } from '../core/time.ts';
import type { StepState } from './steps.ts';

export const WORKFLOW_QUEUE = 'drillbook';
/** Of the machine that drills: one user's account there, "ada@drill-1". Its schedules are bound to it, since crews and evidence are files of that machine. */
export const scheduleQueue = (machine: string): string => `drillbook-schedules-${machine}`;
export const targetQueue = (target: string): string => `drillbook-target-${target}`;

/** Where a drill's evidence goes, and which drill it is: the first argument of every activity. */
export interface DrillRef {
  drillId: string;
  /** evidence folder of this drill, as the target's worker sees it */
  bundle: string;
  /** inventory name of the target */
  target: string;
}

export interface DrillInput {
  ref: DrillRef;
  plan: Plan;
  planDigest: string;
  /** the server knows the attributes by which drills are listed (core/attributes.ts) */
  listed?: boolean;
  /** set when the drill goes on in a new run (continue as new) */
  carried?: Carried;
}

export type NumberedEvent = HistoryEvent & { n: number; at: Instant };

/** What a drill takes along into a new run: only between the chain and its end, when nothing is held and nothing pends. */
export interface Carried {
  session: string;
  version: string;
  clockOffsetMs: number;
  boot: string;
  historyNumber: number;
  /** entries that are not written yet */
  pending: NumberedEvent[];
  chain: ChainState[];
  steps: StepState[];
  problems: string[];
  checks: DrillState['checks'];
  seenMessages: string[];
  startedMs: number;
}

export interface DrillResult {
  verdict: Verdict;
  code: string | null;
  sentence: string;
  /** evidence folder */
  bundle: string;
  /** SHA-256 of manifest.json */
  digest: string;
}

/** What a schedule starts, as `drillbook run` is told it. Paths are absolute. */
export interface ScheduledDrill {
  schedule: string;
  runbook: string;
  target: string;
  who: { rehearse: string } | { crew: string; unannounced: boolean };
  /** folder below which the evidence folder is made */
  out: string;
}

/** How one firing of a schedule ended. `skipped`: another schedule was drilling the target; `missed`: nobody was there to drill in time. Neither touched anything. */
export interface Firing {
  outcome: Verdict | 'skipped' | 'missed';
  says: string;
  /** null: no drill was begun */
  drillId: string | null;
  bundle: string | null;
  /** SHA-256 of manifest.json; null: nothing was sealed */
  digest: string | null;
}

export interface ChainState {
  id: string;
  title: string;
  do: string;
  status: 'pending' | 'active' | 'done' | 'healed' | 'lapsed' | 'failed';
  effect: EffectInterval | null;
}

export interface DrillState {
  drillId: string;
  phase: 'preparing' | 'chain' | 'manual' | 'verifying' | 'sealing' | 'ended';
  /** what the drill is doing now, as a sentence */
  doing: string;
  chain: ChainState[];
  steps: StepState[];
  /** what runs on the target, e.g. "MySQL 9.7.4"; "" until it is locked */
  version: string;
  /** wall minus monotonic clock of the target's recorder, ms */
  clockOffsetMs: number | null;
  problems: string[];
  checks: { stepId: string; results: CheckResult[] }[];
  result: DrillResult | null;
}

export interface Accepted {
  messageId: string;
  /** true: this messageId had been accepted before; nothing was done again */
  repeated: boolean;
  acceptedAt: number;
  /** what it changed, so that whoever sent it need not ask; left out by drills that began before it was told */
  now?: Moved;
}

/** Steps that are otherwise than before the message, and what is open now. */
export interface Moved {
  steps: StepState[];
  doing: string;
}

/** As its sender says: nobody has verified who it was. */
export type RefusedAttempt = Pick<Envelope, 'messageId' | 'by' | 'stepId' | 'transition'> & { reason: string };

export const transition = defineUpdate<Accepted, [Envelope]>('transition');
export const transitionSignal = defineSignal<[Envelope]>('transition-signal');
/** An update that was refused leaves no trace in the workflow; whoever sent it says so here, so that it is on record. It changes nothing else. */
export const refusedAttempt = defineSignal<[RefusedAttempt]>('refused-attempt');
export const drillState = defineQuery<DrillState>('drill-state');
