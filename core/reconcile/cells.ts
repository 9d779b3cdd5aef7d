/** Row images of a log in the cells of schema.ts, for a table as it is now. What a log says of a column must fit the column, else nothing is told of the table. */
import type { Bytes } from '../binlog/bytes.ts';
import { COLUMN } from '../binlog/codes.ts';
import { STORED, storageOf } from '../binlog/column-type.ts';
import { ABSENT, NULL } from '../binlog/rows.ts';
import type { PatchedJson, RowImage } from '../binlog/rows.ts';
import type { ColumnMeta, TableMap } from '../binlog/table-map.ts';
import { charsetOf } from '../binlog/value/charset.ts';
import { emitterOf } from '../binlog/value/emit.ts';
import type { Emitter } from '../binlog/value/emit.ts';
import { utf8Text, writeHex } from '../binlog/value/string.ts';
import { ByteWriter } from '../binlog/value/writer.ts';
import type { Flavour } from '../binlog/visitor.ts';
import { mysqlJsonText } from './json-cell.ts';
import { cellForm } from './schema.ts';
import type { Cell, ColumnInfo, TableShape } from './schema.ts';

/** The value that stands at `pos`, its length prefix included. Throws BinlogDamage, and Inexact. */
type CellReader = (buf: Uint8Array, pos: number) => string;

/** A value that has no exact cell: its bytes are none of its column's character set, or a partial update has no base. */
export class Inexact extends Error {
  override readonly name = 'Inexact';
}

const out = new ByteWriter(4096);

/** How the images of one table map become cells of a table: made once per map. */
export class ImageReader {
  /** by column of the table: its column in the log; -1: the log has none */
  private readonly at: Int32Array;
  private readonly readers: readonly (CellReader | null)[];
  /** by column of the table: the bytes of its values in the log, where all have as many; else 0 */
  private readonly fixed: Int32Array;

  constructor(at: Int32Array, readers: readonly (CellReader | null)[], fixed: Int32Array) {
    this.at = at;
    this.readers = readers;
    this.fixed = fixed;
  }

  /** These columns have the same bytes in both images. false also where that takes more than a look: values with a length, NULL, and columns that are not there. */
  alike(a: RowImage, b: RowImage, columns: readonly number[]): boolean {
    for (const i of columns) if (!this.alikeIn(a, b, i)) return false;
    return true;
  }

  /** The same for one column. */
  alikeIn(a: RowImage, b: RowImage, i: number): boolean {
    const bytes = this.fixed[i]!;
    if (bytes === 0) return false;
    const column = this.at[i]!;
    const x = a.at[column]!;
    const y = b.at[column]!;
    if (x < 0 || y < 0) return false;
    for (let k = 0; k < bytes; k++) if (a.buf[x + k] !== b.buf[y + k]) return false;
    return true;
  }

  /** Cells that are as they were in `before` share its strings. Throws BinlogDamage, and Inexact. */
  cells(image: RowImage, before?: readonly (Cell | undefined)[] | null): (Cell | undefined)[] {
    const cells: (Cell | undefined)[] = [];
    for (let i = 0; i < this.at.length; i++) {
      const cell = this.cell(image, i);
      cells.push(cell === before?.[i] ? before?.[i] : cell);
    }
    return cells;
  }

  /** The cells of these columns of the table alone, in their order. Throws as cells does, of these columns. */
  some(image: RowImage, columns: readonly number[]): (Cell | undefined)[] {
    return columns.map((i) => this.cell(image, i));
  }

  /** The cell of one. */
  cell(image: RowImage, i: number): Cell | undefined {
    const column = this.at[i]!;
    const pos = column === -1 ? ABSENT : image.at[column]!;
    const patched = image.patched?.[column];
    return patched ? patchedCell(patched) : pos === ABSENT ? undefined : pos === NULL ? null : this.readers[i]!(image.buf, pos);
  }
}

function patchedCell(patched: PatchedJson): string {
  if ('doc' in patched) return mysqlJsonText(patched.doc, 0, patched.doc.length);
  throw new Inexact(patched.underivable);
}

