/**
 * Time. Durations are computed on one monotonic clock; wall time is for people and for instants that only a wall clock has
 * (a binlog's commit timestamp). In files and messages monotonic times are nanoseconds as decimal strings, since 2^53 ns is 104 days.
 */
export interface Instant {
  /** Epoch milliseconds, with fractions where the clock has them. */
  wallMs: number;
  /** CLOCK_MONOTONIC of the recorder's machine, nanoseconds, decimal. */
  monoNs: string;
  /** Which boot of which machine the monotonic clock belongs to (/proc/sys/kernel/random/boot_id). */
  boot: string;
  /** Who read the clocks: `holder`, `writer`, `activity`, `engine`, … */
  by: string;
}

/** The effect of a fault appeared after `absent` (last probe that did not see it) and not after `present` (first probe that saw it). */
export interface EffectInterval {
  absent: Instant;
  present: Instant;
  /** How it was seen, for a reader: "UDP probes db1→db2, db2→db1 every 10 ms". */
  probe: string;
}

export const nsOf = (i: { monoNs: string }): bigint => BigInt(i.monoNs);
/** Milliseconds (fractions kept) from a to b on one monotonic clock. */
export const msBetween = (aNs: bigint | string, bNs: bigint | string): number => Number(BigInt(bNs) - BigInt(aNs)) / 1e6;
