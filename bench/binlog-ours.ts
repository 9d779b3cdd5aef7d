/**
 * Our reader in a process of its own, so that its memory is its own: `binlog-ours.ts MODE TARGET PASSES [EXECUTED]`. Prints a Passes as JSON.
 * TARGET is a file, or for `stream` a server's socket; EXECUTED is what a stream leaves out.
 */
import { LogReader } from '../core/binlog/log.ts';
import { Inventory } from '../core/binlog/inventory.ts';
import { RowHasher } from '../core/binlog/hash.ts';
import type { LogVisitor } from '../core/binlog/visitor.ts';
import type { Finding } from '../core/binlog/finding.ts';
import type { RowsEvent } from '../core/binlog/rows.ts';
import { GtidSet } from '../core/gtid.ts';
import { nodeBytes } from '../targets/systems/mysql/binlog/bytes.ts';
import { decodeRanges } from '../targets/systems/mysql/binlog/parallel.ts';
import { rangesOf } from '../targets/systems/mysql/binlog/ranges.ts';
import { MODULE, Texts } from './binlog-text.ts';
import { readFiles, readStream } from '../targets/systems/mysql/binlog/read.ts';

/** `text`, `text2`: every value to its text, in one thread and in two. */
export type Mode = 'inventory' | 'inventory-all' | 'hash' | 'text' | 'text2' | 'stream' | 'count';

export interface Passes {
  wallS: number[];
  cpuS: number[];
  /** of the last pass */
  seen: Seen;
}
/** What a pass saw: other readers of the same log must have seen as much. */
export interface Seen {
  transactions: number;
  images: number;
  /** `count` only */
  events: number;
  /** `count` only: of events that came out of payloads */
  nestedBytes: number;
  /** notes left out */
  findings: string[];
  /** over every hash and key: work that is not used is work that may not be done */
  digest: number;
}

class Watcher implements LogVisitor {
  readonly seen: Seen = { transactions: 0, images: 0, events: 0, nestedBytes: 0, findings: [], digest: 0 };
  end(): void {
    this.seen.transactions++;
  }
  finding(f: Finding): void {
    if (f.level !== 'note') this.seen.findings.push(`${f.kind} at ${f.offset}: ${f.text}`);
  }
}

/** A lost-set pass: hash and key of every image. The logs do not name the key; it is the first column, as information_schema would say. */
class Hashing extends Watcher {
  private readonly hasher = new RowHasher(() => KEY);
  private op: RowsEvent['op'] = 'insert';
  private readonly row = (): void => {
    const { seen, op } = this;
    const { before, after } = this.hasher;
    if (op !== 'insert') {
      seen.digest = (seen.digest ^ before.high ^ before.low ^ before.keyHigh ^ before.keyLow) | 0;
      seen.images++;
    }
    if (op !== 'delete') {
      seen.digest = (seen.digest ^ after.high ^ after.low ^ after.keyHigh ^ after.keyLow) | 0;
      seen.images++;
    }
  };
  rows(rows: RowsEvent): void {
    this.op = rows.op;
    this.hasher.hashAll(rows, this.row);
  }
}
const KEY = [0];

class Counting extends Watcher {
  rows(rows: RowsEvent): void {
    while (rows.next()) this.seen.images += Number(rows.before !== null) + Number(rows.after !== null);
  }
  event(_type: number, length: number, _place: unknown, nested: boolean): void {
    if (nested) this.seen.nestedBytes += length;
    else this.seen.events++;
  }
}

async function pass(mode: Mode, target: string, executed: string): Promise<Seen> {
  if (mode === 'inventory' || mode === 'inventory-all') {
    const inventory = new Inventory();
    const checksums = mode === 'inventory' ? 'structure' : 'all';
    await readFiles([target], new LogReader(inventory, { bytes: nodeBytes, rows: 'skip', checksums }));
    const findings = inventory.findings.kept.filter((f) => f.level !== 'note').map((f) => `${f.kind} at ${f.offset}: ${f.text}`);
    const transactions = inventory.files.reduce((n, f) => n + f.transactions, 0);
    return { transactions, images: 0, events: 0, nestedBytes: 0, findings, digest: 0 };
  }
  if (mode === 'text' || mode === 'text2') return texts(target, mode === 'text2' ? 2 : 1);
  const visitor = mode === 'count' ? new Counting() : new Hashing();
  const reader = new LogReader(visitor, { bytes: nodeBytes, rows: 'visit', checksums: 'all' });
  if (mode === 'stream') await readStream(target, reader, { executed: GtidSet.parse(executed), until: 'end' });
  else await readFiles([target], reader);
  return visitor.seen;
}

async function texts(target: string, jobs: number): Promise<Seen> {
  const findings: string[] = [];
  const visitor = new Texts((f) => f.level !== 'note' && findings.push(`${f.kind} at ${f.offset}: ${f.text}`));
  const ranges = jobs > 1 ? await rangesOf([target], {}) : null;
  if (ranges === null) await readFiles([target], new LogReader(visitor, { bytes: nodeBytes, rows: 'visit', checksums: 'all' }));
  else {
    const write = (counts: Uint8Array): void => {
      const [transactions, images] = new Uint32Array(counts.slice().buffer) as unknown as [number, number];
      visitor.transactions += transactions;
      visitor.images += images;
    };
    await decodeRanges(ranges, { jobs, module: MODULE, limits: {}, own: null }, { write, finding: (f) => visitor.finding(f) });
  }
  return { transactions: visitor.transactions, images: visitor.images, events: 0, nestedBytes: 0, findings, digest: 0 };
}

const [mode, target, times, executed = ''] = process.argv.slice(2) as [Mode, string, string, string?];
const wallS: number[] = [];
const cpuS: number[] = [];
let seen: Seen | null = null;
for (let i = 0; i < Number(times); i++) {
  const cpu = process.cpuUsage();
  const started = performance.now();
  seen = await pass(mode, target, executed);
  wallS.push((performance.now() - started) / 1_000);
  const { user, system } = process.cpuUsage(cpu);
  cpuS.push((user + system) / 1e6);
}
process.stdout.write(`${JSON.stringify({ wallS, cpuS, seen })}\n`);
