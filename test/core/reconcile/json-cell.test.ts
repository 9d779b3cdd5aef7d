import * as fc from 'fast-check';
import { BinlogDamage } from '../../../core/binlog/finding.ts';
import { mysqlDouble, mysqlJsonText } from '../../../core/reconcile/json-cell.ts';

test.each<[number, string]>([
  [0, '0'],
  [-0, '-0'],
  [0.1, '0.1'],
  [1e15, '1e15'],
  [123456789012345, '123456789012345'],
  [1234567890123456.5, '1234567890123456.5'],
  [1e-14, '0.00000000000001'],
  [1e-16, '1e-16'],
  [-1.5e300, '-1.5e300'],
  [5e-324, '5e-324'],
])('%d as the server prints it', (x, expected) => {
  expect(mysqlDouble(x)).toBe(expected);
});

test('every double reads back to the same bits', () => {
  fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (x) => Object.is(Number(mysqlDouble(x)), x)));
});

test('any bytes give a text or damage, and no text is longer than its bytes allow', () => {
  // small containers of real types, and then anything
  const likely = fc
    .uint8Array({ maxLength: 64 })
    .map((b) => Uint8Array.from([b.length % 2 === 0 ? 0 : 2, ...b.map((x, i) => (i < 8 && i % 2 === 1 ? 0 : x % 48))]));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), likely), (bytes) => {
      try {
        expect(mysqlJsonText(bytes, 0, bytes.length).length).toBeLessThan(100 * (bytes.length + 20));
      } catch (e) {
        if (!(e instanceof BinlogDamage)) throw e;
      }
    }),
    { numRuns: 20_000 },
  );
});
