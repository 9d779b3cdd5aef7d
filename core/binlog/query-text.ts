/** Statement texts and names out of bytes: the client's character set told by its collation id. */
import { charsetOf, NO_CHARACTER, singleByteTable } from './value/charset.ts';
import type { Flavour } from './visitor.ts';

type Decoder = InstanceType<typeof TextDecoder>;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export interface Text {
  text: string;
  /** false: bytes that are not valid in their character set, or a character set that is not known; shown as latin1 */
  exact: boolean;
}

/** One character a byte. */
export const latin1Of = (buf: Uint8Array, start: number, end: number): string => textOfCodes(buf, start, end);

const CODES_MAX = 4096;
function textOfCodes(codes: Uint8Array | Uint16Array, start: number, end: number): string {
  let text = '';
  for (let i = start; i < end; i += CODES_MAX) text += String.fromCharCode(...codes.subarray(i, Math.min(end, i + CODES_MAX)));
  return text;
}

/** Text of which the log does not say the character set. */
export function utf8OrLatin1(buf: Uint8Array, start: number, end: number): Text {
  return decode(utf8, buf, start, end);
}

/** Schemas and files: the servers' own names are UTF-8. */
export const nameOf = (buf: Uint8Array, start: number, end: number): string => utf8OrLatin1(buf, start, end).text;

/** Character sets of more than one byte that a client can have, as WHATWG's encodings. gb2312 is read as gbk, which holds it. */
const ENCODINGS: Readonly<Record<string, string>> = {
  big5: 'big5',
  gb2312: 'gbk',
  gbk: 'gbk',
  gb18030: 'gb18030',
  euckr: 'euc-kr',
  ujis: 'euc-jp',
  eucjpms: 'euc-jp',
  sjis: 'shift_jis',
  cp932: 'shift_jis',
};
/** `binary`: the bytes are what the statement wants them to be, and most are this. */
const UTF8 = new Set<string | null>(['utf8mb4', 'utf8mb3', 'ascii', 'binary']);

const decoders = new Map<string, Decoder>();

/** A statement in the character set of its client. `collation` null: the event does not say. */
export function textOf(buf: Uint8Array, start: number, end: number, collation: number | null, flavour: Flavour): Text {
  const charset = collation === null ? null : charsetOf(collation, flavour);
  if (collation === null || UTF8.has(charset)) return decode(utf8, buf, start, end);
  const table = charset === null ? null : singleByteTable(charset);
  if (table) return singleByte(buf, start, end, table);
  const label = ENCODINGS[charset ?? ''];
  if (label !== undefined) return decode(decoderOf(label), buf, start, end);
  return { text: latin1Of(buf, start, end), exact: false };
}

function decoderOf(label: string): Decoder {
  let decoder = decoders.get(label);
  if (!decoder) {
    decoder = new TextDecoder(label, { fatal: true, ignoreBOM: true });
    decoders.set(label, decoder);
  }
  return decoder;
}

function singleByte(buf: Uint8Array, start: number, end: number, table: Uint16Array): Text {
  const codes = new Uint16Array(end - start);
  for (let i = start; i < end; i++) {
    const code = table[buf[i]!]!;
    if (code === NO_CHARACTER) return { text: latin1Of(buf, start, end), exact: false };
    codes[i - start] = code;
  }
  return { text: textOfCodes(codes, 0, codes.length), exact: true };
}

function decode(decoder: Decoder, buf: Uint8Array, start: number, end: number): Text {
  try {
    return { text: decoder.decode(buf.subarray(start, end)), exact: true };
  } catch {
    return { text: latin1Of(buf, start, end), exact: false };
  }
}
