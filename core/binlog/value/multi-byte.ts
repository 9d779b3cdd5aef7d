/**
 * The multi-byte character sets of East Asia: which bytes are which character. The tables are those of TextDecoder, where a server agrees: what it has
 * otherwise, or does not have, is listed here (MySQL 9.7.4, CONVERT(_cs X'..' USING utf8mb4) of every pair; test/core/binlog/value/charset.lab.test.ts
 * asks a server again). Private-use characters, and bytes whose character other bytes have already, are no characters: the text would not give the bytes back.
 * A table that does not come out as it was compared (another ICU) is not used at all.
 */
import { NO_CHARACTER } from './charset.ts';
import { writeCodePoint } from './string.ts';
import type { ByteWriter } from './writer.ts';

interface Definition {
  /** of TextDecoder */
  label: string;
  /** first and last of the bytes that begin a pair */
  leads: string;
  trails: string;
  /** pairs that the server has no character for, or another one */
  without?: string;
  /** pair:character, in both decoders different */
  instead?: string;
  /** first and last byte that stands for itself */
  single?: string;
  /** EUC-JP: the same as `without` behind 0x8f */
  tripleWithout?: string;
  /** of the finished tables */
  digest: number;
}

const NEC_AND_IBM = '8740-879c ed40-effc fa40-fc4b';
const EUC_IBM = 'f9a1-fcfe';
const DEFINITIONS: Readonly<Record<string, Definition>> = {
  big5: {
    label: 'big5',
    leads: 'a1-f9',
    trails: '40-fe',
    without: 'a15a a1c3 a1c5 a1fe a240 a2cc a2ce a3e1 f9dd-f9fe',
    instead: 'a145:2022 a14e:ff64 a1c2:203e a1e3:223c a1f2:2641 a1f3:2609 a241:ff0f a242:ff3c a244:a5 a246:a2 a247:a3',
    digest: 0x1f221233,
  },
  sjis: {
    label: 'shift_jis',
    leads: '81-9f e0-fc',
    trails: '40-fc',
    without: `815f ${NEC_AND_IBM}`,
    instead: '8160:301c 8161:2016 817c:2212 8191:a2 8192:a3 81ca:ac',
    single: 'a1-df',
    digest: 0x04daea53,
  },
  // of the characters that it has twice, those that the server writes
  cp932: { label: 'shift_jis', leads: '81-9f e0-fc', trails: '40-fc', without: 'ed40-effc', single: 'a1-df', digest: 0x9f0513cc },
  ujis: {
    label: 'euc-jp',
    leads: '8e a1-fe',
    trails: 'a1-fe',
    without: `8ee0-8efe a1c0 ada1-adfc ${EUC_IBM}`,
    instead: 'a1c1:301c a1c2:2016 a1dd:2212 a1f1:a2 a1f2:a3 a2cc:ac',
    tripleWithout: 'a2b7 f3a1-f4fe',
    digest: 0xb9afed82,
  },
  eucjpms: { label: 'euc-jp', leads: '8e a1-fe', trails: 'a1-fe', without: `8ee0-8efe ${EUC_IBM}`, tripleWithout: 'a2c3 f3a1-f3aa', digest: 0xa4d30ce6 },
  euckr: { label: 'euc-kr', leads: '81-fe', trails: '41-fe', digest: 0x2f66e990 },
  gb2312: {
    label: 'gb2312',
    leads: 'a1-f7',
    trails: 'a1-fe',
    without: 'a2a1-a2aa a2e3 a6d9-a6fe a8bb-a8c0',
    instead: 'a1a4:30fb a1aa:2015',
    digest: 0x8fa9ee70,
  },
  gbk: { label: 'gbk', leads: '81-fe', trails: '40-fe', without: 'a2e3 a3a0 a6d9-a6df a6ec-a6ed a6f3 a8bc a8bf a989-a995 fe50-fea0', digest: 0xcd27d2e4 },
  gb18030: {
    label: 'gb18030',
    leads: '81-fe',
    trails: '40-fe',
    without: 'a3a0 a6d9-a6df a6ec-a6ed a6f3 fe59 fe61 fe66-fe67 fe6d fe7e fe90 fea0',
    digest: 0x5494760f,
  },
};

const ALONE = 0;
const PAIR = 1;
const NONE = 2;

export interface MultiByte {
  /** by byte: ALONE, PAIR (it begins one), NONE */
  kinds: Uint8Array;
  /** by byte, or by first byte * 256 + second */
  pairs: Uint16Array;
  /** EUC-JP: behind 0x8f, by second byte * 256 + third */
  triples: Uint16Array | null;
  /** GB18030: from 81308130 on */
  quads: Uint16Array | null;
}

/** GB18030 in four bytes, second and fourth 30 to 39, the others 81 to fe, counted up: so many for the BMP, and from 189,000 on U+10000 and further. */
const QUADS = 39_420;
const QUADS_ASTRAL = 189_000;

const known = new Map<string, MultiByte | null>();

/** Null: a character set of another kind, or one whose tables are not those that were compared with a server. */
export function multiByte(charset: string): MultiByte | null {
  let tables = known.get(charset);
  if (tables === undefined) {
    const definition = DEFINITIONS[charset];
    tables = definition ? build(definition, charset) : null;
    known.set(charset, tables);
  }
  return tables;
}

/** '81-9f e0' as pairs of first and last. */
function ranges(text: string | undefined): [number, number][] {
  return (text ?? '')
    .split(' ')
    .filter((part) => part !== '')
    .map((part) => {
      const [first, last] = part.split('-').map((n) => parseInt(n, 16));
      return [first!, last ?? first!];
    });
}
function each(text: string | undefined, of: (n: number) => void): void {
  for (const [first, last] of ranges(text)) for (let n = first; n <= last; n++) of(n);
}

