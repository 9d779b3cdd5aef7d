/** `drillbook report`: exit status by verdict, sealed pages are never overwritten by others, a folder that was tampered with is unknown. */
import { afterAll, beforeEach, expect, test } from '@jest/globals';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { reportCommand } from '../../console/cli/report.ts';
import type { CliContext } from '../../console/cli/context.ts';
import { BUNDLE } from '../../core/bundle.ts';
import { canonicalJson } from '../../core/json.ts';
import { reportOf } from '../../evidence/load.ts';
import { renderHtml } from '../../evidence/render/html.ts';
import { folderStore } from '../../evidence/store.ts';
import { writeBundle } from '../fixtures/bundle.ts';
import type { Case } from '../fixtures/bundle.ts';

const root = mkdtempSync(join(tmpdir(), 'drillbook-report-'));
let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(root, 'b-'));
});
afterAll(() => rmSync(root, { recursive: true }));

async function run(...args: string[]): Promise<{ code: number; out: string }> {
  let out = '';
  let code = -1;
  const stdout = { write: (t: string) => (out += t), isTTY: false } as unknown as NodeJS.WriteStream;
  const ctx: CliContext = {
    cwd: root,
    root,
    cacheDir: root,
    env: { LANG: 'C.UTF-8' },
    stdin: process.stdin,
    stdout,
    stderr: stdout,
    colour: false,
    tools: () => Promise.reject(new Error('no tools here')),
    exit: (c) => (code = c),
  };
  await reportCommand(ctx).parseAsync(args, { from: 'user' });
  return { code, out };
}
const made = new Map<Case, string>();
/** The invented drill, reported and sealed; made once per case, since that is what takes time. */
async function sealed(kind: Case): Promise<void> {
  const whole = made.get(kind) ?? join(root, kind);
  if (!made.has(kind)) {
    writeBundle(kind, whole);
    const { report } = reportOf(whole);
    writeFileSync(join(whole, BUNDLE.report), canonicalJson(report));
    writeFileSync(join(whole, BUNDLE.reportHtml), renderHtml(report));
    await folderStore(whole).seal({ drillId: report.meta.drillId });
    made.set(kind, whole);
  }
  cpSync(whole, dir, { recursive: true });
}

test.each<[Case, string, number]>([
  ['pass', '✓ PASS', 0],
  ['forced-replay', '✕ FAIL', 1],
  ['lapsed-lease', '? UNKNOWN', 3],
])('%s: %s, exit status %d, and the page is there', async (kind, word, status) => {
  await sealed(kind);
  const before = statSync(join(dir, BUNDLE.reportHtml)).mtimeMs;
  const { code, out } = await run(basename(dir));
  expect([code, out.includes(word)]).toEqual([status, true]);
  expect(out).toContain('every file is what was sealed');
  expect(out).toContain(join(dir, BUNDLE.reportHtml));
  expect(statSync(join(dir, BUNDLE.reportHtml)).mtimeMs).toBe(before);
});

test('a folder without a seal gets its page, and it is said that there is no seal', async () => {
  writeBundle('pass', dir);
  const { code, out } = await run(dir);
  expect(code).toBe(0);
  expect(out).toContain('the drill was never sealed');
  expect(readFileSync(join(dir, BUNDLE.reportHtml), 'utf8')).toContain('✓ PASS');
});

test('a sealed page that says something else stays, the true one goes beside the folder, and the status is unknown', async () => {
  await sealed('forced-replay');
  writeFileSync(join(dir, BUNDLE.reportHtml), '<h1>PASS</h1>');
  const { code, out } = await run(dir);
  expect(code).toBe(3);
  expect(out).toMatch(/not what was sealed:\n +report\.html: changed after it was sealed/);
  expect(readFileSync(join(dir, BUNDLE.reportHtml), 'utf8')).toBe('<h1>PASS</h1>');
  expect(readFileSync(`${dir}-report.html`, 'utf8')).toContain('✕ FAIL');
});

test('evidence exchanged for other evidence is noticed by the seal, even where it holds together', async () => {
  await sealed('forced-replay');
  writeBundle('pass', dir);
  const { code, out } = await run(dir);
  expect(code).toBe(3);
  expect(out).toContain('the sealed one says something else than the evidence does');
});

test('--json prints report.json, byte for byte, and writes nothing', async () => {
  writeBundle('pass', dir);
  const { code, out } = await run(dir, '--json');
  expect(code).toBe(0);
  expect(out).toBe(`${canonicalJson(reportOf(dir).report)}\n`);
  expect(existsSync(join(dir, BUNDLE.reportHtml))).toBe(false);
});

test('--out names another file', async () => {
  writeBundle('pass', dir);
  await run(dir, '--out', join(dir, 'work.html'));
  expect(readFileSync(join(dir, 'work.html'), 'utf8')).toContain('✓ PASS');
  await expect(run(dir, '--out', join(dir, 'no', 'such', 'place.html'))).rejects.toMatchObject({ code: 'DRILL_REPORT_UNWRITABLE' });
});
