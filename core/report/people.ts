/** What people did: a fold of the step events of the history. Waiting, person, machine and time without an engine never overlap. */
import type { CheckResult, HistoryEntry } from '../history.ts';
import type { Envelope } from '../message.ts';
import type { Plan } from '../plan.ts';
import { entries, round } from './axis.ts';
import type { Axis } from './axis.ts';
import type { PeopleModel, PersonBar, ReportInput, StepRow } from './model.ts';
import { duration } from './text.ts';

interface Attempt {
  stepId: string;
  attempt: number;
  openedMs: number;
  ackMs: number | null;
  doneMs: number | null;
  endMs: number | null;
  envelope: Envelope | null;
  acceptedWallMs: number | null;
  over: boolean;
  /** when somebody had it, from taking it to handing it over or signing it */
  held: { fromMs: number; toMs: number | null }[];
  approvedMs: number | null;
  checkedMs: number | null;
  notes: string[];
  results: CheckResult[];
  ended: 'verified' | 'sent back' | 'skipped' | 'rejected' | null;
}

export function peopleOf(input: ReportInput, axis: Axis): { model: Omit<PeopleModel, 'figures'>; bars: PersonBar[] } {
  const attempts = fold(input.history, axis, input.plan);
  const gaps = entries(input.history, 'engine-gap').map((g) => [axis.wall(g.fromWallMs), axis.wall(g.toWallMs)] as const);
  const rows = attempts.map((a) => rowOf(a, input.plan, gaps));
  const sum = (f: (r: StepRow) => number | null) => round(rows.reduce((n, r) => n + (f(r) ?? 0), 0));
  const comments = entries(input.history, 'comment').map((c) => ({ atMs: axis.at(c.at), by: c.envelope.by, stepId: c.stepId, text: c.envelope.reason }));
  const refused = entries(input.history, 'message-refused').map((r) => ({ atMs: axis.at(r.at), by: r.by, text: r.reason }));
  const bars = attempts.map((a) => barOf(a, input, axis));
  const totals = {
    spanMs: bars.length > 0 ? round(Math.max(...bars.map((b) => b.toMs)) - Math.min(...bars.map((b) => b.fromMs))) : 0,
    tookMs: sum((r) => r.tookMs),
    waitingMs: sum((r) => r.waitingMs),
    personMs: sum((r) => r.personMs),
    machineMs: sum((r) => r.machineMs),
    engineGapMs: sum((r) => r.engineGapMs),
  };
  return {
    model: {
      rehearsal: input.plan.rehearsal !== null,
      rows: [...rows, ...neverOpened(input.plan, attempts)],
      totals,
      firsts: firstsOf(attempts, input, axis),
      refused,
      comments,
    },
    bars,
  };
}

function letGo({ held }: Attempt, atMs: number): void {
  const last = held.at(-1);
  if (last) last.toMs ??= atMs;
}

function firstsOf(attempts: readonly Attempt[], { history }: ReportInput, axis: Axis): PeopleModel['firsts'] {
  const first = (of: (a: Attempt) => number | null) => {
    const times = attempts.flatMap((a) => of(a) ?? []);
    return times.length > 0 ? round(Math.min(...times)) : null;
  };
  const told = entries(history, 'people-told').find((e) => e.notice === 'drill-began');
  return {
    toldMs: told ? axis.at(told.at) : null,
    openedMs: first((a) => a.openedMs),
    acknowledgedMs: first((a) => a.ackMs),
    doneMs: first((a) => a.doneMs),
  };
}

