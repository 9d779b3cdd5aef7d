/** FLOAT and DOUBLE as the shortest decimal that reads back to the same bits, in JavaScript's notation. */
import { digitCount, putPadded, putUint } from './number.ts';

const scratch = new DataView(new ArrayBuffer(8));
/** 10^n, all of them exact */
const POWERS = Array.from({ length: 23 }, (_, i) => 10 ** i);
const FLOAT_NORMAL_MIN = 2 ** -126;
/** Below, JavaScript writes an exponent. */
const FIXED_MIN = 1e-6;

export function float32At(buf: Uint8Array, pos: number): number {
  scratch.setInt32(0, buf[pos]! | (buf[pos + 1]! << 8) | (buf[pos + 2]! << 16) | (buf[pos + 3]! << 24));
  return scratch.getFloat32(0);
}

export function float64At(buf: Uint8Array, pos: number): number {
  scratch.setInt32(4, buf[pos]! | (buf[pos + 1]! << 8) | (buf[pos + 2]! << 16) | (buf[pos + 3]! << 24));
  scratch.setInt32(0, buf[pos + 4]! | (buf[pos + 5]! << 8) | (buf[pos + 6]! << 16) | (buf[pos + 7]! << 24));
  return scratch.getFloat64(0);
}

/** How a float that is no number is called. */
export const nonFinite = (x: number): string => (Number.isNaN(x) ? 'nan' : x > 0 ? 'inf' : '-inf');

function putString(to: DataView, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) to.setUint8(at + i, text.charCodeAt(i));
  return at + text.length;
}

/** Decimal digits before the point, for 1 ≤ x < 1e15; for 1e-6 ≤ x < 1 minus the zeros behind it. */
function exponentOf(x: number): number {
  if (x >= 1e9) return 9 + digitCount(Math.floor(x / 1e9));
  if (x >= 1) return digitCount(x | 0);
  let zeros = 0;
  while (x * POWERS[zeros + 1]! < 1) zeros++;
  return -zeros;
}

function trimZeros(to: DataView, end: number): number {
  let p = end;
  while (to.getUint8(p - 1) === 48) p--;
  return p;
}

/** n / 10^places, not an integer, without zeros at the end; n < 1e15. */
function putScaled(to: DataView, at: number, n: number, places: number): number {
  const power = POWERS[places]!;
  const whole = Math.floor(n / power);
  let p = putUint(to, at, whole);
  to.setUint8(p++, 46);
  let rest = n - whole * power;
  let width = places;
  for (; width > 18; width--) to.setUint8(p++, 48);
  if (width > 9) {
    const high = Math.floor(rest / 1e9);
    p = putPadded(to, p, high, width - 9);
    rest -= high * 1e9;
    width = 9;
  }
  return trimZeros(to, putPadded(to, p, rest, width));
}

/** A finite double. The last resort is the engine's own conversion, which makes a string. */
export function putDouble(to: DataView, at: number, value: number): number {
  let p = at;
  let x = value;
  if (x < 0 || Object.is(x, -0)) {
    to.setUint8(p++, 45);
    x = -x;
  }
  if (x < 1e15) {
    if (Math.floor(x) === x) return putUint(to, p, x);
    if (x >= FIXED_MIN) {
      const exponent = exponentOf(x);
      // every decimal of 15 digits is told apart by a double: if there is one that reads back, this is it
      const places = 15 - exponent;
      const power = POWERS[places]!;
      const n = Math.round(x * power);
      if (n / power === x) return putScaled(to, p, n, places);
      const q = putLong(to, p, x, exponent);
      if (q > 0) return q;
    }
  }
  return putString(to, p, String(x));
}

/** How sure a comparison of sums near 1e8 is: they are rounded at 1e-8. */
const MARGIN = 1e-6;
const SPLITTER = 2 ** 27 + 1;

/**
 * A double that needs 16 or 17 digits, x = w * 10^-(17 - exponent) with w in [1e16, 1e17). w is exact as a sum of two doubles (T. Dekker, 1971: a product
 * and its error; 10^22 is still exact), and so is δ, half the distance to the next double, in the same unit: a multiple of ten within δ of w has 16 digits
 * and reads back, else the next integer does. 0 where it is too close to tell, and at powers of two, whose neighbours are not equally far.
 */
