/** GTIDs in the order of a log: millions that follow each other are one run. */
import { GtidSet, splitGtid } from '../gtid.ts';
import type { GtidInterval, GtidSource } from '../gtid.ts';

export interface Run {
  source: GtidSource;
  /** numbers from `start`, `end` excluded */
  start: number;
  end: number;
  /** ordinal of the first one in the log */
  index: number;
}

/** A source's runs by their numbers, and the highest end of each and those before it. */
interface Lookup {
  runs: readonly Run[];
  ends: readonly number[];
}

export class GtidOrder {
  /** transactions so far */
  count = 0;
  private readonly list: Run[] = [];
  private readonly bySource = new Map<GtidSource, Run[]>();
  private readonly lookups = new Map<GtidSource, Lookup>();
  private known: GtidSet | null = null;

  /** In the log's order. */
  get runs(): readonly Run[] {
    return this.list;
  }

  /** The next GTID of the log. Returns its ordinal. */
  add(gtid: string): number {
    const { source, n } = splitGtid(gtid);
    return this.addRun(source, n, n + 1);
  }

  /** The next GTIDs of one source, `end` excluded. Returns the first one's ordinal. */
  addRun(source: GtidSource, start: number, end: number): number {
    this.known = null;
    if (this.lookups.size > 0) this.lookups.clear();
    const last = this.list.at(-1);
    if (last && last.source === source && last.end === start) last.end = end;
    else {
      const run = { source, start, end, index: this.count };
      this.list.push(run);
      const list = this.bySource.get(source);
      if (list) list.push(run);
      else this.bySource.set(source, [run]);
    }
    const index = this.count;
    this.count += end - start;
    return index;
  }

  /** Where the log has it first; -1: nowhere. Cost: a binary search, after the first call that follows an add. */
  indexOf(gtid: string): number {
    const { source, n } = splitGtid(gtid);
    return this.find(source, n)?.index ?? -1;
  }

  /** The same, and how many numbers follow each other from there on, this one included. */
  find(source: GtidSource, n: number): { index: number; left: number } | null {
    const lookup = this.lookups.get(source) ?? this.lookupOf(source);
    const { runs, ends } = lookup;
    let low = 0;
    let high = runs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (runs[middle]!.start <= n) low = middle + 1;
      else high = middle;
    }
    let found: { index: number; left: number } | null = null;
    // a log may have a GTID twice: runs overlap then
    for (let i = low - 1; i >= 0 && ends[i]! > n; i--) {
      const run = runs[i]!;
      const index = run.index + n - run.start;
      if (n < run.end && (found === null || index < found.index)) found = { index, left: run.end - n };
    }
    return found;
  }

  private lookupOf(source: GtidSource): Lookup {
    const runs = [...(this.bySource.get(source) ?? [])].sort((a, b) => a.start - b.start);
    let end = 0;
    const lookup = { runs, ends: runs.map((r) => (end = Math.max(end, r.end))) };
    this.lookups.set(source, lookup);
    return lookup;
  }

  set(): GtidSet {
    return (this.known ??= setOf(this.list));
  }

  /** Ordinal of the first GTID that is in the set; -1: none is. */
  firstOf(set: GtidSet): number {
    for (const run of this.list) {
      const hit = setOf([run]).intersect(set).intervals()[0]?.[1][0]?.[0];
      if (hit !== undefined) return run.index + hit - run.start;
    }
    return -1;
  }

  /** What comes before the first GTID that is not in `others`. */
  prefix(others: GtidSet): GtidSet {
    const shared: Run[] = [];
    for (const run of this.list) {
      const set = setOf([run]);
      const rest = set.subtract(others);
      if (rest.isEmpty()) {
        shared.push(run);
        continue;
      }
      const first = rest.intervals()[0]![1][0]![0];
      if (first > run.start) shared.push({ ...run, end: first });
      break;
    }
    return setOf(shared);
  }
}

export function setOf(runs: readonly Run[]): GtidSet {
  const found = new Map<GtidSource, GtidInterval[]>();
  for (const { source, start, end } of runs) {
    const list = found.get(source);
    if (list) list.push([start, end]);
    else found.set(source, [[start, end]]);
  }
  return GtidSet.fromIntervals(found);
}
