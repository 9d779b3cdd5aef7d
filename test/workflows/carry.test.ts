/** What a drill takes along when it continues as new: everything that its state says, and that a message sent twice is still known. */
import { newKeyPair, signEnvelope } from '../../core/message.ts';
import type { EnvelopeBody } from '../../core/message.ts';
import type { Plan } from '../../core/plan.ts';
import type { DrillInput } from '../../workflows/messages.ts';
import { DrillRun } from '../../workflows/run.ts';

const plan = {
  version: 1,
  runbook: 'r',
  chain: [{ id: 'kill', title: 'kill db1', do: 'kill-node', with: { node: 'db1' }, undo: 'one-way' }],
  steps: [
    { id: 'one', title: 'One', role: 'sre', budgetMs: 1_000, needs: [], inputs: [], checks: [] },
    { id: 'two', title: 'Two', role: 'sre', budgetMs: 1_000, needs: ['one'], inputs: [], checks: [] },
  ],
  keys: [],
  rehearsal: 'default',
  limits: { drillMs: 60_000, sessionLostMs: 60_000, catchUpMs: 1_000 },
} as unknown as Plan;
const input: DrillInput = { ref: { drillId: 'd', bundle: '/nowhere', target: 't' }, plan, planDigest: 'x' };

test('a drill that continues as new says the same, numbers its history on, and knows the messages it had', () => {
  const before = new DrillRun(input);
  before.locked({ session: 'queue', version: 'MySQL 9.7.4', clock: { boot: 'b', wallMinusMonoMs: 17 } });
  before.phase = 'manual';
  before.chain[0]!.status = 'done';
  before.steps.open('one', { viewDigest: 'v', instructionsDigest: 'i' }, 5);
  const body: EnvelopeBody = {
    messageId: 'm1',
    drillId: 'd',
    stepId: 'one',
    attempt: 1,
    transition: 'acknowledge',
    by: 'ann',
    role: 'sre',
    inputs: {},
    viewDigest: '',
    reason: '',
    claimedAt: 6,
    signedBy: 'k',
  };
  before.accept(signEnvelope(body, newKeyPair().secretKey));
  before.checked('one', [{ check: 'fenced', verdict: 'fail', seen: 'a write went through' }]);
  before.failed(new Error('somebody tripped'));
  before.steps.stateOf('two').missed = 2;
  const after = new DrillRun({ ...input, carried: JSON.parse(JSON.stringify(before.carry())) as NonNullable<DrillInput['carried']> });
  after.phase = 'manual';
  expect(after.state()).toEqual(before.state());
  expect([...after.seen]).toEqual(['m1']);
  expect(after.startedMs).toBe(before.startedMs);
  expect(after.written).toBe(true);
  expect(after.carry()).toEqual(before.carry());
  expect(after.carry().pending.map((e) => [e.n, e.kind])).toEqual([
    [1, 'step-acknowledged'],
    [2, 'problem'],
  ]);
});

test('what a new run is given has an end: of very many messages it knows the last', () => {
  const run = new DrillRun(input);
  for (let i = 0; i < 10_050; i++) run.seen.add(`m${i}`);
  const { seenMessages } = run.carry();
  expect([seenMessages.length, seenMessages[0], seenMessages.at(-1)]).toEqual([10_000, 'm50', 'm10049']);
});
