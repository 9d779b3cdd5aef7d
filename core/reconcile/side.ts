/** One side of a fork: the files of one server's binary log and its whole transactions, in commit order. Of most of them only the GTID is kept. */
import type { Finding } from '../binlog/finding.ts';
import type { BinlogSink, Transaction } from '../binlog/model.ts';
import { domainOf, GtidSet } from '../gtid.ts';
import type { GtidSource } from '../gtid.ts';
import { META_SCHEMA } from '../workload.ts';
import { GtidOrder } from './order.ts';
import { ServerIds } from './servers.ts';
import type { Row } from './tables.ts';

/** A row event's one row, in the cells of the table as it is now (core/reconcile/schema.ts). */
export interface RowChange {
  /** `schema.table` */
  table: string;
  op: 'insert' | 'update' | 'delete';
  before: Row | null;
  after: Row | null;
  /** why its cells cannot be told, in words that follow the table's name */
  reason?: string;
  /** its number in the log, where rows were put aside */
  nth?: number;
}

export interface SideTransaction extends Transaction<RowChange> {
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

/** A write of the ledger as a row image shows it. */
export interface LoggedWrite {
  gtid: string;
  table: string;
  /** the write id in a row; null: the row of `key` was deleted */
  w: string | null;
  key: string;
}

/** It touches nothing but our own heartbeat. */
export const isHeartbeat = (t: Transaction<RowChange>): boolean =>
  t.rows.length > 0 && t.statements.length === 0 && t.rows.every((r) => r.table.startsWith(`${META_SCHEMA}.`));

/** Collects what a decoder tells. Memory: the transactions that are kept; of all others, runs of GTIDs. */
export class SideLog implements BinlogSink<RowChange> {
  readonly files: SideFile[] = [];
  readonly findings: Finding[] = [];
  readonly order = new GtidOrder();
  readonly servers = new ServerIds();
  /** those that are kept, in the log's order */
  transactions: SideTransaction[] = [];
  /** of the ledger, in transactions that are not kept */
  writes: LoggedWrite[] = [];
  /** of its first file's server */
  version = '';
  /** a replica received it: it begins wherever the replica asked */
  relay = false;
  /** the last that a MariaDB server says it replicated: in its log, unless it does not log what it replicates. Set for a whole log only. */
  replicated = GtidSet.empty;
  /** branches that were prepared: of them, rows must be had whatever side of the fork they are on */
  readonly prepared: Set<string>;
  /** of the old side: what only relay logs have of it, and what was received before they began */
  relayed = GtidSet.empty;
  received = GtidSet.empty;
  private readonly keep: (t: Transaction<RowChange>) => boolean;
  private known: GtidSet | null = null;

  constructor(keep: (t: Transaction<RowChange>) => boolean = () => true, prepared: Iterable<string> = []) {
    this.keep = keep;
    this.prepared = new Set(prepared);
  }

  file(name: string): void {
    this.files.push({ file: name, previous: null });
  }

  server(version: string, relay = false): void {
    if (this.version === '') this.relay = relay;
    if (this.version === '') this.version = version;
  }

  previousGtids(set: GtidSet): void {
    const file = this.files.at(-1);
    // MariaDB tells it again at every connection, into the same relay log
    if (file && !(this.mariadb && this.order.count > 0 && this.previous !== null)) file.previous = set;
    this.known = null;
  }

  transaction(t: Transaction<RowChange>): void {
    this.known = null;
    const index = this.order.add(t.gtid);
    if (t.serverId !== undefined) this.servers.add(t.gtid, t.serverId);
    if (t.branch !== undefined && t.statements.includes('XA PREPARE')) this.prepared.add(t.gtid);
    if (!this.keep(t) && t.branch === undefined) return;
    this.transactions.push({ ...t, index, heartbeat: isHeartbeat(t) });
  }

  /** Executed before its first file; null: it does not say. */
  get previous(): GtidSet | null {
    const said = (this.mariadb ? this.files.find((f) => f.previous !== null) : this.files[0])?.previous ?? null;
    return this.relay ? this.early().union(said ?? GtidSet.empty) : said;
  }

  /** Of a relay log: whoever wrote a number had written those below it, of MariaDB in its domain. The replica had them when it asked for the rest. */
  private early(): GtidSet {
    const lowest = new Map<string, { source: GtidSource; start: number }>();
    for (const { source, start } of this.order.runs) {
      const of = this.mariadb ? domainOf(source) : source;
      const known = lowest.get(of);
      if (!known || start < known.start) lowest.set(of, { source, start });
    }
    return GtidSet.fromIntervals(new Map([...lowest.values()].filter((l) => l.start > 1).map((l) => [l.source, [[1, l.start] as const]])));
  }

  get mariadb(): boolean {
    return /mariadb/i.test(this.version);
  }

  finding(finding: Finding): void {
    this.findings.push(finding);
  }

  /** Takes what a second reading of the same log kept: transactions that the first one did not have are left out. */
  adopt(again: SideLog): void {
    const own = (gtid: string) => this.order.indexOf(gtid);
    this.transactions = again.transactions.filter((t) => own(t.gtid) !== -1).map((t) => ({ ...t, index: own(t.gtid) }));
    this.writes = again.writes.filter((w) => own(w.gtid) !== -1);
  }

  /** What was before the log, and is not in it: of its rows nothing is known. */
  before(): GtidSet {
    return (this.previous ?? GtidSet.empty).union(this.received).subtract(this.order.set());
  }

  /** All GTIDs the log accounts for: its whole transactions and everything that came before its files. */
  set(): GtidSet {
    if (this.known) return this.known;
    let set = this.order.set();
    if (this.relay) set = set.union(this.early());
    // a list of MariaDB stands for more than there was: it is taken for what no file holds, and for nothing else
    if (this.mariadb) set = set.union(this.previous ?? GtidSet.empty);
    else for (const f of this.files) if (f.previous) set = set.union(f.previous);
    return (this.known = set);
  }
}
