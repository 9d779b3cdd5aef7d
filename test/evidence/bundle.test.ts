/** Reading a bundle back: whole, it gives what was written; damaged, it gives a verdict of unknown that says where, and never a pass. */
import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUNDLE } from '../../core/bundle.ts';
import { CHAIN_START, chainLine } from '../../core/history.ts';
import { canonicalJson } from '../../core/json.ts';
import type { LedgerAttempt } from '../../core/ledger.ts';
import { loadBundle, reportOf } from '../../evidence/load.ts';
import { renderHtml } from '../../evidence/render/html.ts';
import { writeBundle } from '../fixtures/bundle.ts';

const root = mkdtempSync(join(tmpdir(), 'drillbook-bundle-'));
const whole = join(root, 'whole');
const written = writeBundle('pass', whole);
let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(root, 'b-'));
  cpSync(whole, dir, { recursive: true });
});
afterAll(() => rmSync(root, { recursive: true }));
const at = (name: string) => join(dir, name);
const change = (name: string, f: (text: string) => string) => writeFileSync(at(name), f(readFileSync(at(name), 'utf8')));

const told = (attempts: readonly LedgerAttempt[]) => new Map(attempts.map((a) => [a.writeId, [a.outcome, a.intendedNs, a.repliedNs]]));

test('what is read is what was written, digests and all', () => {
  const b = loadBundle(dir);
  expect(b.findings).toEqual([]);
  expect(told(b.attempts)).toEqual(told(written.attempts));
  for (const part of ['plan', 'history', 'samples', 'fates', 'lost', 'rows', 'reconcile', 'convergence'] as const)
    expect(canonicalJson(b[part])).toBe(canonicalJson(written[part]));
  expect(b.files.map((f) => f.name)).toContain('ledger.jsonl');
});

test('a stream of several chunks is read whole: lines across their borders do not break the chain', () => {
  const lines: string[] = [];
  let prev = CHAIN_START;
  for (let n = 1; n <= 3_000; n++) {
    const { line, digest } = chainLine(n, prev, { at: '1', node: `db${n} ${'x'.repeat(900)}`, staleMs: n });
    lines.push(line);
    prev = digest;
  }
  writeFileSync(at(BUNDLE.samples), lines.join(''));
  const b = loadBundle(dir);
  expect(b.findings).toEqual([]);
  expect(b.samples.map((s) => s.staleMs)).toEqual(lines.map((_, i) => i + 1));
});

test('verdict and page are the same each time, and the whole bundle passes', () => {
  const { report, verdict } = reportOf(dir);
  expect(verdict).toMatchObject({ verdict: 'pass', reasons: [] });
  expect(canonicalJson(reportOf(dir).report)).toBe(canonicalJson(report));
  expect(renderHtml(reportOf(dir).report)).toBe(renderHtml(report));
});

describe('damage', () => {
  const cases: [string, () => void, RegExp][] = [
    [
      'a reply in the ledger changed',
      () => change(BUNDLE.ledger, (t) => t.replace('"o":"failed"', '"o":"acked" ')),
      /DRILL_CHAIN_BROKEN: ledger\.jsonl line \d+/,
    ],
    [
      'a line of the history taken out',
      () => change(BUNDLE.history, (t) => t.split('\n').toSpliced(5, 1).join('\n')),
      /DRILL_CHAIN_BROKEN: history\.jsonl line 6/,
    ],
    ['a torn history', () => truncateSync(at(BUNDLE.history), readFileSync(at(BUNDLE.history)).length - 10), /history\.jsonl ends in the middle of a line/],
    ['no fates', () => rmSync(at(BUNDLE.fates)), /fates\.jsonl: missing/],
    ['torn fates', () => truncateSync(at(BUNDLE.fates), 1000), /fates\.jsonl ends in the middle of a line/],
    ['a line of rows that is no JSON', () => appendFileSync(at(BUNDLE.rows), 'oops\n'), /rows\.jsonl line \d+ is not JSON/],
    ['no reconciliation', () => rmSync(at(BUNDLE.reconcile)), /reconcile\.json: missing/],
    ['convergence that is no JSON', () => writeFileSync(at(BUNDLE.convergence), '{'), /convergence\.json is not JSON/],
    ['no ledger', () => rmSync(at(BUNDLE.ledger)), /ledger\.jsonl: missing/],
    [
      'a bad write called present',
      () =>
        change(BUNDLE.fates, (t) =>
          t.replace(/"expected":"[0-9a-f]{64}","seen":\["[0-9a-f]{64}"\]/, `"expected":"${'0'.repeat(64)}","seen":["${'0'.repeat(64)}"]`),
        ),
      /evidence inconsistent/,
    ],
  ];
  test.each(cases)('%s: unknown, and it says where', (_, damage, says) => {
    damage();
    const { report, verdict } = reportOf(dir);
    expect(verdict.verdict).toBe('unknown');
    expect([...verdict.reasons, ...report.findings].map((r) => r.text).join('\n')).toMatch(says);
    expect(renderHtml(report)).toContain('? UNKNOWN');
  });

  test.each<[string, () => void, string]>([
    ['no plan', () => rmSync(at(BUNDLE.plan)), 'DRILL_NO_BUNDLE'],
    ['a plan that is no plan', () => writeFileSync(at(BUNDLE.plan), '{"version":1}'), 'DRILL_BUNDLE_UNREADABLE'],
    ['a line that is JSON and nothing else', () => writeFileSync(at(BUNDLE.fates), '7\nnull\n'), 'DRILL_BUNDLE_UNREADABLE'],
  ])('%s: a coded refusal', (_, damage, code) => {
    damage();
    expect(() => reportOf(dir)).toThrow(expect.objectContaining({ code }));
  });
});
