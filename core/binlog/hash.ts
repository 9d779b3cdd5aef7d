/** Row hash and key per row image: what lost-set and touched-key passes work from. */
import { COLUMN } from './codes.ts';
import { STORED, storageOf } from './column-type.ts';
import type { Storage } from './column-type.ts';
import { ABSENT, NULL } from './image.ts';
import type { RowImage, RowsEvent } from './rows.ts';
import type { TableMap } from './table-map.ts';
import { DATA_AT, DATA_BYTES, hashJobs, jobs, JOBS_MAX, memory, MORE_AT, NO_KEY, view as memoryView, walkJobs } from './hash-engine.ts';

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
  /** that column, or NO_KEY where there is no key; null: a key for which an image must be walked here */
  walked: number | null;
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
  /** Of the image that was queued as that job. */
  take(job: number): void {
    const { lanes } = this;
    lanes[0] = keyOf[job * 2]!;
    lanes[1] = keyOf[job * 2 + 1]!;
    lanes[2] = jobs[job * 4 + 3]!;
    lanes[3] = jobs[job * 4 + 2]!;
  }
  /** Of the image that was walked as that job; its key has so many bytes, 0: is not known. */
  takeWalked(job: number, keyBytes: number): void {
    const { lanes } = this;
    const at = jobs[job * 4]!;
    if (keyBytes === 0) lanes[0] = lanes[1] = 0;
    else if (at === NO_KEY_UNSIGNED) lanes.set(nullKey());
    else mixSingle(memoryView, at, keyBytes, lanes, 0);
    lanes[2] = jobs[job * 4 + 3]!;
    lanes[3] = jobs[job * 4 + 2]!;
  }
}

const { imul } = Math;

// primes of xxHash32
const P1 = 0x9e3779b1 | 0;
const P2 = 0x85ebca77 | 0;
const P3 = 0xc2b2ae3d | 0;
const P4 = 0x27d4eb2f | 0;

const NO_KEY_UNSIGNED = NO_KEY >>> 0;

/** The key that most tables have, on a short path: one integer of 4 or 8 bytes. */
function mixSingle(view: DataView, at: number, bytes: number, to: Uint32Array, index: number): void {
  let a = P3 ^ imul(view.getInt32(at, true), P1);
  let b = P4 ^ (bytes === 8 ? imul(view.getInt32(at + 4, true), P2) : 0);
  a = imul(a ^ (a >>> 15) ^ rotate(b, 16), P2);
  b = imul(b ^ (a >>> 13), P3);
  a = imul(a ^ (b >>> 16), P4);
  b ^= a >>> 15;
  to[index] = a;
  to[index + 1] = imul(b, P1);
}

/** Of one column that is NULL. */
function nullKey(): Uint32Array {
  digestAt(DATA_AT, DATA_AT, 0, ~0);
  return Uint32Array.of(jobs[KEY_JOB * 4 + 3]!, jobs[KEY_JOB * 4 + 2]!);
}

/** How INT and BIGINT are stored. */
const SINGLES = new Set<Storage>([storageOf(COLUMN.LONG, 0), storageOf(COLUMN.LONGLONG, 0)]);

const loggedKey: KeyColumns = (table) => table.primaryKey?.map((part) => part.column) ?? null;

/** Whose event's bytes are in the engine's memory: a hasher's `before`. */
let holder: RowHash | null = null;
/** By job: an image's key, high and low. */
const keyOf = new Uint32Array(JOBS_MAX * 2);
/** The last job is for values of a key. */
const KEY_JOB = JOBS_MAX - 1;
const IMAGES_MAX = JOBS_MAX - 2;

/**
 * An image's hash is the XXH64 of its bytes, the null bitmap included, with a seed of which columns are in it. An event's bytes are copied once to where the hash is
 * taken, and its rows are hashed there; of a larger one as much as there is room for at a time. An image without room is hashed in pieces, each with the hash of the one before as its seed.
 */
export class RowHasher {
  private readonly beforeHash = new Lanes();
  private readonly afterHash = new Lanes();
  readonly before: RowHash = this.beforeHash;
  readonly after: RowHash = this.afterHash;
  private readonly keyColumns: KeyColumns;
  private readonly keys = new WeakMap<TableMap, Key>();
  private table: TableMap | null = null;
  private key: Key = { columns: [], storage: [], single: 0, walked: NO_KEY };
  private buf: Uint8Array | null = null;
  private view: DataView = new DataView(new ArrayBuffer(0));
  private serial = -1;
  /** of the event: [from, to) of its buffer is in memory, and it has rows until end */
  private from = 0;
  private to = 0;
  private end = 0;
  /** images that are queued, and how many of them are hashed */
  private queued = 0;
  private hashed = 0;
  private scratch = new Uint8Array(0);

