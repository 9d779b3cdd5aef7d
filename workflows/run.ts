/** The state of one drill inside its workflow: what happened, what is pending, and the queue of history entries waiting to be written. */
import type { ActivityInterfaceFor } from '@temporalio/workflow';
import {
  ActivityFailure,
  ApplicationFailure,
  condition,
  isCancellation,
  patched,
  proxyActivities,
  TimeoutFailure,
  CancelledFailure,
} from '@temporalio/workflow';
import { crewOf } from '../core/message.ts';
import type { Envelope } from '../core/message.ts';
import type { CheckResult, HistoryEvent } from '../core/history.ts';
import type { Plan } from '../core/plan.ts';
import type { Instant } from '../core/time.ts';
import type { createActivities } from '../activities/index.ts';
import type { Carried, ChainState, DrillInput, DrillRef, DrillResult, DrillState, Moved, NumberedEvent } from './messages.ts';
import { Steps } from './steps.ts';
import { tellPeople } from './tell.ts';

export type Activities = ReturnType<typeof createActivities>;
type Acts = ActivityInterfaceFor<Activities>;
export interface Problem {
  code: string;
  seen: string;
  hint: string;
}

/** A dead worker is noticed this fast, and its activity handed to the next one. */
const HEARTBEAT_MS = 5_000;
/** Entries that are written at once, or carried into a new run: 100 of the longest (an input of 10,000 characters) stay below the 2 MB of a payload. */
const ENTRIES_MAX = 100;
/** A message is known when it comes again, unless this many came after it: what a new run is given has an end, too. */
const SEEN_MAX = 10_000;

export class DrillRun {
  readonly input: DrillInput;
  readonly ref: DrillRef;
  readonly plan: Plan;
  readonly steps: Steps;
  readonly chain: ChainState[];
  readonly seen: Set<string>;
  /** messages that came in this run, refused signals too */
  heard = 0;
  /** about to go on in a new run: what is not written yet goes along */
  resting = false;
  readonly startedMs: number;
  phase: DrillState['phase'] = 'preparing';
  doing = 'starting';
  session = '';
  version = '';
  clock = { boot: '', offsetMs: 0 };
  stop: Problem | null = null;
  mainEnded = false;
  /** notices on their way */
  telling = 0;
  /** opens what can be opened at once; set by the manual */
  advance: (() => void) | null = null;
  /** calls the next role when an open step is not taken in time; set by the manual */
  watch: ((stepId: string, attempt: number) => void) | null = null;
  /** set while the guard activity runs */
  guarding: Promise<void> | null = null;
  /** fault ids whose leases are held */
  readonly held = new Set<string>();
  act!: Acts;
  long!: Acts;
  readonly #problems: string[];
  readonly #checks: DrillState['checks'];
  readonly #pending: NumberedEvent[];
  #writing = false;
  #number: number;
  #closed = false;
  #result: DrillResult | null = null;

  constructor(input: DrillInput) {
    this.input = input;
    this.ref = input.ref;
    this.plan = input.plan;
    const c = input.carried;
    this.steps = new Steps(input.plan.steps, { crew: crewOf(input.plan.keys), absent: input.plan.absent ?? [], ...(c ? { carried: c.steps } : {}) });
    this.chain = c?.chain ?? input.plan.chain.map((e) => ({ id: e.id, title: e.title, do: e.do, status: 'pending', effect: null }));
    this.seen = new Set(c?.seenMessages);
    this.startedMs = c?.startedMs ?? Date.now();
    this.#number = c?.historyNumber ?? 0;
    this.#pending = c?.pending ?? [];
    this.#problems = c?.problems ?? [];
    this.#checks = c?.checks ?? [];
    if (c) this.locked({ session: c.session, version: c.version, clock: { boot: c.boot, wallMinusMonoMs: c.clockOffsetMs } });
  }

  /** From here on all target activities go to the session's queue: one worker beside the target, the same after its restart. */
  locked(l: { session: string; version: string; clock: { boot: string; wallMinusMonoMs: number } }): void {
    this.session = l.session;
    this.version = l.version;
    this.clock = { boot: l.clock.boot, offsetMs: l.clock.wallMinusMonoMs };
    const common = {
      taskQueue: l.session,
      scheduleToStartTimeout: this.plan.limits.sessionLostMs,
      heartbeatTimeout: HEARTBEAT_MS,
      retry: { initialInterval: 500, backoffCoefficient: 1.5, maximumInterval: 5_000, maximumAttempts: 6 },
    };
    this.act = proxyActivities<Activities>({ ...common, startToCloseTimeout: '2 minutes' });
    this.long = proxyActivities<Activities>({ ...common, startToCloseTimeout: '30 minutes' });
  }

