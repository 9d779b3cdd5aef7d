/** Reconciliation from folders and connection strings: reads, hands everything to core/reconcile, writes the bundle's files. Needs neither Temporal nor a runbook. */
import { hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection } from 'mysql2/promise';
import type { Transaction } from '../../core/binlog/model.ts';
import { BUNDLE } from '../../core/bundle.ts';
import type { ReconcileSummary } from '../../core/bundle.ts';
import { GtidSet } from '../../core/gtid.ts';
import type { LedgerAttempt } from '../../core/ledger.ts';
import type { ReconcileRules } from '../../core/plan.ts';
import { isMeta, RowsReader, Survey } from '../../core/reconcile/collect.ts';
import type { LedgerInterest, RowsWanted } from '../../core/reconcile/collect.ts';
import { forkOf } from '../../core/reconcile/domains.ts';
import { decidedOf, findFork, lostOf } from '../../core/reconcile/fork.ts';
import { KeyIds, rowOfKey } from '../../core/reconcile/keys.ts';
import { touchIndex } from '../../core/reconcile/lost.ts';
import type { FinalRows, Shapes } from '../../core/reconcile/lost.ts';
import { idOf, learnKeys } from '../../core/reconcile/net.ts';
import { plannedOf } from '../../core/reconcile/plan-changes.ts';
import type { PlannedChange } from '../../core/reconcile/plan-model.ts';
import { clientGtids, divergenceOf, reconcileSides } from '../../core/reconcile/reconcile.ts';
import type { Divergence, Reconciled } from '../../core/reconcile/reconcile.ts';
import { SideLog } from '../../core/reconcile/side.ts';
import type { RowChange } from '../../core/reconcile/side.ts';
import { jsonOf } from '../../core/reconcile/spill.ts';
import type { Sequence } from '../../core/reconcile/spill.ts';
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
import type { OldLogs } from './relays.ts';

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
  /** the changes that a plan is made of are wanted too */
  plan?: boolean;
  /** above these, rows are put aside in temporary files */
  memory?: { rowsMax: number; charactersMax: number; parts?: number };
}

/** Row changes of either log that are kept in memory, at about 2 KB each, and characters of their cells. */
const MEMORY = { rowsMax: 50_000, charactersMax: 25_000_000 };

/** `lost` and `changes` may be in temporary files: until it is disposed of, or the process ends. */
export interface Reconciliation extends Reconciled, Disposable {
  /** what --apply works from; null: it was not asked for */
  changes: Sequence<PlannedChange> | null;
  /** every table the lost part touched, supported or not */
  tables: string[];
  /** gtid_executed of the new source before its rows were read */
  bound: GtidSet;
}

/** Reads both sides and judges. Promise: reads only; throws coded errors; anything it cannot tell is a finding in the summary. */
export async function reconcile(opts: ReconcileOptions): Promise<Reconciliation> {
  const result = await withConnection(opts.new, (connection) => reconcileWith(connection, opts));
  try {
    if (opts.outDir) await writeFiles(opts.outDir, result);
  } catch (e) {
    result[Symbol.dispose]();
    throw e;
  }
  return result;
}

async function reconcileWith(connection: Connection, opts: ReconcileOptions): Promise<Reconciliation> {
  const surveyed = await survey(connection, opts);
  try {
    return await inMemory(connection, opts, surveyed);
  } catch (e) {
    if (e !== TOO_MANY) throw e;
    const { reconcileSpilled } = await import('./spilled.ts');
    return reconcileSpilled(connection, opts, surveyed);
  }
}

const READS_MAX = 3;

/** Throws TOO_MANY. */
export async function inMemory(connection: Connection, opts: ReconcileOptions, surveyed: Surveyed): Promise<Reconciliation> {
  const say = opts.progress ?? (() => {});
  const { old, shapes, attempts, known } = surveyed;
  const ids = new KeyIds(new ServerKeys(connection));
  const touches = await readLost(opts, surveyed, ids);
  for (let read = 1; ; read++) {
    let fresh = await readFresh(opts, surveyed, touches);
    say(`new side: ${fresh.log.order.count} transactions in ${fresh.files.length} log file${fresh.files.length === 1 ? '' : 's'}`);
    const both = { old, ...(known ? { known } : {}), rules: opts.rules, clients: clientGtids(attempts) };
    const judge = async () => {
      await learnKeys(ids, shapes, fresh.log.transactions);
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
      fresh = await readFresh(opts, surveyed, touches);
      divergence = await judge();
    }
    const { keys } = divergence.changes;
    const cascades = await unloggedCascades(connection, keys, opts.rules.identity, ids);
    const logs = logsOf(surveyed.files, fresh.files);
    const result = reconcileSides({ ...both, fresh: fresh.log, shapes, ids, divergence, finals, attempts, logs, cascades, sha256 });
    const unread = keys.some((k) => !rows.has(k.shape.name));
    if (unread && read < READS_MAX) continue;
    const changes = opts.plan ? keys.flatMap((k) => plannedOf(k, finals, opts.rules) ?? []) : null;
    return { ...result, changes, tables: touchedBy(divergence), bound, [Symbol.dispose]: () => {} };
  }
}

