/**
 * A binary JSON document as canonical JSON text: no spaces, keys in their stored order (by length, then bytes). Integers are digits; a double always has a point or
 * an exponent (1.0) and reads back to the same bits. What JSON has no form for is an object with one member whose name begins with `$`:
 * {"$decimal":"1.50"}, {"$date":"2025-01-02"}, {"$time":"-10:11:12.500000"}, {"$datetime":"2025-01-02 03:04:05.120000"}, {"$timestamp":"…"} (in the time zone of
 * the session that made it: that is what is stored), {"$opaque":"15:616263"} (column type and bytes), {"$double":"7ff0000000000000"} (infinities and NaN, which no
 * server stores). A stored object that looks like that is wrapped: {"$object":{"$decimal":1}}.
 */
import { COLUMN } from '../codes.ts';
import { float64At, putDouble } from './float.ts';
import { isInlined, JSONB, JSON_DEPTH_MAX, jsonDamage, scalarBytes, u16, u32, VarLength } from './json-format.ts';
import { DECIMAL_SCALE_MAX, decimalBytes, putDecimal, putInt32, putInt64, putUint, putUint64 } from './number.ts';
import { isPlain, utf8, writeHex, writeUtf8Json } from './string.ts';
import { putPackedDate, putPackedDatetime, putPackedTime } from './temporal.ts';
import { Token } from './writer.ts';
import type { ByteWriter } from './writer.ts';

const QUOTE = 34;
const BACKSLASH = 92;
const DOLLAR = 36;
const COMMA = 44;
const COLON = 58;
const OPEN = 123;
const CLOSE = 125;
const LITERALS = ['null', 'true', 'false'].map((text) => new Token(utf8(text)));
const SHORT_MAX = 12;
const NUMBER_BYTES_MAX = 128;
const END_STRING = '"}';
/** What has quotes, as it is and as it is in a JSON string. */
const QUOTED = [
  '{"$decimal":"',
  '{"$date":"',
  '{"$time":"',
  '{"$datetime":"',
  '{"$timestamp":"',
  '{"$opaque":"',
  '{"$double":"',
  '{"$object":',
  END_STRING,
] as const;
type Quoted = (typeof QUOTED)[number];
const tokens = (form: (text: string) => string) => Object.fromEntries(QUOTED.map((text) => [text, new Token(utf8(form(text)))])) as Record<Quoted, Token>;
/** MySQL counts the whole digits of a decimal in a document in groups of nine: DECIMAL(65,30) can come as 36 and 30 digits. Nine groups is what a decimal can hold. */
const JSON_DECIMAL_DIGITS_MAX = 81;

class JsonWriter {
  /** the text goes into a JSON string */
  private readonly nested: boolean;
  private readonly tokens: Record<Quoted, Token>;
  private out!: ByteWriter;
  private buf!: Uint8Array;
  /** Bytes that values may still come from. A server's document has each byte once; offsets that overlap would multiply the text. */
  private budget = 0;
  private readonly length = new VarLength();

  constructor(nested: boolean) {
    this.nested = nested;
    this.tokens = tokens(nested ? (text) => JSON.stringify(text).slice(1, -1) : (text) => text);
  }

  write(out: ByteWriter, buf: Uint8Array, start: number, end: number): void {
    this.out = out;
    this.buf = buf;
    this.budget = end - start;
    // a NULL that was forced into a NOT NULL column: the server reads it as the null literal (Field_json::val_json)
    if (start === end) out.token(LITERALS[0]!);
    else this.value(buf[start]!, start + 1, end, 0);
  }

  private spend(bytes: number): void {
    this.budget -= bytes;
    if (this.budget < 0) throw jsonDamage('holds the same bytes more than once');
  }

