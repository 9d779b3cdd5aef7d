/**
 * Character data as UTF-8, plain or as the inside of a JSON string. Every function appends to the writer and answers false where the bytes are not
 * valid in their character set; what it wrote until then is for the caller to take back (out.pos).
 */
import { NO_CHARACTER } from './charset.ts';
import type { ByteWriter } from './writer.ts';

const QUOTE = 34;
const BACKSLASH = 92;
/** 0: stands for itself in JSON; 1: needs an escape; 2: begins a UTF-8 sequence */
const CLASS = new Uint8Array(256).fill(2, 128);
CLASS.fill(1, 0, 32);
CLASS[QUOTE] = 1;
CLASS[BACKSLASH] = 1;
/** Stands for itself in a JSON string. */
export const isPlain = (b: number): boolean => CLASS[b] === 0;
/** letter of the two-character escapes; 0: \u00XX */
const SHORT = new Uint8Array(256);
for (const [code, letter] of Object.entries({ 8: 'b', 9: 't', 10: 'n', 12: 'f', 13: 'r', 34: '"', 92: '\\' })) SHORT[Number(code)] = letter.charCodeAt(0);
const ESCAPE_BYTES_MAX = 8;

/** Room for one escape must be there. */
function putEscape(to: Uint8Array, at: number, b: number): number {
  to[at] = BACKSLASH;
  const letter = SHORT[b]!;
  if (letter !== 0) {
    to[at + 1] = letter;
    return at + 2;
  }
  to[at + 1] = 117;
  to[at + 2] = 48;
  to[at + 3] = 48;
  to[at + 4] = 48 + (b >> 4);
  const low = b & 15;
  to[at + 5] = low < 10 ? 48 + low : 87 + low;
  return at + 6;
}

/** The escape of a JSON text inside a JSON string: its backslashes and quotes are escaped again. */
function putNestedEscape(to: Uint8Array, at: number, b: number): number {
  to[at] = BACKSLASH;
  const p = putEscape(to, at + 1, b);
  if (b !== QUOTE && b !== BACKSLASH) return p;
  to[at + 2] = BACKSLASH;
  to[at + 3] = b;
  return at + 4;
}

/**
 * Length of the UTF-8 sequence at pos; 0 where it is none (Unicode 16, table 3-7: no overlong forms, no surrogates, nothing beyond U+10FFFF).
 * `bytesMax` 3 for utf8mb3.
 */
export function utf8Length(buf: Uint8Array, pos: number, end: number, bytesMax: number): number {
  const a = buf[pos]!;
  if (a < 0x80) return 1;
  if (a < 0xc2 || pos + 1 >= end) return 0;
  const b = buf[pos + 1]!;
  if ((b & 0xc0) !== 0x80) return 0;
  if (a < 0xe0) return 2;
  if (pos + 2 >= end || (buf[pos + 2]! & 0xc0) !== 0x80) return 0;
  if (a < 0xf0) return (a === 0xe0 && b < 0xa0) || (a === 0xed && b >= 0xa0) ? 0 : 3;
  if (bytesMax < 4 || pos + 3 >= end || (buf[pos + 3]! & 0xc0) !== 0x80) return 0;
  return a > 0xf4 || (a === 0xf0 && b < 0x90) || (a === 0xf4 && b >= 0x90) ? 0 : 4;
}

const NONE = new Uint8Array(0);
let viewed: Uint8Array = NONE;
let view: DataView = new DataView(NONE.buffer);
/** Of the buffer that strings are read from: an event's, which holds many of them. */
function viewOf(buf: Uint8Array): DataView {
  if (buf === viewed) return view;
  viewed = buf;
  view = new DataView(buf.buffer, buf.byteOffset, buf.length);
  return view;
}

/** Not 0: one of the four bytes is below 32, above 127, a quote or a backslash (a subtraction that borrows sets a byte's top bit; H. Warren, Hacker's Delight, 6-1). */
const special = (word: number): number =>
  (word | (word - 0x2020_2020) | ((word ^ 0x2222_2222) - 0x0101_0101) | ((word ^ 0x5c5c_5c5c) - 0x0101_0101)) & 0x8080_8080;

/**
 * UTF-8 (bytesMax of a character 4), utf8mb3 (3) or ASCII (1) into a JSON string. Eight plain bytes at a time, others one by one. `nested`: into a JSON text
 * that is in a JSON string itself: its escapes are escaped again.
 */
export function writeUtf8Json(out: ByteWriter, buf: Uint8Array, start: number, end: number, bytesMax: number, nested = false): boolean {
  out.need(end - start + ESCAPE_BYTES_MAX);
  const from = viewOf(buf);
  const last = end - 8;
  let to = out.buf;
  let words = out.view;
  let p = out.pos;
  let i = start;
  while (i < end) {
    while (i <= last) {
      const a = from.getInt32(i, true);
      const b = from.getInt32(i + 4, true);
      if ((special(a) | special(b)) !== 0) break;
      words.setInt32(p, a, true);
      words.setInt32(p + 4, b, true);
      i += 8;
      p += 8;
    }
    for (const stop = i <= last ? i + 8 : end; i < stop;) {
      const b = buf[i]!;
      const c = CLASS[b]!;
      if (c === 0) {
        to[p++] = b;
        i++;
      } else if (c === 1) {
        p = nested ? putNestedEscape(to, p, b) : putEscape(to, p, b);
        i++;
        out.pos = p;
        out.need(end - i + ESCAPE_BYTES_MAX);
        to = out.buf;
        words = out.view;
      } else {
        const n = bytesMax === 1 ? 0 : utf8Length(buf, i, end, bytesMax);
        if (n === 0) return false;
        for (let k = 0; k < n; k++) to[p++] = buf[i++]!;
      }
    }
  }
  out.pos = p;
  return true;
}

