/** How one kind of row image of a table is walked: which columns it holds, and how each is stored. Compiled once per table and bitmap of present columns. */
import { STORED } from './column-type.ts';
import type { Storage } from './column-type.ts';
import { BinlogDamage } from './finding.ts';

/** In an image's `at`: the column is not in the image; it is NULL. */
export const ABSENT = -1;
export const NULL = -2;

const SHAPE_FACTOR = 0x85ebca77;

function beyond(): never {
  throw new BinlogDamage('structure', 'a row runs past the end of its event');
}

export class ImagePlan {
  /** by column: where the last walked image has its value */
  readonly at: Int32Array;
  /** columns in the image */
  count = 0;
  /** of the null bitmap, which has a bit for each column in the image */
  nullBytes = 0;
  /** which columns are in the image: 0 for all, otherwise a number made of the bitmap */
  shape = 0;
  readonly storage: Int32Array;
  /** as in the event; the bits behind the last column do not count */
  private readonly present: Uint8Array;
  /** the columns in the image, and how they are stored */
  private readonly columns: Uint16Array;
  private readonly stored: Int32Array;
  /** of the last byte of the null bitmap: the bits that stand for a column */
  private lastMask = 0;
  private compiled = false;

  constructor(storage: readonly Storage[]) {
    const n = storage.length;
    this.storage = Int32Array.from(storage);
    this.present = new Uint8Array((n + 7) >> 3);
    this.at = new Int32Array(n);
    this.columns = new Uint16Array(n);
    this.stored = new Int32Array(n);
  }

  /** Fits the plan to the bitmap of present columns at `pos`; the caller has checked that it is there. */
  fit(buf: Uint8Array, pos: number): void {
    const { present } = this;
    let same = this.compiled;
    for (let i = 0; i < present.length; i++) {
      if (present[i] !== buf[pos + i]) same = false;
      present[i] = buf[pos + i]!;
    }
    if (!same) this.compile();
  }

  private compile(): void {
    const n = this.storage.length;
    let count = 0;
    let shape = 0;
    for (let i = 0; i < n; i++) {
      this.at[i] = ABSENT;
      if ((this.present[i >> 3]! & (1 << (i & 7))) === 0) continue;
      shape = Math.imul(shape ^ (i + 1), SHAPE_FACTOR) ^ (shape >>> 15);
      this.columns[count] = i;
      this.stored[count++] = this.storage[i]!;
    }
    this.count = count;
    this.shape = count === n ? 0 : shape | 1;
    this.nullBytes = (count + 7) >> 3;
    this.lastMask = (count & 7) === 0 ? 0xff : (1 << (count & 7)) - 1;
    this.compiled = true;
  }

  /** Where the image that begins at `start` ends; fills `at`. Throws BinlogDamage when that is behind `end`. */
  walk(buf: Uint8Array, start: number, end: number): number {
    const values = start + this.nullBytes;
    if (values > end) beyond();
    return this.shape !== 0 || this.hasNull(buf, start, values) ? this.walkSome(buf, start, values, end) : this.walkFull(buf, values, end);
  }

  private hasNull(buf: Uint8Array, start: number, values: number): boolean {
    if (values === start) return false;
    let bits = buf[values - 1]! & this.lastMask;
    for (let i = start; i < values - 1; i++) bits |= buf[i]!;
    return bits !== 0;
  }

  /** All columns of the table, none NULL: what most rows are. */
  private walkFull(buf: Uint8Array, values: number, end: number): number {
    const { at, storage } = this;
    let pos = values;
    for (let i = 0; i < storage.length; i++) {
      at[i] = pos;
      const s = storage[i]!;
      if ((s & 7) === STORED.FIXED) pos += s >> 3;
      else if (s === STORED.LENGTH_1) {
        if (pos >= end) beyond();
        pos += 1 + buf[pos]!;
      } else pos = behind(buf, pos, s, end);
    }
    if (pos > end) beyond();
    return pos;
  }

  private walkSome(buf: Uint8Array, start: number, values: number, end: number): number {
    const { at, columns, stored, count } = this;
    let pos = values;
    let bits = 0;
    for (let k = 0; k < count; k++) {
      bits = (k & 7) === 0 ? buf[start + (k >> 3)]! : bits >> 1;
      if ((bits & 1) !== 0) {
        at[columns[k]!] = NULL;
        continue;
      }
      at[columns[k]!] = pos;
      const s = stored[k]!;
      if ((s & 7) === STORED.FIXED) pos += s >> 3;
      else if (s === STORED.LENGTH_1) {
        if (pos >= end) beyond();
        pos += 1 + buf[pos]!;
      } else pos = behind(buf, pos, s, end);
    }
    if (pos > end) beyond();
    return pos;
  }
}

/** Where a value with a length ends. Its length is inside the event; the value may end behind it, which is checked when the row is over. */
function behind(buf: Uint8Array, pos: number, stored: Storage, end: number): number {
  if (pos + stored > end) beyond();
  switch (stored) {
    case STORED.LENGTH_1:
      return pos + 1 + buf[pos]!;
    case STORED.LENGTH_2:
      return pos + 2 + (buf[pos]! | (buf[pos + 1]! << 8));
    case STORED.LENGTH_3:
      return pos + 3 + (buf[pos]! | (buf[pos + 1]! << 8) | (buf[pos + 2]! << 16));
    default: {
      const length = (buf[pos]! | (buf[pos + 1]! << 8) | (buf[pos + 2]! << 16) | (buf[pos + 3]! << 24)) >>> 0;
      if (length > end - pos - 4) beyond();
      return pos + 4 + length;
    }
  }
}
