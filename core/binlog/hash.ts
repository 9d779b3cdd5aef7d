/** Row hash and key per row image: what lost-set and touched-key passes work from. */
import { COLUMN } from './codes.ts';
import { STORED, storageOf } from './column-type.ts';
import type { Storage } from './column-type.ts';
import { ABSENT, NULL } from './image.ts';
import type { RowImage, RowsEvent } from './rows.ts';
import type { TableMap } from './table-map.ts';

/**
 * 64 bits each, as two unsigned 32-bit halves, refilled per row. Not cryptographic: equal hashes are a reason to compare, different ones a proof of difference
 * in what is stored. Two stored forms of one value are possible for JSON only (a document changed in place has gaps); images with different columns in them
 * (binlog_row_image other than FULL) never have equal hashes but by chance.
 */
export interface RowHash {
  /** of the key columns' values as stored, without their lengths' form; 0, 0 when the table has no known key, or a key column is in neither image */
  readonly keyHigh: number;
  readonly keyLow: number;
  /** of the whole image: null bitmap and values, a partial update's JSON documents in the place of their changes */
  readonly high: number;
  readonly low: number;
}
/** Positions of the columns that identify a row of this table, or null. FULL metadata names the primary key; else the caller knows it from information_schema. */
export type KeyColumns = (table: TableMap) => readonly number[] | null;

interface Key {
  columns: readonly number[];
  storage: readonly Storage[];
  /** 4 or 8: the key is one column of so many bytes; 0: any other */
  single: number;
}

class Lanes implements RowHash {
  private readonly lanes = new Uint32Array(4);
  get keyHigh(): number {
    return this.lanes[0]!;
  }
  get keyLow(): number {
    return this.lanes[1]!;
  }
  get high(): number {
    return this.lanes[2]!;
  }
  get low(): number {
    return this.lanes[3]!;
  }
  setKey(high: number, low: number): void {
    this.lanes[0] = high;
    this.lanes[1] = low;
  }
  setImage(high: number, low: number): void {
    this.lanes[2] = high;
    this.lanes[3] = low;
  }
}

const { imul } = Math;

// the primes of xxHash32
const P1 = 0x9e3779b1 | 0;
const P2 = 0x85ebca77 | 0;
const P3 = 0xc2b2ae3d | 0;
const P4 = 0x27d4eb2f | 0;
const P5 = 0x165667b1 | 0;

/** How INT and BIGINT are stored. */
const SINGLES = new Set<Storage>([storageOf(COLUMN.LONG, 0), storageOf(COLUMN.LONGLONG, 0)]);

const loggedKey: KeyColumns = (table) => table.primaryKey?.map((part) => part.column) ?? null;

/**
 * Two lanes of 32 bits take up eight bytes a step, each word multiplied before it goes in, and each lane is mixed into the other in every step: a step is a
 * bijection of the 64 bits of state. Two such pairs side by side keep the processor busy: 16 bytes a step. The end is taken as the last 16 bytes, overlapping.
 */
export class RowHasher {
  private readonly beforeHash = new Lanes();
  private readonly afterHash = new Lanes();
  readonly before: RowHash = this.beforeHash;
  readonly after: RowHash = this.afterHash;
  private readonly keyColumns: KeyColumns;
  private readonly keys = new WeakMap<TableMap, Key>();
  private table: TableMap | null = null;
  private key: Key = { columns: [], storage: [], single: 0 };
  private buf: Uint8Array | null = null;
  private view: DataView = new DataView(new ArrayBuffer(0));
  /** what the last digest gave */
  private a = 0;
  private b = 0;
  private scratch = new Uint8Array(0);

  constructor(keys: KeyColumns = loggedKey) {
    this.keyColumns = keys;
  }

  /** Hashes the images that rows.next() has just filled. An after-image without a key column has the before-image's. */
  hash(rows: RowsEvent): void {
    if (rows.table !== this.table) this.useKey(rows.table);
    const { before, after } = rows;
    if (before !== null) this.image(before, null, this.beforeHash);
    if (after !== null) this.image(after, before, this.afterHash);
  }

