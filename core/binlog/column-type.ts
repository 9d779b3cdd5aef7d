/**
 * What a table map says about a column's type, and how its values are stored in a row image.
 * Sources: MySQL's Table_map_event and field_types.h, my_decimal_get_binary_size; MariaDB's sql/rpl_utility.cc.
 */
import { COLUMN } from './codes.ts';
import { BinlogDamage } from './finding.ts';
import { decimalBytes } from './value/number.ts';
import type { ColumnMeta } from './table-map.ts';
import type { Flavour } from './visitor.ts';

/** How a value is stored: of a fixed size, or behind 1 to 4 bytes of length, little-endian. */
export const STORED = { FIXED: 0, LENGTH_1: 1, LENGTH_2: 2, LENGTH_3: 3, LENGTH_4: 4 } as const;

/** A column's storage in one number: the kind in the lowest three bits, above them the bytes of a fixed size. */
export type Storage = number;
const fixed = (bytes: number): Storage => bytes << 3;

const NAMES = new Map<number, string>(Object.entries(COLUMN).map(([name, code]) => [code, name]));
const refuse = (column: number, type: number): BinlogDamage =>
  new BinlogDamage('format', `column ${column + 1} is of type ${NAMES.get(type) ?? type}, which is not read`);
const wrong = (column: number, type: number, meta: number): BinlogDamage =>
  new BinlogDamage('structure', `column ${column + 1}: metadata ${meta} are impossible for ${NAMES.get(type) ?? type}`);

const META_BYTES = new Uint8Array(256);
for (const type of [COLUMN.FLOAT, COLUMN.DOUBLE, COLUMN.TIMESTAMP2, COLUMN.DATETIME2, COLUMN.TIME2]) META_BYTES[type] = 1;
for (const type of [COLUMN.TINY_BLOB, COLUMN.MEDIUM_BLOB, COLUMN.LONG_BLOB, COLUMN.BLOB, COLUMN.MARIA_BLOB_COMPRESSED]) META_BYTES[type] = 1;
for (const type of [COLUMN.JSON, COLUMN.GEOMETRY, COLUMN.VECTOR]) META_BYTES[type] = 1;
for (const type of [COLUMN.VARCHAR, COLUMN.MARIA_VARCHAR_COMPRESSED, COLUMN.BIT, COLUMN.NEWDECIMAL, COLUMN.STRING, COLUMN.ENUM, COLUMN.SET])
  META_BYTES[type] = 2;

/**
 * Bytes of metadata that a table map holds for a column of this type. Throws BinlogDamage where its values cannot be read: types of before 5.0, arrays, and
 * MariaDB's temporals in the format that mysql56_temporal_format=OFF gives: fractional digits make them longer, and the log does not tell how many there are.
 */
export function metaBytes(column: number, type: number, flavour: Flavour): number {
  if (!NAMES.has(type) || type === COLUMN.TYPED_ARRAY || type === COLUMN.VAR_STRING || type === COLUMN.DECIMAL) throw refuse(column, type);
  if (flavour === 'mariadb' && (type === COLUMN.TIMESTAMP || type === COLUMN.DATETIME || type === COLUMN.TIME)) {
    throw new BinlogDamage(
      'format',
      `column ${column + 1} is a ${NAMES.get(type)} in MariaDB's own format: the log does not tell how many fractional digits it has`,
    );
  }
  return META_BYTES[type]!;
}

/** A column's real type and ColumnMeta.meta out of its type and two bytes of metadata (second: 0 where there is one only), as `type << 16 | meta`. */
export function resolveType(column: number, type: number, first: number, second: number): number {
  switch (type) {
    case COLUMN.STRING:
    case COLUMN.ENUM:
    case COLUMN.SET:
      return resolveString(column, first, second);
    case COLUMN.NEWDECIMAL:
      if (first === 0 || first > 65 || second > first) throw wrong(column, type, (first << 8) | second);
      return (type << 16) | (first << 8) | second;
    case COLUMN.BIT: {
      const bits = second * 8 + first;
      if (first > 7 || bits === 0 || bits > 64) throw wrong(column, type, (second << 8) | first);
      return (type << 16) | bits;
    }
    case COLUMN.FLOAT:
    case COLUMN.DOUBLE:
      if (first !== (type === COLUMN.FLOAT ? 4 : 8)) throw wrong(column, type, first);
      return (type << 16) | first;
    case COLUMN.TIMESTAMP2:
    case COLUMN.DATETIME2:
    case COLUMN.TIME2:
      if (first > 6) throw wrong(column, type, first);
      return (type << 16) | first;
    case COLUMN.VARCHAR:
    case COLUMN.MARIA_VARCHAR_COMPRESSED:
      return (type << 16) | first | (second << 8);
    default:
      if (META_BYTES[type] === 1 && (first === 0 || first > 4)) throw wrong(column, type, first);
      return (type << 16) | first;
  }
}

/** The STRING family: the first byte is the real type, but that bits 4 and 5 hold, inverted, bits 8 and 9 of the length (MySQL bug 37426). */
function resolveString(column: number, first: number, second: number): number {
  const type = first | 0x30;
  const length = second | (((first & 0x30) ^ 0x30) << 4);
  if (type === COLUMN.STRING || type === COLUMN.VAR_STRING) return (COLUMN.STRING << 16) | length;
  const right = type === COLUMN.ENUM ? length === 1 || length === 2 : type === COLUMN.SET && ((length > 0 && length <= 4) || length === 8);
  if (!right) throw wrong(column, COLUMN.STRING, (first << 8) | second);
  return (type << 16) | length;
}

