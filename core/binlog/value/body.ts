/** Emitters of values that have a length before them: character data, binary data, JSON, GEOMETRY, VECTOR, and MariaDB's compressed columns. */
import { BinlogDamage } from '../finding.ts';
import type { Value } from '../model.ts';
import type { ColumnMeta } from '../table-map.ts';
import { singleByteTable } from './charset.ts';
import { impossible, QUOTE, scratch } from './emitter.ts';
import type { Emitter } from './emitter.ts';
import { float32At, putFloat } from './float.ts';
import { u32 } from './json-format.ts';
import { writeJsonText, writeJsonToken } from './json-text.ts';
import { multiByte, writeMultiByte } from './multi-byte.ts';
import { putUint } from './number.ts';
import { utf8Text, writeHex, writeSingleByte, writeUtf16, writeUtf32, writeUtf8, writeUtf8Json } from './string.ts';
import type { ByteWriter } from './writer.ts';

/** A value without its length prefix. */
export interface Body {
  json(out: ByteWriter, buf: Uint8Array, start: number, end: number): void;
  /** false: the bytes are not valid in the column's character set; the text is their hex digits */
  text(out: ByteWriter, buf: Uint8Array, start: number, end: number): boolean;
}

export class BodyEmitter implements Emitter {
  private readonly column: ColumnMeta;
  private readonly lengthBytes: number;
  private readonly body: Body;
  constructor(column: ColumnMeta, lengthBytes: number, body: Body) {
    this.column = column;
    this.lengthBytes = lengthBytes;
    this.body = body;
  }
  private length(buf: Uint8Array, pos: number): number {
    switch (this.lengthBytes) {
      case 1:
        return buf[pos]!;
      case 2:
        return buf[pos]! | (buf[pos + 1]! << 8);
      case 3:
        return buf[pos]! | (buf[pos + 1]! << 8) | (buf[pos + 2]! << 16);
      default:
        return u32(buf, pos);
    }
  }
  json(out: ByteWriter, buf: Uint8Array, pos: number): void {
    const start = pos + this.lengthBytes;
    this.body.json(out, buf, start, start + this.length(buf, pos));
  }
  text(out: ByteWriter, buf: Uint8Array, pos: number): void {
    const start = pos + this.lengthBytes;
    this.body.text(out, buf, start, start + this.length(buf, pos));
  }
  value(buf: Uint8Array, pos: number): Value {
    const start = pos + this.lengthBytes;
    return bodyValue(this.column, this.body, buf, start, start + this.length(buf, pos));
  }
}

export function bodyValue(column: ColumnMeta, body: Body, buf: Uint8Array, start: number, end: number): Value {
  scratch.pos = 0;
  const exact = body.text(scratch, buf, start, end);
  return { text: utf8Text(scratch), type: column.typeText, exact };
}

/** BINARY, VARBINARY, BLOB. BINARY(n) is logged without its trailing zeros: `padded` gives its n bytes back. */
export class BinaryBody implements Body {
  private readonly padded: number;
  constructor(padded: number) {
    this.padded = padded;
  }
  json(out: ByteWriter, buf: Uint8Array, start: number, end: number): void {
    out.byte(QUOTE);
    this.text(out, buf, start, end);
    out.byte(QUOTE);
  }
  text(out: ByteWriter, buf: Uint8Array, start: number, end: number): boolean {
    writeHex(out, buf, start, end);
    for (let i = end - start; i < this.padded; i++) out.ascii('00');
    return true;
  }
}

/** UTF-8, utf8mb3 and ASCII: `bytesMax` of a character 4, 3, 1. */
export class Utf8Body implements Body {
  private readonly bytesMax: number;
  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }
  json(out: ByteWriter, buf: Uint8Array, start: number, end: number): void {
    const mark = out.pos;
    out.byte(QUOTE);
    if (writeUtf8Json(out, buf, start, end, this.bytesMax)) return out.byte(QUOTE);
    out.pos = mark;
    out.ascii('{"hex":"');
    writeHex(out, buf, start, end);
    out.ascii('"}');
  }
  text(out: ByteWriter, buf: Uint8Array, start: number, end: number): boolean {
    if (writeUtf8(out, buf, start, end, this.bytesMax)) return true;
    writeHex(out, buf, start, end);
    return false;
  }
}

