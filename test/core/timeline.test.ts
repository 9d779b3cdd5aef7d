import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { LedgerAttempt } from '../../core/ledger.ts';
import { type Arrival, arrivalsOf, outagesOf, rateSeries, rpoAtPromotionSeconds, serviceRto, SUSTAIN_MS } from '../../core/timeline.ts';

const MS = 1_000_000n;

/** '.' acked, 'x' not acked, ' ' nobody wrote; one arrival every `stepMs`. "10.5x" style runs: a number before a sign repeats it. */
function arrivals(text: string, stepMs: number): Arrival[] {
  const flat = text.replaceAll(/(\d+)([.x_])/g, (_, n: string, sign: string) => sign.repeat(Number(n)));
  return flat.split('').flatMap((sign, i) => (sign === '_' ? [] : [{ atNs: BigInt(i * stepMs) * MS, acked: sign === '.' }]));
}

const shown = (list: Arrival[]): string =>
  outagesOf(list)
    .map((o) => `${Number(o.fromNs / MS)}–${o.toNs === null ? '…' : Number(o.toNs / MS)}(${o.failed})`)
    .join(' ') || 'none';

describe('outages: 100 arrivals a second', () => {
  // arrivals every 10 ms, what there is → outages, from–to in ms (arrivals not acked)
  test.each([
    ['no arrival at all', '', 'none'],
    ['all acked', '1000.', 'none'],
    ['a lone error', '500.x500.', 'none'],
    ['four errors in a row: 3 of 300 after the first, 99 %', '500.4x500.', 'none'],
    ['five in a row: 4 of 300 after the first', '500.5x500.', '5000–5050(5)'],
    ['a second of silence from the service', '500.100x500.', '5000–6000(100)'],
    ['errors before the outage proper belong to it when close', '500.x100.100x500.', '5000–7010(101)'],
    ['errors long before it do not', '500.x400.100x500.', '9010–10010(100)'],
    ['a short revival is not the end', '500.100x100.100x500.', '5000–8000(200)'],
    ['two outages, 4 s apart', '500.100x400.100x500.', '5000–6000(100) 10000–11000(100)'],
    ['single errors after the end are no outage', '500.100x100.x299.x500.', '5000–6000(100)'],
    ['down to the end', '500.100x', '5000–…(100)'],
    ['back too late to prove it', '500.100x200.', '5000–…(100)'],
    ['back for the sustain window and one more', '500.100x301.', '5000–6000(100)'],
    ['the very last write has no answer', '500.x', 'none'],
    ['down from the first write', '100x500.', '0–1000(100)'],
  ])('%s', (_, text, outcome) => {
    expect(shown(arrivals(text, 10))).toBe(outcome);
  });
});

describe('outages: two arrivals a second, the window grows to 20 arrivals', () => {
  test.each([
    ['a lone error', '50.x50.', 'none'],
    ['two errors within 20 arrivals: 1 of 20 after the first', '50.x5.x50.', '25000–28500(2)'],
    ['two errors 20 arrivals apart', '50.x20.x50.', 'none'],
    ['back for 19 arrivals only', '50.5x19.', '25000–…(5)'],
    ['back for 21', '50.5x21.', '25000–27500(5)'],
  ])('%s', (_, text, outcome) => {
    expect(shown(arrivals(text, 500))).toBe(outcome);
  });
});

const rto = (text: string, stepMs = 10) => {
  const { ms, stillDown, reason } = serviceRto(arrivals(text, stepMs), 5000n * MS);
  return ms === null ? `${stillDown ? 'down' : 'unknown'}: ${reason}` : `${ms}`;
};

describe('service RTO from 5000 ms', () => {
  test.each([
    ['no write', '', 'unknown: the ledger has no write after the fault'],
    ['no write after the fault', '400.', 'unknown: the ledger has no write after the fault'],
    ['nothing happened', '1000.', '0'],
    ['nothing happened, but nobody looked for long', '600.', 'unknown: the ledger ends within the sustain window after the fault'],
    ['an outage that was over before does not count', '100.100x900.', '0'],
    ['one second', '500.100x500.', '1000'],
    ['the last outage counts', '500.100x400.100x500.', '6000'],
    ['one that began before the fault counts from the fault', '450.100x500.', '500'],
    ['down to the end', '500.100x', 'down: the service was not back when the ledger ended'],
    ['the writer was away in the outage', '500.10x400_10x500.', 'unknown: the writer itself was silent for 4.0 s'],
    ['the writer was away after it', '500.100x500.400_500.', '1000'],
    ['the writer was away at the fault and all is well later', '499.400_900.', 'unknown: the writer itself was silent for 4.0 s'],
  ])('%s', (_, text, outcome) => {
    expect(rto(text)).toBe(outcome);
  });

  test('the error is the distance between the last failure and the first success', () => {
    expect(serviceRto(arrivals('500.100x500.', 10), 5000n * MS).errorMs).toBe(10);
  });
});

