/** Keys judged in parts: the same answers, to the byte, as of keys that are all in memory. */
import { plannedOf } from '../../../core/reconcile/plan-changes.ts';
import { reconcileSides } from '../../../core/reconcile/reconcile.ts';
import { RankedLines, SpilledLines } from '../../../core/reconcile/spill.ts';
import { inputOf, playDisaster } from '../../support/simulated-disaster.ts';
import { judgeInParts, MemorySpill } from '../../support/simulated-spilled.ts';

const SEED = Number(process.env['DISASTER_SEED'] ?? 1);
const COUNT = 1_500;

test(`${COUNT} simulated disasters in parts, from seed ${SEED}`, async () => {
  const seen = { lost: 0, fates: 0, changes: 0, conflicts: 0, replayed: 0 };
  for (let seed = SEED; seed < SEED + COUNT; seed++) {
    const played = playDisaster(seed);
    const input = inputOf(played);
    const whole = reconcileSides(input);
    const parts = await judgeInParts(played, 1 + (seed % 7));
    const changes = input.divergence.changes.keys.flatMap((k) => plannedOf(k, input.finals, input.rules) ?? []);
    const told = (r: typeof parts) => ({ ...r, lost: [...r.lost], changes: [...r.changes!], tables: [...r.tables].sort() });
    const tables = [...new Set(input.divergence.changes.keys.map((k) => k.shape.name)), ...input.divergence.changes.unsupported.keys()].sort();
    expect({ seed, ...told(parts) }).toEqual({ seed, ...whole, changes, tables });
    expect(JSON.stringify([parts.summary, parts.fates, [...parts.lost]])).toBe(JSON.stringify([whole.summary, whole.fates, whole.lost]));
    seen.lost += whole.lost.length;
    seen.fates += whole.fates.length;
    seen.changes += changes.length;
    seen.conflicts += whole.lost.filter((l) => l.conflict).length;
    seen.replayed += whole.summary.late.length + whole.summary.forced.length;
  }
  for (const n of Object.values(seen)) expect(n).toBeGreaterThan(COUNT / 2);
}, 60_000);

test('lines come back whole, from any of them on, whatever is in them and however long they are', () => {
  const lines = new SpilledLines(new MemorySpill());
  const texts = ['', 'a', 'ü😀'.repeat(20_000), ...Array.from({ length: 5_000 }, (_, i) => `${i} é`), 'x'.repeat(100_000), ''];
  const places = texts.map((t) => {
    const at = lines.end;
    lines.add(t);
    return at;
  });
  const check = () => {
    expect([...lines]).toEqual(texts);
    for (const i of [0, 1, 2, 3, 777, texts.length - 1]) expect(lines.from(places[i]!).next().value).toBe(texts[i]);
  };
  check();
  lines.close();
  check();
});

test('ranked lists are read as one', () => {
  const ranked = new RankedLines<{ n: number }>(new MemorySpill());
  const all = Array.from({ length: 3_000 }, (_, n) => n);
  for (const part of [0, 1, 2, 3, 4]) {
    ranked.next();
    // the third one is empty
    for (const n of all) if ([0, 1, 3, 4][n % 4] === part) ranked.add(n, { n });
  }
  ranked.close();
  expect(ranked.length).toBe(all.length);
  expect([...ranked].map((r) => r.n)).toEqual(all);
  expect([...ranked].length).toBe(all.length);
  expect([...new RankedLines(new MemorySpill())]).toEqual([]);
});
