/** Statement texts and names out of bytes: the client's character set told by its collation id. */

type Decoder = InstanceType<typeof TextDecoder>;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export interface Text {
  text: string;
  /** false: bytes that are not valid in their character set, or a character set that is not known; shown as latin1 */
  exact: boolean;
}

/** One character a byte. */
export function latin1Of(buf: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let i = start; i < end; i += 4096) text += String.fromCharCode(...buf.subarray(i, Math.min(end, i + 4096)));
  return text;
}

/** Text of which the log does not say the character set. */
export function utf8OrLatin1(buf: Uint8Array, start: number, end: number): Text {
  return decode(utf8, buf, start, end);
}

/** Schemas and files: the servers' own names are UTF-8. */
export const nameOf = (buf: Uint8Array, start: number, end: number): string => utf8OrLatin1(buf, start, end).text;

/**
 * Character sets that a client can have, as WHATWG's encodings, with their collation ids (information_schema.collations). Those that no decoder knows
 * (dec8, hp8, swe7, cp850, cp852, armscii8, geostd8, keybcs2, macce) are left out; gb2312 is read as gbk, which holds it.
 */
const ENCODINGS: readonly (readonly [label: string, collations: readonly number[]])[] = [
  ['windows-1252', [5, 8, 15, 31, 47, 48, 49, 94]],
  ['iso-8859-2', [2, 9, 21, 27, 77]],
  ['iso-8859-9', [30, 78]],
  ['iso-8859-13', [20, 41, 42, 79]],
  ['iso-8859-7', [25, 70]],
  ['iso-8859-8', [16, 71]],
  ['windows-1250', [26, 34, 44, 66, 99]],
  ['windows-1251', [14, 23, 50, 51, 52]],
  ['windows-1256', [57, 67]],
  ['windows-1257', [29, 58, 59]],
  ['windows-874', [18, 89]],
  ['ibm866', [36, 68]],
  ['koi8-r', [7, 74]],
  ['koi8-u', [22, 75]],
  ['macintosh', [39, 53]],
  ['big5', [1, 84]],
  ['gbk', [24, 28, 86, 87]],
  ['gb18030', [248, 249, 250]],
  ['euc-kr', [19, 85]],
  ['euc-jp', [12, 91, 97, 98]],
  ['shift_jis', [13, 88, 95, 96]],
];
const LABELS = new Map(ENCODINGS.flatMap(([label, ids]) => ids.map((id) => [id, label] as const)));
const SWE7 = [10, 82];
/** utf8mb3 and utf8mb4, ascii, binary (whose bytes are what the statement wants them to be), and MariaDB's ids of them */
const UTF8: readonly (readonly [from: number, to: number])[] = [
  [11, 11],
  [33, 33],
  [45, 46],
  [63, 63],
  [65, 65],
  [76, 76],
  [83, 83],
  [192, 247],
  [255, 323],
  [576, 578],
  [608, 610],
  [2048, 2559],
];
/** MariaDB's collations without padding have the id of the padded one and this. */
const MARIADB_NO_PAD = 1024;

const decoders = new Map<string, Decoder>();

/** A statement in the character set of its client. `collation` null: the event does not say. Texts in ASCII are exact in all but Swedish 7-bit. */
export function textOf(buf: Uint8Array, start: number, end: number, collation: number | null): Text {
  const id = collation !== null && collation > MARIADB_NO_PAD && collation < 2 * MARIADB_NO_PAD ? collation - MARIADB_NO_PAD : collation;
  if (id !== null && SWE7.includes(id)) return { text: latin1Of(buf, start, end), exact: false };
  const label = id === null ? undefined : LABELS.get(id);
  if (label !== undefined) return decode(decoderOf(label), buf, start, end);
  if (id === null || UTF8.some(([from, to]) => id >= from && id <= to)) return decode(utf8, buf, start, end);
  const text = latin1Of(buf, start, end);
  return { text, exact: !/[^\0-\x7f]/.test(text) };
}

function decoderOf(label: string): Decoder {
  let decoder = decoders.get(label);
  if (!decoder) {
    decoder = new TextDecoder(label, { fatal: true, ignoreBOM: true });
    decoders.set(label, decoder);
  }
  return decoder;
}

function decode(decoder: Decoder, buf: Uint8Array, start: number, end: number): Text {
  try {
    return { text: decoder.decode(buf.subarray(start, end)), exact: true };
  } catch {
    return { text: latin1Of(buf, start, end), exact: false };
  }
}