  private useKey(table: TableMap): void {
    let key = this.keys.get(table);
    if (key === undefined) {
      const named = this.keyColumns(table) ?? [];
      // a key of another shape of the table
      const columns = named.every((c) => c < table.columns.length) ? named : [];
      const storage = columns.map((c) => storageOf(table.columns[c]!.type, table.columns[c]!.meta));
      key = { columns, storage, single: storage.length === 1 && SINGLES.has(storage[0]!) ? storage[0]! >> 3 : 0 };
      this.keys.set(table, key);
    }
    this.table = table;
    this.key = key;
  }

  private use(buf: Uint8Array): void {
    this.buf = buf;
    this.view = new DataView(buf.buffer, buf.byteOffset, buf.byteLength);
  }

  private image(image: RowImage, other: RowImage | null, out: Lanes): void {
    if (image.buf !== this.buf) this.use(image.buf);
    const { single } = this.key;
    const at = single === 0 ? NULL : placeOf(this.key.columns[0]!, image, other);
    if (at >= 0) this.hashSingle(at, single, out);
    else this.hashKey(image, other, out);
    let a = P1 ^ image.shape;
    let b = P2 ^ image.columns;
    if (image.columns <= 32) a ^= imul(nullWord(image), P3);
    else {
      this.digest(image.start, image.values - 1, a, b ^ (image.buf[image.values - 1]! & lastMask(image.columns)));
      a = this.a;
      b = this.b;
    }
    if (image.patched === null) this.digest(image.values, image.end, a, b);
    else this.digestPatched(image, a, b);
    out.setImage(this.a, this.b);
  }

  /** The key that most tables have, on a short path. */
  private hashSingle(at: number, bytes: number, out: Lanes): void {
    const { view } = this;
    let a = P3 ^ imul(view.getInt32(at, true), P1);
    let b = P4 ^ (bytes === 8 ? imul(view.getInt32(at + 4, true), P2) : 0);
    a = imul(a ^ (a >>> 15) ^ rotate(b, 16), P2);
    b = imul(b ^ (a >>> 13), P3);
    a = imul(a ^ (b >>> 16), P4);
    b ^= a >>> 15;
    out.setKey(a, imul(b, P1));
  }

  private hashKey(image: RowImage, other: RowImage | null, out: Lanes): void {
    const { columns, storage } = this.key;
    this.a = P3;
    this.b = P4;
    for (let i = 0; i < columns.length; i++) {
      const at = placeOf(columns[i]!, image, other);
      if (at === ABSENT) return out.setKey(0, 0);
      if (at === NULL) this.digest(0, 0, this.b, this.a);
      else this.digestValue(image.buf, at, storage[i]!);
    }
    if (columns.length === 0) out.setKey(0, 0);
    else out.setKey(this.a, this.b);
  }

  /** One value without its length prefix. */
  private digestValue(buf: Uint8Array, at: number, stored: Storage): void {
    const { view } = this;
    const prefix = stored & 7;
    let length = stored >> 3;
    if (prefix === STORED.LENGTH_1) length = buf[at]!;
    else if (prefix === STORED.LENGTH_2) length = view.getUint16(at, true);
    else if (prefix === STORED.LENGTH_3) length = view.getUint16(at, true) | (buf[at + 2]! << 16);
    else if (prefix === STORED.LENGTH_4) length = view.getUint32(at, true);
    this.digest(at + prefix, at + prefix + length, this.a, this.b);
  }

  /** Takes [from, to) of the buffer in use, and its length, into the two lanes. */
  private digest(from: number, to: number, seedA: number, seedB: number): void {
    if (to - from < 16) return this.digestShort(from, to, seedA, seedB);
    const { view } = this;
    let a = seedA;
    let b = seedB ^ imul(to - from, P5);
    let c = seedA ^ P4;
    let d = seedB ^ P1;
    const last = to - 16;
    for (let pos = from; pos < last; pos += 16) {
      a = imul(rotate(a ^ imul(view.getInt32(pos, true), P3), 13), P1);
      b = imul(rotate(b ^ imul(view.getInt32(pos + 4, true), P4), 17), P2);
      c = imul(rotate(c ^ imul(view.getInt32(pos + 8, true), P3), 13), P1);
      d = imul(rotate(d ^ imul(view.getInt32(pos + 12, true), P4), 17), P2);
      a = (a + b) | 0;
      b ^= rotate(a, 11);
      c = (c + d) | 0;
      d ^= rotate(c, 11);
    }
    a = imul(rotate(a ^ imul(view.getInt32(last, true), P3), 13), P1);
    b = imul(rotate(b ^ imul(view.getInt32(last + 4, true), P4), 17), P2);
    c = imul(rotate(c ^ imul(view.getInt32(last + 8, true), P3), 13), P1);
    d = imul(rotate(d ^ imul(view.getInt32(last + 12, true), P4), 17), P2);
    this.finish(a + rotate(c, 16), b + rotate(d, 16));
  }

