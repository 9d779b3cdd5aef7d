/**
 * A drill that goes on in a new run because of its many messages, on real systems, with a step open and people at work: each message is in the history once, a sender that
 * was cut off may send again, and nobody is called a moment too early, twice, or not at all.
 */
import type { Envelope } from '../../core/message.ts';
import { ATTRIBUTES } from '../../core/attributes.ts';
import { bySignal, byUpdate, CALM, stepIs, stepThat, TestCrew } from '../support/crew.ts';
import { startDrill } from '../support/drill.ts';
import type { TestDrill } from '../support/drill.ts';
import { recordHistory } from '../support/histories.ts';

const ACKNOWLEDGE_MS = 20_000;
const BUDGET_MS = 60_000;
const CHANGES: [string, string][] = [
  ...CALM,
  ['    budget: 30s\n    acknowledge: 15s\n    escalate: [dba]\n', '    budget: 1m\n    acknowledge: 20s\n    escalate: [dba, incident-commander]\n'],
];
/** Enough for a new run; the next are on their way while it begins. */
const BURST = 300;
const AT_ONCE = 20;
const crew = new TestCrew({
  Ada: { roles: ['sre'] },
  Edsger: { roles: ['dba'] },
  Grace: { roles: ['incident-commander'], rights: ['responder', 'approver', 'coordinator'] },
});

test('a thousand messages and more: four new runs with a step open, nothing lost, nothing doubled, timers as before', async () => {
  await using d = await startDrill({ crew: crew.text, changes: CHANGES });
  const opened = await stepIs(d, 'fence', 'active');
  const before = await d.handle.describe();
  const runs = [before.runId];
  const said: Envelope[] = [];
  for (let i = 0; i < 2; i++) {
    for (const _ of [1, 2]) {
      said.push(...(await burst(d, opened)));
      runs.push(await newRun(d, runs));
    }
    // a sender that got no answer sends again, by whatever way
    const again = said.filter((_, n) => n % 150 === 0);
    for (const e of again) await bySignal(d, e);
    for (const e of again) expect(await byUpdate(d, e)).toMatchObject({ messageId: e.messageId, repeated: true });
    await stepThat(d, 'fence', (s) => s.roles!.length >= i + 2);
  }
  expect(new Set(runs).size).toBe(5);
  const { typedSearchAttributes: listed, memo } = await d.handle.describe();
  expect([listed.get(ATTRIBUTES.runbook), listed.get(ATTRIBUTES.phase), listed.get(ATTRIBUTES.verdict), memo]).toEqual([
    'mysql-stale-promotion',
    'manual',
    'none',
    before.memo,
  ]);
  await byUpdate(d, crew.says(d, 'Grace', 'acknowledge', opened));
  await byUpdate(d, crew.says(d, 'Grace', 'delegate', opened, { reason: 'Ada' }));
  await stepThat(d, 'fence', (s) => s.overdue);
  await byUpdate(d, crew.says(d, 'Ada', 'abort', null, { reason: 'enough was seen' }));
  expect((await d.result()).verdict).toBe('unknown');

  const history = d.history();
  expect(commentsOf(d).toSorted()).toEqual(said.map((e) => e.messageId).toSorted());
  expect(history.filter((e) => e.kind === 'message-refused')).toEqual([]);
  const late = history.filter((e) => e.kind === 'step-escalated' || e.kind === 'step-overdue');
  expect(late.map((e) => (e.kind === 'step-escalated' ? [e.to, e.why] : ['overdue', e.budgetMs]))).toEqual([
    ['dba', 'not acknowledged within 20 s'],
    ['incident-commander', 'not acknowledged within 40 s'],
    ['overdue', BUDGET_MS],
  ]);
  const afterMs = late.map((e) => e.at.wallMs - opened.openedAt!);
  for (const [i, due] of [ACKNOWLEDGE_MS, 2 * ACKNOWLEDGE_MS, BUDGET_MS].entries()) expect(afterMs[i]).toBeGreaterThanOrEqual(due);
  await recordHistory('renewed-before', d.handle, runs[1]);
  await recordHistory('renewed-after', d.handle, runs[2]);
}, 600_000);

/** Comments, most by signal, some by update, in waves of which each is in the history before the next: with no pause at all Temporal would not let a run end. */
async function burst(d: TestDrill, step: { id: string; attempt: number }): Promise<Envelope[]> {
  const all = Array.from({ length: BURST }, (_, i) => crew.says(d, ['Ada', 'Edsger', 'Grace'][i % 3]!, 'comment', step, { reason: `seen ${i}` }));
  for (let at = 0; at < BURST; at += AT_ONCE) {
    const wave = all.slice(at, at + AT_ONCE);
    await Promise.all(wave.map((e, i) => (i % 4 === 0 ? byUpdate(d, e) : bySignal(d, e))));
    await until(() => wave.every((e) => commentsOf(d).includes(e.messageId)), `wave ${at} was heard`);
  }
  return all;
}

const commentsOf = (d: TestDrill): string[] => d.history().flatMap((e) => (e.kind === 'comment' ? [e.envelope.messageId] : []));
const runId = async (d: TestDrill): Promise<string> => (await d.handle.describe()).runId;
async function newRun(d: TestDrill, before: string[]): Promise<string> {
  let id = '';
  await until(async () => !before.includes((id = await runId(d))), `run ${before.length + 1} had begun`);
  return id;
}
async function until(so: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!(await so())) {
    if (Date.now() > deadline) throw new Error(`${what} not in time`);
    await new Promise((r) => setTimeout(r, 50));
  }
}
