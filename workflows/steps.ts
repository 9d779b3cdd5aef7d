/**
 * The human steps of a drill as a state machine: pending → active → acknowledged → done → checked → (approved) → verified, with skipped, rejected, and back
 * to active when a check fails or the approver sends it back. Pure: it judges and applies envelopes whose signatures and rights were verified before
 * (core/message.ts); drill.ts does the wiring.
 */
import { hasRight } from '../core/message.ts';
import type { CrewMember, Envelope } from '../core/message.ts';
import type { CheckResult } from '../core/history.ts';
import type { StepPlan } from '../core/plan.ts';
import { inputProblem } from '../core/step-input.ts';
import { mayTake, rolesNow, rolesOf } from '../core/step-roles.ts';
import type { StepRoles } from '../core/step-roles.ts';

export type StepStatus = 'pending' | 'active' | 'acknowledged' | 'done' | 'checked' | 'verified' | 'skipped' | 'rejected';

export interface StepState extends StepRoles {
  id: string;
  title: string;
  /** when it was handed to somebody, in this attempt */
  handedAt?: number | null;
  /** role of the second person; null: nobody need approve it */
  approver?: string | null;
  status: StepStatus;
  /** 1 at first; counts up each time the step is sent back */
  attempt: number;
  budgetMs: number;
  overdue: boolean;
  /** digest of the evidence view that a signer must have been shown; "" until the step is open */
  viewDigest: string;
  instructionsDigest: string;
  by: string | null;
  openedAt: number | null;
  acknowledgedAt: number | null;
  /** how often its time to be acknowledged has passed */
  missed?: number;
  doneAt: number | null;
  /** its checks have passed; null also where nobody must approve */
  checkedAt?: number | null;
  endedAt: number | null;
  sentBack: string[];
  /** roles that were told of it over routes; a step whose role is absent is told to all */
  told?: string[] | 'all';
  /** what the person signed as done, with the inputs; kept for the checks and the next view */
  done: Envelope | null;
}

/** Blanks say nothing. */
const said = (text: string): boolean => text.trim() !== '';
const TERMINAL: readonly StepStatus[] = ['verified', 'skipped', 'rejected'];
const OPEN: readonly StepStatus[] = ['active', 'acknowledged'];

export interface StepsOptions {
  crew?: readonly CrewMember[];
  absent?: readonly string[];
  carried?: StepState[];
}

export class Steps {
  readonly #plan: StepPlan[];
  readonly #states: StepState[];
  readonly #crew: readonly CrewMember[];

  constructor(plan: StepPlan[], { crew = [], absent = [], carried }: StepsOptions = {}) {
    this.#plan = plan;
    this.#crew = crew;
    this.#states = carried ?? plan.map((s) => fresh(s, absent));
  }

  get states(): StepState[] {
    return this.#states;
  }
  get allEnded(): boolean {
    return this.#states.every((s) => TERMINAL.includes(s.status));
  }
  /** Begun, and not at an end. */
  get unfinished(): StepState[] {
    return this.#states.filter((s) => s.openedAt !== null && !TERMINAL.includes(s.status));
  }
  /** A rejected step ends the manual: nobody can go on from it. */
  get rejected(): StepState | undefined {
    return this.#states.find((s) => s.status === 'rejected');
  }

