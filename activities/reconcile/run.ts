/** Reconciliation from folders and connection strings: reads, hands everything to core/reconcile, writes the bundle's files. Needs neither Temporal nor a runbook. */
import { hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection } from 'mysql2/promise';
import { BUNDLE } from '../../core/bundle.ts';
import { GtidSet } from '../../core/gtid.ts';
import type { LedgerAttempt } from '../../core/ledger.ts';
import type { ReconcileRules } from '../../core/plan.ts';
import { isMeta, RowsReader, Survey } from '../../core/reconcile/collect.ts';
import type { LedgerInterest, RowsWanted } from '../../core/reconcile/collect.ts';
import { forkOf } from '../../core/reconcile/domains.ts';
import { decidedOf, findFork, lostOf } from '../../core/reconcile/fork.ts';
import { KeyIds, rowOfKey } from '../../core/reconcile/keys.ts';
import { touchIndex } from '../../core/reconcile/lost.ts';
import type { FinalRows, KeyState, Shapes } from '../../core/reconcile/lost.ts';
import { idOf } from '../../core/reconcile/net.ts';
import { clientGtids, divergenceOf, reconcileSides } from '../../core/reconcile/reconcile.ts';
import type { Divergence, Reconciled } from '../../core/reconcile/reconcile.ts';
import { SideLog } from '../../core/reconcile/side.ts';
import type { SideTransaction } from '../../core/reconcile/side.ts';
import type { Row, TableShape } from '../../core/reconcile/tables.ts';
import type { LogFile } from '../../targets/port.ts';
import { nodeBytes } from '../../targets/systems/mysql/binlog/bytes.ts';
import { executedOf, replicatedLast, withConnection } from '../../targets/systems/mysql/dsn.ts';
import { readLogs } from '../../targets/systems/mysql/logs.ts';
import { readRowsLike, readShapes } from '../../targets/systems/mysql/rows.ts';
import { ServerKeys } from '../../targets/systems/mysql/weights.ts';
import { unloggedCascades } from './cascades.ts';
import { readAttempts } from './ledger.ts';
import { openOldLogs } from './relays.ts';

export interface ReconcileOptions {
  /** the old source: a folder that holds its binary logs, or its connection string when it runs */
  old: string;
  /** folders with relay logs: whole transactions of the old side that its own logs do not hold, and that were not written on the new source, count as its own */
  relays?: readonly string[];
  /** the new source's connection string */
  new: string;
  /** gtid_executed at promotion where it was recorded, or what a person says; derived from the logs otherwise */
  fork?: { set: string; how: 'given' | 'recorded' };
  /** path of ledger.jsonl */
  ledger?: string;
  rules: ReconcileRules;
  /** where reconcile.json, lost.jsonl and fates.jsonl go; nothing is written without it */
  outDir?: string;
  progress?: (text: string) => void;
}

export interface Reconciliation extends Reconciled {
  /** what --apply works from */
  states: KeyState[];
  /** every table the lost part touched, supported or not */
  tables: string[];
  finals: FinalRows;
}

/** Reads both sides and judges. Promise: reads only; throws coded errors; anything it cannot tell is a finding in the summary. */
export async function reconcile(opts: ReconcileOptions): Promise<Reconciliation> {
  const result = await withConnection(opts.new, (connection) => reconcileWith(connection, opts));
  if (opts.outDir) await writeFiles(opts.outDir, result);
  return result;
}

const READS_MAX = 3;

async function reconcileWith(connection: Connection, opts: ReconcileOptions): Promise<Reconciliation> {
  const say = opts.progress ?? (() => {});
  const attempts = opts.ledger === undefined ? null : await readAttempts(opts.ledger);
  say(attempts ? `ledger: ${attempts.length} attempts` : 'no ledger');
  const side = await readOld(connection, opts, attempts);
  const { old, shapes, ids, known } = side;
  for (let read = 1; ; read++) {
    let fresh = await readFresh(opts.new, side);
    say(`new side: ${fresh.log.order.count} transactions in ${fresh.files.length} log file${fresh.files.length === 1 ? '' : 's'}`);
    const both = { old, ...(known ? { known } : {}), rules: opts.rules, clients: clientGtids(attempts) };
    const judge = async () => {
      await learn(ids, shapes, fresh.log.transactions);
      return divergenceOf({ ...both, fresh: fresh.log }, shapes, ids);
    };
    let divergence = await judge();
    const { visible: bound } = await executedOf(connection);
    const rows = await readFinals(connection, divergence, attempts, shapes, ids);
    const { logged: after } = await executedOf(connection);
    say(`rows: ${divergence.changes.keys.length} lost keys compared`);
    const finals: FinalRows = { rows: (table, id) => rows.get(table)?.get(id) ?? (rows.has(table) ? [] : null), bound };
    // writers go on: read the log again so that it covers the moment of the rows
    if (!after.beyond(fresh.log.set()).isEmpty()) {
      fresh = await readFresh(opts.new, side);
      divergence = await judge();
    }
    const cascades = await unloggedCascades(connection, divergence.changes.keys, opts.rules.identity, ids);
    const logs = [...side.files.map((f) => ({ side: 'old' as const, ...f })), ...fresh.files.map((f) => ({ side: 'new' as const, ...f }))];
    const result = reconcileSides({ ...both, fresh: fresh.log, shapes, ids, divergence, finals, attempts, logs, cascades, sha256 });
    const unread = divergence.changes.keys.some((k) => !rows.has(k.shape.name));
    if (!unread || read === READS_MAX) return { ...result, states: divergence.changes.keys, tables: touchedBy(divergence), finals };
  }
}