  constructor(keys: KeyColumns = loggedKey) {
    this.keyColumns = keys;
  }

  /** Hashes the images that rows.next() has just filled. An after-image without a key column has the before-image's. */
  hash(rows: RowsEvent): void {
    this.open(rows);
    this.queue(rows);
    this.run();
    let job = 0;
    if (rows.before !== null) this.beforeHash.take(job++);
    if (rows.after !== null) this.afterHash.take(job);
  }

  /** Hashes the rows of the event that are not visited yet, many at a time, and calls `row` for each, with before and after filled; of a damaged event, for those before the damage. */
  hashAll(rows: RowsEvent, row: () => void): void {
    if (rows.full !== null) this.walkFull(rows, rows.full, row);
    for (let more = rows.next(); more;) {
      this.open(rows);
      try {
        do {
          this.queue(rows);
          more = rows.next();
        } while (more && this.queued < IMAGES_MAX);
      } finally {
        this.handOver(rows, row);
      }
    }
  }

  /** The rows that can be walked where they are hashed: all, but for a damaged one and what is behind it, and one without room. */
  private walkFull(rows: RowsEvent, full: Int32Array, row: () => void): void {
    this.open(rows);
    const { before, after } = rows;
    const { walked, single } = this.key;
    if (walked === null) return;
    const images = before !== null && after !== null ? 2 : 1;
    while (rows.pos < rows.end) {
      if (rows.pos < this.from || rows.pos >= this.to) this.load(rows.pos);
      const shift = DATA_AT - this.from;
      const found = walkJobs(rows.pos + shift, this.to + shift, IMAGES_MAX, full, walked);
      const count = found - (found % images);
      if (count > 0) {
        rows.pos = jobs[count * 4 - 3]! - shift;
        for (let job = 0; job < count;) {
          if (before !== null) this.beforeHash.takeWalked(job++, single);
          if (after !== null) this.afterHash.takeWalked(job++, single);
          row();
        }
      } else if (rows.pos === this.from) return;
      else this.load(rows.pos);
    }
  }

  private handOver({ before, after }: RowsEvent, row: () => void): void {
    this.run();
    const count = this.queued;
    for (let job = 0; job < count;) {
      if (before !== null) this.beforeHash.take(job++);
      if (after !== null) this.afterHash.take(job++);
      row();
    }
  }

  private open(rows: RowsEvent): void {
    this.queued = this.hashed = 0;
    if (rows.serial === this.serial && holder === this.before) return;
    holder = this.before;
    this.serial = rows.serial;
    this.from = this.to = 0;
    this.end = rows.end;
    if (rows.table !== this.table) this.useKey(rows.table);
    const { buf } = rows.before ?? rows.after!;
    if (buf === this.buf) return;
    this.buf = buf;
    this.view = new DataView(buf.buffer, buf.byteOffset, buf.byteLength);
  }

  private queue({ before, after }: RowsEvent): void {
    if (before !== null) this.image(before, null);
    if (after !== null) this.image(after, before);
  }

  /** Hashes what is queued. */
  private run(): void {
    if (this.hashed === this.queued) return;
    hashJobs(this.hashed, this.queued);
    this.hashed = this.queued;
  }

  private useKey(table: TableMap): void {
    let key = this.keys.get(table);
    if (key === undefined) {
      const named = this.keyColumns(table) ?? [];
      // a key of another shape of the table
      const columns = named.every((c) => c < table.columns.length) ? named : [];
      const storage = columns.map((c) => storageOf(table.columns[c]!.type, table.columns[c]!.meta));
      const single = storage.length === 1 && SINGLES.has(storage[0]!) ? storage[0]! >> 3 : 0;
      key = { columns, storage, single, walked: single !== 0 ? columns[0]! : columns.length === 0 ? NO_KEY : null };
      this.keys.set(table, key);
    }
    this.table = table;
    this.key = key;
  }

  private image(image: RowImage, other: RowImage | null): void {
    const { single } = this.key;
    const at = single === 0 ? NULL : placeOf(this.key.columns[0]!, image, other);
    if (at >= 0) mixSingle(this.view, at, single, keyOf, this.queued * 2);
    else this.hashKey(image, other);
    if (image.patched !== null) return this.digestPatched(image);
    const { start, end } = image;
    if (!this.hold(start, end)) return this.digestPieces(this.buf!, start, end, image);
    const from = DATA_AT + start - this.from;
    maskNulls(image, from);
    setJob(this.queued++, from, from + end - start, image.shape, image.columns);
  }

  private setKey(high: number, low: number): void {
    keyOf[this.queued * 2] = high;
    keyOf[this.queued * 2 + 1] = low;
  }

