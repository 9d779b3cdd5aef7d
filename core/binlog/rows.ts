/** Row events: a cursor over their images. Sources of the format: MySQL's mysql::binlog::event::Rows_event, MariaDB's sql/log_event.cc (compressed events). */
import type { Bytes } from './bytes.ts';
import { COLUMN, EVENT } from './codes.ts';
import { compressedPart } from './events.ts';
import { BinlogDamage } from './finding.ts';
import { NULL } from './image.ts';
import type { ImagePlan } from './image.ts';
import { tableId } from './table-map.ts';
import type { MappedTable, TableMap, TableMaps } from './table-map.ts';
import { applyJsonDiffs } from './value/json-diff.ts';
import { VarintReader, need, u16, u32 } from './wire.ts';

export { ABSENT, NULL } from './image.ts';

/** One row image: where each column's value stands in the event's buffer. */
export interface RowImage {
  buf: Uint8Array;
  /** the image's bytes: null bitmap and values; what the row hash is made of */
  start: number;
  /** behind the null bitmap */
  values: number;
  end: number;
  /** how many columns are in the image */
  columns: number;
  /** which: 0 for all of the table, otherwise a number made of the bitmap */
  shape: number;
  /** by column: offset of the value as stored (its length prefix included); ABSENT or NULL */
  at: Int32Array;
  /** columns that a partial update gave as JSON diffs: their value is here, and `at` is where the diffs stand (4 bytes of length before them); null: none */
  patched: (PatchedJson | null)[] | null;
}

/** The after-image of a JSON column in a partial update: the new binary document, or why it cannot be told. */
export type PatchedJson = { doc: Uint8Array } | { underivable: string };

export interface RowsEvent {
  table: TableMap;
  op: 'insert' | 'update' | 'delete';
  /** file offset of the event */
  offset: number;
  /** of the event header, epoch s */
  seconds: number;
  before: RowImage | null;
  after: RowImage | null;
  /** another for each event: what was made of one event's bytes holds for no other */
  serial: number;
  /** where the next row begins in the images' buffer, and where the rows end: who walks images otherwise moves `pos` behind the last one */
  pos: number;
  end: number;
  /** how the columns are stored, when all are in every image (null bitmap, then values that are not NULL); null: the images are not all so */
  full: Int32Array | null;
  /** Moves to the next row and fills before and after. false at the end. Throws BinlogDamage. */
  next(): boolean;
}

class ImageState implements RowImage {
  buf: Uint8Array = new Uint8Array(0);
  start = 0;
  values = 0;
  end = 0;
  columns = 0;
  shape = 0;
  at: Int32Array = new Int32Array(0);
  patched: (PatchedJson | null)[] | null = null;

  use(plan: ImagePlan): void {
    this.columns = plan.count;
    this.shape = plan.shape;
    this.at = plan.at;
    this.patched = null;
  }
}

/** The event ends a statement and may hold no rows. */
const STATEMENT_END = 1;
/** Table ids of the event that only says so: MySQL's, and 6 bytes of ones. */
const DUMMY_IDS = new Set([0xff_ffff, 0xffff_ffff_ffff]);
/** value_options of a partial update. */
const PARTIAL_JSON = 1;

const OPS: readonly (RowsEvent['op'] | undefined)[] = (() => {
  const ops: (RowsEvent['op'] | undefined)[] = Array.from({ length: 256 });
  const E = EVENT;
  for (const t of [E.WRITE_ROWS_V1, E.WRITE_ROWS, E.MARIA_WRITE_ROWS_COMPRESSED_V1, E.MARIA_WRITE_ROWS_COMPRESSED]) ops[t] = 'insert';
  for (const t of [E.UPDATE_ROWS_V1, E.UPDATE_ROWS, E.PARTIAL_UPDATE_ROWS, E.MARIA_UPDATE_ROWS_COMPRESSED_V1, E.MARIA_UPDATE_ROWS_COMPRESSED])
    ops[t] = 'update';
  for (const t of [E.DELETE_ROWS_V1, E.DELETE_ROWS, E.MARIA_DELETE_ROWS_COMPRESSED_V1, E.MARIA_DELETE_ROWS_COMPRESSED]) ops[t] = 'delete';
  return ops;
})();
/** Of a post-header with extra row information: version 2 of the events. */
const POST_HEADER_V2 = 10;