  private value(type: number, pos: number, end: number, depth: number): void {
    if (type <= JSONB.LARGE_ARRAY) return this.container(type, pos, end, depth + 1);
    if (type === JSONB.STRING) {
      this.length.read(this.buf, pos, end);
      return this.string(this.length.next, this.length.next + this.length.value);
    }
    if (type === JSONB.OPAQUE) return this.opaque(pos, end);
    const bytes = scalarBytes(type);
    if (bytes === 0) throw jsonDamage(`has a value of an unknown type (${type})`);
    if (pos + bytes > end) throw jsonDamage('ends inside a number');
    if (type === JSONB.LITERAL) {
      const literal = LITERALS[this.buf[pos]!];
      if (literal === undefined) throw jsonDamage(`has an unknown literal (${this.buf[pos]})`);
      return this.out.token(literal);
    }
    this.out.need(NUMBER_BYTES_MAX);
    this.number(type, pos);
  }

  private number(type: number, pos: number): void {
    const { out, buf } = this;
    const to = out.view;
    const at = out.pos;
    switch (type) {
      case JSONB.INT16:
        out.pos = putInt32(to, at, (u16(buf, pos) << 16) >> 16);
        return;
      case JSONB.UINT16:
        out.pos = putInt32(to, at, u16(buf, pos));
        return;
      case JSONB.INT32:
        out.pos = putInt32(to, at, u32(buf, pos) | 0);
        return;
      case JSONB.UINT32:
        out.pos = putUint(to, at, u32(buf, pos));
        return;
      case JSONB.INT64:
        out.pos = putInt64(to, at, u32(buf, pos + 4), u32(buf, pos));
        return;
      case JSONB.UINT64:
        out.pos = putUint64(to, at, u32(buf, pos + 4), u32(buf, pos));
        return;
      default:
        this.double(pos);
    }
  }

  private double(pos: number): void {
    const { out, buf } = this;
    const x = float64At(buf, pos);
    if (!Number.isFinite(x)) {
      out.token(this.tokens['{"$double":"']);
      for (let i = 7; i >= 0; i--) writeHex(out, buf, pos + i, pos + i + 1);
      return out.token(this.tokens[END_STRING]);
    }
    const at = out.pos;
    const p = putDouble(out.view, at, x);
    out.pos = p;
    for (let i = at; i < p; i++) if (out.buf[i] === 46 || out.buf[i] === 101) return;
    out.ascii('.0');
  }

  /** Names and short texts are mostly plain: they are copied on the spot. */
  private string(start: number, end: number): void {
    this.spend(end - start);
    const { out, buf } = this;
    out.need(end - start + 4);
    const to = out.buf;
    let p = out.pos;
    if (this.nested) to[p++] = BACKSLASH;
    to[p++] = QUOTE;
    let i = start;
    const short = end - start > SHORT_MAX ? start : end;
    while (i < short && isPlain(buf[i]!)) to[p++] = buf[i++]!;
    out.pos = p;
    if (i < end && !writeUtf8Json(out, buf, i, end, 4, this.nested)) throw jsonDamage('has a string that is not UTF-8');
    if (this.nested) out.byte(BACKSLASH);
    out.byte(QUOTE);
  }

  private opaque(pos: number, end: number): void {
    const { out, buf } = this;
    if (pos >= end) throw jsonDamage('ends inside an opaque value');
    const type = buf[pos]!;
    this.length.read(buf, pos + 1, end);
    const start = this.length.next;
    const size = this.length.value;
    this.spend(size);
    out.need(NUMBER_BYTES_MAX + size * 2);
    const mark = out.pos;
    const p = this.known(type, start, size);
    if (p > 0) {
      out.pos = p;
      return out.token(this.tokens[END_STRING]);
    }
    out.pos = mark;
    out.token(this.tokens['{"$opaque":"']);
    out.pos = putInt32(out.view, out.pos, type);
    out.byte(COLON);
    writeHex(out, buf, start, start + size);
    out.token(this.tokens[END_STRING]);
  }

