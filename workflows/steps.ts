/**
 * The human steps of a drill as a state machine: pending → active → acknowledged → done → verified, with skipped, rejected, and back to active
 * when a check fails. Pure: it judges and applies envelopes whose signatures were verified before; drill.ts does the wiring.
 */
import type { Envelope } from '../core/message.ts';
import type { CheckResult } from '../core/history.ts';
import type { StepPlan } from '../core/plan.ts';

export type StepStatus = 'pending' | 'active' | 'acknowledged' | 'done' | 'verified' | 'skipped' | 'rejected';

export interface StepState {
  id: string;
  title: string;
  role: string;
  status: StepStatus;
  /** 1 at first; counts up each time a check sends the step back */
  attempt: number;
  budgetMs: number;
  overdue: boolean;
  /** digest of the evidence view that a signer must have been shown; "" until the step is open */
  viewDigest: string;
  instructionsDigest: string;
  by: string | null;
  openedAt: number | null;
  acknowledgedAt: number | null;
  doneAt: number | null;
  endedAt: number | null;
  sentBack: string[];
  /** what the person signed as done, with the inputs; kept for the checks and the next view */
  done: Envelope | null;
}

/** Blanks say nothing. */
const said = (text: string): boolean => text.trim() !== '';
const TERMINAL: readonly StepStatus[] = ['verified', 'skipped', 'rejected'];

export class Steps {
  readonly #plan: StepPlan[];
  readonly #states: StepState[];

  constructor(plan: StepPlan[], carried?: StepState[]) {
    this.#plan = plan;
    this.#states = carried ?? plan.map((s) => fresh(s));
  }

  get states(): StepState[] {
    return this.#states;
  }
  get allEnded(): boolean {
    return this.#states.every((s) => TERMINAL.includes(s.status));
  }
  /** A rejected step ends the manual: nobody can go on from it. */
  get rejected(): StepState | undefined {
    return this.#states.find((s) => s.status === 'rejected');
  }

  /** what people signed so far, by step */
  get inputs(): Record<string, Record<string, string>> {
    return Object.fromEntries(this.#states.flatMap((s) => (s.done ? [[s.id, s.done.inputs]] : [])));
  }

  planOf(id: string): StepPlan {
    return this.#plan.find((s) => s.id === id)!;
  }
  stateOf(id: string): StepState {
    return this.#states.find((s) => s.id === id)!;
  }

  /** Pending steps whose needs have ended well (verified or skipped). */
  ready(): StepState[] {
    const over = (id: string) => ['verified', 'skipped'].includes(this.stateOf(id).status);
    return this.#states.filter((s) => s.status === 'pending' && this.planOf(s.id).needs.every(over));
  }

  /** Why an envelope cannot be applied now; null when it can. */
  refusal(e: Envelope): string | null {
    if (e.transition === 'abort') return said(e.reason) ? null : 'an abort needs a reason';
    const state = this.#states.find((s) => s.id === e.stepId);
    if (!state) return `no step ${e.stepId} in this runbook`;
    if (e.transition === 'comment') return said(e.reason) ? null : 'an empty comment';
    if (e.role !== state.role) return `step ${state.id} is for the role ${state.role}, not ${e.role}`;
    if (e.attempt !== state.attempt) return `step ${state.id} is at attempt ${state.attempt}, the message is for attempt ${e.attempt}`;
    return this.#refusalInState(e, state);
  }

  #refusalInState(e: Envelope, state: StepState): string | null {
    const wrong = `step ${state.id} is ${state.status}`;
    const open = ['active', 'acknowledged'].includes(state.status);
    if (e.transition === 'acknowledge') return state.status === 'active' ? null : wrong;
    if (e.transition === 'done') {
      if (state.status !== 'acknowledged') return wrong;
      if (e.viewDigest !== state.viewDigest)
        return `the evidence changed since it was shown (signed ${e.viewDigest.slice(0, 12)}, now ${state.viewDigest.slice(0, 12)})`;
      return this.#missingInput(e, state);
    }
    if (e.transition === 'skip' || e.transition === 'reject') return open ? (said(e.reason) ? null : `to ${e.transition} needs a reason`) : wrong;
    return `${e.transition} is not possible for step ${state.id}`;
  }

  #missingInput(e: Envelope, state: StepState): string | null {
    for (const input of this.planOf(state.id).inputs) {
      const value = e.inputs[input.name];
      if (value === undefined || !said(value)) return `input ${input.name} is missing: ${input.ask}`;
      if (input.type === 'choice' && !input.choices?.includes(value)) return `input ${input.name} must be one of ${input.choices?.join(', ')}`;
      if (input.type === 'number' && !Number.isFinite(Number(value))) return `input ${input.name} must be a number`;
    }
    return null;
  }

  open(id: string, view: { viewDigest: string; instructionsDigest: string }, now: number): void {
    Object.assign(this.stateOf(id), { status: 'active', openedAt: now, acknowledgedAt: null, doneAt: null, ...view });
  }
  apply(e: Envelope, now: number): void {
    const state = this.stateOf(e.stepId);
    state.by = e.by;
    if (e.transition === 'acknowledge') Object.assign(state, { status: 'acknowledged', acknowledgedAt: now });
    if (e.transition === 'done') Object.assign(state, { status: 'done', doneAt: now, done: e });
    if (e.transition === 'skip') Object.assign(state, { status: 'skipped', endedAt: now });
    if (e.transition === 'reject') Object.assign(state, { status: 'rejected', endedAt: now });
  }
  verified(id: string, now: number): void {
    Object.assign(this.stateOf(id), { status: 'verified', endedAt: now });
  }
  /** Checks failed: the step goes back to its person as a new attempt, with what was seen. What was signed for the old one no longer counts as input. */
  sendBack(id: string, results: CheckResult[]): string[] {
    const state = this.stateOf(id);
    const seen = results.filter((r) => r.verdict !== 'pass').map((r) => `${r.check}: ${r.seen}`);
    Object.assign(state, { status: 'pending', attempt: state.attempt + 1, sentBack: seen, overdue: false, by: null, done: null });
    return seen;
  }
}

function fresh(s: StepPlan): StepState {
  return {
    id: s.id,
    title: s.title,
    role: s.role,
    status: 'pending',
    attempt: 1,
    budgetMs: s.budgetMs,
    overdue: false,
    viewDigest: '',
    instructionsDigest: '',
    by: null,
    openedAt: null,
    acknowledgedAt: null,
    doneAt: null,
    endedAt: null,
    sentBack: [],
    done: null,
  };
}
