/** The disaster chain inside the workflow: entries in order, leases guarded, expectations of holding checked, everything held healed at the end. */
import { proxyActivities } from '@temporalio/workflow';
import type { ChainEntry } from '../core/plan.ts';
import type { Activities, DrillRun } from './run.ts';
import type { ChainState } from './messages.ts';
import { tellPeople } from './tell.ts';

export async function runChain(run: DrillRun): Promise<void> {
  run.phase = 'chain';
  run.doing = 'starting the workload';
  const started = await run.act.startWorkload(run.ref, run.plan.workload);
  run.tell({ kind: 'workload-started', rate: run.plan.workload.rate, concurrency: run.plan.workload.concurrency }, started.at);
  startGuard(run);
  for (const entry of run.plan.chain) {
    const state = run.chain.find((c) => c.id === entry.id)!;
    state.status = 'active';
    run.doing = entry.title;
    await runEntry(run, entry, state);
    await settleHolds(run, entry.id);
  }
  await run.endGuard();
}

async function runEntry(run: DrillRun, entry: ChainEntry, state: ChainState): Promise<void> {
  if (entry.do === 'baseline' || entry.do === 'writes') {
    const forMs = Number(entry.with['forMs']);
    const phase = entry.do === 'baseline' ? 'baseline' : String(entry.with['phase']);
    const w = await run.act[entry.do](run.ref, { phase, forMs, chain: run.plan.chain });
    const counts = { chainId: entry.id, forMs, acked: w.acked, notAcked: w.notAcked };
    run.tell(entry.do === 'baseline' ? { kind: 'baseline-held', ...counts } : { kind: 'writes-went-on', phase, ...counts }, w.at);
    state.status = 'done';
    return;
  }
  const leaseMs = entry.undo === 'leased' ? entry.leaseMs! : null;
  if (leaseMs !== null) run.held.add(entry.id);
  const first = !run.chain.some((c) => c.effect !== null);
  const seen = await run.faults()[entry.do]!(run.ref, { chainId: entry.id, with: entry.with, leaseMs });
  state.effect = seen.effect;
  state.status = 'done';
  run.tell(
    { kind: 'fault-injected', chainId: entry.id, verb: entry.do, title: entry.title, undo: entry.undo, leaseMs, effect: seen.effect, facts: seen.facts },
    seen.effect.present,
  );
  if (first && run.plan.announce !== 'at-start') tellPeople(run, 'drill-began', { text: 'a fault has been made; the manual opens when its chain is through' });
}

/** Faults that had to hold until this entry took effect: were they seen unbroken? Then they are healed. */
async function settleHolds(run: DrillRun, until: string): Promise<void> {
  for (const entry of run.plan.chain.filter((e) => e.heldUntil === until && run.held.has(e.id))) {
    const h = await run.act.checkHeld(run.ref, { chainId: entry.id, until });
    run.tell({ kind: 'fault-held', chainId: entry.id, until, held: h.held, seen: h.seen }, h.at);
    await healOne(run, entry);
  }
}

async function healOne(run: DrillRun, entry: ChainEntry): Promise<void> {
  const state = run.chain.find((c) => c.id === entry.id)!;
  const healed = await run.act.heal(run.ref, { chainId: entry.id, verb: entry.do });
  run.held.delete(entry.id);
  if (healed.how === 'nothing') return;
  if (state.status !== 'lapsed') state.status = healed.how === 'lease' ? 'lapsed' : 'healed';
  run.tell({ kind: 'fault-healed', chainId: entry.id, verb: entry.do, how: healed.how, effect: healed.effect }, healed.at);
}

/** Compensation: heals, last first, whatever is still held. */
export async function healHeld(run: DrillRun): Promise<void> {
  for (const entry of run.plan.chain.toReversed()) if (run.held.has(entry.id)) await healOne(run, entry);
}

/** One guard a drill: it renews every lease while Temporal answers, and tells when one lapsed or the target went away. */
function startGuard(run: DrillRun): void {
  const leases = run.plan.chain.flatMap((e) => (e.leaseMs ? [e.leaseMs] : []));
  if (leases.length === 0) return;
  const leaseMs = Math.min(...leases);
  const guard = proxyActivities<Activities>({
    taskQueue: run.session,
    startToCloseTimeout: '1 day',
    scheduleToStartTimeout: run.plan.limits.sessionLostMs,
    heartbeatTimeout: Math.max(500, Math.floor(leaseMs / 6)),
    retry: { initialInterval: 200, backoffCoefficient: 1, maximumAttempts: 1_000 },
  });
  run.guarding = guard.guard(run.ref, { leaseMs }).then(
    (report) => {
      if (report.renewals > 0) run.tell({ kind: 'lease-renewed', chainIds: report.renewed, count: report.renewals });
      for (const gap of report.gaps) run.tell({ kind: 'engine-gap', ...gap });
      if (report.lapsed.length === 0) return;
      for (const id of report.lapsed) run.chain.find((c) => c.id === id)!.status = 'lapsed';
      run.tell({ kind: 'lease-lapsed', chainIds: report.lapsed, seen: report.seen });
      run.stopWith({
        code: 'DRILL_LEASE_LAPSED',
        seen: report.seen,
        hint: 'the fault healed by itself; keep the engine and its worker reachable and run the drill again',
      });
    },
    (e: unknown) => run.failed(e),
  );
}
