/** The drill's use of the reconciliation: the engine's own copy of the old logs, the fork recorded at promotion, the drill's ledger and rules. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { BUNDLE } from '../core/bundle.ts';
import { DrillError } from '../core/errors.ts';
import type { DrillRef } from '../workflows/messages.ts';
import { actors, collectOld, drillDir, readPlan } from './collect.ts';
import type { Target } from './deps.ts';
import { Journal } from './journal.ts';
import { reconcile } from './reconcile/run.ts';
import type { Reconciliation } from './reconcile/run.ts';

/** `check`: judged while writes go on, written beside the drill's work. `verdict`: after the workload stopped, written to the bundle. */
export async function reconcileDrill(t: Target, ref: DrillRef, purpose: 'check' | 'verdict'): Promise<Reconciliation> {
  const plan = readPlan(ref);
  const { promoted } = actors(plan);
  const { workDir } = await t.platform.facts();
  const old = await collectOld(t, ref);
  if (!old || !promoted)
    throw new DrillError('DRILL_NOTHING_TO_RECONCILE', 'the chain kills no source or promotes no replica', 'this check and the reconciliation need both');
  const promotion = new Journal(workDir, ref.drillId).all().find((e) => e.verb === 'promote')?.facts['gtidExecuted'];
  const outDir = purpose === 'verdict' ? ref.bundle : join(drillDir(workDir, ref.drillId), 'engine-check');
  mkdirSync(outDir, { recursive: true });
  const ledger = join(ref.bundle, BUNDLE.ledger);
  return reconcile({
    old: old.dir,
    new: await t.system.dsn(promoted),
    ...(promotion === undefined ? {} : { fork: { set: promotion, how: 'recorded' as const } }),
    ...(existsSync(ledger) ? { ledger } : {}),
    rules: plan.rules,
    outDir,
  });
}
