/** What clients saw: write rates above, staleness of each node below, on the timeline's axis. And the bar of fates. */
import type { ClientsModel, FateCount, TimelineModel } from '../../core/report/model.ts';
import { count, duration, moment, plural } from '../../core/report/text.ts';
import { figure, GUTTER, hatched, line, niceMax, path, px, Scale, text, textWidth, timeAxis, WIDTH } from './svg.ts';

const RATES = 110;
const STALE = 64;
const BETWEEN = 22;

export function clientsSvg(c: ClientsModel, t: TimelineModel, id: string, window?: { fromMs: number; toMs: number }): string {
  const s = new Scale(window?.fromMs ?? t.startMs, window?.toMs ?? t.endMs);
  const top = 6;
  const bottom = top + RATES + BETWEEN + STALE;
  const bands = t.faults.bars.filter((b) => s.has(b.fromMs, b.toMs)).map((b) => hatched(id, 'band', s.x(b.fromMs), 0, s.x(b.toMs) - s.x(b.fromMs), bottom));
  const moments = t.faults.marks.filter((m) => s.has(m.atMs)).map((m) => line(s.x(m.atMs), 0, s.x(m.atMs), bottom, 'moment'));
  const body = bands.join('') + moments.join('') + timeAxis(s, 0, bottom) + rates(c, s, top) + staleness(c, s, top + RATES + BETWEEN);
  return figure(id, bottom + 24, alternative(c), body);
}

function rates(c: ClientsModel, s: Scale, top: number): string {
  const base = top + RATES;
  const max = niceMax(1.1 * Math.max(1, ...c.acked, ...c.failed, ...c.unknown));
  const curve = (values: number[], cls: string) => {
    const steps = values.flatMap((v, i) => [0, 1].map((end) => [c.startMs + (i + end) * c.bucketMs, v] as const)).filter(([ms]) => s.has(ms));
    return path(
      steps.map(([ms, v]) => [s.x(ms), base - (v / max) * RATES] as const),
      cls,
    );
  };
  const names: [string, string, number[]][] = [
    ['acked', 'acked', c.acked],
    ['failed', 'failed', c.failed],
    ['unknown', 'unknown', c.unknown],
  ];
  const legend = names.map(([name, cls], i) => line(0, top + 26 + i * 17, 20, top + 26 + i * 17, cls) + text(26, top + 30 + i * 17, name)).join('');
  const axis = line(GUTTER, base, WIDTH - 12, base, 'base') + text(WIDTH, top + 9, `${count(max)}/s`, 'halo', 'end');
  return text(0, top + 9, 'Writes per s', 'lab') + legend + axis + names.map(([, cls, values]) => curve(values, cls)).join('');
}

function staleness(c: ClientsModel, s: Scale, top: number): string {
  const base = top + STALE;
  const read = c.staleness.flatMap((n) => n.points.flatMap((p) => (p.staleMs === null || !s.has(p.atMs) ? [] : [p.staleMs])));
  const max = niceMax(Math.max(1, ...read) / 1000) * 1000;
  const curves = c.staleness.map((n, i) =>
    path(
      n.points.filter((p) => s.has(p.atMs)).map((p) => (p.staleMs === null ? null : ([s.x(p.atMs), base - (p.staleMs / max) * STALE] as const))),
      `stale s${i % 4}`,
    ),
  );
  const legend = c.staleness
    .slice(0, 4)
    .map((n, i) => line(0, top + 26 + i * 14, 20, top + 26 + i * 14, `stale s${i % 4}`) + text(26, top + 30 + i * 14, n.node.slice(0, 10)));
  const axis = line(GUTTER, base, WIDTH - 12, base, 'base') + text(WIDTH, top + 9, duration(max).replace('.0 ', ' '), 'halo', 'end');
  const none = c.staleness.length === 0 ? text(GUTTER + 6, base - 8, 'not sampled') : '';
  return text(0, top + 9, 'Staleness', 'lab') + legend.join('') + axis + curves.join('') + none;
}

function alternative(c: ClientsModel): string {
  const worst = c.staleness.map((n) => `${n.node} at most ${duration(Math.max(0, ...n.points.map((p) => p.staleMs ?? 0)))} stale`);
  const outages = c.outages.map((o) => `${moment(o.fromMs)} to ${o.toMs === null ? 'the end' : moment(o.toMs)}`);
  return `Curves of writes per second and of staleness. ${count(c.totals.acked)} acknowledged, ${count(c.totals.failed)} failed, ${count(c.totals.unknown)} unknown. ${outages.length ? `Outages: ${outages.join('; ')}` : 'No outage'}. ${worst.join('; ')}.`;
}

/** One bar, as long as all acknowledged writes; a fate that happened is at least two pixels wide, so that one bad write in a million is seen. */
export function fatesSvg(fates: FateCount[], acked: number): string {
  const there = fates.filter((f) => f.count > 0);
  const sum = there.reduce((n, f) => n + f.count, 0) || 1;
  const MIN = 3;
  const free = WIDTH - MIN * there.length;
  let x = 0;
  const parts = there.map((f) => {
    const w = MIN + (free * f.count) / sum;
    const at = x;
    x += w;
    const label = `${count(f.count)} ${f.fate}`;
    const hatch = f.fate === 'altered' || f.fate === 'duplicated' ? 'fail' : f.fate === 'unknown' ? 'unk' : '';
    const box = `<rect x="${px(at)}" y="0" width="${px(Math.max(w - 1, 1.5))}" height="28" class="fate ${f.fate}"><title>${label}</title></rect>`;
    const over = hatch ? hatched('fates', hatch, at, 0, Math.max(w - 1, 1.5), 28) : '';
    return box + over + (textWidth(label) + 12 < w ? text(at + 8, 18, label, `on-${f.fate}`) : '');
  });
  return figure(
    'fates',
    30,
    `${plural(acked, 'acknowledged write')}: ${there.map((f) => `${count(f.count)} ${f.fate}`).join(', ') || 'no fate is known'}.`,
    parts.join(''),
  );
}
