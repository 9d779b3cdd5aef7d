/** Binary JSON as MySQL stores it. Source: MySQL sql-common/json_binary.h and .cc. All numbers are little-endian. */
import { BinlogDamage } from '../finding.ts';

export const JSONB = {
  SMALL_OBJECT: 0,
  LARGE_OBJECT: 1,
  SMALL_ARRAY: 2,
  LARGE_ARRAY: 3,
  LITERAL: 4,
  INT16: 5,
  UINT16: 6,
  INT32: 7,
  UINT32: 8,
  INT64: 9,
  UINT64: 10,
  DOUBLE: 11,
  STRING: 12,
  OPAQUE: 15,
} as const;

/** The server refuses deeper documents (ER_JSON_DOCUMENT_TOO_DEEP). */
export const JSON_DEPTH_MAX = 100;

export const jsonDamage = (text: string): BinlogDamage => new BinlogDamage('structure', `a JSON document ${text}`);

export const u16 = (buf: Uint8Array, pos: number): number => buf[pos]! | (buf[pos + 1]! << 8);
export const u32 = (buf: Uint8Array, pos: number): number => (buf[pos]! | (buf[pos + 1]! << 8) | (buf[pos + 2]! << 16) | (buf[pos + 3]! << 24)) >>> 0;

/** A variable-length size: 7 bits a byte, low first, at most 5 bytes. `next` is where it ends. */
export class VarLength {
  value = 0;
  next = 0;
  read(buf: Uint8Array, pos: number, end: number): void {
    if (pos < end && buf[pos]! < 0x80) {
      this.value = buf[pos]!;
      this.next = pos + 1;
      if (this.value > end - this.next) throw jsonDamage('has a string longer than itself');
    } else this.readLong(buf, pos, end);
  }
  private readLong(buf: Uint8Array, pos: number, end: number): void {
    let value = 0;
    let unit = 1;
    for (let i = 0; i < 5 && pos + i < end; i++) {
      const b = buf[pos + i]!;
      value += (b & 0x7f) * unit;
      if (b < 0x80) {
        if (value > 0xffff_ffff) break;
        this.value = value;
        this.next = pos + i + 1;
        if (value > end - this.next) throw jsonDamage('has a string longer than itself');
        return;
      }
      unit *= 128;
    }
    throw jsonDamage('has a length that does not end');
  }
}

const SCALAR_BYTES = new Uint8Array(256);
SCALAR_BYTES.set([1, 2, 2, 4, 4, 8, 8, 8], JSONB.LITERAL);
/** Bytes of a scalar's value by type; 0: of variable length, or no scalar. */
export const scalarBytes = (type: number): number => SCALAR_BYTES[type]!;

/** Whether a value of this type stands in its entry instead of an offset. */
export function isInlined(type: number, large: boolean): boolean {
  return type >= JSONB.LITERAL && type <= (large ? JSONB.UINT32 : JSONB.UINT16);
}
