/** The events of one recorded log, and row images as plain values: an independent, slow reading of what the cursor found. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { COLUMN } from '../../core/binlog/codes.ts';
import { ABSENT, NULL, RowsCursor } from '../../core/binlog/rows.ts';
import type { RowImage } from '../../core/binlog/rows.ts';
import { TableMaps } from '../../core/binlog/table-map.ts';
import type { ColumnMeta, TableMap } from '../../core/binlog/table-map.ts';
import type { Flavour } from '../../core/binlog/visitor.ts';
import { nodeBytes } from '../../targets/systems/mysql/binlog/bytes.ts';

const FIXTURES = join(import.meta.dirname, '../fixtures/rows');
export const EVENT_BYTES_MAX = 1 << 24;

/** One event; its body is [start, end) of `buf`. */
export interface RawEvent {
  type: number;
  buf: Uint8Array;
  start: number;
  end: number;
  postHeader: number;
}

/** Table maps and row events of a recorded log; all of these are written with checksums. */
export function eventsOf(name: string): RawEvent[] {
  const file = readFileSync(join(FIXTURES, `${name}.bin`));
  const events: RawEvent[] = [];
  let postHeaders = file.subarray(0, 0);
  for (let pos = 4; pos < file.length; pos += file.readUInt32LE(pos + 9)) {
    const type = file[pos + 4]!;
    const end = pos + file.readUInt32LE(pos + 9) - 4;
    if (type === 15) postHeaders = file.subarray(pos + 19 + 57, end - 1);
    const isRows = (type >= 23 && type <= 25) || (type >= 30 && type <= 32) || type === 39 || type >= 166;
    if (type === 19 || isRows) events.push({ type, buf: file, start: pos + 19, end, postHeader: postHeaders[type - 1]! });
  }
  return events;
}

export const flavourOf = (name: string): Flavour => (name.startsWith('mariadb') ? 'mariadb' : 'mysql');

/** undefined: not in the image. Numbers, strings (latin1, without their length) and, of other types, the first stored byte. */
export type Plain = number | string | null | undefined;

export interface PlainRow {
  table: string;
  op: string;
  before: Plain[] | null;
  after: Plain[] | null;
  patched: RowImage['patched'];
}

export const newCursor = (): RowsCursor => new RowsCursor(nodeBytes, EVENT_BYTES_MAX);

/** Every row of the log. Throws what the cursor throws. */
export function rowsOf(name: string): PlainRow[] {
  return readRows(eventsOf(name), new TableMaps(flavourOf(name)));
}

export function readRows(events: readonly RawEvent[], tables: TableMaps, rows: PlainRow[] = []): PlainRow[] {
  const cursor = newCursor();
  for (const { type, buf, start, end, postHeader } of events) {
    if (type === 19) {
      tables.read(buf, start, end, postHeader);
      continue;
    }
    const event = cursor.open(type, buf, start, end, postHeader, tables);
    while (event?.next()) {
      const { table, op, before, after } = event;
      rows.push({ table: table.name, op, before: before && plain(table, before), after: after && plain(table, after), patched: after?.patched ?? null });
    }
  }
  return rows;
}

export function tablesOf(name: string): TableMap[] {
  const tables = new TableMaps(flavourOf(name));
  const seen: TableMap[] = [];
  for (const { type, buf, start, end, postHeader } of eventsOf(name)) {
    if (type !== 19) continue;
    const table = tables.read(buf, start, end, postHeader);
    if (tables.changed) seen.push(table);
  }
  return seen;
}

const plain = (table: TableMap, image: RowImage): Plain[] => table.columns.map((c) => plainValue(c, image));

function plainValue(c: ColumnMeta, image: RowImage): Plain {
  const at = image.at[c.index]!;
  if (at === ABSENT) return undefined;
  if (at === NULL) return null;
  const buf = Buffer.from(image.buf.buffer, image.buf.byteOffset, image.buf.length);
  const text = (prefix: number) => buf.toString('latin1', at + prefix, at + prefix + buf.readUIntLE(at, prefix));
  switch (c.type) {
    case COLUMN.TINY:
      return buf.readInt8(at);
    case COLUMN.SHORT:
      return buf.readInt16LE(at);
    case COLUMN.LONG:
      return buf.readInt32LE(at);
    case COLUMN.LONGLONG:
      return Number(buf.readBigInt64LE(at));
    case COLUMN.VARCHAR:
    case COLUMN.STRING:
      return text(c.meta > 255 ? 2 : 1);
    case COLUMN.BLOB:
      return text(c.meta);
    default:
      return buf[at]!;
  }
}
