/**
 * A planned change as row events for the BINLOG statement: triggers do not fire on them, and they hold values that have no literal. Version 2 events, no checksum.
 * Source of the formats: MySQL libs/mysql/binlog/event/rows_event.h (table map, rows), sql/field.cc (do_save_field_metadata, pack), strings/decimal.cc
 * (decimal2bin), mysys/my_time.cc (packed temporals).
 */
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { COLUMN, EVENT } from '../binlog/codes.ts';
import { bytesIn } from './plan-literal.ts';
import type { PlannedChange } from './plan-model.ts';
import { cellForm } from './schema.ts';
import type { Cell, Cells, ColumnInfo } from './schema.ts';

const HEADER_SIZE = 19;
const STMT_END = 1;
const TABLE_ID = 1;

/** type of a field of optional metadata, and what VECTOR without a size has */
const VECTOR_DIMENSIONALITY = 13;
const VECTOR_DEFAULT = 2048;

/** Lengths of the post-headers of events 1 to 41, as servers since 8.0 write them; the format description's own is set where it is made. */
const POST_HEADERS = [56, 13, 0, 8, 0, 0, 0, 0, 4, 0, 4, 0, 0, 0, 98, 0, 4, 26, 8, 0, 0, 0, 8, 8, 8, 2, 0, 0, 0, 10, 10, 10, 42, 42, 0, 18, 52, 0, 10, 40, 0];

/** Bytes that grow. */
class Out {
  readonly bytes: number[] = [];

  le(n: number | bigint, size: number): this {
    for (let rest = BigInt.asUintN(64, BigInt(n)), i = 0; i < size; i++, rest >>= 8n) this.bytes.push(Number(rest & 255n));
    return this;
  }
  be(n: number | bigint, size: number): this {
    const rest = BigInt.asUintN(64, BigInt(n));
    for (let i = size - 1; i >= 0; i--) this.bytes.push(Number((rest >> BigInt(i * 8)) & 255n));
    return this;
  }
  raw(bytes: Iterable<number>): this {
    for (const b of bytes) this.bytes.push(b);
    return this;
  }
  lenenc(n: number): this {
    return n < 251 ? this.le(n, 1) : this.le(252, 1).le(n, 2);
  }
  /** one bit for each, the lowest first */
  bitmap(flags: readonly boolean[]): this {
    for (let i = 0; i < flags.length; i += 8) this.bytes.push(flags.slice(i, i + 8).reduce((n, f, bit) => n | (f ? 1 << bit : 0), 0));
    return this;
  }
}

function event(type: number, body: Out): Uint8Array {
  const size = HEADER_SIZE + body.bytes.length;
  const head = new Out().le(0, 4).le(type, 1).le(1, 4).le(size, 4).le(0, 4).le(0, 2);
  return Uint8Array.from([...head.bytes, ...body.bytes]);
}

/** What BINLOG needs to have seen first in a session. */
export function formatDescription(): Uint8Array {
  const version = new Uint8Array(50);
  version.set(utf8ToBytes('8.0.36'));
  return event(EVENT.FORMAT_DESCRIPTION, new Out().le(4, 2).raw(version).le(0, 4).le(HEADER_SIZE, 1).raw(POST_HEADERS).le(0, 1).le(0, 4));
}

/** Why row events cannot carry the change, in words; null: they can. `mariadb`: the server is one, and takes what a row event leaves out for NULL. */
export function uneventful(c: PlannedChange, mariadb = false): string | null {
  for (const [i, o] of c.table.columns.entries()) {
    if (mariadb && o.generated === 'stored' && c.target) return `${o.name} is a stored generated column, which MariaDB does not compute for row events`;
    if (mariadb && /\bCOMPRESSED\b/.test(o.columnType)) return `${o.name} is compressed, which is not made into row events`;
    if (o.generated !== null) continue;
    if (o.dataType === 'json') {
      const cell = c.target?.[i];
      if (c.copies || c.where[i] !== undefined) return `${o.name} is a JSON document that must find its row`;
      if (cell !== undefined && cell !== null && cell !== c.seen?.[i]) return `${o.name} is a JSON document, which is not made into row events`;
    } else if (!(o.dataType in TYPES)) return `${o.name} is ${o.dataType}, which is not made into row events`;
  }
  return null;
}

