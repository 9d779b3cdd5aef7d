/** Emitters of numbers, dates, ENUM and SET. Wire formats: number.ts, float.ts, temporal.ts. */
import type { Value } from '../model.ts';
import type { ColumnMeta } from '../table-map.ts';
import { impossible, QUOTE, scratch, TokenEmitter, TOKEN_BYTES_MAX } from './emitter.ts';
import type { Emitter } from './emitter.ts';
import { float32At, float64At, nonFinite, putDouble, putFloat } from './float.ts';
import { u32 } from './json-format.ts';
import { putDecimal, putInt32, putInt64, putPadded, putSmall, putUint, putUint64 } from './number.ts';
import { utf8, utf8Text, writeHex } from './string.ts';
import { putDatetime2, putTime2, putTimestamp2 } from './temporal.ts';
import { Token } from './writer.ts';
import type { ByteWriter } from './writer.ts';

const COMMA = 44;

/** TINYINT to INT: 1 to 4 bytes, little-endian. */
export class IntegerEmitter extends TokenEmitter {
  private readonly bytes: number;
  private readonly range: number;
  private readonly unsigned: boolean;
  private readonly known: boolean;
  constructor(column: ColumnMeta, bytes: number) {
    super(column);
    this.bytes = bytes;
    this.range = 2 ** (8 * bytes);
    this.unsigned = column.unsigned === true;
    this.known = column.unsigned !== null;
  }
  /** As a signed integer. */
  private read(buf: Uint8Array, pos: number): number {
    switch (this.bytes) {
      case 1:
        return (buf[pos]! << 24) >> 24;
      case 2:
        return buf[pos]! | ((buf[pos + 1]! << 24) >> 16);
      case 3:
        return buf[pos]! | (buf[pos + 1]! << 8) | ((buf[pos + 2]! << 24) >> 8);
      default:
        return buf[pos]! | (buf[pos + 1]! << 8) | (buf[pos + 2]! << 16) | (buf[pos + 3]! << 24);
    }
  }
  private positive(n: number): number {
    return n + this.range;
  }
  protected override put(to: DataView, at: number, buf: Uint8Array, pos: number): number {
    const n = this.read(buf, pos);
    return n < 0 && this.unsigned ? putUint(to, at, this.positive(n)) : putInt32(to, at, n);
  }
  override json(out: ByteWriter, buf: Uint8Array, pos: number): void {
    const n = this.read(buf, pos);
    if (n < 0 && !this.known) return out.ascii(`{"signed":"${n}","unsigned":"${this.positive(n)}"}`);
    out.need(TOKEN_BYTES_MAX);
    const to = out.view;
    const at = out.pos;
    const p = n < 0 && this.unsigned ? putUint(to, at + 1, this.positive(n)) : putInt32(to, at + 1, n);
    to.setUint8(at, QUOTE);
    to.setUint8(p, QUOTE);
    out.pos = p + 1;
  }
  override value(buf: Uint8Array, pos: number): Value {
    const n = this.read(buf, pos);
    const type = this.column.typeText;
    if (n >= 0 || this.known) return { text: String(n < 0 && this.unsigned ? this.positive(n) : n), type, exact: true };
    return { text: String(n), unsigned: String(this.positive(n)), type, exact: true };
  }
}

/** BIGINT: 8 bytes, little-endian. */
export class BigintEmitter extends TokenEmitter {
  protected override put(to: DataView, at: number, buf: Uint8Array, pos: number): number {
    const high = u32(buf, pos + 4);
    const low = u32(buf, pos);
    return this.column.unsigned === true ? putUint64(to, at, high, low) : putInt64(to, at, high, low);
  }
  private unsigned(out: ByteWriter, buf: Uint8Array, pos: number): void {
    out.need(TOKEN_BYTES_MAX);
    out.pos = putUint64(out.view, out.pos, u32(buf, pos + 4), u32(buf, pos));
  }
  override json(out: ByteWriter, buf: Uint8Array, pos: number): void {
    if (this.column.unsigned === null && buf[pos + 7]! >= 0x80) {
      out.ascii('{"signed":"');
      this.text(out, buf, pos);
      out.ascii('","unsigned":"');
      this.unsigned(out, buf, pos);
      return out.ascii('"}');
    }
    out.need(TOKEN_BYTES_MAX);
    out.buf[out.pos] = QUOTE;
    const p = this.put(out.view, out.pos + 1, buf, pos);
    out.buf[p] = QUOTE;
    out.pos = p + 1;
  }
  override value(buf: Uint8Array, pos: number): Value {
    const value = super.value(buf, pos);
    if (this.column.unsigned !== null || buf[pos + 7]! < 0x80) return value;
    scratch.pos = 0;
    this.unsigned(scratch, buf, pos);
    return { ...value, unsigned: utf8Text(scratch) };
  }
}

