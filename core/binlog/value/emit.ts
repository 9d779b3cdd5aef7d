/**
 * Every column type in its lossless text form: the JSON token of `--json`, and the plain text of Value.
 *
 * | type | JSON | text |
 * |---|---|---|
 * | integers | "-5"; where the log does not say whether it is unsigned and the top bit is set: {"signed":"-1","unsigned":"255"} | -5; Value: text signed, unsigned beside it |
 * | DECIMAL | "-1.50", all digits of its scale | the same |
 * | FLOAT, DOUBLE | "0.1": the shortest decimal that reads back to the same 32 or 64 bits; {"bits":"7fc00000"} for what is no number, which no server stores | 0.1, nan, inf, -inf |
 * | BIT | "5", as an unsigned integer | 5 |
 * | DATE, DATETIME, TIME, YEAR | "2025-01-02", "2025-01-02 03:04:05.120000" with exactly the declared fraction digits, "-838:59:59", "0000" | the same |
 * | TIMESTAMP | the same, UTC; 0 is "0000-00-00 00:00:00" | the same |
 * | CHAR, VARCHAR, TEXT | "text"; as stored (CHAR without trailing spaces). Not valid in its character set: {"hex":"ff"} (utf8mb4, utf8mb3, ascii) or {"charset":"gbk","hex":"ff"} (all others; also where other bytes have the same character); character set not logged: {"hex":"61","utf8":"a"}, utf8 left out where it is none | the text; else hex, exact false |
 * | BINARY, VARBINARY, BLOB | "00ff": hex digits; BINARY(n) with all its n bytes | the same |
 * | ENUM | {"index":"2","label":"b"}; label left out where labels are not logged; index 0 is the error value, label "" | b, or 2 |
 * | SET | {"bits":"5","labels":["a","c"]}; labels left out where they are not logged | a,c, or 5 |
 * | JSON | "{\"a\":1}": a string that holds the document's canonical text (json-text.ts); {"underivable":"why"} where a partial update has no base | {"a":1} |
 * | GEOMETRY | {"srid":"4326","wkb":"0101…"} | SRID=4326;0101… |
 * | VECTOR | {"vector":["1.5","-0"]}; {"hex":"…"} where an element is no number | [1.5,-0] |
 * | MariaDB's compressed columns | as their base type | as their base type |
 */
import { BinlogDamage } from '../finding.ts';
import { COLUMN } from '../codes.ts';
import type { Value } from '../model.ts';
import type { PatchedJson } from '../rows.ts';
import type { ColumnMeta } from '../table-map.ts';
import type { Flavour } from '../visitor.ts';
import { BinaryBody, BodyEmitter, bodyValue, CharsetBody, CompressedBody, GeometryBody, JsonBody, UnnamedBody, Utf8Body, VectorBody } from './body.ts';
import type { Body, Inflate } from './body.ts';
import { charsetOf } from './charset.ts';
import { ImpossibleEmitter } from './emitter.ts';
import type { Emitter } from './emitter.ts';
import { DECIMAL_DIGITS_MAX, DECIMAL_SCALE_MAX } from './number.ts';
import {
  BigintEmitter,
  BitEmitter,
  DatetimeEmitter,
  DecimalEmitter,
  EnumEmitter,
  FloatEmitter,
  IntegerEmitter,
  SetEmitter,
  TemporalEmitter,
  TimeEmitter,
  TimestampEmitter,
  YearEmitter,
} from './scalar.ts';
import { utf8 } from './string.ts';
import * as temporal from './temporal.ts';
import type { ByteWriter } from './writer.ts';

export type { Emitter } from './emitter.ts';

/** `inflate`: of core/binlog/bytes.ts, for MariaDB's compressed columns. Never throws: of a column that cannot be, every value is damage. */
export function emitterOf(column: ColumnMeta, flavour: Flavour, inflate: Inflate): Emitter {
  const { type, meta } = column;
  switch (type) {
    case COLUMN.TINY:
      return new IntegerEmitter(column, 1);
    case COLUMN.SHORT:
      return new IntegerEmitter(column, 2);
    case COLUMN.INT24:
      return new IntegerEmitter(column, 3);
    case COLUMN.LONG:
      return new IntegerEmitter(column, 4);
    case COLUMN.LONGLONG:
      return new BigintEmitter(column);
    case COLUMN.FLOAT:
      return new FloatEmitter(column, 4);
    case COLUMN.DOUBLE:
      return new FloatEmitter(column, 8);
    case COLUMN.NEWDECIMAL:
      return isDecimal(meta) ? new DecimalEmitter(column) : new ImpossibleEmitter(column);
    case COLUMN.BIT:
      return meta >= 1 && meta <= 64 ? new BitEmitter(column) : new ImpossibleEmitter(column);
    case COLUMN.ENUM:
      return meta === 1 || meta === 2 ? new EnumEmitter(column) : new ImpossibleEmitter(column);
    case COLUMN.SET:
      return meta >= 1 && meta <= 8 ? new SetEmitter(column) : new ImpossibleEmitter(column);
    default:
      return temporalEmitter(column) ?? bodyEmitter(column, flavour, inflate) ?? new ImpossibleEmitter(column);
  }
}

