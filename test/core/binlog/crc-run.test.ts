/** Checksums of runs of events, against one call for each. */
import * as fc from 'fast-check';
import { CrcRun } from '../../../core/binlog/crc-run.ts';
import { nodeBytes } from '../../../targets/systems/mysql/binlog/bytes.ts';
import { LogBytes } from '../../support/binlog-bytes.ts';

const log = (sizes: readonly number[]) => sizes.reduce((l, n) => l.event(30, Buffer.alloc(n, n)), new LogBytes().format());

function covered(run: CrcRun, bytes: Uint8Array, offsets: readonly number[]): boolean[] {
  run.reset();
  return offsets.map((at, i) => run.covers(bytes, at, (offsets[i + 1] ?? bytes.length) - at, bytes.length));
}

test('right events of any length are right in runs, and with few calls', () => {
  const sizes = Array.from({ length: 900 }, (_, i) => (i * i * 31) % (i % 50 === 0 ? 31_000 : 5000));
  const made = log(sizes);
  const bytes = new Uint8Array(made.bytes());
  let calls = 0;
  const run = new CrcRun({ ...nodeBytes, crc32: (...args) => (calls++, nodeBytes.crc32(...args)) });
  const seen = covered(run, bytes, made.offsets.slice(1));
  // what is left alone is the last events, too few for a run
  expect(seen.filter((right) => !right).length).toBeLessThan(3);
  expect(calls).toBeLessThan(bytes.length / 60_000);
});

test('a run with any wrong bit covers nothing of itself', () => {
  const made = log(Array.from({ length: 40 }, (_, i) => i * 7));
  const bytes = new Uint8Array(made.bytes());
  const offsets = made.offsets.slice(1);
  const run = new CrcRun(nodeBytes);
  fc.assert(
    fc.property(fc.integer({ min: offsets[0]!, max: bytes.length - 1 }), fc.nat(7), (at, bit) => {
      bytes[at]! ^= 1 << bit;
      const hit = offsets.findLastIndex((o) => o <= at);
      expect(covered(run, bytes, offsets)[hit]).toBe(false);
      bytes[at]! ^= 1 << bit;
      expect(covered(run, bytes, offsets)[hit]).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test('any bytes whatever: it ends within them', () => {
  const run = new CrcRun(nodeBytes);
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 23, maxLength: 400 }), (bytes) => {
      run.reset();
      expect(run.covers(bytes, 0, 23, bytes.length)).toBe(false);
    }),
  );
});
