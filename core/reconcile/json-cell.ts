/**
 * A binary JSON document as the text that MySQL itself prints (`CAST(doc AS CHAR)`). Source of the forms: MySQL sql-common/json_dom.cc (wrapper_to_string,
 * double_quote) and strings/dtoa.cc (my_gcvt).
 */
import { BinlogDamage } from '../binlog/finding.ts';
import { COLUMN } from '../binlog/codes.ts';
import { float64At } from '../binlog/value/float.ts';
import { isContainer, parseJson } from '../binlog/value/json-document.ts';
import type { JsonNode, JsonScalar } from '../binlog/value/json-document.ts';
import { JSONB, u16, u32, VarLength } from '../binlog/value/json-format.ts';
import { decimalBytes, putDecimal, putInt64, putUint64 } from '../binlog/value/number.ts';
import { putPackedDate, putPackedDatetime, putPackedTime } from '../binlog/value/temporal.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const LITERALS = ['null', 'true', 'false'];
const scratch = new DataView(new ArrayBuffer(256));
const length = new VarLength();
const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** characters of base64 that MySQL puts on one line */
const BASE64_LINE = 76;
/** what the server counts decimals of a document in can have more digits than a column: groups of nine */
const DECIMAL_DIGITS_MAX = 81;

const damage = (text: string): BinlogDamage => new BinlogDamage('structure', `a JSON document ${text}`);

/** Throws BinlogDamage. An empty document is the null literal, as the server reads it. */
export function mysqlJsonText(buf: Uint8Array, start: number, end: number): string {
  return textOf(parseJson(buf, start, end));
}

function textOf(node: JsonNode): string {
  if (!isContainer(node)) return scalarText(node);
  const items = node.items.map((item) => textOf(item));
  if (!node.keys) return `[${items.join(', ')}]`;
  return `{${node.keys.map((key, i) => `${quoted(decoded(key, 0, key.length))}: ${items[i]!}`).join(', ')}}`;
}

function decoded(buf: Uint8Array, start: number, end: number): string {
  try {
    return utf8.decode(buf.subarray(start, end));
  } catch {
    throw damage('has a string that is not UTF-8');
  }
}

const SHORT: Record<string, string> = { '\b': '\\b', '\t': '\\t', '\n': '\\n', '\f': '\\f', '\r': '\\r', '"': '\\"', '\\': '\\\\' };
// oxlint-disable-next-line no-control-regex
const ESCAPED = /[\u0000-\u001f"\\]/g;
const quoted = (text: string): string => `"${text.replace(ESCAPED, (c) => SHORT[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;

function scalarText({ type, buf, start, end }: JsonScalar): string {
  switch (type) {
    case JSONB.LITERAL: {
      const text = LITERALS[buf[start]!];
      if (text === undefined) throw damage(`has an unknown literal (${buf[start]})`);
      return text;
    }
    case JSONB.INT16:
      return String((u16(buf, start) << 16) >> 16);
    case JSONB.UINT16:
      return String(u16(buf, start));
    case JSONB.INT32:
      return String(u32(buf, start) | 0);
    case JSONB.UINT32:
      return String(u32(buf, start));
    case JSONB.INT64:
      return written(putInt64(scratch, 0, u32(buf, start + 4), u32(buf, start)));
    case JSONB.UINT64:
      return written(putUint64(scratch, 0, u32(buf, start + 4), u32(buf, start)));
    case JSONB.DOUBLE: {
      const text = mysqlDouble(float64At(buf, start));
      return /[.e]/.test(text) ? text : `${text}.0`;
    }
    case JSONB.STRING:
      length.read(buf, start, end);
      return quoted(decoded(buf, length.next, length.next + length.value));
    default:
      length.read(buf, start + 1, end);
      return opaqueText(buf[start]!, buf, length.next, length.value);
  }
}

function written(bytes: number): string {
  if (bytes < 0) throw damage('has a date or time that cannot be');
  let text = '';
  for (let i = 0; i < bytes; i++) text += String.fromCharCode(scratch.getUint8(i));
  return text;
}

function opaqueText(type: number, buf: Uint8Array, start: number, size: number): string {
  if (type === COLUMN.NEWDECIMAL) {
    const [precision, scale] = [buf[start] ?? 0, buf[start + 1] ?? 0];
    if (size < 3 || precision > DECIMAL_DIGITS_MAX || scale > precision || size !== 2 + decimalBytes(precision, scale))
      throw damage('has a decimal that cannot be');
    return written(putDecimal(scratch, 0, buf, start + 2, precision, scale));
  }
  if (size === 8) {
    const [high, low] = [u32(buf, start + 4), u32(buf, start)];
    if (type === COLUMN.DATE) return `"${written(putPackedDate(scratch, 0, high, low))}"`;
    if (type === COLUMN.TIME) return `"${written(putPackedTime(scratch, 0, high, low))}"`;
    if (type === COLUMN.DATETIME || type === COLUMN.TIMESTAMP) return `"${written(putPackedDatetime(scratch, 0, high, low))}"`;
  }
  return quoted(`base64:type${type}:${base64Lines(buf, start, start + size)}`);
}

function base64Lines(buf: Uint8Array, start: number, end: number): string {
  const parts: string[] = [];
  for (let i = start; i < end; i += 3) {
    const n = (buf[i]! << 16) | ((i + 1 < end ? buf[i + 1]! : 0) << 8) | (i + 2 < end ? buf[i + 2]! : 0);
    const digits = [n >> 18, (n >> 12) & 63, (n >> 6) & 63, n & 63].map((d) => BASE64[d]!);
    if (i + 1 >= end) digits[2] = '=';
    if (i + 2 >= end) digits[3] = '=';
    if (i > start && ((i - start) / 3) % (BASE64_LINE / 4) === 0) parts.push('\n');
    parts.push(digits.join(''));
  }
  return parts.join('');
}

/** my_gcvt writes a plain number where the point stands at most so many digits left or right of the first one. */
const POINT_MAX = 15;

/** The shortest digits that read back to the same double, in the notation of the server. */
export function mysqlDouble(x: number): string {
  if (!Number.isFinite(x)) throw damage('has a double that is no number');
  if (x === 0) return Object.is(x, -0) ? '-0' : '0';
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(x.toExponential())!;
  const sign = match[1]!;
  const digits = match[2]! + (match[3] ?? '');
  const point = Number(match[4]) + 1;
  if (point >= -POINT_MAX + 1 && (point <= POINT_MAX || digits.length > point)) {
    if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
    if (point >= digits.length) return sign + digits + '0'.repeat(point - digits.length);
    return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
  }
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
  return `${sign}${digits[0]!}${fraction}e${point - 1}`;
}
