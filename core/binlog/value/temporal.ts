/**
 * Dates and times as MySQL prints them, with exactly the fraction digits that were declared. Sources: MySQL mysys/my_time.cc
 * (my_datetime_packed_from_binary and its like) for the types since 5.6, sql/field.cc for the old ones. Every function returns the position behind
 * what it wrote (at most 32 bytes), or -1 where the bytes are no value: a sign or a fraction that cannot be.
 */
import { put2, put4, putPadded, putSmall } from './number.ts';

const DASH = 45;
const COLON = 58;
const DOT = 46;
const SPACE = 32;
const MICROSECONDS = [1e6, 1e5, 1e4, 1e3, 100, 10, 1];
/** Bytes of a fraction of n digits */
export const FRACTION_BYTES = [0, 1, 1, 2, 2, 3, 3];
/** microseconds that one unit of such a fraction is, by its bytes */
const FRACTION_UNIT = [0, 1e4, 100, 1];

/** Up to 4 bytes. */
function bigEndian(buf: Uint8Array, pos: number, bytes: number): number {
  switch (bytes) {
    case 0:
      return 0;
    case 1:
      return buf[pos]!;
    case 2:
      return (buf[pos]! << 8) | buf[pos + 1]!;
    case 3:
      return (buf[pos]! << 16) | (buf[pos + 1]! << 8) | buf[pos + 2]!;
    default:
      return ((buf[pos]! << 24) | (buf[pos + 1]! << 16) | (buf[pos + 2]! << 8) | buf[pos + 3]!) >>> 0;
  }
}

/** -nn- and :nn: as words, little-endian. */
const DASHED = Int32Array.from({ length: 100 }, (_, n) => around(DASH, n));
const COLONED = Int32Array.from({ length: 100 }, (_, n) => around(COLON, n));
function around(sign: number, n: number): number {
  return sign | ((48 + Math.floor(n / 10)) << 8) | ((48 + (n % 10)) << 16) | (sign << 24);
}

/** Month and day below 100. */
export function putYmd(to: DataView, at: number, year: number, month: number, day: number): number {
  const p = year < 10_000 ? put4(to, at, year) : putSmall(to, at, year);
  to.setInt32(p, DASHED[month]!, true);
  return put2(to, p + 4, day);
}

/** Minute and second below 100. */
export function putHms(to: DataView, at: number, hour: number, minute: number, second: number): number {
  const p = hour < 100 ? put2(to, at, hour) : putSmall(to, at, hour);
  to.setInt32(p, COLONED[minute]!, true);
  return put2(to, p + 4, second);
}

/** .ffffff, the first `digits` of the microseconds; -1 where there are more. */
export function putFraction(to: DataView, at: number, microseconds: number, digits: number): number {
  if (digits === 0) return microseconds === 0 ? at : -1;
  const unit = MICROSECONDS[digits]!;
  const n = (microseconds / unit) | 0;
  if (microseconds > 999_999 || n * unit !== microseconds) return -1;
  to.setUint8(at, DOT);
  return putPadded(to, at + 1, n, digits);
}

/** DATE and NEWDATE: 3 bytes, little-endian: day 5 bits, month 4, year 15. */
export function putDate(to: DataView, at: number, buf: Uint8Array, pos: number): number {
  const n = buf[pos]! | (buf[pos + 1]! << 8) | (buf[pos + 2]! << 16);
  return putYmd(to, at, n >> 9, (n >> 5) & 15, n & 31);
}

/** DATETIME since 5.6: 5 bytes, big-endian: sign 1 (always set), year * 13 + month 17, day 5, hour 5, minute 6, second 6; then the fraction. */
export function putDatetime2(to: DataView, at: number, buf: Uint8Array, pos: number, digits: number): number {
  const high = (buf[pos]! << 16) | (buf[pos + 1]! << 8) | buf[pos + 2]!;
  if ((high & 0x80_0000) === 0) return -1;
  const low = (buf[pos + 3]! << 8) | buf[pos + 4]!;
  const months = (high & 0x7f_ffff) >> 6;
  const year = (months / 13) | 0;
  const p = putYmd(to, at, year, months - year * 13, (high >> 1) & 31);
  to.setUint8(p, SPACE);
  const q = putHms(to, p + 1, ((high & 1) << 4) | (low >> 12), (low >> 6) & 63, low & 63);
  const bytes = FRACTION_BYTES[digits]!;
  return putFraction(to, q, bigEndian(buf, pos + 5, bytes) * FRACTION_UNIT[bytes]!, digits);
}

/** Proleptic Gregorian date of a day number from 1970-01-01, ≥ 0 (H. Hinnant, chrono-compatible low-level date algorithms, civil_from_days). */
function putCivil(to: DataView, at: number, day: number): number {
  const z = day + 719_468;
  const era = (z / 146_097) | 0;
  const doe = z - era * 146_097;
  const yoe = ((doe - ((doe / 1460) | 0) + ((doe / 36_524) | 0) - ((doe / 146_096) | 0)) / 365) | 0;
  const doy = doe - (365 * yoe + (yoe >> 2) - ((yoe / 100) | 0));
  const mp = ((5 * doy + 2) / 153) | 0;
  const month = mp < 10 ? mp + 3 : mp - 9;
  return putYmd(to, at, yoe + era * 400 + (month <= 2 ? 1 : 0), month, doy - (((153 * mp + 2) / 5) | 0) + 1);
}