  /** Fewer than 16 bytes, as up to four words that overlap. */
  private digestShort(from: number, to: number, seedA: number, seedB: number): void {
    const { view } = this;
    const length = to - from;
    let a = seedA ^ imul(length, P5);
    let b = seedB;
    if (length >= 8) {
      a = imul(rotate(a ^ imul(view.getInt32(from, true), P3), 13), P1);
      b = imul(rotate(b ^ imul(view.getInt32(from + 4, true), P4), 17), P2);
      a = (a + b) | 0;
      b ^= rotate(a, 11);
      a = imul(rotate(a ^ imul(view.getInt32(to - 8, true), P3), 13), P1);
      b = imul(rotate(b ^ imul(view.getInt32(to - 4, true), P4), 17), P2);
    } else if (length >= 4) {
      a = imul(rotate(a ^ imul(view.getInt32(from, true), P3), 13), P1);
      b = imul(rotate(b ^ imul(view.getInt32(to - 4, true), P4), 17), P2);
    } else if (length > 0) {
      const word = view.getUint8(from) | (view.getUint8((from + to) >> 1) << 8) | (view.getUint8(to - 1) << 16);
      a = imul(rotate(a ^ imul(word, P3), 13), P1);
    }
    this.finish(a, b);
  }

  /** A bijection of the 64 bits in which every bit depends on every other. */
  private finish(seedA: number, seedB: number): void {
    let a = (seedA + rotate(seedB, 9)) | 0;
    let b = seedB ^ rotate(a, 11);
    a = imul(a ^ (a >>> 16), P2);
    b = imul(b ^ (b >>> 15), P3);
    a = (a + rotate(b, 16)) | 0;
    b ^= rotate(a, 16);
    a = imul(a ^ (a >>> 13), P3);
    b = imul(b ^ (b >>> 16), P2);
    this.a = a ^ (a >>> 16);
    this.b = b ^ (b >>> 15);
  }

  /** The values as a full image would have them: each JSON document in the place of its changes. */
  private digestPatched(image: RowImage, seedA: number, seedB: number): void {
    const { at, patched, buf } = image;
    const parts: Uint8Array[] = [];
    let from = image.values;
    let bytes = 0;
    const add = (part: Uint8Array): void => void (parts.push(part), (bytes += part.length));
    for (let i = 0; i < at.length; i++) {
      const p = patched![i];
      if (!p || !('doc' in p)) continue;
      add(buf.subarray(from, at[i]));
      add(new Uint8Array(Uint32Array.of(p.doc.length).buffer));
      add(p.doc);
      from = at[i]! + 4 + this.view.getUint32(at[i]!, true);
    }
    add(buf.subarray(from, image.end));
    if (this.scratch.length < bytes) this.scratch = new Uint8Array(bytes * 2);
    let to = 0;
    for (const part of parts) {
      this.scratch.set(part, to);
      to += part.length;
    }
    this.use(this.scratch);
    this.digest(0, bytes, seedA, seedB);
    this.use(buf);
  }
}

/** Where a key column's value stands: an after-image without it has that of the before-image. */
function placeOf(column: number, image: RowImage, other: RowImage | null): number {
  const at = image.at[column]!;
  return at === ABSENT && other !== null ? other.at[column]! : at;
}

const rotate = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits));

/** Of a null bitmap's last byte the bits that stand for a column. What is behind them differs: MySQL writes zeroes since 8.0, and MariaDB ones. */
const lastMask = (columns: number): number => 0xff >> (-columns & 7);

/** The null bitmap of at most 32 columns. */
function nullWord(image: RowImage): number {
  const { buf, start, values, columns } = image;
  let word = values > start ? buf[values - 1]! & lastMask(columns) : 0;
  for (let i = values - 2; i >= start; i--) word = (word << 8) | buf[i]!;
  return word;
}
