/** Cuts one node from others, both ways, at the network: both sides stay up, clients still reach the node. Leased: the target heals it by itself. */
import { z } from 'zod';
import { DrillError } from '../../core/errors.ts';
import { nsOf } from '../../core/time.ts';
import type { EffectInterval } from '../../core/time.ts';
import type { Pair } from '../../targets/port.ts';
import type { Target } from '../deps.ts';
import type { FaultModule } from './fault.ts';

const schema = z.strictObject({ node: z.string(), from: z.array(z.string()).min(1) });
type Args = z.infer<typeof schema>;
interface Cut {
  pairs: Pair[];
}

const OBSERVE_MS = 5_000;
const POLL_MS = 20;
const HEAL_OBSERVE_MS = 1_500;
const pairsOf = (a: Args): Pair[] =>
  a.from.flatMap((other): Pair[] => [
    [a.node, other],
    [other, a.node],
  ]);
const show = (pairs: readonly Pair[]) => pairs.map(([a, b]) => `${a}→${b}`).join(', ');

export const partition: FaultModule<Args, Cut> = {
  verb: 'partition',
  undo: 'leased',
  schema,
  title: (a) => `partition ${a.node} from ${a.from.join(' and ')}`,

  warm: (t, a) => t.platform.watch(pairsOf(a)),

  async prepare(t, a) {
    const pairs = pairsOf(a);
    const state = await t.platform.cutState();
    if (state.live.length > 0)
      throw new DrillError('DRILL_TARGET_DIRTY', `already cut before the drill: ${show(state.live.map((l) => l.pair))}`, 'run `drillbook heal`');
    await t.platform.watch(pairs);
    return { pairs };
  },

  async inject(t, { pairs }, how) {
    const state = await t.platform.cutState();
    if (state.live.length === pairs.length) return;
    const seen = await after(t, pairs, 'lost', how.preparedAtNs);
    if (seen.some((s) => s !== null))
      throw new DrillError(
        'DRILL_LEASE_LAPSED',
        `the cut of ${show(pairs)} was made and lapsed while no engine renewed it`,
        'a fault is never injected twice; run the drill again',
      );
    await t.platform.cut(pairs, how.leaseMs!);
  },

  async observe(t, { pairs }, how) {
    const deadline = Date.now() + OBSERVE_MS;
    for (;;) {
      const seen = await after(t, pairs, 'lost', how.preparedAtNs);
      const effects = seen.filter((s): s is EffectInterval => s !== null);
      if (effects.length === pairs.length)
        return { effect: span(effects), facts: { pairs: show(pairs), dropped: String((await t.platform.cutState()).dropped) } };
      if (Date.now() > deadline) {
        const blind = pairs.filter((_, i) => seen[i] === null);
        throw new DrillError(
          'DRILL_FAULT_NOT_SEEN',
          `no probe saw ${show(blind)} cut within ${OBSERVE_MS / 1000} s`,
          'the platform reported the cut as made; look at its packet filter',
        );
      }
      await new Promise((r) => setTimeout(r, POLL_MS));
    }
  },

  live: async (t, { pairs }) => {
    const live = new Set((await t.platform.cutState()).live.map((l) => l.pair.join()));
    return pairs.some((p) => live.has(p.join()));
  },

  async rest(t, { pairs }) {
    const { live } = await t.platform.cutState();
    const mine = live.filter((l) => pairs.some((p) => p.join() === l.pair.join()));
    return mine.length > 0 ? Math.min(...mine.map((l) => l.expiresInMs)) : null;
  },

  renew: (t, { pairs }, leaseMs) => t.platform.renewCut(pairs, leaseMs),

  async heal(t, { pairs }) {
    const before = await t.platform.now();
    const live = (await t.platform.cutState()).live.length;
    await t.platform.healCut(pairs);
    if (live === 0) return null;
    const running = new Set((await t.platform.facts()).nodes.filter((n) => n.running).map((n) => n.name));
    const reachable = pairs.filter(([a, b]) => running.has(a) && running.has(b));
    const deadline = Date.now() + HEAL_OBSERVE_MS;
    while (reachable.length > 0 && Date.now() < deadline) {
      const seen = (await after(t, reachable, 'ok', before.monoNs)).filter((s): s is EffectInterval => s !== null);
      if (seen.length === reachable.length) return span(seen);
      await new Promise((r) => setTimeout(r, POLL_MS));
    }
    return null;
  },

  async held(t, { pairs }, effect, untilNs) {
    const opened = await after(t, pairs, 'ok', effect.present.monoNs);
    const early = pairs.filter((_, i) => opened[i] && nsOf(opened[i].absent) < untilNs);
    return early.length > 0
      ? { held: false, seen: `probes saw ${show(early)} open again before the chain went on` }
      : { held: true, seen: `probes saw no packet on ${show(pairs)} from the cut on` };
  },
};

/** Transitions that began after a moment; older ones belong to another life. */
async function after(t: Target, pairs: Pair[], to: 'lost' | 'ok', sinceNs: string): Promise<(EffectInterval | null)[]> {
  const all = await t.platform.transitions(pairs, to);
  return all.map((e) => (e && nsOf(e.present) > BigInt(sinceNs) ? e : null));
}

/** The whole fault: from the last probe that saw any pair open to the first that saw all of them cut. */
function span(effects: EffectInterval[]): EffectInterval {
  const absent = effects.map((e) => e.absent).reduce((a, b) => (nsOf(b) < nsOf(a) ? b : a));
  const present = effects.map((e) => e.present).reduce((a, b) => (nsOf(b) > nsOf(a) ? b : a));
  return { absent, present, probe: effects[0]!.probe };
}
