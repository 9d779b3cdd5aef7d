/** Collation ids and what their bytes mean. */
import type { Flavour } from '../visitor.ts';
import { SINGLE_BYTE } from './single-byte.ts';

/**
 * information_schema.COLLATIONS of MySQL 9.7.4, by character set. Ids that MySQL left free below 576 are utf8mb4's: it gives new ones to nothing else.
 */
const IDS: Readonly<Record<string, string>> = {
  big5: '1 84',
  latin2: '2 9 21 27 77',
  dec8: '3 69',
  cp850: '4 80',
  latin1: '5 8 15 31 47-49 94',
  hp8: '6 72',
  koi8r: '7 74',
  swe7: '10 82',
  ascii: '11 65',
  ujis: '12 91',
  sjis: '13 88',
  cp1251: '14 23 50-52',
  hebrew: '16 71',
  tis620: '18 89',
  euckr: '19 85',
  latin7: '20 41-42 79',
  koi8u: '22 75',
  gb2312: '24 86',
  greek: '25 70',
  cp1250: '26 34 44 66 99',
  gbk: '28 87',
  cp1257: '29 58-59',
  latin5: '30 78',
  armscii8: '32 64',
  utf8mb3: '33 76 83 192-215 223 576-578',
  ucs2: '35 90 128-151 159 640-642',
  cp866: '36 68',
  keybcs2: '37 73',
  macce: '38 43',
  macroman: '39 53',
  cp852: '40 81',
  utf8mb4: '45-46 224-247 255-575 608-610',
  utf16: '54-55 101-124 672-674',
  utf16le: '56 62',
  cp1256: '57 67',
  utf32: '60-61 160-183 736-738',
  binary: '63',
  geostd8: '92-93',
  cp932: '95-96',
  eucjpms: '97-98',
  gb18030: '248-250',
};
const BY_ID: (string | undefined)[] = [];
for (const [charset, ids] of Object.entries(IDS))
  for (const range of ids.split(' ')) {
    const [from, to] = range.split('-').map(Number);
    for (let id = from!; id <= (to ?? from!); id++) BY_ID[id] = charset;
  }

/** MariaDB, include/m_ctype.h: NO PAD collations are the others plus 1024; from 2048 UCA 14.0.0, 256 for each of these character sets. */
const NOPAD = 1024;
const UCA1400 = 2048;
const UCA1400_CHARSETS = ['utf8mb3', 'utf8mb4', 'ucs2', 'utf16', 'utf32'];

/** The character set of a collation id; null where it is unknown. 576 to 738 are MariaDB's own. */
export function charsetOf(collation: number, flavour: Flavour): string | null {
  if (flavour === 'mysql') return collation < 576 ? (BY_ID[collation] ?? null) : null;
  if (collation >= UCA1400) return UCA1400_CHARSETS[(collation - UCA1400) >> 8] ?? null;
  return BY_ID[collation >= NOPAD ? collation - NOPAD : collation] ?? null;
}

/** No character: the value is given as its bytes. */
export const NO_CHARACTER = 0xffff;

const tables = new Map<string, Uint16Array>();

/** Unicode by byte for a single-byte character set; null for others. */
export function singleByteTable(charset: string): Uint16Array | null {
  const known = tables.get(charset);
  if (known) return known;
  const text = SINGLE_BYTE[charset];
  if (text === undefined) return null;
  const table = new Uint16Array(256);
  for (let i = 0; i < 256; i++) table[i] = i;
  const first = charset === 'swe7' ? 0x40 : 256 - text.length;
  for (let i = 0; i < text.length; i++) table[first + i] = text[i] === '?' ? NO_CHARACTER : text.charCodeAt(i);
  if (charset === 'swe7') table.fill(NO_CHARACTER, 128);
  tables.set(charset, table);
  return table;
}
