/**
 * Whether people did what the history says of them: every act must carry a signature that holds by the plan's keys, and what needed a second person must have one.
 * Whoever can write a history cannot thereby sign for anybody (docs/semantics.md, 4). About 2 ms for each act.
 */
import type { HistoryEntry } from '../history.ts';
import { refusalOf } from '../message.ts';
import type { Envelope } from '../message.ts';
import type { Plan } from '../plan.ts';
import { eventsOf, unknown } from './input.ts';
import type { Reason, VerdictInput } from './input.ts';

const ACTS: Partial<Record<HistoryEntry['kind'], Envelope['transition']>> = {
  'step-acknowledged': 'acknowledge',
  'step-done': 'done',
  'step-approved': 'approve',
  'step-sent-back': 'send-back',
  'step-skipped': 'skip',
  'step-rejected': 'reject',
  'step-delegated': 'delegate',
  comment: 'comment',
  aborted: 'abort',
};

export function signatureReasons({ plan, history }: VerdictInput): Reason[] {
  const drillId = eventsOf(history, 'drill-started')[0]?.drillId ?? '';
  return [...history.flatMap((e) => forged(e, plan, drillId)), ...plan.steps.flatMap((s) => unapproved(s.id, s.approve, history))];
}

function forged(e: HistoryEntry, plan: Plan, drillId: string): Reason[] {
  const act = ACTS[e.kind];
  const envelope = 'envelope' in e ? e.envelope : undefined;
  if (act === undefined || !envelope) return [];
  const said = `entry ${e.n} (${e.kind}${'stepId' in e ? ` of ${e.stepId}` : ''})`;
  const why = refusalOf(envelope, plan.keys, drillId, plan.rehearsal !== null);
  if (why !== null) return [unknown(`${said} is not signed as it must be: ${why}`)];
  const about = 'stepId' in e && envelope.stepId !== e.stepId ? `step ${envelope.stepId}` : envelope.transition === act ? null : envelope.transition;
  return about === null ? [] : [unknown(`${said} carries a signature for something else: ${about}`)];
}

/** Of a step that the runbook wants to be approved: the last attempt must be, by somebody else than its doer, unless it was skipped. */
function unapproved(id: string, approve: string | undefined, history: readonly HistoryEntry[]): Reason[] {
  if (approve === undefined || !eventsOf(history, 'step-verified').some((e) => e.stepId === id)) return [];
  const done = eventsOf(history, 'step-done').findLast((e) => e.stepId === id);
  const approved = eventsOf(history, 'step-approved').findLast((e) => e.stepId === id);
  if (!done || !approved || approved.attempt !== done.attempt) return [unknown(`step ${id} was not approved by a second person, as the runbook demands`)];
  if (approved.envelope.by === done.envelope.by) return [unknown(`step ${id} was approved by ${done.envelope.by}, who did it`)];
  return approved.envelope.role === approve ? [] : [unknown(`step ${id} was approved in the role ${approved.envelope.role}, not ${approve}`)];
}