export class DecimalEmitter extends TokenEmitter {
  private readonly precision: number;
  private readonly scale: number;
  constructor(column: ColumnMeta) {
    super(column);
    this.precision = column.meta >> 8;
    this.scale = column.meta & 0xff;
  }
  protected override put(to: DataView, at: number, buf: Uint8Array, pos: number): number {
    return putDecimal(to, at, buf, pos, this.precision, this.scale);
  }
  override json(out: ByteWriter, buf: Uint8Array, pos: number): void {
    out.need(TOKEN_BYTES_MAX);
    this.close(out, putDecimal(out.view, out.pos + 1, buf, pos, this.precision, this.scale));
  }
}

/** FLOAT (4 bytes) and DOUBLE (8). What is not a number is given with its bits. */
export class FloatEmitter implements Emitter {
  private readonly column: ColumnMeta;
  private readonly bytes: 4 | 8;
  constructor(column: ColumnMeta, bytes: 4 | 8) {
    this.column = column;
    this.bytes = bytes;
  }
  private read(buf: Uint8Array, pos: number): number {
    return this.bytes === 4 ? float32At(buf, pos) : float64At(buf, pos);
  }
  json(out: ByteWriter, buf: Uint8Array, pos: number): void {
    const x = this.read(buf, pos);
    if (!Number.isFinite(x)) {
      out.ascii('{"bits":"');
      for (let i = this.bytes - 1; i >= 0; i--) writeHex(out, buf, pos + i, pos + i + 1);
      return out.ascii('"}');
    }
    out.need(TOKEN_BYTES_MAX);
    const p = this.bytes === 4 ? putFloat(out.view, out.pos + 1, x) : putDouble(out.view, out.pos + 1, x);
    out.buf[out.pos] = QUOTE;
    out.buf[p] = QUOTE;
    out.pos = p + 1;
  }
  text(out: ByteWriter, buf: Uint8Array, pos: number): void {
    const x = this.read(buf, pos);
    if (!Number.isFinite(x)) return out.ascii(nonFinite(x));
    out.need(TOKEN_BYTES_MAX);
    out.pos = this.bytes === 4 ? putFloat(out.view, out.pos, x) : putDouble(out.view, out.pos, x);
  }
  value(buf: Uint8Array, pos: number): Value {
    scratch.pos = 0;
    this.text(scratch, buf, pos);
    return { text: utf8Text(scratch), type: this.column.typeText, exact: !Number.isNaN(this.read(buf, pos)) };
  }
}
/** 1 to 8 bytes as an unsigned integer in two halves; refilled. */
class Wide {
  high = 0;
  low = 0;
  readBigEndian(buf: Uint8Array, pos: number, bytes: number): void {
    this.high = 0;
    this.low = 0;
    for (let i = 0; i < bytes; i++) {
      this.high = ((this.high << 8) | (this.low >>> 24)) >>> 0;
      this.low = ((this.low << 8) | buf[pos + i]!) >>> 0;
    }
  }
  readLittleEndian(buf: Uint8Array, pos: number, bytes: number): void {
    this.high = 0;
    this.low = 0;
    for (let i = 0; i < bytes && i < 4; i++) this.low = (this.low | (buf[pos + i]! << (8 * i))) >>> 0;
    for (let i = 4; i < bytes; i++) this.high = (this.high | (buf[pos + i]! << (8 * (i - 4)))) >>> 0;
  }
}
const wide = new Wide();

/** BIT(n): (n + 7) / 8 bytes, big-endian. */
export class BitEmitter extends TokenEmitter {
  protected override put(to: DataView, at: number, buf: Uint8Array, pos: number): number {
    wide.readBigEndian(buf, pos, (this.column.meta + 7) >> 3);
    return putUint64(to, at, wide.high, wide.low);
  }
}

export class YearEmitter extends TokenEmitter {
  protected override put(to: DataView, at: number, buf: Uint8Array, pos: number): number {
    const n = buf[pos]!;
    return putPadded(to, at, n === 0 ? 0 : 1900 + n, 4);
  }
}

// The types since 5.6 have a class each, so that the call of what writes them is direct.

abstract class FractionEmitter extends TokenEmitter {
  protected readonly digits: number;
  constructor(column: ColumnMeta) {
    super(column);
    this.digits = column.meta;
  }
}
export class DatetimeEmitter extends FractionEmitter {
  protected override put(to: DataView, at: number, buf: Uint8Array, pos: number): number {
    return putDatetime2(to, at, buf, pos, this.digits);
  }
  override json(out: ByteWriter, buf: Uint8Array, pos: number): void {
    out.need(TOKEN_BYTES_MAX);
    this.close(out, putDatetime2(out.view, out.pos + 1, buf, pos, this.digits));
  }
}
export class TimestampEmitter extends FractionEmitter {
  protected override put(to: DataView, at: number, buf: Uint8Array, pos: number): number {
    return putTimestamp2(to, at, buf, pos, this.digits);
  }
  override json(out: ByteWriter, buf: Uint8Array, pos: number): void {
    out.need(TOKEN_BYTES_MAX);
    this.close(out, putTimestamp2(out.view, out.pos + 1, buf, pos, this.digits));
  }
}
export class TimeEmitter extends FractionEmitter {
  protected override put(to: DataView, at: number, buf: Uint8Array, pos: number): number {
    return putTime2(to, at, buf, pos, this.digits);
  }
  override json(out: ByteWriter, buf: Uint8Array, pos: number): void {
    out.need(TOKEN_BYTES_MAX);
    this.close(out, putTime2(out.view, out.pos + 1, buf, pos, this.digits));
  }
}

