/**
 * XXH64 (Y. Collet, xxHash's doc/xxhash_spec.md) of bytes in a memory of its own. WebAssembly, because it multiplies 64-bit numbers in one instruction and JavaScript
 * cannot without an object for each: hashes of 64 bits at the speed of a copy, where 32-bit arithmetic takes several times as long. It is the plain instruction set: no SIMD is
 * needed. The module, 600 bytes, is put together and compiled when this file is loaded.
 */
import { during, get, I32, i32, I64, i64, instantiate, moduleOf, repeatWhile, set, when } from './wasm.ts';
import type { Code } from './wasm.ts';

/** What is to be hashed, four words each: from, to (addresses in `memory`), and a seed, which the hash replaces: low half, high half. */
export const JOBS_MAX = 256;
const JOBS_AT = 64;
const JOB_BYTES = 16;
/** `memory` has room for two pieces of data: where they stand, and the most of each. */
export const DATA_AT = JOBS_AT + JOBS_MAX * JOB_BYTES;
export const DATA_BYTES = 1 << 20;
export const MORE_AT = DATA_AT + DATA_BYTES;

const P1 = i64(0x9e3779b185ebca87n);
const P2 = i64(0xc2b2ae3d27d4eb4fn);
const P3 = i64(0x165667b19e3779f9n);
const P4 = i64(0x85ebca77c2b2ae63n);
const P5 = i64(0x27d4eb2f165667c5n);

const [JOB, END, FROM, TO, LENGTH, HASH, A, B, C, D] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] as const;
const LOCALS = { parameters: 2, i32: 3, i64: 5 };

const rotated = (value: Code, bits: number): Code => I64.rotl(value, i64(BigInt(bits)));
const round = (lane: Code, word: Code): Code => I64.mul(rotated(I64.add(lane, I64.mul(word, P2)), 31), P1);
const step = (lane: number, offset: number): Code => set(lane, round(get(lane), I64.load(I32.add(get(FROM), i32(offset)))));
const forward = (bytes: number): Code => set(FROM, I32.add(get(FROM), i32(bytes)));
const hash = (value: Code): Code => set(HASH, value);
const merge = (lane: number): Code => hash(I64.add(I64.mul(I64.xor(get(HASH), round(i64(0n), get(lane))), P1), P4));
const fold = (bits: number): Code => hash(I64.xor(get(HASH), I64.shr(get(HASH), i64(BigInt(bits)))));
const left = (bytes: number): Code => I32.ge(I32.sub(get(TO), get(FROM)), i32(bytes));
const next8 = hash(I64.add(I64.mul(rotated(I64.xor(get(HASH), round(i64(0n), I64.load(get(FROM)))), 27), P1), P4));
const next4 = hash(I64.add(I64.mul(rotated(I64.xor(get(HASH), I64.mul(I64.load32(get(FROM)), P1)), 23), P2), P3));
const next1 = hash(I64.mul(rotated(I64.xor(get(HASH), I64.mul(I64.load8(get(FROM)), P5)), 11), P1));

/** What the four lanes begin with, 32 bytes a step, and what they come to. */
const inLanes: Code = [
  ...set(A, I64.add(get(HASH), I64.add(P1, P2))),
  ...set(B, I64.add(get(HASH), P2)),
  ...set(C, get(HASH)),
  ...set(D, I64.sub(get(HASH), P1)),
  ...repeatWhile(left(32), [...step(A, 0), ...step(B, 8), ...step(C, 16), ...step(D, 24), ...forward(32)]),
  ...hash(I64.add(I64.add(rotated(get(A), 1), rotated(get(B), 7)), I64.add(rotated(get(C), 12), rotated(get(D), 18)))),
  ...merge(A),
  ...merge(B),
  ...merge(C),
  ...merge(D),
];
/** HASH is the seed at first. */
const one: Code = [
  ...set(FROM, I32.load(get(JOB))),
  ...set(TO, I32.load(I32.add(get(JOB), i32(4)))),
  ...hash(I64.load(I32.add(get(JOB), i32(8)))),
  ...set(LENGTH, I32.sub(get(TO), get(FROM))),
  ...when(left(32), inLanes, hash(I64.add(get(HASH), P5))),
  ...hash(I64.add(get(HASH), I64.of(get(LENGTH)))),
  ...during(left(8), [...next8, ...forward(8)]),
  ...when(left(4), [...next4, ...forward(4)]),
  ...during(left(1), [...next1, ...forward(1)]),
  ...fold(33),
  ...hash(I64.mul(get(HASH), P2)),
  ...fold(29),
  ...hash(I64.mul(get(HASH), P3)),
  ...fold(32),
  ...I64.store(I32.add(get(JOB), i32(8)), get(HASH)),
];
const code = during(I32.ne(get(JOB), get(END)), [...one, ...set(JOB, I32.add(get(JOB), i32(JOB_BYTES)))]);

const { run, memory: bytes } = instantiate<(job: number, end: number) => void>(moduleOf(LOCALS, code, MORE_AT + DATA_BYTES));

/** One for all of a thread: whoever puts data there hashes them before another does. */
export const memory = new Uint8Array(bytes);
export const jobs = new Uint32Array(bytes, JOBS_AT, JOBS_MAX * 4);
/** Does the jobs first, first + 1, ..., end - 1. */
export const xxh64 = (first: number, end: number): void => run(JOBS_AT + first * JOB_BYTES, JOBS_AT + end * JOB_BYTES);
