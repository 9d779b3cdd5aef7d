/**
 * A fault: something broken on purpose. One file per verb; it speaks to Platform and System, never to a concrete one.
 * prepare reads, changes nothing, and returns the undo record → the record is journalled → inject(record) is idempotent → observe proves
 * the effect by probes → heal(record) is idempotent, and a vanished target counts as healed.
 */
import type { ZodType } from 'zod';
import type { Undo } from '../../core/plan.ts';
import type { EffectInterval } from '../../core/time.ts';
import type { Target } from '../deps.ts';

export interface Injection {
  leaseMs: number | null;
  /** monotonic ns at prepare: what probes saw before does not count */
  preparedAtNs: string;
  /** what an earlier, interrupted attempt saved */
  saved: unknown;
  /** journals a partial result before going on */
  save(partial: unknown): void;
}
export interface Observation {
  effect: EffectInterval;
  facts: Record<string, string>;
}

export interface FaultModule<A = unknown, R = unknown> {
  verb: string;
  undo: Undo;
  schema: ZodType<A>;
  title(args: A): string;
  /** Long before the fault: start the probes that will have to see it. */
  warm?(t: Target, args: A): Promise<void>;
  prepare(t: Target, args: A): Promise<R>;
  inject(t: Target, record: R, how: Injection): Promise<unknown>;
  observe(t: Target, record: R, how: Injection, injected: unknown): Promise<Observation>;
  /** Null effect: healed, with no probe that could tell when. */
  heal?(t: Target, record: R): Promise<EffectInterval | null>;
  /** leased faults: is it still in force? */
  live?(t: Target, record: R): Promise<boolean>;
  /** leased faults: what its lease still lasts by the target's own clock, ms; null: it is not in force */
  rest?(t: Pick<Target, 'platform'>, record: R): Promise<number | null>;
  /** leased faults: extends the lease, all or nothing; DRILL_LEASE_LAPSED when it has lapsed */
  renew?(t: Target, record: R, leaseMs: number): Promise<void>;
  /** Was it unbroken from its effect until `untilNs`? */
  held?(t: Target, record: R, effect: EffectInterval, untilNs: bigint): Promise<{ held: boolean; seen: string }>;
}
