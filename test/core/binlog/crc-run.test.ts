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

/** The packets of a stream: each event behind the head of its packet. */
function packets(sizes: readonly number[]): { bytes: Uint8Array; offsets: number[]; ends: number[] } {
  const made = log(sizes);
  const file = made.bytes();
  const parts: Buffer[] = [];
  const offsets: number[] = [];
  const ends: number[] = [];
  let at = 0;
  for (const [i, from] of made.offsets.slice(1).entries()) {
    const event = file.subarray(from, made.offsets[i + 2] ?? file.length);
    const head = Buffer.from([0, 0, 0, i & 255, 0]);
    head.writeUIntLE(event.length + 1, 0, 3);
    parts.push(head, event);
    offsets.push(at + 5);
    at += 5 + event.length;
    ends.push(at);
  }
  return { bytes: new Uint8Array(Buffer.concat(parts)), offsets, ends };
}

test('packets of a stream are runs too, up to the first bytes that are none', () => {
  const { bytes, offsets, ends } = packets(Array.from({ length: 300 }, (_, i) => (i * i * 31) % 5000));
  let calls = 0;
  const run = new CrcRun({ ...nodeBytes, crc32: (...args) => (calls++, nodeBytes.crc32(...args)) });
  const seen = () => {
    run.reset();
    return offsets.map((at, i) => run.covers(bytes, at, ends[i]! - at, bytes.length, true));
  };
  expect(seen().filter((right) => !right).length).toBeLessThan(3);
  expect(calls).toBeLessThan(bytes.length / 60_000);
  fc.assert(
    fc.property(fc.integer({ min: 5, max: bytes.length - 1 }), fc.nat(7), (at, bit) => {
      bytes[at]! ^= 1 << bit;
      const hit = ends.findIndex((end) => at < end);
      // a packet's head is not what the checksum is of
      if (at >= offsets[hit]!) expect(seen()[hit]).toBe(false);
      bytes[at]! ^= 1 << bit;
    }),
    { numRuns: 300 },
  );
  bytes[offsets[150]! - 1] = 0xfe;
  expect(seen()[149]).toBe(true);
});
