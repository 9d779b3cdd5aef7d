/**
 * The service as its clients saw it: outages, service RTO, rates, RPO in seconds (docs/semantics.md, 2). Pure folds over the ledger.
 *
 * An arrival is the first attempt of a write, at its intended time: the open loop decides that, not the service, so an outage is
 * counted by all the writes that were due in it. Retries say nothing about when the service was there; they are in the rates only.
 */
import type { LedgerAttempt, WriteOutcome } from './ledger.ts';

/** The service is up where at least this share of the arrivals in the sustain window is acked. */
export const UP_SHARE = 0.99;
export const SUSTAIN_MS = 3000;
export const SUSTAIN_ARRIVALS_MIN = 20;

export interface Outage {
  /** intended time of the first write that was not acked */
  fromNs: bigint;
  /** intended time of the first acked write that opened a window of ≥ 99 %; null: the ledger ends before one was complete */
  toNs: bigint | null;
  /** arrivals in it that were not acked */
  failed: number;
  /** the last arrival before `toNs` that was not acked; the service came back between the two */
  lastFailedNs: bigint;
}

export interface Arrival {
  atNs: bigint;
  acked: boolean;
}

/** First attempts in the order of their intended times. Memory: one small object per write. */
export function arrivalsOf(attempts: Iterable<LedgerAttempt>): Arrival[] {
  const out: Arrival[] = [];
  for (const a of attempts) if (a.attempt === 1) out.push({ atNs: a.intendedNs, acked: a.outcome === 'acked' });
  return out.sort((a, b) => (a.atNs < b.atNs ? -1 : a.atNs > b.atNs ? 1 : 0));
}

/**
 * All outages. One begins at the first arrival not acked that is followed by a window below 99 % acked, and ends at the first acked
 * arrival that opens a window of ≥ 99 %. A window is `sustainMs` long, and longer where fewer than 20 arrivals came in it.
 * A lone error is no outage. At the ledger's end a window is what is left: enough to begin an outage (what is seen there is bad), never enough to end one.
 */
export function outagesOf(arrivals: readonly Arrival[], sustainMs = SUSTAIN_MS): Outage[] {
  const windows = new Windows(arrivals, sustainMs);
  const outages: Outage[] = [];
  let current: Outage | null = null;
  for (const [i, { atNs, acked }] of arrivals.entries()) {
    if (current === null) {
      if (acked || !windows.isDown(i + 1)) continue;
      current = { fromNs: atNs, toNs: null, failed: 1, lastFailedNs: atNs };
      outages.push(current);
    } else if (!acked) {
      current.failed += 1;
      current.lastFailedNs = atNs;
    } else if (windows.isWhole(i) && !windows.isDown(i)) {
      current.toNs = atNs;
      current = null;
    }
  }
  return outages;
}

/** The sustain window that each arrival opens, itself included; all of them in one pass. */
class Windows {
  /** index after the window's last arrival, and whether the ledger goes on beyond it */
  readonly #end: Uint32Array;
  readonly #whole: Uint8Array;
  readonly #ackedBefore: Float64Array;

  constructor(arrivals: readonly Arrival[], sustainMs: number) {
    const sustainNs = BigInt(Math.round(sustainMs * 1e6));
    const { length } = arrivals;
    this.#end = new Uint32Array(length + 1).fill(length);
    this.#whole = new Uint8Array(length + 1);
    this.#ackedBefore = new Float64Array(length + 1);
    let timeEnd = 0;
    for (const [i, { atNs, acked }] of arrivals.entries()) {
      while (timeEnd < length && arrivals[timeEnd]!.atNs < atNs + sustainNs) timeEnd += 1;
      this.#end[i] = Math.min(Math.max(timeEnd, i + SUSTAIN_ARRIVALS_MIN), length);
      this.#whole[i] = timeEnd < length && i + SUSTAIN_ARRIVALS_MIN <= length ? 1 : 0;
      this.#ackedBefore[i + 1] = this.#ackedBefore[i]! + (acked ? 1 : 0);
    }
  }

  isWhole(i: number): boolean {
    return this.#whole[i] === 1;
  }

  /** Whether fewer than 99 % of the window's arrivals are acked; an empty window shows nothing. */
  isDown(i: number): boolean {
    const end = this.#end[i]!;
    return end > i && this.#ackedBefore[end]! - this.#ackedBefore[i]! < UP_SHARE * (end - i);
  }
}

