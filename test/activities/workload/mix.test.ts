/** The mix, played against a perfect table on each side: the conflict classes must be there at any later time, whatever goes wrong on the way. */
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { Mix, type Write } from '../../../activities/workload/mix.ts';
import type { Phase } from '../../../activities/workload/config.ts';
import type { WriteOutcome } from '../../../core/ledger.ts';

const HOT = 64;
const mixOf = () => new Mix({ drillId: 'd', hotKeys: HOT, payloadBytes: 20 });

/** Plays writes of a phase; each ends as `outcome` says; what takes effect goes to `rows`. Up to `lanes` are in flight at once. */
function play(mix: Mix, phase: Phase, rows: Map<string, string | null>, n: number, lanes: number, outcome: (i: number) => WriteOutcome): void {
  mix.phase = phase;
  const flying: Write[] = [];
  for (let i = 0; i < n; i += 1) {
    const write = mix.next();
    if (flying.some((f) => f.table === write.table && f.key === write.key)) throw new Error(`two writes in flight on ${write.table} ${write.key}`);
    flying.push(write);
    if (flying.length < lanes) continue;
    const [done] = flying.splice((i * 7) % flying.length, 1);
    const how = outcome(i);
    if (how === 'acked' && done!.table === 'drill.acct') rows.set(done!.key, done!.kind === 'delete' ? null : done!.writeId);
    mix.settled(done!, how);
  }
  for (const write of flying) {
    if (write.table === 'drill.acct') rows.set(write.key, write.kind === 'delete' ? null : write.writeId);
    mix.settled(write, 'acked');
  }
}

/** Conflict class of each hot key, from the net change of each side since the fork. */
function classes(base: Map<string, string | null>, old: Map<string, string | null>, fresh: Map<string, string | null>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let key = 1; key <= HOT; key += 1) {
    const k = String(key);
    const change = (side: Map<string, string | null>) => (side.get(k) === base.get(k) ? 'nothing' : side.get(k) === null ? 'delete' : 'update');
    const name = `${change(old)}/${change(fresh)}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

describe('conflicts by construction', () => {
  test('of 64 keys: 32 update/update, 16 delete/update, 16 update/delete, at any time after the first cycles, whatever fails', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 32 }), fc.integer({ min: 400, max: 900 }), fc.integer({ min: 0, max: 30 }), (lanes, n, failing) => {
        const mix = mixOf();
        const some = (i: number): WriteOutcome => (i % 100 < failing ? (i % 2 ? 'unknown' : 'failed') : 'acked');
        const base = new Map<string, string | null>();
        play(mix, 'baseline', base, n, lanes, some);
        expect(mix.hot.done).toBe(true);
        const old = new Map(base);
        play(mix, 'isolated', old, n, lanes, some);
        const fresh = new Map(base);
        expect(mix.hot.done).toBe(true);
        play(mix, 'promoted', fresh, n, lanes, some);
        expect(mix.hot.done).toBe(true);
        expect(classes(base, old, fresh)).toEqual({ 'update/update': 32, 'delete/update': 16, 'update/delete': 16 });
      }),
      { numRuns: 20 },
    );
  });

  test('a cycle is short: the keys of a phase are changed within 64 writes to acct', () => {
    const mix = mixOf();
    for (const phase of ['baseline', 'isolated', 'promoted'] as const) {
      let acct = 0;
      mix.phase = phase;
      while (!mix.hot.done) {
        const write = mix.next();
        if (write.table === 'drill.acct') acct += 1;
        mix.settled(write, 'acked');
      }
      expect(acct).toBe(HOT);
    }
  });
});

test('the mix: 45 % orders, 15 % journal, the rest acct; write ids are unique and fit; fresh accounts come and some go', () => {
  const mix = mixOf();
  const writes = Array.from({ length: 4000 }, () => {
    const write = mix.next();
    mix.settled(write, 'acked');
    return write;
  });
  const share = (table: string) => writes.filter((w) => w.table === table).length / writes.length;
  expect(share('drill.orders')).toBeCloseTo(0.45, 2);
  expect(share('drill.journal')).toBeCloseTo(0.15, 2);
  expect(new Set(writes.map((w) => w.writeId)).size).toBe(writes.length);
  expect(writes.every((w) => /^[0-9a-f]{8}-\d{8}$/.test(w.writeId))).toBe(true);
  const fresh = writes.filter((w) => w.table === 'drill.acct' && w.key.length > 3);
  expect(fresh.filter((w) => w.kind === 'set').length).toBeGreaterThan(100);
  expect(fresh.filter((w) => w.kind === 'delete').length).toBeGreaterThan(50);
  expect(writes.every((w) => (w.kind === 'delete') === (w.digest === '') && w.retryable === (w.table === 'drill.orders'))).toBe(true);
});
