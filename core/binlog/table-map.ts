/** TABLE_MAP events: the shape of the images that follow. Source of the format: MySQL's mysql::binlog::event::Table_map_event. */
import { metaBytes, resolveType, storageOf, typeText } from './column-type.ts';
import { BinlogDamage } from './finding.ts';
import { ImagePlan } from './image.ts';
import { applyMetadata } from './table-metadata.ts';
import type { Flavour } from './visitor.ts';
import { VarintReader, need, u16, u32 } from './wire.ts';

export interface ColumnMeta {
  /** from 0 */
  index: number;
  /** real type: ENUM, SET and the STRING family resolved out of the STRING metadata (codes.ts, COLUMN) */
  type: number;
  /** the type's metadata, as fits the type: max bytes of strings, precision << 8 | scale of DECIMAL, fraction digits of temporals, length bytes of blobs, bits of BIT, bytes of ENUM and SET */
  meta: number;
  nullable: boolean;
  /** null: the log does not say (no SIGNEDNESS metadata: 5.7, MariaDB's default) */
  unsigned: boolean | null;
  /** null: not logged (binlog_row_metadata MINIMAL) */
  name: string | null;
  /** collation id; 63 is binary; null: not logged */
  collation: number | null;
  /** ENUM and SET; null: not logged, or in a character set that is not read */
  labels: readonly string[] | null;
  /** null: not logged */
  visible: boolean | null;
  geometryType: number | null;
  vectorDimension: number | null;
  /** e.g. BIGINT UNSIGNED, VARCHAR(160 bytes), DECIMAL(10,2), DATETIME(6) */
  typeText: string;
}

export interface PrimaryKeyPart {
  column: number;
  /** in characters; 0: the whole column */
  prefix: number;
}

export interface TableMap {
  id: number;
  schema: string;
  table: string;
  /** `schema.table` */
  name: string;
  flavour: Flavour;
  columns: readonly ColumnMeta[];
  /** null: not logged */
  primaryKey: readonly PrimaryKeyPart[] | null;
}

/** A table map with what a cursor needs to walk its images. */
export class MappedTable implements TableMap {
  readonly id: number;
  readonly schema: string;
  readonly table: string;
  readonly name: string;
  readonly flavour: Flavour;
  readonly columns: readonly ColumnMeta[];
  readonly primaryKey: readonly PrimaryKeyPart[] | null;
  readonly before: ImagePlan;
  readonly after: ImagePlan;
  /** the event's bytes behind the flags */
  readonly body: Uint8Array;
  /** number of the reading that last gave it */
  readAt = 0;

  constructor(id: number, schema: string, table: string, flavour: Flavour, columns: ColumnMeta[], primaryKey: PrimaryKeyPart[] | null, body: Uint8Array) {
    this.id = id;
    this.schema = schema;
    this.table = table;
    this.name = `${schema}.${table}`;
    this.flavour = flavour;
    this.columns = columns;
    this.primaryKey = primaryKey;
    this.body = body;
    const storage = columns.map((c) => storageOf(c.type, c.meta));
    this.before = new ImagePlan(storage);
    this.after = new ImagePlan(storage);
  }
}

export const COLUMNS_MAX = 4096;
/** Of one event: 4096 columns with long names and labels stay far below. */
const BODY_BYTES_MAX = 8 * 1024 * 1024;
/** Of all maps that are kept; the longest unread ones are forgotten above it. A statement reads its maps anew before its rows, so only those of one statement must be there at a time. */
const KEPT_COLUMNS_MAX = 64 * 1024;
const KEPT_BYTES_MAX = 16 * 1024 * 1024;

/** The table maps of a log, by id. A map that comes again with the same bytes costs one comparison and gives the same object. */
export class TableMaps {
  /** the last `read` gave a map that is new or has changed */
  changed = false;
  private readonly flavour: Flavour;
  private readonly byId = new Map<number, MappedTable>();
  /** why the map of an id could not be read */
  private readonly refused = new Map<number, BinlogDamage>();
  private readings = 0;
  private keptColumns = 0;
  private keptBytes = 0;

  constructor(flavour: Flavour) {
    this.flavour = flavour;
  }

  /** Body of a TABLE_MAP event. Throws BinlogDamage. `postHeaderLength` from the format (6 or 8). */
  read(buf: Uint8Array, start: number, end: number, postHeaderLength: number): TableMap {
    need(start, postHeaderLength, end, 'a table map');
    const id = tableId(buf, start, postHeaderLength);
    const pos = start + postHeaderLength;
    const known = this.byId.get(id);
    this.readings++;
    this.changed = false;
    if (known !== undefined && sameBytes(known.body, buf, pos, end)) {
      known.readAt = this.readings;
      return known;
    }
    this.changed = true;
    this.forget(id, known);
    try {
      const table = parseTable(id, this.flavour, buf, pos, end);
      this.keep(table);
      return table;
    } catch (e) {
      if (e instanceof BinlogDamage) this.refuse(id, e);
      throw e;
    }
  }