function isDecimal(meta: number): boolean {
  const precision = meta >> 8;
  const scale = meta & 0xff;
  return precision >= 1 && precision <= DECIMAL_DIGITS_MAX && scale <= DECIMAL_SCALE_MAX && scale <= precision;
}

function temporalEmitter(column: ColumnMeta): Emitter | null {
  const { type, meta } = column;
  switch (type) {
    case COLUMN.YEAR:
      return new YearEmitter(column);
    case COLUMN.DATE:
    case COLUMN.NEWDATE:
      return new TemporalEmitter(column, temporal.putDate);
    case COLUMN.TIMESTAMP:
      return new TemporalEmitter(column, temporal.putOldTimestamp);
    case COLUMN.DATETIME:
      return new TemporalEmitter(column, temporal.putOldDatetime);
    case COLUMN.TIME:
      return new TemporalEmitter(column, temporal.putOldTime);
    case COLUMN.TIMESTAMP2:
      return meta <= 6 ? new TimestampEmitter(column) : null;
    case COLUMN.DATETIME2:
      return meta <= 6 ? new DatetimeEmitter(column) : null;
    case COLUMN.TIME2:
      return meta <= 6 ? new TimeEmitter(column) : null;
    default:
      return null;
  }
}

function bodyEmitter(column: ColumnMeta, flavour: Flavour, inflate: Inflate): Emitter | null {
  const { type, meta } = column;
  const blobLength = meta >= 1 && meta <= 4 ? meta : 0;
  const stringLength = meta < 256 ? 1 : 2;
  switch (type) {
    case COLUMN.VARCHAR:
    case COLUMN.VAR_STRING:
    case COLUMN.STRING:
      return new BodyEmitter(column, stringLength, stringBody(column, flavour));
    case COLUMN.TINY_BLOB:
    case COLUMN.MEDIUM_BLOB:
    case COLUMN.LONG_BLOB:
    case COLUMN.BLOB:
      return blobLength === 0 ? null : new BodyEmitter(column, blobLength, stringBody(column, flavour));
    case COLUMN.JSON:
      return blobLength === 0 ? null : new BodyEmitter(column, blobLength, new JsonBody());
    case COLUMN.GEOMETRY:
      return blobLength === 0 ? null : new BodyEmitter(column, blobLength, new GeometryBody());
    case COLUMN.VECTOR:
      return blobLength === 0 ? null : new BodyEmitter(column, blobLength, new VectorBody());
    case COLUMN.MARIA_VARCHAR_COMPRESSED:
      return new BodyEmitter(column, stringLength, new CompressedBody(column, stringBody(column, flavour), inflate, meta));
    case COLUMN.MARIA_BLOB_COMPRESSED:
      return blobLength === 0 ? null : new BodyEmitter(column, blobLength, new CompressedBody(column, stringBody(column, flavour), inflate));
    default:
      return null;
  }
}

function stringBody(column: ColumnMeta, flavour: Flavour): Body {
  const charset = column.collation === null ? null : charsetOf(column.collation, flavour);
  switch (charset) {
    case null:
      return new UnnamedBody();
    case 'binary':
      return new BinaryBody(column.type === COLUMN.STRING ? column.meta : 0);
    case 'utf8mb4':
      return new Utf8Body(4);
    case 'utf8mb3':
      return new Utf8Body(3);
    case 'ascii':
      return new Utf8Body(1);
    default:
      return new CharsetBody(charset);
  }
}

const jsonBody = new JsonBody();

/** The same for the after-image of a partial update. */
export function patchedValue(column: ColumnMeta, patched: PatchedJson): Value {
  if ('doc' in patched) return bodyValue(column, jsonBody, patched.doc, 0, patched.doc.length);
  return { text: '', type: column.typeText, exact: false, underivable: patched.underivable };
}
export function patchedJson(out: ByteWriter, column: ColumnMeta, patched: PatchedJson): void {
  if (column.type !== COLUMN.JSON) throw new BinlogDamage('structure', `a partial update of ${column.typeText}, which is no JSON column`);
  if ('doc' in patched) jsonBody.json(out, patched.doc, 0, patched.doc.length);
  else out.bytes(utf8(`{"underivable":${JSON.stringify(patched.underivable)}}`));
}
