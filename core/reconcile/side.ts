/** One side of a fork: the files of one server's binary log and their whole transactions, in commit order. */
import type { Finding } from '../binlog/finding.ts';
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

/** Collects what a decoder tells. Memory: all transactions. */
export class SideLog implements BinlogSink {
  readonly files: SideFile[] = [];
  readonly transactions: SideTransaction[] = [];
  readonly findings: Finding[] = [];

  file(name: string): void {
    this.files.push({ file: name, previous: null });
  }

  previousGtids(set: GtidSet): void {
    const file = this.files.at(-1);
    if (file) file.previous = set;
  }

  transaction(t: Transaction): void {
    const heartbeat = t.rows.length > 0 && t.statements.length === 0 && t.rows.every((r) => r.table.startsWith(`${META_SCHEMA}.`));
    this.transactions.push({ ...t, index: this.transactions.length, heartbeat });
  }

  finding(finding: Finding): void {
    this.findings.push(finding);
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