const touchedBy = ({ changes }: Divergence): string[] => [...new Set([...changes.keys.map((k) => k.shape.name), ...changes.unsupported.keys()])];

/** The old side as read, and what of the new one is wanted. */
interface OldSide {
  old: SideLog;
  files: LogFile[];
  /** of the new side */
  replicated: GtidSet;
  /** where it was told */
  known: { set: GtidSet; how: 'given' | 'recorded' } | undefined;
  /** null: not known */
  fork: GtidSet | null;
  lost: GtidSet;
  shapes: Map<string, TableShape | string>;
  ids: KeyIds;
  /** a row of the new side that concerns the lost part */
  touches: RowsWanted['touches'];
  ledger: LedgerInterest | null;
}

/**
 * Reads the old log twice: once for what it holds, which with the beginning of the new one tells the fork, and once more for the rows of the lost part only.
 * Memory: the rows of the lost part, and the ledger.
 */
async function readOld(connection: Connection, opts: ReconcileOptions, attempts: readonly LedgerAttempt[] | null): Promise<OldSide> {
  const say = opts.progress ?? (() => {});
  const old = new SideLog(() => false);
  const survey = new Survey(old);
  const logs = await openOldLogs(opts.old, opts.relays ?? [], connection);
  const files = await logs.read(old, survey);
  [old.relayed, old.received] = [logs.relayed, logs.received];
  say(`old side: ${old.order.count} transactions in ${files.length} log file${files.length === 1 ? '' : 's'}`);
  const replicated = await replicatedLast(connection);
  const known = opts.fork && { set: forkOf(opts.fork.set, old), how: opts.fork.how };
  const fork = known?.set ?? findFork(old, await readBeginning(opts.new, old)).set;
  const lost = fork ? lostOf(old, fork) : GtidSet.empty;
  const first = lost.isEmpty() ? Infinity : old.order.firstOf(lost);
  // a branch that was prepared before the fork may have been committed after it
  const from = old.prepared.size > 0 ? 0 : first;
  const tables = new Set([...survey.tables].filter(([t, last]) => last >= from && !isMeta(t)).map(([t]) => t));
  for (const a of attempts ?? []) tables.add(a.table);
  const shapes = await readShapes(connection, tables, opts.rules.identity);
  const ids = new KeyIds(new ServerKeys(connection));
  const again = new SideLog((t) => lost.has(t.gtid), old.prepared);
  const ledger = interestOf(attempts);
  const of = (gtid: string) => (lost.has(gtid) ? ('all' as const) : ('none' as const));
  const reader = new RowsReader(again, { bytes: nodeBytes, shapes, ledger, touches: () => true, of });
  if (!lost.isEmpty() || ledger) await logs.read(again, reader, AGAIN);
  old.adopt(again);
  const transactions = decidedOf(old, lost);
  await learn(ids, shapes, transactions);
  return { old, files, known, replicated, fork, lost, shapes, ids, ledger, touches: touchIndex({ transactions }, shapes, ids) };
}

const sha256 = (text: string): string => hash('sha256', text);

/** Every checksum was verified by the first reading. */
const AGAIN = { rows: 'visit', checksums: 'structure', sha256: false } as const;

/** The new side's log up to the first transaction that the old side never had. */
async function readBeginning(source: string, old: SideLog): Promise<SideLog> {
  const oldSet = old.set();
  const enough = new AbortController();
  const log = new SideLog((t) => {
    // a relay log of MariaDB does not name all that it stands for
    if (!oldSet.has(t.gtid) && !(old.relay && old.mariadb)) enough.abort(enough);
    return false;
  });
  try {
    await readLogs(source, log, new Survey(log), { rows: 'skip', checksums: 'structure', sha256: false, signal: enough.signal });
  } catch (e) {
    if (e !== enough) throw e;
  }
  return log;
}

