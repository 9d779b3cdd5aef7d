/** The timeline: faults, service, people and data on one axis. */
import type { PersonBar, TimelineModel } from '../../core/report/model.ts';
import { duration, moment } from '../../core/report/text.ts';
import { figure, GUTTER, hatched, line, path, rect, rows, Scale, text, textWidth, timeAxis, WIDTH } from './svg.ts';

const ROW = 28;
const BOX = 22;
const GAP = 14;
const WEDGE = 46;

interface Lane {
  markup: string;
  height: number;
}

/** Draws the part of the timeline between two instants. */
export function timelineSvg(t: TimelineModel, id: string, window?: { fromMs: number; toMs: number }): string {
  const s = new Scale(window?.fromMs ?? t.startMs, window?.toMs ?? t.endMs);
  const lanes: [string, (y: number) => Lane][] = [
    ['Faults', (y) => faultLane(t, s, y)],
    ['Service', (y) => serviceLane(t, s, id, y)],
    ['People', (y) => peopleLane(t, s, id, y)],
    ['Data', (y) => dataLane(t, s, y)],
  ];
  let y = 4;
  const drawn = lanes.map(([name, draw]) => {
    const lane = draw(y);
    const label = text(0, y + 15, name, 'lab');
    y += lane.height + GAP;
    return label + lane.markup;
  });
  const bottom = y - GAP + 4;
  return figure(id, bottom + 24, alternative(t), bands(t, s, id, bottom) + timeAxis(s, 0, bottom) + drawn.join(''));
}

function bands(t: TimelineModel, s: Scale, id: string, bottom: number): string {
  const held = t.faults.bars.filter((b) => s.has(b.fromMs, b.toMs)).map((b) => hatched(id, 'band', s.x(b.fromMs), 0, s.x(b.toMs) - s.x(b.fromMs), bottom));
  const moments = t.faults.marks.filter((m) => s.has(m.atMs)).map((m) => line(s.x(m.atMs), 0, s.x(m.atMs), bottom, 'moment'));
  return held.join('') + moments.join('');
}

/** Bars for faults that last, ticks for moments; a label stands inside where it fits, beside where it does not. */
function faultLane(t: TimelineModel, s: Scale, y: number): Lane {
  const bars = t.faults.bars.filter((b) => s.has(b.fromMs, b.toMs)).map((b) => ({ from: b.fromMs, to: b.toMs, label: b.label, cls: 'fault' }));
  const marks = t.faults.marks.filter((m) => s.has(m.atMs)).map((m) => ({ from: m.atMs, to: m.atMs, label: m.label, cls: 'strike' }));
  const placed = rows([...bars, ...marks], (b) => extent(s.x(b.from), Math.max(s.x(b.to), s.x(b.from) + 4), b.label));
  const markup = placed.map(({ item: b, row }) => {
    const top = y + row * ROW;
    const x = s.x(b.from);
    const w = Math.max(s.x(b.to) - x, 4);
    return rect(x, top, w, BOX, b.cls, `${b.label}, ${moment(b.from)}`) + labelled(x, w, top, b.label);
  });
  return { markup: markup.join(''), height: heightOf(placed) };
}

function serviceLane(t: TimelineModel, s: Scale, id: string, y: number): Lane {
  const bars = t.service.filter((b) => s.has(b.fromMs, b.toMs));
  const outside: { x: number; label: string }[] = [];
  const markup = bars.map((b) => {
    const x = s.x(b.fromMs);
    const w = s.x(b.toMs) - x;
    const fits = textWidth(b.label) + 10 <= w;
    if (!fits && (b.kind === 'down' || w >= 8)) outside.push({ x, label: b.label });
    const box = b.kind === 'down' ? hatched(id, 'down', x, y, w, BOX) + rect(x, y, w, BOX, 'down', b.label) : rect(x, y, w, BOX, 'serve', b.label);
    return box + (fits ? text(x + 6, y + 15, b.label, b.kind === 'down' ? 'in halo' : 'in') : '');
  });
  const below = rows(outside, (o) => [leftOf(o.x, o.label), leftOf(o.x, o.label) + textWidth(o.label)]);
  const labels = below.map(
    ({ item: o, row }) =>
      line(o.x + 0.5, y + BOX, o.x + 0.5, y + BOX + 6 + row * 16, 'lead') + text(leftOf(o.x, o.label) + 3, y + BOX + 14 + row * 16, o.label, 'halo'),
  );
  const extra = below.length ? 16 * (Math.max(...below.map((b) => b.row)) + 1) : 0;
  return { markup: markup.join('') + labels.join(''), height: BOX + extra };
}

/** Waiting is hatched, the person's part is solid, the machine's part is light: the three columns of the table, drawn. */
function peopleLane(t: TimelineModel, s: Scale, id: string, y: number): Lane {
  const shown = t.people.filter((p) => s.has(p.fromMs, p.toMs));
  const placed = rows(shown, (p) => extent(s.x(p.fromMs), s.x(p.toMs), p.label));
  const markup = placed.map(({ item: p, row }) => {
    const top = y + row * ROW;
    const x = s.x(p.fromMs);
    const w = Math.max(s.x(p.toMs) - x, 3);
    return personBar(p, s, id, top) + labelled(x, w, top, p.label);
  });
  if (shown.length === 0) markup.push(text(GUTTER, y + 15, t.people.length ? 'nothing in this window' : 'no step was opened'));
  return { markup: markup.join(''), height: shown.length ? heightOf(placed) : BOX };
}

