/**
 * Row images walked and hashed in a memory of their own (xxh64.ts says why WebAssembly): a pass that hashes rows of four columns takes a sixth less time than with
 * images walked by JavaScript. The module, 900 bytes, is put together and compiled when this file is loaded.
 */
import { COLUMNS_MAX } from './table-map.ts';
import { during, get, I32, i32, I64, i64, instantiate, moduleOf, returned, set, when } from './wasm.ts';
import type { Code } from './wasm.ts';
import { xxh64Of } from './xxh64.ts';

/**
 * Four words each. Before: from, to (addresses in `memory`), and a seed, low half and high half. The hash replaces the seed; of a walked image the address of its key
 * column (or NO_KEY) and the address of its end replace the others.
 */
export const JOBS_MAX = 256;
export const NO_KEY = -1;
const JOBS_AT = 64;
const JOB_BYTES = 16;
const STORAGE_AT = JOBS_AT + JOBS_MAX * JOB_BYTES;
/** `memory` has room for two pieces of data: where they stand, and the most of each. */
export const DATA_AT = STORAGE_AT + COLUMNS_MAX * 4;
export const DATA_BYTES = 1 << 20;
export const MORE_AT = DATA_AT + DATA_BYTES;

const LOCALS = { parameters: 6, i32: 8, i64: 5 };
const [JOB, END, POS, LIMIT, COLUMNS, KEY, FROM, TO, LENGTH, VALUES, COLUMN, STORED, KEY_AT, BITS, HASH, A, B, C, D] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,
] as const;

const jobWord = (word: number): Code => I32.add(get(JOB), i32(word * 4));
const low3 = (value: Code): Code => I32.and(value, i32(7));
const add = (local: number, value: Code): Code => set(local, I32.add(get(local), value));
const room: Code = I32.sub(get(LIMIT), get(POS));
/** What cannot be walked is left to JavaScript, which knows what to say about it. */
const stop: Code = returned(get(JOB));

const isNull: Code = I32.and(I32.shr(I32.load8(I32.add(get(FROM), I32.shr(get(COLUMN), i32(3)))), low3(get(COLUMN))), i32(1));
/** Behind a value with a length of STORED & 7 bytes: up to three bytes more than those are read, and masked. */
const behindLength: Code = [
  ...when(I32.lt(room, get(STORED)), stop),
  ...set(LENGTH, I32.and(I32.load(get(POS)), I32.shr(i32(-1), I32.sub(i32(32), I32.shl(get(STORED), i32(3)))))),
  ...add(POS, get(STORED)),
  ...when(I32.ltUnsigned(room, get(LENGTH)), stop),
  ...add(POS, get(LENGTH)),
];
const value: Code = [
  ...when(I32.eq(get(COLUMN), get(KEY)), set(KEY_AT, get(POS))),
  ...set(STORED, I32.load(I32.add(i32(STORAGE_AT), I32.shl(get(COLUMN), i32(2))))),
  ...when(low3(get(STORED)), behindLength, add(POS, I32.shr(get(STORED), i32(3)))),
];
const unused: Code = I32.shr(get(BITS), low3(get(COLUMNS)));
/** An image with every column in it, as ImagePlan.walk() walks one; then the null bitmap's unused bits are cleared, and it is a job. */
const walkImage: Code = [
  ...set(FROM, get(POS)),
  ...add(POS, I32.shr(I32.add(get(COLUMNS), i32(7)), i32(3))),
  ...when(I32.lt(room, i32(0)), stop),
  ...set(VALUES, get(POS)),
  ...set(COLUMN, i32(0)),
  ...set(KEY_AT, i32(NO_KEY)),
  ...during(I32.ne(get(COLUMN), get(COLUMNS)), [...when(isNull, [], value), ...add(COLUMN, i32(1))]),
  ...when(I32.lt(room, i32(0)), stop),
  ...set(TO, I32.sub(get(VALUES), i32(1))),
  ...set(BITS, I32.load8(get(TO))),
  ...when(
    I32.and(I32.ne(low3(get(COLUMNS)), i32(0)), I32.ne(unused, i32(0))),
    I32.store8(get(TO), I32.and(get(BITS), I32.sub(I32.shl(i32(1), low3(get(COLUMNS))), i32(1)))),
  ),
  ...set(TO, get(POS)),
  ...I32.store(jobWord(0), get(KEY_AT)),
  ...I32.store(jobWord(1), get(TO)),
  ...set(HASH, I64.shl(I64.of(get(COLUMNS)), i64(32n))),
];
const takeJob: Code = [...set(FROM, I32.load(jobWord(0))), ...set(TO, I32.load(jobWord(1))), ...set(HASH, I64.load(jobWord(2)))];

const code: Code = [
  ...during(I32.ne(get(JOB), get(END)), [
    ...when(get(COLUMNS), walkImage, takeJob),
    ...xxh64Of({ from: FROM, to: TO, length: LENGTH, hash: HASH, lanes: [A, B, C, D] }),
    ...I64.store(jobWord(2), get(HASH)),
    ...add(JOB, i32(JOB_BYTES)),
  ]),
  ...get(JOB),
];

type Run = (job: number, end: number, pos: number, limit: number, columns: number, key: number) => number;
const { run, memory: bytes } = instantiate<Run>(moduleOf(LOCALS, code, MORE_AT + DATA_BYTES));

/** One for all of a thread: whoever puts data there hashes them before another does. */
export const memory = new Uint8Array(bytes);
export const view = new DataView(bytes);
export const jobs = new Uint32Array(bytes, JOBS_AT, JOBS_MAX * 4);
const storage = new Int32Array(bytes, STORAGE_AT, COLUMNS_MAX);
let stored: Int32Array | null = null;

/** Does the jobs first, first + 1, ..., end - 1. */
export function hashJobs(first: number, end: number): void {
  run(JOBS_AT + first * JOB_BYTES, JOBS_AT + end * JOB_BYTES, 0, 0, 0, 0);
}

/**
 * Walks and hashes the images that stand behind each other in memory from `pos` on and end at or before `limit`, at most `max`. Seed: 0, number of columns.
 * `columns`: how they are stored. `key`: the column whose address is wanted, or NO_KEY. Returns how many: fewer than `max` when the next one does not end there, or is damaged.
 */
export function walkJobs(pos: number, limit: number, max: number, columns: Int32Array, key: number): number {
  if (columns !== stored) storage.set((stored = columns));
  return (run(JOBS_AT, JOBS_AT + max * JOB_BYTES, pos, limit, columns.length, key) - JOBS_AT) / JOB_BYTES;
}
