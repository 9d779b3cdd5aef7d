/** `--plan` and `--apply`: the states that the rule demands for lost keys as a recovery plan, which is written to a file, or made on the new source and proven. */
import { getHeapStatistics } from 'node:v8';
import { DrillError } from '../../core/errors.ts';
import { uneventful } from '../../core/reconcile/plan-event.ts';
import { recoverySql } from '../../core/reconcile/plan-file.ts';
import { makePlan } from '../../core/reconcile/plan-make.ts';
import { countsOf } from '../../core/reconcile/plan-model.ts';
import type { PlanCounts, RecoveryPlan } from '../../core/reconcile/plan-model.ts';
import { MARIADB_NAME } from '../../core/reconcile/plan-sql.ts';
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
  using seen = await reconcile({ ...quiet, plan: true });
  const made = await planRecovery(seen, opts, file);
  const planned = made.counts.safe + made.counts.rule;
  const result = await withConnection(opts.new, (c) => applyPlan(c, made.plan, (done) => say(`applied ${done} of ${planned} rows`)));
  return { ...made, planned, result, after: await reconcile(opts) };
}

/** Plans, and writes recovery.sql where a path is given. Changes nothing. Needs memory for all changes of the plan. */
export async function planRecovery(seen: Reconciliation, opts: ReconcileOptions, file?: string): Promise<Planned> {
  const { changes } = seen;
  if (!changes) throw new TypeError('the reconciliation was not asked for what a plan is made of');
  const hindrance = tooLarge(changes.length, getHeapStatistics().heap_size_limit);
  if (hindrance) throw hindrance;
  const plan = await withConnection(opts.new, async (connection) => {
    const mariadb = await isMariadb(connection);
    const [[source]] = (await rowsOf(connection, `SELECT ${mariadb ? MARIADB_NAME : '@@server_uuid'}`)) as unknown as [[string]];
    return makePlan({
      fork: seen.summary.fork.set,
      read: seen.bound.toString(),
      source,
      changes: [...changes],
      uneventful: (c) => uneventful(c, mariadb),
    });
  });
  const counts = countsOf(plan);
  opts.progress?.(`plan: ${counts.safe + counts.rule} rows to put in place, ${counts.person} for a person to decide`);
  if (file !== undefined) await writeDurably(file, recoverySql(plan, new Date().toISOString()));
  return { plan, counts, decisions: plan.decisions.map((d) => ({ table: d.table.name, key: d.key, why: d.note })) };
}

/** Of small rows, while it is made. */
const BYTES_PER_CHANGE = 1_200;

const mb = (bytes: number): number => Math.ceil(bytes / 1e6);

/** A plan is made in memory. null: it fits. */
export function tooLarge(changes: number, heapBytes: number): DrillError | null {
  const needed = changes * BYTES_PER_CHANGE;
  if (needed < heapBytes * 0.8) return null;
  return new DrillError(
    'DRILL_PLAN_TOO_LARGE',
    `a plan of ${changes} changes needs about ${mb(needed)} MB of memory, and ${mb(heapBytes)} MB are allowed`,
    `set NODE_OPTIONS=--max-old-space-size=${mb(needed * 1.5)} where the machine has them; without --plan and --apply they are not needed`,
  );
}

/** Drops the journal of applied plans. False: the server has none. */
export const dropJournalOf = async (dsn: string): Promise<boolean> => withConnection(dsn, dropJournal);
