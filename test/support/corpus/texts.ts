/** Strings of every character set and length; bytes; labels. */
import { BINARY, BYTES, ENUM, ENUM_UNREAD, SET, TEXT } from './kind.ts';
import { text } from './table.ts';
import type { Column, Stored } from './table.ts';

const stored = (s: string): Stored => ({ sql: text(s), is: s });
const bytes = (b: Buffer): Stored => ({ sql: b.length === 0 ? "''" : `X'${b.toString('hex')}'`, is: b.toString('hex').toUpperCase() });
const padded = (b: Buffer, n: number): Stored => ({ ...bytes(b), is: Buffer.concat([b], n).toString('hex').toUpperCase() });

/** What each character set can hold, with its corners: the last byte of single-byte sets, surrogate pairs, four-byte characters, a yen that is a backslash. */
const SAMPLES: Record<string, string[]> = {
  utf8mb4: ['Größe 漢字 😀 \u{10ffff}', 'e\u0301 \u200d \ufeff', 'line\nfeed\t"quote" \\back \0 nul \u007f'],
  utf8mb3: ['Ünïcödé 漢字 € \ufffd', '\uffff'],
  latin1: ['Größe €ŒŽ\u00a0ÿ', '\u0081\u008d\u008f\u0090\u009d'],
  utf16: ['Größe 漢 😀 \u{10ffff}', 'a'],
  utf16le: ['Größe 漢 😀 \u{10ffff}', 'a'],
  utf32: ['Größe 漢 😀 \u{10ffff}', 'a'],
  ucs2: ['Größe 漢 \ufffd', 'a'],
  gbk: ['中文汉字丂', 'a中b'],
  gb18030: ['中文 😀 € \u{10ffff}', 'ḿ'],
  gb2312: ['中文', '啊'],
  big5: ['中文繁體', '功許'],
  sjis: ['日本語ｱｲｳ', '表ソ'],
  cp932: ['日本語①ｱ', '髙ソ'],
  ujis: ['日本語ｱ', '丂'],
  eucjpms: ['日本語①', '髙'],
  euckr: ['한국어', '똠'],
  koi8r: ['Привет ё', '░'],
  koi8u: ['Привіт ґ', 'є'],
  cp1250: ['Žluťoučký', 'ąę€'],
  cp1251: ['Привет Ё', '€ѓ'],
  cp1256: ['مرحبا', 'گچ'],
  cp1257: ['āčēģ', 'ž€'],
  cp850: ['ÇüéâäàåÄÅ', '░█'],
  cp852: ['ąęłńóśźż', 'ř'],
  cp866: ['Привет', '░█'],
  latin2: ['ąęłń', 'ż'],
  latin5: ['ğşıİ', 'ÿ'],
  latin7: ['āčēģ', 'ž'],
  greek: ['αβγώ', 'Ω'],
  hebrew: ['שלום', 'ת'],
  tis620: ['ไทย', '๛'],
  armscii8: ['Հայ', 'Ֆ'],
  geostd8: ['ქართ', 'ჰ'],
  keybcs2: ['čďž', 'š'],
  macce: ['ąęł', 'ž'],
  macroman: ['éÄß', 'Ω'],
  dec8: ['éÄß', 'ÿ'],
  hp8: ['éÄß', 'ÿ'],
  swe7: ['åäö', 'É'],
  ascii: ['plain', '~ \u007f'],
};

/** `known`: the server's character sets; one VARCHAR of each, and CHAR and TEXT of the common ones. */
export function charsets(known: readonly string[], leftOut: (name: string) => void): Column[] {
  return known.flatMap((cs) => {
    const samples = SAMPLES[cs];
    if (!samples) {
      if (cs !== 'binary') leftOut(cs);
      return [];
    }
    const values = ['', ...samples, 'abc', 'x  y'].map(stored);
    // a CHAR loses its trailing spaces, and gets them back never
    const columns: Column[] = [{ name: `v_${cs}`, type: `VARCHAR(60) CHARACTER SET ${cs}`, kind: TEXT, values: [...values, stored('trail  ')] }];
    if (['utf8mb4', 'latin1', 'utf16', 'utf32', 'gbk', 'sjis', 'ucs2'].includes(cs))
      columns.push(
        { name: `c_${cs}`, type: `CHAR(40) CHARACTER SET ${cs}`, kind: TEXT, values: [...values, { ...stored('trail  '), is: 'trail' }] },
        { name: `t_${cs}`, type: `TEXT CHARACTER SET ${cs}`, kind: TEXT, values, blob: true },
      );
    return columns;
  });
}

const run = (unit: string, n: number): string => unit.repeat(Math.ceil(n / unit.length)).slice(0, n);