function putLong(to: DataView, at: number, x: number, exponent: number): number {
  const power = POWERS[17 - exponent]!;
  scratch.setFloat64(0, x);
  const bits = scratch.getInt32(0);
  if (scratch.getInt32(4) === 0 && (bits & 0xf_ffff) === 0) return 0;
  scratch.setInt32(0, ((bits >>> 20) - 53) << 20);
  scratch.setInt32(4, 0);
  const delta = scratch.getFloat64(0) * power;
  const product = x * power;
  const error = productError(x, power, product);
  let high = Math.floor(product / 1e8);
  // the quotient may have been rounded up to an integer: then this is negative, and the digits are set right below
  const w = product - high * 1e8 + error;
  let low = Math.round(w / 10) * 10;
  let distance = Math.abs(low - w);
  if (Math.abs(distance - delta) < MARGIN || Math.abs(distance - 5) < MARGIN) return 0;
  if (distance > delta) {
    low = Math.round(w);
    distance = Math.abs(low - w);
    if (Math.abs(distance - 0.5) < MARGIN) return 0;
  }
  if (low < 0) {
    high--;
    low += 1e8;
  } else if (low >= 1e8) {
    high++;
    low -= 1e8;
  }
  return high >= 1e8 && high < 1e9 ? putDigits(to, at, high, low, exponent) : 0;
}

/** x * y - product, exactly. */
function productError(x: number, y: number, product: number): number {
  const a = SPLITTER * x;
  const xHigh = a - (a - x);
  const xLow = x - xHigh;
  const b = SPLITTER * y;
  const yHigh = b - (b - y);
  const yLow = y - yHigh;
  return xLow * yLow - (product - xHigh * yHigh - xLow * yHigh - xHigh * yLow);
}

/** The 17 digits of high (9) and low (8), the point behind `exponent` of them. */
function putDigits(to: DataView, at: number, high: number, low: number, exponent: number): number {
  let p = at;
  if (exponent <= 0) {
    to.setUint8(p++, 48);
    to.setUint8(p++, 46);
    for (let i = exponent; i < 0; i++) to.setUint8(p++, 48);
    return trimZeros(to, putPadded(to, putPadded(to, p, high, 9), low, 8));
  }
  const end = putPadded(to, putPadded(to, p + 1, high, 9), low, 8);
  for (let i = 0; i < exponent; i++, p++) to.setUint8(p, to.getUint8(p + 1));
  to.setUint8(p, 46);
  return trimZeros(to, end);
}

/**
 * A finite float (its exact value as a double): the first of 6 to 9 digits that reads back (IEEE 754: nine always do, and what has fewer than six has zeros
 * behind). Reading back by way of a double gives the same float as reading directly, but where the double stands exactly between two floats and the
 * decimal may not: such a candidate is not taken.
 */
export function putFloat(to: DataView, at: number, value: number): number {
  let p = at;
  let x = value;
  if (x < 0 || Object.is(x, -0)) {
    to.setUint8(p++, 45);
    x = -x;
  }
  if (x < 0x100_0000) {
    if (Math.floor(x) === x) return putUint(to, p, x);
    if (x >= FIXED_MIN) {
      // an integer below 2^24 is a float itself: there is at least one digit behind the point
      const first = Math.max(1, 6 - exponentOf(x));
      for (let places = first; places < first + 4; places++) {
        const n = Math.round(x * POWERS[places]!);
        const candidate = n / POWERS[places]!;
        if (Math.fround(candidate) === x && !isMidpoint(candidate)) return putScaled(to, p, n, places);
      }
    }
  }
  return putString(to, p, shortestFloat(x));
}

function shortestFloat(x: number): string {
  for (let digits = x < FLOAT_NORMAL_MIN ? 1 : 6; digits < 9; digits++) {
    const candidate = Number(x.toPrecision(digits));
    if (Math.fround(candidate) === x && (Number.isSafeInteger(candidate) || !isMidpoint(candidate))) return String(candidate);
  }
  return String(Number(x.toPrecision(9)));
}

/** The double stands exactly between two floats (the 29 bits that a float has not are 1000…). */
function isMidpoint(x: number): boolean {
  scratch.setFloat64(0, x);
  return (scratch.getUint32(4) & 0x1fff_ffff) === 0x1000_0000;
}
