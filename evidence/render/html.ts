/**
 * renderHtml turns the report's model into one self-contained page: no script, no address outside itself, the same bytes for the same model.
 * The template escapes every value; only pictures made by our own SVG code, which escape theirs, go in as markup.
 */
import { readFileSync } from 'node:fs';
import Handlebars from 'handlebars';
import type { FigureModel, ReportModel } from '../../core/report/model.ts';
import { count, duration, inert, limit, moment, plural, utc, utcTime } from '../../core/report/text.ts';
import { clientsSvg, fatesSvg } from './clients-svg.ts';
import { timelineSvg } from './timeline-svg.ts';

const TEMPLATE = new URL('../../runbooks/templates/report.html.hbs', import.meta.url);
/** A drill this many times longer than its disaster gets a second, closer picture of the disaster. */
const CLOSE_UP_RATIO = 10;

const MARKS: Record<string, string> = { pass: '✓', fail: '✕', unknown: '?', met: '✓', missed: '✕', open: '○' };
const CLASSES: Record<string, string> = { pass: 'pass', fail: 'fail', unknown: 'unk', met: 'pass', missed: 'fail', open: 'soft', plain: '' };

let template: ((view: object) => string) | null = null;

export function renderHtml(model: ReportModel): string {
  template ??= compile();
  return template(viewOf(model));
}

/** What is not known is a dash. */
const time = (f: (ms: number) => string) => (ms: unknown) => (typeof ms === 'number' ? f(ms) : '–');
const svg = (s: string) => new Handlebars.SafeString(s);

function compile(): (view: object) => string {
  const hb = Handlebars.create();
  hb.registerHelper({
    duration: time(duration),
    limit: time(limit),
    moment: time(moment),
    exact: time((ms) => `T${ms < 0 ? '−' : '+'}${(Math.abs(ms) / 1000).toFixed(3)} s`),
    utc: time(utc),
    utcTime: time(utcTime),
    count: time(count),
    plural: (n: number, one: string) => plural(n, one),
    mark: (state: string) => MARKS[state] ?? '',
    cls: (state: string) => CLASSES[state] ?? '',
    held: (h: boolean | null) => (h === null ? 'unknown' : h ? 'pass' : 'fail'),
    worst: (severity: string) => (severity === 'note' ? 'open' : severity),
    is: (a: unknown, b: unknown) => a === b,
    whole: (text: string) => text.replace(/(\d) (ms|s|min|h)\b/g, '$1\u00a0$2'),
    word: (v: string) => v.toUpperCase(),
    short: (digest: string) => digest.slice(0, 16),
    list: (items: string[]) => items.join(', '),
  });
  return hb.compile(readFileSync(TEMPLATE, 'utf8'), { strict: true });
}

function viewOf(raw: ReportModel): object {
  const m = inertDeep(raw) as ReportModel;
  const { timeline: t, clients: c, data: d } = m;
  const quietMs = Math.max(0, ...t.faults.bars.map((b) => b.toMs), ...t.faults.marks.map((f) => f.atMs), ...c.outages.map((o) => o.toMs ?? 0));
  const close = quietMs > 0 && t.endMs > quietMs * CLOSE_UP_RATIO ? { fromMs: t.startMs, toMs: quietMs * 1.5 } : null;
  return {
    m,
    figures: m.figures.map((f) => ({ ...f, ...barOf(f) })),
    svg: {
      timeline: svg(timelineSvg(t, 'tl')),
      close: close ? svg(timelineSvg(t, 'tlc', close)) : null,
      clients: svg(clientsSvg(c, t, 'cl')),
      clientsClose: close ? svg(clientsSvg(c, t, 'clc', close)) : null,
      fates: svg(fatesSvg(d.fates, d.acked)),
    },
    badHidden: d.bad.total - d.bad.shown.length,
    outHidden: d.notInPlace.total - d.notInPlace.shown.length,
    gaps: m.people.totals.engineGapMs > 0,
    uncertain: d.bad.shown.every((b) => b.fate === 'unknown'),
    fileCount: m.belief.files.length,
  };
}

/** The bar under a figure: how much of the objective was used, or how far beyond it the result lies; the tick is the objective. */
function barOf(f: FigureModel): { bar: null | { width: string; tick: string; empty: boolean } } {
  if (f.objective === null) return { bar: null };
  if (f.value === null) return { bar: { width: '100', tick: f.state === 'missed' ? '70' : '100', empty: f.state !== 'missed' } };
  const most = Math.max(f.value, f.objective) || 1;
  const percent = (n: number) => String(Math.round((n / most) * 1000) / 10);
  return { bar: { width: percent(f.value), tick: f.objective === 0 && f.value === 0 ? '0' : percent(f.objective), empty: false } };
}

function inertDeep(value: unknown): unknown {
  if (typeof value === 'string') return inert(value);
  if (Array.isArray(value)) return value.map(inertDeep);
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, inertDeep(v)]));
  return value;
}
