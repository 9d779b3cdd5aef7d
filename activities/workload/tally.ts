/** The writer's running counts, for its status. */
import type { WriteOutcome } from '../../core/ledger.ts';
import { Curve } from '../../core/curve.ts';
import type { Counts, Phase, RateCurve } from './config.ts';

const BUCKETS = 10;
const BUCKET_MS = 100;

/** of the curve, at first */
const CURVE_MS = 500;

const none = (): Counts => ({ acked: 0, failed: 0, unknown: 0 });

const ONE: Readonly<Record<WriteOutcome, Counts>> = { acked: { ...none(), acked: 1 }, failed: { ...none(), failed: 1 }, unknown: { ...none(), unknown: 1 } };

export class Tally {
  readonly total = none();
  readonly perPhase: Partial<Record<Phase, Counts>> = {};
  readonly #curve = new Curve<Counts>({
    bucketMs: CURVE_MS,
    none: none(),
    join: (a, b) => ({ acked: a.acked + b.acked, failed: a.failed + b.failed, unknown: a.unknown + b.unknown }),
  });
  /** a ring of tenths of a second; a slot is valid for the tenth it is stamped with */
  readonly #ring = Array.from({ length: BUCKETS }, () => ({ tenth: -1, counts: none() }));

  add(phase: Phase, outcome: WriteOutcome, nowMs: number): void {
    const tenth = Math.floor(nowMs / BUCKET_MS);
    const slot = this.#ring[tenth % BUCKETS];
    if (slot && slot.tenth !== tenth) Object.assign(slot, { tenth, counts: none() });
    for (const counts of [this.total, (this.perPhase[phase] ??= none()), slot?.counts]) if (counts) counts[outcome] += 1;
    this.#curve.add(nowMs, ONE[outcome]);
  }

  /** Since the first outcome, per second; `wallMs` is the wall clock at `nowMs`. */
  curve(nowMs: number, wallMs: number): RateCurve {
    const whole = this.#curve.whole(nowMs);
    const { startMs, bucketMs } = this.#curve;
    const perSecond = (n: number) => Math.round((n * 10_000) / bucketMs) / 10;
    return {
      startWallMs: Math.round(wallMs - (nowMs - (startMs ?? nowMs))),
      bucketMs,
      acked: whole.map((c) => perSecond(c.acked)),
      bad: whole.map((c) => perSecond(c.failed + c.unknown)),
    };
  }

  lastSecond(nowMs: number): Counts {
    const oldest = Math.floor(nowMs / BUCKET_MS) - BUCKETS;
    const sum = none();
    for (const { tenth, counts } of this.#ring) {
      if (tenth <= oldest) continue;
      for (const key of ['acked', 'failed', 'unknown'] as const) sum[key] += counts[key];
    }
    return sum;
  }
}
