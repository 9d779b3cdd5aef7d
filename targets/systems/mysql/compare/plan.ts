/** How a table is compared between servers: which columns in which exact form, what identifies a row, and the SQL of it. */
import { cellForm, isGeneratedKey } from '../../../../core/reconcile/schema.ts';
import type { Cell, ColumnInfo, TableShape } from '../../../../core/reconcile/schema.ts';
import { quoteName, quoteTable } from '../rows.ts';
import { cellExpression } from '../schema.ts';

export interface ComparePlan {
  info: TableShape;
  /** the key's columns in its order; null: no key, the rows are a multiset */
  key: readonly ColumnInfo[] | null;
  /** all that is compared: the key first, then the others in the table's order; a generated invisible key is not */
  columns: readonly ColumnInfo[];
  /** the columns as raw bytes, in the order of `columns` */
  select: string;
  /** FROM, with the index that gives the order of the key */
  from: string;
  orderBy: string;
}

/** A key as it comes from the server: its columns' bytes in the form of rawExpression. */
export type RawKey = readonly Uint8Array[];

/** The primary key, else a unique index over columns that cannot be NULL. A generated invisible key is none: each server counts it up on its own. */
export function comparePlan(info: TableShape): ComparePlan {
  const hidden = isGeneratedKey(info) ? 'my_row_id' : null;
  const usable = info.indexes.filter(
    (i) =>
      i.unique && i.parts.length > 0 && i.parts.every((p) => p.column >= 0 && !info.columns[p.column]!.nullable && info.columns[p.column]!.name !== hidden),
  );
  const index = usable.find((i) => i.name === 'PRIMARY') ?? usable.find((i) => i.parts.every((p) => p.prefix === null)) ?? usable[0];
  const key = index ? index.parts.map((p) => info.columns[p.column]!) : null;
  const columns = [...(key ?? []), ...info.columns.filter((c) => !key?.includes(c) && c.name !== hidden)];
  const forced = index && index.parts.every((p) => p.prefix === null) ? ` FORCE INDEX (${quoteName(index.name)})` : '';
  return {
    info,
    key,
    columns,
    select: columns.map((c) => rawExpression(c)).join(', '),
    from: `${quoteTable(info.name)}${forced}`,
    orderBy: (key ?? []).map((c) => quoteName(c.name)).join(', '),
  };
}

/** A column's exact bytes: equal when the stored values are, and only then. With character_set_results = NULL. */
export function rawExpression(c: ColumnInfo): string {
  const name = quoteName(c.name);
  // the plain text of a FLOAT has six digits; a product keeps the sign of -0, which a sum would not
  if (c.dataType === 'float') return `${name} * 1e0`;
  // two labels may print alike: the empty one and that of a value which was refused
  if (c.dataType === 'enum' || c.dataType === 'set' || c.dataType === 'bit') return `${name} + 0`;
  return name;
}

export const rawSelect = (p: ComparePlan, where = ''): string =>
  `SELECT ${p.select} FROM ${p.from}${where && ` WHERE ${where}`}${p.orderBy && ` ORDER BY ${p.orderBy}`}`;

const LARGE = new Set(['tinytext', 'text', 'mediumtext', 'longtext', 'tinyblob', 'blob', 'mediumblob', 'longblob', 'json', 'geometry', 'vector']);
const TEXTS = new Set(['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext']);
const BINARIES = new Set(['binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob']);

/** A column as a binary string. */
function bytesExpression(c: ColumnInfo): string {
  const name = quoteName(c.name);
  if (BINARIES.has(c.dataType)) return name;
  if (TEXTS.has(c.dataType)) return `CONVERT(${name} USING binary)`;
  if (c.dataType === 'json') return `CONVERT(CAST(${name} AS CHAR) USING binary)`;
  const form = cellForm(c);
  return form === 'hex' ? `CONVERT(HEX(${name}) USING binary)` : `CONVERT(CAST(${rawExpression(c)} AS CHAR) USING binary)`;
}

const PLAIN = new Set(['digits', 'decimal', 'temporal', 'float', 'double']);