/** Character data whose character set the log does not name. */
export class UnnamedBody implements Body {
  json(out: ByteWriter, buf: Uint8Array, start: number, end: number): void {
    out.ascii('{"hex":"');
    writeHex(out, buf, start, end);
    const mark = out.pos;
    out.ascii('","utf8":"');
    if (!writeUtf8Json(out, buf, start, end, 4)) out.pos = mark;
    out.ascii('"}');
  }
  text(out: ByteWriter, buf: Uint8Array, start: number, end: number): boolean {
    if (writeUtf8(out, buf, start, end, 4)) return true;
    writeHex(out, buf, start, end);
    return false;
  }
}

/** Every other character set. */
export class CharsetBody implements Body {
  private readonly charset: string;
  private readonly decode: Decode | null;
  constructor(charset: string) {
    this.charset = charset;
    this.decode = decoderOf(charset);
  }
  json(out: ByteWriter, buf: Uint8Array, start: number, end: number): void {
    const mark = out.pos;
    out.byte(QUOTE);
    if (this.decode !== null && this.decode(out, buf, start, end, true)) return out.byte(QUOTE);
    out.pos = mark;
    out.ascii('{"charset":"');
    out.ascii(this.charset);
    out.ascii('","hex":"');
    writeHex(out, buf, start, end);
    out.ascii('"}');
  }
  text(out: ByteWriter, buf: Uint8Array, start: number, end: number): boolean {
    const mark = out.pos;
    if (this.decode !== null && this.decode(out, buf, start, end, false)) return true;
    out.pos = mark;
    writeHex(out, buf, start, end);
    return false;
  }
}

/** Appends the characters, escaped where `json`; false where the bytes are not valid, or the text would not give them back. */
export type Decode = (out: ByteWriter, buf: Uint8Array, start: number, end: number, json: boolean) => boolean;

/** null: a character set that is not read; its values are given as their bytes. */
export function decoderOf(charset: string): Decode | null {
  switch (charset) {
    case 'utf8mb4':
      return (out, buf, start, end, json) => (json ? writeUtf8Json(out, buf, start, end, 4) : writeUtf8(out, buf, start, end, 4));
    case 'utf8mb3':
      return (out, buf, start, end, json) => (json ? writeUtf8Json(out, buf, start, end, 3) : writeUtf8(out, buf, start, end, 3));
    case 'ascii':
      return (out, buf, start, end, json) => (json ? writeUtf8Json(out, buf, start, end, 1) : writeUtf8(out, buf, start, end, 1));
    case 'ucs2':
      return (out, buf, start, end, json) => writeUtf16(out, buf, start, end, false, false, json);
    case 'utf16':
      return (out, buf, start, end, json) => writeUtf16(out, buf, start, end, false, true, json);
    case 'utf16le':
      return (out, buf, start, end, json) => writeUtf16(out, buf, start, end, true, true, json);
    case 'utf32':
      return writeUtf32;
    default: {
      const single = singleByteTable(charset);
      if (single) return (out, buf, start, end, json) => writeSingleByte(out, buf, start, end, single, json);
      const multi = multiByte(charset);
      return multi && ((out, buf, start, end, json) => writeMultiByte(out, buf, start, end, multi, json));
    }
  }
}

export class JsonBody implements Body {
  json(out: ByteWriter, buf: Uint8Array, start: number, end: number): void {
    writeJsonToken(out, buf, start, end);
  }
  text(out: ByteWriter, buf: Uint8Array, start: number, end: number): boolean {
    writeJsonText(out, buf, start, end);
    return true;
  }
}

/** SRID, 4 bytes, little-endian, then WKB. What is shorter is given as its bytes. */
export class GeometryBody implements Body {
  json(out: ByteWriter, buf: Uint8Array, start: number, end: number): void {
    if (end - start < 4) {
      out.ascii('{"hex":"');
      writeHex(out, buf, start, end);
    } else {
      out.ascii('{"srid":"');
      out.need(20);
      out.pos = putUint(out.view, out.pos, u32(buf, start));
      out.ascii('","wkb":"');
      writeHex(out, buf, start + 4, end);
    }
    out.ascii('"}');
  }
  text(out: ByteWriter, buf: Uint8Array, start: number, end: number): boolean {
    if (end - start < 4) {
      writeHex(out, buf, start, end);
      return false;
    }
    out.ascii('SRID=');
    out.need(20);
    out.pos = putUint(out.view, out.pos, u32(buf, start));
    out.byte(59);
    writeHex(out, buf, start + 4, end);
    return true;
  }
}

