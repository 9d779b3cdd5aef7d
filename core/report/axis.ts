/** One axis for everything: milliseconds from T0. */
import type { HistoryEntry, HistoryEvent } from '../history.ts';
import { nsOf } from '../time.ts';
import type { Instant } from '../time.ts';
import type { ReportInput } from './model.ts';

type Kind = HistoryEvent['kind'];
export type Of<K extends Kind> = Extract<HistoryEntry, { kind: K }>;

export class Axis {
  readonly #zeroNs: bigint;
  /** null: nothing is known that happened */
  readonly zeroWallMs: number | null;
  readonly #boot: string;
  readonly isT0: boolean;

  constructor(input: ReportInput) {
    const { t0Ns, t0WallMs } = input.verdict.figures;
    const fault = entries(input.history, 'fault-injected')[0];
    const first = input.history[0];
    const start: Instant | undefined = fault?.effect.absent ?? first?.at;
    this.isT0 = t0Ns !== null;
    this.#zeroNs = t0Ns === null ? (start ? nsOf(start) : 0n) : BigInt(t0Ns);
    this.zeroWallMs = t0WallMs ?? start?.wallMs ?? null;
    this.#boot = start?.boot ?? '';
  }

  ns(monoNs: bigint | string): number {
    return round(Number(BigInt(monoNs) - this.#zeroNs) / 1e6);
  }
  /** By the monotonic clock where both belong to one boot of one machine, else by wall clocks. */
  at(i: Instant): number {
    return i.boot === this.#boot ? this.ns(i.monoNs) : this.wall(i.wallMs);
  }
  wall(wallMs: number): number {
    return round(wallMs - (this.zeroWallMs ?? 0));
  }
}

/** Microseconds are finer than any clock here; fewer digits keep the model readable. */
export const round = (ms: number): number => Math.round(ms * 1000) / 1000;

/** All entries of one kind, in order. */
export function entries<K extends Kind>(history: readonly HistoryEntry[], kind: K): Of<K>[] {
  return history.filter((e): e is Of<K> => e.kind === kind);
}