/** The events of the change, each table map before its rows. Throws TypeError for a cell that is none of its column's. */
export function eventsOf(c: PlannedChange): Uint8Array[] {
  if (c.copies) {
    const more = c.copies.target - c.copies.seen;
    const one = more > 0 ? { ...c, seen: null } : { ...c, target: null };
    const { copies: _, ...single } = one;
    return Array.from({ length: Math.abs(more) }, () => eventsOf(single)).flat();
  }
  const type = !c.seen ? EVENT.WRITE_ROWS : c.target ? EVENT.UPDATE_ROWS : EVENT.DELETE_ROWS;
  const before = c.seen && present(c, c.seen, false);
  const after = c.target && present(c, c.target, true);
  const body = new Out().le(TABLE_ID, 6).le(STMT_END, 2).le(2, 2).lenenc(c.table.columns.length);
  if (before) body.bitmap(before);
  if (after) body.bitmap(after);
  if (before) putImage(body, c, c.seen!, before);
  if (after) putImage(body, c, c.target!, after);
  return [tableMap(c), event(type, body)];
}

/** The columns of an image. A JSON document is in none: it stays as it is, and finds no row. */
function present(c: PlannedChange, row: Cells, after: boolean): boolean[] {
  return c.table.columns.map((o, i) => {
    if (o.generated !== null || row[i] === undefined) return false;
    return o.dataType !== 'json' || (after && row[i] === null);
  });
}

function putImage(out: Out, c: PlannedChange, row: Cells, columns: readonly boolean[]): void {
  const held = c.table.columns.map((_, i) => i).filter((i) => columns[i]);
  out.bitmap(held.map((i) => row[i] === null));
  for (const i of held) {
    const cell = row[i];
    if (cell !== null && cell !== undefined) putValue(out, c.table.columns[i]!, cell);
  }
}

function tableMap(c: PlannedChange): Uint8Array {
  const dot = c.table.name.indexOf('.');
  const [schema, name] = [utf8ToBytes(c.table.name.slice(0, dot)), utf8ToBytes(c.table.name.slice(dot + 1))];
  const { columns } = c.table;
  const metas = columns.flatMap((o) => metaOf(o));
  const body = new Out().le(TABLE_ID, 6).le(1, 2).le(schema.length, 1).raw(schema).le(0, 1).le(name.length, 1).raw(name).le(0, 1);
  body.lenenc(columns.length).raw(columns.map((o) => TYPES[o.dataType] ?? COLUMN.STRING));
  body
    .lenenc(metas.length)
    .raw(metas)
    .bitmap(columns.map((o) => o.nullable));
  // the only optional metadata that a server insists on
  const vectors = columns.filter((o) => o.dataType === 'vector').map((o) => numbersOf(o, VECTOR_DEFAULT)[0]);
  if (vectors.length > 0) {
    const sizes = new Out();
    for (const n of vectors) sizes.lenenc(n);
    body.le(VECTOR_DIMENSIONALITY, 1).lenenc(sizes.bytes.length).raw(sizes.bytes);
  }
  return event(EVENT.TABLE_MAP, body);
}

const C = COLUMN;
const TYPES: Readonly<Record<string, number>> = {
  tinyint: C.TINY,
  smallint: C.SHORT,
  mediumint: C.INT24,
  int: C.LONG,
  bigint: C.LONGLONG,
  year: C.YEAR,
  bit: C.BIT,
  enum: C.STRING,
  set: C.STRING,
  decimal: C.NEWDECIMAL,
  float: C.FLOAT,
  double: C.DOUBLE,
  date: C.DATE,
  time: C.TIME2,
  datetime: C.DATETIME2,
  timestamp: C.TIMESTAMP2,
  char: C.STRING,
  binary: C.STRING,
  varchar: C.VARCHAR,
  varbinary: C.VARCHAR,
  tinytext: C.BLOB,
  text: C.BLOB,
  mediumtext: C.BLOB,
  longtext: C.BLOB,
  tinyblob: C.BLOB,
  blob: C.BLOB,
  mediumblob: C.BLOB,
  longblob: C.BLOB,
  json: C.JSON,
  geometry: C.GEOMETRY,
  point: C.GEOMETRY,
  linestring: C.GEOMETRY,
  polygon: C.GEOMETRY,
  multipoint: C.GEOMETRY,
  multilinestring: C.GEOMETRY,
  multipolygon: C.GEOMETRY,
  geomcollection: C.GEOMETRY,
  geometrycollection: C.GEOMETRY,
  vector: C.VECTOR,
  uuid: C.STRING,
  inet4: C.STRING,
  inet6: C.STRING,
};