/** Row events that were opened by any reader. */
let opened = 0;

/** The one RowsEvent that a reader refills. */
export class RowsCursor implements RowsEvent {
  table!: TableMap;
  op: RowsEvent['op'] = 'insert';
  offset = 0;
  seconds = 0;
  before: RowImage | null = null;
  after: RowImage | null = null;
  serial = 0;
  pos = 0;
  end = 0;
  full: Int32Array | null = null;

  private readonly bytes: Bytes;
  private readonly eventBytesMax: number;
  private readonly beforeImage = new ImageState();
  private readonly afterImage = new ImageState();
  private readonly at = new VarintReader();
  private beforePlan: ImagePlan | null = null;
  private afterPlan: ImagePlan | null = null;
  private partial = false;
  private buf: Uint8Array = new Uint8Array(0);

  constructor(bytes: Bytes, eventBytesMax: number) {
    this.bytes = bytes;
    this.eventBytesMax = eventBytesMax;
  }

  /**
   * Opens the body of a row event of any kind (v1, v2, partial, MariaDB's compressed). Throws BinlogDamage, among others for an unknown table id.
   * null: it is the event that ends a statement and holds no rows (table id 0xffffff, MySQL's dummy).
   */
  open(type: number, buf: Uint8Array, start: number, end: number, postHeaderLength: number, tables: TableMaps): RowsCursor | null {
    const op = OPS[type];
    if (op === undefined) throw new BinlogDamage('structure', `event type ${type} is no row event`);
    need(start, Math.max(postHeaderLength, 6), end, 'a row event');
    const id = tableId(buf, start, postHeaderLength);
    const flags = u16(buf, start + (postHeaderLength === 6 ? 4 : 6));
    const table = tables.get(id);
    if (table === undefined) {
      if ((flags & STATEMENT_END) !== 0 && DUMMY_IDS.has(id)) return null;
      throw new BinlogDamage('structure', `rows of table id ${id}, whose map was not seen`);
    }
    this.table = table;
    this.serial = ++opened;
    this.op = op;
    this.partial = type === EVENT.PARTIAL_UPDATE_ROWS;
    this.openColumns(table, buf, this.behindExtra(buf, start, end, postHeaderLength), end);
    if (type >= EVENT.MARIA_WRITE_ROWS_COMPRESSED_V1) this.inflate();
    this.beforeImage.buf = this.afterImage.buf = this.buf;
    const { before, after } = this;
    this.full = this.partial || (before?.shape ?? 0) !== 0 || (after?.shape ?? 0) !== 0 ? null : (this.beforePlan ?? this.afterPlan!).storage;
    return this;
  }

  next(): boolean {
    const from = this.pos;
    if (from >= this.end) return false;
    if (this.beforePlan !== null) {
      const image = this.beforeImage;
      image.start = this.pos;
      image.values = this.pos + this.beforePlan.nullBytes;
      this.pos = image.end = this.beforePlan.walk(this.buf, this.pos, this.end);
    }
    if (this.afterPlan !== null) {
      const image = this.afterImage;
      const partialBits = this.partial ? this.openPartial() : 0;
      image.start = this.pos;
      image.values = this.pos + this.afterPlan.nullBytes;
      this.pos = image.end = this.afterPlan.walk(this.buf, this.pos, this.end);
      if (this.partial) this.patch(partialBits);
    }
    return true;
  }

  /** Behind the extra row information of version 2, whose length counts itself. */
  private behindExtra(buf: Uint8Array, start: number, end: number, postHeaderLength: number): number {
    const pos = start + postHeaderLength;
    if (postHeaderLength !== POST_HEADER_V2) return pos;
    const length = u16(buf, start + 8);
    if (length < 2) throw new BinlogDamage('structure', `extra row information of ${length} bytes`);
    need(pos, length - 2, end, 'extra row information');
    return pos + length - 2;
  }

