/** How fast people were, from a fault on (docs/semantics.md, 2): detection, acknowledgement, decision. A rehearsal tells nothing of that. */
import type { Envelope, Transition } from '../message.ts';
import type { HistoryEntry } from '../history.ts';
import { msBetween, nsOf } from '../time.ts';
import type { Figure, PeopleFigures } from '../verdict.ts';
import { clockOf, figure, fromOf } from './figure.ts';
import type { VerdictInput } from './input.ts';

/** Which acts end the time. An abort ends the drill: it shows nothing. */
const BY: Record<keyof PeopleFigures, readonly Transition[]> = {
  detection: ['acknowledge', 'done', 'approve', 'send-back', 'reject', 'skip', 'delegate', 'comment'],
  acknowledgement: ['acknowledge'],
  decision: ['done', 'approve', 'send-back', 'reject', 'skip'],
};
const NOBODY: Record<keyof PeopleFigures, string> = { detection: 'nobody did anything', acknowledgement: 'nobody took a step', decision: 'nobody signed' };

type Act = HistoryEntry & { envelope: Envelope };

export function peopleFigures(input: VerdictInput): PeopleFigures | null {
  if (input.plan.rehearsal !== null) return null;
  const acts = input.history.filter((e): e is Act => 'envelope' in e && e.envelope !== null);
  return { detection: first('detection'), acknowledgement: first('acknowledgement'), decision: first('decision') };

  function first(name: keyof PeopleFigures): Figure {
    const objective = input.plan.objectives[name];
    const from = fromOf(input, objective);
    if (typeof from === 'string') return figure(null, 0, objective, from);
    const clock = clockOf(input.history)!;
    const act = acts.find((e) => BY[name].includes(e.envelope.transition) && e.at.boot === clock.boot && nsOf(e.at) >= from.ns);
    if (act) {
      const { by, transition, stepId } = act.envelope;
      return figure(msBetween(from.ns, act.at.monoNs), from.widthMs + clock.errorMs, objective, `${by}: ${transition} of ${stepId}`);
    }
    const last = input.history.at(-1)!;
    const late = objective !== undefined && last.at.boot === clock.boot && msBetween(from.ns, last.at.monoNs) > objective.withinMs;
    return figure(null, 0, objective, NOBODY[name], late ? false : null);
  }
}
