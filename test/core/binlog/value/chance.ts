/** Numbers from a seed (mulberry32): the same cases each time, and others by another seed. */
export interface Chance {
  /** an integer in [0, n) */
  below(n: number): number;
  pick<T>(of: readonly T[]): T;
}

export function chance(seed: number): Chance {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (n: number): number => Math.floor(next() * n);
  return { below, pick: (of) => of[below(of.length)]! };
}
