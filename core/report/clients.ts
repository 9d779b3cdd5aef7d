/** What clients saw: rates, outages, staleness, and how much was at risk. Thinned to what a page can show; the exact data stay in the bundle. */
import type { Axis } from './axis.ts';
import { entries, round } from './axis.ts';
import type { ClientsModel, ReportInput, TimelineModel } from './model.ts';

const POINTS_MAX = 240;
const BUCKET_MS_MIN = 500;

export function clientsOf(input: ReportInput, axis: Axis): ClientsModel {
  const { series } = input;
  const totals = { attempts: input.attempts.length, acked: 0, failed: 0, unknown: 0 };
  for (const a of input.attempts) totals[a.outcome]++;
  const outages = input.verdict.figures.outages.map((o) => ({ fromMs: axis.ns(o.fromNs), toMs: o.toNs === null ? null : axis.ns(o.toNs), failed: o.failed }));
  const rest = { totals, outages, staleness: stalenessOf(input, axis) };
  if (!series || series.acked.length === 0) return { bucketMs: 0, startMs: 0, acked: [], failed: [], unknown: [], ...rest };
  const spanMs = series.acked.length * series.bucketMs;
  const factor = Math.max(1, Math.ceil(Math.max(BUCKET_MS_MIN, spanMs / POINTS_MAX) / series.bucketMs));
  const perSecond = (counts: number[]) => thin(counts, factor).map((n) => round((n * 1000) / (factor * series.bucketMs)));
  return {
    bucketMs: factor * series.bucketMs,
    startMs: axis.ns(series.startNs),
    acked: perSecond(series.acked),
    failed: perSecond(series.failed),
    unknown: perSecond(series.unknown),
    ...rest,
  };
}

/** Sums of `factor` buckets; a rest that does not fill a bucket would look like a dip and is left out. */
function thin(counts: number[], factor: number): number[] {
  const out: number[] = [];
  for (let i = 0; i + factor <= counts.length; i += factor) out.push(counts.slice(i, i + factor).reduce((a, b) => a + b, 0));
  return out;
}

/**
 * Per node, the worst reading of each interval; null where every reading of the interval failed. Readings after the workload has stopped
 * are left out: with its heartbeats gone, every node only seems to fall behind.
 */
function stalenessOf(input: ReportInput, axis: Axis): ClientsModel['staleness'] {
  const stopped = entries(input.history, 'workload-stopped').at(-1);
  const end = stopped ? axis.at(stopped.at) : Infinity;
  const samples = input.samples.filter((s) => axis.ns(s.at) <= end);
  const nodes = [...new Set(samples.map((s) => s.node))].sort();
  return nodes.map((node) => {
    const own = samples.filter((s) => s.node === node);
    const size = Math.max(1, Math.ceil(own.length / POINTS_MAX));
    const points: { atMs: number; staleMs: number | null }[] = [];
    for (let i = 0; i < own.length; i += size) {
      const part = own.slice(i, i + size);
      const read = part.flatMap((s) => (s.staleMs === null ? [] : [s.staleMs]));
      points.push({ atMs: axis.ns(part[0]!.at), staleMs: read.length ? round(Math.max(...read)) : null });
    }
    return { node, points };
  });
}

/** Acknowledged writes of the lost set, counted up by the time of their acknowledgement. */
export function atRiskOf(input: ReportInput, axis: Axis): TimelineModel['atRisk'] {
  const lost = new Set(input.fates.filter((f) => f.lost && f.outcome === 'acked').map((f) => f.w));
  const times = input.attempts.filter((a) => a.outcome === 'acked' && a.repliedNs !== undefined && lost.has(a.writeId)).map((a) => axis.ns(a.repliedNs!));
  times.sort((a, b) => a - b);
  const step = Math.max(1, Math.ceil(times.length / POINTS_MAX));
  const points = times.flatMap((atMs, i) => (i % step === step - 1 || i === times.length - 1 ? [{ atMs, writes: i + 1 }] : []));
  return times.length > 0 ? [{ atMs: times[0]!, writes: 0 }, ...points] : [];
}