/** Around the borders where a length takes one byte more. */
export function lengths(): Column[] {
  const of = (...n: number[]) => n.map((k) => stored(run('abcdefghij', k)));
  const raw = (...n: number[]) => n.map((k) => bytes(Buffer.from(run('\x00\x01\xfe', k), 'latin1')));
  return [
    { name: 'v255', type: 'VARCHAR(255) CHARACTER SET latin1', kind: TEXT, values: of(0, 255, 254) },
    { name: 'v256', type: 'VARCHAR(256) CHARACTER SET latin1', kind: TEXT, values: of(0, 256, 255) },
    { name: 'v63_4', type: 'VARCHAR(63)', kind: TEXT, values: [...of(63), stored('😀'.repeat(63))] },
    { name: 'v64_4', type: 'VARCHAR(64)', kind: TEXT, values: [...of(64), stored('😀'.repeat(64))] },
    { name: 'c255', type: 'CHAR(255) CHARACTER SET latin1', kind: TEXT, values: of(0, 255) },
    { name: 'c255_4', type: 'CHAR(255)', kind: TEXT, values: [...of(255, 0), stored('😀'.repeat(255))] },
    {
      name: 'b8',
      type: 'BINARY(8)',
      kind: BINARY,
      values: ['', '00', '0100', '0000000000000001', 'ff00ff00ff00ff00', '20'].map((h) => padded(Buffer.from(h, 'hex'), 8)),
    },
    { name: 'b255', type: 'BINARY(255)', kind: BINARY, values: [padded(Buffer.from('abc'), 255), padded(Buffer.alloc(255, 0xff), 255)] },
    { name: 'vb', type: 'VARBINARY(300)', kind: BYTES, values: [...raw(0, 255, 256, 300), bytes(Buffer.from('0100', 'hex'))] },
    { name: 'tt', type: 'TINYTEXT', kind: TEXT, values: of(0, 255), blob: true },
    { name: 'tb', type: 'TINYBLOB', kind: BYTES, values: raw(0, 255), blob: true },
    { name: 'bl', type: 'BLOB', kind: BYTES, values: raw(0, 255, 256, 65_535), blob: true },
    { name: 'tx', type: 'TEXT CHARACTER SET latin1', kind: TEXT, values: of(0, 256, 65_535), blob: true },
    { name: 'mb', type: 'MEDIUMBLOB', kind: BYTES, values: raw(0, 65_536), blob: true },
    { name: 'mt', type: 'MEDIUMTEXT', kind: TEXT, values: [...of(65_536), stored('ü'.repeat(40_000))], blob: true },
    { name: 'lb', type: 'LONGBLOB', kind: BYTES, values: raw(0, 70_000), blob: true },
    { name: 'lt', type: 'LONGTEXT', kind: TEXT, values: of(1, 70_000), blob: true },
  ];
}

/** The longest VARCHAR that a row can hold beside a key. */
export function longest(): Column[] {
  return [{ name: 'v', type: 'VARBINARY(65520)', kind: BYTES, values: [0, 65_520, 256, 65_519].map((n) => bytes(Buffer.alloc(n, 0xa7))), nullable: false }];
}

const label = (s: string): string => `CONVERT(${text(s)} USING utf8mb4)`;
const quoteLabel = (s: string): string => `'${s.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

const ofEnum = (all: readonly string[], ...index: number[]): Stored[] =>
  index.map((i) => ({ sql: i === 0 ? "'no such label'" : label(all[i - 1]!), is: `${i} ${i === 0 ? '' : all[i - 1]!}` }));
const ofSet = (all: readonly string[], ...masks: bigint[]): Stored[] =>
  masks.map((m) => ({ sql: String(m), is: `${m} ${all.filter((_, i) => (m >> BigInt(i)) & 1n).join()}` }));
const top = (1n << 64n) - 1n;

/** Labels with commas (ENUM only), quotes and other odd characters; more than 255 of them; the empty string that stands for an invalid value. */
export function labels(): Column[] {
  const odd = ['a,b', "c'd", 'e"f', 'g\\h', 'ü', '漢', '😀', ' lead', '', '0', '1', 'x`y'];
  const many = Array.from({ length: 300 }, (_, i) => `label ${i + 1}`);
  const flags = Array.from({ length: 64 }, (_, i) => `f${i + 1}`);
  const names = ["it's", 'q"q', 'b\\b', 'ü', '漢', ' s'];
  return [
    { name: 'e_odd', type: `ENUM(${odd.map(quoteLabel).join()})`, kind: ENUM, values: ofEnum(odd, ...odd.map((_, i) => i + 1), 0) },
    { name: 'e_many', type: `ENUM(${many.map(quoteLabel).join()})`, kind: ENUM, values: ofEnum(many, 1, 255, 256, 300, 0) },
    { name: 'e_latin1', type: `ENUM('ä','ö') CHARACTER SET latin1`, kind: ENUM, values: ofEnum(['ä', 'ö'], 2, 1) },
    { name: 'e_sjis', type: `ENUM('表','ソ') CHARACTER SET sjis`, kind: ENUM_UNREAD, values: ofEnum(['表', 'ソ'], 1, 2) },
    { name: 's_odd', type: `SET(${names.map(quoteLabel).join()})`, kind: SET, values: ofSet(names, 0n, 1n, 63n, 42n, 21n) },
    { name: 's_64', type: `SET(${flags.map(quoteLabel).join()})`, kind: SET, values: ofSet(flags, 0n, 1n, top, 1n << 63n, 0xa5n << 48n) },
    { name: 's_9', type: `SET(${flags.slice(0, 9).map(quoteLabel).join()})`, kind: SET, values: ofSet(flags, 256n, 511n, 0n, 255n) },
    { name: 's_24', type: `SET(${flags.slice(0, 24).map(quoteLabel).join()})`, kind: SET, values: ofSet(flags, 0xff_ffffn, 1n << 23n) },
    { name: 's_33', type: `SET(${flags.slice(0, 33).map(quoteLabel).join()})`, kind: SET, values: ofSet(flags, 1n << 32n, (1n << 33n) - 1n) },
  ];
}
