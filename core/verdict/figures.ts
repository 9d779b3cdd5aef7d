/** The three RTOs and two RPOs (docs/semantics.md, 2). */
import type { Fate } from '../bundle.ts';
import type { Objective } from '../plan.ts';
import { msBetween } from '../time.ts';
import { arrivalsOf, outagesOf, serviceRto } from '../timeline.ts';
import type { Figure, Figures } from '../verdict.ts';
import { clockOf, figure, fromOf } from './figure.ts';
import { peopleFigures } from './people.ts';
import { badOf, counted, eventsOf, fail, seconds, unknown, type Reason, type VerdictInput } from './input.ts';

export function figuresOf(input: VerdictInput, fates: Record<Fate, number>): Figures {
  const { plan, history, reconcile } = input;
  const first = eventsOf(history, 'fault-injected')[0];
  const bad = badOf(fates);
  const arrivals = arrivalsOf(input.attempts);
  return {
    t0Ns: first?.effect.absent.monoNs ?? null,
    t0WallMs: first?.effect.absent.wallMs ?? null,
    serviceRto: serviceFigure(input, arrivals),
    dataRto: dataFigure(input, fates),
    convergence: convergenceFigure(input),
    rpoAtPromotion: { transactions: reconcile?.lostAcked ?? null, seconds: reconcile?.rpoAtPromotionS ?? null },
    rpoAfterRecovery: {
      writes: reconcile ? bad : null,
      objective: plan.objectives.rpoWrites,
      met: bad > plan.objectives.rpoWrites ? false : !reconcile || fates.unknown > 0 ? null : true,
    },
    people: peopleFigures(input),
    outages: outagesOf(arrivals).map((o) => ({ fromNs: o.fromNs.toString(), toNs: o.toNs?.toString() ?? null, failed: o.failed })),
  };
}

const none = (o: Objective | undefined): Figure => figure(null, 0, o, 'not known');

/** The figures before anything is known; also what is shown when they cannot be computed. */
export function noFigures(input: VerdictInput): Figures {
  const { objectives } = input.plan;
  return {
    t0Ns: null,
    t0WallMs: null,
    serviceRto: none(objectives.serviceRto),
    dataRto: none(objectives.dataRto),
    convergence: none(objectives.convergence),
    rpoAtPromotion: { transactions: null, seconds: null },
    rpoAfterRecovery: { writes: null, objective: objectives.rpoWrites, met: null },
    people: null,
    outages: [],
  };
}

function serviceFigure(input: VerdictInput, arrivals: ReturnType<typeof arrivalsOf>): Figure {
  const objective = input.plan.objectives.serviceRto;
  const from = fromOf(input, objective);
  if (typeof from === 'string') return figure(null, 0, objective, from);
  const rto = serviceRto(arrivals, from.ns);
  const watchedMs = msBetween(from.ns, arrivals.at(-1)?.atNs ?? from.ns);
  const missed = rto.stillDown && objective !== undefined && watchedMs > objective.withinMs ? false : null;
  const note = rto.reason ?? (rto.ms === 0 ? 'no outage was seen' : undefined);
  return figure(rto.ms, from.widthMs + rto.errorMs, objective, note, missed);
}

/** Commit time of the last recovery on the new source, brought to the monotonic clock; the end of the check that proved it is the upper bound. */
function dataFigure(input: VerdictInput, fates: Record<Fate, number>): Figure {
  const objective = input.plan.objectives.dataRto;
  const { reconcile } = input;
  const bad = badOf(fates);
  if (bad > 0) return figure(null, 0, objective, `not reached: ${counted(bad, 'acknowledged write')} not in place`, false);
  if (!reconcile) return figure(null, 0, objective, 'not known without a reconciliation');
  if (fates.unknown > 0) return figure(null, 0, objective, `not known: the fate of ${counted(fates.unknown, 'acknowledged write')} is not`);
  if (!input.fates.some((f) => f.lost && f.fate === 'present')) return figure(0, 0, objective, 'nothing recoverable was lost');
  const from = fromOf(input, objective);
  if (typeof from === 'string') return figure(null, 0, objective, from);
  const clock = clockOf(input.history);
  if (reconcile.lastRecoveryCommitUs === null || !clock) return figure(null, 0, objective, 'not known: the recovery has no commit time');
  const commitMs = Number(reconcile.lastRecoveryCommitUs) / 1000 - clock.wallMinusMonoMs;
  const proven = provenNs(input);
  const note = proven === null ? undefined : `proven by the check that ended at ${seconds(msBetween(from.ns, proven))}`;
  return figure(Math.max(0, commitMs - Number(from.ns) / 1e6), from.widthMs + clock.errorMs, objective, note);
}

function provenNs({ history, convergence }: VerdictInput): bigint | null {
  const verified = eventsOf(history, 'verified').at(-1);
  const ends = [verified?.at.monoNs, convergence?.provenNs].filter((ns) => typeof ns === 'string').map(BigInt);
  return ends.length === 0 ? null : ends.reduce((a, b) => (a > b ? a : b));
}

function convergenceFigure(input: VerdictInput): Figure {
  const objective = input.plan.objectives.convergence;
  const { convergence } = input;
  if (!convergence || convergence.equal === null || (convergence.equal && convergence.provenNs === null))
    return figure(null, 0, objective, convergence?.reason ?? 'not proven');
  if (!convergence.equal) return figure(null, 0, objective, 'the nodes are not equal', false);
  const from = fromOf(input, objective);
  if (typeof from === 'string') return figure(null, 0, objective, from);
  return figure(msBetween(from.ns, convergence.provenNs!), from.widthMs, objective);
}

/** An objective missed fails; one of which it cannot be told leaves the verdict unknown. */
export function objectiveReasons(f: Figures, fates: Record<Fate, number>): Reason[] {
  const reasons: Reason[] = [];
  const { writes, objective, met } = f.rpoAfterRecovery;
  const kinds = (['missing', 'altered', 'duplicated'] as const).filter((k) => fates[k] > 0).map((k) => `${fates[k]} ${k}`);
  if (met === false) reasons.push(fail(`${counted(writes ?? badOf(fates), 'acknowledged write')} not in place (${kinds.join(', ')}), objective ${objective}`));
  if (fates.unknown > 0) reasons.push(unknown(`the fate of ${counted(fates.unknown, 'acknowledged write')} is not known`));
  for (const [name, x] of [
    ['service RTO', f.serviceRto],
    ['data RTO', f.dataRto],
    ['convergence', f.convergence],
    ...Object.entries(f.people ?? {}),
  ] as const) {
    if (x.objectiveMs === null || x.met === true) continue;
    const seen = x.ms === null ? (x.note ?? 'not known') : seconds(x.ms);
    reasons.push(x.met === false ? fail(`${name}: ${seen}, objective ${seconds(x.objectiveMs)}`) : unknown(`${name}: ${seen}`));
  }
  return reasons;
}
