/**
 * GTID sets, with tags. Immutable: every operation gives a new set. Text is MySQL's: `uuid:1-3:5,uuid:tag:7`, closed intervals;
 * inside, intervals are half-open, sorted and never adjacent, so equal sets have equal form. Numbers above 2^53 - 1 are refused: DRILL_GTID_TOO_LARGE.
 * MariaDB's `domain-server-seq` is a name like any other: of the source `domain-server`, in text `0-1:1-9`. Its servers share the numbers of a domain, so that
 * sets have holes where another server wrote.
 */
import { DrillError } from './errors.ts';
import { decodeGtidSet, encodeGtidSet, gtidTooLarge, uuidBytes } from './gtid-bytes.ts';
import { GtidNumbers } from './gtid-numbers.ts';

/** `uuid` or `uuid:tag`, lower case, or `domain-server`: what numbers of its own count under. */
export type GtidSource = string;
type Source = GtidSource;
/** start included, end excluded */
export type GtidInterval = readonly [start: number, end: number];
type Interval = GtidInterval;

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/;
const TAG = /^[a-z_][a-z0-9_]{0,31}$/;
const MARIA = /^(0|[1-9]\d{0,9})-(0|[1-9]\d{0,9})$/;
const NUMBERS = /^(\d+)(?:\s*-\s*(\d+))?$/;
/** The largest that a server gives: one below the end of its 63 bits. */
const SERVER_NUMBER_MAX = 2n ** 63n - 2n;

export class GtidSet {
  static readonly empty = new GtidSet(new Map());
  private readonly sources: ReadonlyMap<Source, readonly Interval[]>;

  private constructor(sources: ReadonlyMap<Source, readonly Interval[]>) {
    this.sources = sources;
  }

  /**
   * Parses MySQL's text form; white space and line breaks between its parts are ignored, "" is the empty set. Throws DRILL_GTID_INVALID, and DRILL_GTID_TOO_LARGE.
   * Refused though the server reads them as empty, because a person meant something else: ranges that run backwards, and sources without numbers.
   */
  static parse(text: string): GtidSet {
    const found = new Map<Source, Interval[]>();
    for (const part of text.toLowerCase().split(',')) {
      if (part.trim() !== '') parseSource(part.trim(), text, found);
    }
    const maria = [...found.keys()].filter((source) => MARIA.test(source)).length;
    if (maria > 0 && maria < found.size) throw invalid(text, 'names of MySQL’s and of MariaDB’s are never in one set');
    return new GtidSet(normalised(found));
  }

  /** Takes intervals in any order. */
  static fromIntervals(found: ReadonlyMap<GtidSource, readonly GtidInterval[]>): GtidSet {
    return new GtidSet(normalised(found));
  }

  /** The binary form: PREVIOUS_GTIDS and COM_BINLOG_DUMP_GTID. Throws DRILL_GTID_INVALID and DRILL_GTID_TOO_LARGE. */
  static fromBytes(buf: Uint8Array, start = 0, end = buf.length): GtidSet {
    return new GtidSet(normalised(decodeGtidSet(buf, start, end)));
  }

  /** The same; the tagged form only when the set has tags, so that servers before 8.3 can read the other. */
  toBytes(): Uint8Array {
    return encodeGtidSet(sorted(this.sources));
  }

  /** By source, sorted as the server sorts them. */
  intervals(): readonly (readonly [GtidSource, readonly GtidInterval[]])[] {
    return sorted(this.sources);
  }

  /** The set of single GTIDs, as `uuid:n`, `uuid:tag:n` or `domain-server-n`. */
  static of(gtids: Iterable<string>): GtidSet {
    const found = new Map<Source, Interval[]>();
    for (const gtid of gtids) {
      const { source, n } = splitGtid(gtid);
      const list = found.get(source);
      const last = list?.at(-1);
      // the usual run of consecutive numbers grows one interval
      if (list && last && last[1] === n) list[list.length - 1] = [last[0], n + 1];
      else if (list) list.push([n, n + 1]);
      else found.set(source, [[n, n + 1]]);
    }
    return new GtidSet(normalised(found));
  }

  union(other: GtidSet): GtidSet {
    const all = new Map<Source, Interval[]>();
    for (const set of [this, other]) {
      for (const [source, list] of set.sources) all.set(source, [...(all.get(source) ?? []), ...list]);
    }
    return new GtidSet(normalised(all));
  }

