import { expect, test } from '@jest/globals';
import { BinlogDamage } from '../../../../core/binlog/finding.ts';
import { applyJsonDiffs } from '../../../../core/binlog/value/json-diff.ts';
import { writeJsonText, writeJsonToken } from '../../../../core/binlog/value/json-text.ts';
import { ByteWriter } from '../../../../core/binlog/value/writer.ts';
import { chance } from './chance.ts';
import { bytesOf, written } from './columns.ts';

function text(doc: Uint8Array): string {
  const plain = new ByteWriter(1);
  writeJsonText(plain, doc, 0, doc.length);
  const nested = new ByteWriter(1);
  writeJsonToken(nested, doc, 0, doc.length);
  expect(JSON.parse(written(nested))).toBe(written(plain));
  return written(plain);
}

const opaque = (type: number, hex: string): string => `0f${type.toString(16).padStart(2, '0')}${(hex.length / 2).toString(16).padStart(2, '0')}${hex}`;
/** a member whose name begins with $, in an object of its own */
const dollar = '00 0100 0d00 0b00 0200 05 0100 2461';

test.each([
  ['nothing', '', 'null'],
  ['null', '0400', 'null'],
  ['true', '0401', 'true'],
  ['false', '0402', 'false'],
  ['int16', '05feff', '-2'],
  ['uint16', '06feff', '65534'],
  ['int32', '0700000080', '-2147483648'],
  ['uint32', '08ffffffff', '4294967295'],
  ['int64', '090000000000000080', '-9223372036854775808'],
  ['uint64', '0affffffffffffffff', '18446744073709551615'],
  ['an integer beyond 2^53', '090100000000002000', '9007199254740993'],
  ['double 1', '0b000000000000f03f', '1.0'],
  ['double -0', '0b0000000000000080', '-0.0'],
  ['double 1e300', '0b9c7500883ce4377e', '1e+300'],
  ['an infinite double', '0b000000000000f07f', '{"$double":"7ff0000000000000"}'],
  ['a string', '0c0561220ac3bc', '"a\\"\\nü"'],
  ['an empty object', '0000000400', '{}'],
  ['an empty array', '0200000400', '[]'],
  ['an object', '00 0100 0c00 0b00 0100 05 0100 61', '{"a":1}'],
  ['an array', '02 0200 0a00 04 0100 05 ffff', '[true,-1]'],
  ['a large array', '03 02000000 12000000 04 00000000 07 ffffffff', '[null,-1]'],
  ['a decimal', opaque(246, '0a028000007b2d'), '{"$decimal":"123.45"}'],
  ['a date', opaque(10, '000000000084b519'), '{"$date":"2025-01-02"}'],
  ['a datetime', opaque(12, 'c0d401453184b519'), '{"$datetime":"2025-01-02 03:05:05.120000"}'],
  ['a timestamp', opaque(7, 'c0d401453184b519'), '{"$timestamp":"2025-01-02 03:05:05.120000"}'],
  ['a negative time', opaque(11, 'e05ef83275ffffff'), '{"$time":"-08:43:13.500000"}'],
  ['opaque bytes', opaque(15, '616263'), '{"$opaque":"15:616263"}'],
  ['a name that begins with $', dollar, '{"$object":{"$a":1}}'],
])('%s', (_name, hex, expected) => {
  expect(text(bytesOf(hex))).toBe(expected);
});

test.each([
  ['an unknown type', '1000'],
  ['an unknown literal', '0403'],
  ['half a number', '0501'],
  ['a string longer than itself', '0c0561'],
  ['a length without an end', '0cffffffffff'],
  ['a string that is not UTF-8', '0c01ff'],
  ['a container longer than itself', '0200000500'],
  ['more entries than bytes', '02ffff0800 00000000'],
  ['a key beyond its end', '00 0100 0c00 0b00 0900 05 0100 61'],
  ['a value beyond its end', '02 0100 0700 0c ff00'],
  ['an array in itself', '02 0100 0700 02 0000'],
])('%s is damage', (_name, hex) => {
  expect(() => text(bytesOf(hex))).toThrow(BinlogDamage);
  expect(() => applyJsonDiffs(bytesOf(hex), bytesOf('02 03 245b305d'), 0, 5)).toThrow(BinlogDamage);
});

/** Each level is an array whose two elements are the level below: twice the text, for seven bytes more. */
test('offsets that overlap do not multiply the text', () => {
  const levels = 20;
  const size = levels * 10 + 4;
  const doc = new Uint8Array(1 + size);
  const view = new DataView(doc.buffer);
  doc[0] = 2;
  for (let i = 0; i < levels; i++) {
    const at = 1 + i * 10;
    view.setUint16(at, 2, true);
    view.setUint16(at + 2, size - i * 10, true);
    for (const entry of [at + 4, at + 7]) {
      doc[entry] = 2;
      view.setUint16(entry + 1, 10, true);
    }
  }
  view.setUint16(1 + levels * 10 + 2, 4, true);
  expect(() => text(doc)).toThrow('more than once');
  expect(() => applyJsonDiffs(doc, new Uint8Array(0), 0, 0)).toThrow('more than once');
});

function nested(depth: number): Uint8Array {
  const doc = new Uint8Array(1 + depth * 7 + 4);
  const view = new DataView(doc.buffer);
  doc[0] = 2;
  for (let i = 0; i < depth; i++) {
    view.setUint16(1 + i * 7, 1, true);
    view.setUint16(3 + i * 7, doc.length - 1 - i * 7, true);
    doc[5 + i * 7] = 2;
    view.setUint16(6 + i * 7, 7, true);
  }
  view.setUint16(3 + depth * 7, 4, true);
  return doc;
}

test('no document deeper than the server allows', () => {
  expect(text(nested(99))).toBe('['.repeat(100) + ']'.repeat(100));
  expect(() => text(nested(100))).toThrow('deeper');
});

test('any bytes are a text or damage, as documents and as diffs', () => {
  const c = chance(Number(process.env['SEED'] ?? 11));
  const base = bytesOf('00 0200 1f00 1200 0100 1300 0200 02 1500 05 0100 61 6262 0200 0a00 04 0000');
  for (let i = 0; i < 20_000; i++) {
    const doc = i % 2 === 0 ? base.slice() : Uint8Array.from({ length: c.below(40) }, () => c.pick([0, 1, 2, 3, 4, 5, 12, 15, 246, c.below(256)]));
    for (let k = c.below(4); k >= 0 && doc.length > 0; k--) doc[c.below(doc.length)] = c.pick([0, 1, 2, 4, 7, 12, 15, 128, 255]);
    const diffs = Uint8Array.from({ length: c.below(20) }, () => c.pick([0, 1, 2, 3, 4, 36, 46, 91, 48, 93, 97, 34, 251, 252, 254]));
    for (const call of [() => text(doc), () => applyJsonDiffs(doc, diffs, 0, diffs.length)])
      try {
        call();
      } catch (e) {
        if (!(e instanceof BinlogDamage)) throw new Error(Buffer.from(doc).toString('hex'), { cause: e });
      }
  }
});
