/** Statement texts and names out of bytes: the client's character set told by its collation id. */
import { decoderOf } from './value/body.ts';
import { charsetOf } from './value/charset.ts';
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
export function latin1Of(buf: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let i = start; i < end; i += CODES_MAX) text += String.fromCharCode(...buf.subarray(i, Math.min(end, i + CODES_MAX)));
  return text;
}
const CODES_MAX = 4096;

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

/** A statement in the character set of its client. `collation` null: the event does not say. `binary`: the bytes are what the statement wants them to be. */
export function textOf(buf: Uint8Array, start: number, end: number, collation: number | null, flavour: Flavour): Text {
  const charset = collation === null ? null : charsetOf(collation, flavour);
  if (collation === null || charset === 'binary') return utf8OrLatin1(buf, start, end);
  const decode = charset === null ? null : decoderOf(charset);
  const out = new ByteWriter(2 * (end - start));
  return decode?.(out, buf, start, end, false) ? { text: utf8Text(out), exact: true } : { text: latin1Of(buf, start, end), exact: false };
}
