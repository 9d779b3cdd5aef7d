/**
 * A value over time in bounded space, however long it goes on: buckets of equal length, and when there is no room for one more, neighbours are joined and every bucket
 * is twice as long. Memory: CURVE_BUCKETS values.
 */
export const CURVE_BUCKETS = 160;

export interface CurveOptions<T> {
  /** at first */
  bucketMs: number;
  /** of a bucket in which nothing came */
  none: T;
  join: (a: T, b: T) => T;
}

export class Curve<T> {
  readonly #none: T;
  readonly #join: (a: T, b: T) => T;
  #bucketMs: number;
  #startMs: number | null = null;
  #buckets: T[] = [];

  constructor({ bucketMs, none, join }: CurveOptions<T>) {
    this.#bucketMs = bucketMs;
    this.#none = none;
    this.#join = join;
  }

  get bucketMs(): number {
    return this.#bucketMs;
  }
  /** of the first bucket, on the clock of `add`; null: nothing came yet */
  get startMs(): number | null {
    return this.#startMs;
  }

  /** What came before the first value's bucket is left out. */
  add(atMs: number, value: T): void {
    if (!Number.isFinite(atMs)) return;
    this.#startMs ??= Math.floor(atMs / this.#bucketMs) * this.#bucketMs;
    const i = this.#reach(atMs);
    if (i >= 0) this.#buckets[i] = this.#join(this.#buckets[i]!, value);
  }

  /** The buckets that are over by then: one that still fills would look like a fall. */
  whole(nowMs: number): T[] {
    if (this.#startMs === null) return [];
    this.#reach(nowMs);
    return this.#buckets.slice(0, Math.max(0, Math.floor((nowMs - this.#startMs) / this.#bucketMs)));
  }

  /** Makes room up to that time; the index of its bucket. */
  #reach(atMs: number): number {
    const index = () => Math.floor((atMs - this.#startMs!) / this.#bucketMs);
    while (index() >= CURVE_BUCKETS) this.#double();
    while (this.#buckets.length <= index()) this.#buckets.push(this.#none);
    return index();
  }

  #double(): void {
    const half: T[] = [];
    for (let i = 0; i < this.#buckets.length; i += 2) half.push(this.#join(this.#buckets[i]!, this.#buckets[i + 1] ?? this.#none));
    this.#buckets = half;
    this.#bucketMs *= 2;
  }
}
