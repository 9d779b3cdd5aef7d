/**
 * Numbers as decimal digits. `to` must have room for 8 bytes more than the number has: digits are written four at a time, and what stands behind the
 * answer is without meaning. Every function answers the position behind what it wrote. At most: 20 bytes for an integer, 25 for a float or double, 84 for
 * a DECIMAL.
 */

/** Four digits of n < 10,000 and two of n < 100, as they stand in memory when they are written little-endian. */
const FOUR = new Uint32Array(10_000);
const TWO = new Uint16Array(100);
for (let n = 0; n < 100; n++) TWO[n] = (48 + ((n / 10) | 0)) | ((48 + (n % 10)) << 8);
// every thread does this anew: no garbage
for (let n = 0; n < 10_000; n++) FOUR[n] = TWO[(n / 100) | 0]! | (TWO[n % 100]! << 16);

/** By leading zero bits of n: digits that n has at least, and the first number that has more. Without branches: how long a number is cannot be foretold. */
const DIGITS = new Uint8Array(33);
for (let zeros = 0; zeros <= 32; zeros++) DIGITS[zeros] = String(zeros === 32 ? 0 : 2 ** (31 - zeros)).length;
const NEXT = Int32Array.from({ length: 11 }, (_, i) => Math.min(10 ** i, 0x7fff_ffff));

/** Decimal digits in 0 ≤ n < 1e9; 1 for 0. */
export function digitCount(n: number): number {
  const least = DIGITS[Math.clz32(n)]!;
  return least + ((NEXT[least]! - 1 - n) >>> 31);
}

/** n < 10,000, without leading zeros. */
function putFew(to: DataView, at: number, n: number): number {
  const digits = digitCount(n);
  to.setInt32(at, FOUR[n]! >>> (32 - 8 * digits), true);
  return at + digits;
}

export function put2(to: DataView, at: number, n: number): number {
  to.setUint16(at, TWO[n]!, true);
  return at + 2;
}

/** Exactly four digits. */
export function put4(to: DataView, at: number, n: number): number {
  to.setInt32(at, FOUR[n]!, true);
  return at + 4;
}

/** Exactly eight digits. */
function put8(to: DataView, at: number, n: number): number {
  const high = (n / 10_000) | 0;
  to.setInt32(at, FOUR[high]!, true);
  to.setInt32(at + 4, FOUR[n - high * 10_000]!, true);
  return at + 8;
}

/** Exactly `width` digits (1 to 9) of an integer n < 1e9, with leading zeros. */
export function putPadded(to: DataView, at: number, n: number, width: number): number {
  if (width === 9) {
    const first = (n / 100_000_000) | 0;
    to.setUint8(at, 48 + first);
    return put8(to, at + 1, n - first * 100_000_000);
  }
  if (width > 4) {
    const high = (n / 10_000) | 0;
    const p = putPadded(to, at, high, width - 4);
    return put4(to, p, n - high * 10_000);
  }
  to.setInt32(at, FOUR[n]! >>> (32 - 8 * width), true);
  return at + width;
}

/** 0 ≤ n < 2^31: without doubles. */
export function putSmall(to: DataView, at: number, n: number): number {
  if (n < 10_000) return putFew(to, at, n);
  const high = (n / 10_000) | 0;
  if (high < 10_000) return put4(to, putFew(to, at, high), n - high * 10_000);
  const higher = (high / 10_000) | 0;
  const p = put4(to, putFew(to, at, higher), high - higher * 10_000);
  return put4(to, p, n - high * 10_000);
}

/** 0 ≤ n ≤ 2^53. */
export function putUint(to: DataView, at: number, n: number): number {
  if (n < 0x8000_0000) return putSmall(to, at, n | 0);
  const high = Math.floor(n / 1e8);
  const p = high < 0x8000_0000 ? putSmall(to, at, high | 0) : putUint(to, at, high);
  return put8(to, p, (n - high * 1e8) | 0);
}

/** Any int32. */
export function putInt32(to: DataView, at: number, n: number): number {
  if (n >= 0) return putSmall(to, at, n);
  to.setUint8(at, 45);
  return n === -0x8000_0000 ? putUint(to, at + 1, 0x8000_0000) : putSmall(to, at + 1, -n | 0);
}

/** high * 2^32 + low, both unsigned. */
export function putUint64(to: DataView, at: number, high: number, low: number): number {
  if (high < 0x20_0000) return putUint(to, at, high * 0x1_0000_0000 + low);
  // long division by 1e8 in base 65536: every remainder times 65536 stays below 2^53
  const a = Math.floor(high / 1e8);
  const b = (high - a * 1e8) * 65536 + (low >>> 16);
  const c = Math.floor(b / 1e8);
  const d = (b - c * 1e8) * 65536 + (low & 0xffff);
  const e = Math.floor(d / 1e8);
  return put8(to, putUint(to, at, a * 0x1_0000_0000 + c * 65536 + e), (d - e * 1e8) | 0);
}

/** Two's complement in two unsigned halves. */
export function putInt64(to: DataView, at: number, high: number, low: number): number {
  if (high < 0x8000_0000) return putUint64(to, at, high, low);
  to.setUint8(at, 45);
  return putUint64(to, at + 1, (~high + (low === 0 ? 1 : 0)) >>> 0, -low >>> 0);
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

/** One group of big-endian bytes; `flip` -1 where the number is negative, `sign` 128 for the first of all, whose top bit is the sign's. */
function group(buf: Uint8Array, pos: number, bytes: number, flip: number, sign: number): number {
  const first = (buf[pos]! ^ flip ^ sign) & 0xff;
  switch (bytes) {
    case 1:
      return first;
    case 2:
      return (first << 8) | ((buf[pos + 1]! ^ flip) & 0xff);
    case 3:
      return (first << 16) | ((((buf[pos + 1]! << 8) | buf[pos + 2]!) ^ flip) & 0xffff);
    default:
      return ((first << 24) | ((((buf[pos + 1]! << 16) | (buf[pos + 2]! << 8) | buf[pos + 3]!) ^ flip) & 0xff_ffff)) >>> 0;
  }
}

/**
 * A DECIMAL with all its scale digits (MySQL strings/decimal.cc, decimal2bin: groups of nine digits in four bytes, big-endian, the top bit of the first
 * byte inverted, a negative number's bytes all inverted). -1: a group holds more than its digits.
 */
export function putDecimal(to: DataView, at: number, buf: Uint8Array, pos: number, precision: number, scale: number): number {
  const negative = (buf[pos]! & 0x80) === 0;
  const flip = negative ? -1 : 0;
  let sign = 0x80;
  let from = pos;
  let p = at;
  if (negative) to.setUint8(p++, 45);
  const begin = p;
  for (let left = precision - scale; left > 0;) {
    const digits = left % 9 || 9;
    const bytes = DIGIT_BYTES[digits]!;
    const n = group(buf, from, bytes, flip, sign);
    if (n >= GROUP_LIMIT[digits]!) return -1;
    sign = 0;
    if (p > begin) p = putPadded(to, p, n, digits);
    else if (n > 0) p = putSmall(to, p, n);
    from += bytes;
    left -= digits;
  }
  if (p === begin) to.setUint8(p++, 48);
  if (scale === 0) return p;
  to.setUint8(p++, 46);
  for (let left = scale; left > 0;) {
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
