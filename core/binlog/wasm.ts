/** As much of WebAssembly's binary format as one function needs (W3C: WebAssembly Core Specification, chapter 5). Expressions are bytes of code; they nest as they would in a language. */
export type Code = readonly number[];

const op =
  (code: number) =>
  (...operands: Code[]): Code => [...operands.flat(), code];
/** unaligned, at the address itself */
const access =
  (code: number) =>
  (...operands: Code[]): Code => [...operands.flat(), code, 0, 0];

/** Compares signed but where the name says otherwise; `shr` is unsigned. */
export const I32 = {
  eq: op(0x46),
  ne: op(0x47),
  lt: op(0x48),
  ltUnsigned: op(0x49),
  ge: op(0x4e),
  add: op(0x6a),
  sub: op(0x6b),
  and: op(0x71),
  shl: op(0x74),
  shr: op(0x76),
  load: access(0x28),
  load8: access(0x2d),
  /** address, value */
  store: access(0x36),
  store8: access(0x3a),
} as const;
export const I64 = {
  add: op(0x7c),
  sub: op(0x7d),
  mul: op(0x7e),
  or: op(0x84),
  xor: op(0x85),
  shl: op(0x86),
  shr: op(0x88),
  rotl: op(0x89),
  /** of an unsigned 32-bit value */
  of: op(0xad),
  load: access(0x29),
  load8: access(0x31),
  load32: access(0x35),
  /** address, value */
  store: access(0x37),
} as const;

export const i32 = (n: number): Code => [0x41, ...signed(BigInt(n))];
export const i64 = (n: bigint): Code => [0x42, ...signed(BigInt.asIntN(64, n))];

export const get = (local: number): Code => [0x20, local];
export const set = (local: number, value: Code): Code => [...value, 0x21, local];

export const when = (condition: Code, then: Code, otherwise: Code = []): Code => [...condition, 0x04, 0x40, ...then, 0x05, ...otherwise, 0x0b];
export const repeatWhile = (condition: Code, body: Code): Code => [0x03, 0x40, ...body, ...condition, 0x0d, 0, 0x0b];
/** Ends the function. */
export const returned = (value: Code): Code => [...value, 0x0f];
export const during = (condition: Code, body: Code): Code => when(condition, repeatWhile(condition, body));

const I32_TYPE = 0x7f;
const I64_TYPE = 0x7e;
const FUNCTION = 0x60;
const PAGE_BYTES = 65_536;
/** magic and version */
const HEAD: Code = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** How many there are of each; they are numbered in this order. */
export interface Locals {
  parameters: number;
  i32: number;
  i64: number;
}

/** One function `run` of i32, whose result is an i32 that its code leaves behind, and `memory` of a fixed size. */
export function moduleOf({ parameters, i32, i64 }: Locals, code: Code, memoryBytes: number): Uint8Array<ArrayBuffer> {
  const pages = unsigned(Math.ceil(memoryBytes / PAGE_BYTES));
  const body = [2, i32, I32_TYPE, i64, I64_TYPE, ...code, 0x0b];
  return Uint8Array.from([
    ...HEAD,
    ...section(1, [FUNCTION, parameters, ...Array.from({ length: parameters }, () => I32_TYPE), 1, I32_TYPE]),
    ...section(3, [0]),
    ...section(5, [1, ...pages, ...pages]),
    ...section(7, [...name('run'), 0, 0, ...name('memory'), 2, 0], 2),
    ...section(10, [...unsigned(body.length), ...body]),
  ]);
}

function section(id: number, content: Code, entries = 1): Code {
  const bytes = [entries, ...content];
  return [id, ...unsigned(bytes.length), ...bytes];
}

const name = (text: string): Code => [text.length, ...Array.from(text, (c) => c.charCodeAt(0))];

/** LEB128 */
function unsigned(n: number): Code {
  return n < 0x80 ? [n] : [(n & 0x7f) | 0x80, ...unsigned(n >>> 7)];
}
function signed(n: bigint): Code {
  const low = Number(n & 0x7fn);
  const rest = n >> 7n;
  const last = (rest === 0n && low < 0x40) || (rest === -1n && low >= 0x40);
  return last ? [low] : [low | 0x80, ...signed(rest)];
}

/** A function of module-made code and its memory. There are no types of WebAssembly in those of Node. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  Instance: new (module: object) => { exports: object };
};

/** Compiles in the call: for modules of a few hundred bytes. */
export function instantiate<Run>(module: Uint8Array<ArrayBuffer>): { run: Run; memory: ArrayBuffer } {
  const { run, memory } = new WebAssembly.Instance(new WebAssembly.Module(module)).exports as { run: Run; memory: { buffer: ArrayBuffer } };
  return { run, memory: memory.buffer };
}