const FIXED_BYTES = new Map<number, number>([
  [COLUMN.TINY, 1],
  [COLUMN.SHORT, 2],
  [COLUMN.INT24, 3],
  [COLUMN.LONG, 4],
  [COLUMN.LONGLONG, 8],
  [COLUMN.FLOAT, 4],
  [COLUMN.DOUBLE, 8],
  [COLUMN.NULL, 0],
  [COLUMN.YEAR, 1],
  [COLUMN.DATE, 3],
  [COLUMN.NEWDATE, 3],
  [COLUMN.TIME, 3],
  [COLUMN.DATETIME, 8],
  [COLUMN.TIMESTAMP, 4],
]);

/** How the values of a column of a real type are stored. */
export function storageOf(type: number, meta: number): Storage {
  const bytes = FIXED_BYTES.get(type);
  if (bytes !== undefined) return fixed(bytes);
  switch (type) {
    case COLUMN.NEWDECIMAL:
      return fixed(decimalBytes(meta >> 8, meta & 0xff));
    case COLUMN.TIMESTAMP2:
      return fixed(4 + ((meta + 1) >> 1));
    case COLUMN.DATETIME2:
      return fixed(5 + ((meta + 1) >> 1));
    case COLUMN.TIME2:
      return fixed(3 + ((meta + 1) >> 1));
    case COLUMN.BIT:
      return fixed((meta + 7) >> 3);
    case COLUMN.ENUM:
    case COLUMN.SET:
      return fixed(meta);
    case COLUMN.STRING:
    case COLUMN.VARCHAR:
    case COLUMN.MARIA_VARCHAR_COMPRESSED:
      return meta > 255 ? STORED.LENGTH_2 : STORED.LENGTH_1;
    default:
      return meta;
  }
}

const PLAIN_NAMES = new Map<number, string>([
  [COLUMN.TINY, 'TINYINT'],
  [COLUMN.SHORT, 'SMALLINT'],
  [COLUMN.INT24, 'MEDIUMINT'],
  [COLUMN.LONG, 'INT'],
  [COLUMN.LONGLONG, 'BIGINT'],
  [COLUMN.FLOAT, 'FLOAT'],
  [COLUMN.DOUBLE, 'DOUBLE'],
  [COLUMN.TIMESTAMP2, 'TIMESTAMP'],
  [COLUMN.DATETIME2, 'DATETIME'],
  [COLUMN.TIME2, 'TIME'],
  [COLUMN.NEWDATE, 'DATE'],
]);
const BLOB_NAMES = ['', 'TINY', '', 'MEDIUM', 'LONG'];
const GEOMETRY_NAMES = ['GEOMETRY', 'POINT', 'LINESTRING', 'POLYGON', 'MULTIPOINT', 'MULTILINESTRING', 'MULTIPOLYGON', 'GEOMETRYCOLLECTION'];
const BINARY = 63;

/** The type as a person writes it, as far as the log tells it. */
export function typeText(c: Omit<ColumnMeta, 'typeText'>): string {
  switch (c.type) {
    case COLUMN.NEWDECIMAL:
      return `DECIMAL(${c.meta >> 8},${c.meta & 0xff})${c.unsigned === true ? ' UNSIGNED' : ''}`;
    case COLUMN.TIMESTAMP2:
    case COLUMN.DATETIME2:
    case COLUMN.TIME2:
      return `${PLAIN_NAMES.get(c.type)!}${c.meta > 0 ? `(${c.meta})` : ''}`;
    case COLUMN.BIT:
      return `BIT(${c.meta})`;
    case COLUMN.STRING:
      return c.collation === BINARY ? `BINARY(${c.meta})` : `CHAR(${c.meta} bytes)`;
    case COLUMN.VARCHAR:
      return c.collation === BINARY ? `VARBINARY(${c.meta})` : `VARCHAR(${c.meta} bytes)`;
    case COLUMN.MARIA_VARCHAR_COMPRESSED:
      return `VARCHAR(${c.meta} bytes) COMPRESSED`;
    case COLUMN.TINY_BLOB:
    case COLUMN.MEDIUM_BLOB:
    case COLUMN.LONG_BLOB:
    case COLUMN.BLOB:
    case COLUMN.MARIA_BLOB_COMPRESSED:
      return blobText(c);
    case COLUMN.GEOMETRY:
      return GEOMETRY_NAMES[c.geometryType ?? 0] ?? 'GEOMETRY';
    case COLUMN.VECTOR:
      return c.vectorDimension === null ? 'VECTOR' : `VECTOR(${c.vectorDimension})`;
    default:
      return `${PLAIN_NAMES.get(c.type) ?? NAMES.get(c.type)!}${c.unsigned === true ? ' UNSIGNED' : ''}`;
  }
}

function blobText(c: Omit<ColumnMeta, 'typeText'>): string {
  const size = BLOB_NAMES[c.meta]!;
  const kind = c.collation === null ? `${size}BLOB/${size}TEXT` : c.collation === BINARY ? `${size}BLOB` : `${size}TEXT`;
  return c.type === COLUMN.MARIA_BLOB_COMPRESSED ? `${kind} COMPRESSED` : kind;
}
