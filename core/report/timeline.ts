/** The picture: faults, service, people and data on one axis. */
import { entries } from './axis.ts';
import type { Axis } from './axis.ts';
import { atRiskOf } from './clients.ts';
import type { Bar, PersonBar, ReportInput, TimelineModel } from './model.ts';
import { count, duration, plural } from './text.ts';

export function timelineOf(input: ReportInput, axis: Axis, people: PersonBar[]): TimelineModel {
  const faults = faultsOf(input, axis);
  const proven = input.convergence?.provenNs;
  const provenMs = proven && input.convergence?.equal === true ? axis.ns(proven) : null;
  const ends = [
    ...people.map((p) => p.toMs),
    ...faults.bars.map((b) => b.toMs),
    ...faults.marks.map((m) => m.atMs),
    workloadEnd(input, axis),
    provenMs ?? 0,
    proven ? axis.ns(proven) : 0,
    1,
  ];
  // a little room after the last event, so that what followed it can be seen
  const endMs = Math.max(...ends) * 1.05;
  const first = entries(input.history, 'workload-started')[0] ?? input.history[0];
  const startMs = Math.max(first ? Math.min(0, axis.at(first.at)) : 0, -endMs / 5);
  const atRisk = atRiskOf(input, axis);
  return {
    zero: axis.isT0 ? 'T0: the first fault took effect' : 'no fault was seen: zero is the start of the drill',
    zeroWallMs: axis.zeroWallMs,
    startMs,
    endMs,
    faults,
    service: serviceOf(input, axis, startMs, endMs),
    people,
    atRisk,
    backMs: backMs(input, axis),
    provenMs,
    data: dataWords(input, atRisk.at(-1)?.writes ?? 0),
  };
}

/** A leased or compensated fault lasts until it was healed; a one-way fault is a moment. */
function faultsOf(input: ReportInput, axis: Axis): TimelineModel['faults'] {
  const healed = entries(input.history, 'fault-healed');
  const last = input.history.at(-1);
  const bars: Bar[] = [];
  const marks: TimelineModel['faults']['marks'] = [];
  for (const f of entries(input.history, 'fault-injected')) {
    const fromMs = axis.at(f.effect.absent);
    if (f.undo === 'one-way') {
      marks.push({ atMs: fromMs, label: f.title });
      continue;
    }
    const h = healed.find((e) => e.chainId === f.chainId);
    const toMs = h ? axis.at(h.effect?.absent ?? h.at) : axis.at(last!.at);
    const how = h?.how === 'lease' ? ', its lease lapsed' : h ? '' : ', never healed';
    bars.push({ fromMs, toMs, label: `${f.title}, ${duration(toMs - fromMs)}${how}`, kind: 'fault' });
  }
  return { bars, marks };
}

/** Which node took the writes, between the outages. */
function serviceOf(input: ReportInput, axis: Axis, startMs: number, endMs: number): Bar[] {
  const stop = Math.min(endMs, workloadEnd(input, axis) || endMs);
  const promoted = entries(input.history, 'fault-injected').filter((f) => f.verb === 'promote');
  const turns = promoted.map((f) => ({ atMs: axis.at(f.effect.absent), node: f.facts['node'] ?? 'the promoted node' }));
  const holder = (ms: number) => turns.findLast((t) => t.atMs <= ms)?.node ?? oldSource(input);
  const outages = input.verdict.figures.outages.map((o) => ({ from: axis.ns(o.fromNs), to: o.toNs === null ? stop : axis.ns(o.toNs) }));
  const bars: Bar[] = [];
  const serve = (from: number, to: number) => {
    const cuts = [from, ...turns.map((t) => t.atMs).filter((t) => t > from && t < to), to];
    for (let i = 0; i + 1 < cuts.length; i++) bars.push({ fromMs: cuts[i]!, toMs: cuts[i + 1]!, label: `writes go to ${holder(cuts[i]!)}`, kind: 'service' });
  };
  let at = startMs;
  for (const o of outages) {
    if (o.from > at) serve(at, o.from);
    bars.push({ fromMs: Math.max(o.from, startMs), toMs: o.to, label: `down ${duration(o.to - o.from)}`, kind: 'down' });
    at = o.to;
  }
  if (stop > at) serve(at, stop);
  return bars;
}

export function oldSource(input: ReportInput): string {
  const named = (verbs: string[]) => entries(input.history, 'fault-injected').find((f) => verbs.includes(f.verb));
  const kill = named(['kill-node', 'kill-process'])?.facts['node'];
  const cut = input.plan.chain.find((c) => c.do === 'partition')?.with['node'];
  return kill ?? (typeof cut === 'string' ? cut : 'the primary');
}

function workloadEnd(input: ReportInput, axis: Axis): number {
  const stopped = entries(input.history, 'workload-stopped').at(-1);
  return stopped ? axis.at(stopped.at) : 0;
}

/** Only a proven return counts: the commit of the last recovered write, when a later check found it in place. */
function backMs(input: ReportInput, axis: Axis): number | null {
  const us = input.reconcile?.lastRecoveryCommitUs;
  return us && input.verdict.figures.dataRto.ms !== null ? axis.wall(Number(us) / 1000) : null;
}

function dataWords(input: ReportInput, atRisk: number): TimelineModel['data'] {
  const { writes } = input.verdict.figures.rpoAfterRecovery;
  const open = input.verdict.fates.unknown;
  const risk = atRisk > 0 ? `${plural(atRisk, 'acknowledged write')} only on ${oldSource(input)}` : input.reconcile ? 'nothing was at risk' : 'not reconciled';
  if (writes === null || !input.reconcile) return { risk, after: 'not known', afterState: 'unknown', bad: 0 };
  if (writes > 0) return { risk, after: `${plural(writes, 'write')} missing or wrong`, afterState: 'fail', bad: writes };
  if (open > 0) return { risk, after: `${count(open)} cannot be told`, afterState: 'unknown', bad: 0 };
  return { risk, after: atRisk > 0 ? 'all back' : 'nothing lost', afterState: 'pass', bad: 0 };
}
