/** One human step that never ends, with the drill's own state machine and verification behind its update; and a bare update beside it. */
import { ApplicationFailure, condition, defineSignal, defineUpdate, setHandler } from '@temporalio/workflow';
import { refusalOf } from '../core/message.ts';
import type { PublicKeyEntry } from '../core/message.ts';
import type { StepPlan } from '../core/plan.ts';
import type { Accepted } from '../workflows/messages.ts';
import { transition } from '../workflows/messages.ts';
import { Steps } from '../workflows/steps.ts';

export const bare = defineUpdate<number>('bare');
export const over = defineSignal('over');
export const VIEW = { viewDigest: 'a'.repeat(64), instructionsDigest: 'b'.repeat(64) };

export async function oneStep(drillId: string, step: StepPlan, keys: PublicKeyEntry[]): Promise<void> {
  const steps = new Steps([step]);
  const seen = new Set<string>();
  let ended = false;
  steps.open(step.id, VIEW, Date.now());
  setHandler(bare, () => Date.now());
  setHandler(over, () => void (ended = true));
  setHandler(
    transition,
    (e): Accepted => {
      const repeated = seen.has(e.messageId);
      seen.add(e.messageId);
      if (!repeated) steps.apply(e, Date.now());
      if (e.transition === 'done') {
        steps.sendBack(step.id, []);
        steps.open(step.id, VIEW, Date.now());
      }
      return { messageId: e.messageId, repeated, acceptedAt: Date.now() };
    },
    {
      validator: (e) => {
        const why = refusalOf(e, keys, drillId, false) ?? steps.refusal(e);
        if (why !== null) throw ApplicationFailure.nonRetryable(why, 'DRILL_REFUSED');
      },
    },
  );
  await condition(() => ended);
}
