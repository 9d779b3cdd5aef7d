/** FLOAT and DOUBLE as the shortest decimal that reads back to the same bits, in JavaScript's notation. */
import { putPadded, putUint } from './number.ts';

const scratch = new DataView(new ArrayBuffer(8));
const POWERS = [1, 10, 100, 1e3, 1e4, 1e5, 1e6];
const FLOAT_NORMAL_MIN = 2 ** -126;

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

/** n / 10^places, n an integer. */
function putScaled(to: Uint8Array, at: number, n: number, places: number): number {
  const power = POWERS[places]!;
  const whole = Math.floor(n / power);
  const p = putUint(to, at, whole);
  to[p] = 46;
  return putPadded(to, p + 1, n - whole * power, places);
}

function putString(to: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) to[at + i] = text.charCodeAt(i);
  return at + text.length;
}

/**
 * A finite double. Short decimals take a path without strings: where round(x * 10^k) has at most 15 digits and divided by 10^k gives x again,
 * its digits are the shortest (every decimal of 15 digits is told apart by a double).
 */
export function putDouble(to: Uint8Array, at: number, value: number): number {
  let p = at;
  let x = value;
  if (x < 0 || Object.is(x, -0)) {
    to[p++] = 45;
    x = -x;
  }
  if (x < 1e15 && Math.floor(x) === x) return putUint(to, p, x);
  if (x < 1e9 && x >= 1e-6) {
    for (let places = 1; places <= 6; places++) {
      const power = POWERS[places]!;
      const n = Math.round(x * power);
      if (n / power === x) return putScaled(to, p, n, places);
    }
  }
  return putString(to, p, String(x));
}

/**
 * A finite float (its exact value as a double). The same, with seven digits; beyond, the first of 6 to 9 digits that reads back (IEEE 754: nine always do).
 * Reading back by way of a double gives the same float as reading directly, but where the double
 * stands exactly between two floats and the decimal may not: such a candidate is not taken.
 */
export function putFloat(to: Uint8Array, at: number, value: number): number {
  let p = at;
  let x = value;
  if (x < 0 || Object.is(x, -0)) {
    to[p++] = 45;
    x = -x;
  }
  if (x < 0x100_0000) {
    if (Math.floor(x) === x) return putUint(to, p, x);
    if (x >= 1e-3) {
      for (let places = 1; places <= 6; places++) {
        const power = POWERS[places]!;
        const n = Math.round(x * power);
        if (n > 9_999_999) break;
        if (Math.fround(n / power) === x) return putScaled(to, p, n, places);
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
