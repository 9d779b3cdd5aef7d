/** What clients get and how stale the nodes are, as two small pictures on one axis of time with the faults in them; plain data here, markup by curvesSvg. */
import { duration, limit, list, moment } from '../../core/report/text.ts';
import { esc, niceMax, path, px } from '../../evidence/render/svg.ts';
import type { LiveRates, NodeStaleness } from '../live-state.ts';
import type { Seen } from './feed.ts';

/** of a picture; it is stretched to the room that the page has, its lines are not */
const WIDTH = 600;
const HEIGHT = 64;
/** What is longer is an outage that a reader who does not see the curve should hear of. */
const SILENT_MS = 1_000;

export interface Key {
  kind: string;
  says: string;
}
export interface Panel {
  title: string;
  keys: Key[];
  /** what the upper edge is */
  most: string;
  /** the picture in words */
  alternative: string;
  lines: { kind: string; points: (readonly [number, number] | null)[] }[];
  holds: { from: number; to: number; title: string }[];
  strikes: { at: number; title: string }[];
}
export interface CurvesModel {
  panels: Panel[];
  from: string;
  to: string;
}

/** Milliseconds since T0, or since the beginning while nothing is broken. */
interface Axis {
  fromMs: number;
  toMs: number;
  x(ms: number): number;
  says(ms: number): string;
}

/** null: nothing was measured yet. Size: at most CURVE_BUCKETS points a line, however long the drill. */
export function curvesOf(seen: Seen): CurvesModel | null {
  const { rates, staleness } = seen.live?.curves ?? { rates: null, staleness: [] };
  const spans = [
    ...(rates ? [[rates.startMs, rates.startMs + rates.bucketMs * rates.acked.length]] : []),
    ...staleness.map((n) => [n.startMs, n.startMs + n.bucketMs * n.staleMs.length]),
  ];
  const [fromMs, toMs] = [Math.min(...spans.map((s) => s[0]!)), Math.max(...spans.map((s) => s[1]!))];
  if (!(toMs > fromMs)) return null;
  const t0 = seen.state?.chain.find((c) => c.effect)?.effect?.absent.wallMs ?? null;
  const axis: Axis = {
    fromMs,
    toMs,
    x: (ms) => Math.round(((Math.min(Math.max(ms, fromMs), toMs) - fromMs) / (toMs - fromMs)) * WIDTH),
    says: (ms) => (t0 === null ? `${duration(Math.round((ms - fromMs) / 100) * 100)} after the first write` : moment(Math.round((ms - t0) / 100) * 100)),
  };
  const faults = faultsIn(seen, axis);
  const panels = [...(rates && rates.acked.length > 0 ? [ratesPanel(rates, axis)] : []), ...(staleness.length > 0 ? [stalePanel(staleness, axis)] : [])];
  return { panels: panels.map((p) => ({ ...p, ...faults })), from: axis.says(fromMs), to: axis.says(toMs) };
}

function faultsIn({ plan, state, history }: Seen, axis: Axis): Pick<Panel, 'holds' | 'strikes'> {
  const holds: Panel['holds'] = [];
  const strikes: Panel['strikes'] = [];
  for (const c of state?.chain ?? []) {
    if (!c.effect) continue;
    const at = axis.x(c.effect.absent.wallMs);
    if (plan.chain.find((e) => e.id === c.id)?.undo === 'one-way') strikes.push({ at, title: c.title });
    else {
      const healed = history.findLast((e) => e.kind === 'fault-healed' && e.chainId === c.id);
      holds.push({ from: at, to: axis.x(healed?.at.wallMs ?? axis.toMs), title: c.title });
    }
  }
  return { holds, strikes };
}

type Drawn = Omit<Panel, 'holds' | 'strikes'>;

