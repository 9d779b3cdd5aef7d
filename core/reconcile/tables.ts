/**
 * Tables as reconciliation sees them: which column identifies a row, and one exact text form of every value, whether it comes from a binary log or
 * from `CAST(column AS CHAR)`. Narrow on purpose: what is not listed here is unsupported, by name and with the reason, and its rows are `unknown`.
 */
import type { Image } from '../binlog/model.ts';
import { rowDigest, WORKLOAD_TABLES } from '../workload.ts';

/** A row of information_schema.COLUMNS, in ordinal order. */
export interface ColumnInfo {
  name: string;
  /** DATA_TYPE, lower case */
  dataType: string;
  unsigned: boolean;
  charset: string | null;
  collation: string | null;
  primary: boolean;
  autoIncrement: boolean;
  generated: boolean;
}
export interface TableInfo {
  /** `schema.table` */
  name: string;
  columns: ColumnInfo[];
  triggers: number;
  foreignKeys: number;
}

/** Values in column order, as text; null is NULL. */
export type Row = readonly (string | null)[];

export interface TableShape {
  name: string;
  columns: readonly ColumnInfo[];
  /** position of the primary key's column */
  primary: number;
  /** position of the column that identifies a row: the declared one, else the primary key */
  identity: number;
  /** the primary key is counted up by the server */
  autoIncrement: boolean;
  /** the identity is a column of its own, so the AUTO_INCREMENT id means nothing and may change */
  rekeyable: boolean;
  /** positions of the columns the client supplies */
  client: readonly number[];
}

const INTEGERS = new Set(['tinyint', 'smallint', 'mediumint', 'int', 'bigint']);
const STRINGS = new Set(['char', 'varchar']);
const CHARSETS = new Set(['ascii', 'utf8mb4', 'utf8mb3']);
/** never keys here: they are keys by a prefix only */
const TEXTS = new Set(['tinytext', 'text', 'mediumtext', 'longtext']);
const OTHERS = new Set(['decimal', 'datetime', 'date', 'time', 'timestamp', 'year']);
const EXACT_COLLATIONS = new Set(['ascii_bin', 'utf8mb4_bin', 'utf8mb4_0900_bin', 'utf8mb3_bin']);

export function isInteger(column: ColumnInfo): boolean {
  return INTEGERS.has(column.dataType);
}

/** The shape of a table, or why it is not supported, in words that follow its name. */
export function shapeOf(info: TableInfo, identity?: string): TableShape | string {
  const keys = info.columns.filter((c) => c.primary);
  if (keys.length !== 1) return keys.length === 0 ? 'has no primary key' : 'has a primary key of several columns';
  if (info.triggers > 0) return 'has triggers: what they wrote cannot be told from what a client wrote';
  if (info.foreignKeys > 0) return 'has foreign keys: cascaded changes are not followed';
  for (const c of info.columns) {
    if (c.generated) return `has a generated column (${c.name})`;
    const text = STRINGS.has(c.dataType) || TEXTS.has(c.dataType);
    const known = isInteger(c) || OTHERS.has(c.dataType) || (text && CHARSETS.has(c.charset ?? ''));
    if (!known) return `has a column of a type that is not compared (${c.name} ${c.dataType}${c.charset ? ` ${c.charset}` : ''})`;
  }
  const primary = info.columns.findIndex((c) => c.primary);
  const at = identity === undefined ? primary : info.columns.findIndex((c) => c.name === identity);
  if (at === -1) return `has no column ${identity}, which was declared as its identity`;
  for (const i of new Set([primary, at])) {
    const c = info.columns[i]!;
    const exact = isInteger(c) || (STRINGS.has(c.dataType) && EXACT_COLLATIONS.has(c.collation ?? ''));
    if (!exact) return `has a key whose equality is not plain (${c.name} ${c.dataType}${c.collation ? ` ${c.collation}` : ''})`;
  }
  const autoIncrement = info.columns[primary]!.autoIncrement;
  const declared = WORKLOAD_TABLES.find((t) => t.name === info.name)?.clientColumns;
  const client = info.columns.map((_, i) => i).filter((i) => !declared || declared.includes(info.columns[i]!.name));
  return { name: info.name, columns: info.columns, primary, identity: at, autoIncrement, rekeyable: autoIncrement && at !== primary, client };
}

/** A row image of the log in exact text form, or why it cannot be told. */
export function rowOfImage(shape: TableShape, image: Image): Row | string {
  if (image.length !== shape.columns.length) return `has row images of ${image.length} columns in the log and ${shape.columns.length} columns now`;
  const row: (string | null)[] = [];
  for (let i = 0; i < shape.columns.length; i++) {
    const column = shape.columns[i]!;
    const value = image[i];
    if (value === undefined) return `has partial row images in the log (${column.name} is missing; binlog_row_image is not FULL)`;
    if (value === null) row.push(null);
    else if (!value.exact) return `has bytes in ${column.name} that are not in its character set`;
    else row.push(column.unsigned && value.unsigned !== undefined ? value.unsigned : value.text);
  }
  return row;
}

/** The identity as text. Collations that pad compare without trailing spaces. */
export function keyOf(shape: TableShape, row: Row): string {
  return plainKey(shape.columns[shape.identity]!, row[shape.identity]);
}

export function primaryOf(shape: TableShape, row: Row): string {
  return plainKey(shape.columns[shape.primary]!, row[shape.primary]);
}

function plainKey(column: ColumnInfo, text: string | null | undefined): string {
  if (text === null || text === undefined) return '\0NULL';
  return isInteger(column) || column.collation === 'utf8mb4_0900_bin' ? text : text.replace(/ +$/, '');
}

/** What a row is, without an AUTO_INCREMENT id that means nothing: two rows with equal bodies are the same row. */
export function bodyOf(shape: TableShape, row: Row | null): string | null {
  if (row === null) return null;
  return JSON.stringify(shape.rekeyable ? row.filter((_, i) => i !== shape.primary) : row);
}

/** SHA-256 of the columns of a body, as the evidence names them; null for absence. */
export function bodyDigest(shape: TableShape, row: Row | null): string | null {
  if (row === null) return null;
  return digestOfColumns(
    shape,
    row,
    shape.columns.map((_, i) => i).filter((i) => !shape.rekeyable || i !== shape.primary),
  );
}

/** SHA-256 of all columns. */
export function imageDigest(shape: TableShape, row: Row): string {
  return digestOfColumns(
    shape,
    row,
    shape.columns.map((_, i) => i),
  );
}

/** SHA-256 of the client-supplied columns: what a ledger record says. */
export function clientDigest(shape: TableShape, row: Row): string {
  return digestOfColumns(shape, row, shape.client);
}

/** The write id that a row carries, in tables that have one. */
export function writeIdOf(shape: TableShape, row: Row): string | undefined {
  const at = shape.columns.findIndex((c) => c.name === 'write_id');
  return at === -1 ? undefined : (row[at] ?? undefined);
}

function digestOfColumns(shape: TableShape, row: Row, positions: readonly number[]): string {
  return rowDigest(Object.fromEntries(positions.map((i) => [shape.columns[i]!.name, row[i] ?? null])));
}
