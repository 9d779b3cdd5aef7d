/** `--plan` and `--apply`: the states that the rule demands for lost keys as a recovery plan, which is written to a file, or made on the new source and proven. */
import { inPlace } from '../../core/reconcile/lost.ts';
import type { KeyState } from '../../core/reconcile/lost.ts';
import { uneventful } from '../../core/reconcile/plan-event.ts';
import { recoverySql } from '../../core/reconcile/plan-file.ts';
import { makePlan } from '../../core/reconcile/plan-make.ts';
import { countsOf } from '../../core/reconcile/plan-model.ts';
import type { PlanCounts, PlannedChange, RecoveryPlan } from '../../core/reconcile/plan-model.ts';
import { MARIADB_NAME } from '../../core/reconcile/plan-sql.ts';
import { holds, isWhole } from '../../core/reconcile/tables.ts';
import type { Row } from '../../core/reconcile/tables.ts';
import { dropJournal } from '../../targets/systems/mysql/apply-journal.ts';
import { applyPlan } from '../../targets/systems/mysql/apply.ts';
import type { ApplyResult } from '../../targets/systems/mysql/apply.ts';
import { isMariadb, withConnection } from '../../targets/systems/mysql/dsn.ts';
import { rowsOf } from '../../targets/systems/mysql/rows.ts';
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
    const mariadb = await isMariadb(connection);
    const [[source]] = (await rowsOf(connection, `SELECT ${mariadb ? MARIADB_NAME : '@@server_uuid'}`)) as unknown as [[string]];
    return makePlan({
      fork: seen.summary.fork.set,
      read: seen.finals.bound.toString(),
      source,
      changes: changesOf(seen, opts),
      uneventful: (c) => uneventful(c, mariadb),
    });
  });
  const counts = countsOf(plan);
  opts.progress?.(`plan: ${counts.safe + counts.rule} rows to put in place, ${counts.person} for a person to decide`);
  if (file !== undefined) await writeDurably(file, recoverySql(plan, new Date().toISOString()));
  return { plan, counts, decisions: plan.decisions.map((d) => ({ table: d.table.name, key: d.key, why: d.note })) };
}

/** Drops the journal of applied plans. False: the server has none. */
export const dropJournalOf = async (dsn: string): Promise<boolean> => withConnection(dsn, dropJournal);

/** What of the lost keys is not in place, as planned changes. The one place that knows how the reconciliation states its keys. */
function changesOf({ states, finals }: Reconciliation, { rules }: ReconcileOptions): PlannedChange[] {
  const changes: PlannedChange[] = [];
  for (const state of states) {
    if (inPlace(state, finals, rules) !== false) continue;
    const rows = finals.rows(state.shape.name, state.id) ?? [];
    const change = state.copies === null ? changeOf(state, rows) : copiesOf(state, rows);
    if (change) changes.push(change);
  }
  return changes;
}

const gtidsOf = (state: KeyState): string[] => [...new Set(state.lost.map((l) => l.tx.gtid))];

/** null: it is as demanded. */
function changeOf(state: KeyState, rows: readonly Row[]): PlannedChange | null {
  const { shape, key, demanded, conflict } = state;
  const seen = rows[0] ?? null;
  const wanted = demanded === undefined ? state.after : demanded;
  const note = personal(state, rows.length, wanted);
  if (note === null && holds(shape, seen, wanted)) return null;
  // an id that means nothing stays what it is, and what the server generates is its own
  const left = (i: number) => !shape.body.includes(i) && (seen !== null || !shape.rekeyable);
  const own = seen ?? wanted;
  return {
    table: shape.info,
    key,
    where: shape.columns.map((_, i) => (shape.key?.parts.some((p) => p.column === i) ? own?.[i] : undefined)),
    seen,
    target: wanted && wanted.map((cell, i) => (left(i) ? undefined : cell)),
    ...(shape.rekeyable && !seen ? { rekey: true } : {}),
    gtids: gtidsOf(state),
    kind: note === null ? (conflict ? 'rule' : 'safe') : 'person',
    conflict,
    note: note ?? '',
  };
}

/** Why only a person can settle the key; null: it can be settled. */
function personal(state: KeyState, rows: number, wanted: Row | null): string | null {
  const { shape, demanded, taken, lost } = state;
  if (demanded === undefined)
    return shape.autoIncrement
      ? 'two different rows were given this AUTO_INCREMENT id'
      : `its value in ${taken.join(', ')} was given to another row on the new side`;
  if (rows > 1) return `${rows} rows carry this identity`;
  // an INSERT that was logged in part left the rest to the defaults
  if (rows === 0 && wanted && lost[0]!.before !== null && !isWhole(shape, wanted)) return 'the row is gone and its images in the log hold only a part of it';
  return null;
}

/** Equal rows without a key: how many there must be. */
function copiesOf(state: KeyState, rows: readonly Row[]): PlannedChange {
  const { shape, key } = state;
  const row = rows[0] ?? state.lost.map((l) => l.after ?? l.before).find((r) => r !== null)!;
  const cells = row.map((cell, i) => (shape.body.includes(i) ? cell : undefined));
  const target = Math.max(0, rows.length + (state.copies ?? 0));
  const untold = target === rows.length;
  return {
    table: shape.info,
    key,
    where: cells,
    seen: cells,
    target: cells,
    copies: { seen: rows.length, target },
    gtids: gtidsOf(state),
    kind: untold ? 'person' : 'safe',
    conflict: null,
    note: untold ? 'equal rows are gone that no log accounts for' : '',
  };
}
