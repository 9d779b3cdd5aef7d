/**
 * Numbers as decimal digits, written into a buffer that has room for them. Every function returns the position behind what it wrote.
 * At most: 20 bytes for an integer, 25 for a float or double, 67 for a DECIMAL.
 */

/** Decimal digits in value, for value < 1e9; 1 for 0. */
export function digitCount(n: number): number {
  if (n < 100_000) return n < 100 ? (n < 10 ? 1 : 2) : n < 1_000 ? 3 : n < 10_000 ? 4 : 5;
  return n < 10_000_000 ? (n < 1_000_000 ? 6 : 7) : n < 100_000_000 ? 8 : 9;
}

const TENS = new Uint8Array(100);
const ONES = new Uint8Array(100);
for (let i = 0; i < 100; i++) {
  TENS[i] = 48 + Math.floor(i / 10);
  ONES[i] = 48 + (i % 10);
}

/** Exactly `width` digits of n < 1e9, with leading zeros. */
export function putPadded(to: Uint8Array, at: number, n: number, width: number): number {
  let rest = n | 0;
  let i = at + width - 2;
  while (i >= at) {
    const q = (rest / 100) | 0;
    const pair = rest - q * 100;
    to[i] = TENS[pair]!;
    to[i + 1] = ONES[pair]!;
    rest = q;
    i -= 2;
  }
  if (i === at - 1) to[at] = 48 + rest;
  return at + width;
}

/** Two digits of n < 100. */
export function put2(to: Uint8Array, at: number, n: number): number {
  to[at] = TENS[n]!;
  to[at + 1] = ONES[n]!;
  return at + 2;
}

/** 0 ≤ n < 2^31: without doubles. */
export function putSmall(to: Uint8Array, at: number, n: number): number {
  if (n < 100) {
    if (n >= 10) return put2(to, at, n);
    to[at] = 48 + n;
    return at + 1;
  }
  if (n < 1_000_000_000) return putPadded(to, at, n, digitCount(n));
  const billions = (n / 1_000_000_000) | 0;
  to[at] = 48 + billions;
  return putPadded(to, at + 1, n - billions * 1_000_000_000, 9);
}

/** 0 ≤ n ≤ 2^53. */
export function putUint(to: Uint8Array, at: number, n: number): number {
  if (n < 0x8000_0000) return putSmall(to, at, n | 0);
  const high = Math.floor(n / 1e9);
  return putPadded(to, putUint(to, at, high), n - high * 1e9, 9);
}

/** Any int32. */
export function putInt32(to: Uint8Array, at: number, n: number): number {
  if (n >= 0) return putSmall(to, at, n);
  to[at] = 45;
  return n === -0x8000_0000 ? putUint(to, at + 1, 0x8000_0000) : putSmall(to, at + 1, -n | 0);
}

/** high * 2^32 + low, both unsigned. */
export function putUint64(to: Uint8Array, at: number, high: number, low: number): number {
  if (high < 0x200000) return putUint(to, at, high * 0x1_0000_0000 + low);
  // long division by 1e9 in base 65536: every remainder times 65536 stays below 2^53
  const a = Math.floor(high / 1e9);
  const b = (high - a * 1e9) * 65536 + (low >>> 16);
  const c = Math.floor(b / 1e9);
  const d = (b - c * 1e9) * 65536 + (low & 0xffff);
  const e = Math.floor(d / 1e9);
  const quotient = a * 0x1_0000_0000 + c * 65536 + e;
  return putPadded(to, putUint(to, at, quotient), d - e * 1e9, 9);
}

/** Two's complement in two unsigned halves. */
export function putInt64(to: Uint8Array, at: number, high: number, low: number): number {
  if (high < 0x8000_0000) return putUint64(to, at, high, low);
  to[at] = 45;
  const negLow = -low >>> 0;
  return putUint64(to, at + 1, (~high + (low === 0 ? 1 : 0)) >>> 0, negLow);
}

export const DECIMAL_DIGITS_MAX = 65;
export const DECIMAL_SCALE_MAX = 30;
const DIGIT_BYTES = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
const GROUP_LIMIT = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/** Bytes of a DECIMAL(precision, scale) (MySQL strings/decimal.cc, decimal_bin_size). */
export function decimalBytes(precision: number, scale: number): number {
  const whole = precision - scale;
  return ((whole / 9) | 0) * 4 + DIGIT_BYTES[whole % 9]! + ((scale / 9) | 0) * 4 + DIGIT_BYTES[scale % 9]!;
}

/** One group of big-endian bytes, `flip` 255 where the number is negative. The sign's bit stands in the first byte of all. */
function group(buf: Uint8Array, pos: number, bytes: number, flip: number, sign: number): number {
  let n = 0;
  for (let i = 0; i < bytes; i++) {
    const b = buf[pos + i]! ^ flip;
    n = n * 256 + (i === 0 ? b ^ sign : b);
  }
  return n;
}

/**
 * A DECIMAL with all its scale digits (MySQL strings/decimal.cc, decimal2bin: groups of nine digits in four bytes, big-endian, the top bit of the first
 * byte inverted, a negative number's bytes all inverted). -1: a group holds more than its digits.
 */
export function putDecimal(to: Uint8Array, at: number, buf: Uint8Array, pos: number, precision: number, scale: number): number {
  const negative = (buf[pos]! & 0x80) === 0;
  const flip = negative ? 0xff : 0;
  let sign = 0x80;
  let from = pos;
  let p = at;
  if (negative) to[p++] = 45;
  const begin = p;
  let left = precision - scale;
  while (left > 0) {
    const digits = left % 9 || 9;
    const bytes = DIGIT_BYTES[digits]!;
    const n = group(buf, from, bytes, flip, sign);
    if (n >= GROUP_LIMIT[digits]!) return -1;
    sign = 0;
    if (p > begin) p = putPadded(to, p, n, digits);
    else if (n > 0) p = putUint(to, p, n);
    from += bytes;
    left -= digits;
  }
  if (p === begin) to[p++] = 48;
  if (scale === 0) return p;
  to[p++] = 46;
  left = scale;
  while (left > 0) {
    const digits = left > 9 ? 9 : left;
    const bytes = DIGIT_BYTES[digits]!;
    const n = group(buf, from, bytes, flip, sign);
    if (n >= GROUP_LIMIT[digits]!) return -1;
    sign = 0;
    p = putPadded(to, p, n, digits);
    from += bytes;
    left -= digits;
  }
  return p;
}