function personBar(p: PersonBar, s: Scale, id: string, y: number): string {
  const x0 = s.x(p.fromMs);
  const ack = s.x(p.ackMs ?? p.toMs);
  const done = s.x(p.doneMs ?? p.toMs);
  const x1 = Math.max(s.x(p.toMs), x0 + 3);
  const title = `${p.label}: ${moment(p.fromMs)} to ${moment(p.toMs)}`;
  const frame = p.state === 'fail' ? 'step bad' : p.state === 'unknown' ? 'step open' : 'step';
  const parts = [hatched(id, 'wait', x0, y, ack - x0, BOX)];
  if (done > ack) parts.push(rect(ack, y, done - ack, BOX, 'act'));
  return `${parts.join('')}${rect(x0, y, x1 - x0, BOX, frame, title)}`;
}

/** What only the old side had: it grows while the partition holds, stays until recovery, and falls to what is still wrong. */
function dataLane(t: TimelineModel, s: Scale, y: number): Lane {
  const base = y + WEDGE;
  const floor = line(GUTTER, base, s.x(s.toMs), base, 'base');
  const max = t.atRisk.at(-1)?.writes ?? 0;
  const end = t.backMs ?? t.provenMs ?? t.endMs;
  if (max === 0) return { markup: floor + text(GUTTER + 6, base - 8, `${t.data.risk}; ${t.data.after}`), height: WEDGE };
  const top = (n: number) => base - (n / max) * (WEDGE - 8);
  const points: [number, number][] = t.atRisk.map((p) => [s.x(p.atMs), top(p.writes)]);
  const fullX = points.at(-1)![0];
  const endX = Math.max(s.x(end), fullX);
  const outline: [number, number][] = [...points, [endX, top(max)], [endX, base], [points[0]![0], base]];
  const left =
    t.data.bad > 0 && s.has(end) ? rect(endX, top(Math.min(t.data.bad, max)), s.x(s.toMs) - endX, base - top(Math.min(t.data.bad, max)), 'left') : '';
  const after = t.backMs !== null && t.data.afterState === 'pass' ? ['✓ ', 'good'] : t.data.afterState === 'fail' ? ['✕ ', 'bad'] : ['? ', 'unsure'];
  const label = `${after[0]}${t.data.after}`;
  const roomInside = endX - fullX - 10 >= textWidth(t.data.risk);
  const riskX = roomInside ? fullX + 6 : leftOf(endX + 6, t.data.risk);
  const afterX = endX + 6 + textWidth(label) <= WIDTH - 8 ? endX + 6 : endX - 6;
  const anchor = afterX > endX ? 'start' : 'end';
  const risk = s.has(t.atRisk[0]!.atMs, end) ? text(riskX, roomInside ? base - WEDGE / 2 + 4 : base - WEDGE + 10, t.data.risk, 'in halo') : '';
  const proof =
    t.provenMs !== null && s.has(t.provenMs)
      ? line(s.x(t.provenMs), y + 4, s.x(t.provenMs), base, 'proof') + text(s.x(t.provenMs) - 5, y + 14, 'nodes equal', 'halo', 'end')
      : '';
  return { markup: floor + path(outline, 'risk') + left + proof + risk + (s.has(end) ? text(afterX, base - 6, label, after[1], anchor) : ''), height: WEDGE };
}

const leftOf = (x: number, label: string): number => Math.max(GUTTER, Math.min(x, WIDTH - textWidth(label) - 6));
const inside = (w: number, label: string) => textWidth(label) + 12 <= w;
const heightOf = (placed: { row: number }[]) => (placed.length ? (Math.max(...placed.map((p) => p.row)) + 1) * ROW - (ROW - BOX) : BOX);

/** Where a box and its label reach: the label goes to the right, or to the left at the page's edge. */
function extent(x0: number, x1: number, label: string): [number, number] {
  if (inside(x1 - x0, label)) return [x0, x1];
  const w = textWidth(label) + 6;
  return x1 + w <= WIDTH ? [x0, x1 + w] : [x0 - w, x1];
}
function labelled(x: number, w: number, y: number, label: string): string {
  if (inside(w, label)) return text(x + 6, y + 15, label, 'in halo');
  return x + w + textWidth(label) + 6 <= WIDTH ? text(x + w + 5, y + 15, label, 'halo') : text(x - 5, y + 15, label, 'halo', 'end');
}

function alternative(t: TimelineModel): string {
  const faults = [...t.faults.bars.map((b) => `${b.label} at ${moment(b.fromMs)}`), ...t.faults.marks.map((m) => `${m.label} at ${moment(m.atMs)}`)];
  const down = t.service.filter((b) => b.kind === 'down').map((b) => `service ${b.label} at ${moment(b.fromMs)}`);
  const people = t.people.map((p) => `${p.label} from ${moment(p.fromMs)}, ${duration(p.toMs - p.fromMs)}`);
  return `Timeline. Faults: ${faults.join('; ') || 'none'}. Service: ${down.join('; ') || 'no outage'}. People: ${people.join('; ') || 'no step'}. Data: ${t.data.risk}; at the end: ${t.data.after}.`;
}
