/**
 * The optional metadata of a table map: fields of a type byte, a length and a value, each a list over one class of the table's columns.
 * Sources: MySQL's Table_map_event::Optional_metadata_fields, MariaDB's Table_map_log_event::init_metadata_fields.
 */
import { COLUMN } from './codes.ts';
import { BinlogDamage } from './finding.ts';
import type { ColumnMeta, PrimaryKeyPart } from './table-map.ts';
import { decoderOf } from './value/body.ts';
import { charsetOf } from './value/charset.ts';
import { utf8Text } from './value/string.ts';
import { ByteWriter } from './value/writer.ts';
import type { Flavour } from './visitor.ts';
import { VarintReader, need } from './wire.ts';

const FIELD = {
  SIGNEDNESS: 1,
  DEFAULT_CHARSET: 2,
  COLUMN_CHARSET: 3,
  COLUMN_NAME: 4,
  SET_STR_VALUE: 5,
  ENUM_STR_VALUE: 6,
  GEOMETRY_TYPE: 7,
  SIMPLE_PRIMARY_KEY: 8,
  PRIMARY_KEY_WITH_PREFIX: 9,
  ENUM_AND_SET_DEFAULT_CHARSET: 10,
  ENUM_AND_SET_COLUMN_CHARSET: 11,
  COLUMN_VISIBILITY: 12,
  VECTOR_DIMENSIONALITY: 13,
} as const;

/** Columns whose signedness is listed; the servers (not their own readers) count YEAR among them. */
function isNumeric(type: number): boolean {
  switch (type) {
    case COLUMN.TINY:
    case COLUMN.SHORT:
    case COLUMN.INT24:
    case COLUMN.LONG:
    case COLUMN.LONGLONG:
    case COLUMN.NEWDECIMAL:
    case COLUMN.FLOAT:
    case COLUMN.DOUBLE:
    case COLUMN.YEAR:
      return true;
    default:
      return false;
  }
}

const setCollation = (c: ColumnMeta, id: number): number => (c.collation = id);
const isLabelled = (c: ColumnMeta): boolean => c.type === COLUMN.ENUM || c.type === COLUMN.SET;

/** Columns whose character set is listed, without ENUM and SET. MySQL counts VECTOR, MariaDB GEOMETRY and its compressed columns among them. */
function isCharacter(type: number, flavour: Flavour): boolean {
  switch (type) {
    case COLUMN.STRING:
    case COLUMN.VARCHAR:
    case COLUMN.BLOB:
      return true;
    case COLUMN.VECTOR:
      return flavour === 'mysql';
    case COLUMN.GEOMETRY:
    case COLUMN.MARIA_BLOB_COMPRESSED:
    case COLUMN.MARIA_VARCHAR_COMPRESSED:
      return flavour === 'mariadb';
    default:
      return false;
  }
}

/** Fills what the fields in [start, end) say into the columns; returns the primary key, null when it is not there. Fields that we do not know are skipped. Throws BinlogDamage. */
export function applyMetadata(columns: ColumnMeta[], flavour: Flavour, buf: Uint8Array, start: number, end: number): PrimaryKeyPart[] | null {
  const fields = new Map<number, Field>();
  const at = new VarintReader();
  at.open(buf, start, end);
  while (at.pos < end) {
    const type = buf[at.pos++]!;
    const length = at.packed('length of a metadata field');
    need(at.pos, length, end, `metadata field ${type}`);
    fields.set(type, new Field(buf, at.pos, at.pos + length));
    at.pos += length;
  }
  const of = (belongs: (c: ColumnMeta) => boolean) => columns.filter(belongs);
  const characters = of((c) => isCharacter(c.type, flavour));
  const labelled = of(isLabelled);
  fields.get(FIELD.SIGNEDNESS)?.bits(
    of((c) => isNumeric(c.type)),
    (c, bit) => (c.unsigned = c.type === COLUMN.YEAR ? null : bit),
  );
  fields.get(FIELD.COLUMN_VISIBILITY)?.bits(columns, (c, bit) => (c.visible = bit));
  fields.get(FIELD.DEFAULT_CHARSET)?.defaulted(characters, setCollation);
  fields.get(FIELD.COLUMN_CHARSET)?.numbers(characters, setCollation);
  fields.get(FIELD.ENUM_AND_SET_DEFAULT_CHARSET)?.defaulted(labelled, setCollation);
  fields.get(FIELD.ENUM_AND_SET_COLUMN_CHARSET)?.numbers(labelled, setCollation);
  fields.get(FIELD.COLUMN_NAME)?.names(columns);
  fields.get(FIELD.SET_STR_VALUE)?.labels(
    of((c) => c.type === COLUMN.SET),
    flavour,
  );
  fields.get(FIELD.ENUM_STR_VALUE)?.labels(
    of((c) => c.type === COLUMN.ENUM),
    flavour,
  );
  fields.get(FIELD.GEOMETRY_TYPE)?.numbers(
    of((c) => c.type === COLUMN.GEOMETRY),
    (c, id) => (c.geometryType = id),
  );
  fields.get(FIELD.VECTOR_DIMENSIONALITY)?.numbers(
    of((c) => c.type === COLUMN.VECTOR),
    (c, n) => (c.vectorDimension = n),
  );
  return fields.get(FIELD.SIMPLE_PRIMARY_KEY)?.key(columns.length, false) ?? fields.get(FIELD.PRIMARY_KEY_WITH_PREFIX)?.key(columns.length, true) ?? null;
}

