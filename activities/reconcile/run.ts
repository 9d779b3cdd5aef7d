/** Reconciliation from folders and connection strings: reads, hands everything to core/reconcile, writes the bundle's files. Needs neither Temporal nor a runbook. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection } from 'mysql2/promise';
import { BUNDLE } from '../../core/bundle.ts';
import type { LogFile } from '../../targets/port.ts';
import { GtidSet } from '../../core/gtid.ts';
import type { LedgerAttempt } from '../../core/ledger.ts';
import type { ReconcileRules } from '../../core/plan.ts';
import type { FinalRows, KeyState, Shapes } from '../../core/reconcile/lost.ts';
import { clientGtids, divergenceOf, reconcileSides } from '../../core/reconcile/reconcile.ts';
import type { Divergence, Reconciled } from '../../core/reconcile/reconcile.ts';
import { SideLog } from '../../core/reconcile/side.ts';
import { META_SCHEMA } from '../../core/workload.ts';
import type { Row } from '../../core/reconcile/tables.ts';
import { gtidExecuted, withConnection } from '../../targets/systems/mysql/dsn.ts';
import { readLogs } from '../../targets/systems/mysql/logs.ts';
import { readRowsByKey, readShapes } from '../../targets/systems/mysql/rows.ts';
import { readAttempts } from './ledger.ts';

export interface ReconcileOptions {
  /** the old source: a folder that holds its binary logs, or its connection string when it runs */
  old: string;
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
  const old = await readSide(opts.old);
  say(`old side: ${old.log.transactions.length} transactions in ${old.files.length} log file${old.files.length === 1 ? '' : 's'}`);
  const tables = new Set([...old.log.tables()].filter((t) => !t.startsWith(`${META_SCHEMA}.`)));
  for (const a of attempts ?? []) tables.add(a.table);
  const wants = (table: string) => tables.has(table) || table.startsWith(`${META_SCHEMA}.`);
  const shapes = await readShapes(connection, tables, opts.rules.identity);
  const clients = clientGtids(attempts);
  const known = opts.fork && { set: GtidSet.parse(opts.fork.set), how: opts.fork.how };

  for (let read = 1; ; read++) {
    const fresh = await readSide(opts.new, wants);
    say(`new side: ${fresh.log.transactions.length} transactions in ${fresh.files.length} log file${fresh.files.length === 1 ? '' : 's'}`);
    const sides = { old: old.log, fresh: fresh.log, ...(known ? { known } : {}), rules: opts.rules, clients };
    let divergence = divergenceOf(sides, shapes);
    const before = await gtidExecuted(connection);
    const rows = await readFinals(connection, divergence, attempts, shapes);
    const after = GtidSet.parse(await gtidExecuted(connection));
    say(`rows: ${divergence.changes.keys.length} lost keys compared`);
    const finals: FinalRows = { rows: (table, key) => rows.get(table)?.get(key) ?? (rows.has(table) ? [] : null), bound: GtidSet.parse(before) };
    // writers go on: read the log again so that it covers the moment of the rows
    if (!fresh.log.set().contains(after)) {
      const covering = await readSide(opts.new, wants);
      divergence = divergenceOf({ ...sides, fresh: covering.log }, shapes);
      sides.fresh = covering.log;
      fresh.files = covering.files;
    }
    const logs = [...old.files.map((f) => ({ side: 'old' as const, ...f })), ...fresh.files.map((f) => ({ side: 'new' as const, ...f }))];
    const result = reconcileSides({ ...sides, shapes, divergence, finals, attempts, logs });
    const unread = divergence.changes.keys.some((k) => !rows.has(k.shape.name));
    if (!unread || read === READS_MAX) return { ...result, states: divergence.changes.keys, tables: touchedBy(divergence), finals };
  }
}

const touchedBy = ({ changes }: Divergence): string[] => [...new Set([...changes.keys.map((k) => k.shape.name), ...changes.unsupported.keys()])];

async function readSide(source: string, wants?: (table: string) => boolean): Promise<{ log: SideLog; files: LogFile[] }> {
  const log = new SideLog();
  const files = await readLogs(source, log, wants ? { wants } : {});
  return { log, files };
}

async function readFinals(
  connection: Connection,
  divergence: Divergence,
  attempts: readonly LedgerAttempt[] | null,
  shapes: Shapes,
): Promise<Map<string, Map<string, Row[]>>> {
  const wanted = new Map<string, Set<string>>();
  const want = (table: string, key: string) => wanted.set(table, (wanted.get(table) ?? new Set()).add(key));
  for (const k of divergence.changes.keys) want(k.shape.name, k.key);
  for (const a of attempts ?? []) want(a.table, a.key);
  const rows = new Map<string, Map<string, Row[]>>();
  for (const [table, keys] of wanted) {
    const shape = shapes.get(table);
    if (shape && typeof shape !== 'string') rows.set(table, await readRowsByKey(connection, shape, [...keys]));
  }
  return rows;
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
