/** Integers as binary logs store them, little-endian, read without a view or an object. Every function throws BinlogDamage rather than read at or behind `end`. */
import { BinlogDamage } from './finding.ts';

const TWO_32 = 0x1_0000_0000;

/** Throws when `bytes` from `pos` on run past `end`. */
export function need(pos: number, bytes: number, end: number, what: string): void {
  if (pos + bytes > end) throw new BinlogDamage('structure', `${what} needs ${bytes} bytes, ${Math.max(0, end - pos)} are left`);
}

/** The callers of these have checked the bounds. */
export const u16 = (buf: Uint8Array, pos: number): number => buf[pos]! | (buf[pos + 1]! << 8);
export const u32 = (buf: Uint8Array, pos: number): number => (buf[pos]! | (buf[pos + 1]! << 8) | (buf[pos + 2]! << 16) | (buf[pos + 3]! << 24)) >>> 0;
/** Exact up to 2^53, rounded above: check with Number.isSafeInteger where it matters. */
export const u64 = (buf: Uint8Array, pos: number): number => u32(buf, pos) + u32(buf, pos + 4) * TWO_32;
export const u64Big = (buf: Uint8Array, pos: number): bigint => (BigInt(u32(buf, pos + 4)) << 32n) | BigInt(u32(buf, pos));

/** A number that is refused by name when a double cannot hold it. */
export function safe(value: number, what: string): number {
  if (value > Number.MAX_SAFE_INTEGER) throw new BinlogDamage('format', `${what} is above 2^53 - 1: such numbers are not handled`);
  return value;
}

/** Reads one variable-length integer after the other; one object, moved along a buffer. */
export class VarintReader {
  pos = 0;
  private buf: Uint8Array = new Uint8Array(0);
  private end = 0;

  open(buf: Uint8Array, start: number, end: number): void {
    this.buf = buf;
    this.pos = start;
    this.end = end;
  }

  /** The protocol's length-encoded integer: one byte below 251; 252, 253, 254 announce 2, 3 and 8 bytes. */
  packed(what: string): number {
    need(this.pos, 1, this.end, what);
    const first = this.buf[this.pos]!;
    if (first < 251) {
      this.pos++;
      return first;
    }
    const bytes = first === 252 ? 2 : first === 253 ? 3 : first === 254 ? 8 : 0;
    if (bytes === 0) throw new BinlogDamage('structure', `${what} begins with ${first}, which is no length`);
    need(this.pos, 1 + bytes, this.end, what);
    const at = this.pos + 1;
    this.pos = at + bytes;
    if (bytes === 8) return safe(u64(this.buf, at), what);
    return u16(this.buf, at) + (bytes === 3 ? this.buf[at + 2]! * 0x10000 : 0);
  }

  /**
   * mysql::serialization's unsigned integer: as many bytes follow as the first has trailing ones; the bits above them and the zero are the lowest of the value.
   * Source: libs/mysql/serialization/variable_length_integers.h.
   */
  unsigned(what: string): number {
    return safe(this.raw(what), what);
  }

  /** The same with the sign in the lowest bit. Negative numbers are damage: nothing that we read can be one. */
  signed(what: string): number {
    const at = this.pos;
    const doubled = this.raw(what);
    const ones = TRAILING_ONES[this.buf[at]!]!;
    const negative = ones < 7 ? (this.buf[at]! >> (ones + 1)) & 1 : this.buf[at + 1]! & 1;
    if (negative === 1) throw new BinlogDamage('structure', `${what} is negative`);
    // exact up to 2^54: even numbers are
    return safe(doubled / 2, what);
  }

  /** One number of one or two bytes for each of out's, none above 255. */
  bytes(out: Uint8Array, what: string): void {
    const { buf, end } = this;
    let pos = this.pos;
    for (let i = 0; i < out.length; i++) {
      const first = pos < end ? buf[pos++]! : 3;
      if ((first & 1) === 0) out[i] = first >> 1;
      else if ((first & 2) === 0 && pos < end && buf[pos]! < 4) out[i] = (first >> 2) | (buf[pos++]! << 6);
      else throw new BinlogDamage('structure', `${what} is no sequence of ${out.length} bytes`);
    }
    this.pos = pos;
  }

  /** Of any size, unread. */
  skip(what: string): void {
    this.raw(what);
  }

  private raw(what: string): number {
    need(this.pos, 1, this.end, what);
    const first = this.buf[this.pos]!;
    if ((first & 1) === 0) {
      this.pos++;
      return first >> 1;
    }
    const extra = TRAILING_ONES[first]!;
    need(this.pos, 1 + extra, this.end, what);
    let value = 0;
    for (let i = extra; i > 0; i--) value = value * 256 + this.buf[this.pos + i]!;
    this.pos += 1 + extra;
    // the first byte keeps 7 - extra bits of the value; none when seven or eight bytes follow
    return extra >= 7 ? value : value * 2 ** (7 - extra) + (first >> (extra + 1));
  }
}

/** of a byte */
const TRAILING_ONES = Uint8Array.from({ length: 256 }, (_, byte) => {
  let ones = 0;
  while (ones < 8 && (byte & (1 << ones)) !== 0) ones++;
  return ones;
});
