/**
 * Exact comparison of one ordered result on two or more servers by the bytes of the wire: runs that are equal are not parsed. Where they differ, rows are read one
 * by one on all servers until one with the same key has come from each. Memory: a chunk per server, and digests of at most REACH_MAX rows of each while it looks for
 * that key (reach.ts).
 */
import { crc32 } from 'node:zlib';
import { Reach } from './reach.ts';
import type { RawDifference } from './reach.ts';
import { Carry, Walker } from './walker.ts';
import { PacketReader, RowFeed, errorText, isEof, isErr, unreadable } from './wire.ts';
import type { WireNode } from './wire.ts';

export interface RawResult {
  /** by node */
  rows: number[];
  /** of the rows that all have: CRC-32 of their bytes */
  crc: number;
  /** how many keys have rows that differ; with `more`, at least so many */
  count: number;
  /** the first of them */
  differences: RawDifference[];
  /** it was not read to the end: there are too many differences */
  more: boolean;
}

export interface RawOptions {
  /** how many of the first columns are the key */
  keyColumns: number;
  /** bytes/ms that must come from each server, else null is returned: there are ways that need fewer bytes */
  rateMin?: number;
  /** differences that are kept */
  differencesMax?: number;
}

const DIFFERENCES_MAX = 1_000;
const COUNT_MAX = 20_000;
const RATE_AFTER_BYTES = 4 * 1024 * 1024;

/** Runs `sql` on all nodes. Throws DRILL_ROWS_UNREADABLE. */
export const compareRaw = (nodes: readonly WireNode[], sql: string, options: RawOptions): Promise<RawResult | null> =>
  withRawBytes(nodes, () => compareQuery(nodes, sql, options));

/** Values come as they are stored, whatever their character set, as long as `work` goes on. */
export async function withRawBytes<T>(nodes: readonly WireNode[], work: () => Promise<T>): Promise<T> {
  await each(nodes, (n) => n.connection.query('SET SESSION character_set_results = NULL'));
  const result = await work();
  await each(nodes, (n) => n.connection.query("SET SESSION character_set_results = 'utf8mb4'"));
  return result;
}

/** compareRaw's within withRawBytes. All nodes have the query when this returns its promise. */
export const compareQuery = (nodes: readonly WireNode[], sql: string, options: RawOptions): Promise<RawResult | null> =>
  new Comparison(nodes, options).run(sql);

async function each(nodes: readonly WireNode[], work: (n: WireNode) => Promise<unknown>): Promise<void> {
  const done = await Promise.allSettled(nodes.map(work));
  for (const [i, d] of done.entries()) if (d.status === 'rejected') throw unreadable(nodes[i]!.name, String(d.reason));
}

class Comparison {
  private readonly feeds: RowFeed[];
  private readonly options: RawOptions;
  private readonly walkers: Walker[];
  /** bytes of a row that the run before ended in: the same on all nodes but for sequence numbers */
  private readonly carry = new Carry();
  private readonly result: RawResult;
  private startedMs = 0;
  private rated = false;

  constructor(nodes: readonly WireNode[], options: RawOptions) {
    this.feeds = nodes.map((n) => new RowFeed(n));
    this.walkers = nodes.map(() => new Walker());
    this.options = options;
    this.rated = options.rateMin === undefined;
    this.result = { rows: nodes.map(() => 0), crc: 0, count: 0, differences: [], more: false };
  }

  async run(sql: string): Promise<RawResult | null> {
    const { feeds, walkers, result } = this;
    let over = false;
    try {
      // all start, and all that started are ended, whatever becomes of the others
      const started = await Promise.allSettled(feeds.map((f) => f.start(sql)));
      for (const s of started) if (s.status === 'rejected') throw s.reason;
      this.startedMs = performance.now();
      while (!over) {
        for (const f of feeds) if (f.pos === f.end) await f.more();
        if (!this.rated && !this.quick()) return await this.giveUp(feeds.map((f) => new PacketReader(f, this.carry.copy())));
        over = this.equalRun() ? walkers[0]!.over : await this.rowByRow();
      }
      if (result.more) return result;
      for (const f of feeds) f.stop();
      return result;
    } catch (e) {
      // the connections are in the middle of a result: nothing else can be read from them
      for (const f of feeds) f.node.connection.destroy();
      throw e;
    } finally {
      for (let i = 0; i < feeds.length; i++) result.rows[i]! += walkers[0]!.rows;
    }
  }

