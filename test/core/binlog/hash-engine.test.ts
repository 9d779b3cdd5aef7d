import { DATA_AT, DATA_BYTES, hashJobs, jobs, JOBS_MAX, memory, NO_KEY, walkJobs } from '../../../core/binlog/hash-engine.ts';

const [P1, P2, P3, P4, P5] = [0x9e3779b185ebca87n, 0xc2b2ae3d27d4eb4fn, 0x165667b19e3779f9n, 0x85ebca77c2b2ae63n, 0x27d4eb2f165667c5n];
const u64 = (n: bigint): bigint => BigInt.asUintN(64, n);
const rotl = (n: bigint, bits: bigint): bigint => u64((n << bits) | (n >> (64n - bits)));
const round = (lane: bigint, word: bigint): bigint => u64(rotl(u64(lane + word * P2), 31n) * P1);

/** As doc/xxhash_spec.md says it, word for word. */
function reference(data: Uint8Array, seed: bigint): bigint {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  let at = 0;
  let h = u64(seed + P5);
  if (data.length >= 32) {
    const lanes = [u64(seed + P1 + P2), u64(seed + P2), seed, u64(seed - P1)];
    for (; at + 32 <= data.length; at += 32) for (let k = 0; k < 4; k++) lanes[k] = round(lanes[k]!, view.getBigUint64(at + 8 * k, true));
    h = u64(rotl(lanes[0]!, 1n) + rotl(lanes[1]!, 7n) + rotl(lanes[2]!, 12n) + rotl(lanes[3]!, 18n));
    for (const lane of lanes) h = u64((h ^ round(0n, lane)) * P1 + P4);
  }
  h = u64(h + BigInt(data.length));
  for (; at + 8 <= data.length; at += 8) h = u64(rotl(h ^ round(0n, view.getBigUint64(at, true)), 27n) * P1 + P4);
  for (; at + 4 <= data.length; at += 4) h = u64(rotl(h ^ u64(BigInt(view.getUint32(at, true)) * P1), 23n) * P2 + P3);
  for (; at < data.length; at++) h = u64(rotl(h ^ u64(BigInt(data[at]!) * P5), 11n) * P1);
  h = u64((h ^ (h >> 33n)) * P2);
  h = u64((h ^ (h >> 29n)) * P3);
  return h ^ (h >> 32n);
}

function hash(data: Uint8Array, seed: bigint, shift = 0, job = 0): bigint {
  memory.fill(0xa5, DATA_AT, DATA_AT + shift + data.length + 64);
  memory.set(data, DATA_AT + shift);
  jobs.set([DATA_AT + shift, DATA_AT + shift + data.length, Number(seed & 0xffff_ffffn), Number(seed >> 32n)], job * 4);
  hashJobs(job, job + 1);
  return (BigInt(jobs[job * 4 + 3]!) << 32n) | BigInt(jobs[job * 4 + 2]!);
}

describe('XXH64', () => {
  it.each([
    ['', 0n, 0xef46db3751d8e999n],
    ['a', 0n, 0xd24ec4f1a98c6e5bn],
    ['abc', 0n, 0x44bc2cf5ad770999n],
    ['xxhash', 20141025n, 0xb559b98d844e0635n],
    ['Nobody inspects the spammish repetition', 0n, 0xfbcea83c8a378bf1n],
  ])('of %j with seed %i is the published value', (text, seed, right) => {
    const data = new TextEncoder().encode(text);
    expect(reference(data, seed)).toBe(right);
    expect(hash(data, seed)).toBe(right);
  });

  it('of every length up to 200, wherever it stands, and of some larger ones, is as the specification says', () => {
    const random = lcg(7);
    for (const length of [...Array.from({ length: 200 }, (_, i) => i), 1_000, 4_099, 65_537]) {
      const data = Uint8Array.from({ length }, () => random() >>> 24);
      const seed = (BigInt(random()) << 32n) | BigInt(random());
      const right = reference(data, seed);
      for (let shift = 0; shift < (length < 200 ? 9 : 2); shift++) expect(hash(data, seed, shift, shift)).toBe(right);
    }
  });

  it('of as much as there is room for, and many at once', () => {
    const data = new Uint8Array(DATA_BYTES).fill(3);
    expect(hash(data, 1n, 0, JOBS_MAX - 1)).toBe(reference(data, 1n));
    for (let job = 0; job < JOBS_MAX; job++) jobs.set([DATA_AT, DATA_AT + job, job, 0], job * 4);
    hashJobs(0, JOBS_MAX);
    for (let job = 0; job < JOBS_MAX; job++)
      expect((BigInt(jobs[job * 4 + 3]!) << 32n) | BigInt(jobs[job * 4 + 2]!)).toBe(reference(data.subarray(0, job), BigInt(job)));
  });
});

/** Of a table of one INT and one value with a length of so many bytes. */
const walk = (prefix: number, length: number[], there: number): number => {
  memory.fill(0xff, DATA_AT, DATA_AT + 400);
  memory.set([0, 1, 2, 3, 4, ...length], DATA_AT);
  return walkJobs(DATA_AT, DATA_AT + 5 + there, 1, Int32Array.of(4 << 3, prefix), NO_KEY);
};

describe('walking an image', () => {
  it.each([
    [1, [200]],
    [2, [44, 1]],
    [3, [44, 1, 0]],
    [4, [44, 1, 0, 0]],
  ])('a value behind %i bytes of length is whole or not there', (prefix, length) => {
    const bytes = prefix + length[0]! + 256 * (length[1] ?? 0);
    expect(walk(prefix, length, bytes)).toBe(1);
    expect(jobs[1]).toBe(DATA_AT + 5 + bytes);
    for (const there of [bytes - 1, prefix, prefix - 1, 0, -1]) expect(walk(prefix, length, there)).toBe(0);
  });

  it.each([0xffff_ffff, 0xffff_fffc, 0xffff_fff7, 0x8000_0000, 0x7fff_ffff])('a length of %i does not lead back into the row', (length) => {
    expect(walk(4, [length & 255, (length >> 8) & 255, (length >> 16) & 255, length >>> 24], 300)).toBe(0);
  });
});

function lcg(seed: number): () => number {
  let x = seed;
  return () => (x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0);
}