const touchedBy = ({ changes }: Divergence): string[] => [...new Set([...changes.keys.map((k) => k.shape.name), ...changes.unsupported.keys()])];

export const logsOf = (old: readonly LogFile[], fresh: readonly LogFile[]): ReconcileSummary['logs'] => [
  ...old.map((f) => ({ side: 'old' as const, ...f })),
  ...fresh.map((f) => ({ side: 'new' as const, ...f })),
];

/** What is known before any row is read. */
export interface Surveyed {
  /** without rows */
  old: SideLog;
  logs: OldLogs;
  files: LogFile[];
  /** of the new side */
  replicated: GtidSet;
  /** where it was told */
  known: { set: GtidSet; how: 'given' | 'recorded' } | undefined;
  /** null: not known */
  fork: GtidSet | null;
  lost: GtidSet;
  shapes: Map<string, TableShape | string>;
  /** null: no ledger was given */
  attempts: readonly LedgerAttempt[] | null;
  ledger: LedgerInterest | null;
}

/** Reads the old log for what it holds, which with the beginning of the new one tells the fork. Memory: the ledger. */
async function survey(connection: Connection, opts: ReconcileOptions): Promise<Surveyed> {
  const say = opts.progress ?? (() => {});
  const attempts = opts.ledger === undefined ? null : await readAttempts(opts.ledger);
  say(attempts ? `ledger: ${attempts.length} attempts` : 'no ledger');
  const old = new SideLog(() => false);
  const seen = new Survey(old);
  const logs = await openOldLogs(opts.old, opts.relays ?? [], connection);
  const files = await logs.read(old, seen);
  [old.relayed, old.received] = [logs.relayed, logs.received];
  say(`old side: ${old.order.count} transactions in ${files.length} log file${files.length === 1 ? '' : 's'}`);
  const replicated = await replicatedLast(connection);
  const known = opts.fork && { set: forkOf(opts.fork.set, old), how: opts.fork.how };
  const fork = known?.set ?? findFork(old, await readBeginning(opts.new, old)).set;
  const lost = fork ? lostOf(old, fork) : GtidSet.empty;
  const first = lost.isEmpty() ? Infinity : old.order.firstOf(lost);
  // a branch that was prepared before the fork may have been committed after it
  const from = old.prepared.size > 0 ? 0 : first;
  const tables = new Set([...seen.tables].filter(([t, last]) => last >= from && !isMeta(t)).map(([t]) => t));
  for (const a of attempts ?? []) tables.add(a.table);
  const shapes = await readShapes(connection, tables, opts.rules.identity);
  return { old, logs, files, replicated, known, fork, lost, shapes, attempts, ledger: interestOf(attempts) };
}

/** Thrown instead of filling memory. */
const TOO_MANY = new Error('the row changes do not fit into memory');

/** Aborts its reading when it has kept too many rows. */
class BoundedReader extends RowsReader {
  private readonly over = new AbortController();
  private readonly max: { rowsMax: number; charactersMax: number };
  private count = 0;
  private characters = 0;

  constructor(log: SideLog, wanted: RowsWanted, max = MEMORY) {
    super(log, wanted);
    this.max = max;
  }

  get signal(): AbortSignal {
    return this.over.signal;
  }

  protected override put(change: RowChange, into: Transaction<RowChange>): void {
    if (this.over.signal.aborted) return;
    super.put(change, into);
    for (const row of [change.before, change.after]) for (const cell of row ?? []) this.characters += cell?.length ?? 0;
    if (++this.count > this.max.rowsMax || this.characters > this.max.charactersMax) this.over.abort(TOO_MANY);
  }
}