  /** what people signed so far, by step */
  get inputs(): Record<string, Record<string, string>> {
    return Object.fromEntries(this.#states.flatMap((s) => (s.done ? [[s.id, s.done.inputs]] : [])));
  }

  /** What is open, as a sentence. */
  get doing(): string {
    return this.#states
      .filter((s) => s.status !== 'pending' && !TERMINAL.includes(s.status))
      .map((s) => `${s.title} (${s.status})`)
      .join(', ');
  }

  /** Roles, or the person to whom a step was handed, that open steps wait for. */
  get waits(): string[] {
    const whom = this.#states.flatMap((s) => {
      if (s.status === 'checked') return s.approver ?? [];
      return OPEN.includes(s.status) ? (mayTake(s).length > 0 ? mayTake(s) : s.role) : [];
    });
    return [...new Set(whom)].toSorted();
  }

  planOf(id: string): StepPlan {
    return this.#plan.find((s) => s.id === id)!;
  }
  stateOf(id: string): StepState {
    return this.#states.find((s) => s.id === id)!;
  }

  /** Pending steps whose needs have ended well (verified or skipped). */
  ready(): StepState[] {
    return this.#states.filter((s) => s.status === 'pending' && this.planOf(s.id).needs.every((id) => this.over(id)));
  }

  /** It has ended well. */
  over(id: string): boolean {
    return ['verified', 'skipped'].includes(this.stateOf(id).status);
  }

  /** Somebody must still do it. */
  isOpen(id: string, attempt: number): boolean {
    const state = this.stateOf(id);
    return state.attempt === attempt && OPEN.includes(state.status);
  }

  /** Why an envelope cannot be applied now; null when it can. */
  refusal(e: Envelope): string | null {
    if (e.transition === 'abort') return said(e.reason) ? null : 'an abort needs a reason';
    const state = this.#states.find((s) => s.id === e.stepId);
    if (!state) return `no step ${e.stepId} in this runbook`;
    if (e.transition === 'comment') return said(e.reason) ? null : 'an empty comment';
    if (e.transition === 'approve' || e.transition === 'send-back') return this.#secondPerson(e, state);
    const steers = (e.transition === 'skip' || e.transition === 'delegate') && this.#coordinates(e.by);
    const notTheirs = steers ? null : notFor(e, state);
    if (notTheirs !== null) return notTheirs;
    return otherAttempt(e, state) ?? this.#inState(e, state, steers);
  }

  #coordinates(name: string): boolean {
    return this.#crew.some((p) => p.name === name && p.rights !== undefined && hasRight(p, ['coordinator']));
  }

  #inState(e: Envelope, state: StepState, steers: boolean): string | null {
    const wrong = `step ${state.id} is ${state.status}`;
    const open = OPEN.includes(state.status);
    const reasoned = said(e.reason) ? null : `to ${e.transition} needs a reason`;
    if (e.transition === 'acknowledge') return state.status === 'active' || (state.status === 'acknowledged' && state.by !== e.by) ? null : wrong;
    if (e.transition === 'skip') return open || (steers && state.status === 'checked') ? reasoned : wrong;
    if (e.transition === 'reject') return open ? reasoned : wrong;
    if (e.transition === 'delegate') return open ? this.#wrongDelegate(e, state) : wrong;
    if (state.status !== 'acknowledged') return wrong;
    if (state.by !== e.by) return `${state.by} has acknowledged step ${state.id}: to take it over, acknowledge it first`;
    return staleView(e, state) ?? this.#wrongInput(e, state);
  }

  /** Four eyes: the role that the runbook names, on the view with the check's results, and never the one who did it. */
  #secondPerson(e: Envelope, state: StepState): string | null {
    const { approve } = this.planOf(state.id);
    if (approve === undefined) return `step ${state.id} needs no approval`;
    if (e.role !== approve) return `step ${state.id} is approved by the role ${approve}, not ${e.role}`;
    const other = otherAttempt(e, state);
    if (other !== null) return other;
    if (state.status !== 'checked') return `step ${state.id} is ${state.status}`;
    if (e.by === state.done?.by) return `${e.by} did step ${state.id}: a second person approves it`;
    if (e.transition === 'send-back') return said(e.reason) ? null : 'to send back needs a reason';
    return staleView(e, state);
  }

  #wrongInput(e: Envelope, state: StepState): string | null {
    for (const input of this.planOf(state.id).inputs) {
      const problem = inputProblem(input, e.inputs[input.name]);
      if (problem !== null) return problem;
    }
    return null;
  }

  /** `reason` names the person. */
  #wrongDelegate(e: Envelope, state: StepState): string | null {
    const to = this.#crew.find((p) => p.name === e.reason);
    if (!to) return said(e.reason) ? `nobody called ${e.reason} takes part` : 'to delegate needs a person';
    if (!hasRight(to, ['responder'])) return `${to.name} may not do steps`;
    if (state.delegate === to.name || (state.delegate === null && state.by === to.name)) return `step ${state.id} is ${to.name}'s already`;
    return null;
  }

  open(id: string, view: { viewDigest: string; instructionsDigest: string }, now: number): void {
    Object.assign(this.stateOf(id), {
      status: 'active',
      openedAt: now,
      acknowledgedAt: null,
      missed: 0,
      handedAt: null,
      doneAt: null,
      checkedAt: null,
      ...view,
    });
  }
  apply(e: Envelope, now: number): void {
    const state = this.stateOf(e.stepId);
    if (e.transition === 'approve') return void Object.assign(state, { status: 'verified', endedAt: now });
    if (e.transition === 'send-back') return void this.#again(state, [`sent back by ${e.by}: ${e.reason}`]);
    if (e.transition === 'delegate') return void Object.assign(state, { status: 'active', delegate: e.reason, by: null });
    state.by = e.by;
    if (e.transition === 'acknowledge') {
      Object.assign(state, { status: 'acknowledged', acknowledgedAt: state.acknowledgedAt ?? now });
      if (state.delegate && e.by !== state.delegate) state.delegate = null;
    }
    if (e.transition === 'done') Object.assign(state, { status: 'done', doneAt: now, done: e });
    if (e.transition === 'skip') Object.assign(state, { status: 'skipped', endedAt: now });
    if (e.transition === 'reject') Object.assign(state, { status: 'rejected', endedAt: now });
  }
  /** Whoever was handed it has as long to take it as anybody had; roles that are called from now on may take it too. */
  handed(id: string, now: number): void {
    const state = this.stateOf(id);
    Object.assign(state, { handedAt: now, missed: 0, calledBefore: rolesOf(state).length });
  }
  verified(id: string, now: number): void {
    Object.assign(this.stateOf(id), { status: 'verified', endedAt: now });
  }
  /** Checks have passed and a second person must approve what they found. */
  checked(id: string, viewDigest: string, now: number): void {
    Object.assign(this.stateOf(id), { status: 'checked', checkedAt: now, viewDigest });
  }
  /** The next role of the runbook's list that may do the step from now on; null: all have been called. */
  escalate(id: string): string | null {
    const state = this.stateOf(id);
    const roles = rolesOf(state);
    const next = this.planOf(id).escalate?.find((r) => !roles.includes(r)) ?? null;
    if (next !== null) state.roles = [...roles, next];
    return next;
  }
  /** Checks failed: the step goes back to its person as a new attempt, with what was seen. What was signed for the old one no longer counts as input. */
  sendBack(id: string, results: CheckResult[]): string[] {
    return this.#again(
      this.stateOf(id),
      results.filter((r) => r.verdict !== 'pass').map((r) => `${r.check}: ${r.seen}`),
    );
  }

  #again(state: StepState, seen: string[]): string[] {
    Object.assign(state, { status: 'pending', attempt: state.attempt + 1, sentBack: seen, overdue: false, by: null, done: null, checkedAt: null });
    return seen;
  }
}

