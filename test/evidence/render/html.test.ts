/** The page: whole, quiet, and harmless whatever the names in it are. */
import { describe, expect, test } from '@jest/globals';
import { canonicalJson } from '../../../core/json.ts';
import { buildReport } from '../../../core/report.ts';
import type { ReportModel } from '../../../core/report.ts';
import { renderHtml } from '../../../evidence/render/html.ts';
import { reportInput } from '../../fixtures/bundle.ts';
import type { Case } from '../../fixtures/bundle.ts';

const EVIL = `<script>alert(1)</script><img src=x onerror=alert(2)>"'\u0060{{evil}}\u001b]0;owned\u0007\u202e&amp;`;
const TAGS = /<\/?([a-z][a-z0-9]*)/gi;
/** What a pattern finds, with a little around it: a failure must not print a whole page. */
const found = (html: string, pattern: RegExp) => [...html.matchAll(pattern)].map((m) => html.slice(Math.max(0, m.index - 40), m.index + 60));
const tagsOf = (html: string) => new Set([...html.matchAll(TAGS)].map((m) => m[1]!.toLowerCase()));

/** The same value with every string replaced, except where the renderer knows the words. */
function poisoned(value: unknown, key = ''): unknown {
  if (typeof value === 'string') return ['verdict', 'state', 'kind', 'severity', 'fate', 'id', 'unit', 'afterState'].includes(key) ? value : `${EVIL}${value}`;
  if (Array.isArray(value)) return value.map((v) => poisoned(v, key));
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, poisoned(v, k)]));
  return value;
}

describe.each(['pass', 'forced-replay', 'lapsed-lease'] as Case[])('%s', (kind) => {
  const model = buildReport(reportInput(kind));
  const html = renderHtml(model);

  test('the same bytes from the same model, also after a trip through report.json', () => {
    expect(renderHtml(model)).toBe(html);
    expect(renderHtml(JSON.parse(canonicalJson(model)) as ReportModel)).toBe(html);
  });
  test('one file: no address, no script, nothing that loads', () => {
    expect(found(html, /https?:|\/\/[a-z]|@import|url\((?!#)|\ssrc=|\shref=/gi)).toEqual([]);
    expect(found(html, /<(script|link|iframe|object|embed|img|form)/gi)).toEqual([]);
  });
  test('no hole shows through', () => expect(found(html.replace(/<style>[\s\S]*?<\/style>/, ''), /NaN|undefined|\[object|Infinity|\bnull\b/g)).toEqual([]));
  test('the verdict is a word, a mark and a colour', () => {
    const [word, mark, cls] = { pass: ['PASS', '✓', 'pass'], 'forced-replay': ['FAIL', '✕', 'fail'], 'lapsed-lease': ['UNKNOWN', '?', 'unk'] }[kind];
    expect(html).toContain(`<span class="stamp ${cls}">${mark} ${word}</span>`);
  });
  test('every picture has its words, every header its scope, every id is its own', () => {
    expect(html.match(/<svg/g)).toHaveLength(html.match(/<svg [^>]*role="img" aria-label="[^"]{20,}"/g)!.length);
    expect(html.match(/<th>/g)).toBeNull();
    const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map((m) => m[1]);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, id] of html.matchAll(/url\(#([^)]+)\)/g)) expect(ids).toContain(id);
  });
  test('coordinates stay inside the picture', () => {
    for (const [, x] of html.matchAll(/<(?:rect|text|line)[^>]* x1?="([^"]+)"/g)) expect(Number(x)).toBeLessThanOrEqual(984);
    for (const [, w] of html.matchAll(/<rect[^>]* width="([^"]+)"/g)) expect(Number(w)).toBeGreaterThan(0);
  });
  test('names with markup, quotes, template marks or terminal escapes are text', () => {
    const bad = renderHtml(poisoned(model) as ReportModel);
    expect(tagsOf(bad)).toEqual(tagsOf(html));
    expect(bad).not.toContain('<script>');
    expect(found(bad, /<[^>]*\sonerror=/g)).toEqual([]);
    expect(found(bad, /(?!\n)[\p{Cc}\p{Cf}]/gu)).toEqual([]);
    expect(bad).toContain('‹U+001B›');
  });
});

test('all seven fates are named, also those that did not happen', () => {
  const html = renderHtml(buildReport(reportInput('pass')));
  for (const fate of ['present', 'superseded', 'no-op', 'missing', 'altered', 'duplicated', 'unknown']) expect(html).toContain(`class="f-${fate} `);
});

test('without a reconciliation nothing is claimed of fates and losses', () => {
  const html = renderHtml(buildReport({ ...reportInput('pass'), reconcile: null, fates: [], lost: [] }));
  expect(html.match(/Not known: there is no reconciliation/g)).toHaveLength(2);
  expect(found(html, /No row was touched|<ul class="counts">/g)).toEqual([]);
});

test.each([
  [{ openedMs: null, acknowledgedMs: null, doneMs: null }, 'The manual was never opened.'],
  [{ openedMs: 1_000, acknowledgedMs: null, doneMs: null }, 'The manual opened at T+1.0 s and was never acknowledged.'],
  [{ openedMs: 1_000, acknowledgedMs: 2_000, doneMs: null }, 'The manual opened at T+1.0 s, was first acknowledged at T+2.0 s.'],
  [
    { openedMs: 1_000, acknowledgedMs: 2_000, doneMs: 3_000 },
    'The manual opened at T+1.0 s, was first acknowledged at T+2.0 s, and its first step was signed as done at T+3.0 s.',
  ],
])('how far the manual came: %j', (firsts, sentence) => {
  const model = buildReport(reportInput('pass'));
  const html = renderHtml({ ...model, people: { ...model.people, firsts: { ...model.people.firsts, ...firsts } } });
  expect(html).toContain(`<p>${sentence}</p>`);
});

test('a list that is cut says so, with the count and the file', () => {
  const html = renderHtml(buildReport(reportInput('forced-replay')));
  const m = buildReport(reportInput('forced-replay'));
  expect(html).toContain(`The first 50 are listed; the other ${m.data.bad.total - 50} are in fates.jsonl`);
});

test('a model with a field missing is refused, not drawn with a hole', () => {
  const { residue: _, ...rest } = buildReport(reportInput('pass'));
  expect(() => renderHtml(rest as ReportModel)).toThrow();
});

test('a drill much longer than its disaster gets a closer picture', () => {
  const m = buildReport(reportInput('pass'));
  expect(renderHtml(m)).not.toContain('The disaster, closer');
  expect(renderHtml({ ...m, timeline: { ...m.timeline, endMs: 3_600_000 } })).toContain('The disaster, closer');
});