/** Reads the old log once more, for the rows of the lost part only. Gives what a row of the new side must be to concern it. Throws TOO_MANY. */
async function readLost(opts: ReconcileOptions, { old, logs, lost, shapes, ledger }: Surveyed, ids: KeyIds): Promise<RowsWanted['touches']> {
  const again = new SideLog((t) => lost.has(t.gtid), old.prepared);
  const of = (gtid: string) => (lost.has(gtid) ? ('all' as const) : ('none' as const));
  const reader = new BoundedReader(again, { bytes: nodeBytes, shapes, ledger, touches: () => true, of }, opts.memory);
  if (!lost.isEmpty() || ledger) await logs.read(again, reader, { ...AGAIN, signal: reader.signal });
  reader.signal.throwIfAborted();
  old.adopt(again);
  const transactions = decidedOf(old, lost);
  await learnKeys(ids, shapes, transactions);
  return touchIndex({ transactions }, shapes, ids);
}

export const sha256 = (text: string): string => hash('sha256', text);

/** Every checksum was verified by the first reading. */
export const AGAIN = { rows: 'visit', checksums: 'structure', sha256: false } as const;

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

/** The new side's log, with the rows of keys that the lost part touched. Of tables whose keys fold, or that have none, with all rows after the fork. Throws TOO_MANY. */
async function readFresh(
  opts: ReconcileOptions,
  { old, replicated, fork, lost, shapes, ledger }: Surveyed,
  touches: RowsWanted['touches'],
): Promise<{ log: SideLog; files: LogFile[] }> {
  const log = new SideLog((t) => !!fork && !fork.has(t.gtid) && (t.rows.length + t.statements.length > 0 || lost.has(t.gtid)), old.prepared);
  log.replicated = replicated;
  const of = (gtid: string) => (!fork || fork.has(gtid) ? ('none' as const) : lost.has(gtid) ? ('all' as const) : ('touched' as const));
  const reader = new BoundedReader(log, { bytes: nodeBytes, shapes, ledger, touches, of }, opts.memory);
  const files = await readLogs(opts.new, log, reader, { rows: 'visit', checksums: 'all', signal: reader.signal });
  reader.signal.throwIfAborted();
  return { log, files };
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
  for (const k of divergence.changes.keys) want(wanted, k.shape, k.id, (k.lost[0]!.after ?? k.lost[0]!.before)!);
  await wantLedger(wanted, attempts, shapes, ids);
  return readWanted(connection, wanted, ids);
}

type Wanted = Map<TableShape, Map<string, Row>>;

function want(wanted: Wanted, shape: TableShape, id: string, row: Row): void {
  const rows = wanted.get(shape) ?? new Map<string, Row>();
  wanted.set(shape, rows.set(id, row));
}

async function wantLedger(wanted: Wanted, attempts: readonly LedgerAttempt[] | null, shapes: Shapes, ids: KeyIds): Promise<void> {
  for (const [table, some] of Map.groupBy(attempts ?? [], (a) => a.table)) {
    const shape = shapes.get(table);
    if (!shape || typeof shape === 'string' || !shape.key) continue;
    const rows = new Map(some.map((a) => [a.key, rowOfKey(shape.key!, a.key, shape.columns.length)]));
    await ids.learn(shape.key, rows.values());
    for (const [key, row] of rows) want(wanted, shape, ids.idOf(shape.key, row) ?? key, row);
  }
}

async function readWanted(connection: Connection, wanted: Wanted, ids: KeyIds): Promise<Map<string, Map<string, Row[]>>> {
  const found = new Map<string, Map<string, Row[]>>();
  for (const [shape, rows] of wanted) found.set(shape.name, await readById(connection, shape, [...rows.values()], ids));
  return found;
}

/** The rows that have the ledger's keys, and these keys as `table`, a zero, an identity. */
export async function readLedgerRows(
  connection: Connection,
  attempts: readonly LedgerAttempt[] | null,
  shapes: Shapes,
  ids: KeyIds,
): Promise<{ rows: Map<string, Map<string, Row[]>>; keys: string[] }> {
  const wanted: Wanted = new Map();
  await wantLedger(wanted, attempts, shapes, ids);
  const keys = [...wanted].flatMap(([shape, rows]) => [...rows.keys()].map((id) => `${shape.name}\0${id}`));
  return { rows: await readWanted(connection, wanted, ids), keys };
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
  await writeDurably(join(dir, BUNDLE.lost), lines(r.lost));
  await writeDurably(join(dir, BUNDLE.fates), lines(r.fates));
  await writeDurably(join(dir, BUNDLE.reconcile), [`${JSON.stringify(r.summary, null, 2)}\n`]);
}

function* lines(all: Sequence<unknown>): Generator<string> {
  for (const json of jsonOf(all)) yield `${json}\n`;
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
