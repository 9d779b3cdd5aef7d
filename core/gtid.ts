/**
 * GTID sets, with tags. Immutable: every operation gives a new set. Text is MySQL's: `uuid:1-3:5,uuid:tag:7`, closed intervals;
 * inside, intervals are half-open, sorted and never adjacent, so equal sets have equal form.
 */
import { DrillError } from './errors.ts';

/** `uuid` or `uuid:tag`, lower case: what numbers of its own count under. */
type Source = string;
/** start included, end excluded */
type Interval = readonly [start: number, end: number];

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const TAG = /^[a-z_][a-z0-9_]{0,31}$/;
const NUMBERS = /^(\d{1,19})(?:-(\d{1,19}))?$/;

export class GtidSet {
  static readonly empty = new GtidSet(new Map());
  private readonly sources: ReadonlyMap<Source, readonly Interval[]>;

  private constructor(sources: ReadonlyMap<Source, readonly Interval[]>) {
    this.sources = sources;
  }

  /** Parses MySQL's text form; white space and line breaks are ignored, "" is the empty set. Throws DRILL_GTID_INVALID. */
  static parse(text: string): GtidSet {
    const found = new Map<Source, Interval[]>();
    for (const part of text.toLowerCase().replace(/\s+/g, '').split(',')) {
      if (part !== '') parseSource(part, text, found);
    }
    return new GtidSet(normalised(found));
  }

  /** The set of single GTIDs, as `uuid:n` or `uuid:tag:n`. */
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

  /** One GTID, `uuid:n` or `uuid:tag:n`. */
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
      for (const [start, end] of list) for (let n = start; n < end; n++) yield `${source}:${n}`;
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

function sorted(sources: ReadonlyMap<Source, readonly Interval[]>): [Source, readonly Interval[]][] {
  return [...sources].sort(([a], [b]) => (a < b ? -1 : 1));
}

function invalid(text: string, why: string): DrillError {
  const shown = text.length > 120 ? `${text.slice(0, 120)}…` : text;
  return new DrillError('DRILL_GTID_INVALID', `"${shown}" is not a GTID set: ${why}`, 'the form is uuid:1-3:5,uuid:tag:7, as @@gtid_executed prints it');
}

function parseSource(part: string, text: string, found: Map<Source, Interval[]>): void {
  const [uuid = '', ...fields] = part.split(':');
  if (!UUID.test(uuid)) throw invalid(text, `"${uuid}" is no UUID`);
  if (fields.length === 0) throw invalid(text, `no numbers after ${uuid}`);
  let source = uuid;
  let numbers = 0;
  for (const field of fields) {
    const match = NUMBERS.exec(field);
    if (match) {
      const start = Number(match[1]);
      const end = Number(match[2] ?? match[1]) + 1;
      if (start < 1) throw invalid(text, 'numbers start at 1');
      if (!Number.isSafeInteger(end)) throw invalid(text, `numbers above 2^53 are not handled (${field})`);
      if (end <= start) throw invalid(text, `${field} runs backwards`);
      found.set(source, [...(found.get(source) ?? []), [start, end]]);
      numbers++;
    } else if (TAG.test(field)) {
      if (source !== uuid && numbers === 0) throw invalid(text, `no numbers after the tag in ${source}`);
      source = `${uuid}:${field}`;
      numbers = 0;
    } else throw invalid(text, `"${field}" is neither a number, a range nor a tag`);
  }
  if (numbers === 0) throw invalid(text, `no numbers after ${source}`);
}

function splitGtid(gtid: string): { source: Source; n: number } {
  const colon = gtid.lastIndexOf(':');
  const n = Number(gtid.slice(colon + 1));
  const source = gtid.slice(0, colon).toLowerCase();
  if (colon < 36 || !Number.isSafeInteger(n) || n < 1) throw invalid(gtid, 'one GTID is uuid:n or uuid:tag:n');
  return { source, n };
}

function normalised(found: Map<Source, Interval[]>): Map<Source, readonly Interval[]> {
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