/** Floats of 4 bytes. Where one is no number, the value is given as its bytes. */
export class VectorBody implements Body {
  json(out: ByteWriter, buf: Uint8Array, start: number, end: number): void {
    const mark = out.pos;
    out.ascii('{"vector":[');
    if (this.floats(out, buf, start, end, true)) return out.ascii(']}');
    out.pos = mark;
    out.ascii('{"hex":"');
    writeHex(out, buf, start, end);
    out.ascii('"}');
  }
  text(out: ByteWriter, buf: Uint8Array, start: number, end: number): boolean {
    const mark = out.pos;
    out.byte(91);
    if (this.floats(out, buf, start, end, false)) {
      out.byte(93);
      return true;
    }
    out.pos = mark;
    writeHex(out, buf, start, end);
    return false;
  }
  private floats(out: ByteWriter, buf: Uint8Array, start: number, end: number, quoted: boolean): boolean {
    if ((end - start) % 4 !== 0) return false;
    for (let i = start; i < end; i += 4) {
      const x = float32At(buf, i);
      if (!Number.isFinite(x)) return false;
      out.need(40);
      if (i > start) out.byte(44);
      if (quoted) out.byte(QUOTE);
      out.pos = putFloat(out.view, out.pos, x);
      if (quoted) out.byte(QUOTE);
    }
    return true;
  }
}

export type Inflate = (data: Uint8Array, sizeMax: number, raw?: boolean) => Uint8Array;
/** Of one value: zlib can make a thousand bytes of one. */
const INFLATED_BYTES_MAX = 64 * 1024 * 1024;
const ZLIB = 8;

/**
 * A MariaDB column declared COMPRESSED (sql/field.cc, compress_zlib and uncompress_zlib): a byte of method << 4 | raw << 3 | length bytes, the length of the
 * data in big-endian, the stream; a byte 0 before data that are as they are; nothing for an empty value.
 */
export class CompressedBody implements Body {
  private readonly column: ColumnMeta;
  private readonly inner: Body;
  private readonly inflate: Inflate;
  private readonly sizeMax: number;
  constructor(column: ColumnMeta, inner: Body, inflate: Inflate, sizeMax: number = Infinity) {
    this.column = column;
    this.inner = inner;
    this.inflate = inflate;
    this.sizeMax = sizeMax;
  }
  json(out: ByteWriter, buf: Uint8Array, start: number, end: number): void {
    if (start === end) return this.inner.json(out, buf, start, end);
    if (buf[start] === 0) return this.inner.json(out, buf, start + 1, end);
    const data = this.data(buf, start, end);
    this.inner.json(out, data, 0, data.length);
  }
  text(out: ByteWriter, buf: Uint8Array, start: number, end: number): boolean {
    if (start === end) return this.inner.text(out, buf, start, end);
    if (buf[start] === 0) return this.inner.text(out, buf, start + 1, end);
    const data = this.data(buf, start, end);
    return this.inner.text(out, data, 0, data.length);
  }
  private data(buf: Uint8Array, start: number, end: number): Uint8Array {
    const head = buf[start]!;
    const from = start + 1 + (head & 7);
    if (head >> 4 !== ZLIB || (head & 7) > 4 || from > end) throw impossible(this.column);
    let size = 0;
    for (let i = start + 1; i < from; i++) size = size * 256 + buf[i]!;
    if (size > this.sizeMax) throw impossible(this.column);
    if (size > INFLATED_BYTES_MAX)
      throw new BinlogDamage('too-large', `a value of ${this.column.typeText} has ${size} bytes when it is decompressed: more than ${INFLATED_BYTES_MAX}`);
    let data: Uint8Array;
    try {
      data = this.inflate(buf.subarray(from, end), size, (head & 8) !== 0);
    } catch (e) {
      throw new BinlogDamage('compression', `a value of ${this.column.typeText} does not decompress: ${e instanceof Error ? e.message : String(e)}`);
    }
    if (data.length !== size) throw new BinlogDamage('compression', `a value of ${this.column.typeText} decompresses to ${data.length} of ${size} bytes`);
    return data;
  }
}