/** DATE, and the types before 5.6. */
export class TemporalEmitter extends TokenEmitter {
  private readonly putTemporal: (to: DataView, at: number, buf: Uint8Array, pos: number) => number;
  constructor(column: ColumnMeta, putTemporal: (to: DataView, at: number, buf: Uint8Array, pos: number) => number) {
    super(column);
    this.putTemporal = putTemporal;
  }
  protected override put(to: DataView, at: number, buf: Uint8Array, pos: number): number {
    return this.putTemporal(to, at, buf, pos);
  }
}

const INDEX = new Token(utf8('{"index":"'));
const BITS = new Token(utf8('{"bits":"'));
const LABELS = new Token(utf8('","labels":['));
const END = new Token(utf8('"}'));
const END_LABELS = new Token(utf8(']}'));

/** ENUM: 1 or 2 bytes, little-endian; 0 is the error value ''. */
export class EnumEmitter implements Emitter {
  private readonly column: ColumnMeta;
  private readonly tokens: Token[];
  private readonly texts: Uint8Array[];
  constructor(column: ColumnMeta) {
    this.column = column;
    const labels = column.labels === null ? [] : ['', ...column.labels];
    this.tokens = labels.map((label, i) => new Token(utf8(`{"index":"${i}","label":${JSON.stringify(label)}}`)));
    this.texts = labels.map(utf8);
  }
  private index(buf: Uint8Array, pos: number): number {
    return this.column.meta === 2 ? buf[pos]! | (buf[pos + 1]! << 8) : buf[pos]!;
  }
  json(out: ByteWriter, buf: Uint8Array, pos: number): void {
    const index = this.index(buf, pos);
    const token = this.tokens[index];
    if (token) out.token(token);
    else {
      out.token(INDEX);
      out.need(TOKEN_BYTES_MAX);
      out.pos = putSmall(out.view, out.pos, index);
      out.token(END);
    }
  }
  text(out: ByteWriter, buf: Uint8Array, pos: number): void {
    const index = this.index(buf, pos);
    const text = this.texts[index];
    if (text) out.bytes(text);
    else out.ascii(String(index));
  }
  value(buf: Uint8Array, pos: number): Value {
    const index = this.index(buf, pos);
    const label = index === 0 && this.column.labels !== null ? '' : this.column.labels?.[index - 1];
    return { text: label ?? String(index), type: this.column.typeText, exact: true };
  }
}

/** SET: 1 to 8 bytes, little-endian, one bit a label. */
export class SetEmitter implements Emitter {
  private readonly column: ColumnMeta;
  private readonly tokens: Uint8Array[];
  private readonly texts: Uint8Array[];
  constructor(column: ColumnMeta) {
    this.column = column;
    this.tokens = (column.labels ?? []).map((label) => utf8(JSON.stringify(label)));
    this.texts = (column.labels ?? []).map(utf8);
  }
  /** Fills `wide`; false where a bit has no label. */
  private known(buf: Uint8Array, pos: number): boolean {
    const n = this.tokens.length;
    if (this.column.meta > 8) throw impossible(this.column);
    wide.readLittleEndian(buf, pos, this.column.meta);
    if (this.column.labels === null) return false;
    if (n >= 64) return true;
    return n >= 32 ? wide.high >>> (n - 32) === 0 : wide.high === 0 && wide.low >>> n === 0;
  }
  private labels(out: ByteWriter, labels: readonly Uint8Array[]): void {
    let first = true;
    for (let i = 0; i < labels.length; i++) {
      const half = i < 32 ? wide.low : wide.high;
      if ((half & (1 << (i & 31))) === 0) continue;
      if (!first) out.byte(COMMA);
      first = false;
      out.bytes(labels[i]!);
    }
  }
  json(out: ByteWriter, buf: Uint8Array, pos: number): void {
    const known = this.known(buf, pos);
    out.token(BITS);
    out.need(TOKEN_BYTES_MAX);
    out.pos = putUint64(out.view, out.pos, wide.high, wide.low);
    if (!known) return out.token(END);
    out.token(LABELS);
    this.labels(out, this.tokens);
    out.token(END_LABELS);
  }
  text(out: ByteWriter, buf: Uint8Array, pos: number): void {
    if (this.known(buf, pos)) return this.labels(out, this.texts);
    out.need(TOKEN_BYTES_MAX);
    out.pos = putUint64(out.view, out.pos, wide.high, wide.low);
  }
  value(buf: Uint8Array, pos: number): Value {
    scratch.pos = 0;
    this.text(scratch, buf, pos);
    return { text: utf8Text(scratch), type: this.column.typeText, exact: true };
  }
}