  private quick(): boolean {
    if (this.feeds.some((f) => f.bytes < RATE_AFTER_BYTES)) return true;
    this.rated = true;
    const ms = performance.now() - this.startedMs;
    return Math.min(...this.feeds.map((f) => f.bytes)) / ms >= this.options.rateMin!;
  }

  private async giveUp(readers: PacketReader[]): Promise<null> {
    await Promise.all(this.feeds.map((f, i) => f.cancel(readers[i]!)));
    return null;
  }

  /** Takes what all have in common; false: there is a difference, and all feeds stand where the common bytes end. */
  private equalRun(): boolean {
    const { feeds, walkers } = this;
    const first = feeds[0]!;
    let n = first.end - first.pos;
    for (let i = 1; i < feeds.length; i++) n = Math.min(n, feeds[i]!.end - feeds[i]!.pos);
    let same = n;
    for (let i = 1; i < feeds.length; i++) {
      const f = feeds[i]!;
      walkers[i]!.renumber(f.chunk, f.pos, f.pos + n);
      same = commonLength(first.chunk, first.pos, f.chunk, f.pos, same);
    }
    if (same < n) for (let i = 1; i < feeds.length; i++) walkers[i]!.undo(feeds[i]!.chunk, feeds[i]!.pos, feeds[i]!.pos + n);
    const end = first.pos + same;
    const walker = walkers[0]!;
    walker.walk(first.chunk, first.pos, end);
    // behind the last row stands a packet that counts warnings, which need not be equal
    this.result.crc = crc32(first.chunk.subarray(first.pos, walker.over ? Math.max(first.pos, walker.whole) : end), this.result.crc);
    if (walker.whole >= 0) this.carry.clear();
    this.carry.add(first.chunk, walker.whole >= 0 ? walker.whole : first.pos, end);
    for (const f of feeds) f.pos += same;
    return same === n && !walker.over;
  }

  /** Reads rows one at a time until all servers are at the same one; true: the result is over. */
  private async rowByRow(): Promise<boolean> {
    const { feeds, result } = this;
    const readers = feeds.map((f) => new PacketReader(f, this.carry.copy()));
    this.carry.clear();
    const reach = new Reach(feeds.length, this.options.keyColumns);
    const over = feeds.map(() => false);
    do {
      // who has nothing to compare reads; all, when all have, and no key in common
      const idle = feeds.map((_, i) => !over[i] && reach.length(i) === 0);
      const all = !idle.includes(true);
      for (const [i, reader] of readers.entries()) {
        if (over[i] || !(all || idle[i])) continue;
        const row = await reader.next();
        if (isErr(row[0]!)) throw unreadable(feeds[i]!.node.name, errorText(row));
        if (isEof(row[0]!, row.length)) over[i] = true;
        else {
          result.rows[i]!++;
          reach.add(i, row, this.keep);
        }
      }
      if (over.every(Boolean)) reach.rest(this.keep);
      if (reach.far || result.count > COUNT_MAX) return this.enough(reach, readers, over);
    } while (!over.every(Boolean) && (over.some(Boolean) || !reach.empty));
    for (const [i, w] of this.walkers.entries()) w.begin((w.shift + readers[0]!.packets - readers[i]!.packets) & 0xff);
    return over.every(Boolean);
  }

  private async enough(reach: Reach, readers: PacketReader[], over: boolean[]): Promise<true> {
    const { result, feeds } = this;
    const atLeast = result.count + reach.shortest();
    reach.rest(this.keep);
    result.count = atLeast;
    result.more = true;
    await Promise.all(feeds.map(async (f, i) => (over[i] ? f.stop() : f.cancel(readers[i]!))));
    return true;
  }

  private readonly keep = (d: RawDifference): void => {
    const { result, options } = this;
    result.count++;
    if (result.differences.length < (options.differencesMax ?? DIFFERENCES_MAX)) result.differences.push(d);
  };
}

/** How many bytes are equal, at most n. */
function commonLength(a: Uint8Array, aPos: number, b: Uint8Array, bPos: number, n: number): number {
  if (Buffer.compare(a.subarray(aPos, aPos + n), b.subarray(bPos, bPos + n)) === 0) return n;
  let same = 0;
  // the first difference is in [same, same + rest)
  for (let rest = n; rest > 1;) {
    const half = rest >> 1;
    const equal = Buffer.compare(a.subarray(aPos + same, aPos + same + half), b.subarray(bPos + same, bPos + same + half)) === 0;
    if (equal) same += half;
    rest = equal ? rest - half : half;
  }
  return same;
}
