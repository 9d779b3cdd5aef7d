/** Tables and rows of a server in the exact text form of core/reconcile/tables.ts. */
import type { Readable } from 'node:stream';
import type { Connection } from 'mysql2/promise';
import { isInteger, keyOf, shapeOf } from '../../../core/reconcile/tables.ts';
import type { ColumnInfo, Row, TableInfo, TableShape } from '../../../core/reconcile/tables.ts';
import { DrillError, messageOf } from '../../../core/errors.ts';

export const quoteName = (name: string): string => `\`${name.replaceAll('`', '``')}\``;

/** `schema.table`, quoted. A schema's name may hold no dot here: the first one divides. */
export function quoteTable(table: string): string {
  const dot = table.indexOf('.');
  return `${quoteName(table.slice(0, dot))}.${quoteName(table.slice(dot + 1))}`;
}

/** The shapes of the tables as they are on the server; a string says why one is not supported. */
export async function readShapes(
  connection: Connection,
  tables: Iterable<string>,
  identity: Record<string, string>,
): Promise<Map<string, TableShape | string>> {
  const shapes = new Map<string, TableShape | string>();
  for (const table of tables) {
    const info = await tableInfo(connection, table);
    shapes.set(table, info ? shapeOf(info, identity[table]) : 'is not on the new source');
  }
  return shapes;
}

async function tableInfo(connection: Connection, table: string): Promise<TableInfo | null> {
  const dot = table.indexOf('.');
  const name = [table.slice(0, dot), table.slice(dot + 1)];
  const [columns] = await connection.query(
    'SELECT COLUMN_NAME n, DATA_TYPE d, COLUMN_TYPE t, CHARACTER_SET_NAME cs, COLLATION_NAME co, COLUMN_KEY k, EXTRA x FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION',
    name,
  );
  const [traits] = await connection.query(
    `SELECT (SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = ? AND EVENT_OBJECT_TABLE = ?) tr,
      (SELECT COUNT(*) FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE (CONSTRAINT_SCHEMA = ? AND TABLE_NAME = ?) OR (UNIQUE_CONSTRAINT_SCHEMA = ? AND REFERENCED_TABLE_NAME = ?)) fk`,
    [...name, ...name, ...name],
  );
  const list = columns as { n: string; d: string; t: string; cs: string | null; co: string | null; k: string; x: string }[];
  if (list.length === 0) return null;
  const [{ tr, fk }] = traits as [{ tr: string | number; fk: string | number }];
  return { name: table, columns: list.map((c) => columnInfo(c)), triggers: Number(tr), foreignKeys: Number(fk) };
}

function columnInfo(c: { n: string; d: string; t: string; cs: string | null; co: string | null; k: string; x: string }): ColumnInfo {
  return {
    name: c.n,
    // ZEROFILL pads the text of a SELECT but not that of the log: a type of its own, which is not supported
    dataType: /zerofill/i.test(c.t) ? 'zerofill' : c.d.toLowerCase(),
    unsigned: /\bunsigned\b/i.test(c.t),
    charset: c.cs,
    collation: c.co,
    primary: c.k === 'PRI',
    autoIncrement: /\bauto_increment\b/i.test(c.x),
    generated: /\b(GENERATED|INVISIBLE)\b/i.test(c.x.replace('DEFAULT_GENERATED', '')),
  };
}

export const selectList = (shape: TableShape): string => shape.columns.map((c) => `CAST(${quoteName(c.name)} AS CHAR)`).join(', ');

/**
 * All rows in key order, one batch at a time. Integer keys in their order, text keys in the order of their bytes: the orders that compareKeys knows.
 * Throws DRILL_ROWS_UNREADABLE.
 */
export async function* readRows(connection: Connection, shape: TableShape): AsyncGenerator<Row> {
  const key = shape.columns[shape.primary]!;
  const order = isInteger(key) ? quoteName(key.name) : `CAST(${quoteName(key.name)} AS BINARY)`;
  const sql = `SELECT ${selectList(shape)} FROM ${quoteTable(shape.name)} ORDER BY ${order}`;
  // the callback connection below the promise wrapper is what can stream
  const core = (
    connection as unknown as { connection: { query(o: { sql: string; rowsAsArray: boolean }): { stream(o: { highWaterMark: number }): Readable } } }
  ).connection;
  const stream = core.query({ sql, rowsAsArray: true }).stream({ highWaterMark: 500 });
  try {
    for await (const row of stream as AsyncIterable<Row>) yield row;
  } catch (cause) {
    throw new DrillError('DRILL_ROWS_UNREADABLE', `the rows of ${shape.name} could not be read: ${messageOf(cause)}`, '', { cause });
  }
}

/** The order in which readRows gives the rows. */
export function comparePrimary(shape: TableShape, a: string, b: string): number {
  if (isInteger(shape.columns[shape.primary]!)) {
    const [x, y] = [BigInt(a), BigInt(b)];
    return x < y ? -1 : x > y ? 1 : 0;
  }
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

const KEYS_PER_READ = 2_000;

/** The rows that have one of these identities, by identity. Cheap where the identity leads an index. */
export async function readRowsByKey(connection: Connection, shape: TableShape, keys: readonly string[]): Promise<Map<string, Row[]>> {
  const found = new Map<string, Row[]>();
  for (let from = 0; from < keys.length; from += KEYS_PER_READ) {
    const some = keys.slice(from, from + KEYS_PER_READ);
    const sql = `SELECT ${selectList(shape)} FROM ${quoteTable(shape.name)} WHERE ${whereIdentity(shape, some)}`;
    for (const row of await rowsOf(connection, sql)) {
      const key = keyOf(shape, row);
      found.set(key, [...(found.get(key) ?? []), row]);
    }
  }
  return found;
}

export async function rowsOf(connection: Connection, sql: string): Promise<Row[]> {
  const [rows] = await connection.query({ sql, rowsAsArray: true });
  return rows as unknown as Row[];
}

export function whereIdentity(shape: TableShape, keys: readonly string[]): string {
  const column = shape.columns[shape.identity]!;
  return `${quoteName(column.name)} IN (${keys.map((k) => literal(column, k)).join(', ')})`;
}

/** A value as SQL. Numbers stay bare, since MySQL compares a number with a quoted one as floating point. */
export function literal(column: ColumnInfo, text: string | null): string {
  if (text === null) return 'NULL';
  if (isInteger(column) || column.dataType === 'decimal') {
    if (!/^-?\d+(\.\d+)?$/.test(text)) throw new DrillError('DRILL_ROWS_UNREADABLE', `"${text}" is no number for ${column.name}`);
    return text;
  }
  return `'${text.replace(/[\\']/g, (c) => `\\${c}`).replaceAll('\0', '\\0')}'`;
}
