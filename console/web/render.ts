/**
 * The board's pages and their parts from plain data, by Handlebars, which escapes every value; characters that could steer a page are written out before. What
 * becomes markup escapes by itself: the Markdown of instructions (markdown.ts) and the curves (curves.ts).
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import Handlebars from 'handlebars';
import { capital, clock, inert } from '../../core/report/text.ts';
import { curveSvg } from './curves.ts';
import type { Panel } from './curves.ts';
import { markdown } from './markdown.ts';
import type { PageModel } from './page.ts';
import type { ClockModel } from './page-parts.ts';
import { hms } from './page-parts.ts';
import type { Visitor } from './sessions.ts';

const FOLDER = join(import.meta.dirname, 'templates');
const MARKS: Record<string, string> = { pass: '✓', fail: '✕', unknown: '?', met: '✓', missed: '✕' };
const CLASSES: Record<string, string> = { pass: 'pass', fail: 'fail', unknown: 'unk', met: 'pass', missed: 'fail' };
const VERBS: Record<string, string> = {
  acknowledge: 'taking of the step',
  done: 'signature',
  approve: 'approval',
  'send-back': 'sending back',
  reject: 'rejection',
  skip: 'skipping',
  delegate: 'handing over',
};

/** The parts of a drill's page that are swapped when they change; each is an element `f-<name>`. */
const FRAGMENTS = ['head', 'clocks', 'curves', 'work', 'steps', 'faults', 'log'] as const;
type Name = (typeof FRAGMENTS)[number];
type Fragments<N extends Name = Name> = Record<N, string>;

/** Escaped like every other text, but with its lines: instructions, which markdown.ts makes harmless. */
class Text {
  readonly raw: string;
  constructor(raw: string) {
    this.raw = raw;
  }
}

const hb = Handlebars.create();
hb.registerHelper({
  is: (a: unknown, b: unknown) => a === b,
  'more-than': (a: number, b: number) => a > b,
  sign: (state: string) => MARKS[state] ?? '',
  cls: (state: string) => CLASSES[state] ?? '',
  upper: (s: string) => s.toUpperCase(),
  capital,
  hms: (ms: number) => hms(ms),
  verb: (t: string) => VERBS[t] ?? t,
  since: (ms: number, now: number | null) => clock(now === null ? 0 : now - ms),
  until: (ms: number, now: number | null) => clock(now === null ? 0 : ms - now),
  curve: (p: Panel) => new Handlebars.SafeString(curveSvg(p)),
  used: ({ sinceMs, limitMs, percent }: ClockModel, now: number | null) =>
    sinceMs !== null && limitMs !== null && now !== null ? Math.min(100, Math.max(0, Math.round((100 * (now - sinceMs)) / limitMs))) : (percent ?? 0),
  spaced: (digest: string) => digest.replaceAll(/(.{8})(?=.)/g, '$1 '),
  manual: (t: Text) => new Handlebars.SafeString(markdown(t.raw)),
});
for (const file of readdirSync(FOLDER)) hb.registerPartial(file.replace('.hbs', ''), readFileSync(join(FOLDER, file), 'utf8'));
const compiled = new Map<string, (view: object) => string>();

function template(name: string): (view: object) => string {
  let t = compiled.get(name);
  if (!t) {
    t = hb.compile<object>(`{{> ${name}}}`);
    compiled.set(name, t);
  }
  return t;
}

function inertDeep(value: unknown): unknown {
  if (typeof value === 'string') return inert(value);
  if (Array.isArray(value)) return value.map(inertDeep);
  if (value instanceof Text) return value;
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, inertDeep(v)]));
  return value;
}

const viewOf = (m: PageModel, now: number | null): object => ({
  m: inertDeep({ ...m, log: now === null ? [] : m.log, work: m.work.map((w) => ({ ...w, instructions: new Text(w.instructions) })) }),
  now,
});

/** Running clocks stand at nought, so that a part is the same until something happened; the page's script lets them run. */
function fragments<N extends Name>(m: PageModel, names: readonly N[]): Fragments<N> {
  const view = viewOf(m, null);
  return Object.fromEntries(names.map((name) => [name, name === 'log' ? logOf(m) : template(name)(view)])) as Fragments<N>;
}
export const fragmentsOf = (m: PageModel): Fragments => fragments(m, FRAGMENTS);
/** What people wait for: what is to be done now. */
export const firstOf = (m: PageModel): Fragments<'work'> => fragments(m, ['work']);
export const othersOf = (m: PageModel): Fragments<Exclude<Name, 'work'>> => fragments(m, OTHERS);
const OTHERS = FRAGMENTS.filter((name) => name !== 'work');

/** By far the longest part, the same for everybody until something is written. */
const logs = new WeakMap<object, string>();
function logOf({ log }: PageModel): string {
  const html = logs.get(log) ?? template('log')({ m: { log: inertDeep(log) }, now: null });
  logs.set(log, html);
  return html;
}

export interface Frame {
  title: string;
  visitor: Visitor;
  roles?: string;
  rights?: string;
  /** where to go on after signing in; a path of ours */
  next?: string;
  css: string;
  js: string;
}

const framed = (f: Frame, body: string): string =>
  template('layout')({
    ...(inertDeep({ title: f.title, visitor: f.visitor, roles: f.roles ?? '', rights: f.rights ?? '', css: f.css, js: f.js }) as object),
    next: f.next ? `?next=${encodeURIComponent(f.next)}` : '',
    body,
  });

export function drillPage(f: Frame, m: PageModel, now: number): string {
  return framed({ ...f, roles: m.viewer.roles, rights: m.viewer.rights }, template('drill')(viewOf(m, now)));
}

/** sign-in, list, elsewhere, problem */
export const page = (f: Frame, name: 'sign-in' | 'list' | 'elsewhere' | 'problem', m: object): string => framed(f, template(name)({ m: inertDeep(m) }));
