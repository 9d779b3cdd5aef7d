/**
 * XXH64 (Y. Collet, xxHash's doc/xxhash_spec.md) as WebAssembly code, because that multiplies 64-bit numbers in one instruction and JavaScript cannot without an
 * object for each: hashes of 64 bits at the speed of a copy, where 32-bit arithmetic takes several times as long. It is the plain instruction set: no SIMD is needed.
 */
import { during, get, I32, i32, I64, i64, repeatWhile, set, when } from './wasm.ts';
import type { Code } from './wasm.ts';

const P1 = i64(0x9e3779b185ebca87n);
const P2 = i64(0xc2b2ae3d27d4eb4fn);
const P3 = i64(0x165667b19e3779f9n);
const P4 = i64(0x85ebca77c2b2ae63n);
const P5 = i64(0x27d4eb2f165667c5n);

/** Locals: i32 but for `hash` and `lanes`, which are i64. */
export interface Xxh64Locals {
  /** addresses; `from` is moved to `to` */
  from: number;
  to: number;
  length: number;
  /** the seed, which the hash replaces */
  hash: number;
  lanes: readonly [number, number, number, number];
}

const rotated = (value: Code, bits: number): Code => I64.rotl(value, i64(BigInt(bits)));
const round = (lane: Code, word: Code): Code => I64.mul(rotated(I64.add(lane, I64.mul(word, P2)), 31), P1);

/** The bytes [from, to) hashed. */
export function xxh64Of({ from, to, length, hash, lanes: [a, b, c, d] }: Xxh64Locals): Code {
  const step = (lane: number, offset: number): Code => set(lane, round(get(lane), I64.load(I32.add(get(from), i32(offset)))));
  const forward = (bytes: number): Code => set(from, I32.add(get(from), i32(bytes)));
  const into = (value: Code): Code => set(hash, value);
  const merge = (lane: number): Code => into(I64.add(I64.mul(I64.xor(get(hash), round(i64(0n), get(lane))), P1), P4));
  const fold = (bits: number): Code => into(I64.xor(get(hash), I64.shr(get(hash), i64(BigInt(bits)))));
  const left = (bytes: number): Code => I32.ge(I32.sub(get(to), get(from)), i32(bytes));
  const next8 = into(I64.add(I64.mul(rotated(I64.xor(get(hash), round(i64(0n), I64.load(get(from)))), 27), P1), P4));
  const next4 = into(I64.add(I64.mul(rotated(I64.xor(get(hash), I64.mul(I64.load32(get(from)), P1)), 23), P2), P3));
  const next1 = into(I64.mul(rotated(I64.xor(get(hash), I64.mul(I64.load8(get(from)), P5)), 11), P1));
  /** What the four lanes begin with, 32 bytes a step, and what they come to. */
  const inLanes: Code = [
    ...set(a, I64.add(get(hash), I64.add(P1, P2))),
    ...set(b, I64.add(get(hash), P2)),
    ...set(c, get(hash)),
    ...set(d, I64.sub(get(hash), P1)),
    ...repeatWhile(left(32), [...step(a, 0), ...step(b, 8), ...step(c, 16), ...step(d, 24), ...forward(32)]),
    ...into(I64.add(I64.add(rotated(get(a), 1), rotated(get(b), 7)), I64.add(rotated(get(c), 12), rotated(get(d), 18)))),
    ...merge(a),
    ...merge(b),
    ...merge(c),
    ...merge(d),
  ];
  return [
    ...set(length, I32.sub(get(to), get(from))),
    ...when(left(32), inLanes, into(I64.add(get(hash), P5))),
    ...into(I64.add(get(hash), I64.of(get(length)))),
    ...during(left(8), [...next8, ...forward(8)]),
    ...when(left(4), [...next4, ...forward(4)]),
    ...during(left(1), [...next1, ...forward(1)]),
    ...fold(33),
    ...into(I64.mul(get(hash), P2)),
    ...fold(29),
    ...into(I64.mul(get(hash), P3)),
    ...fold(32),
  ];
}