/** Seconds since 1970 as UTC; 0 is the zero date. */
export function putEpoch(to: DataView, at: number, seconds: number, microseconds: number, digits: number): number {
  if (seconds === 0 && microseconds === 0) {
    const p = putYmd(to, at, 0, 0, 0);
    to.setUint8(p, SPACE);
    return putFraction(to, putHms(to, p + 1, 0, 0, 0), 0, digits);
  }
  const day = Math.floor(seconds / 86_400);
  const rest = seconds - day * 86_400;
  const hour = (rest / 3600) | 0;
  const minute = ((rest - hour * 3600) / 60) | 0;
  const p = putCivil(to, at, day);
  to.setUint8(p, SPACE);
  return putFraction(to, putHms(to, p + 1, hour, minute, rest - hour * 3600 - minute * 60), microseconds, digits);
}

/** TIMESTAMP since 5.6: 4 bytes, big-endian, then the fraction. */
export function putTimestamp2(to: DataView, at: number, buf: Uint8Array, pos: number, digits: number): number {
  const bytes = FRACTION_BYTES[digits]!;
  return putEpoch(to, at, bigEndian(buf, pos, 4), bigEndian(buf, pos + 4, bytes) * FRACTION_UNIT[bytes]!, digits);
}

/** TIME since 5.6: 3 bytes and the fraction as one big-endian number, offset by half its range: hour 10 bits, minute 6, second 6. */
export function putTime2(to: DataView, at: number, buf: Uint8Array, pos: number, digits: number): number {
  const bytes = FRACTION_BYTES[digits]!;
  let whole = bigEndian(buf, pos, 3) - 0x80_0000;
  let fraction = bigEndian(buf, pos + 3, bytes);
  let p = at;
  if (whole < 0) {
    to.setUint8(p++, DASH);
    // negated as one number
    whole = fraction === 0 ? -whole : -whole - 1;
    if (fraction !== 0) fraction = (1 << (8 * bytes)) - fraction;
  }
  p = putHms(to, p, whole >> 12, (whole >> 6) & 63, whole & 63);
  return putFraction(to, p, fraction * FRACTION_UNIT[bytes]!, digits);
}

/** Before 5.6: TIMESTAMP, 4 bytes, little-endian. */
export function putOldTimestamp(to: DataView, at: number, buf: Uint8Array, pos: number): number {
  return putEpoch(to, at, (buf[pos]! | (buf[pos + 1]! << 8) | (buf[pos + 2]! << 16) | (buf[pos + 3]! << 24)) >>> 0, 0, 0);
}

/** Before 5.6: DATETIME, 8 bytes, little-endian, the decimal number YYYYMMDDhhmmss. */
export function putOldDatetime(to: DataView, at: number, buf: Uint8Array, pos: number): number {
  let n = 0;
  for (let i = 7; i >= 0; i--) n = n * 256 + buf[pos + i]!;
  if (n > 99_999_999_999_999) return -1;
  const date = Math.floor(n / 1e6);
  const time = n - date * 1e6;
  const p = putYmd(to, at, Math.floor(date / 1e4), Math.floor(date / 100) % 100, date % 100);
  to.setUint8(p, SPACE);
  return putHms(to, p + 1, (time / 1e4) | 0, ((time / 100) | 0) % 100, time % 100);
}

/** Before 5.6: TIME, 3 bytes, little-endian, signed, the decimal number hhmmss. */
export function putOldTime(to: DataView, at: number, buf: Uint8Array, pos: number): number {
  let n = buf[pos]! | (buf[pos + 1]! << 8) | ((buf[pos + 2]! << 24) >> 8);
  let p = at;
  if (n < 0) {
    to.setUint8(p++, DASH);
    n = -n;
  }
  return putHms(to, p, (n / 1e4) | 0, ((n / 100) | 0) % 100, n % 100);
}

/** The date part of MySQL's packed datetime (in JSON): an int64 of ymdhms << 24 | microseconds, `high` and `low` its halves; always six fraction digits. */
export function putPackedDatetime(to: DataView, at: number, high: number, low: number): number {
  const ymdhms = high * 256 + (low >>> 24);
  if (high >= 0x8000_0000) return -1;
  const p = putPackedDate(to, at, high, low);
  to.setUint8(p, SPACE);
  const hms = ymdhms % 0x2_0000;
  return putFraction(to, putHms(to, p + 1, hms >> 12, (hms >> 6) & 63, hms & 63), low & 0xff_ffff, 6);
}

export function putPackedDate(to: DataView, at: number, high: number, low: number): number {
  const ymd = Math.floor((high * 256 + (low >>> 24)) / 0x2_0000);
  const months = ymd >> 5;
  const year = (months / 13) | 0;
  return putYmd(to, at, year, months - year * 13, ymd & 31);
}

/** Packed time (in JSON): the same, hour << 12 | minute << 6 | second; a negative one is negated as a whole. */
export function putPackedTime(to: DataView, at: number, high: number, low: number): number {
  let p = at;
  let h = high;
  let l = low;
  if (h >= 0x8000_0000) {
    to.setUint8(p++, DASH);
    h = (~h + (l === 0 ? 1 : 0)) >>> 0;
    l = -l >>> 0;
  }
  const hms = h * 256 + (l >>> 24);
  if (hms > 0x7f_ffff) return -1;
  return putFraction(to, putHms(to, p, hms >> 12, (hms >> 6) & 63, hms & 63), l & 0xff_ffff, 6);
}
