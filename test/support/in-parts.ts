/** The same question where not one row is allowed to stay in memory: the same answer, to the byte. */
import { reconcile } from '../../activities/reconcile/run.ts';
import type { Reconciliation, ReconcileOptions } from '../../activities/reconcile/run.ts';
import { storedChange } from '../../core/reconcile/plan-changes.ts';

const NONE = { rowsMax: 0, charactersMax: 0, parts: 5 };

export async function expectSameInParts(opts: ReconcileOptions, whole: Reconciliation): Promise<void> {
  const { outDir: _, ...quiet } = opts;
  using parts = await reconcile({ ...quiet, memory: NONE });
  expect(textOf(parts)).toEqual(textOf(whole));
}

function textOf(r: Reconciliation): object {
  const { summary, lost, fates, out, open, changes, tables } = r;
  return {
    summary: JSON.stringify(summary),
    lost: [...lost].map((l) => JSON.stringify(l)),
    fates: fates.map((f) => JSON.stringify(f)),
    counts: [lost.length, out, open],
    changes: changes && [...changes].map((c) => JSON.stringify(storedChange(c))),
    tables,
  };
}
