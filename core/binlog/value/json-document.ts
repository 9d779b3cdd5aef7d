/**
 * A binary JSON document as a tree that can be changed, and back in the server's own form (MySQL sql-common/json_binary.cc, serialize_json_value):
 * containers in the small form where they and all that is in them fit into 64 KiB, small scalars in their entries, keys by length and then bytes.
 */
import { BinlogDamage } from '../finding.ts';
import { isInlined, JSONB, JSON_DEPTH_MAX, jsonDamage, scalarBytes, u16, u32, VarLength } from './json-format.ts';

/** Its bytes as stored, buf[start, end), without the type; for strings and opaque values with their lengths. */
export interface JsonScalar {
  type: number;
  buf: Uint8Array;
  start: number;
  end: number;
}
/** `keys` null: an array. `large` and `size` are set by measure. */
export interface JsonContainer {
  keys: Uint8Array[] | null;
  items: JsonNode[];
  large: boolean;
  size: number;
}
export type JsonNode = JsonScalar | JsonContainer;

export const isContainer = (node: JsonNode): node is JsonContainer => 'items' in node;

const SMALL_MAX = 0xffff;
const KEY_BYTES_MAX = 0xffff;
/** A tree of so many values takes about 100 MB. */
const VALUES_MAX = 1_000_000;

class Parser {
  private readonly buf: Uint8Array;
  private readonly length = new VarLength();
  /** as in json-text.ts: offsets that overlap would multiply the document */
  private budget: number;
  private values = 0;

  constructor(buf: Uint8Array, size: number) {
    this.buf = buf;
    this.budget = size;
  }
  private spend(bytes: number): void {
    this.budget -= bytes;
    if (this.budget < 0) throw jsonDamage('holds the same bytes more than once');
  }

  value(type: number, pos: number, end: number, depth: number): JsonNode {
    if (type <= JSONB.LARGE_ARRAY) return this.container(type, pos, end, depth + 1);
    let size = scalarBytes(type);
    if (type === JSONB.STRING || type === JSONB.OPAQUE) {
      this.length.read(this.buf, type === JSONB.OPAQUE ? pos + 1 : pos, end);
      size = this.length.next + this.length.value - pos;
      this.spend(size);
    } else if (size === 0) throw jsonDamage(`has a value of an unknown type (${type})`);
    if (pos + size > end) throw jsonDamage('ends inside a value');
    return { type, buf: this.buf, start: pos, end: pos + size };
  }

  private container(type: number, start: number, limit: number, depth: number): JsonContainer {
    const { buf } = this;
    const large = (type & 1) === 1;
    const isObject = type <= JSONB.LARGE_OBJECT;
    const word = large ? 4 : 2;
    if (depth > JSON_DEPTH_MAX) throw jsonDamage(`is nested deeper than ${JSON_DEPTH_MAX} levels`);
    if (start + 2 * word > limit) throw jsonDamage('ends inside a container');
    const read = large ? u32 : u16;
    const count = read(buf, start);
    const end = start + read(buf, start + word);
    const values = start + 2 * word + count * (isObject ? word + 2 : 0);
    if (end > limit || values + count * (word + 1) > end) throw jsonDamage('has a container longer than itself');
    this.spend(values - start + count * (word + 1));
    this.values += count;
    if (this.values > VALUES_MAX) throw new BinlogDamage('too-large', `a JSON document of more than ${VALUES_MAX} values was changed in part`);
    const node: JsonContainer = { keys: isObject ? [] : null, items: [], large, size: 0 };
    for (let i = 0; i < count; i++) {
      if (isObject) {
        const entry = start + 2 * word + i * (word + 2);
        const at = start + read(buf, entry);
        const length = u16(buf, entry + word);
        if (at + length > end) throw jsonDamage('has a key beyond its end');
        this.spend(length);
        node.keys!.push(buf.subarray(at, at + length));
      }
      const entry = values + i * (word + 1);
      const t = buf[entry]!;
      if (isInlined(t, large)) node.items.push(this.value(t, entry + 1, entry + 1 + word, depth));
      else {
        const at = start + read(buf, entry + 1);
        this.spend(scalarBytes(t));
        if (at > end) throw jsonDamage('has a value beyond its end');
        node.items.push(this.value(t, at, end, depth));
      }
    }
    return node;
  }
}

