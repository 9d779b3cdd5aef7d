/** From the drill's query and the writer's status to what the live view shows. The running figures are for the eye; the verdict computes its own. */
import type { EffectInterval } from '../core/time.ts';
import type { Objective, Plan } from '../core/plan.ts';
import type { ChainState, DrillState } from '../workflows/messages.ts';
import type { StepState } from '../workflows/steps.ts';
import type { LiveFault, LiveObjective, LiveRates, LiveState, LiveStep, NodeStaleness } from './live-state.ts';
import type { TargetNow } from './target-now.ts';

/** As much of the writer's status as is shown. */
export interface WritesNow {
  lastSecond: { acked: number; failed: number; unknown: number };
  perPhase: Partial<Record<string, { acked: number }>>;
  curve: { startWallMs: number; bucketMs: number; acked: number[]; bad: number[] };
}

const HEALTHY = 0.99;

export class LiveModel {
  readonly #plan: Plan;
  readonly #startedMs: number;
  readonly #messages: string[] = [];
  #toldProblems = 0;
  /** when service was seen healthy again after the fault that service RTO counts from */
  #serviceBackMs: number | null = null;
  #dataBackMs: number | null = null;
  #rates: LiveRates | null = null;
  /** who began to look after service was back cannot tell how long it was down */
  #firstLookMs: number | null = null;

  constructor(plan: Plan, startedMs: number) {
    this.#plan = plan;
    this.#startedMs = startedMs;
  }

  state(s: DrillState, { writes: w, leases, staleness }: TargetNow, nowMs: number): LiveState {
    // what was written stays to be seen when the writer has stopped
    if (w) this.#rates = { startMs: w.curve.startWallMs, bucketMs: w.curve.bucketMs, acked: w.curve.acked, bad: w.curve.bad };
    const first = s.chain.find((c) => c.effect !== null)?.effect ?? null;
    this.#messages.push(...s.problems.slice(this.#toldProblems));
    this.#toldProblems = s.problems.length;
    this.#watchService(s, w, nowMs);
    if (this.#dataBackMs === null) this.#dataBackMs = recoveredAt(s, nowMs);
    const { serviceRto, dataRto } = this.#plan.objectives;
    return {
      title: s.drillId.slice(s.drillId.indexOf(this.#plan.runbook)) || this.#plan.runbook,
      target: `${this.#plan.target.name} (${this.#plan.target.nodes.length} × ${s.version || this.#plan.target.system})`,
      phase: s.doing,
      t0Known: first !== null,
      elapsedMs: nowMs - (first ? first.absent.wallMs : this.#startedMs),
      chain: s.chain.map((c) => liveFault(c, this.#plan, leases, nowMs)),
      steps: s.steps.map((step) => liveStep(step, nowMs)),
      writes: w ? { ackedPerS: w.lastSecond.acked, failedPerS: w.lastSecond.failed + w.lastSecond.unknown, ...this.#risk(s, w) } : null,
      curves: { rates: this.#rates, staleness: staleness.flatMap((n) => since(n, this.#rates?.startMs ?? Infinity)) },
      serviceRto: this.#service(s, serviceRto, nowMs),
      dataRto: objective(effectOf(s, dataRto.from), this.#dataBackMs, dataRto.withinMs, nowMs),
      messages: this.#messages,
    };
  }

  #service(s: DrillState, rto: Objective | undefined, nowMs: number): LiveObjective {
    const from = effectOf(s, rto?.from);
    const seen = objective(from, this.#serviceBackMs, rto?.withinMs ?? null, nowMs);
    const late = from !== null && this.#serviceBackMs !== null && this.#firstLookMs !== null && this.#serviceBackMs < this.#firstLookMs;
    return late && this.#firstLookMs! > from.present.wallMs + 1_000 ? { ...seen, ms: null, state: 'unknown' } : seen;
  }

  #watchService(s: DrillState, w: WritesNow | null, nowMs: number): void {
    const from = effectOf(s, this.#plan.objectives.serviceRto?.from);
    if (w) this.#firstLookMs ??= nowMs;
    if (!from || !w || this.#serviceBackMs !== null || nowMs - from.present.wallMs < 1_000) return;
    const { acked, failed, unknown } = w.lastSecond;
    if (acked > 0 && acked >= HEALTHY * (acked + failed + unknown)) this.#serviceBackMs = nowMs - 1_000;
  }

  /** Acknowledged writes that only the cut-off node has: those of the isolated phase, until the manual has recovered them. */
  #risk(s: DrillState, w: WritesNow): { atRisk: number | null; atRiskOn: string | null } {
    const cut = this.#plan.chain.find((e) => e.do === 'partition');
    const reached = s.chain.find((c) => c.id === cut?.id)?.effect;
    if (!cut || !reached || this.#dataBackMs !== null) return { atRisk: reached ? 0 : null, atRiskOn: null };
    return { atRisk: w.perPhase.isolated?.acked ?? 0, atRiskOn: String(cut.with['node']) };
  }
}

const effectOf = (s: DrillState, chainId: string | undefined): EffectInterval | null => s.chain.find((c) => c.id === chainId)?.effect ?? null;

/** When the step whose check proves the lost rows had passed it; null: not yet. */
function recoveredAt(s: DrillState, nowMs: number): number | null {
  const passed = s.checks.find((c) => c.results.some((r) => r.check === 'recovered' && r.verdict === 'pass'));
  if (!passed) return null;
  const step = s.steps.find((x) => x.id === passed.stepId);
  return step?.checkedAt ?? step?.endedAt ?? nowMs;
}

function objective(from: EffectInterval | null, backMs: number | null, objectiveMs: number | null, nowMs: number): LiveObjective {
  if (!from) return { ms: null, objectiveMs, state: 'waiting' };
  const ms = Math.max(0, (backMs ?? nowMs) - from.absent.wallMs);
  if (backMs === null) return { ms, objectiveMs, state: 'running' };
  return { ms, objectiveMs, state: objectiveMs !== null && ms > objectiveMs ? 'missed' : 'met' };
}

/** Before the first write every node only seems stale: its heartbeat is one of long ago. */
function since(n: NodeStaleness, fromMs: number): NodeStaleness[] {
  const skip = Math.max(0, Math.ceil((fromMs - n.startMs) / n.bucketMs));
  const staleMs = n.staleMs.slice(skip);
  return staleMs.length > 0 ? [{ ...n, startMs: n.startMs + skip * n.bucketMs, staleMs }] : [];
}

/** Once its injection is done a leased fault is in force, until it is healed or lapses. */
function liveFault({ id, title, status }: ChainState, plan: Plan, leases: TargetNow['leases'], nowMs: number): LiveFault {
  if (status !== 'done' || plan.chain.find((e) => e.id === id)?.undo !== 'leased') return { id, title, status };
  const at = leases[id] ?? null;
  return { id, title, status, lease: { lapsesAtMs: at, lapsesInMs: at === null ? null : Math.max(0, at - nowMs) } };
}

function liveStep(s: StepState, nowMs: number): LiveStep {
  const { id, title, status, attempt, budgetMs, by, overdue } = s;
  const tookMs = s.openedAt === null ? null : (s.endedAt ?? nowMs) - s.openedAt;
  return { id, title, status, attempt, budgetMs, by, overdue, tookMs };
}