  subtract(other: GtidSet): GtidSet {
    const rest = new Map<Source, readonly Interval[]>();
    for (const [source, list] of this.sources) {
      const left = subtractIntervals(list, other.sources.get(source) ?? []);
      if (left.length > 0) rest.set(source, left);
    }
    return new GtidSet(rest);
  }

  intersect(other: GtidSet): GtidSet {
    return this.subtract(this.subtract(other));
  }

  /** Every GTID of `other` is in this set. */
  contains(other: GtidSet): boolean {
    return other.subtract(this).isEmpty();
  }

  /**
   * What of this set the other lacks, where this one says how far somebody is: of each of MariaDB's sources only the last number counts, since those between
   * may be another server's.
   */
  beyond(other: GtidSet): GtidSet {
    const rest = new Map<Source, readonly Interval[]>();
    for (const [source, list] of this.sources) {
      const last = list.at(-1)![1];
      const wanted = MARIA.test(source) ? ([[last - 1, last]] as const) : list;
      const left = subtractIntervals(wanted, other.sources.get(source) ?? []);
      if (left.length > 0) rest.set(source, left);
    }
    return new GtidSet(rest);
  }

  /** One GTID, as `of` takes them. */
  has(gtid: string): boolean {
    const { source, n } = splitGtid(gtid);
    const list = this.sources.get(source) ?? [];
    let low = 0;
    let high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (list[middle]![1] <= n) low = middle + 1;
      else high = middle;
    }
    const hit = list[low];
    return hit !== undefined && hit[0] <= n;
  }

  isEmpty(): boolean {
    return this.sources.size === 0;
  }

  equals(other: GtidSet): boolean {
    return this.toString() === other.toString();
  }

  count(): number {
    let sum = 0;
    for (const list of this.sources.values()) for (const [start, end] of list) sum += end - start;
    return sum;
  }

  /** One GTID after the other; for small sets. */
  *gtids(): Generator<string> {
    for (const [source, list] of sorted(this.sources)) {
      for (const [start, end] of list) for (let n = start; n < end; n++) yield `${source}${MARIA.test(source) ? '-' : ':'}${n}`;
    }
  }

  /** MySQL's form on one line: UUIDs sorted, the untagged numbers before the tagged ones. */
  toString(): string {
    const byUuid = new Map<string, string>();
    for (const [source, list] of sorted(this.sources)) {
      const uuid = source.slice(0, 36);
      const tag = source.slice(36);
      const numbers = list.map(([start, end]) => (end - start === 1 ? `:${start}` : `:${start}-${end - 1}`)).join('');
      byUuid.set(uuid, (byUuid.get(uuid) ?? uuid) + tag + numbers);
    }
    return [...byUuid.values()].join(',');
  }
}

/** A set that grows by single GTIDs. Cost: a few comparisons for numbers in order; a binary search, and a move of what lies behind, for a hole. */
export class GtidSetBuilder {
  private readonly sources: GtidNumbers[] = [];
  private last: GtidNumbers | null = null;

  /** The 16 bytes of `uuid` from `at`; `gno` from 1 to 2^53 - 1. false: the GTID was there already. */
  add(uuid: Uint8Array, tag: string, gno: number, at = 0): boolean {
    let last = this.last;
    if (last === null || !last.is(uuid, at, tag)) last = this.last = this.numbers(uuid, at, tag);
    return last.add(gno, gno + 1);
  }

  addSet(set: GtidSet): void {
    for (const [source, list] of set.intervals()) {
      const numbers = this.numbers(uuidBytes(source.slice(0, 36)), 0, source.slice(37));
      for (const [start, end] of list) numbers.add(start, end);
    }
  }

  /** What it holds now; it can go on growing. */
  build(): GtidSet {
    return GtidSet.fromIntervals(new Map(this.sources.map((numbers) => [numbers.source(), numbers.intervals()])));
  }

  /** A log has a handful of sources. */
  private numbers(uuid: Uint8Array, at: number, tag: string): GtidNumbers {
    for (const numbers of this.sources) if (numbers.is(uuid, at, tag)) return numbers;
    const added = new GtidNumbers(uuid, at, tag);
    this.sources.push(added);
    return added;
  }
}

function sorted(sources: ReadonlyMap<Source, readonly Interval[]>): [Source, readonly Interval[]][] {
  return [...sources].sort(([a], [b]) => (a < b ? -1 : 1));
}