/** The same without escapes; writes nothing where it answers false. */
export function writeUtf8(out: ByteWriter, buf: Uint8Array, start: number, end: number, bytesMax: number): boolean {
  out.need(end - start);
  const from = viewOf(buf);
  const last = end - 8;
  const to = out.buf;
  const words = out.view;
  let p = out.pos;
  let i = start;
  while (i < end) {
    while (i <= last) {
      const a = from.getInt32(i, true);
      const b = from.getInt32(i + 4, true);
      if (((a | b) & 0x8080_8080) !== 0) break;
      words.setInt32(p, a, true);
      words.setInt32(p + 4, b, true);
      i += 8;
      p += 8;
    }
    for (const stop = i <= last ? i + 8 : end; i < stop;) {
      const b = buf[i]!;
      const n = b < 0x80 ? 1 : bytesMax === 1 ? 0 : utf8Length(buf, i, end, bytesMax);
      if (n === 0) return false;
      for (let k = 0; k < n; k++) to[p++] = buf[i++]!;
    }
  }
  out.pos = p;
  return true;
}

/** One code point, escaped where `json`. */
export function writeCodePoint(out: ByteWriter, cp: number, json: boolean): void {
  out.need(ESCAPE_BYTES_MAX);
  const to = out.buf;
  let p = out.pos;
  if (cp < 0x80) {
    if (json && CLASS[cp] !== 0) p = putEscape(to, p, cp);
    else to[p++] = cp;
  } else if (cp < 0x800) {
    to[p++] = 0xc0 | (cp >> 6);
    to[p++] = 0x80 | (cp & 63);
  } else {
    if (cp < 0x1_0000) to[p++] = 0xe0 | (cp >> 12);
    else {
      to[p++] = 0xf0 | (cp >> 18);
      to[p++] = 0x80 | ((cp >> 12) & 63);
    }
    to[p++] = 0x80 | ((cp >> 6) & 63);
    to[p++] = 0x80 | (cp & 63);
  }
  out.pos = p;
}

export function writeSingleByte(out: ByteWriter, buf: Uint8Array, start: number, end: number, table: Uint16Array, json: boolean): boolean {
  for (let i = start; i < end; i++) {
    const cp = table[buf[i]!]!;
    if (cp === NO_CHARACTER) return false;
    writeCodePoint(out, cp, json);
  }
  return true;
}

/** `surrogates` false: ucs2. */
export function writeUtf16(out: ByteWriter, buf: Uint8Array, start: number, end: number, little: boolean, surrogates: boolean, json: boolean): boolean {
  if ((end - start) % 2 !== 0) return false;
  for (let i = start; i < end; i += 2) {
    let cp = little ? buf[i]! | (buf[i + 1]! << 8) : (buf[i]! << 8) | buf[i + 1]!;
    if (cp >= 0xd800 && cp < 0xe000) {
      if (!surrogates || cp >= 0xdc00 || i + 4 > end) return false;
      i += 2;
      const low = little ? buf[i]! | (buf[i + 1]! << 8) : (buf[i]! << 8) | buf[i + 1]!;
      if (low < 0xdc00 || low >= 0xe000) return false;
      cp = 0x1_0000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
    }
    writeCodePoint(out, cp, json);
  }
  return true;
}

export function writeUtf32(out: ByteWriter, buf: Uint8Array, start: number, end: number, json: boolean): boolean {
  if ((end - start) % 4 !== 0) return false;
  for (let i = start; i < end; i += 4) {
    const cp = (buf[i]! * 256 + buf[i + 1]!) * 65536 + (buf[i + 2]! << 8) + buf[i + 3]!;
    if (cp > 0x10_ffff || (cp >= 0xd800 && cp < 0xe000)) return false;
    writeCodePoint(out, cp, json);
  }
  return true;
}

/** Two lower-case digits of each byte, as they stand in memory. */
const HEX = Uint16Array.from({ length: 256 }, (_, i) => {
  const text = i.toString(16).padStart(2, '0');
  return (text.charCodeAt(0) << 8) | text.charCodeAt(1);
});

export function writeHex(out: ByteWriter, buf: Uint8Array, start: number, end: number): void {
  out.need((end - start) * 2);
  const words = out.view;
  let p = out.pos;
  let i = start;
  for (; i < end - 1; i += 2, p += 4) words.setInt32(p, (HEX[buf[i]!]! << 16) | HEX[buf[i + 1]!]!);
  if (i < end) {
    words.setUint16(p, HEX[buf[i]!]!);
    p += 2;
  }
  out.pos = p;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** UTF-8 of a text; not for the hot path. */
export const utf8 = (text: string): Uint8Array => encoder.encode(text);
export const utf8Text = (out: ByteWriter): string => decoder.decode(out.buf.subarray(0, out.pos));