/** The new side's log, with the rows of keys that the lost part touched. Of tables whose keys fold, or that have none, with all rows after the fork. */
async function readFresh(source: string, { old, replicated, fork, lost, shapes, touches, ledger }: OldSide): Promise<{ log: SideLog; files: LogFile[] }> {
  const log = new SideLog((t) => !!fork && !fork.has(t.gtid) && (t.rows.length + t.statements.length > 0 || lost.has(t.gtid)), old.prepared);
  log.replicated = replicated;
  const of = (gtid: string) => (!fork || fork.has(gtid) ? ('none' as const) : lost.has(gtid) ? ('all' as const) : ('touched' as const));
  const reader = new RowsReader(log, { bytes: nodeBytes, shapes, ledger, touches, of });
  return { log, files: await readLogs(source, log, reader) };
}

/** Weights for every key in these transactions. */
async function learn(ids: KeyIds, shapes: Shapes, transactions: readonly SideTransaction[]): Promise<void> {
  const rows = new Map<string, (Row | null)[]>();
  for (const t of transactions) {
    for (const r of t.rows) {
      const list = rows.get(r.table);
      if (list) list.push(r.before, r.after);
      else rows.set(r.table, [r.before, r.after]);
    }
  }
  for (const [table, some] of rows) {
    const shape = shapes.get(table);
    if (shape && typeof shape !== 'string') for (const spec of [...(shape.key ? [shape.key] : []), ...shape.uniques]) await ids.learn(spec, some);
  }
}

function interestOf(attempts: readonly LedgerAttempt[] | null): LedgerInterest | null {
  if (!attempts) return null;
  const wanted = new Set<string>();
  for (const a of attempts) wanted.add(`${a.table}\0${a.writeId}`).add(`${a.table}\0${a.key}`);
  return { tables: new Set(attempts.map((a) => a.table)), wants: (at) => wanted.has(at) };
}

async function readFinals(
  connection: Connection,
  divergence: Divergence,
  attempts: readonly LedgerAttempt[] | null,
  shapes: Shapes,
  ids: KeyIds,
): Promise<Map<string, Map<string, Row[]>>> {
  const wanted = new Map<TableShape, Map<string, Row>>();
  const want = (shape: TableShape, id: string, row: Row) => {
    const rows = wanted.get(shape) ?? new Map<string, Row>();
    wanted.set(shape, rows.set(id, row));
  };
  for (const k of divergence.changes.keys) want(k.shape, k.id, (k.lost[0]!.after ?? k.lost[0]!.before)!);
  const byTable = Map.groupBy(attempts ?? [], (a) => a.table);
  for (const [table, some] of byTable) {
    const shape = shapes.get(table);
    if (!shape || typeof shape === 'string' || !shape.key) continue;
    const rows = new Map(some.map((a) => [a.key, rowOfKey(shape.key!, a.key, shape.columns.length)]));
    await ids.learn(shape.key, rows.values());
    for (const [key, row] of rows) want(shape, ids.idOf(shape.key, row) ?? key, row);
  }
  const found = new Map<string, Map<string, Row[]>>();
  for (const [shape, rows] of wanted) found.set(shape.name, await readById(connection, shape, [...rows.values()], ids));
  return found;
}

async function readById(connection: Connection, shape: TableShape, wanted: readonly Row[], ids: KeyIds): Promise<Map<string, Row[]>> {
  const found = new Map<string, Row[]>();
  for await (const rows of readRowsLike(connection, shape, wanted)) {
    if (shape.key) await ids.learn(shape.key, rows);
    for (const row of rows) {
      const id = idOf(shape, row, ids)!;
      const list = found.get(id);
      if (list) list.push(row);
      else found.set(id, [row]);
    }
  }
  return found;
}

async function writeFiles(dir: string, r: Reconciled): Promise<void> {
  await writeDurably(
    join(dir, BUNDLE.lost),
    r.lost.map((l) => `${JSON.stringify(l)}\n`),
  );
  await writeDurably(
    join(dir, BUNDLE.fates),
    r.fates.map((l) => `${JSON.stringify(l)}\n`),
  );
  await writeDurably(join(dir, BUNDLE.reconcile), [`${JSON.stringify(r.summary, null, 2)}\n`]);
}

/** Writes a file whole and has it on the disk before returning. */
export async function writeDurably(path: string, lines: Iterable<string>): Promise<void> {
  const file = await open(path, 'w');
  try {
    let some: string[] = [];
    for (const line of lines) {
      if (some.push(line) < 1_000) continue;
      await file.write(some.join(''));
      some = [];
    }
    await file.write(some.join(''));
    await file.sync();
  } finally {
    await file.close();
  }
}
