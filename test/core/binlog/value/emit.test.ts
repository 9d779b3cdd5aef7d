import { deflateRawSync, deflateSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { COLUMN } from '../../../../core/binlog/codes.ts';
import { BinlogDamage } from '../../../../core/binlog/finding.ts';
import type { ColumnMeta } from '../../../../core/binlog/table-map.ts';
import { emitterOf, patchedJson, patchedValue } from '../../../../core/binlog/value/emit.ts';
import { ByteWriter } from '../../../../core/binlog/value/writer.ts';
import { chance } from './chance.ts';
import { bytesOf, columnOf, token, valueOf, written } from './columns.ts';

const C = COLUMN;
const c = columnOf;
const labels = ['a', 'b"', 'ü'];

/** column, bytes as stored, JSON token, text */
const CASES: [string, ColumnMeta, string, string, string][] = [
  ['the least TINYINT', c(C.TINY, 0, { unsigned: false }), '80', '"-128"', '-128'],
  ['the most TINYINT UNSIGNED', c(C.TINY, 0, { unsigned: true }), 'ff', '"255"', '255'],
  ['a TINYINT of unknown sign', c(C.TINY, 0), 'ff', '{"signed":"-1","unsigned":"255"}', '-1'],
  ['a small TINYINT of unknown sign', c(C.TINY, 0), '7f', '"127"', '127'],
  ['the least SMALLINT', c(C.SHORT, 0, { unsigned: false }), '0080', '"-32768"', '-32768'],
  ['the most SMALLINT UNSIGNED', c(C.SHORT, 0, { unsigned: true }), 'ffff', '"65535"', '65535'],
  ['MEDIUMINT -1', c(C.INT24, 0, { unsigned: false }), 'ffffff', '"-1"', '-1'],
  ['the least MEDIUMINT', c(C.INT24, 0, { unsigned: false }), '000080', '"-8388608"', '-8388608'],
  ['the most MEDIUMINT UNSIGNED', c(C.INT24, 0, { unsigned: true }), 'ffffff', '"16777215"', '16777215'],
  ['the least INT', c(C.LONG, 0, { unsigned: false }), '00000080', '"-2147483648"', '-2147483648'],
  ['the most INT UNSIGNED', c(C.LONG, 0, { unsigned: true }), 'ffffffff', '"4294967295"', '4294967295'],
  ['an INT of unknown sign', c(C.LONG, 0), 'feffffff', '{"signed":"-2","unsigned":"4294967294"}', '-2'],
  ['the least BIGINT', c(C.LONGLONG, 0, { unsigned: false }), '0000000000000080', '"-9223372036854775808"', '-9223372036854775808'],
  ['the most BIGINT UNSIGNED', c(C.LONGLONG, 0, { unsigned: true }), 'ffffffffffffffff', '"18446744073709551615"', '18446744073709551615'],
  ['a BIGINT of unknown sign', c(C.LONGLONG, 0), 'ffffffffffffffff', '{"signed":"-1","unsigned":"18446744073709551615"}', '-1'],
  ['DECIMAL(10,2)', c(C.NEWDECIMAL, (10 << 8) | 2), '8000007b2d', '"123.45"', '123.45'],
  ['a negative DECIMAL(10,2)', c(C.NEWDECIMAL, (10 << 8) | 2), '7fffff84d2', '"-123.45"', '-123.45'],
  ['DECIMAL(5,5)', c(C.NEWDECIMAL, (5 << 8) | 5), '800001', '"0.00001"', '0.00001'],
  ['DECIMAL(9,0)', c(C.NEWDECIMAL, 9 << 8), 'bb9ac9ff', '"999999999"', '999999999'],
  ['FLOAT 0.1', c(C.FLOAT, 4), 'cdcccc3d', '"0.1"', '0.1'],
  ['FLOAT -0', c(C.FLOAT, 4), '00000080', '"-0"', '-0'],
  ['the least FLOAT', c(C.FLOAT, 4), '01000000', '"1e-45"', '1e-45'],
  ['the most FLOAT', c(C.FLOAT, 4), 'ffff7f7f', '"3.4028235e+38"', '3.4028235e+38'],
  ['FLOAT NaN', c(C.FLOAT, 4), '0100c07f', '{"bits":"7fc00001"}', 'nan'],
  ['DOUBLE 0.1 + 0.2', c(C.DOUBLE, 8), '343333333333d33f', '"0.30000000000000004"', '0.30000000000000004'],
  ['DOUBLE -inf', c(C.DOUBLE, 8), '000000000000f0ff', '{"bits":"fff0000000000000"}', '-inf'],
  ['YEAR 0', c(C.YEAR, 0), '00', '"0000"', '0000'],
  ['YEAR 2155', c(C.YEAR, 0), 'ff', '"2155"', '2155'],
  ['DATE', c(C.DATE, 0), '22d20f', '"2025-01-02"', '2025-01-02'],
  ['a zero DATE', c(C.DATE, 0), '000000', '"0000-00-00"', '0000-00-00'],
  ['DATETIME(6)', c(C.DATETIME2, 6), '99b584314501d4c0', '"2025-01-02 03:05:05.120000"', '2025-01-02 03:05:05.120000'],
  ['DATETIME(1)', c(C.DATETIME2, 1), '99b584314532', '"2025-01-02 03:05:05.5"', '2025-01-02 03:05:05.5'],
  ['a zero DATETIME', c(C.DATETIME2, 0), '8000000000', '"0000-00-00 00:00:00"', '0000-00-00 00:00:00'],
  ['TIMESTAMP', c(C.TIMESTAMP2, 0), '7fffffff', '"2038-01-19 03:14:07"', '2038-01-19 03:14:07'],
  ['a TIMESTAMP beyond 2038', c(C.TIMESTAMP2, 0), 'ffffffff', '"2106-02-07 06:28:15"', '2106-02-07 06:28:15'],
  ['a zero TIMESTAMP(3)', c(C.TIMESTAMP2, 3), '000000000000', '"0000-00-00 00:00:00.000"', '0000-00-00 00:00:00.000'],
  ['TIMESTAMP(6)', c(C.TIMESTAMP2, 6), '5e5ac8ff0f423f', '"2020-02-29 20:26:39.999999"', '2020-02-29 20:26:39.999999'],
  ['TIME', c(C.TIME2, 0), '7b9105', '"-70:59:59"', '-70:59:59'],
  ['the least TIME(6)', c(C.TIME2, 6), '4b9105000000', '"-838:59:59.000000"', '-838:59:59.000000'],
  ['a small negative TIME(2)', c(C.TIME2, 2), '7fffffce', '"-00:00:00.50"', '-00:00:00.50'],
  ['TIME(4)', c(C.TIME2, 4), '8000010001', '"00:00:01.0001"', '00:00:01.0001'],
  ['an old TIMESTAMP', c(C.TIMESTAMP, 0), '01000000', '"1970-01-01 00:00:01"', '1970-01-01 00:00:01'],
  ['an old DATETIME', c(C.DATETIME, 0), '456023d86a120000', '"2025-01-02 03:04:05"', '2025-01-02 03:04:05'],
  ['an old TIME', c(C.TIME, 0), 'b198ff', '"-02:64:47"', '-02:64:47'],
  ['BIT(64)', c(C.BIT, 64), 'ffffffffffffffff', '"18446744073709551615"', '18446744073709551615'],
  ['BIT(9)', c(C.BIT, 9), '0102', '"258"', '258'],
  ['ENUM', c(C.ENUM, 1, { labels }), '02', '{"index":"2","label":"b\\""}', 'b"'],
  ['the error value of ENUM', c(C.ENUM, 1, { labels }), '00', '{"index":"0","label":""}', ''],
  ['an ENUM without labels', c(C.ENUM, 2), '0a01', '{"index":"266"}', '266'],
  ['an ENUM beyond its labels', c(C.ENUM, 1, { labels }), '09', '{"index":"9"}', '9'],
  ['SET', c(C.SET, 1, { labels }), '05', '{"bits":"5","labels":["a","ü"]}', 'a,ü'],
  ['an empty SET', c(C.SET, 1, { labels }), '00', '{"bits":"0","labels":[]}', ''],
  ['a SET beyond its labels', c(C.SET, 1, { labels }), '0d', '{"bits":"13"}', '13'],
  ['a SET without labels', c(C.SET, 8), 'ffffffffffffffff', '{"bits":"18446744073709551615"}', '18446744073709551615'],
  ['VARCHAR', c(C.VARCHAR, 80, { collation: 255 }), '0961c3bc22e282ac0a5c', '"aü\\"€\\n\\\\"', 'aü"€\n\\'],
  ['a long VARCHAR', c(C.VARCHAR, 256, { collation: 255 }), '030061621f', '"ab\\u001f"', 'ab\x1f'],
  ['bytes that are not UTF-8', c(C.VARCHAR, 80, { collation: 255 }), '02c328', '{"hex":"c328"}', 'c328'],
  ['four bytes in utf8mb3', c(C.VARCHAR, 80, { collation: 33 }), '04f09f9880', '{"hex":"f09f9880"}', 'f09f9880'],
  ['a surrogate in utf8mb4', c(C.VARCHAR, 80, { collation: 45 }), '03eda080', '{"hex":"eda080"}', 'eda080'],
  ['an overlong form', c(C.VARCHAR, 80, { collation: 45 }), '02c080', '{"hex":"c080"}', 'c080'],
  ['not ASCII', c(C.VARCHAR, 80, { collation: 11 }), '02c3bc', '{"hex":"c3bc"}', 'c3bc'],
  ['latin1 with a C1 control', c(C.VARCHAR, 80, { collation: 8 }), '048081fc22', '"€\x81ü\\""', '€\x81ü"'],
  ['utf16', c(C.VARCHAR, 80, { collation: 54 }), '0620acd83dde00', '"€😀"', '€😀'],
  ['half a pair in utf16', c(C.VARCHAR, 80, { collation: 54 }), '02d83d', '{"charset":"utf16","hex":"d83d"}', 'd83d'],
  ['a surrogate in ucs2', c(C.VARCHAR, 80, { collation: 35 }), '04d83dde00', '{"charset":"ucs2","hex":"d83dde00"}', 'd83dde00'],
  ['utf16le', c(C.VARCHAR, 80, { collation: 56 }), '02ac20', '"€"', '€'],
  ['utf32', c(C.VARCHAR, 80, { collation: 60 }), '080001f60000000022', '"😀\\""', '😀"'],
  ['beyond utf32', c(C.VARCHAR, 80, { collation: 60 }), '0400110000', '{"charset":"utf32","hex":"00110000"}', '00110000'],
  ['sjis as the server has it', c(C.VARCHAR, 80, { collation: 13 }), '0793fa8160b15c7e', '"日〜ｱ\\\\~"', '日〜ｱ\\~'],
  ['half a pair in gbk', c(C.VARCHAR, 80, { collation: 28 }), '0181', '{"charset":"gbk","hex":"81"}', '81'],
  ['gb18030', c(C.VARCHAR, 80, { collation: 248 }), '0ac4e38130813090308130', '"你\x80𐀀"', '你\x80𐀀'],
  ['ujis with three bytes', c(C.VARCHAR, 80, { collation: 12 }), '058fb0a1b0a1', '"丂亜"', '丂亜'],
  ['Unified Hangul', c(C.VARCHAR, 80, { collation: 19 }), '048141b0a1', '"갂가"', '갂가'],
  ['an unnamed character set', c(C.VARCHAR, 80), '0161', '{"hex":"61","utf8":"a"}', 'a'],
  ['an unnamed character set, not UTF-8', c(C.VARCHAR, 80), '01fc', '{"hex":"fc"}', 'fc'],
  ['an unknown collation', c(C.VARCHAR, 80, { collation: 9999 }), '0161', '{"hex":"61","utf8":"a"}', 'a'],
  ['CHAR', c(C.STRING, 80, { collation: 255 }), '0161', '"a"', 'a'],
  ['BINARY(4)', c(C.STRING, 4, { collation: 63 }), '026162', '"61620000"', '61620000'],
  ['VARBINARY', c(C.VARCHAR, 4, { collation: 63 }), '0200ff', '"00ff"', '00ff'],
  ['TEXT', c(C.BLOB, 2, { collation: 255 }), '010061', '"a"', 'a'],
  ['BLOB', c(C.BLOB, 3, { collation: 63 }), '010000ff', '"ff"', 'ff'],
  ['GEOMETRY', c(C.GEOMETRY, 4), '05000000e610000001', '{"srid":"4326","wkb":"01"}', 'SRID=4326;01'],
  ['an empty GEOMETRY', c(C.GEOMETRY, 4), '00000000', '{"hex":""}', ''],
  ['VECTOR', c(C.VECTOR, 4), '080000000000c03fcdcccc3d', '{"vector":["1.5","0.1"]}', '[1.5,0.1]'],
  ['a VECTOR with a NaN', c(C.VECTOR, 4), '040000000000c07f', '{"hex":"0000c07f"}', '0000c07f'],
  ['a VECTOR of odd length', c(C.VECTOR, 4), '01000000aa', '{"hex":"aa"}', 'aa'],
];

describe('a value in its two forms', () => {
  test.each(CASES)('%s', (_name, column, hex, json, text) => {
    expect(token(column, hex)).toBe(json);
    expect(valueOf(column, hex).text).toBe(text);
    const out = new ByteWriter(1);
    emitterOf(column, 'mysql', () => new Uint8Array(0)).text(out, bytesOf(hex), 0);
    expect(written(out)).toBe(text);
  });

  test('what an object says besides', () => {
    expect(valueOf(c(C.LONG, 0), 'ffffffff')).toEqual({ text: '-1', unsigned: '4294967295', type: 'a type', exact: true });
    expect(valueOf(c(C.LONGLONG, 0), 'ffffffffffffffff')).toEqual({ text: '-1', unsigned: '18446744073709551615', type: 'a type', exact: true });
    expect(valueOf(c(C.LONG, 0, { unsigned: true }), 'ffffffff')).toEqual({ text: '4294967295', type: 'a type', exact: true });
    expect(valueOf(c(C.VARCHAR, 80, { collation: 255 }), '01ff').exact).toBe(false);
    expect(valueOf(c(C.VARCHAR, 80, { collation: 28 }), '0181').exact).toBe(false);
  });
});

const IMPOSSIBLE: [string, ColumnMeta, string][] = [
  ['a DECIMAL group of more than its digits', c(C.NEWDECIMAL, 9 << 8), 'bb9aca00'],
  ['a DECIMAL of 66 digits', c(C.NEWDECIMAL, 66 << 8), '80'.repeat(40)],
  ['a DATETIME before its sign', c(C.DATETIME2, 0), '0000000000'],
  ['a fraction of more than six digits', c(C.DATETIME2, 6), '99b58431450f4240'],
  ['a fraction of more digits than declared', c(C.TIME2, 1), '80000133'],
  ['a fraction of seven digits', c(C.TIME2, 7), '800001000000'],
  ['BIT(65)', c(C.BIT, 65), '00'.repeat(9)],
  ['a type that has no values', c(C.NULL, 0), '00'],
];
test.each(IMPOSSIBLE)('%s is damage', (_name, column, hex) => {
  expect(() => token(column, hex)).toThrow(BinlogDamage);
  expect(() => valueOf(column, hex)).toThrow(BinlogDamage);
});

const stored = (body: string): string => (body.length / 2).toString(16).padStart(2, '0') + body;

test('MariaDB: collations of its own, and compressed columns', () => {
  const text = 'compressed '.repeat(20);
  const head = (raw: number) => (0x81 + raw).toString(16) + text.length.toString(16);
  const column = c(C.MARIA_VARCHAR_COMPRESSED, 255, { collation: 2304 });
  expect(token(column, stored(head(0) + deflateSync(text).toString('hex')), 'mariadb')).toBe(JSON.stringify(text));
  expect(token(column, stored(head(8) + deflateRawSync(text).toString('hex')), 'mariadb')).toBe(JSON.stringify(text));
  expect(token(column, stored('006162'), 'mariadb')).toBe('"ab"');
  expect(token(column, '00', 'mariadb')).toBe('""');
  expect(() => token(column, stored(`8105${deflateSync(text).toString('hex')}`), 'mariadb')).toThrow(BinlogDamage);
  expect(() => token(column, stored('8105aabb'), 'mariadb')).toThrow(BinlogDamage);
  expect(() => token(column, stored('9105aabb'), 'mariadb')).toThrow(BinlogDamage);
  expect(token(c(C.VARCHAR, 9, { collation: 1024 + 8 }), '0180', 'mariadb')).toBe('"€"');
  expect(token(c(C.VARCHAR, 9, { collation: 576 }), '0161', 'mariadb')).toBe('"a"');
});

test('a patched document, and one that cannot be told', () => {
  const column = c(C.JSON, 4);
  const out = new ByteWriter(1);
  patchedJson(out, column, { doc: bytesOf('0c0161') });
  expect(written(out)).toBe('"\\"a\\""');
  expect(patchedValue(column, { doc: bytesOf('0c0161') })).toEqual({ text: '"a"', type: 'a type', exact: true });
  out.pos = 0;
  patchedJson(out, column, { underivable: 'its "base" is not there' });
  expect(JSON.parse(written(out))).toEqual({ underivable: 'its "base" is not there' });
  expect(patchedValue(column, { underivable: 'why' })).toEqual({ text: '', type: 'a type', exact: false, underivable: 'why' });
});

test('any bytes give a value or are damage, and nothing is read behind them', () => {
  const random = chance(Number(process.env['SEED'] ?? 7));
  const columns = CASES.map(([, column]) => column).concat(c(C.JSON, 1), c(C.JSON, 4));
  for (let i = 0; i < 10_000; i++) {
    const column = random.pick(columns);
    const body = Uint8Array.from({ length: 40 }, () => random.pick([0, 1, 2, 4, 7, 12, 15, 127, 128, 255, random.below(256)]));
    // a length that is true, as the row cursor has seen to
    const prefix = lengthBytes(column);
    body.fill(0, 0, prefix);
    if (prefix > 0) body[0] = random.below(40 - prefix + 1);
    const out = new ByteWriter(1);
    try {
      emitterOf(column, 'mysql', () => new Uint8Array(0)).json(out, body, 0);
    } catch (e) {
      if (e instanceof BinlogDamage) continue;
      throw new Error(`${column.type} ${column.meta}: ${Buffer.from(body).toString('hex')}`, { cause: e });
    }
    const json = written(out);
    if (/NaN|undefined|Infinity/.test(json)) throw new Error(json);
    JSON.parse(json);
  }
});

function lengthBytes({ type, meta }: ColumnMeta): number {
  if (type === C.VARCHAR || type === C.STRING) return meta < 256 ? 1 : 2;
  return type === C.BLOB || type === C.JSON || type === C.GEOMETRY || type === C.VECTOR ? meta : 0;
}