  /** The opaque types with a form of their own, up to the closing quote; at most 0 where it is none of them. */
  private known(type: number, start: number, size: number): number {
    const { out, buf } = this;
    if (type === COLUMN.NEWDECIMAL) {
      const precision = buf[start]!;
      const scale = buf[start + 1]!;
      if (size < 3 || precision > JSON_DECIMAL_DIGITS_MAX || scale > DECIMAL_SCALE_MAX || scale > precision || size !== 2 + decimalBytes(precision, scale))
        return 0;
      out.token(this.tokens['{"$decimal":"']);
      return putDecimal(out.view, out.pos, buf, start + 2, precision, scale);
    }
    if (size !== 8) return 0;
    const low = u32(buf, start);
    const high = u32(buf, start + 4);
    switch (type) {
      case COLUMN.DATE:
        // a date with a time of day is not one: its bytes are given
        if ((low & 0xff_ffff) !== 0 || (high * 256 + (low >>> 24)) % 0x2_0000 !== 0 || high >= 0x8000_0000) return 0;
        out.token(this.tokens['{"$date":"']);
        return putPackedDate(out.view, out.pos, high, low);
      case COLUMN.TIME:
        out.token(this.tokens['{"$time":"']);
        return putPackedTime(out.view, out.pos, high, low);
      case COLUMN.DATETIME:
        out.token(this.tokens['{"$datetime":"']);
        return putPackedDatetime(out.view, out.pos, high, low);
      case COLUMN.TIMESTAMP:
        out.token(this.tokens['{"$timestamp":"']);
        return putPackedDatetime(out.view, out.pos, high, low);
      default:
        return 0;
    }
  }

  /** Count and size, then key entries (offset, length 2) of an object, then value entries (type 1, offset or value); offsets from the container's start. */
  private container(type: number, start: number, limit: number, depth: number): void {
    const { out, buf } = this;
    const large = (type & 1) === 1;
    const isObject = type <= JSONB.LARGE_OBJECT;
    const word = large ? 4 : 2;
    if (depth > JSON_DEPTH_MAX) throw jsonDamage(`is nested deeper than ${JSON_DEPTH_MAX} levels`);
    if (start + 2 * word > limit) throw jsonDamage('ends inside a container');
    const count = large ? u32(buf, start) : u16(buf, start);
    const end = start + (large ? u32(buf, start + word) : u16(buf, start + word));
    const keyEntry = isObject ? word + 2 : 0;
    const values = start + 2 * word + count * keyEntry;
    if (end > limit || values + count * (word + 1) > end) throw jsonDamage('has a container longer than itself');
    this.spend(values - start + count * (word + 1));
    const wrapped = isObject && count === 1 && this.firstKeyByte(start, end, large) === DOLLAR;
    if (wrapped) out.token(this.tokens['{"$object":']);
    out.byte(isObject ? OPEN : 91);
    for (let i = 0; i < count; i++) {
      if (i > 0) out.byte(COMMA);
      if (isObject) this.key(start, end, start + 2 * word + i * keyEntry, large);
      const entry = values + i * (word + 1);
      const t = buf[entry]!;
      if (isInlined(t, large)) this.value(t, entry + 1, entry + 1 + word, depth);
      else {
        const at = start + (large ? u32(buf, entry + 1) : u16(buf, entry + 1));
        if (at > end) throw jsonDamage('has a value beyond its end');
        this.spend(scalarBytes(t));
        this.value(t, at, end, depth);
      }
    }
    out.byte(isObject ? CLOSE : 93);
    if (wrapped) out.byte(CLOSE);
  }

  private firstKeyByte(start: number, end: number, large: boolean): number {
    const { buf } = this;
    const entry = start + (large ? 8 : 4);
    const at = start + (large ? u32(buf, entry) : u16(buf, entry));
    return at < end && u16(buf, entry + (large ? 4 : 2)) > 0 ? buf[at]! : 0;
  }

  private key(start: number, end: number, entry: number, large: boolean): void {
    const at = start + (large ? u32(this.buf, entry) : u16(this.buf, entry));
    const length = u16(this.buf, entry + (large ? 4 : 2));
    if (at + length > end) throw jsonDamage('has a key beyond its end');
    this.string(at, at + length);
    this.out.byte(COLON);
  }
}

const plain = new JsonWriter(false);
const nested = new JsonWriter(true);

/** The text itself. Throws BinlogDamage. */
export function writeJsonText(out: ByteWriter, buf: Uint8Array, start: number, end: number): void {
  plain.write(out, buf, start, end);
}

/** The text as a JSON string. */
export function writeJsonToken(out: ByteWriter, buf: Uint8Array, start: number, end: number): void {
  out.byte(QUOTE);
  nested.write(out, buf, start, end);
  out.byte(QUOTE);
}