  /** The number of columns, and a bitmap of those that are in the images; two for an update. */
  private openColumns(table: MappedTable, buf: Uint8Array, start: number, end: number): void {
    const { at } = this;
    at.open(buf, start, end);
    const width = at.packed('number of columns');
    if (width !== table.columns.length) throw new BinlogDamage('structure', `rows of ${width} columns for ${table.name}, which has ${table.columns.length}`);
    const bitmap = (width + 7) >> 3;
    need(at.pos, this.op === 'update' ? 2 * bitmap : bitmap, end, 'bitmaps of columns');
    this.beforePlan = this.afterPlan = null;
    this.before = this.after = null;
    let pos = at.pos;
    if (this.op !== 'insert') {
      table.before.fit(buf, pos);
      this.beforePlan = table.before;
      this.beforeImage.use(table.before);
      this.before = this.beforeImage;
      pos += bitmap;
    }
    if (this.op !== 'delete') {
      table.after.fit(buf, pos);
      this.afterPlan = table.after;
      this.afterImage.use(table.after);
      this.after = this.afterImage;
      pos += bitmap;
    }
    if ((this.before?.columns ?? 0) + (this.after?.columns ?? 0) === 0)
      throw new BinlogDamage('underivable', `rows of ${table.name} without a single column: how many there are is not in the log`);
    this.buf = buf;
    this.pos = pos;
    this.end = end;
  }

  /** MariaDB's compressed events: everything behind the bitmaps is compressed. */
  private inflate(): void {
    const { size, dataStart } = compressedPart(this.buf, this.pos, this.end);
    if (size > this.eventBytesMax) throw new BinlogDamage('too-large', `a compressed row event of ${size} bytes`);
    let rows: Uint8Array;
    try {
      rows = this.bytes.inflate(this.buf.subarray(dataStart, this.end), size);
    } catch {
      throw new BinlogDamage('compression', 'a compressed row event does not decompress');
    }
    if (rows.length !== size) throw new BinlogDamage('compression', `a compressed row event gives ${rows.length} bytes instead of ${size}`);
    this.buf = rows;
    this.pos = 0;
    this.end = size;
  }

  /** What stands before the after-image of a partial update: options, and a bit for each JSON column of the table that comes as diffs. Returns where the bits are; 0: there are none. */
  private openPartial(): number {
    const { at, buf, end } = this;
    at.open(buf, this.pos, end);
    const options = at.packed('value options');
    this.pos = at.pos;
    if (options === 0) return 0;
    if (options !== PARTIAL_JSON) throw new BinlogDamage('format', `a partial update with options ${options}`);
    const bits = this.pos;
    const bytes = (jsonColumns(this.table) + 7) >> 3;
    need(bits, bytes, end, 'bits of partial columns');
    this.pos += bytes;
    return bits;
  }

  private patch(bits: number): void {
    const image = this.afterImage;
    image.patched = null;
    if (bits === 0) return;
    let json = 0;
    for (const { type, index } of this.table.columns) {
      if (type !== COLUMN.JSON) continue;
      const partial = (this.buf[bits + (json >> 3)]! & (1 << (json & 7))) !== 0;
      json++;
      if (!partial || image.at[index]! < 0) continue;
      image.patched ??= this.table.columns.map(() => null);
      image.patched[index] = this.patchColumn(index, image.at[index]!);
    }
  }

  /** The diffs are logged for a value that was there before: a NULL base is as good as none. No diffs at all: the value has stayed the same. */
  private patchColumn(column: number, diffs: number): PatchedJson {
    const { buf } = this;
    const base = this.beforeImage.at[column]!;
    if (base < 0) return { underivable: `column ${column + 1} is logged as changes to a value that ${base === NULL ? 'is NULL' : 'is not in the log'}` };
    const doc = buf.subarray(base + 4, base + 4 + u32(buf, base));
    const length = u32(buf, diffs);
    return { doc: length === 0 ? doc : applyJsonDiffs(doc, buf, diffs + 4, diffs + 4 + length) };
  }
}

const jsonColumns = (table: TableMap): number => table.columns.reduce((n, c) => n + (c.type === COLUMN.JSON ? 1 : 0), 0);
