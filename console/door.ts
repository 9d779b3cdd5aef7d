/** The one door into a drill for everybody who acts: a signed envelope through an update, sent again under the same messageId until Temporal answers. */
import { createPrivateKey, randomUUID, sign } from 'node:crypto';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, WorkflowNotFoundError } from '@temporalio/common';
import { DrillError, messageOf } from '../core/errors.ts';
import { canonicalJson } from '../core/json.ts';
import type { Envelope, EnvelopeBody, Transition } from '../core/message.ts';
import { refusedAttempt, transition } from '../workflows/messages.ts';
import type { Accepted } from '../workflows/messages.ts';

export interface Signer {
  by: string;
  keyId: string;
  secretKey: string;
}
export interface Act {
  drillId: string;
  stepId: string;
  attempt: number;
  transition: Transition;
  role: string;
  inputs?: Record<string, string>;
  viewDigest?: string;
  reason?: string;
}

const RETRY_MS = 300;
/** One attempt; without a bound of its own a call waits for a worker for ever. */
const ATTEMPT_MS = 15_000;

/** The act as this person signs it, now. */
export function envelopeOf(signer: Signer, act: Act): Envelope {
  const body: EnvelopeBody = {
    messageId: randomUUID(),
    drillId: act.drillId,
    stepId: act.stepId,
    attempt: act.attempt,
    transition: act.transition,
    by: signer.by,
    role: act.role,
    inputs: act.inputs ?? {},
    viewDigest: act.viewDigest ?? '',
    reason: act.reason ?? '',
    claimedAt: Date.now(),
    signedBy: signer.keyId,
  };
  return { ...body, signature: sign(null, Buffer.from(canonicalJson(body)), privateKey(signer.secretKey)).toString('hex') };
}

/** A private Ed25519 key before its 32 bytes: PKCS #8 with the algorithm's identifier (RFC 8410, 7). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
/** OpenSSL signs in a tenth of a millisecond; core's own code, which the workflow needs, takes two, and the signatures are the same to the bit (RFC 8032). */
const privateKey = (secretKey: string) => createPrivateKey({ key: Buffer.concat([PKCS8, Buffer.from(secretKey, 'hex')]), format: 'der', type: 'pkcs8' });

export const send = (handle: WorkflowHandle, signer: Signer, act: Act, deadlineMs: number): Promise<Accepted> =>
  sendEnvelope(handle, envelopeOf(signer, act), deadlineMs);

/**
 * Resolves when the drill accepted the message, at first or some time before. Throws DRILL_REFUSED with the reason when it refused or has ended,
 * DRILL_NO_ENGINE at the deadline.
 */
export async function sendEnvelope(handle: WorkflowHandle, envelope: Envelope, deadlineMs: number): Promise<Accepted> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    try {
      return await handle.client.withDeadline(Math.min(deadline, Date.now() + ATTEMPT_MS), () =>
        handle.executeUpdate(transition, { args: [envelope], updateId: envelope.messageId }),
      );
    } catch (e) {
      if (e instanceof WorkflowNotFoundError)
        throw new DrillError('DRILL_REFUSED', `the drill ${envelope.drillId} has ended, or there is none of that name`, '', { cause: e });
      if (e instanceof WorkflowUpdateFailedError) {
        const why = e.cause instanceof ApplicationFailure ? e.cause.message : messageOf(e);
        await record(handle, envelope, why);
        throw new DrillError('DRILL_REFUSED', `${envelope.transition} of ${envelope.stepId || 'the drill'} was refused: ${why}`, '', { cause: e });
      }
      if (Date.now() >= deadline)
        throw new DrillError(
          'DRILL_NO_ENGINE',
          `Temporal did not take the ${envelope.transition} within ${deadlineMs / 1000} s: ${messageOf(e)}`,
          'is the server up?',
          { cause: e },
        );
      await new Promise((r) => setTimeout(r, RETRY_MS));
    }
  }
}

/** The drill's history says what was refused and why; a drill that has just ended has no history any more. */
async function record(handle: WorkflowHandle, { messageId, by, stepId, transition: act }: Envelope, reason: string): Promise<void> {
  try {
    await handle.client.withDeadline(Date.now() + ATTEMPT_MS, () => handle.signal(refusedAttempt, { messageId, by, stepId, transition: act, reason }));
  } catch (e) {
    if (!(e instanceof WorkflowNotFoundError))
      throw new DrillError('DRILL_REFUSED', `${reason} (and that could not be recorded: ${messageOf(e)})`, '', { cause: e });
  }
}
