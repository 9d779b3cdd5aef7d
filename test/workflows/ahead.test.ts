/** Which steps are made ready before their turn, and when what was made is not taken. */
import type { Envelope } from '../../core/message.ts';
import type { StepPlan } from '../../core/plan.ts';
import { Ahead, checkedLater } from '../../workflows/ahead.ts';
import type { OpenStep } from '../../activities/steps.ts';
import { Steps } from '../../workflows/steps.ts';

const VIEW = { viewDigest: 'a'.repeat(64), instructionsDigest: 'b'.repeat(64) };
const step = (id: string, needs: string[], more: Partial<StepPlan> = {}): StepPlan => ({
  id,
  title: id,
  role: 'sre',
  budgetMs: 1_000,
  needs,
  inputs: [],
  checks: [],
  ...more,
});
const INPUT = [{ name: 'lost', type: 'text' as const, ask: 'What' }];
const CHECK = [{ check: 'fenced', with: {} }];

function world(...plan: StepPlan[]) {
  const steps = new Steps(plan);
  const asked: OpenStep[] = [];
  const store = { answer: async (): Promise<typeof VIEW | null> => Promise.resolve(VIEW) };
  const openStep = (_: unknown, a: OpenStep) => (asked.push(a), store.answer());
  const run = { steps, ref: { drillId: 'd', bundle: '', target: 't' }, act: { openStep } } as unknown as ConstructorParameters<typeof Ahead>[0];
  const ahead = new Ahead(run);
  const open = (id: string) => steps.open(id, VIEW, 1);
  const sign = (id: string, inputs: Record<string, string> = {}) => {
    for (const transition of ['acknowledge', 'done'] as const) steps.apply({ stepId: id, by: 'Ada', inputs, transition } as Envelope, 2);
    if (!checkedLater(run, id)) steps.verified(id, 3);
  };
  return { steps, ahead, asked, open, sign, store };
}

test('the step after one that nothing checks is made ready as that one opens, once', async () => {
  const w = world(step('a', []), step('b', ['a']), step('c', ['b']));
  expect(w.ahead.wanted()).toEqual([]);
  w.open('a');
  expect(w.ahead.wanted()).toEqual(['b']);
  await w.ahead.prepare('b');
  expect(w.ahead.wanted()).toEqual([]);
  expect(w.asked).toEqual([{ stepId: 'b', attempt: 1, sentBack: [], inputs: {}, ahead: true }]);
  w.sign('a');
  expect(w.ahead.take('b')).toEqual(VIEW);
  w.open('b');
  expect(w.ahead.wanted()).toEqual(['c']);
});

test.each<[string, Partial<StepPlan>]>([
  ['is checked', { checks: CHECK }],
  ['is approved', { approve: 'dba' }],
  ['asks for something', { inputs: INPUT }],
])('not after one that %s', (_, more) => {
  const w = world(step('a', [], more), step('b', ['a']));
  w.open('a');
  expect(w.ahead.wanted()).toEqual([]);
});

test('of two at work the last one decides', () => {
  const w = world(step('a', [], { checks: CHECK }), step('b', []), step('c', ['a', 'b']));
  w.open('a');
  w.open('b');
  expect(w.ahead.wanted()).toEqual([]);
  w.sign('a');
  w.steps.verified('a', 3);
  expect(w.ahead.wanted()).toEqual(['c']);
});

test('what was signed elsewhere meanwhile may stand in its text: it is made again in its turn', async () => {
  const w = world(step('a', []), step('other', [], { inputs: INPUT }), step('b', ['a']));
  w.open('a');
  w.open('other');
  await w.ahead.prepare('b');
  w.sign('other', { lost: 'gtid' });
  w.sign('a');
  expect(w.ahead.take('b')).toBeUndefined();
});

test.each<[string, () => Promise<typeof VIEW | null>]>([
  ['names what may change', () => Promise.resolve(null)],
  ['cannot be made', () => Promise.reject(new Error('no such variable'))],
  ['is not there yet', () => new Promise(() => undefined)],
])('a text that %s is made in its turn', async (_, answer) => {
  const w = world(step('a', []), step('b', ['a']));
  w.store.answer = answer;
  w.open('a');
  await Promise.race([w.ahead.prepare('b'), new Promise((r) => setTimeout(r, 20))]);
  w.sign('a');
  expect([w.ahead.take('b'), w.steps.ready().map((s) => s.id)]).toEqual([undefined, ['b']]);
});
