/** `--apply`: puts every state that the rule demands for a lost key in place on the new source, then reads everything again to prove it. */
import { bodyOf } from '../../core/reconcile/tables.ts';
import { inPlace } from '../../core/reconcile/lost.ts';
import type { KeyState } from '../../core/reconcile/lost.ts';
import { withConnection } from '../../targets/systems/mysql/dsn.ts';
import { applyRows } from '../../targets/systems/mysql/apply.ts';
import type { ApplyResult, PlannedRow } from '../../targets/systems/mysql/apply.ts';
import { reconcile } from './run.ts';
import type { Reconciliation, ReconcileOptions } from './run.ts';

export interface Applied {
  planned: number;
  result: ApplyResult;
  /** keys that only a person can settle */
  decisions: { table: string; key: string; why: string }[];
  /** as read again afterwards */
  after: Reconciliation;
}

/**
 * Idempotent: what is in place is not touched, and a second call plans nothing. It works beside writers: a row that a client changed after the plan was
 * made is reported as stale and left alone. Cost: one transaction per 200 rows, and a second reading of the logs.
 */
export async function applyRecovery(opts: ReconcileOptions): Promise<Applied> {
  const say = opts.progress ?? (() => {});
  const { outDir: _, ...quiet } = opts;
  const before = await reconcile(quiet);
  const { plan, decisions } = planOf(before, opts);
  say(`plan: ${plan.length} rows to put in place, ${decisions.length} for a person to decide`);
  const result = await withConnection(opts.new, (connection) => applyRows(connection, plan, (done) => say(`applied ${done} of ${plan.length} rows`)));
  return { planned: plan.length, result, decisions, after: await reconcile(opts) };
}

function planOf({ states, finals }: Reconciliation, { rules }: ReconcileOptions): { plan: PlannedRow[]; decisions: Applied['decisions'] } {
  const plan: PlannedRow[] = [];
  const decisions: Applied['decisions'] = [];
  for (const state of states) {
    if (inPlace(state, finals, rules) !== false) continue;
    const rows = finals.rows(state.shape.name, state.key) ?? [];
    const why = decisionOf(state, rows.length);
    if (why) decisions.push({ table: state.shape.name, key: state.key, why });
    else if (bodyOf(state.shape, rows[0] ?? null) !== bodyOf(state.shape, state.demanded!))
      plan.push({ shape: state.shape, key: state.key, target: state.demanded!, seen: rows[0] ?? null });
  }
  return { plan, decisions };
}

function decisionOf(state: KeyState, rows: number): string | null {
  if (state.demanded === undefined) return 'two different rows were given this AUTO_INCREMENT id';
  return rows > 1 ? `${rows} rows carry this identity` : null;
}
