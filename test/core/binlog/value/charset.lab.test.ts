/** Every character set against a real server: what is decoded is what the server makes of the same bytes, and no other bytes give the same text. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Connection } from 'mysql2/promise';
import { decoderOf } from '../../../../core/binlog/value/body.ts';
import { charsetOf } from '../../../../core/binlog/value/charset.ts';
import { ByteWriter } from '../../../../core/binlog/value/writer.ts';
import { startServers } from '../../../support/mysqld.ts';
import type { TestServers } from '../../../support/mysqld.ts';
import { chance } from './chance.ts';
import { bytesOf, written } from './columns.ts';

let servers: TestServers;
let connection: Connection;
beforeAll(async () => {
  servers = await startServers(['v'], []);
  connection = await servers.nodes[0]!.connect();
  await connection.query('SET SESSION max_error_count = 0');
}, 120_000);
afterAll(async () => {
  connection?.destroy();
  await servers?.stop();
});

/** The text of each sequence, null where the server has none or puts a question mark for it. */
async function asked(charset: string, sequences: readonly string[]): Promise<(string | null)[]> {
  const texts: (string | null)[] = [];
  for (let i = 0; i < sequences.length; i += 256) {
    const part = sequences.slice(i, i + 256);
    const columns = part.map((hex) => `HEX(CONVERT(CONVERT(X'${hex}' USING ${charset}) USING utf8mb4))`);
    const [rows] = await connection.query({ sql: `SELECT ${columns.join()}`, rowsAsArray: true });
    for (const [k, hex] of (rows as (string | null)[][])[0]!.entries()) {
      const text = hex === null ? null : Buffer.from(hex, 'hex').toString();
      texts.push(text === '?' && !asQuestion(part[k]!) ? null : text);
    }
  }
  return texts;
}
const asQuestion = (hex: string): boolean => hex.replaceAll('00', '') === '3f';

const hex2 = (n: number): string => n.toString(16).padStart(2, '0');
const SINGLE = Array.from({ length: 256 }, (_, i) => hex2(i));
/** One of so many sequences of two and three bytes is asked for here; charset.full.test.ts asks for all. */
const PART = Number(process.env['CHARSET_PART'] ?? 3);
const some = (all: string[]): string[] => {
  const c = chance(7);
  return PART === 1 ? all : all.filter(() => c.below(PART) === 0);
};
const pairs = (): string[] => some(SINGLE.slice(0x81).flatMap((a) => SINGLE.slice(0x30).map((b) => a + b)));
const sample = (n: number, make: (below: (n: number) => number) => string): string[] => {
  const c = chance(5);
  return Array.from({ length: n }, () => make((below) => c.below(below)));
};

/** character set, how many of its sequences must be decoded at least */
const SETS: [string, number][] = [
  ...(['armscii8', 'cp1250', 'cp1251', 'cp1256', 'cp1257', 'cp850', 'cp852', 'cp866', 'dec8', 'geostd8', 'greek', 'hebrew', 'hp8'] as const).map(
    (name): [string, number] => [name, 210],
  ),
  ...(['keybcs2', 'koi8r', 'koi8u', 'latin1', 'latin2', 'latin5', 'latin7', 'macce', 'macroman', 'tis620'] as const).map((name): [string, number] => [
    name,
    240,
  ]),
  ['ascii', 128],
  ['swe7', 127],
  ['big5', 13_500],
  ['cp932', 7_500],
  ['sjis', 7_000],
  ['ujis', 13_000],
  ['eucjpms', 13_000],
  ['euckr', 17_000],
  ['gb2312', 7_500],
  ['gbk', 21_900],
  ['gb18030', 23_000],
  ['ucs2', 1_500],
  ['utf16', 1_500],
  ['utf16le', 1_500],
  ['utf32', 1_500],
  ['utf8mb3', 1_000],
  ['utf8mb4', 1_000],
];

function sequences(charset: string): string[] {
  if (/^(ucs2|utf)/.test(charset))
    return [
      ...sample(2_000, (below) => hex2(below(256)) + hex2(below(256))),
      ...sample(2_000, (below) => `00${hex2(below(18))}${hex2(below(256))}${hex2(below(256))}`),
      ...sample(2_000, (below) => `d8${hex2(below(256))}d${(12 + below(4)).toString(16)}${hex2(below(256))}`),
      ...sample(2_000, (below) => `e${below(16).toString(16)}${hex2(128 + below(70))}${hex2(128 + below(70))}`),
      ...sample(2_000, (below) => `f${below(6)}${hex2(128 + below(70))}${hex2(128 + below(64))}${hex2(128 + below(64))}`),
      ...sample(500, (below) => hex2(below(256))),
    ];
  if (charset === 'ujis' || charset === 'eucjpms')
    return [...SINGLE, ...pairs(), ...some(SINGLE.slice(0xa1, 0xff).flatMap((a) => SINGLE.slice(0xa1, 0xff).map((b) => `8f${a}${b}`)))];
  if (charset === 'gb18030')
    return [
      ...SINGLE,
      ...pairs(),
      ...sample(4_000, (below) => hex2(0x81 + below(126)) + hex2(0x30 + below(10)) + hex2(0x81 + below(126)) + hex2(0x30 + below(10))),
    ];
  return SETS.findIndex(([name]) => name === charset) < 25 ? SINGLE : [...SINGLE, ...pairs()];
}

describe(`characters, 1 in ${PART} of the longer sequences (charset.full.test.ts has all)`, () => {
  test.each(SETS)(
    '%s',
    async (charset, least) => {
      const all = [...new Set(sequences(charset))];
      const server = await asked(charset, all);
      const decode = decoderOf(charset)!;
      const out = new ByteWriter();
      const bytesOfText = new Map<string, string>();
      let decoded = 0;
      for (const [i, hex] of all.entries()) {
        const bytes = bytesOf(hex);
        out.pos = 0;
        if (!decode(out, bytes, 0, bytes.length, false)) continue;
        const text = written(out);
        // two bytes that are two characters are tested as such
        if (!/^(utf|ucs2)/.test(charset) && Array.from(text).length > 1) continue;
        if (text !== server[i]) throw new Error(`${hex} is ${JSON.stringify(server[i])}, not ${JSON.stringify(text)}`);
        const other = bytesOfText.get(text);
        if (other !== undefined) throw new Error(`${hex} and ${other} are both ${JSON.stringify(text)}`);
        bytesOfText.set(text, hex);
        decoded++;
        out.pos = 0;
        decode(out, bytes, 0, bytes.length, true);
        expect(JSON.parse(`"${written(out)}"`)).toBe(text);
      }
      expect(decoded).toBeGreaterThanOrEqual(least > 5_000 ? (least / PART) * 0.9 : least);
    },
    60_000,
  );
});

test('every collation of the server has its character set', async () => {
  const [rows] = await connection.query('SELECT CAST(ID AS DOUBLE) AS id, CHARACTER_SET_NAME AS charset FROM information_schema.COLLATIONS');
  const wrong = (rows as { id: number; charset: string }[]).filter(({ id, charset }) => charsetOf(id, 'mysql') !== charset);
  expect(wrong).toEqual([]);
  expect((rows as unknown[]).length).toBeGreaterThan(280);
});