/**
 * SHA-256 of a row as 64 hex digits: of its columns one behind the other, each so that it is seen where it ends: numbers and times before a comma, other bytes
 * behind their length and a colon, NULL as N. So no two rows give the same text. Of columns that may be larger than a packet their own SHA-256 stands for them:
 * CONCAT gives NULL for what is longer.
 */
export function rowHash(p: ComparePlan): string {
  const parts = p.columns.map((c) => {
    const bytes = bytesExpression(c);
    const value = LARGE.has(c.dataType)
      ? `SHA2(${bytes}, 256)`
      : PLAIN.has(cellForm(c))
        ? rawExpression(c)
        : `CONCAT(LENGTH(${TEXTS.has(c.dataType) ? quoteName(c.name) : bytes}), ':', ${bytes})`;
    return c.nullable ? `IFNULL(${value}, 'N')` : value;
  });
  return `SHA2(CONCAT(${parts.join(", ',', ")}), 256)`;
}

/** A multiset as rows in an order: the hash of a row, and how often it is there. */
export const multisetSelect = (p: ComparePlan): string => `SELECT ${rowHash(p)} h, COUNT(*) FROM ${p.from} GROUP BY h ORDER BY h`;

const NUMBERS = new Set(['digits', 'decimal']);

/** A value of a key as SQL that its column compares as itself, under its own collation. */
export function rawLiteral(c: ColumnInfo, bytes: Uint8Array): string {
  const form = cellForm(c);
  const text = () => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  if (NUMBERS.has(form)) return numberOf(text());
  if (form === 'float') return `CAST(${numberOf(text())} AS FLOAT)`;
  if (form === 'double') return `CAST(${numberOf(text())} AS DOUBLE)`;
  // a TIMESTAMP is in the session's time zone, which is UTC
  if (form === 'temporal') return `'${text().replaceAll("'", "''")}'`;
  const hex = `X'${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')}'`;
  return c.charset === null || c.charset === 'binary' ? hex : `_${c.charset} ${hex}`;
}

function numberOf(text: string): string {
  if (!/^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text)) throw new RangeError(`"${text}" is no number`);
  return text;
}

/** `a = 1`, or `(a, b) IN ((1, 2), …)`: forms whose ranges the server finds in the index. */
export function whereKeys(p: ComparePlan, keys: readonly RawKey[]): string {
  const key = p.key!;
  if (key.length === 1) return `${quoteName(key[0]!.name)} IN (${keys.map((k) => rawLiteral(key[0]!, k[0]!)).join(',')})`;
  return `(${p.orderBy}) IN (${keys.map((k) => `(${key.map((c, i) => rawLiteral(c, k[i]!)).join(',')})`).join(',')})`;
}

export const INTEGERS = new Set(['tinyint', 'smallint', 'mediumint', 'int', 'bigint']);
const LISTED = 'drillbook_key';

/** The cells of a key as one string, for very many: of one column, its cell. And back. */
export const keyText = (cells: readonly Cell[]): string => (cells.length === 1 ? cells[0]! : JSON.stringify(cells));
const cellsOfKey = (text: string, columns: number): Cell[] => (columns === 1 ? [text] : (JSON.parse(text) as Cell[]));

/**
 * The rows that have these keys (keyText), as raw bytes; null: there is a key whose text is not in its column's character set. A key that is one integer is looked up
 * from a JSON array: less of the server's time than a list of ranges, which it would sort, merge and check. In whatever order, the same rows.
 */
export function keysSelect(p: ComparePlan, keys: readonly string[]): string | null {
  const [column, more] = p.key!;
  if (more || !INTEGERS.has(column!.dataType) || p.columns.some((c) => c.name === LISTED)) {
    const raw = keys.map((k) => rawKeyOf(p, cellsOfKey(k, p.key!.length)));
    return raw.includes(null) ? null : rawSelect(p, whereKeys(p, raw as RawKey[]));
  }
  const list = keys.join(',');
  if (!/^[-\d,]*$/.test(list)) throw new RangeError(`a key of ${p.info.name} is no number`);
  const type = column!.unsigned ? 'BIGINT UNSIGNED' : 'BIGINT';
  const rows = `JSON_TABLE('[${list}]', '$[*]' COLUMNS (${LISTED} ${type} PATH '$' ERROR ON EMPTY ERROR ON ERROR)) listed`;
  return `SELECT STRAIGHT_JOIN ${p.select} FROM ${rows} JOIN ${p.from} ON ${p.orderBy} = ${LISTED}`;
}

