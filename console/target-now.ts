/**
 * What a drill's target tells while it runs, beside the drill's own state, for whoever shows it: what clients get, how stale each node is, how long each lease still
 * lasts. For the eye; the verdict reads the ledger. Asked at most twice a second, however many look: the target has its own work to do.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { BUNDLE } from '../core/bundle.ts';
import type { StalenessSample } from '../core/bundle.ts';
import { Curve } from '../core/curve.ts';
import type { DrillState } from '../workflows/messages.ts';
import type { WritesNow } from './live-model.ts';
import type { NodeStaleness } from './live-state.ts';
import type { RunningDrill } from './rundir.ts';

/** How a target is asked; whoever starts the board or a view knows. Rejects when nobody answers. */
export interface AskTarget {
  writes(d: RunningDrill): Promise<WritesNow | null>;
  /** by chain id: the rest of its lease, ms */
  leases(d: RunningDrill): Promise<Record<string, number>>;
}
export interface TargetNow {
  writes: WritesNow | null;
  /** by chain id: epoch ms at which it lapses unless it is renewed */
  leases: Readonly<Record<string, number>>;
  staleness: readonly NodeStaleness[];
}

const EVERY_MS = 500;
/** An instant that is read again may differ by what asking takes: then it is the same instant. */
const SAME_MS = 300;

export class TargetEye {
  readonly #drill: RunningDrill;
  readonly #ask: AskTarget;
  readonly #samples: Samples;
  #at = 0;
  #asking = false;
  #now: TargetNow = { writes: null, leases: {}, staleness: [] };

  constructor(drill: RunningDrill, ask: AskTarget) {
    this.#drill = drill;
    this.#ask = ask;
    this.#samples = new Samples(join(drill.bundle, BUNDLE.samples));
  }

  /** As it was when it was last asked. */
  get now(): TargetNow {
    return this.#now;
  }

  /** Whoever has something better to do than to wait for a target that is slow takes `now`. */
  async look(state: DrillState, nowMs: number): Promise<TargetNow> {
    if (this.#asking || nowMs - this.#at < EVERY_MS) return this.#now;
    this.#at = nowMs;
    this.#asking = true;
    try {
      return (this.#now = await this.#asked(state, nowMs));
    } finally {
      this.#asking = false;
    }
  }

  async #asked(state: DrillState, nowMs: number): Promise<TargetNow> {
    const writing = state.phase === 'chain' || state.phase === 'manual';
    const [writes, leases] = await Promise.all([
      writing ? this.#ask.writes(this.#drill).catch(() => null) : null,
      state.phase === 'chain' || state.phase === 'sealing' ? this.#leases().catch(() => ({})) : {},
    ]);
    try {
      this.#samples.read();
    } catch {
      // a damaged file is the verdict's to tell; a live view goes on with what it has
    }
    return { writes, leases, staleness: this.#samples.curves(state.clockOffsetMs ?? 0, nowMs) };
  }

  async #leases(): Promise<Record<string, number>> {
    const rest = await this.#ask.leases(this.#drill);
    const at = Date.now();
    const before = this.#now.leases;
    return Object.fromEntries(
      Object.entries(rest).map(([id, ms]) => [id, Math.abs((before[id] ?? 0) - (at + ms)) < SAME_MS ? before[id]! : Math.round(at + ms)]),
    );
  }
}

const CHUNK_BYTES = 1 << 20;
const BUCKET_MS = 500;

/** The reader's file, read on from where it was left, at most a chunk each time: whoever begins to look late catches up within seconds. */
class Samples {
  readonly #file: string;
  readonly #nodes = new Map<string, Curve<number | null>>();
  #offset = 0;
  #lastMonoMs = 0;

  constructor(file: string) {
    this.#file = file;
  }

  read(): void {
    let fd: number;
    try {
      fd = openSync(this.#file, 'r');
    } catch {
      // the workload has not begun
      return;
    }
    try {
      const bytes = Buffer.allocUnsafe(CHUNK_BYTES);
      const read = bytes.subarray(0, readSync(fd, bytes, 0, CHUNK_BYTES, this.#offset));
      const whole = read.lastIndexOf(0x0a) + 1;
      this.#offset += whole;
      for (const line of read.toString('utf8', 0, whole).split('\n')) if (line !== '') this.#add(JSON.parse(line) as StalenessSample);
    } finally {
      closeSync(fd);
    }
  }

  #add({ at, node, staleMs }: StalenessSample): void {
    let curve = this.#nodes.get(node);
    if (!curve) this.#nodes.set(node, (curve = new Curve<number | null>({ bucketMs: BUCKET_MS, none: null, join: worst })));
    this.#lastMonoMs = Number(BigInt(at) / 1_000_000n);
    curve.add(this.#lastMonoMs, staleMs);
  }

  /** Up to the last reading: nothing is known of the time since. */
  curves(clockOffsetMs: number, nowMs: number): NodeStaleness[] {
    const upTo = Math.min(this.#lastMonoMs, nowMs - clockOffsetMs);
    return [...this.#nodes]
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([node, curve]) => {
        const staleMs = curve.whole(upTo).map((ms) => (ms === null ? null : Math.round(ms)));
        return { node, startMs: Math.round((curve.startMs ?? 0) + clockOffsetMs), bucketMs: curve.bucketMs, staleMs };
      });
  }
}

/** The worse of two readings; one that failed tells less than one that did not. */
const worst = (a: number | null, b: number | null): number | null => (a === null ? b : b === null ? a : Math.max(a, b));