/** The reader for a log's table map, or why its images do not fit the table, in words that follow the table's name. */
export function imageReader(map: TableMap, table: TableShape, bytes: Pick<Bytes, 'inflate'>): ImageReader | string {
  const named = map.columns.every((c) => c.name !== null);
  if (!named && map.columns.length !== table.columns.length)
    return `has row images of ${map.columns.length} columns in the log and ${table.columns.length} columns now`;
  const gone = named ? map.columns.find((m) => !table.columns.some((c) => c.name === m.name)) : undefined;
  if (gone) return `has no column ${gone.name} any more, which its row images have`;
  const at = Int32Array.from(table.columns, (c, i) => (named ? map.columns.findIndex((m) => m.name === c.name) : i));
  const readers: (CellReader | null)[] = [];
  for (const [i, column] of table.columns.entries()) {
    const meta = at[i] === -1 ? null : map.columns[at[i]!]!;
    if (!(column.dataType in TYPES)) return `has a column ${column.name} of type ${column.columnType}, which is not read`;
    const misfit = meta && misfitOf(meta, column, map.flavour);
    if (misfit) return `has changed since: ${column.name} is ${column.columnType}${column.charset ? ` ${column.charset}` : ''} now, and in the log ${misfit}`;
    readers.push(meta && readerOf(meta, column, map.flavour, bytes));
  }
  const fixed = Int32Array.from(at, (column) => (column === -1 ? 0 : fixedBytes(map.columns[column]!)));
  return new ImageReader(at, readers, fixed);
}

function fixedBytes({ type, meta }: ColumnMeta): number {
  const storage = storageOf(type, meta);
  return (storage & 7) === STORED.FIXED ? storage >> 3 : 0;
}

const C = COLUMN;
const STRINGS = [C.VARCHAR, C.STRING, C.MARIA_VARCHAR_COMPRESSED];
const BLOBS = [C.TINY_BLOB, C.BLOB, C.MEDIUM_BLOB, C.LONG_BLOB, C.MARIA_BLOB_COMPRESSED];
const TYPES: Readonly<Record<string, readonly number[]>> = {
  tinyint: [C.TINY],
  smallint: [C.SHORT],
  mediumint: [C.INT24],
  int: [C.LONG],
  bigint: [C.LONGLONG],
  year: [C.YEAR],
  bit: [C.BIT],
  enum: [C.ENUM],
  set: [C.SET],
  decimal: [C.NEWDECIMAL],
  float: [C.FLOAT],
  double: [C.DOUBLE],
  date: [C.DATE, C.NEWDATE],
  time: [C.TIME2, C.TIME],
  datetime: [C.DATETIME2, C.DATETIME],
  timestamp: [C.TIMESTAMP2, C.TIMESTAMP],
  char: STRINGS,
  varchar: STRINGS,
  binary: STRINGS,
  varbinary: STRINGS,
  tinytext: BLOBS,
  text: BLOBS,
  mediumtext: BLOBS,
  longtext: BLOBS,
  tinyblob: BLOBS,
  blob: BLOBS,
  mediumblob: BLOBS,
  longblob: BLOBS,
  json: [C.JSON],
  geometry: [C.GEOMETRY],
  point: [C.GEOMETRY],
  linestring: [C.GEOMETRY],
  polygon: [C.GEOMETRY],
  multipoint: [C.GEOMETRY],
  multilinestring: [C.GEOMETRY],
  multipolygon: [C.GEOMETRY],
  geomcollection: [C.GEOMETRY],
  geometrycollection: [C.GEOMETRY],
  vector: [C.VECTOR],
  uuid: [C.STRING],
  inet4: [C.STRING],
  inet6: [C.STRING],
};

/** Numbers in a COLUMN_TYPE: precision and scale, length, fraction digits. */
function numbersOf(column: ColumnInfo): [number, number] {
  const match = /\((\d+)(?:,\s*(\d+))?\)/.exec(column.columnType);
  return [Number(match?.[1] ?? 0), Number(match?.[2] ?? 0)];
}

/** What the log says of the column where that gives other cells than the column's; null: it fits. */
function misfitOf(meta: ColumnMeta, column: ColumnInfo, flavour: Flavour): string | null {
  if (!TYPES[column.dataType]?.includes(meta.type)) return meta.typeText;
  const [first, second] = numbersOf(column);
  const form = cellForm(column);
  if (form === 'decimal' && meta.meta !== ((first << 8) | second)) return meta.typeText;
  if (form === 'temporal' && column.dataType !== 'date' && fractionOf(meta) !== first) return meta.typeText;
  if (meta.unsigned !== null && form === 'digits' && isInteger(meta) && meta.unsigned !== column.unsigned) return meta.typeText;
  if (column.dataType === 'binary' && meta.meta !== first) return meta.typeText;
  if (meta.collation !== null && (form === 'text' || column.charset !== null)) {
    const charset = charsetOf(meta.collation, flavour);
    if (charset !== plainCharset(column.charset ?? 'binary')) return `${meta.typeText} ${charset}`;
  }
  if (meta.labels !== null && !meta.labels.every((label, i) => label === labelsOf(column)[i])) return `${meta.typeText} of other labels`;
  return null;
}