function ratesPanel({ startMs, bucketMs, acked, bad }: LiveRates, axis: Axis): Drawn {
  const most = niceMax(1.1 * Math.max(1, ...acked, ...bad));
  const points = (values: readonly number[]) =>
    values.map((v, i) => [axis.x(startMs + (i + 0.5) * bucketMs), HEIGHT - Math.round((v / most) * HEIGHT)] as const);
  const [now, notNow] = [Math.round(acked.at(-1)!), Math.round(bad.at(-1)!)];
  const dry = silences(acked, bucketMs).map(([from, to]) => `from ${axis.says(startMs + from)} to ${axis.says(startMs + to)}`);
  return {
    title: 'Writes per second',
    keys: [
      { kind: 'acked', says: `${now} acknowledged` },
      { kind: 'bad', says: `${notNow} not` },
    ],
    most: `${most}/s`,
    alternative: `Writes per second from ${axis.says(axis.fromMs)} to ${axis.says(axis.toMs)}: ${now} acknowledged now, ${notNow} failed or without an answer. ${dry.length > 0 ? `None was acknowledged ${list(dry)}.` : 'Some were acknowledged at all times.'}`,
    lines: [
      { kind: 'acked', points: points(acked) },
      { kind: 'bad', points: points(bad) },
    ],
  };
}

/** Stretches without any, as offsets; at most three, the longest. */
function silences(values: readonly number[], bucketMs: number): [number, number][] {
  const out: [number, number][] = [];
  for (const [i, v] of values.entries()) {
    if (v > 0) continue;
    const last = out.at(-1);
    if (last && last[1] === i * bucketMs) last[1] += bucketMs;
    else out.push([i * bucketMs, (i + 1) * bucketMs]);
  }
  const long = out.filter(([from, to]) => to - from >= SILENT_MS).toSorted((a, b) => b[1] - b[0] - (a[1] - a[0]));
  return long.slice(0, 3).toSorted((a, b) => a[0] - b[0]);
}

function nodeSays({ node, staleMs }: NodeStaleness): string {
  const ms = staleMs.at(-1) ?? null;
  return `${node} ${ms === null ? 'not read' : duration(ms)}`;
}

function stalePanel(nodes: readonly NodeStaleness[], axis: Axis): Drawn {
  const most = niceMax(Math.max(1_000, ...nodes.flatMap((n) => n.staleMs.map((ms) => ms ?? 0))) / 1_000) * 1_000;
  const worst = nodes.map((n) => `${nodeSays(n)}, at most ${duration(Math.max(0, ...n.staleMs.map((ms) => ms ?? 0)))}`);
  return {
    title: 'Staleness',
    keys: nodes.slice(0, 5).map((n, i) => ({ kind: `stale s${i % 4}`, says: nodeSays(n) })),
    most: limit(most),
    alternative: `Staleness of each node, the age of its newest heartbeat, now and at most from ${axis.says(axis.fromMs)} to ${axis.says(axis.toMs)}: ${worst.join('; ')}.`,
    lines: nodes.map((n, i) => ({
      kind: `stale s${i % 4}`,
      points: n.staleMs.map((ms, k) =>
        ms === null ? null : ([axis.x(n.startMs + (k + 0.5) * n.bucketMs), HEIGHT - Math.round((ms / most) * HEIGHT)] as const),
      ),
    })),
  };
}

const titled = (t: string): string => `<title>${esc(t)}</title>`;

/** Nothing in it is text: words stand beside it, where they are not stretched. */
export function curveSvg({ lines, holds, strikes, alternative }: Panel): string {
  const bands = holds.map((h) => `<rect class="hold" x="${px(h.from)}" width="${px(Math.max(1, h.to - h.from))}" height="${HEIGHT}">${titled(h.title)}</rect>`);
  const marks = strikes.map((s) => `<line class="strike" x1="${px(s.at)}" x2="${px(s.at)}" y1="0" y2="${HEIGHT}">${titled(s.title)}</line>`);
  const base = `<line class="base" x1="0" x2="${WIDTH}" y1="${HEIGHT}" y2="${HEIGHT}"/>`;
  return `<svg class="curve" viewBox="0 -2 ${WIDTH} ${HEIGHT + 4}" preserveAspectRatio="none" role="img" aria-label="${esc(alternative)}">${bands.join('')}${marks.join('')}${base}${lines.map((l) => path(l.points, l.kind)).join('')}</svg>`;
}