/** The tree's bytes are views of `buf`. An empty document is the null literal (json-text.ts). Throws BinlogDamage. */
export function parseJson(buf: Uint8Array, start: number, end: number): JsonNode {
  if (start === end) return { type: JSONB.LITERAL, buf: new Uint8Array(1), start: 0, end: 1 };
  return new Parser(buf, end - start).value(buf[start]!, start + 1, end, 0);
}

/** Order of keys in an object. */
export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return a.length - b.length;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}

/** Bytes outside its entry. */
function outsideBytes(node: JsonNode, large: boolean): number {
  if (isContainer(node)) return node.size;
  return isInlined(node.type, large) ? 0 : node.end - node.start;
}

function containerBytes(node: JsonContainer, large: boolean): number {
  const word = large ? 4 : 2;
  let size = 2 * word + node.items.length * (word + 1 + (node.keys ? word + 2 : 0));
  for (const key of node.keys ?? []) size += key.length;
  for (const item of node.items) size += outsideBytes(item, large);
  return size;
}

function measure(node: JsonNode): number {
  if (!isContainer(node)) return node.end - node.start;
  for (const item of node.items) measure(item);
  // a large container does not fit into a small one
  node.size = containerBytes(node, false);
  node.large = node.size > SMALL_MAX;
  if (node.large) node.size = containerBytes(node, true);
  return node.size;
}

function typeOf(node: JsonNode): number {
  if (!isContainer(node)) return node.type;
  if (node.keys) return node.large ? JSONB.LARGE_OBJECT : JSONB.SMALL_OBJECT;
  return node.large ? JSONB.LARGE_ARRAY : JSONB.SMALL_ARRAY;
}

function store(to: Uint8Array, at: number, n: number, bytes: number): number {
  for (let i = 0, rest = n; i < bytes; i++, rest = Math.floor(rest / 256)) to[at + i] = rest & 0xff;
  return at + bytes;
}

/** Writes at `at`; answers where it ends. */
function put(to: Uint8Array, at: number, node: JsonNode): number {
  if (!isContainer(node)) {
    to.set(node.buf.subarray(node.start, node.end), at);
    return at + node.end - node.start;
  }
  const word = node.large ? 4 : 2;
  const count = node.items.length;
  let entry = store(to, store(to, at, count, word), node.size, word);
  let p = entry + count * (word + 1 + (node.keys ? word + 2 : 0));
  for (const key of node.keys ?? []) {
    entry = store(to, store(to, entry, p - at, word), key.length, 2);
    to.set(key, p);
    p += key.length;
  }
  for (const item of node.items) {
    to[entry] = typeOf(item);
    if (!isContainer(item) && isInlined(item.type, node.large)) {
      to.fill(0, entry + 1, entry + 1 + word);
      put(to, entry + 1, item);
      // the server extends a signed integer into its entry
      if (item.type === JSONB.INT16 && node.large && to[entry + 2]! >= 0x80) to.fill(0xff, entry + 3, entry + 5);
    } else {
      store(to, entry + 1, p - at, word);
      p = put(to, p, item);
    }
    entry += word + 1;
  }
  return p;
}

export function serializeJson(node: JsonNode): Uint8Array {
  const size = measure(node);
  const doc = new Uint8Array(1 + size);
  doc[0] = typeOf(node);
  put(doc, 1, node);
  return doc;
}

/** Position of a key, or -1 - where it belongs. */
export function findKey(node: JsonContainer, key: Uint8Array): number {
  const keys = node.keys!;
  let from = 0;
  let to = keys.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    const order = compareKeys(keys[middle]!, key);
    if (order === 0) return middle;
    if (order < 0) from = middle + 1;
    else to = middle;
  }
  return -1 - from;
}

export function insertMember(node: JsonContainer, at: number, key: Uint8Array, value: JsonNode): void {
  if (key.length > KEY_BYTES_MAX) throw jsonDamage('has a key that is too long');
  node.keys!.splice(at, 0, key);
  node.items.splice(at, 0, value);
}