  /** A proxy whose activity type is the fault's verb: the history in Temporal's own UI reads like the manual. */
  faults(): Record<string, Activities['partition']> {
    return this.act as unknown as Record<string, Activities['partition']>;
  }

  /** Seals on the session's queue; on any worker of the target when no session was ever got. */
  sealer(): Acts {
    return this.session
      ? this.long
      : proxyActivities<Activities>({
          taskQueue: `drillbook-target-${this.ref.target}`,
          startToCloseTimeout: '5 minutes',
          scheduleToStartTimeout: '30 seconds',
          retry: { maximumAttempts: 2 },
        });
  }

  tell(event: HistoryEvent, at?: Instant): void {
    const now = Date.now();
    const engine: Instant = { wallMs: now, monoNs: String(Math.max(0, Math.round((now - this.clock.offsetMs) * 1e6))), boot: this.clock.boot, by: 'engine' };
    this.#pending.push({ ...event, n: ++this.#number, at: at ?? engine });
  }

  /** The crew may know of the drill. What an unannounced one does before its first fault, or instead of it, stays untold. */
  get known(): boolean {
    return this.plan.announce !== 'at-fault' || this.chain.some((c) => c.effect !== null);
  }

  /** All entries, but for a few that can be carried. */
  get written(): boolean {
    return !this.#writing && this.#pending.length <= ENTRIES_MAX;
  }

  closeHistory(): void {
    this.#closed = true;
  }

