/**
 * Pictures as strings: pure functions from numbers to SVG markup. Colours, dashes and type come from classes in the page's style sheet, so that
 * dark mode and print need no second drawing. Every text goes through `esc`.
 */
import { duration, inert } from '../../core/report/text.ts';

export const WIDTH = 984;
export const GUTTER = 92;
const RIGHT = 12;
/** Mean width of a character at 12 px in the page's type face, generous: labels are placed by estimate, since nothing here can measure type. */
const CHAR_PX = 6.6;

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;', '=': '&#61;', '`': '&#96;' };
/** Text or attribute value, harmless in markup. */
export const esc = (text: string): string => inert(text).replace(/[&<>"'=`]/g, (c) => ENTITIES[c]!);
export const textWidth = (s: string): number => s.length * CHAR_PX;
export const px = (n: number): string => String(Math.round(n * 10) / 10);

/** 1, 2 or 5 times a power of ten, with the finer 1.5 and 3 so that curves fill their panel. */
export function niceMax(v: number): number {
  const p = 10 ** Math.floor(Math.log10(v));
  return [1, 1.5, 2, 3, 5, 8, 10].map((m) => m * p).find((m) => m >= v)!;
}

/** A window of time on the page: milliseconds to x. */
export class Scale {
  readonly fromMs: number;
  readonly toMs: number;
  constructor(fromMs: number, toMs: number) {
    this.fromMs = fromMs;
    this.toMs = Math.max(toMs, fromMs + 1);
  }
  x(ms: number): number {
    const inside = Math.min(Math.max(ms, this.fromMs), this.toMs);
    return GUTTER + ((inside - this.fromMs) / (this.toMs - this.fromMs)) * (WIDTH - GUTTER - RIGHT);
  }
  has(fromMs: number, toMs = fromMs): boolean {
    return toMs >= this.fromMs && fromMs <= this.toMs;
  }
}

const STEPS_S = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
/** Round instants, at most about twelve of them; zero is always one. */
export function ticks(s: Scale): number[] {
  const spanS = (s.toMs - s.fromMs) / 1000;
  const step = (STEPS_S.find((t) => spanS / t <= 12) ?? 86400 * Math.ceil(spanS / 86400 / 12)) * 1000;
  const out: number[] = [];
  for (let t = Math.ceil(s.fromMs / step) * step; t <= s.toMs; t += step) out.push(t);
  return out;
}

/** Grid lines with their times below; zero is a stronger line. */
export function timeAxis(s: Scale, top: number, bottom: number): string {
  return ticks(s)
    .map((t) => {
      const x = px(s.x(t));
      const label = t === 0 ? 'T0' : duration(t).replace('.0 ', ' ').replace('500 ms', '0.5 s');
      return `<line x1="${x}" x2="${x}" y1="${px(top)}" y2="${px(bottom)}" class="${t === 0 ? 'zero' : 'grid'}"/><text x="${x}" y="${px(bottom + 16)}" text-anchor="middle">${label}</text>`;
    })
    .join('');
}

export function text(x: number, y: number, s: string, cls = '', anchor: 'start' | 'middle' | 'end' = 'start'): string {
  return `<text x="${px(x)}" y="${px(y)}"${cls ? ` class="${cls}"` : ''}${anchor === 'start' ? '' : ` text-anchor="${anchor}"`}>${esc(s)}</text>`;
}
export function rect(x: number, y: number, w: number, h: number, cls: string, title = ''): string {
  const box = `<rect x="${px(x)}" y="${px(y)}" width="${px(Math.max(w, 0.5))}" height="${px(h)}" class="${cls}"`;
  return title ? `${box}><title>${esc(title)}</title></rect>` : `${box}/>`;
}
export function line(x1: number, y1: number, x2: number, y2: number, cls: string): string {
  return `<line x1="${px(x1)}" y1="${px(y1)}" x2="${px(x2)}" y2="${px(y2)}" class="${cls}"/>`;
}
/** A polyline through points; a null point lifts the pen. */
export function path(points: readonly (readonly [number, number] | null)[], cls: string): string {
  let pen = 'M';
  const d = points
    .map((p) => {
      const part = p ? `${pen}${px(p[0])},${px(p[1])}` : '';
      pen = p ? 'L' : 'M';
      return part;
    })
    .join('');
  return d ? `<path d="${d}" class="${cls}"/>` : '';
}

/** The picture itself, with its hatchings and a text alternative. `id` keeps pattern names apart on one page. */
export function figure(id: string, height: number, alternative: string, body: string): string {
  const hatch = (name: string, cls: string, angle: number, gap: number) =>
    `<pattern id="${id}-${name}" width="${gap}" height="${gap}" patternUnits="userSpaceOnUse" patternTransform="rotate(${angle})"><line x1="0" y1="0" x2="0" y2="${gap}" class="${cls}"/></pattern>`;
  const defs = `<defs>${hatch('band', 'hatch-band', 45, 7)}${hatch('down', 'hatch-down', 45, 5)}${hatch('wait', 'hatch-wait', -45, 4)}${hatch('fail', 'hatch-fail', 45, 4)}${hatch('unk', 'hatch-unk', -45, 5)}</defs>`;
  return `<svg viewBox="0 0 ${WIDTH} ${px(height)}" role="img" aria-label="${esc(alternative)}">${defs}${body}</svg>`;
}
export const fillWith = (id: string, name: string): string => `fill="url(#${id}-${name})"`;
/** A rectangle filled with a hatching of the same picture. */
export function hatched(id: string, name: string, x: number, y: number, w: number, h: number, cls = ''): string {
  return `<rect x="${px(x)}" y="${px(y)}" width="${px(Math.max(w, 0.5))}" height="${px(h)}" ${fillWith(id, name)}${cls ? ` class="${cls}"` : ''}/>`;
}

/** Puts items into the fewest rows in which no two overlap, first come first placed. */
export function rows<T>(items: readonly T[], extent: (t: T) => readonly [number, number]): { item: T; row: number }[] {
  const ends: number[] = [];
  return items.map((item) => {
    const [from, to] = extent(item);
    let row = ends.findIndex((e) => e + 4 <= from);
    if (row < 0) row = ends.length;
    ends[row] = to;
    return { item, row };
  });
}