function fold(history: readonly HistoryEntry[], axis: Axis, plan: Plan): Attempt[] {
  const all: Attempt[] = [];
  const find = (e: { stepId: string; attempt: number }) => all.find((a) => a.stepId === e.stepId && a.attempt === e.attempt);
  const end = (a: Attempt, e: HistoryEntry, ended: Attempt['ended']) => {
    a.endMs = axis.at(e.at);
    a.ended = ended;
    letGo(a, a.endMs);
  };
  const signed = (a: Attempt, e: HistoryEntry & { envelope: Envelope }) => {
    a.envelope = e.envelope;
    a.acceptedWallMs = e.at.wallMs;
  };
  for (const e of history) {
    if (e.kind === 'step-opened') {
      all.push({
        stepId: e.stepId,
        attempt: e.attempt,
        openedMs: axis.at(e.at),
        ackMs: null,
        doneMs: null,
        endMs: null,
        envelope: null,
        acceptedWallMs: null,
        over: false,
        held: [],
        approvedMs: null,
        checkedMs: null,
        notes: [],
        results: [],
        ended: null,
      });
      continue;
    }
    if (!('stepId' in e) || !('attempt' in e)) continue;
    const a = find(e);
    if (!a) continue;
    if (e.kind === 'step-acknowledged') {
      const at = axis.at(e.at);
      a.ackMs ??= at;
      letGo(a, at);
      a.held.push({ fromMs: at, toMs: null });
      signed(a, e);
    } else if (e.kind === 'step-done') {
      a.doneMs = axis.at(e.at);
      letGo(a, a.doneMs);
      signed(a, e);
    } else if (e.kind === 'step-checked') {
      a.results = e.results;
      a.checkedMs = axis.at(e.at);
    } else if (e.kind === 'step-approved') {
      a.approvedMs = axis.at(e.at);
      const after = a.checkedMs === null ? '' : ` after ${duration(a.approvedMs - a.checkedMs)}`;
      a.notes.push(`approved by ${whoOf(e.envelope, plan)}${after} (${vouchedOf(e.envelope, plan)})`);
    } else if (e.kind === 'step-escalated') a.notes.push(`escalated to ${e.to}: ${e.why}`);
    else if (e.kind === 'step-delegated') {
      letGo(a, axis.at(e.at));
      a.notes.push(`handed to ${e.to} by ${whoOf(e.envelope, plan)}`);
    } else if (e.kind === 'step-overdue') a.over = true;
    else if (e.kind === 'step-verified') end(a, e, 'verified');
    else if (e.kind === 'step-sent-back') {
      end(a, e, 'sent back');
      if (e.envelope) a.notes.push(e.seen.join('; '));
    } else if (e.kind === 'step-skipped' || e.kind === 'step-rejected') {
      signed(a, e);
      end(a, e, e.kind === 'step-skipped' ? 'skipped' : 'rejected');
    }
  }
  return all;
}

type Span = readonly [number, number];

/** What each column has of the time from opening to end: every moment belongs to one of them, so that they add up. */
function partsOf(a: Attempt, gaps: readonly Span[]): Pick<StepRow, 'waitingMs' | 'personMs' | 'machineMs'> {
  const without = (from: number, to: number) => to - from - overlap(gaps, from, to);
  const sum = (spans: readonly Span[]) => round(spans.reduce((n, [from, to]) => n + Math.max(0, without(from, to)), 0));
  const held = a.held.flatMap(({ fromMs, toMs }): Span[] => (toMs === null ? [] : [[fromMs, toMs]]));
  // until when somebody had to do it; an attempt that is open waited at least until it was taken
  const until = a.doneMs ?? a.endMs ?? a.ackMs;
  // of an attempt that went back or was skipped while it waited for its approver, that too was waiting
  const approval: Span[] = a.checkedMs !== null && a.endMs !== null && a.endMs > a.checkedMs && waited(a) ? [[a.checkedMs, a.endMs]] : [];
  const waiting = until === null ? null : round(sum([[a.openedMs, until]]) - sum(held.filter(([from]) => from < until)) + sum(approval));
  const machine = a.doneMs === null || a.endMs === null ? null : round(sum([[a.doneMs, a.endMs]]) - sum(approval));
  return { waitingMs: waiting, personMs: a.ackMs === null ? null : sum(held), machineMs: machine };
}

/** Its end was an approver's word, or that of one who went on without. */
const waited = (a: Attempt): boolean =>
  a.approvedMs !== null || a.ended === 'skipped' || (a.ended === 'sent back' && a.results.every((r) => r.verdict === 'pass'));
const overlap = (gaps: readonly Span[], from: number, to: number): number =>
  gaps.reduce((n, [g, h]) => n + Math.max(0, Math.min(h, to) - Math.max(g, from)), 0);

