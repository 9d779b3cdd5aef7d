/** Tables of a corpus: their columns, and what is stored in them. */
import type { Kind } from './kind.ts';

/** `sql`: an expression that stores it; `is`: its canonical text (kind.ts). Written by hand from the same source, not by the server. */
export interface Stored {
  sql: string;
  is: string;
  /** canonical text of what the log holds, where the server's own SELECT says less (JSON) */
  exact?: string;
  /** what an UPDATE makes of it, by an expression over the column */
  next?: Stored;
}

export interface Column {
  name: string;
  /** as in CREATE TABLE */
  type: string;
  kind: Kind;
  /** rows take them in turn; empty: the server makes the value (generated columns, keys) and what it holds is taken from it alone */
  values: readonly Stored[];
  nullable?: boolean;
  /** left out of `SELECT *` */
  invisible?: boolean;
  /** BLOB or TEXT of any size: binlog_row_image NOBLOB leaves it out. JSON, GEOMETRY and VECTOR stay in, whatever they are stored as. */
  blob?: boolean;
  /** made from these columns */
  from?: readonly string[];
}

export interface Table {
  schema: string;
  name: string;
  /** in the order of the binary log; the primary key first, if there is one */
  columns: readonly Column[];
  /** names; empty: none */
  primaryKey: readonly string[];
  /** a unique key of NOT NULL columns, which identifies rows where there is no primary key */
  unique?: readonly string[];
  /** of its columns: characters of the prefix that is their part of the key */
  keyPrefix?: Readonly<Record<string, number>>;
  /** more of CREATE TABLE: keys and the like */
  more?: readonly string[];
  options?: string;
  /** columns of a key that the server adds are not in CREATE TABLE */
  implied?: readonly string[];
}

/** Every setting in use, as `name value`. */
export const settingsOf = (cells: readonly object[]): Set<string> =>
  new Set(cells.flatMap((cell) => Object.entries(cell).map(([name, value]) => `${name} ${value}`)));

/** The columns that identify a row in the log; none: all of them do. */
export const identityOf = (table: Table): readonly string[] => (table.primaryKey.length > 0 ? table.primaryKey : (table.unique ?? []));

export const quote = (name: string): string => `\`${name.replaceAll('`', '``')}\``;
export const nameOf = (table: Table): string => `${quote(table.schema)}.${quote(table.name)}`;
export const text = (s: string): string => `_utf8mb4 X'${Buffer.from(s).toString('hex')}'`;

export function createSql(table: Table): string {
  const columns = table.columns
    .filter((c) => !table.implied?.includes(c.name))
    .map((c) => `${quote(c.name)} ${c.type}${c.nullable === false ? ' NOT NULL' : ''}`);
  const key =
    table.primaryKey.length > 0 && !table.implied
      ? [`PRIMARY KEY (${table.primaryKey.map((name) => quote(name) + (table.keyPrefix?.[name] ? `(${table.keyPrefix[name]})` : '')).join()})`]
      : [];
  const unique = table.unique ? [`UNIQUE KEY (${table.unique.map(quote).join()})`] : [];
  return `CREATE TABLE ${nameOf(table)} (${[...columns, ...key, ...unique, ...(table.more ?? [])].join(', ')}) ${table.options ?? ''}`;
}
