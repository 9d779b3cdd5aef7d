/** A curve in bounded space: what goes in is still in the sum when its buckets were joined, and a bucket that still fills is not told. */
import * as fc from 'fast-check';
import { Curve, CURVE_BUCKETS } from '../../core/curve.ts';

const counting = () => new Curve<number>({ bucketMs: 500, none: 0, join: (a, b) => a + b });
const worst = () => new Curve<number | null>({ bucketMs: 500, none: null, join: (a, b) => (a === null ? b : b === null ? a : Math.max(a, b)) });

test('what was added is there, once, however long it goes on; room and buckets are bounded', () =>
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 4 * 3_600_000 }), { minLength: 1, maxLength: 300 }), (times) => {
      times.sort((a, b) => a - b);
      const curve = counting();
      for (const ms of times) curve.add(ms, 1);
      const end = times.at(-1)!;
      const whole = curve.whole(end + curve.bucketMs);
      expect(whole.reduce((a, b) => a + b, 0)).toBe(times.length);
      expect(whole.length).toBeLessThanOrEqual(CURVE_BUCKETS);
      expect((end - times[0]!) / curve.bucketMs).toBeLessThan(CURVE_BUCKETS);
    }),
  ));

test('each bucket has what came in its time', () => {
  const curve = counting();
  for (const [ms, n] of [
    [1_200, 1],
    [1_499, 2],
    [1_500, 4],
    [2_600, 8],
  ] as const)
    curve.add(ms, n);
  expect([curve.startMs, curve.whole(3_000)]).toEqual([1_000, [3, 4, 0, 8]]);
  // the last one still fills
  expect(curve.whole(2_999)).toEqual([3, 4, 0]);
  expect(curve.whole(4_200)).toEqual([3, 4, 0, 8, 0, 0]);
});

test('when buckets are joined a peak stays a peak, and what could not be read stays unread', () => {
  const curve = worst();
  curve.add(0, 10);
  curve.add(700, 9_000);
  curve.add(1_000, null);
  curve.add(500 * CURVE_BUCKETS, 20);
  expect(curve.bucketMs).toBe(1_000);
  expect(curve.whole(500 * CURVE_BUCKETS + 1_000)).toEqual([9_000, ...Array.from({ length: CURVE_BUCKETS / 2 - 1 }, () => null), 20]);
});

test('what has no time, or one before the first, is left out', () => {
  const curve = counting();
  curve.add(-Infinity, 1);
  expect([curve.startMs, curve.whole(1_000)]).toEqual([null, []]);
  curve.add(5_000, 1);
  curve.add(4_000, 1);
  expect(curve.whole(6_000)).toEqual([1, 0]);
});
