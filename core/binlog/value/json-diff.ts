/**
 * Partial updates of JSON columns (type 39): logical diffs applied to the binary document of the before-image. Source: MySQL sql/json_diff.cc
 * (Json_diff::write_binary, apply_json_diffs). A diff is an operation (1 byte), the length and text of a path, and but for REMOVE the length and bytes
 * of a binary JSON value; lengths are MySQL's length-encoded integers.
 */
import { BinlogDamage } from '../finding.ts';
import { findKey, insertMember, isContainer, parseJson, serializeJson } from './json-document.ts';
import type { JsonContainer, JsonNode } from './json-document.ts';
import { utf8 } from './string.ts';

const OPERATIONS = ['replace', 'insert', 'remove'] as const;
type Operation = (typeof OPERATIONS)[number];

/** A member by its key, or a cell of an array by its index, counted from the end where `fromEnd` ([last] is 0). */
type Leg = { key: Uint8Array } | { index: number; fromEnd: boolean };

/** Elements that may be moved by all diffs of one document: seconds, not hours, for what no server writes. */
const MOVES_MAX = 200_000_000;

const DOLLAR = 36;
const DOT = 46;
const OPEN = 91;
const CLOSE = 93;
const QUOTE = 34;
const BACKSLASH = 92;

const damage = (text: string): BinlogDamage => new BinlogDamage('structure', `a partial update of JSON ${text}`);

/** Applies the diffs in diffs[start, end) (a sequence as in the event, after its length) to the binary JSON document; returns the new document, canonical in the server's own form. Throws BinlogDamage. */
export function applyJsonDiffs(doc: Uint8Array, diffs: Uint8Array, start: number, end: number): Uint8Array {
  const root = parseJson(doc, 0, doc.length);
  const at = { buf: diffs, pos: start, end };
  let moves = 0;
  while (at.pos < end) {
    const operation = OPERATIONS[diffs[at.pos++]!];
    if (operation === undefined) throw damage(`has an unknown operation (${diffs[at.pos - 1]})`);
    const path = pathOf(part(at));
    const bytes = operation === 'remove' ? null : part(at);
    moves += apply(root, operation, path, bytes && parseJson(bytes, 0, bytes.length));
    if (moves > MOVES_MAX) throw new BinlogDamage('too-large', 'a partial update of JSON changes large containers too often');
  }
  return serializeJson(root);
}

interface Cursor {
  buf: Uint8Array;
  pos: number;
  end: number;
}

/** A length and so many bytes. */
function part(at: Cursor): Uint8Array {
  const first = at.pos < at.end ? at.buf[at.pos++]! : 255;
  const bytes = first < 251 ? 0 : first === 252 ? 2 : first === 253 ? 3 : first === 254 ? 8 : -1;
  if (bytes < 0 || at.pos + bytes > at.end) throw damage('ends inside a length');
  let length = bytes === 0 ? first : 0;
  for (let i = bytes - 1; i >= 0; i--) length = length * 256 + at.buf[at.pos + i]!;
  const from = at.pos + bytes;
  if (length > at.end - from) throw damage('has a part longer than itself');
  at.pos = from + length;
  return at.buf.subarray(from, at.pos);
}

/** A path as the server prints it: $.name, $."any name", [3], [last], [last-3]. */
function pathOf(text: Uint8Array): Leg[] {
  if (text[0] !== DOLLAR) throw damage('has a path that does not begin with $');
  const legs: Leg[] = [];
  let p = 1;
  while (p < text.length) {
    const from = p + 1;
    if (text[p] === DOT && text[from] === QUOTE) {
      p = from + 1;
      while (p < text.length && text[p] !== QUOTE) p += text[p] === BACKSLASH ? 2 : 1;
      legs.push({ key: unquoted(text.subarray(from, ++p)) });
    } else if (text[p] === DOT) {
      p = from;
      while (p < text.length && text[p] !== DOT && text[p] !== OPEN) p++;
      legs.push({ key: text.subarray(from, p) });
    } else if (text[p] === OPEN) {
      p = from;
      while (p < text.length && text[p] !== CLOSE) p++;
      legs.push(cell(String.fromCharCode(...text.subarray(from, Math.min(p, from + 32)))));
      p++;
    } else throw damage('has a path that is not understood');
  }
  return legs;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function unquoted(quoted: Uint8Array): Uint8Array {
  try {
    return utf8(JSON.parse(decoder.decode(quoted)) as string);
  } catch {
    throw damage('has a path with a name that is not understood');
  }
}

function cell(text: string): Leg {
  const match = /^(?:(\d{1,10})|last(?:-(\d{1,10}))?)$/.exec(text);
  if (!match) throw damage('has a path with an index that is not understood');
  return match[1] === undefined ? { index: Number(match[2] ?? 0), fromEnd: true } : { index: Number(match[1]), fromEnd: false };
}

/** Where an index points to; one beyond the array's ends is at its end (or its beginning, counted from the end). */
function position(leg: { index: number; fromEnd: boolean }, size: number): { at: number; within: boolean } {
  const within = leg.index < size;
  if (leg.fromEnd) return { at: within ? size - leg.index - 1 : 0, within };
  return { at: within ? leg.index : size, within };
}

/** The place that a leg names in a node, if there is something. */
function step(node: JsonNode, leg: Leg): { parent: JsonContainer; at: number } | null {
  if (!isContainer(node)) return null;
  if ('key' in leg) {
    const at = node.keys ? findKey(node, leg.key) : -1;
    return at < 0 ? null : { parent: node, at };
  }
  const { at, within } = position(leg, node.items.length);
  return node.keys || !within ? null : { parent: node, at };
}

/** Answers how many elements the changed container has. */
function apply(root: JsonNode, operation: Operation, path: Leg[], value: JsonNode | null): number {
  const last = path.pop();
  // the server gives the whole document instead
  if (last === undefined) throw damage('is of the whole document');
  let parent: JsonNode = root;
  for (const leg of path) {
    const found = step(parent, leg);
    if (!found) throw damage('does not fit the document before it');
    parent = found.parent.items[found.at]!;
  }
  if (operation === 'insert') return insert(parent, last, value!);
  const found = step(parent, last);
  if (!found) throw damage('does not fit the document before it');
  if (operation === 'replace') found.parent.items[found.at] = value!;
  else {
    found.parent.items.splice(found.at, 1);
    found.parent.keys?.splice(found.at, 1);
  }
  return found.parent.items.length;
}

function insert(parent: JsonNode, leg: Leg, value: JsonNode): number {
  if (isContainer(parent) && parent.keys && 'key' in leg) {
    const at = findKey(parent, leg.key);
    if (at < 0) {
      insertMember(parent, -1 - at, leg.key, value);
      return parent.items.length;
    }
  } else if (isContainer(parent) && !parent.keys && 'index' in leg) {
    parent.items.splice(position(leg, parent.items.length).at, 0, value);
    return parent.items.length;
  }
  throw damage('does not fit the document before it');
}