  /** undefined: no map with this id was read. Throws again what its reading threw. */
  get(id: number): MappedTable | undefined {
    const table = this.byId.get(id);
    if (table === undefined && this.refused.size > 0 && this.refused.has(id)) throw this.refused.get(id)!;
    return table;
  }

  clear(): void {
    this.byId.clear();
    this.refused.clear();
    this.keptColumns = 0;
    this.keptBytes = 0;
  }

  private forget(id: number, table: MappedTable | undefined): void {
    this.refused.delete(id);
    if (table === undefined) return;
    this.byId.delete(id);
    this.keptColumns -= table.columns.length;
    this.keptBytes -= table.body.length;
  }

  private refuse(id: number, why: BinlogDamage): void {
    if (this.refused.size >= 1024) this.refused.clear();
    this.refused.set(id, why);
  }

  private keep(table: MappedTable): void {
    if (this.keptColumns > KEPT_COLUMNS_MAX || this.keptBytes > KEPT_BYTES_MAX) {
      const oldest = [...this.byId.values()].sort((a, b) => a.readAt - b.readAt);
      for (const old of oldest.slice(0, Math.ceil(oldest.length / 2))) this.forget(old.id, old);
    }
    table.readAt = this.readings;
    this.byId.set(table.id, table);
    this.keptColumns += table.columns.length;
    this.keptBytes += table.body.length;
  }
}

/** The table id at the beginning of the bodies of table maps and row events: 6 bytes; 4 in events of 5.1.4 and before, told by their shorter post-header. */
export function tableId(buf: Uint8Array, pos: number, postHeaderLength: number): number {
  return postHeaderLength === 6 ? u32(buf, pos) : u32(buf, pos) + u16(buf, pos + 4) * 0x1_0000_0000;
}

function sameBytes(body: Uint8Array, buf: Uint8Array, start: number, end: number): boolean {
  if (body.length !== end - start) return false;
  for (let i = 0; i < body.length; i++) if (body[i] !== buf[start + i]) return false;
  return true;
}

const utf8 = new TextDecoder();

function parseTable(id: number, flavour: Flavour, buf: Uint8Array, start: number, end: number): MappedTable {
  if (end - start > BODY_BYTES_MAX) throw new BinlogDamage('too-large', `a table map of ${end - start} bytes`);
  const at = new VarintReader();
  at.open(buf, start, end);
  const schema = parseName(at, buf, end, 'schema name');
  const table = parseName(at, buf, end, 'table name');
  const count = at.packed('number of columns');
  if (count === 0 || count > COLUMNS_MAX) throw new BinlogDamage('structure', `${schema}.${table} has ${count} columns`);
  const types = at.pos;
  need(types, count, end, 'column types');
  at.pos += count;
  const metaLength = at.packed('length of the metadata');
  const meta = at.pos;
  const nulls = meta + metaLength;
  need(meta, metaLength + ((count + 7) >> 3), end, 'column metadata');
  const columns = parseColumns(flavour, buf, types, count, meta, nulls);
  const primaryKey = applyMetadata(columns, flavour, buf, nulls + ((count + 7) >> 3), end);
  for (const c of columns) c.typeText = typeText(c);
  return new MappedTable(id, schema, table, flavour, columns, primaryKey, buf.slice(start, end));
}

/** A length, the name in UTF-8, a zero byte. */
function parseName(at: VarintReader, buf: Uint8Array, end: number, what: string): string {
  const length = at.packed(what);
  need(at.pos, length + 1, end, what);
  const name = utf8.decode(buf.subarray(at.pos, at.pos + length));
  at.pos += length + 1;
  return name;
}

function parseColumns(flavour: Flavour, buf: Uint8Array, types: number, count: number, metaStart: number, nulls: number): ColumnMeta[] {
  const columns: ColumnMeta[] = [];
  let pos = metaStart;
  for (let i = 0; i < count; i++) {
    const bytes = metaBytes(i, buf[types + i]!, flavour);
    need(pos, bytes, nulls, 'column metadata');
    const resolved = resolveType(i, buf[types + i]!, bytes > 0 ? buf[pos]! : 0, bytes > 1 ? buf[pos + 1]! : 0);
    pos += bytes;
    columns.push({
      index: i,
      type: resolved >>> 16,
      meta: resolved & 0xffff,
      nullable: (buf[nulls + (i >> 3)]! & (1 << (i & 7))) !== 0,
      unsigned: null,
      name: null,
      collation: null,
      labels: null,
      visible: null,
      geometryType: null,
      vectorDimension: null,
      typeText: '',
    });
  }
  if (pos !== nulls) throw new BinlogDamage('structure', `the metadata of ${count} columns take ${pos - metaStart} bytes of ${nulls - metaStart}`);
  return columns;
}
