/** The door: one signed envelope per act, whatever happens on the way; a refusal with its reason; an end to waiting. On a real Temporal: test/worker/. */
import { jest } from '@jest/globals';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, WorkflowNotFoundError } from '@temporalio/common';
import { envelopeOf, send } from '../../console/door.ts';
import type { Act } from '../../console/door.ts';
import { newKeyPair, refusalOf, signEnvelope } from '../../core/message.ts';
import type { Envelope } from '../../core/message.ts';
import type { RefusedAttempt } from '../../workflows/messages.ts';

const keys = newKeyPair();
const SIGNER = { by: 'Ada', keyId: 'ada', secretKey: keys.secretKey };
const PLAN_KEYS = [{ id: 'ada', publicKey: keys.publicKey, kind: 'person' as const, people: [{ name: 'Ada', roles: ['sre'] }] }];
const ACT: Act = { drillId: 'd1', stepId: 'fence', attempt: 1, transition: 'acknowledge', role: 'sre' };

interface Call {
  envelope: Envelope;
  updateId: string;
  withinMs: number;
}
type Answer = 'accepted' | 'unreachable' | 'silent' | 'refused' | 'ended';

/** A workflow handle whose answers are a list, the last one for ever. */
function answering(answers: Answer[]): { handle: WorkflowHandle; calls: Call[]; recorded: RefusedAttempt[] } {
  const calls: Call[] = [];
  const recorded: RefusedAttempt[] = [];
  let deadline = Infinity;
  const answer = async (which: Answer, envelope: Envelope) => {
    if (which === 'accepted') return { messageId: envelope.messageId, repeated: false, acceptedAt: 1 };
    if (which === 'refused') throw new WorkflowUpdateFailedError('failed', ApplicationFailure.nonRetryable('step fence is pending', 'DRILL_REFUSED'));
    if (which === 'ended') throw new WorkflowNotFoundError('workflow execution already completed', 'd1', undefined);
    if (which === 'silent') await new Promise((r) => setTimeout(r, deadline - Date.now()));
    throw new Error(which === 'silent' ? 'deadline exceeded' : 'connection refused');
  };
  const handle = {
    client: {
      withDeadline: (at: number, act: () => Promise<unknown>) => {
        deadline = at;
        return act();
      },
    },
    executeUpdate: (_: unknown, { args: [envelope], updateId }: { args: [Envelope]; updateId: string }) => {
      calls.push({ envelope, updateId, withinMs: deadline - Date.now() });
      return answer(answers[Math.min(calls.length, answers.length) - 1]!, envelope);
    },
    signal: async (_: unknown, attempt: RefusedAttempt) => void recorded.push(attempt),
  };
  return { handle: handle as unknown as WorkflowHandle, calls, recorded };
}
test('OpenSSL and the code that the workflow has make the same signature', () => {
  for (const reason of ['', 'Ä “why” \u{1f4a5}\n', 'x'.repeat(5_000)]) {
    const { secretKey } = newKeyPair();
    const { signature, ...body } = envelopeOf({ ...SIGNER, secretKey }, { ...ACT, reason });
    expect(signature).toBe(signEnvelope(body, secretKey).signature);
  }
});

/** What sending comes to, without the waiting. */
async function sent(
  answers: Answer[],
  o: { act?: Partial<Act>; deadlineMs?: number } = {},
): Promise<{ calls: Call[]; recorded: RefusedAttempt[]; outcome: unknown; tookMs: number }> {
  const { handle, calls, recorded } = answering(answers);
  const started = Date.now();
  let tookMs = -1;
  const outcome = send(handle, SIGNER, { ...ACT, ...o.act }, o.deadlineMs ?? 5_000)
    .catch((e: unknown) => e)
    .finally(() => (tookMs = Date.now() - started));
  await jest.advanceTimersByTimeAsync(120_000);
  return { calls, recorded, outcome: await outcome, tookMs };
}

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

test('what is sent is signed by the person, for this drill, with a message id that is the update id', async () => {
  const { calls, outcome } = await sent(['accepted'], { act: { transition: 'done', inputs: { how: 'file' }, viewDigest: 'ab' } });
  const { envelope, updateId } = calls[0]!;
  expect(refusalOf(envelope, PLAN_KEYS, 'd1', false)).toBeNull();
  expect(envelope).toMatchObject({
    drillId: 'd1',
    stepId: 'fence',
    attempt: 1,
    transition: 'done',
    by: 'Ada',
    role: 'sre',
    inputs: { how: 'file' },
    viewDigest: 'ab',
    reason: '',
  });
  expect([updateId, outcome]).toEqual([envelope.messageId, { messageId: envelope.messageId, repeated: false, acceptedAt: 1 }]);
});

test('while Temporal is away the same message is sent again, not a new one', async () => {
  const { calls, outcome } = await sent(['unreachable', 'silent', 'unreachable', 'accepted'], { deadlineMs: 60_000 });
  expect(outcome).toMatchObject({ repeated: false });
  expect(calls.length).toBe(4);
  expect(new Set(calls.map((c) => JSON.stringify([c.envelope, c.updateId]))).size).toBe(1);
});

test('two acts are two messages', async () => {
  const [a, b] = [await sent(['accepted']), await sent(['accepted'])];
  expect(a.calls[0]!.updateId).not.toBe(b.calls[0]!.updateId);
});

test.each<[string, Answer[], Partial<Act>, string, string, number]>([
  ['a refusal', ['refused'], {}, 'DRILL_REFUSED', 'acknowledge of fence was refused: step fence is pending', 1],
  ['a refusal of an abort', ['refused'], { transition: 'abort', stepId: '' }, 'DRILL_REFUSED', 'abort of the drill was refused: step fence is pending', 1],
  ['a refusal after an outage', ['unreachable', 'refused'], {}, 'DRILL_REFUSED', 'acknowledge of fence was refused: step fence is pending', 2],
  ['a drill that has ended', ['ended'], {}, 'DRILL_REFUSED', 'the drill d1 has ended, or there is none of that name', 1],
])('%s is final, with its reason', async (_, answers, act, code, message, tries) => {
  const { calls, outcome } = await sent(answers, { act });
  expect([(outcome as { code: string }).code, (outcome as Error).message, calls.length]).toEqual([code, message, tries]);
});

test('a refusal is put on record; what was accepted, or came to a drill that has ended, is not', async () => {
  const { recorded, calls } = await sent(['unreachable', 'refused']);
  expect(recorded).toEqual([
    { messageId: calls[0]!.envelope.messageId, by: 'Ada', stepId: 'fence', transition: 'acknowledge', reason: 'step fence is pending' },
  ]);
  expect([(await sent(['accepted'])).recorded, (await sent(['ended'])).recorded]).toEqual([[], []]);
});

test.each<[string, Answer, number]>([
  ['that cannot be reached', 'unreachable', 5_000],
  ['that takes the call and does not answer', 'silent', 5_000],
  ['that does not answer for long', 'silent', 40_000],
])('an engine %s: an end at the deadline, and what was waited for', async (_, answer, deadlineMs) => {
  const { calls, outcome, tookMs } = await sent([answer], { deadlineMs });
  expect(outcome).toMatchObject({ code: 'DRILL_NO_ENGINE', message: expect.stringContaining(`did not take the acknowledge within ${deadlineMs / 1000} s`) });
  expect(tookMs).toBeGreaterThanOrEqual(deadlineMs - 300);
  expect(tookMs).toBeLessThan(deadlineMs + 500);
  expect(Math.max(...calls.map((c) => c.withinMs))).toBeLessThanOrEqual(15_000);
});
