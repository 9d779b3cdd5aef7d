/** The old side's log where relay logs hold transactions of it that its own files do not: a lost disk, purged files, a source of the old source (docs/semantics.md, 7). */
import type { Connection } from 'mysql2/promise';
import type { Finding } from '../../core/binlog/finding.ts';
import type { LogVisitor, Statement, TxEnd, TxHead } from '../../core/binlog/visitor.ts';
import type { RowsEvent } from '../../core/binlog/rows.ts';
import { DrillError } from '../../core/errors.ts';
import { GtidSet } from '../../core/gtid.ts';
import { Survey } from '../../core/reconcile/collect.ts';
import { SideLog } from '../../core/reconcile/side.ts';
import type { LogFile } from '../../targets/port.ts';
import { findRelayLogs, readLogs } from '../../targets/systems/mysql/logs.ts';
import type { ReadLogs } from '../../targets/systems/mysql/logs.ts';
import { isMariadb } from '../../targets/systems/mysql/dsn.ts';
import { rowsOf } from '../../targets/systems/mysql/rows.ts';

export interface OldLogs {
  /** Reads everything of the old side into the visitor, as readLogs does: each transaction once: what only relay logs have before its own files where their first one says so, else behind them. */
  read(log: SideLog, visitor: LogVisitor, options?: ReadLogs): Promise<LogFile[]>;
  /** that only relay logs have */
  relayed: GtidSet;
  /** that was received before the relay logs began, as they say */
  received: GtidSet;
}

/** One replication channel's relay logs. */
interface Relay {
  files: string[];
  /** whole transactions that are counted from here, and of them those that the old source's first file says came before it */
  own: GtidSet;
  early: GtidSet;
}

/** `relays`: folders. `connection`: to the new source, whose own transactions a replica's relay logs hold too. Cost: one more reading of everything, without rows, where there are relay logs. */
export async function openOldLogs(old: string, relays: readonly string[], connection: Connection): Promise<OldLogs> {
  if (relays.length === 0)
    return { read: async (log, visitor, options) => readLogs(old, log, visitor, options), relayed: GtidSet.empty, received: GtidSet.empty };
  if (await isMariadb(connection))
    throw new DrillError(
      'DRILL_RELAY_UNSUPPORTED',
      '--relay beside --old is not read on MariaDB',
      'name the folder with the relay logs as --old, in a run of its own',
    );
  const isNew = await writtenBy(connection);
  const seen: { files: string[]; log: SideLog }[] = [];
  for (const dir of relays) for (const files of await findRelayLogs(dir)) seen.push({ files, log: await inventory(files, isNew) });
  // a source that still runs has by now what it had sent by then
  const own = await inventory(old);
  const before = own.files[0]?.previous ?? GtidSet.empty;
  let known = own.order.set();
  let received = GtidSet.empty;
  const found: Relay[] = [];
  for (const { files, log } of seen) {
    const rest = log.order.set().subtract(known);
    known = known.union(rest);
    received = received.union(isNew.without(log.files[0]?.previous ?? GtidSet.empty));
    found.push({ files, own: rest, early: rest.intersect(before) });
  }
  return {
    relayed: known.subtract(own.order.set()),
    received,
    read: async (log, visitor, options) => {
      const read = async (r: Relay, only: Only) => readLogs(r.files, log, only, options);
      for (const r of found) if (!r.early.isEmpty()) await read(r, new Only(visitor, r.early, null));
      const files = await readLogs(old, log, visitor, options);
      for (const r of found) files.push(...(await read(r, new Only(visitor, r.own.subtract(r.early), known))));
      return files;
    },
  };
}

/** What the new source wrote itself: by its UUID, and by its server_id where a client named the GTID. */
interface Writer {
  has(tx: TxHead, gtid: string): boolean;
  without(set: GtidSet): GtidSet;
}

async function writtenBy(connection: Connection): Promise<Writer> {
  const rows = (await rowsOf(connection, "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('server_uuid', 'server_id')")) as unknown as [string, string][];
  const values = new Map(rows);
  const [uuid, id] = [values.get('server_uuid'), Number(values.get('server_id'))];
  const ours = (source: string) => source === uuid || source.startsWith(`${uuid}:`);
  return {
    has: (tx, gtid) => tx.serverId === id || ours(gtid.slice(0, gtid.lastIndexOf(':'))),
    without: (set) => GtidSet.fromIntervals(new Map(set.intervals().filter(([source]) => !ours(source)))),
  };
}

async function inventory(source: string | readonly string[], not?: Writer): Promise<SideLog> {
  const log = new SideLog(() => false);
  const survey = new Survey(log);
  await readLogs(source, log, not ? new Except(survey, not) : survey, { rows: 'skip', checksums: 'structure', sha256: false });
  return log;
}

/** Passes some transactions on, and nothing else: files and what was before them are the old source's own. */
abstract class Filter implements LogVisitor {
  protected readonly to: LogVisitor;
  private passing = false;
  /** of the transaction that is open */
  protected gtid: string | null = null;

  constructor(to: LogVisitor) {
    this.to = to;
  }

  protected abstract wants(tx: TxHead, gtid: string): boolean;

  begin(tx: TxHead): void {
    this.gtid = tx.gtid();
    this.passing = this.gtid !== null && this.wants(tx, this.gtid);
    if (this.passing) this.to.begin?.(tx);
  }
  rows(rows: RowsEvent, tx: TxHead | null): void {
    if (this.passing) this.to.rows?.(rows, tx);
  }
  statement(statement: Statement, tx: TxHead | null): void {
    if (this.passing) this.to.statement?.(statement, tx);
  }
  end(tx: TxHead, end: TxEnd): void {
    if (this.passing) this.to.end?.(tx, end);
    this.passing = false;
    this.gtid = null;
  }
  abandon(tx: TxHead): void {
    if (this.passing) this.to.abandon?.(tx);
    this.passing = false;
    this.gtid = null;
  }
  finding(f: Finding): void {
    this.to.finding(f);
  }
}

class Only extends Filter {
  private readonly set: GtidSet;
  private readonly known: GtidSet | null;

  /** `known`: that are whole somewhere; null: findings are told by another reading */
  constructor(to: LogVisitor, set: GtidSet, known: GtidSet | null) {
    super(to);
    this.set = set;
    this.known = known;
  }
  protected override wants(_tx: TxHead, gtid: string): boolean {
    return this.set.has(gtid);
  }
  /** A receiver often stops in the middle of a transaction: no matter, where that is whole elsewhere. */
  override finding(f: Finding): void {
    if (this.known === null || (f.kind === 'cut' && this.gtid !== null && this.known.has(this.gtid))) return;
    super.finding(f);
  }
}

class Except extends Filter {
  private readonly writer: Writer;

  constructor(to: LogVisitor, writer: Writer) {
    super(to);
    this.writer = writer;
  }
  protected override wants(tx: TxHead, gtid: string): boolean {
    return !this.writer.has(tx, gtid);
  }
  beginFile(name: string): void {
    this.to.beginFile?.(name);
  }
  previousGtids(...of: Parameters<NonNullable<LogVisitor['previousGtids']>>): void {
    this.to.previousGtids?.(...of);
  }
  format(...of: Parameters<NonNullable<LogVisitor['format']>>): void {
    this.to.format?.(...of);
  }
}
