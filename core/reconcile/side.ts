/** One side of a fork: the files of one server's binary log and their whole transactions, in commit order. */
import type { BinlogSink, Transaction } from '../binlog/model.ts';
import { GtidSet } from '../gtid.ts';
import { META_SCHEMA } from '../workload.ts';

export interface SideTransaction extends Transaction {
  /** ordinal in this side's log */
  index: number;
  /** touches nothing but our own heartbeat */
  heartbeat: boolean;
}

export interface SideFile {
  file: string;
  /** null: the file has none (it is empty, or its beginning is not readable) */
  previous: GtidSet | null;
}

export interface SideFinding {
  file: string;
  kind: 'in-use' | 'cut' | 'unreadable';
  text: string;
}

/** Collects what a parser finds: call `file` before each file, in the order of the log. Memory: all transactions. */
export class SideLog implements BinlogSink {
  readonly files: SideFile[] = [];
  readonly transactions: SideTransaction[] = [];
  readonly findings: SideFinding[] = [];

  file(name: string): void {
    this.files.push({ file: name, previous: null });
  }

  previousGtids(text: string): void {
    const file = this.files.at(-1);
    if (file) file.previous = GtidSet.parse(text);
  }

  transaction(t: Transaction): void {
    const heartbeat = t.rows.length > 0 && t.statements.length === 0 && t.rows.every((r) => r.table.startsWith(`${META_SCHEMA}.`));
    this.transactions.push({ ...t, index: this.transactions.length, heartbeat });
  }

  finding(kind: SideFinding['kind'], text: string): void {
    this.findings.push({ file: this.files.at(-1)?.file ?? '', kind, text });
  }

  /** All GTIDs the log accounts for: its whole transactions and everything that came before its files. */
  set(): GtidSet {
    let set = GtidSet.of(this.transactions.map((t) => t.gtid));
    for (const f of this.files) if (f.previous) set = set.union(f.previous);
    return set;
  }

  /** `schema.table` of every row image. */
  tables(): Set<string> {
    const names = new Set<string>();
    for (const t of this.transactions) for (const r of t.rows) names.add(r.table);
    return names;
  }
}
