/** The proof: fates of all writes, and all nodes equal row by row, read after the workload stopped. The figures go to the bundle, counts to the workflow. */
import type { Instant } from '../core/time.ts';
import type { DrillRef } from '../workflows/messages.ts';
import { actors, readPlan } from './collect.ts';
import type { Deps } from './deps.ts';
import { converge } from './reconcile/converge.ts';
import { reconcileDrill } from './reconciliation.ts';

export interface Verified {
  result: { converged: boolean | null; acked: number; bad: number; unknown: number };
  at: Instant;
}

export function verifyActivities(deps: Deps) {
  return {
    async verify(ref: DrillRef): Promise<Verified> {
      const t = await deps.target(ref.target);
      const plan = readPlan(ref);
      const { nodes } = await t.platform.facts();
      const source = actors(plan).promoted ?? nodes[0]!.name;
      const sourceFirst = [source, ...nodes.map((n) => n.name).filter((n) => n !== source)];
      const dsns = await Promise.all(sourceFirst.map(async (name) => ({ name, dsn: await t.system.dsn(name) })));
      const proof = await converge({ nodes: dsns, identity: plan.rules.identity, catchUpMs: plan.limits.catchUpMs, outDir: ref.bundle });
      using judged = await reconcileDrill(t, ref, 'verdict');
      const { summary } = judged;
      const { missing, altered, duplicated, unknown } = summary.fates;
      return { result: { converged: proof.equal, acked: summary.acked, bad: missing + altered + duplicated, unknown }, at: await t.platform.now() };
    },
  };
}
