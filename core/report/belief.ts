/** Why one can believe the report: how writes were recorded, what orders them, how exact the clocks are, and which bytes it rests on. */
import { digestOf } from '../json.ts';
import { entries } from './axis.ts';
import type { Axis } from './axis.ts';
import type { InstantRow, ReportInput, ReportModel } from './model.ts';
import { count, duration, plural } from './text.ts';

export function beliefOf(input: ReportInput, axis: Axis): ReportModel['belief'] {
  return {
    sentences: sentencesOf(input),
    instants: instantsOf(input, axis),
    files: [...input.files],
    planDigest: input.planDigest,
    evidenceDigest: digestOf(input.files),
  };
}

function sentencesOf(input: ReportInput): string[] {
  const { plan, reconcile: r, convergence: c } = input;
  const w = plan.workload;
  const said = [
    `Every write was recorded by the client before its first byte was sent: ${plural(input.attempts.length, 'attempt')}, open loop at ${count(w.rate)} per second with up to ${count(w.concurrency)} in flight, so that an outage hides no arrivals. What got no clear answer within ${duration(w.timeoutMs)} counts as unknown, never as failed.`,
  ];
  if (r) {
    const bytes = r.logs.reduce((n, l) => n + l.bytes, 0);
    const side = (s: 'old' | 'new') => r.logs.filter((l) => l.side === s).length;
    said.push(
      `Fates are read from the rows themselves, key by key; that GTID sets are equal proves nothing. What was lost and in which order is read from ${plural(side('old'), 'binary log')} of the old side and ${count(side('new'))} of the new (${count(bytes)} bytes, SHA-256 of each in reconcile.json). The point where the histories part was ${r.fork.how}.`,
    );
  }
  if (c)
    said.push(
      `${plural(c.nodes.length, 'node')} were compared row by row: ${c.nodes.map((n) => `${n.node} ${plural(n.rows, 'row')}, digest ${n.digest.slice(0, 12)}`).join('; ')}.`,
    );
  const lock = entries(input.history, 'target-locked')[0];
  if (lock)
    said.push(`Durations are taken on one monotonic clock. Where the engine's wall clock is involved, it is known to within ${duration(lock.clock.errorMs)}.`);
  const refused = entries(input.history, 'message-refused').length;
  const signed = input.history.filter((e) => 'envelope' in e && e.envelope !== null).length;
  if (signed > 0)
    said.push(
      `${plural(signed, 'message')} of people ${signed === 1 ? 'was' : 'were'} accepted, each with an Ed25519 signature that fits a key of the plan${refused ? `; ${plural(refused, 'message was', 'messages were')} refused` : ''}.`,
    );
  const renewed = entries(input.history, 'lease-renewed').reduce((n, e) => n + e.count, 0);
  if (renewed > 0) said.push(`Leases were renewed ${plural(renewed, 'time')}, each time only after the engine had answered.`);
  return said;
}

function instantsOf(input: ReportInput, axis: Axis): InstantRow[] {
  const rows = entries(input.history, 'fault-injected').map((f) => ({ what: f.title, effect: f.effect }));
  for (const h of entries(input.history, 'fault-healed'))
    if (h.effect) rows.push({ what: `healed: ${input.plan.chain.find((c) => c.id === h.chainId)?.title ?? h.chainId}`, effect: h.effect });
  return rows.map(({ what, effect }) => {
    const atMs = axis.at(effect.absent);
    return { what, atMs, errorMs: Math.max(0, axis.at(effect.present) - atMs), probe: effect.probe };
  });
}