/** Behind `low` (null: from the beginning) up to and with `high` (null: to the end), in the order of the key. Spelled out, since a range over row constructors uses no index. */
export function whereRange(p: ComparePlan, low: RawKey | null, high: RawKey | null): string {
  const parts: string[] = [];
  if (low) parts.push(bound(p, low, '>'));
  if (high) parts.push(bound(p, high, '<'));
  return parts.join(' AND ');
}

function bound(p: ComparePlan, at: RawKey, side: '<' | '>'): string {
  const key = p.key!;
  const name = (i: number) => quoteName(key[i]!.name);
  const value = (i: number) => rawLiteral(key[i]!, at[i]!);
  const last = side === '<' ? '<=' : '>';
  if (key.length === 1) return `${name(0)} ${last} ${value(0)}`;
  let text = `${name(key.length - 1)} ${last} ${value(key.length - 1)}`;
  for (let i = key.length - 2; i >= 0; i--) text = `${name(i)} ${side}= ${value(i)} AND (${name(i)} ${side} ${value(i)} OR (${text}))`;
  return text;
}

/** The key as columns k0, k1, … of hex digits. */
export const keySelect = (p: ComparePlan): string => p.key!.map((c, i) => `HEX(${bytesExpression(c)}) k${i}`).join(', ');
export const keyOfHex = (p: ComparePlan, row: Record<string, string>): RawKey => p.key!.map((_, i) => Buffer.from(row[`k${i}`]!, 'hex'));

/** The cells of rows (core/reconcile/schema.ts), in the order of `columns`, for who names them. */
export const cellSelect = (p: ComparePlan, where = '', more = ''): string =>
  `SELECT ${p.columns.map((c) => cellOrRaw(c)).join(', ')}${more} FROM ${p.from}${where && ` WHERE ${where}`}`;

// the sum in cellExpression loses the sign of -0
const cellOrRaw = (c: ColumnInfo): string => (c.dataType === 'float' ? `CAST(${rawExpression(c)} AS CHAR)` : cellExpression(c));

/** What is equal for all rows that are one to the key, as SQL: weights under its collation, without trailing spaces where that pads. */
export function sameKey(p: ComparePlan): string {
  const parts = p.key!.map((c) => {
    if (!TEXTS.has(c.dataType)) return `HEX(${bytesExpression(c)})`;
    const padded = !/_0900_|_nopad_/.test(c.collation ?? '');
    return `HEX(WEIGHT_STRING(${padded ? `RTRIM(${quoteName(c.name)})` : quoteName(c.name)}))`;
  });
  return `CONCAT_WS(',', ${parts.join(', ')})`;
}

/** The bytes of a key whose cells are known, in the form of rawExpression; null: its text is not in its column's character set. */
export function rawKeyOf(p: ComparePlan, cells: readonly Cell[]): RawKey | null {
  const key: Uint8Array[] = [];
  for (const [i, c] of p.key!.entries()) {
    const bytes = cellForm(c) === 'hex' ? Buffer.from(cells[i]!, 'hex') : c.charset === 'latin1' ? latin1Of(cells[i]!) : Buffer.from(cells[i]!);
    if (bytes === null) return null;
    key.push(bytes);
  }
  return key;
}

/** MySQL's latin1 is windows-1252, and the five bytes that it leaves out are themselves. */
const LATIN1 = new Map(Array.from(new TextDecoder('windows-1252').decode(Uint8Array.from({ length: 256 }, (_, i) => i)), (char, i) => [char, i]));
function latin1Of(text: string): Uint8Array | null {
  const bytes = Array.from(text, (char) => LATIN1.get(char) ?? -1);
  return bytes.includes(-1) ? null : Uint8Array.from(bytes);
}