const isInteger = (meta: ColumnMeta): boolean => meta.type <= C.LONG || meta.type === C.LONGLONG || meta.type === C.INT24;
const fractionOf = ({ type, meta }: ColumnMeta): number => (type === C.TIME2 || type === C.DATETIME2 || type === C.TIMESTAMP2 ? meta : 0);
const plainCharset = (charset: string): string => (charset === 'utf8' ? 'utf8mb3' : charset);

/** Of an ENUM or SET, out of its COLUMN_TYPE. */
export function labelsOf(column: ColumnInfo): string[] {
  return [...column.columnType.matchAll(/'((?:[^']|'')*)'/g)].map((m) => m[1]!.replaceAll("''", "'"));
}

function readerOf(meta: ColumnMeta, column: ColumnInfo, flavour: Flavour, { inflate }: Pick<Bytes, 'inflate'>): CellReader {
  const inflated = (data: Uint8Array, sizeMax: number, raw?: boolean) => inflate(data, sizeMax, raw);
  const emitter = (more: Partial<ColumnMeta>) => emitterOf({ ...meta, ...more }, flavour, inflated);
  const form = cellForm(column);
  if (form === 'text') return exactText(emitter({ collation: meta.collation ?? COLLATION[plainCharset(column.charset!)]! }), column.name);
  if (form === 'json') return storedJson(meta.meta);
  const whole = form === 'digits' ? smallInteger(meta.type, column.unsigned) : null;
  if (whole) return whole;
  const plain = form === 'hex' ? null : plainText(emitter({ unsigned: column.unsigned, labels: null }));
  // no expression of MariaDB's tells its two zeros apart
  if (plain && flavour === 'mariadb' && (form === 'float' || form === 'double')) return (buf, pos) => (plain(buf, pos) === '-0' ? '0' : plain(buf, pos));
  if (plain) return plain;
  // a CHAR of a character set that is not read: the stored bytes, without what a BINARY is padded with
  const padded = column.charset === null || meta.type !== C.STRING;
  return isString(meta) && padded ? plainText(emitter({ collation: BINARY })) : storedHex(lengthBytes(meta));
}

/** Of four bytes at most, in a third of the time that a text takes which is written and read; null: it is larger, or no integer. */
function smallInteger(type: number, unsigned: boolean): CellReader | null {
  const shift = INTEGER_SHIFT.get(type);
  if (shift === undefined) return null;
  const bytes = 4 - shift / 8;
  return (buf, pos) => {
    let n = 0;
    for (let i = bytes - 1; i >= 0; i--) n = (n << 8) | buf[pos + i]!;
    return String(unsigned ? n >>> 0 : (n << shift) >> shift);
  };
}
/** bits that 32 have more */
const INTEGER_SHIFT = new Map<number, number>([
  [C.TINY, 24],
  [C.SHORT, 16],
  [C.INT24, 8],
  [C.LONG, 0],
]);

const BINARY = 63;
/** A collation of each character set whose text is read. */
const COLLATION: Readonly<Record<string, number>> = { utf8mb4: 45, utf8mb3: 33, ascii: 11, latin1: 8 };
const isString = ({ type }: ColumnMeta): boolean => STRINGS.includes(type as never) || BLOBS.includes(type as never);
const lengthBytes = ({ type, meta }: ColumnMeta): number => (type === C.STRING || type === C.VARCHAR ? (meta < 256 ? 1 : 2) : meta);

function plainText(emitter: Emitter): CellReader {
  return (buf, pos) => {
    out.pos = 0;
    emitter.text(out, buf, pos);
    return utf8Text(out);
  };
}

function exactText(emitter: Emitter, column: string): CellReader {
  return (buf, pos) => {
    const { text, exact } = emitter.value(buf, pos);
    if (!exact) throw new Inexact(`has bytes in ${column} that are not in its character set`);
    return text;
  };
}

/** Little-endian, 1 to 4 bytes. The walk over the image has checked that value and length are there. */
function lengthAt(buf: Uint8Array, pos: number, bytes: number): number {
  let n = 0;
  for (let i = bytes - 1; i >= 0; i--) n = n * 256 + buf[pos + i]!;
  return n;
}

function storedHex(prefix: number): CellReader {
  return (buf, pos) => {
    out.pos = 0;
    const start = pos + prefix;
    writeHex(out, buf, start, start + lengthAt(buf, pos, prefix));
    return utf8Text(out);
  };
}

function storedJson(prefix: number): CellReader {
  return (buf, pos) => {
    const start = pos + prefix;
    return mysqlJsonText(buf, start, start + lengthAt(buf, pos, prefix));
  };
}