function notFor(e: Envelope, state: StepState): string | null {
  const roles = rolesNow(state);
  if (e.by === state.delegate || roles.includes(e.role)) return null;
  if (state.delegate) return `step ${state.id} was handed to ${state.delegate}${roles.length > 0 ? `, and escalated to ${roles.join(', ')}` : ''}`;
  return roles.length === 0
    ? `step ${state.id} is for the role ${state.role}, which is absent`
    : `step ${state.id} is for the role${roles.length > 1 ? 's' : ''} ${roles.join(', ')}, not ${e.role}`;
}

const otherAttempt = (e: Envelope, state: StepState): string | null =>
  e.attempt === state.attempt ? null : `step ${state.id} is at attempt ${state.attempt}, the message is for attempt ${e.attempt}`;

const staleView = (e: Envelope, state: StepState): string | null =>
  e.viewDigest === state.viewDigest
    ? null
    : `the evidence changed since it was shown (signed ${e.viewDigest.slice(0, 12)}, now ${state.viewDigest.slice(0, 12)})`;

function fresh(s: StepPlan, absent: readonly string[]): StepState {
  return {
    id: s.id,
    title: s.title,
    role: s.role,
    roles: absent.includes(s.role) ? [] : [s.role],
    delegate: null,
    handedAt: null,
    approver: s.approve ?? null,
    status: 'pending',
    attempt: 1,
    budgetMs: s.budgetMs,
    overdue: false,
    viewDigest: '',
    instructionsDigest: '',
    by: null,
    openedAt: null,
    acknowledgedAt: null,
    missed: 0,
    doneAt: null,
    checkedAt: null,
    endedAt: null,
    sentBack: [],
    done: null,
  };
}