/** Of MariaDB's types that are fixed bytes to the log. */
const FIXED_BYTES: Readonly<Record<string, number>> = { uuid: 16, inet4: 4, inet6: 16 };

const INTEGER_BYTES: Readonly<Record<string, number>> = { tinyint: 1, smallint: 2, mediumint: 3, int: 4, bigint: 8 };
/** bytes of a character at most, where it is not one */
const WIDEST: Readonly<Record<string, number>> = {
  utf8mb4: 4,
  utf8mb3: 3,
  utf8: 3,
  utf16: 4,
  utf16le: 4,
  utf32: 4,
  ucs2: 2,
  gb18030: 4,
  ujis: 3,
  eucjpms: 3,
  big5: 2,
  gbk: 2,
  gb2312: 2,
  sjis: 2,
  cp932: 2,
  euckr: 2,
};
const BLOB_BYTES: Readonly<Record<string, number>> = { tiny: 1, '': 2, medium: 3, long: 4 };

/** Numbers of a COLUMN_TYPE; `least` where it has none. */
function numbersOf(o: ColumnInfo, least = 0): [number, number] {
  const match = /\((\d+)(?:,\s*(\d+))?\)/.exec(o.columnType);
  return [Number(match?.[1] ?? least), Number(match?.[2] ?? 0)];
}

/** Of CHAR, VARCHAR and their binary kin, in bytes. */
const widthOf = (o: ColumnInfo): number => FIXED_BYTES[o.dataType] ?? numbersOf(o, 1)[0] * (WIDEST[o.charset ?? ''] ?? 1);
const blobBytes = (o: ColumnInfo): number => BLOB_BYTES[o.dataType.replace(/(text|blob)$/, '')] ?? 4;
const labels = (o: ColumnInfo): number => [...o.columnType.matchAll(/'((?:[^']|'')*)'/g)].length;
const enumBytes = (o: ColumnInfo): number => (labels(o) < 256 ? 1 : 2);

function setBytes(o: ColumnInfo): number {
  const bytes = Math.ceil(labels(o) / 8);
  return bytes > 4 ? 8 : bytes;
}

function metaOf(o: ColumnInfo): number[] {
  switch (TYPES[o.dataType]) {
    case C.FLOAT:
      return [4];
    case C.DOUBLE:
      return [8];
    case C.NEWDECIMAL: {
      const [precision, scale] = numbersOf(o, 10);
      return [precision, scale];
    }
    case C.TIME2:
    case C.DATETIME2:
    case C.TIMESTAMP2:
      return [numbersOf(o)[0]];
    case C.VARCHAR:
      return [widthOf(o) & 255, widthOf(o) >> 8];
    case C.BIT:
      return [numbersOf(o, 1)[0] % 8, numbersOf(o, 1)[0] >> 3];
    case C.BLOB:
      return [blobBytes(o)];
    case C.JSON:
    case C.GEOMETRY:
    case C.VECTOR:
      return [4];
    case C.STRING:
      if (o.dataType === 'enum') return [C.ENUM, enumBytes(o)];
      if (o.dataType === 'set') return [C.SET, setBytes(o)];
      return [C.STRING ^ ((widthOf(o) & 0x300) >> 4), widthOf(o) & 255];
    case undefined:
    default:
      return [];
  }
}

const hexBytes = (hex: string): Uint8Array => Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16));
const stringBytes = (o: ColumnInfo, cell: string): Uint8Array => (cellForm(o) === 'text' ? bytesIn(o.charset!, cell) : hexBytes(cell));

