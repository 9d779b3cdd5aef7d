/** Tables and rows of a server in the exact cells of core/reconcile/schema.ts. */
import type { Connection } from 'mysql2/promise';
import { DrillError, messageOf } from '../../../core/errors.ts';
import type { KeyPart, KeySpec } from '../../../core/reconcile/keys.ts';
import { cellForm } from '../../../core/reconcile/schema.ts';
import { shapeOf } from '../../../core/reconcile/tables.ts';
import type { ColumnInfo, Row, TableShape } from '../../../core/reconcile/tables.ts';
import { cellExpression, cellOf, readTables } from './schema.ts';

export const quoteName = (name: string): string => `\`${name.replaceAll('`', '``')}\``;

/** `schema.table`, quoted. A schema's name may hold no dot here: the first one divides. */
export function quoteTable(table: string): string {
  const dot = table.indexOf('.');
  return `${quoteName(table.slice(0, dot))}.${quoteName(table.slice(dot + 1))}`;
}

/** The shapes of the tables as they are on the server; a string says why nothing can be told of one. */
export async function readShapes(
  connection: Connection,
  tables: Iterable<string>,
  identity: Record<string, string>,
): Promise<Map<string, TableShape | string>> {
  const names = [...tables];
  const infos = await readTables(connection, names);
  return new Map(
    names.map((name) => {
      const info = infos.get(name);
      return [name, info ? shapeOf(info, identity[name]) : 'is not on the new source'];
    }),
  );
}

export const selectList = (shape: TableShape): string => shape.columns.map((c) => cellExpression(c)).join(', ');

const KEYS_PER_READ = 2_000;
/** Conditions over all columns of a table that has no key: each reading is a scan. */
const ROWS_PER_READ = 200;

/**
 * The rows that have the key of one of these, as the server compares keys; of a table without one, the rows that may equal one of these: what the cells say
 * is for the caller to compare. Cheap where the key is an index, or leads one: MySQL is told to use it, since for thousands of keys it reads the whole table
 * rather (seen on 9.7: 53 ms instead of 8 for 2,000 keys of 200,000 rows).
 */
export async function* readRowsLike(connection: Connection, shape: TableShape, wanted: readonly Row[]): AsyncGenerator<Row[]> {
  const step = shape.key ? KEYS_PER_READ : ROWS_PER_READ;
  for (let from = 0; from < wanted.length; from += step) {
    const some = wanted.slice(from, from + step);
    const where = shape.key ? whereKey(shape.key, some) : whereRows(shape, some);
    yield await cellsOf(connection, shape, `SELECT ${indexHint(shape)}${selectList(shape)} FROM ${quoteTable(shape.name)} WHERE ${where}`);
  }
}

/** A hint about an index that the server does not have, or does not use, is a warning; FORCE INDEX would be an error. To MariaDB it is a comment. */
function indexHint({ name, key }: TableShape): string {
  const hint = key?.index ? `INDEX(${quoteName(name.slice(name.indexOf('.') + 1))} ${quoteName(key.index)})` : '';
  return hint === '' || hint.includes('*/') ? '' : `/*+ ${hint} */ `;
}

/** The rows of a SELECT of selectList. Throws DRILL_ROWS_UNREADABLE. */
export async function cellsOf(connection: Connection, shape: TableShape, sql: string): Promise<Row[]> {
  try {
    return (await rowsOf(connection, sql)).map((row) => row.map((text, i) => cellOf(shape.columns[i]!, text ?? null)));
  } catch (cause) {
    throw new DrillError('DRILL_ROWS_UNREADABLE', `the rows of ${shape.name} could not be read: ${messageOf(cause)}`, '', { cause });
  }
}

export async function rowsOf(connection: Connection, sql: string): Promise<Row[]> {
  const [rows] = await connection.query({ sql, rowsAsArray: true });
  return rows as unknown as Row[];
}

const partColumn = ({ info, prefix }: KeyPart): string => (prefix === null ? quoteName(info.name) : `LEFT(${quoteName(info.name)}, ${prefix})`);

function partValue({ info, column, prefix }: KeyPart, row: Row): string {
  const value = literal(info, row[column] ?? null);
  return prefix === null ? value : `LEFT(${value}, ${prefix})`;
}

/** What the keys of rows are compared with: the columns themselves, so that an index serves; prefixes of them where the key is of prefixes. */
function whereKey(spec: KeySpec, rows: readonly Row[]): string {
  const hasNull = (row: Row) => spec.parts.some((p) => row[p.column] === null);
  const conditions = rows.filter((r) => hasNull(r)).map((row) => spec.parts.map((p) => `${partColumn(p)} <=> ${partValue(p, row)}`).join(' AND '));
  const values = rows.filter((r) => !hasNull(r)).map((row) => tuple(spec.parts.map((p) => partValue(p, row))));
  if (values.length > 0) conditions.push(`${tuple(spec.parts.map((p) => partColumn(p)))} IN (${values.join(', ')})`);
  return conditions.map((c) => `(${c})`).join(' OR ');
}

const tuple = (items: readonly string[]): string => (items.length === 1 ? items[0]! : `(${items.join(', ')})`);

/** Columns that SQL compares as exactly as it must to leave none out; the others are compared by their cells. */
function whereRows(shape: TableShape, rows: readonly Row[]): string {
  const columns = shape.body.filter((i) => !['float', 'json', 'hex'].includes(cellForm(shape.columns[i]!)));
  if (columns.length === 0) return 'TRUE';
  const one = (row: Row) => columns.map((i) => `${quoteName(shape.columns[i]!.name)} <=> ${literal(shape.columns[i]!, row[i] ?? null)}`).join(' AND ');
  return rows.map((row) => `(${one(row)})`).join(' OR ');
}

/** A cell as SQL. Numbers stay bare, since MySQL compares a number with a quoted one as floating point. */
export function literal(column: ColumnInfo, text: string | null): string {
  if (text === null) return 'NULL';
  const form = cellForm(column);
  if (form === 'text' || form === 'hex') return textLiteral(column, text);
  if (form === 'temporal') return quoted(text);
  if (form === 'json') return `CAST(${quoted(text)} AS JSON)`;
  if (!/^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text)) throw new DrillError('DRILL_ROWS_UNREADABLE', `"${text}" is no number for ${column.name}`);
  if (form === 'digits' || form === 'decimal') return text;
  const number = text.includes('e') ? text : `${text}e0`;
  return form === 'float' ? `CAST(${number} AS FLOAT)` : number;
}

/** The cell of a column of characters or bytes as SQL, in the column's character set or in one that holds all of it. */
export function textLiteral(column: ColumnInfo, text: string): string {
  if (cellForm(column) === 'text') return quoted(text);
  if (!/^([0-9a-f]{2})*$/.test(text)) throw new DrillError('DRILL_ROWS_UNREADABLE', `the value of ${column.name} is not in hex digits`);
  if (['uuid', 'inet4', 'inet6'].includes(column.dataType)) return `CAST(X'${text}' AS ${column.dataType.toUpperCase()})`;
  return column.charset === null ? `X'${text}'` : `_${column.charset} X'${text}'`;
}

const quoted = (text: string): string => `'${text.replace(/[\\']/g, (c) => `\\${c}`).replaceAll('\0', '\\0')}'`;