  /** Each value with the hash of those before it as its seed. */
  private hashKey(image: RowImage, other: RowImage | null): void {
    const { columns, storage } = this.key;
    if (columns.length === 0) return this.setKey(0, 0);
    let low = 0;
    let high = 0;
    for (let i = 0; i < columns.length; i++) {
      const at = placeOf(columns[i]!, image, other);
      if (at === ABSENT) return this.setKey(0, 0);
      if (at === NULL) digestAt(DATA_AT, DATA_AT, high, ~low);
      else this.digestValue(image.buf, at, storage[i]!, low, high);
      low = jobs[KEY_JOB * 4 + 2]!;
      high = jobs[KEY_JOB * 4 + 3]!;
    }
    this.setKey(high, low);
  }

  /** One value without its length prefix, as the job of keys. */
  private digestValue(buf: Uint8Array, at: number, stored: Storage, low: number, high: number): void {
    const { view } = this;
    const prefix = stored & 7;
    let length = stored >> 3;
    if (prefix === STORED.LENGTH_1) length = buf[at]!;
    else if (prefix === STORED.LENGTH_2) length = view.getUint16(at, true);
    else if (prefix === STORED.LENGTH_3) length = view.getUint16(at, true) | (buf[at + 2]! << 16);
    else if (prefix === STORED.LENGTH_4) length = view.getUint32(at, true);
    const start = at + prefix;
    if (!this.hold(start, start + length)) return digestPieces(buf, start, start + length, low, high, null);
    const from = DATA_AT + start - this.from;
    digestAt(from, from + length, low, high);
  }

  /** Whether [start, end) of the event's buffer is in memory, or now put there with what is behind it; false: there is no room for it. */
  private hold(start: number, end: number): boolean {
    if (start >= this.from && end <= this.to) return true;
    if (end - start > DATA_BYTES) return false;
    this.run();
    this.load(start);
    return true;
  }

  /** The event's bytes from `start` on are put in memory, as many as there is room for. */
  private load(start: number): void {
    this.from = start;
    this.to = Math.min(this.end, start + DATA_BYTES);
    memory.set(this.buf!.subarray(start, this.to), DATA_AT);
  }

  private digestPieces(buf: Uint8Array, start: number, end: number, image: RowImage): void {
    this.run();
    digestPieces(buf, start, end, image.shape, image.columns, image);
    const job = this.queued++ * 4;
    jobs[job + 2] = jobs[KEY_JOB * 4 + 2]!;
    jobs[job + 3] = jobs[KEY_JOB * 4 + 3]!;
    this.hashed = this.queued;
  }

  /** The image as a full one would be: each JSON document in the place of its changes. */
  private digestPatched(image: RowImage): void {
    const { at, patched, buf } = image;
    const parts: Uint8Array[] = [];
    let from = image.start;
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
    this.digestPieces(this.scratch, 0, bytes, image);
  }
}

function setJob(job: number, from: number, to: number, seedLow: number, seedHigh: number): void {
  const at = job * 4;
  jobs[at] = from;
  jobs[at + 1] = to;
  jobs[at + 2] = seedLow;
  jobs[at + 3] = seedHigh;
}

/** At once, as the job of keys. */
function digestAt(from: number, to: number, seedLow: number, seedHigh: number): void {
  setJob(KEY_JOB, from, to, seedLow, seedHigh);
  hashJobs(KEY_JOB, KEY_JOB + 1);
}

/** What is not in the event's own bytes, or larger than there is room for: at once, as the job of keys. */
function digestPieces(buf: Uint8Array, start: number, end: number, seedLow: number, seedHigh: number, image: RowImage | null): void {
  let low = seedLow;
  let high = seedHigh;
  let pos = start;
  do {
    const bytes = Math.min(end - pos, DATA_BYTES);
    memory.set(buf.subarray(pos, pos + bytes), MORE_AT);
    if (pos === start && image !== null) maskNulls(image, MORE_AT);
    digestAt(MORE_AT, MORE_AT + bytes, low, high);
    low = jobs[KEY_JOB * 4 + 2]!;
    high = jobs[KEY_JOB * 4 + 3]!;
    pos += bytes;
  } while (pos < end);
}

/** Clears the bits of the null bitmap's last byte that stand for no column. What is in them differs: MySQL writes zeroes since 8.0, and MariaDB ones. */
function maskNulls(image: RowImage, at: number): void {
  const unused = -image.columns & 7;
  if (unused === 0 || image.values === image.start) return;
  const last = at + image.values - image.start - 1;
  const bits = memory[last]!;
  // a byte that was just written would hold up the read of the word around it
  if (bits >> (8 - unused) !== 0) memory[last] = bits & (0xff >> unused);
}

/** Where a key column's value stands: an after-image without it has that of the before-image. */
function placeOf(column: number, image: RowImage, other: RowImage | null): number {
  const at = image.at[column]!;
  return at === ABSENT && other !== null ? other.at[column]! : at;
}

const rotate = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits));
