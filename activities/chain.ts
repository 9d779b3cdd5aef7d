/** The chain's activities: inject a fault by its verb, heal it, prove that it held. */
import type { EffectInterval, Instant } from '../core/time.ts';
import { nsOf } from '../core/time.ts';
import { DrillError, isDrillError } from '../core/errors.ts';
import type { DrillRef } from '../workflows/messages.ts';
import type { Deps, Target } from './deps.ts';
import { faultOf, FAULTS } from './faults/index.ts';
import type { Observation } from './faults/fault.ts';
import { Journal } from './journal.ts';
import type { JournalRecord } from './journal.ts';

export interface InjectArgs {
  chainId: string;
  with: Record<string, unknown>;
  leaseMs: number | null;
}
export interface Healed {
  how: 'drill' | 'lease' | 'vanished' | 'nothing';
  effect: EffectInterval | null;
  at: Instant;
}

/** Prepare → journal → inject → observe. A retry finds the journal and goes on from there; nothing is ever injected twice. */
async function injectFault(deps: Deps, verb: string, ref: DrillRef, args: InjectArgs): Promise<Observation> {
  const t = await deps.target(ref.target);
  const fault = faultOf(verb);
  const journal = new Journal((await t.platform.facts()).workDir, ref.drillId);
  let entry = journal.get(args.chainId);
  if (!entry) {
    const preparedAtNs = (await t.platform.now()).monoNs;
    const record = await fault.prepare(t, fault.schema.parse(args.with));
    journal.put({
      chainId: args.chainId,
      verb,
      phase: 'prepared',
      undo: fault.undo,
      leaseMs: args.leaseMs,
      record,
      injection: null,
      effect: null,
      facts: {},
      preparedAtNs,
    });
    entry = journal.get(args.chainId)!;
  }
  if (entry.phase === 'observed') return { effect: entry.effect!, facts: entry.facts };
  if (entry.phase === 'healing' || entry.phase === 'healed')
    throw new DrillError('DRILL_FAULT_HEALED', `${args.chainId} was healed while it was being injected`, 'run the drill again');
  const how = {
    leaseMs: args.leaseMs,
    preparedAtNs: entry.preparedAtNs,
    saved: entry.injection,
    save: (partial: unknown) => void journal.update(args.chainId, { injection: partial }),
  };
  const injected = entry.phase === 'injected' ? entry.injection : await fault.inject(t, entry.record, how);
  journal.update(args.chainId, { phase: 'injected', injection: injected ?? null });
  const seen = await fault.observe(t, entry.record, how, injected);
  journal.update(args.chainId, { phase: 'observed', ...seen });
  return seen;
}

/** A leased fault that is gone before anyone healed it has lapsed. One whose healing began (an earlier attempt, `drillbook heal`) was healed; one that was never seen is nothing. */
async function howHealed(t: Target, entry: JournalRecord): Promise<Healed['how']> {
  if (entry.undo !== 'leased' || entry.phase === 'healing' || entry.phase === 'healed') return 'drill';
  if (await faultOf(entry.verb).live!(t, entry.record)) return 'drill';
  return entry.phase === 'prepared' ? 'nothing' : 'lease';
}

export function chainActivities(deps: Deps) {
  const verbs = Object.fromEntries(
    Object.keys(FAULTS).map((verb) => [verb, (ref: DrillRef, args: InjectArgs) => injectFault(deps, verb, ref, args)]),
  ) as Record<keyof typeof FAULTS, (ref: DrillRef, args: InjectArgs) => Promise<Observation>>;
  return {
    ...verbs,

    /** Idempotent: a retry says what the first attempt found. Works from the journal alone. `lease`: the target had healed it by itself before. */
    async heal(ref: DrillRef, { chainId, verb }: { chainId: string; verb: string }): Promise<Healed> {
      const t = await deps.target(ref.target);
      const at = await t.platform.now();
      const journal = new Journal((await t.platform.facts()).workDir, ref.drillId);
      const entry = journal.get(chainId);
      const fault = faultOf(verb);
      if (!entry || !fault.heal) return { how: 'nothing', effect: null, at };
      if (entry.healed) return { ...entry.healed, at: entry.healed.effect?.present ?? at };
      let how = await howHealed(t, entry);
      if (how === 'drill') journal.update(chainId, { phase: 'healing' });
      let effect: EffectInterval | null = null;
      try {
        effect = await fault.heal(t, entry.record);
      } catch (e) {
        if (!isDrillError(e) || e.code !== 'DRILL_NODE_DOWN') throw e;
        how = 'vanished';
      }
      journal.update(chainId, { phase: 'healed', healed: { how, effect } });
      return { how, effect, at: effect?.present ?? at };
    },

    /** Did probes see the fault unbroken until another chain entry took effect? */
    async checkHeld(ref: DrillRef, { chainId, until }: { chainId: string; until: string }): Promise<{ held: boolean; seen: string; at: Instant }> {
      const t = await deps.target(ref.target);
      const journal = new Journal((await t.platform.facts()).workDir, ref.drillId);
      const [entry, end] = [journal.get(chainId), journal.get(until)];
      const at = await t.platform.now();
      if (!entry?.effect || !end?.effect) return { held: false, seen: 'the journal has no effect of both faults', at };
      const fault = faultOf(entry.verb);
      if (!fault.held) return { held: true, seen: `${entry.verb} cannot end by itself`, at };
      return { ...(await fault.held(t, entry.record, entry.effect, nsOf(end.effect.absent))), at };
    },
  };
}
