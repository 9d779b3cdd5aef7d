/**
 * Tables as any server declares them, and one exact text form of every value ("cell"), the same whether it comes from a row image of a binary log or from a
 * SELECT: two cells of one column are equal exactly when their stored values are, byte for byte. null is SQL NULL; undefined is "not in the image".
 *
 * | column | cell |
 * |---|---|
 * | integers, YEAR, BIT, ENUM (its index), SET (its bits) | decimal digits |
 * | DECIMAL | as MySQL prints it, all digits |
 * | FLOAT, DOUBLE | the shortest decimal that reads back to the same float32 / float64, as JavaScript writes numbers; -0 is "-0", of MariaDB "0": no expression there tells them apart |
 * | DATE, TIME, DATETIME, TIMESTAMP (in UTC) | as MySQL prints them, with the column's own fraction digits |
 * | CHAR, VARCHAR, TEXT in utf8mb4, utf8mb3, ascii, latin1 | the text (CHAR without the trailing spaces that the server strips) |
 * | the same in other character sets; BINARY, VARBINARY, BLOB, GEOMETRY, VECTOR; MariaDB's UUID, INET4, INET6 | lower-case hex of the stored bytes |
 * | JSON | MySQL's own text of the document (`CAST(doc AS CHAR)`): object keys in its order, `, ` and `: ` between, numbers as it prints them |
 */
export type Cell = string | null;
/** In column order. */
export type Cells = readonly (Cell | undefined)[];

export type CellForm = 'digits' | 'decimal' | 'float' | 'double' | 'temporal' | 'text' | 'hex' | 'json';

export interface ColumnInfo {
  name: string;
  /** DATA_TYPE, lower case: int, varchar, json, … */
  dataType: string;
  /** COLUMN_TYPE in full, e.g. int unsigned, enum('a','b') */
  columnType: string;
  unsigned: boolean;
  nullable: boolean;
  charset: string | null;
  collation: string | null;
  autoIncrement: boolean;
  generated: 'virtual' | 'stored' | null;
  invisible: boolean;
}

export interface IndexInfo {
  /** PRIMARY or its name */
  name: string;
  unique: boolean;
  /** `prefix`: characters (bytes for binary types) that count, null: all of the column; `column` -1: an expression, which nothing can be told about */
  parts: readonly { column: number; prefix: number | null }[];
}

export interface ForeignKey {
  name: string;
  /** the child: `schema.table` and its columns */
  table: string;
  columns: readonly string[];
  parent: string;
  parentColumns: readonly string[];
  onDelete: string;
  onUpdate: string;
}

/** What its rows are, and how they are told apart. */
export interface TableShape {
  /** `schema.table` */
  name: string;
  engine: string;
  /** why nothing can be told of its rows, in words that follow its name */
  unreadable?: string;
  columns: readonly ColumnInfo[];
  indexes: readonly IndexInfo[];
}

export interface TableInfo extends TableShape {
  triggers: readonly string[];
  /** this table is the child */
  foreignKeys: readonly ForeignKey[];
  /** this table is the parent */
  referencedBy: readonly ForeignKey[];
}

const TEXTS = new Set(['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext']);
const READABLE = new Set(['utf8mb4', 'utf8mb3', 'utf8', 'ascii', 'latin1']);
const DIGITS = new Set(['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'year', 'bit', 'enum', 'set']);
const TEMPORALS = new Set(['date', 'time', 'datetime', 'timestamp']);

export function cellForm(c: ColumnInfo): CellForm {
  if (DIGITS.has(c.dataType)) return 'digits';
  if (TEMPORALS.has(c.dataType)) return 'temporal';
  if (TEXTS.has(c.dataType)) return READABLE.has(c.charset ?? '') ? 'text' : 'hex';
  if (c.dataType === 'decimal' || c.dataType === 'float' || c.dataType === 'double' || c.dataType === 'json') return c.dataType;
  return 'hex';
}

/** A generated invisible primary key (sql_generate_invisible_primary_key): both sides count it up on their own, so it identifies nothing between them. */
export function isGeneratedKey(t: TableShape): boolean {
  const primary = t.indexes.find((i) => i.name === 'PRIMARY');
  const only = primary?.parts.length === 1 ? t.columns[primary.parts[0]!.column] : undefined;
  return only?.name === 'my_row_id' && only.invisible && only.autoIncrement;
}

/** What identifies a row between two servers. */
export type Identity =
  /** columns, of a unique index (`index`) or as declared by the runbook or an option (null) */
  | { by: 'columns'; index: IndexInfo | null; columns: readonly number[] }
  /** nothing does: rows are a multiset, a row is identified by all its cells but generated keys and virtual columns */
  | { by: 'row'; columns: readonly number[] };

/**
 * The declared columns; else the primary key; where that is AUTO_INCREMENT, a unique index over other columns, none of them nullable, instead, if there is
 * one; an AUTO_INCREMENT id only where there is nothing better; a generated invisible key never. Throws nothing; `declared` names that are no columns give a string, the reason.
 */
export function identityOf(t: TableInfo, declared?: readonly string[]): Identity | string {
  if (declared) {
    const columns = declared.map((n) => t.columns.findIndex((c) => c.name === n));
    const missing = declared.find((_, i) => columns[i] === -1);
    return missing === undefined ? { by: 'columns', index: null, columns } : `has no column ${missing}, which was declared as its identity`;
  }
  const usable = t.indexes.filter((i) => i.unique && i.parts.every((p) => p.column >= 0 && !t.columns[p.column]!.nullable));
  const counted = (i: IndexInfo) => i.parts.some((p) => t.columns[p.column]!.autoIncrement);
  const primary = usable.find((i) => i.name === 'PRIMARY');
  const best = primary && !counted(primary) ? primary : (usable.find((i) => !counted(i)) ?? (isGeneratedKey(t) ? undefined : (primary ?? usable[0])));
  if (best) return { by: 'columns', index: best, columns: best.parts.map((p) => p.column) };
  const all = t.columns.map((_, i) => i).filter((i) => t.columns[i]!.generated !== 'virtual' && !(isGeneratedKey(t) && t.columns[i]!.name === 'my_row_id'));
  return { by: 'row', columns: all };
}
