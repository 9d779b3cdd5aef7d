/** Leased cuts on a real bridge, seen by probes and by replication itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pair } from '../../targets/port.ts';
import type { EffectInterval, Instant } from '../../core/time.ts';
import { msBetween, nsOf } from '../../core/time.ts';
import { sharedLab } from '../support/lab.ts';
import type { TestLab } from '../support/lab.ts';

const BOTH: Pair[] = [
  ['db1', 'db2'],
  ['db2', 'db1'],
];
const ONE: Pair[] = [['db1', 'db3']];
let lab: TestLab;

beforeAll(async () => {
  lab = await sharedLab();
  await lab.platform.watch([...BOTH, ...ONE, ['db3', 'db1'], ['db2', 'db3']]);
  await sleep(300);
}, 60_000);
afterEach(() => lab.platform.healCut([...BOTH, ...ONE]));
afterAll(() => lab[Symbol.asyncDispose]());

/** The first transition of every pair after a moment. */
async function seen(pairs: Pair[], to: 'lost' | 'ok', since: Instant, withinMs: number): Promise<EffectInterval[]> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const all = await lab.platform.transitions(pairs, to);
    const fresh = all.filter((e): e is EffectInterval => e !== null && nsOf(e.present) > nsOf(since));
    if (fresh.length === pairs.length) return fresh;
    if (Date.now() > deadline) throw new Error(`no ${to} on all of ${pairs.join(' ')} within ${withinMs} ms`);
    await sleep(10);
  }
}
const value = async (node: string, id: number): Promise<unknown> =>
  (await lab.system.query(node, 'SELECT owner FROM drill.acct WHERE id = ?', [id]))[0]?.['owner'];
const write = (id: number): Promise<unknown> =>
  lab.system.query('db1', 'REPLACE INTO drill.acct (id, balance, owner, write_id) VALUES (?, 0, ?, ?)', [id, `o${id}`, `w${id}`]);

test('a cut both ways stops probes and replication within 100 ms, a heal lets them on', async () => {
  const before = await lab.platform.now();
  await lab.platform.cut(BOTH, 20_000);
  const lost = await seen(BOTH, 'lost', before, 2_000);
  for (const e of lost) expect(msBetween(before.monoNs, e.present.monoNs)).toBeLessThan(100);
  await write(1001);
  await sleep(300);
  expect(await value('db2', 1001)).toBeUndefined();
  expect(await value('db3', 1001)).toBe('o1001');
  const healing = await lab.platform.now();
  await lab.platform.healCut(BOTH);
  const ok = await seen(BOTH, 'ok', healing, 2_000);
  for (const e of ok) expect(msBetween(healing.monoNs, e.present.monoNs)).toBeLessThan(200);
  const { gtidExecuted } = await lab.system.position('db1');
  expect(await lab.system.waitFor('db2', gtidExecuted, 20_000)).toBe(true);
}, 40_000);

test('a cut one way leaves the other way open', async () => {
  const before = await lab.platform.now();
  await lab.platform.cut(ONE, 20_000);
  await seen(ONE, 'lost', before, 2_000);
  const [back] = await lab.platform.transitions([['db3', 'db1']], 'lost');
  expect(back === null || back === undefined || nsOf(back.present) < nsOf(before)).toBe(true);
});

test('the kernel heals at the end of the lease; a renewal afterwards is refused and revives nothing', async () => {
  const before = await lab.platform.now();
  await lab.platform.cut(BOTH, 1_000);
  const [lost] = await seen(BOTH, 'lost', before, 2_000);
  const [ok] = await seen(BOTH, 'ok', before, 4_000);
  const held = msBetween(lost!.present.monoNs, ok!.present.monoNs);
  expect(held).toBeGreaterThan(850);
  expect(held).toBeLessThan(1_400);
  await expect(lab.platform.renewCut(BOTH, 5_000)).rejects.toMatchObject({ code: 'DRILL_LEASE_LAPSED' });
  expect((await lab.platform.cutState()).live).toEqual([]);
}, 20_000);

test('a renewal extends all pairs, or none where one has lapsed', async () => {
  await lab.platform.cut(BOTH, 1_500);
  await sleep(700);
  await lab.platform.renewCut(BOTH, 1_500);
  await sleep(1_000);
  expect((await lab.platform.cutState()).live).toHaveLength(2);
  await expect(lab.platform.renewCut([...BOTH, ...ONE], 60_000)).rejects.toMatchObject({ code: 'DRILL_LEASE_LAPSED' });
  for (const c of (await lab.platform.cutState()).live) expect(c.expiresInMs).toBeLessThan(1_500);
  await sleep(800);
  expect((await lab.platform.cutState()).live).toEqual([]);
}, 20_000);

test('a pair that is cut already is refused, and nothing of that call is cut', async () => {
  await lab.platform.cut([BOTH[0]!], 20_000);
  await expect(lab.platform.cut(BOTH, 20_000)).rejects.toMatchObject({ code: 'DRILL_ALREADY_CUT' });
  expect((await lab.platform.cutState()).live.map((c) => c.pair)).toEqual([BOTH[0]]);
});

test('healing what is not cut is done', async () => {
  await lab.platform.healCut([...BOTH, ...ONE]);
  await expect(lab.platform.cut([['db1', 'db9']], 1_000)).rejects.toMatchObject({ code: 'DRILL_NO_SUCH_NODE' });
});