/** Tables of one decoder in which no character has two places. */
class Builder {
  private readonly decoder: InstanceType<typeof TextDecoder>;
  private readonly seen = new Set<number>();
  digest = 0x811c9dc5;
  constructor(label: string) {
    this.decoder = new TextDecoder(label);
  }
  decode(...bytes: number[]): number {
    const text = this.decoder.decode(Uint8Array.from(bytes));
    const cp = text.codePointAt(0) ?? NO_CHARACTER;
    const none = text.length !== 1 || cp === 0xfffd || (cp >= 0xe000 && cp < 0xf900);
    return none ? NO_CHARACTER : cp;
  }
  /** In the order of the tables. */
  set(table: Uint16Array, at: number, cp: number): void {
    const taken = cp === NO_CHARACTER || this.seen.has(cp);
    this.seen.add(cp);
    table[at] = taken ? NO_CHARACTER : cp;
    this.digest = Math.imul(this.digest ^ table[at], 0x0100_0193) >>> 0;
  }
}

function build(d: Definition, charset: string): MultiByte | null {
  const b = new Builder(d.label);
  const pairs = new Uint16Array(65_536).fill(NO_CHARACTER);
  const kinds = new Uint8Array(256).fill(NONE, 128);
  for (let i = 0; i < 128; i++) b.set(pairs, i, i);
  each(d.single, (i) => {
    kinds[i] = ALONE;
    b.set(pairs, i, b.decode(i));
  });
  const without = new Set<number>();
  each(d.without, (pair) => without.add(pair));
  const instead = new Map(d.instead?.split(' ').map((p) => p.split(':').map((n) => parseInt(n, 16)) as [number, number]));
  each(d.leads, (lead) => {
    kinds[lead] = PAIR;
    each(d.trails, (trail) => {
      const pair = lead * 256 + trail;
      b.set(pairs, pair, without.has(pair) ? NO_CHARACTER : (instead.get(pair) ?? b.decode(lead, trail)));
    });
  });
  if (charset === 'euckr') extendKorean(b, pairs);
  const triples = d.label === 'euc-jp' ? new Uint16Array(65_536).fill(NO_CHARACTER) : null;
  const withoutTriples = new Set<number>();
  each(d.tripleWithout, (pair) => withoutTriples.add(pair));
  if (triples) each('a1-fe', (x) => each('a1-fe', (y) => b.set(triples, x * 256 + y, withoutTriples.has(x * 256 + y) ? NO_CHARACTER : b.decode(0x8f, x, y))));
  const quads = charset === 'gb18030' ? new Uint16Array(QUADS) : null;
  for (let i = 0; i < (quads?.length ?? 0); i++)
    b.set(quads!, i, b.decode(0x81 + Math.floor(i / 12_600), 0x30 + (Math.floor(i / 1260) % 10), 0x81 + (Math.floor(i / 10) % 126), 0x30 + (i % 10)));
  return b.digest === d.digest ? { kinds, pairs, triples, quads } : null;
}

/** Unified Hangul: the syllables that KS X 1001 (from a1a1 on) has not, in the order of Unicode, over the pairs that it leaves free. */
function extendKorean(b: Builder, pairs: Uint16Array): void {
  const base = new Set(pairs);
  let syllable = 0xac00;
  for (let lead = 0x81; lead <= 0xc6; lead++)
    each(lead < 0xa1 ? '41-5a 61-7a 81-fe' : '41-5a 61-7a 81-a0', (trail) => {
      while (base.has(syllable)) syllable++;
      if (syllable <= 0xd7a3) b.set(pairs, lead * 256 + trail, syllable++);
    });
}

/** Where the last character that was read ended. */
let next = 0;

/** The character at pos, before end; NO_CHARACTER where there is none. */
function characterAt(t: MultiByte, buf: Uint8Array, pos: number, end: number): number {
  const first = buf[pos]!;
  next = pos + 1;
  if (t.kinds[first] === ALONE) return t.pairs[first]!;
  if (first === EUC_TRIPLE && t.triples) {
    next = pos + 3;
    return next > end ? NO_CHARACTER : t.triples[buf[pos + 1]! * 256 + buf[pos + 2]!]!;
  }
  next = pos + 2;
  if (t.kinds[first] !== PAIR || next > end) return NO_CHARACTER;
  const second = buf[pos + 1]!;
  if (!t.quads || second < 0x30 || second > 0x39) return t.pairs[first * 256 + second]!;
  next = pos + 4;
  if (next > end) return NO_CHARACTER;
  const third = buf[pos + 2]! - 0x81;
  const fourth = buf[pos + 3]! - 0x30;
  if (third < 0 || third > 125 || fourth < 0 || fourth > 9) return NO_CHARACTER;
  const n = (((first - 0x81) * 10 + second - 0x30) * 126 + third) * 10 + fourth;
  if (n < QUADS) return t.quads[n]!;
  return n >= QUADS_ASTRAL && n < QUADS_ASTRAL + 0x10_0000 ? 0x1_0000 + n - QUADS_ASTRAL : NO_CHARACTER;
}
const EUC_TRIPLE = 0x8f;

/** As the functions of string.ts. */
export function writeMultiByte(out: ByteWriter, buf: Uint8Array, start: number, end: number, tables: MultiByte, json: boolean): boolean {
  for (let i = start; i < end; i = next) {
    const cp = characterAt(tables, buf, i, end);
    if (cp === NO_CHARACTER) return false;
    writeCodePoint(out, cp, json);
  }
  return true;
}
