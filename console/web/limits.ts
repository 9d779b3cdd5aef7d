/** How often something may happen: a bucket for each key that fills evenly. Memory is bounded: a full bucket is forgotten. */
const KEYS_MAX = 10_000;

export class RateLimit {
  readonly #most: number;
  readonly #perMs: number;
  readonly #used = new Map<string, { used: number; atMs: number }>();

  /** `most` at once, and as many again within `overMs`. */
  constructor({ most, overMs }: { most: number; overMs: number }) {
    this.#most = most;
    this.#perMs = most / overMs;
  }

  /** Takes one; 0, or how many seconds to wait. */
  take(key: string, nowMs: number): number {
    const before = this.#used.get(key);
    const used = before ? Math.max(0, before.used - (nowMs - before.atMs) * this.#perMs) : 0;
    if (used + 1 > this.#most) return Math.max(1, Math.ceil((used + 1 - this.#most) / this.#perMs / 1000));
    this.#used.delete(key);
    this.#used.set(key, { used: used + 1, atMs: nowMs });
    if (this.#used.size > KEYS_MAX) this.#used.delete(this.#used.keys().next().value!);
    return 0;
  }
}
