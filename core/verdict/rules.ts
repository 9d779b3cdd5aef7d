/** What the history and the expectations say against a pass. */
import { digestOf } from '../json.ts';
import { CONFLICT_CLASSES, type Plan } from '../plan.ts';
import { counted, eventsOf, fail, notReproduced, unknown, type Reason, type VerdictInput } from './input.ts';

/** Entries of the chain that break nothing. */
const NO_FAULT = new Set(['baseline', 'writes']);

/** The drill as it was ordered: begun by this plan, every fault seen, held and undone, every step verified, nothing left behind. */
export function historyReasons({ plan, history }: VerdictInput): Reason[] {
  const reasons: Reason[] = [];
  const started = eventsOf(history, 'drill-started')[0];
  if (!started) reasons.push(unknown('the history does not begin with a drill'));
  else if (started.planDigest !== digestOf(plan)) reasons.push(unknown('the history is not that of this plan'));
  for (const e of eventsOf(history, 'aborted')) reasons.push(unknown(`aborted by ${e.by}: ${e.reason}`));
  for (const e of eventsOf(history, 'problem')) reasons.push(unknown(`${e.code}: ${e.seen}`));
  if (eventsOf(history, 'workload-stopped').length === 0) reasons.push(unknown('the workload was not stopped in order'));
  if (eventsOf(history, 'verified').length === 0) reasons.push(unknown('the rows were not verified'));
  const residue = eventsOf(history, 'residue-checked').at(-1);
  if (residue?.clean !== true)
    reasons.push(unknown(residue ? `the target is not clean: ${residue.findings.join('; ') || 'no finding given'}` : 'the target was not checked for residue'));
  return [...reasons, ...chainReasons(plan, history), ...stepReasons(plan, history)];
}

function chainReasons(plan: Plan, history: VerdictInput['history']): Reason[] {
  const reasons: Reason[] = [];
  const injected = new Map(eventsOf(history, 'fault-injected').map((e) => [e.chainId, e]));
  const healed = new Map(eventsOf(history, 'fault-healed').map((e) => [e.chainId, e]));
  const held = new Map(eventsOf(history, 'fault-held').map((e) => [e.chainId, e]));
  const wrote = new Set([...eventsOf(history, 'baseline-held'), ...eventsOf(history, 'writes-went-on')].map((e) => e.chainId));
  for (const entry of plan.chain) {
    const { id, undo, heldUntil } = entry;
    if (NO_FAULT.has(entry.do) ? !wrote.has(id) : !injected.has(id)) {
      reasons.push(notReproduced(`${id} (${entry.title}) did not take place`));
      continue;
    }
    if ((undo === 'leased' || undo === 'compensated') && !healed.has(id)) reasons.push(unknown(`${id} was not seen to be healed`));
    if (healed.get(id)?.how === 'lease') reasons.push(notReproduced(`${id} healed by itself: its lease lapsed`));
    const hold = held.get(id);
    if (heldUntil !== undefined && hold?.held !== true)
      reasons.push(notReproduced(hold ? `${id} did not hold until ${heldUntil}: ${hold.seen}` : `${id} was not seen to hold until ${heldUntil}`));
  }
  for (const e of eventsOf(history, 'lease-lapsed')) reasons.push(notReproduced(`the lease of ${e.chainIds.join(', ')} lapsed: ${e.seen}`));
  for (const e of eventsOf(history, 'disaster-not-reproduced')) reasons.push(...e.reasons.map(notReproduced));
  return reasons;
}

function stepReasons(plan: Plan, history: VerdictInput['history']): Reason[] {
  const ended = new Set([...eventsOf(history, 'step-verified'), ...eventsOf(history, 'step-skipped')].map((e) => e.stepId));
  const open = plan.steps.filter((s) => !ended.has(s.id)).map((s) => s.id);
  return open.length > 0 ? [unknown(`the manual was not completed: ${open.join(', ')}`)] : [];
}

/** Was it the disaster that was ordered? Counted from the lost keys themselves. */
export function expectationReasons({ plan, reconcile, lost }: VerdictInput): Reason[] {
  const { lostTransactions, conflicts } = plan.expect;
  const reasons: Reason[] = [];
  const least = (what: string, wanted: number | undefined, got: number): void => {
    if (wanted !== undefined && got < wanted) reasons.push(notReproduced(`expected at least ${wanted} ${what}, found ${got}`));
  };
  if (!reconcile) return [];
  least('lost acknowledged transactions', lostTransactions, reconcile.lostAcked);
  for (const c of CONFLICT_CLASSES) least(`keys in conflict ${c}`, conflicts?.[c], lost.filter((k) => k.conflict === c).length);
  return reasons;
}

/** What reconciliation and the comparison of the nodes found. */
export function dataReasons({ plan, reconcile, convergence, lost, attempts, findings }: VerdictInput): Reason[] {
  const reasons: Reason[] = [];
  for (const { severity, text } of [...findings, ...(reconcile?.findings ?? [])]) if (severity !== 'note') reasons.push({ verdict: severity, text });
  if (attempts.length === 0) reasons.push(unknown('the ledger has no write'));
  if (!reconcile) reasons.push(unknown('no reconciliation: the fates of the acknowledged writes are not known'));
  const notInPlace = lost.filter((k) => k.inPlace === false);
  const untold = lost.filter((k) => k.inPlace === null);
  if (notInPlace.length > 0)
    reasons.push(fail(`${counted(notInPlace.length, 'lost row change')} not in place, the first one ${notInPlace[0]!.table} ${notInPlace[0]!.key}`));
  if (untold.length > 0)
    reasons.push(
      unknown(
        `of ${counted(untold.length, 'lost row change')} it cannot be told, the first one ${untold[0]!.table} ${untold[0]!.key}${untold[0]!.note ? `: ${untold[0]!.note}` : ''}`,
      ),
    );
  if (!convergence) reasons.push(unknown('the nodes were not compared'));
  else if (convergence.equal === false)
    reasons.push(
      fail(`the nodes are not equal: ${counted(convergence.differences.length, 'difference')}${convergence.reason ? `; ${convergence.reason}` : ''}`),
    );
  else if (convergence.equal === null) reasons.push(unknown(`whether the nodes are equal is not known: ${convergence.reason ?? 'no reason given'}`));
  else {
    const compared = new Set(convergence.nodes.map((n) => n.node));
    const left = plan.target.nodes.filter((n) => !compared.has(n));
    if (left.length > 0) reasons.push(unknown(`${left.join(', ')} was not compared with the other nodes`));
    if (new Set(convergence.nodes.map((n) => n.digest)).size > 1)
      reasons.push(unknown('evidence inconsistent: the nodes are called equal, their digests differ'));
  }
  return reasons;
}
