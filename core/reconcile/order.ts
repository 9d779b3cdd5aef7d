/** GTIDs in the order of a log: millions that follow each other are one run. */
import { GtidSet } from '../gtid.ts';
import type { GtidInterval, GtidSource } from '../gtid.ts';

interface Run {
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
  private readonly runs: Run[] = [];
  private readonly bySource = new Map<GtidSource, Run[]>();
  private readonly lookups = new Map<GtidSource, Lookup>();
  private known: GtidSet | null = null;

  /** The next GTID of the log. Returns its ordinal. */
  add(gtid: string): number {
    const { source, n } = split(gtid);
    this.known = null;
    if (this.lookups.size > 0) this.lookups.clear();
    const last = this.runs.at(-1);
    if (last && last.source === source && last.end === n) last.end++;
    else {
      const run = { source, start: n, end: n + 1, index: this.count };
      this.runs.push(run);
      const list = this.bySource.get(source);
      if (list) list.push(run);
      else this.bySource.set(source, [run]);
    }
    return this.count++;
  }

  /** Where the log has it first; -1: nowhere. Cost: a binary search, after the first call that follows an add. */
  indexOf(gtid: string): number {
    const { source, n } = split(gtid);
    const lookup = this.lookups.get(source) ?? this.lookupOf(source);
    const { runs, ends } = lookup;
    let low = 0;
    let high = runs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (runs[middle]!.start <= n) low = middle + 1;
      else high = middle;
    }
    let found = -1;
    // a log may have a GTID twice: runs overlap then
    for (let i = low - 1; i >= 0 && ends[i]! > n; i--) {
      const run = runs[i]!;
      const index = run.index + n - run.start;
      if (n < run.end && (found === -1 || index < found)) found = index;
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
    return (this.known ??= setOf(this.runs));
  }

  /** Ordinal of the first GTID that is in the set; -1: none is. */
  firstOf(set: GtidSet): number {
    for (const run of this.runs) {
      const hit = setOf([run]).intersect(set).intervals()[0]?.[1][0]?.[0];
      if (hit !== undefined) return run.index + hit - run.start;
    }
    return -1;
  }

  /** What comes before the first GTID that is not in `others`. */
  prefix(others: GtidSet): GtidSet {
    const shared: Run[] = [];
    for (const run of this.runs) {
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

function split(gtid: string): { source: GtidSource; n: number } {
  const colon = gtid.lastIndexOf(':');
  return { source: gtid.slice(0, colon).toLowerCase(), n: Number(gtid.slice(colon + 1)) };
}

function setOf(runs: readonly Run[]): GtidSet {
  const found = new Map<GtidSource, GtidInterval[]>();
  for (const { source, start, end } of runs) {
    const list = found.get(source);
    if (list) list.push([start, end]);
    else found.set(source, [[start, end]]);
  }
  return GtidSet.fromIntervals(found);
}
