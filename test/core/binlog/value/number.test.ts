import { expect, test } from '@jest/globals';
import { putDouble, putFloat } from '../../../../core/binlog/value/float.ts';
import { decimalBytes, putDecimal, putInt32, putInt64, putPadded, putUint, putUint64 } from '../../../../core/binlog/value/number.ts';
import { chance } from './chance.ts';
import type { Chance } from './chance.ts';

const SEED = Number(process.env['SEED'] ?? 3);
const to = new DataView(new ArrayBuffer(128));
const text = (put: (to: DataView, at: number) => number): string => Buffer.from(to.buffer, 1, put(to, 1) - 1).toString('latin1');
const halves = (n: bigint): [number, number] => [Number(BigInt.asUintN(64, n) >> 32n), Number(n & 0xffff_ffffn)];

/** As expect: there are many. */
function same(got: string, expected: string): void {
  if (got !== expected) throw new Error(`seed ${SEED}: ${expected} is written ${got}`);
}

/** Integers of every length, and those beside powers of ten and two. */
function integers(c: Chance): bigint[] {
  const some: bigint[] = [];
  for (let i = 0n; i < 20n; i++) for (const d of [-1n, 0n, 1n]) some.push(10n ** i + d);
  for (let i = 0n; i <= 64n; i++) for (const d of [-1n, 0n, 1n]) some.push(2n ** i + d);
  for (let i = 0; i < 5_000; i++) some.push((BigInt(c.below(2 ** 32)) << 32n) | (BigInt(c.below(2 ** 32)) >> BigInt(c.below(33))));
  return some.map((n) => BigInt.asUintN(64, n));
}

test('integers of 64 bits', () => {
  for (const n of integers(chance(SEED))) {
    const [high, low] = halves(n);
    same(
      text((b, at) => putUint64(b, at, high, low)),
      String(n),
    );
    same(
      text((b, at) => putInt64(b, at, high, low)),
      String(BigInt.asIntN(64, n)),
    );
    if (n <= 2n ** 53n)
      same(
        text((b, at) => putUint(b, at, Number(n))),
        String(n),
      );
    same(
      text((b, at) => putInt32(b, at, low | 0)),
      String(low | 0),
    );
  }
});

test('digits with leading zeros', () => {
  for (const width of [1, 2, 3, 4, 5, 6, 7, 8, 9])
    for (const n of [0, 1, 7, 10 ** (width - 1), 10 ** width - 1]) expect(text((b, at) => putPadded(b, at, n, width))).toBe(String(n).padStart(width, '0'));
});

function* doubles(c: Chance, n: number): Generator<number> {
  yield* [0, -0, 5e-324, 2 ** -1022, Number.MAX_VALUE, Number.EPSILON, 1e-6, 9.99e-7, 1e15, 1e16, 1e21, 1e22, 123456789012345.6, 0.1 + 0.2, 4.35, 2 ** 53];
  for (let i = -50; i < 70; i++) yield* [2 ** i, 2 ** i * (1 + Number.EPSILON), 2 ** i * (1 - Number.EPSILON / 2)];
  const bits = new DataView(new ArrayBuffer(8));
  for (let i = 0; i < n; i++) {
    bits.setUint32(0, c.below(2 ** 32));
    bits.setUint32(4, c.below(2 ** 32));
    yield bits.getFloat64(0);
    const whole = c.below(2 ** 32) * 2 ** c.below(20) + c.below(2 ** 20);
    yield whole / 10 ** c.below(23);
    yield (c.below(2 ** 32) / 2 ** 32 + 1) * 10 ** (c.below(24) - 8);
    yield whole / (1 + c.below(1e6));
    // beside a number of nine digits: the digits behind carry into them
    const nine = (1e8 + c.below(9e8)) / 10 ** c.below(10);
    yield nine * (1 + (c.below(9) - 4) * Number.EPSILON);
  }
}

test('a double is what JavaScript prints', () => {
  for (const x of doubles(chance(SEED), 15_000)) {
    if (!Number.isFinite(x)) continue;
    const expected = Object.is(x, -0) ? '-0' : String(x);
    same(
      text((b, at) => putDouble(b, at, x)),
      expected,
    );
  }
});

const digitsOf = (s: string): number =>
  s
    .replace(/e.*/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+|0+$/g, '').length;

test('a float reads back, and nothing shorter does', () => {
  for (const d of doubles(chance(SEED), 6_000)) {
    const x = Math.fround(d);
    if (!Number.isFinite(x)) continue;
    const got = text((b, at) => putFloat(b, at, x));
    if (!Object.is(Math.fround(Number(got)), x)) throw new Error(`seed ${SEED}: ${x} is written ${got}`);
    for (let digits = 1; digits < digitsOf(got); digits++)
      if (Math.fround(Number(x.toPrecision(digits))) === x) throw new Error(`seed ${SEED}: ${x} is written ${got}, and not ${x.toPrecision(digits)}`);
  }
});

/** MySQL strings/decimal.cc, decimal2bin. */
function stored(digits: string, scale: number, negative: boolean): Uint8Array {
  const bytes: number[] = [];
  const group = (part: string) => {
    const size = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4][part.length]!;
    for (let i = size - 1; i >= 0; i--) bytes.push(Math.floor(Number(part) / 256 ** i) & 0xff);
  };
  const whole = digits.slice(0, digits.length - scale);
  const first = whole.length % 9;
  if (first > 0) group(whole.slice(0, first));
  for (let i = first; i < whole.length; i += 9) group(whole.slice(i, i + 9));
  for (let i = whole.length; i < digits.length; i += 9) group(digits.slice(i, i + 9));
  bytes[0]! ^= 0x80;
  return Uint8Array.from(bytes, (b) => (negative ? ~b : b));
}

test('decimals of every precision and scale', () => {
  const c = chance(SEED);
  for (let precision = 1; precision <= 65; precision++)
    for (let scale = 0; scale <= Math.min(30, precision); scale++)
      for (const kind of ['9', '0', 'any'] as const) {
        const digits = kind === 'any' ? Array.from({ length: precision }, () => c.below(10)).join('') : kind.repeat(precision);
        const negative = kind !== '0' && c.below(2) === 0;
        const bytes = stored(digits, scale, negative);
        if (bytes.length !== decimalBytes(precision, scale)) throw new Error(`DECIMAL(${precision},${scale}) has ${bytes.length} bytes`);
        const whole = digits.slice(0, precision - scale).replace(/^0+/, '') || '0';
        const expected = `${negative ? '-' : ''}${whole}${scale > 0 ? `.${digits.slice(precision - scale)}` : ''}`;
        same(
          text((b, at) => putDecimal(b, at, bytes, 0, precision, scale)),
          expected,
        );
      }
});