export interface ServiceRto {
  /** null: the service was not seen to be back, or it can not be told (see `reason`) */
  ms: number | null;
  /** the service came back within this before `ms` */
  errorMs: number;
  /** the outage went on to the end of the ledger */
  stillDown: boolean;
  reason?: string;
}

/**
 * End of the last outage that was not over by `fromNs`, minus `fromNs`; 0 when none was. Unknown when there are no arrivals after
 * `fromNs`, or when the writer itself was silent for longer than the sustain window before the service was back: nobody looked.
 */
export function serviceRto(arrivals: readonly Arrival[], fromNs: bigint, sustainMs = SUSTAIN_MS): ServiceRto {
  const last = arrivals.at(-1);
  if (!last || last.atNs <= fromNs) return unknown('the ledger has no write after the fault');
  const outage = outagesOf(arrivals, sustainMs).findLast((o) => o.toNs === null || o.toNs > fromNs);
  const until = outage ? (outage.toNs ?? last.atNs) : fromNs + BigInt(Math.round(sustainMs * 1e6));
  const silence = silenceIn(arrivals, fromNs, until, sustainMs);
  if (silence !== null) return unknown(`the writer itself was silent for ${(silence / 1000).toFixed(1)} s`);
  if (!outage) return last.atNs < until ? unknown('the ledger ends within the sustain window after the fault') : { ms: 0, errorMs: 0, stillDown: false };
  if (outage.toNs === null) return { ms: null, errorMs: 0, stillDown: true, reason: 'the service was not back when the ledger ended' };
  return { ms: Number(outage.toNs - fromNs) / 1e6, errorMs: Number(outage.toNs - outage.lastFailedNs) / 1e6, stillDown: false };
}

const unknown = (reason: string): ServiceRto => ({ ms: null, errorMs: 0, stillDown: false, reason });

/** Longest time without an arrival that lies (partly) between the two instants, ms, if it is longer than the sustain window. */
function silenceIn(arrivals: readonly Arrival[], fromNs: bigint, toNs: bigint, sustainMs: number): number | null {
  let longest = 0;
  for (let i = 1; i < arrivals.length; i += 1) {
    const [before, after] = [arrivals[i - 1]!.atNs, arrivals[i]!.atNs];
    if (after > fromNs && before < toNs) longest = Math.max(longest, Number(after - before) / 1e6);
  }
  return longest > sustainMs ? longest : null;
}

export interface RateSeries {
  bucketMs: number;
  /** intended time of the first bucket's beginning */
  startNs: string;
  /** attempts per bucket by intended time, retries included */
  acked: number[];
  failed: number[];
  unknown: number[];
}

/** Curves for a chart: attempts per bucket of intended time. Empty arrays for an empty ledger. */
export function rateSeries(attempts: readonly LedgerAttempt[], bucketMs: number): RateSeries {
  const series: RateSeries = { bucketMs, startNs: '0', acked: [], failed: [], unknown: [] };
  let first: bigint | null = null;
  let last = 0n;
  for (const { intendedNs } of attempts) {
    if (first === null || intendedNs < first) first = intendedNs;
    if (intendedNs > last) last = intendedNs;
  }
  if (first === null) return series;
  const bucketNs = BigInt(Math.round(bucketMs * 1e6));
  const buckets = Number((last - first) / bucketNs) + 1;
  for (const outcome of ['acked', 'failed', 'unknown'] as const satisfies WriteOutcome[]) series[outcome] = Array.from({ length: buckets }, () => 0);
  for (const { intendedNs, outcome } of attempts) series[outcome][Number((intendedNs - first) / bucketNs)]! += 1;
  return { ...series, startNs: first.toString() };
}

/**
 * RPO at promotion in seconds: ack time of the last acked write that the promoted node did not have, minus that of the last one it had.
 * Null when nothing was lost or nothing was kept; never below 0.
 */
export function rpoAtPromotionSeconds(attempts: Iterable<LedgerAttempt>, hadIt: (a: LedgerAttempt) => 'lost' | 'kept' | null): number | null {
  const latest = new Map<'lost' | 'kept' | null, bigint>();
  for (const a of attempts) {
    if (a.outcome !== 'acked' || a.repliedNs === undefined) continue;
    const side = hadIt(a);
    if (a.repliedNs > (latest.get(side) ?? 0n)) latest.set(side, a.repliedNs);
  }
  const [lost, kept] = [latest.get('lost'), latest.get('kept')];
  return lost === undefined || kept === undefined ? null : Math.max(0, Number(lost - kept) / 1e9);
}
