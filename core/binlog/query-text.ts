/** Statement texts and names out of bytes: the client's character set told by its collation id. */
import { charsetOf, NO_CHARACTER, singleByteTable } from './value/charset.ts';
import { multiByte, writeMultiByte } from './value/multi-byte.ts';
import { utf8Text } from './value/string.ts';
import { ByteWriter } from './value/writer.ts';
import type { Flavour } from './visitor.ts';

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
  try {
    return { text: utf8.decode(buf.subarray(start, end)), exact: true };
  } catch {
    return { text: latin1Of(buf, start, end), exact: false };
  }
}

/** Schemas and files: the servers' own names are UTF-8. */
export const nameOf = (buf: Uint8Array, start: number, end: number): string => utf8OrLatin1(buf, start, end).text;

/** `binary`: the bytes are what the statement wants them to be, and most are this. */
const UTF8 = new Set<string | null>(['utf8mb4', 'utf8mb3', 'ascii', 'binary']);

/** A statement in the character set of its client. `collation` null: the event does not say. */
export function textOf(buf: Uint8Array, start: number, end: number, collation: number | null, flavour: Flavour): Text {
  const charset = collation === null ? null : charsetOf(collation, flavour);
  if (collation === null || UTF8.has(charset)) return utf8OrLatin1(buf, start, end);
  const table = charset === null ? null : singleByteTable(charset);
  if (table) return singleByte(buf, start, end, table);
  const tables = charset === null ? null : multiByte(charset);
  if (tables) {
    const out = new ByteWriter(2 * (end - start));
    if (writeMultiByte(out, buf, start, end, tables, false)) return { text: utf8Text(out), exact: true };
  }
  return { text: latin1Of(buf, start, end), exact: false };
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