function invalid(text: string, why: string): DrillError {
  const shown = text.length > 120 ? `${text.slice(0, 120)}…` : text;
  return new DrillError(
    'DRILL_GTID_INVALID',
    `"${shown}" is not a GTID set: ${why}`,
    'the form is uuid:1-3:5,uuid:tag:7, as @@gtid_executed prints it; for MariaDB 0-1:1-9,0-2:10-13',
  );
}

function parseSource(part: string, text: string, found: Map<Source, Interval[]>): void {
  const [first = '', ...fields] = part.split(':').map((f) => f.trim());
  const uuid = MARIA.test(first) ? first : canonicalUuid(first);
  if (uuid === null) throw invalid(text, `"${first}" is no UUID`);
  if (fields.length === 0) throw invalid(text, `no numbers after ${uuid}`);
  let source = uuid;
  let numbers = 0;
  for (const field of fields) {
    const match = NUMBERS.exec(field);
    if (match) {
      const interval = intervalOf(match[1]!, match[2], text);
      const list = found.get(source);
      if (list) list.push(interval);
      else found.set(source, [interval]);
      numbers++;
    } else if (TAG.test(field) && uuid.length === 36) {
      if (source !== uuid && numbers === 0) throw invalid(text, `no numbers after the tag in ${source}`);
      source = `${uuid}:${field}`;
      numbers = 0;
    } else throw invalid(text, `"${field}" is neither a number, a range nor a tag`);
  }
  if (numbers === 0) throw invalid(text, `no numbers after ${source}`);
}

/** With or without dashes, with or without braces, as the server takes it. */
function canonicalUuid(text: string): string | null {
  const bare = text.startsWith('{') && text.endsWith('}') ? text.slice(1, -1) : text;
  if (!UUID.test(bare)) return null;
  const hex = bare.replaceAll('-', '');
  // all dashes or none
  if (bare.length !== 36 && bare.length !== 32) return null;
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function intervalOf(first: string, last: string | undefined, text: string): Interval {
  const [start, end] = [numberOf(first, text), numberOf(last ?? first, text)];
  if (start < 1) throw invalid(text, 'numbers start at 1');
  if (end < start) throw invalid(text, `${first}-${last} runs backwards`);
  return [start, end + 1];
}

function numberOf(digits: string, text: string): number {
  const n = Number(digits);
  if (Number.isSafeInteger(n)) return n;
  if (BigInt(digits) > SERVER_NUMBER_MAX) throw invalid(text, `${digits} is above 2^63 - 2, the largest number that a server gives`);
  throw gtidTooLarge(digits);
}

/** Of MariaDB's sources. */
export const domainOf = (source: GtidSource): string => source.slice(0, source.indexOf('-'));

/** Throws DRILL_GTID_INVALID. */
export function splitGtid(gtid: string): { source: GtidSource; n: number } {
  const colon = gtid.lastIndexOf(':');
  const cut = colon === -1 ? gtid.lastIndexOf('-') : colon;
  const n = Number(gtid.slice(cut + 1));
  const source = gtid.slice(0, cut).toLowerCase();
  if (!(colon === -1 ? MARIA.test(source) : colon >= 36) || !Number.isSafeInteger(n) || n < 1)
    throw invalid(gtid, 'one GTID is uuid:n, uuid:tag:n or domain-server-n');
  return { source, n };
}

function normalised(found: ReadonlyMap<Source, readonly Interval[]>): Map<Source, readonly Interval[]> {
  const result = new Map<Source, readonly Interval[]>();
  for (const [source, list] of found) {
    const merged: Interval[] = [];
    for (const [start, end] of [...list].sort((a, b) => a[0] - b[0])) {
      const last = merged.at(-1);
      if (last && start <= last[1]) merged[merged.length - 1] = [last[0], Math.max(last[1], end)];
      else merged.push([start, end]);
    }
    result.set(source, merged);
  }
  return result;
}

function subtractIntervals(from: readonly Interval[], what: readonly Interval[]): Interval[] {
  const rest: Interval[] = [];
  let k = 0;
  for (const [start, end] of from) {
    let at = start;
    while (k < what.length && what[k]![1] <= at) k++;
    for (let j = k; j < what.length && what[j]![0] < end; j++) {
      if (what[j]![0] > at) rest.push([at, what[j]![0]]);
      at = Math.max(at, what[j]![1]);
    }
    if (at < end) rest.push([at, end]);
  }
  return rest;
}
