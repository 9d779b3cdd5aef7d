/** Node's zlib behind core's interface: right results, hard limits, and damage that is thrown. */
import { constants, crc32, deflateRawSync, deflateSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { assert, nat, property, uint8Array } from 'fast-check';
import type { ZstdStream } from '../../../core/binlog/bytes.ts';
import { NodeZstdStream, nodeBytes } from '../../../targets/systems/mysql/binlog/bytes.ts';

const DATA = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => ((i * i) >> 5) & 0x3f));
const FRAME = zstdCompressSync(DATA);

test('CRC-32 of any part, in one go or continued, is zlib’s', () => {
  assert(
    property(uint8Array({ maxLength: 400 }), nat(400), nat(400), nat(400), (data, a, b, c) => {
      const [start, middle, end] = [a, b, c].map((n) => Math.min(n, data.length)).sort((x, y) => x - y) as [number, number, number];
      const whole = crc32(data.subarray(start, end));
      expect(nodeBytes.crc32(data, start, end)).toBe(whole);
      expect(nodeBytes.crc32(data, middle, end, nodeBytes.crc32(data, start, middle))).toBe(whole);
    }),
  );
});

test.each([
  ['one frame', FRAME, DATA.length, 'whole'],
  ['one frame, with room to spare', FRAME, DATA.length * 2, 'whole'],
  ['one byte more than allowed', FRAME, DATA.length - 1, 'thrown'],
  ['an empty frame', zstdCompressSync(Buffer.alloc(0)), 0, 'empty'],
  ['one byte where none is allowed', zstdCompressSync(Buffer.alloc(1)), 0, 'thrown'],
  ['a cut frame', FRAME.subarray(0, -1), DATA.length, 'thrown'],
  ['no frame', Buffer.alloc(0), DATA.length, 'thrown'],
  ['bytes behind the frame', Buffer.concat([FRAME, Buffer.from('x')]), DATA.length, 'thrown'],
  ['no zstd', Buffer.from('no frame at all'), DATA.length, 'thrown'],
])('unzstd: %s', (_name, frame, sizeMax, outcome) => {
  const run = () => nodeBytes.unzstd(frame, sizeMax);
  if (outcome === 'thrown') expect(run).toThrow();
  else expect(DATA.subarray(0, outcome === 'empty' ? 0 : undefined).equals(run())).toBe(true);
});

const hexOrThrown = (act: () => Uint8Array): string => {
  try {
    return Buffer.from(act()).toString('hex');
  } catch {
    return 'thrown';
  }
};
const ours = (frame: Uint8Array, sizeMax: number): string => hexOrThrown(() => nodeBytes.unzstd(frame, sizeMax));
const zlibs = (frame: Uint8Array, sizeMax: number): string =>
  hexOrThrown(() => zstdDecompressSync(frame, { maxOutputLength: Math.max(1, sizeMax), rejectGarbageAfterEnd: true }));

describe('unzstd of small frames, which share a context and a buffer', () => {
  const small = DATA.subarray(0, 40_000);
  const frame = zstdCompressSync(small, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
  test.each([
    ['whole', frame, small.length],
    ['one byte more than allowed', frame, small.length - 1],
    ['cut', frame.subarray(0, -1), small.length],
    ['without its checksum', frame.subarray(0, -4), small.length],
    ['bytes behind it', Buffer.concat([frame, Buffer.from('x')]), small.length],
    ['another frame behind it', Buffer.concat([frame, frame]), small.length * 2],
  ])('%s: as zlib has it, and the next one is right', (_name, f, sizeMax) => {
    expect(ours(f, sizeMax)).toBe(zlibs(f, sizeMax));
    expect(ours(frame, small.length)).toBe(small.toString('hex'));
  });

  test('damaged anywhere: as zlib has it', () => {
    const inputs: Uint8Array[] = [];
    assert(
      property(nat(frame.length - 1), nat(254), (at, flip) => {
        const damaged = Buffer.from(frame);
        damaged[at]! ^= flip + 1;
        inputs.push(damaged);
        expect(ours(damaged, small.length)).toBe(zlibs(damaged, small.length));
      }),
      { numRuns: 500 },
    );
    expect(inputs.some((f) => ours(f, small.length) === 'thrown')).toBe(true);
  });
});

test.each([
  ['zlib', deflateSync(DATA), DATA.length, false, 'whole'],
  ['raw', deflateRawSync(DATA), DATA.length, true, 'whole'],
  ['one byte more than allowed', deflateSync(DATA), DATA.length - 1, false, 'thrown'],
  ['cut', deflateSync(DATA).subarray(0, -1), DATA.length, false, 'thrown'],
  ['raw read as zlib', deflateRawSync(DATA), DATA.length, false, 'thrown'],
])('inflate: %s', (_name, data, sizeMax, raw, outcome) => {
  const run = () => nodeBytes.inflate(data, sizeMax, raw);
  if (outcome === 'thrown') expect(run).toThrow();
  else expect(DATA.equals(run())).toBe(true);
});

let streamOf: () => ZstdStream;

async function unpack(frame: Buffer, step: number, take: (piece: Uint8Array) => void): Promise<void> {
  const stream = streamOf();
  try {
    for (let at = 0; at < frame.length; at += step) {
      let open = true;
      await stream.write(frame.subarray(at, at + step), (piece) => {
        if (!open) throw new Error('a piece came after its call was done');
        take(piece);
      });
      open = false;
    }
    await stream.end(take);
  } finally {
    stream.close();
  }
}

const stop = () => {
  throw new Error('enough');
};

describe.each<[string, () => ZstdStream]>([
  ['an engine', () => nodeBytes.zstdStream()],
  ['zlib’s stream, where there is none', () => new NodeZstdStream()],
])('pieces through %s', (_which, make) => {
  beforeAll(() => (streamOf = make));

  test.each([1, 333, FRAME.length])('a frame in pieces of %d bytes', async (step) => {
    const pieces: Buffer[] = [];
    await unpack(FRAME, step, (piece) => pieces.push(Buffer.from(piece)));
    expect(Math.max(...pieces.map((p) => p.length))).toBeLessThanOrEqual(256 * 1024);
    expect(Buffer.concat(pieces).equals(DATA)).toBe(true);
  });

  test.each([
    ['a cut frame', FRAME.subarray(0, -1), /end of file/],
    ['bytes behind the frame', Buffer.concat([FRAME, Buffer.from('xxxx')]), /after the end|unknown|prefix/i],
    ['no zstd', Buffer.from('no frame at all, long enough to be looked at'), /./],
  ])('%s in pieces is an error, not a hang', async (_name, frame, error) => {
    await expect(unpack(frame, 100, () => {})).rejects.toThrow(error);
    await expect(unpack(frame, 1 << 20, () => {})).rejects.toThrow(error);
  });

  test('what the taker throws comes out of the call', async () => {
    await expect(unpack(FRAME, 1 << 20, stop)).rejects.toThrow('enough');
  });
});
