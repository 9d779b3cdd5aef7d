/** One figure against its objective, and the instant from which it counts. */
import type { Objective } from '../plan.ts';
import { msBetween, nsOf } from '../time.ts';
import type { Figure } from '../verdict.ts';
import { eventsOf, type EventOf, type VerdictInput } from './input.ts';

/** Where an objective counts from: the earlier end of a fault's effect interval; its width is the error. */
export interface From {
  ns: bigint;
  widthMs: number;
}

export function figure(ms: number | null, errorMs: number, objective: Objective | undefined, note?: string, met: boolean | null = null): Figure {
  const objectiveMs = objective?.withinMs ?? null;
  return { ms, errorMs, objectiveMs, met: objectiveMs === null ? null : ms === null ? met : ms <= objectiveMs, ...(note ? { note } : {}) };
}

/** A string says why the instant is not known. */
export function fromOf({ history, plan }: VerdictInput, objective: Objective | undefined): From | string {
  const faults = eventsOf(history, 'fault-injected');
  const fault = objective ? faults.find((e) => e.chainId === objective.from) : faults[0];
  if (!fault) return objective ? `${objective.from}, from which it counts, was not seen to take effect` : 'no fault was seen';
  const { absent, present } = fault.effect;
  const boot = clockOf(history)?.boot;
  if (absent.boot !== present.boot || absent.boot !== boot) return `the instants of ${fault.chainId} and of ${plan.target.name} are on different clocks`;
  return { ns: nsOf(absent), widthMs: msBetween(absent.monoNs, present.monoNs) };
}

export const clockOf = (history: VerdictInput['history']): EventOf<'target-locked'>['clock'] | undefined => eventsOf(history, 'target-locked')[0]?.clock;