  /** Writes entries as they come, in order, a batch at a time; ends when the history is closed and all is written. */
  async record(): Promise<void> {
    for (;;) {
      await condition(() => this.#closed || (this.#pending.length > 0 && this.session !== '' && !(this.resting && this.stop === null && this.written)));
      if (this.#pending.length === 0) return;
      const most = this.#pending.length > ENTRIES_MAX && patched('history-in-parts') ? ENTRIES_MAX : Infinity;
      this.#writing = true;
      await this.sealer().appendHistory(this.ref, this.#pending.splice(0, most));
      this.#writing = false;
    }
  }

  /** Accepts what was not refused, and goes as far as that leads without anything to wait for; null: nobody does before the manual, or in drills of old. */
  take(e: Envelope): Moved | null {
    const before = new Map(this.steps.states.map((s) => [s.id, s.status]));
    this.accept(e);
    if (!this.advance) return null;
    this.advance();
    return { steps: this.steps.states.filter((s) => s.id === e.stepId || s.status !== before.get(s.id)), doing: this.steps.doing };
  }

  accept(e: Envelope): void {
    this.seen.add(e.messageId);
    const { stepId, attempt } = e;
    if (e.transition === 'abort') {
      this.tell({ kind: 'aborted', by: e.by, reason: e.reason, envelope: e });
      this.stop ??= { code: 'DRILL_ABORTED', seen: `${e.by} aborted the drill: ${e.reason}`, hint: '' };
      return;
    }
    if (e.transition === 'comment') return this.tell({ kind: 'comment', stepId, envelope: e });
    this.steps.apply(e, Date.now());
    const roles = [this.steps.stateOf(stepId).role];
    switch (e.transition) {
      case 'acknowledge':
        return this.tell({ kind: 'step-acknowledged', stepId, attempt, envelope: e });
      case 'done':
        return this.tell({ kind: 'step-done', stepId, attempt, envelope: e });
      case 'skip':
        this.tell({ kind: 'step-skipped', stepId, attempt, envelope: e });
        return tellPeople(this, 'step-ended', { stepId, roles, text: `skipped by ${e.by}: ${e.reason}` });
      case 'reject':
        this.tell({ kind: 'step-rejected', stepId, attempt, envelope: e });
        return tellPeople(this, 'step-ended', { stepId, roles, text: `rejected by ${e.by}: ${e.reason}` });
      case 'delegate':
        this.tell({ kind: 'step-delegated', stepId, attempt, to: e.reason, envelope: e });
        // drills that began before leave it to that person alone
        if (patched('handed-over-watched')) {
          this.steps.handed(stepId, Date.now());
          this.watch?.(stepId, attempt);
          roles.push(...(crewOf(this.plan.keys).find((p) => p.name === e.reason)?.roles ?? []));
        }
        return tellPeople(this, 'step-handed', { stepId, roles, text: `handed to ${e.reason} by ${e.by}` });
      case 'send-back':
        return this.tell({ kind: 'step-sent-back', stepId, attempt, seen: this.steps.stateOf(stepId).sentBack, envelope: e });
      case 'approve':
        this.tell({ kind: 'step-approved', stepId, attempt, envelope: e });
        this.tell({ kind: 'step-verified', stepId, attempt });
        return tellPeople(this, 'step-ended', { stepId, roles, text: `approved by ${e.by}, verified` });
    }
  }

  checked(stepId: string, results: CheckResult[]): void {
    this.#checks.push({ stepId, results });
  }

  /** Ends the drill early, for a reason that makes the verdict unknown. */
  stopWith(p: Problem): void {
    if (this.stop) return;
    this.stop = p;
    this.#note(p);
  }

  failed(e: unknown): void {
    if (isCancellation(e) && this.stop) return;
    this.stop ??= problemOf(e);
    this.#note(problemOf(e));
  }

  #note(p: Problem): void {
    const line = `${p.code}: ${p.seen}`;
    if (this.#problems.includes(line)) return;
    this.#problems.push(line);
    this.tell({ kind: 'problem', ...p });
  }

  async endGuard(): Promise<void> {
    if (!this.guarding) return;
    await this.act.releaseGuard(this.ref);
    await this.guarding;
    this.guarding = null;
  }

  /** null: the evidence is not sealed yet */
  get verdict(): DrillResult['verdict'] | null {
    return this.#result?.verdict ?? null;
  }

  ended(r: DrillResult): void {
    this.phase = 'ended';
    this.doing = '';
    this.#result = r;
  }

  carry(): Carried {
    return {
      session: this.session,
      version: this.version,
      clockOffsetMs: this.clock.offsetMs,
      boot: this.clock.boot,
      historyNumber: this.#number,
      pending: this.#pending,
      chain: this.chain,
      steps: this.steps.states,
      problems: this.#problems,
      checks: this.#checks,
      seenMessages: [...this.seen].slice(-SEEN_MAX),
      startedMs: this.startedMs,
    };
  }

  state(): DrillState {
    return {
      drillId: this.ref.drillId,
      phase: this.phase,
      doing: this.phase === 'manual' ? this.steps.doing : this.doing,
      chain: this.chain,
      steps: this.steps.states,
      version: this.version,
      clockOffsetMs: this.session ? this.clock.offsetMs : null,
      problems: this.#problems,
      checks: this.#checks,
      result: this.#result,
    };
  }
}

/** The coded problem inside whatever an activity threw. */
function problemOf(e: unknown): Problem {
  const cause = e instanceof ActivityFailure ? e.cause : e;
  if (cause instanceof ApplicationFailure)
    return { code: cause.type ?? 'DRILL_INTERNAL', seen: cause.message, hint: typeof cause.details?.[0] === 'string' ? cause.details[0] : '' };
  const what = e instanceof ActivityFailure ? `${e.activityType}: ` : '';
  if (cause instanceof TimeoutFailure) {
    const lost = cause.timeoutType === 'SCHEDULE_TO_START';
    return lost
      ? {
          code: 'DRILL_SESSION_LOST',
          seen: `${what}no worker polled the target's queue in time`,
          hint: 'start the worker beside the target; leases have lapsed by themselves',
        }
      : { code: 'DRILL_ACTIVITY_TIMEOUT', seen: `${what}no answer in time (${cause.timeoutType})`, hint: 'look at the worker’s log' };
  }
  if (cause instanceof CancelledFailure) return { code: 'DRILL_CANCELLED', seen: `${what}cancelled`, hint: '' };
  return {
    code: 'DRILL_INTERNAL',
    seen: `${what}${cause instanceof Error ? cause.message : String(cause)}`,
    hint: 'this is a defect of Drillbook; keep the evidence folder',
  };
}