function putValue(out: Out, o: ColumnInfo, cell: Exclude<Cell, null>): void {
  const type = TYPES[o.dataType];
  switch (type) {
    case C.YEAR:
      return void out.le(Number(cell) === 0 ? 0 : Number(cell) - 1900, 1);
    case C.BIT:
      return void out.be(BigInt(cell), Math.ceil(numbersOf(o, 1)[0] / 8));
    case C.FLOAT:
    case C.DOUBLE:
      return putFloat(out, Number(cell), type === C.FLOAT);
    case C.NEWDECIMAL:
      return putDecimal(out, cell, ...numbersOf(o, 10));
    case C.DATE:
    case C.TIME2:
    case C.DATETIME2:
    case C.TIMESTAMP2:
      return putTemporal(out, type, cell, numbersOf(o)[0]);
    case C.VARCHAR:
      return putString(out, stringBytes(o, cell), widthOf(o) > 255 ? 2 : 1);
    case C.BLOB:
      return putString(out, stringBytes(o, cell), blobBytes(o));
    case C.GEOMETRY:
    case C.VECTOR:
      return putString(out, hexBytes(cell), 4);
    case C.STRING:
      if (o.dataType === 'enum') return void out.le(BigInt(cell), enumBytes(o));
      if (o.dataType === 'set') return void out.le(BigInt(cell), setBytes(o));
      return putString(out, stringBytes(o, cell), widthOf(o) > 255 ? 2 : 1);
    case undefined:
      throw new TypeError(`${o.name} is ${o.dataType}, which is not made into row events`);
    default:
      return void out.le(BigInt(cell), INTEGER_BYTES[o.dataType]!);
  }
}

function putString(out: Out, bytes: Uint8Array, prefix: number): void {
  out.le(bytes.length, prefix).raw(bytes);
}

function putFloat(out: Out, n: number, single: boolean): void {
  const view = new DataView(new ArrayBuffer(8));
  if (single) view.setFloat32(0, n, true);
  else view.setFloat64(0, n, true);
  out.raw(new Uint8Array(view.buffer, 0, single ? 4 : 8));
}

/** bytes of a group of so many decimal digits */
const GROUP_BYTES = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];

function putDecimal(out: Out, cell: string, precision: number, scale: number): void {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(cell);
  if (!match) throw new TypeError(`"${cell}" is no decimal`);
  const whole = precision - scale;
  const digits = match[2]!.replace(/^0+/, '').padStart(whole, '0') + (match[3] ?? '').padEnd(scale, '0');
  const value = new Out();
  let at = 0;
  for (const size of [whole % 9, ...Array<number>(Math.floor(whole / 9)).fill(9), ...Array<number>(Math.floor(scale / 9)).fill(9), scale % 9]) {
    value.be(Number(digits.slice(at, at + size) || '0'), GROUP_BYTES[size]!);
    at += size;
  }
  value.bytes[0] = value.bytes[0]! ^ 0x80;
  out.raw(match[1] ? value.bytes.map((b) => b ^ 255) : value.bytes);
}

function putTemporal(out: Out, type: number, cell: string, fraction: number): void {
  const match = /^(-?)(?:(\d{4})-(\d\d)-(\d\d))?(?:(?:^| |(?<=^-))(\d+):(\d\d):(\d\d)(?:\.(\d+))?)?$/.exec(cell);
  if (!match) throw new TypeError(`"${cell}" is no date or time`);
  const [year, month, day, hour, minute, second] = match.slice(2, 8).map((t) => Number(t ?? 0)) as [number, number, number, number, number, number];
  const bytes = Math.ceil(fraction / 2);
  const part = Number((match[8] ?? '').padEnd(bytes * 2, '0'));
  if (type === C.DATE) out.le((year << 9) | (month << 5) | day, 3);
  else if (type === C.TIMESTAMP2) {
    const zero = year === 0;
    out.be(zero ? 0 : Date.UTC(year, month - 1, day, hour, minute, second) / 1000, 4).be(zero ? 0 : part, bytes);
  } else if (type === C.DATETIME2) {
    const days = BigInt(((year * 13 + month) << 5) | day);
    out.be((1n << 39n) | (days << 17n) | BigInt((hour << 12) | (minute << 6) | second), 5).be(part, bytes);
  } else {
    const packed = (BigInt((hour << 12) | (minute << 6) | second) << BigInt(bytes * 8)) | BigInt(part);
    const middle = 1n << BigInt(23 + bytes * 8);
    out.be(match[1] ? middle - packed : middle + packed, 3 + bytes);
  }
}