/** Labels of one ENUM: what two bytes can count. */
const LABELS_MAX = 0xffff;
/** the collation of what has no character set */
const BINARY = 63;
const utf8 = new TextDecoder();

/** Labels as text; null where the bytes are not text in the character set, or that is not read. */
function labelDecoder(collation: number | null, flavour: Flavour): (bytes: Uint8Array) => string | null {
  const charset = collation === null || collation === BINARY ? 'utf8mb4' : charsetOf(collation, flavour);
  const decode = charset === null ? null : decoderOf(charset);
  const out = new ByteWriter(256);
  return (bytes) => {
    out.pos = 0;
    return decode?.(out, bytes, 0, bytes.length, false) ? utf8Text(out) : null;
  };
}

/** One field's value. Each method reads it as one kind of list and throws BinlogDamage where the list and the columns differ in number. */
class Field {
  private readonly buf: Uint8Array;
  private readonly end: number;
  private readonly at = new VarintReader();

  constructor(buf: Uint8Array, start: number, end: number) {
    this.buf = buf;
    this.end = end;
    this.at.open(buf, start, end);
  }

  /** One bit for each column, from the highest of the first byte. After a whole number of bytes MySQL writes one more. */
  bits(columns: readonly ColumnMeta[], set: (c: ColumnMeta, bit: boolean) => void): void {
    const bytes = (columns.length + 7) >> 3;
    need(this.at.pos, bytes, this.end, 'a metadata field of bits');
    columns.forEach((c, i) => set(c, (this.buf[this.at.pos + (i >> 3)]! & (0x80 >> (i & 7))) !== 0));
    this.at.pos += bytes;
    if ((columns.length & 7) === 0 && this.at.pos < this.end) this.at.pos++;
    this.over();
  }

  /** One number for each column. */
  numbers(columns: readonly ColumnMeta[], set: (c: ColumnMeta, n: number) => void): void {
    for (const c of columns) set(c, this.at.packed('a metadata number'));
    this.over();
  }

  /** A number for all columns, then pairs: which of them, from 0, has another one. */
  defaulted(columns: readonly ColumnMeta[], set: (c: ColumnMeta, n: number) => void): void {
    const usual = this.at.packed('a default collation');
    for (const c of columns) set(c, usual);
    while (this.at.pos < this.end) {
      const c = columns[this.at.packed('a column with another collation')];
      if (c === undefined) throw new BinlogDamage('structure', `a collation is given for more than ${columns.length} columns`);
      set(c, this.at.packed('a collation'));
    }
  }

  names(columns: readonly ColumnMeta[]): void {
    for (const c of columns) c.name = utf8.decode(this.string('a column name'));
    this.over();
  }

  /** For each column the number of its labels, then they. In the column's character set; a column's labels are left out where one of them is not text there. */
  labels(columns: readonly ColumnMeta[], flavour: Flavour): void {
    for (const c of columns) {
      const decode = labelDecoder(c.collation, flavour);
      const count = this.at.packed('a number of labels');
      if (count > LABELS_MAX) throw new BinlogDamage('structure', `${count} labels of one column`);
      const labels: (string | null)[] = [];
      for (let i = 0; i < count; i++) labels.push(decode(this.string('a label')));
      c.labels = labels.every((label) => label !== null) ? labels : null;
    }
    this.over();
  }

  key(columnCount: number, prefixed: boolean): PrimaryKeyPart[] {
    const parts: PrimaryKeyPart[] = [];
    while (this.at.pos < this.end) {
      const column = this.at.packed('a column of the primary key');
      if (column >= columnCount || parts.length === columnCount)
        throw new BinlogDamage('structure', `column ${column + 1} of ${columnCount} is in the primary key`);
      parts.push({ column, prefix: prefixed ? this.at.packed('a key prefix') : 0 });
    }
    return parts;
  }

  private string(what: string): Uint8Array {
    const length = this.at.packed(what);
    need(this.at.pos, length, this.end, what);
    this.at.pos += length;
    return this.buf.subarray(this.at.pos - length, this.at.pos);
  }

  private over(): void {
    if (this.at.pos !== this.end) throw new BinlogDamage('structure', `a metadata field has ${this.end - this.at.pos} bytes more than its columns need`);
  }
}