describe('properties', () => {
  const anyArrivals = fc.array(fc.tuple(fc.integer({ min: 1, max: 400 }), fc.boolean()), { maxLength: 400 }).map((steps) => {
    let at = 0n;
    return steps.map(([stepMs, acked]): Arrival => ({ atNs: (at += BigInt(stepMs) * MS), acked }));
  });

  test('outages are ordered and apart, begin at a failure, end at a success, and hold their count', () => {
    fc.assert(
      fc.property(anyArrivals, (list) => {
        let before = -1n;
        for (const o of outagesOf(list)) {
          expect(o.fromNs).toBeGreaterThan(before);
          expect(list.find((a) => a.atNs === o.fromNs)?.acked).toBe(false);
          const inside = list.filter((a) => a.atNs >= o.fromNs && (o.toNs === null || a.atNs < o.toNs));
          expect(inside.filter((a) => !a.acked)).toHaveLength(o.failed);
          if (o.toNs === null) break;
          expect(list.find((a) => a.atNs === o.toNs)?.acked).toBe(true);
          before = o.toNs;
        }
      }),
    );
  });

  test('the definition, checked by brute force: a time outside all outages has no failure that opens one, and each end opens a window of 99 %', () => {
    fc.assert(
      fc.property(anyArrivals, (list) => {
        const window = (from: number): Arrival[] => {
          const timed = list.slice(from).filter((a) => a.atNs < (list[from === 0 ? 0 : from]?.atNs ?? 0n) + BigInt(SUSTAIN_MS) * MS);
          return timed.length >= 20 ? timed : list.slice(from, from + 20);
        };
        for (const o of outagesOf(list)) {
          if (o.toNs === null) continue;
          const w = window(list.findIndex((a) => a.atNs === o.toNs));
          expect(w.length).toBeGreaterThanOrEqual(20);
          expect(w.filter((a) => a.acked).length / w.length).toBeGreaterThanOrEqual(0.99);
        }
      }),
    );
  });

  test('a fault that took the service for longer than the sustain window is never seen as shorter than its failures', () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 4000 }), fc.integer({ min: 1, max: 50 }), (failed, stepMs) => {
        fc.pre(failed * stepMs >= SUSTAIN_MS);
        const list = arrivals(`400.${failed}x${400 + Math.ceil(SUSTAIN_MS / stepMs)}.`, stepMs);
        const { ms } = serviceRto(list, BigInt(400 * stepMs) * MS);
        expect(ms).toBe(failed * stepMs);
      }),
    );
  });
});

const attempt = (more: Partial<LedgerAttempt>): LedgerAttempt => ({
  writeId: 'w',
  attempt: 1,
  kind: 'insert',
  table: 't',
  key: 'w',
  digest: '',
  intendedNs: 0n,
  sentNs: 0n,
  repliedNs: 0n,
  outcome: 'acked',
  matched: 1,
  changed: 1,
  serverUuid: 'u',
  gtid: 'g',
  error: undefined,
  ...more,
});

test('arrivals are first attempts in the order of their intended times', () => {
  const list = [attempt({ intendedNs: 5n }), attempt({ intendedNs: 9n, attempt: 2 }), attempt({ intendedNs: 3n, outcome: 'unknown' })];
  expect(arrivalsOf(list)).toEqual([
    { atNs: 3n, acked: false },
    { atNs: 5n, acked: true },
  ]);
});

test('rates by bucket of intended time', () => {
  const list = [
    attempt({ intendedNs: 1000n * MS }),
    attempt({ intendedNs: 1099n * MS, outcome: 'failed' }),
    attempt({ intendedNs: 1250n * MS, outcome: 'unknown' }),
    attempt({ intendedNs: 1250n * MS }),
  ];
  expect(rateSeries(list, 100)).toEqual({ bucketMs: 100, startNs: '1000000000', acked: [1, 0, 1], failed: [1, 0, 0], unknown: [0, 0, 1] });
  expect(rateSeries([], 100).acked).toEqual([]);
});

test.each([
  ['nothing lost', [['kept', 1]], null],
  ['nothing kept', [['lost', 1]], null],
  [
    'lost 2 s after the last that was kept',
    [
      ['kept', 1],
      ['kept', 3],
      ['lost', 2],
      ['lost', 5],
    ],
    2,
  ],
  [
    'lost before the last kept',
    [
      ['lost', 2],
      ['kept', 5],
    ],
    0,
  ],
] as const)('RPO at promotion: %s', (_, list, outcome) => {
  const attempts = list.map(([gtid, s]) => attempt({ gtid, repliedNs: BigInt(s) * 1_000_000_000n }));
  expect(rpoAtPromotionSeconds(attempts, (a) => a.gtid as 'lost' | 'kept')).toBe(outcome);
});
