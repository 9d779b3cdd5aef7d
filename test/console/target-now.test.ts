/** What a target tells while a drill runs: read on from a file that grows, asked seldom, and the same instant when it is read again. */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUNDLE } from '../../core/bundle.ts';
import type { StalenessSample } from '../../core/bundle.ts';
import { TargetEye } from '../../console/target-now.ts';
import type { DrillState } from '../../workflows/messages.ts';

const dir = mkdtempSync(join(tmpdir(), 'dbt-'));
afterAll(() => rmSync(dir, { recursive: true }));
const WALL = 1_700_000_000_000;
const state = (phase: DrillState['phase'] = 'chain'): DrillState => ({ phase, clockOffsetMs: WALL }) as DrillState;
const drill = { drillId: 'd', bundle: dir, temporal: null, dir };
let [rest, asked] = [30_000, 0];
const ask = {
  writes: () => Promise.reject(new Error('nobody answers')),
  leases: () => (asked++, Promise.resolve({ cut: rest })),
};
const sample = (ms: number, node: string, staleMs: number | null): string =>
  `${JSON.stringify({ n: 1, prev: '', at: `${ms}000000`, node, staleMs } satisfies StalenessSample)}\n`;
const file = join(dir, BUNDLE.samples);

test('staleness is read on from where it was left, whole lines only, the worst of each bucket', async () => {
  const eye = new TargetEye(drill, ask);
  expect(await eye.look(state(), WALL + 1)).toMatchObject({ writes: null, staleness: [] });
  const half = sample(700, 'db2', 40).slice(0, 20);
  appendFileSync(file, sample(0, 'db2', 10) + sample(200, 'db1', null) + sample(400, 'db2', 90) + half);
  await eye.look(state(), WALL + 1_000);
  appendFileSync(file, sample(700, 'db2', 40).slice(20) + sample(1_200, 'db2', 5) + sample(1_300, 'db1', 7) + sample(2_000, 'db2', 6));
  const { staleness } = await eye.look(state(), WALL + 3_000);
  expect(staleness).toEqual([
    { node: 'db1', startMs: WALL, bucketMs: 500, staleMs: [null, null, 7, null] },
    { node: 'db2', startMs: WALL, bucketMs: 500, staleMs: [90, 40, 5, null] },
  ]);
});

test('a target is asked at most twice a second, and for leases only while faults are made or healed', async () => {
  const eye = new TargetEye(drill, ask);
  asked = 0;
  for (let ms = 0; ms < 1_000; ms += 50) await eye.look(state(), WALL + ms);
  expect(asked).toBe(2);
  await eye.look(state('manual'), WALL + 2_000);
  expect(asked).toBe(2);
});

test('a lease that was not renewed lapses at the same instant, however often it is asked for; a renewed one later', async () => {
  const eye = new TargetEye(drill, ask);
  const at = async (ms: number) => (await eye.look(state(), ms)).leases['cut']!;
  const now = Date.now();
  rest = 30_000;
  const first = await at(now);
  rest = 29_990;
  expect(await at(now + 600)).toBe(first);
  rest = 36_000;
  expect(await at(now + 1_200)).toBeGreaterThan(first + 5_000);
});

test('a target that does not answer is asked once, and nobody waits for it', async () => {
  let asking = 0;
  const slow = { writes: () => (asking++, new Promise<null>(() => undefined)), leases: () => Promise.resolve({}) };
  const eye = new TargetEye(drill, slow);
  void eye.look(state(), WALL);
  for (let ms = 0; ms < 5_000; ms += 500) expect(await eye.look(state(), WALL + ms)).toEqual(eye.now);
  expect([asking, eye.now.writes]).toEqual([1, null]);
});
