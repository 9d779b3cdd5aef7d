/** `--plan` and `--apply`: the states that the rule demands for lost keys as a recovery plan, which is written to a file, or made on the new source and proven. */
import type { Connection } from 'mysql2/promise';
import { inPlace } from '../../core/reconcile/lost.ts';
import type { KeyState } from '../../core/reconcile/lost.ts';
import { uneventful } from '../../core/reconcile/plan-event.ts';
import { recoverySql } from '../../core/reconcile/plan-file.ts';
import { makePlan } from '../../core/reconcile/plan-make.ts';
import { countsOf } from '../../core/reconcile/plan-model.ts';
import type { PlanCounts, PlannedChange, RecoveryPlan } from '../../core/reconcile/plan-model.ts';
import type { TableInfo } from '../../core/reconcile/schema.ts';
import { bodyOf } from '../../core/reconcile/tables.ts';
import type { Row } from '../../core/reconcile/tables.ts';
import { dropJournal } from '../../targets/systems/mysql/apply-journal.ts';
import { applyPlan } from '../../targets/systems/mysql/apply.ts';
import type { ApplyResult } from '../../targets/systems/mysql/apply.ts';
import { withConnection } from '../../targets/systems/mysql/dsn.ts';
import { rowsOf } from '../../targets/systems/mysql/rows.ts';
import { readTables } from '../../targets/systems/mysql/schema.ts';
import { reconcile, writeDurably } from './run.ts';
import type { Reconciliation, ReconcileOptions } from './run.ts';

export interface Planned {
  plan: RecoveryPlan;
  counts: PlanCounts;
  /** keys that only a person can settle */
  decisions: { table: string; key: string; why: string }[];
}

export interface Applied extends Planned {
  planned: number;
  result: ApplyResult;
  /** as read again afterwards */
  after: Reconciliation;
}

/**
 * Idempotent: what is in place is not touched, and a second call plans nothing. It works beside writers: a row that a client changed after the plan was
 * made is reported as stale and left alone. Cost: one commit for about 200 rows, and a second reading of the logs.
 */
export async function applyRecovery(opts: ReconcileOptions, file?: string): Promise<Applied> {
  const say = opts.progress ?? (() => {});
  const { outDir: _, ...quiet } = opts;
  const made = await planRecovery(await reconcile(quiet), opts, file);
  const planned = made.counts.safe + made.counts.rule;
  const result = await withConnection(opts.new, (c) => applyPlan(c, made.plan, (done) => say(`applied ${done} of ${planned} rows`)));
  return { ...made, planned, result, after: await reconcile(opts) };
}

/** Plans, and writes recovery.sql where a path is given. Changes nothing. */
export async function planRecovery(seen: Reconciliation, opts: ReconcileOptions, file?: string): Promise<Planned> {
  const plan = await withConnection(opts.new, async (connection) => {
    const changes = await changesOf(connection, seen, opts);
    const [[source = '']] = (await rowsOf(connection, 'SELECT @@server_uuid')) as [[string]];
    return makePlan({ fork: seen.summary.fork.set, source, changes, uneventful });
  });
  const counts = countsOf(plan);
  opts.progress?.(`plan: ${counts.safe + counts.rule} rows to put in place, ${counts.person} for a person to decide`);
  if (file !== undefined) await writeDurably(file, recoverySql(plan, new Date().toISOString()));
  return { plan, counts, decisions: plan.decisions.map((d) => ({ table: d.table.name, key: d.key, why: d.note })) };
}

/** Drops the journal of applied plans. False: the server has none. */
export const dropJournalOf = async (dsn: string): Promise<boolean> => withConnection(dsn, dropJournal);

/** What of the lost keys is not in place, as planned changes. The one place that knows how the reconciliation states its keys. */
async function changesOf(connection: Connection, { states, finals }: Reconciliation, { rules }: ReconcileOptions): Promise<PlannedChange[]> {
  const open = states.filter((s) => inPlace(s, finals, rules) === false);
  const tables = await readTables(connection, new Set(open.map((s) => s.shape.name)));
  const changes: PlannedChange[] = [];
  for (const state of open) {
    const table = tables.get(state.shape.name);
    if (!table) continue;
    const rows = finals.rows(state.shape.name, state.id) ?? [];
    const c = changeOf(table, state, rows);
    if (c.kind === 'person' || bodyOf(state.shape, rows[0] ?? null) !== bodyOf(state.shape, state.demanded!)) changes.push(c);
  }
  return changes;
}

function changeOf(table: TableInfo, state: KeyState, rows: readonly Row[]): PlannedChange {
  const { shape, key, lost, conflict } = state;
  const seen = rows[0] ?? null;
  const wanted = state.demanded === undefined ? lost.at(-1)!.after : state.demanded;
  const row = wanted ?? seen ?? [];
  const note =
    state.demanded === undefined ? 'two different rows were given this AUTO_INCREMENT id' : rows.length > 1 ? `${rows.length} rows carry this identity` : '';
  const named = table.referencedBy.some((k) => k.parentColumns.includes(shape.columns[shape.primary]!.name));
  // a row that is there keeps its id
  const target = wanted && seen && shape.rekeyable ? wanted.with(shape.primary, seen[shape.primary]!) : wanted;
  return {
    table,
    key,
    where: shape.columns.map((_, i) => (i === shape.identity ? row[i] : undefined)),
    seen,
    target,
    ...(shape.rekeyable && !seen && !named ? { rekey: true } : {}),
    gtids: [...new Set(lost.map((l) => l.tx.gtid))],
    kind: note ? 'person' : conflict ? 'rule' : 'safe',
    conflict,
    note,
  };
}