function rowOf(a: Attempt, plan: Plan, gaps: readonly Span[]): StepRow {
  const step = plan.steps.find((s) => s.id === a.stepId);
  const index = plan.steps.findIndex((s) => s.id === a.stepId) + 1;
  return {
    number: `${index || '?'}${a.attempt > 1 ? ` (attempt ${a.attempt})` : ''}`,
    title: step?.title ?? a.stepId,
    role: step?.role ?? '',
    who: whoOf(a.envelope, plan),
    vouched: vouchedOf(a.envelope, plan),
    budgetMs: step?.budgetMs ?? 0,
    overBudget: a.over,
    openedMs: a.openedMs,
    acknowledgedMs: a.ackMs,
    doneMs: a.doneMs,
    checkedMs: a.checkedMs,
    endedMs: a.endMs,
    tookMs: a.endMs === null ? null : round(a.endMs - a.openedMs),
    ...partsOf(a, gaps),
    engineGapMs: a.endMs === null ? 0 : round(overlap(gaps, a.openedMs, a.endMs)),
    state: stateOf(a),
    outcome: outcomeOf(a),
    notes: a.notes,
    checks: a.results.map(({ check, verdict, seen }) => ({ check, verdict, seen })),
    claimedWallMs: a.envelope?.claimedAt ?? null,
    acceptedWallMs: a.acceptedWallMs,
  };
}

function stateOf(a: Attempt): StepRow['state'] {
  if (a.ended === 'verified') return 'pass';
  if (a.ended === null) return 'open';
  return a.ended === 'skipped' ? 'unknown' : 'fail';
}

function outcomeOf(a: Attempt): string {
  if (a.ended === null) return 'not finished';
  if (a.ended === 'sent back')
    return a.results.every((r) => r.verdict === 'pass') && a.results.length > 0 ? 'sent back by its approver' : 'sent back by its check';
  if (a.ended === 'verified') return a.results.length > 0 ? 'verified' : 'verified (no checks)';
  return a.ended + (a.envelope?.reason ? `: ${a.envelope.reason}` : '');
}

function whoOf(e: Envelope | null, plan: Plan): string {
  if (!e) return 'nobody';
  return kindOf(e, plan) === 'operator' ? 'operator (script)' : e.by;
}
function vouchedOf(e: Envelope | null, plan: Plan): string {
  if (!e) return '';
  const kind = kindOf(e, plan);
  if (kind === 'person') return 'own key';
  return kind === 'operator' ? 'rehearsal key' : kind === 'console' ? `vouched for by console ${e.signedBy}` : 'unknown key';
}
const kindOf = (e: Envelope, plan: Plan) => plan.keys.find((k) => k.id === e.signedBy)?.kind;

function neverOpened(plan: Plan, attempts: Attempt[]): StepRow[] {
  return plan.steps.flatMap((s, i) => {
    if (attempts.some((a) => a.stepId === s.id)) return [];
    const times = { openedMs: null, acknowledgedMs: null, doneMs: null, checkedMs: null, endedMs: null };
    const none = { ...times, tookMs: null, waitingMs: null, personMs: null, machineMs: null, claimedWallMs: null, acceptedWallMs: null };
    return [
      {
        number: String(i + 1),
        title: s.title,
        role: s.role,
        who: '–',
        vouched: '',
        budgetMs: s.budgetMs,
        overBudget: false,
        engineGapMs: 0,
        state: 'open' as const,
        outcome: 'never opened',
        notes: [],
        checks: [],
        ...none,
      },
    ];
  });
}

function barOf(a: Attempt, input: ReportInput, axis: Axis): PersonBar {
  const last = input.history.at(-1);
  const state = stateOf(a);
  return {
    label: `${input.plan.steps.find((s) => s.id === a.stepId)?.title ?? a.stepId}${a.attempt > 1 ? `, attempt ${a.attempt}` : ''}`,
    fromMs: a.openedMs,
    ackMs: a.ackMs,
    doneMs: a.doneMs,
    toMs: a.endMs ?? (last ? axis.at(last.at) : a.openedMs),
    state: state === 'open' ? 'unknown' : state,
  };
}
