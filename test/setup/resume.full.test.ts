/** Disasters: a set-up killed in the middle is never repaired, or leaves apt running; two at once spoil each other. Downloads 60 MB twice. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Tools } from '../../targets/tools.ts';

const SETUP = join(import.meta.dirname, '../../setup');
const children: ChildProcess[] = [];
let cacheDir: string;

beforeEach(() => {
  cacheDir = mkdtempSync(join(tmpdir(), 'drillbook-resume-'));
  const given = JSON.parse(process.env['DRILLBOOK_TOOLS'] ?? '{}') as Partial<Tools>;
  if (given.temporal) symlinkSync(dirname(dirname(given.temporal)), join(cacheDir, 'temporal'));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(cacheDir, { recursive: true, force: true });
});

/** A process that sets up into the empty cache. */
function setUp(): { child: ChildProcess; ended: Promise<{ status: number | null; out: string; err: string }> } {
  const code = `const { ensureTools } = await import('${SETUP}/tools.mjs'); const { createProgress } = await import('${SETUP}/progress.mjs');
    const tools = await ensureTools({ env: process.env, cacheDir: ${JSON.stringify(cacheDir)}, only: ['mysql', 'net'], progress: createProgress(process.stderr) });
    console.log(JSON.stringify(tools));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let [out, err] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (out += data.toString()));
  child.stderr.on('data', (data: Buffer) => (err += data.toString()));
  return { child, ended: once(child, 'close').then(([status]) => ({ status: status as number | null, out, err })) };
}

/** Command lines of living processes that name the cache. */
function atWork(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    })
    .filter((line) => line.includes(cacheDir));
}

async function until(what: string, holds: () => boolean, deadlineMs: number): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('killed with -9 while it downloads, then two at once: both end with the same whole tools and nothing is left over', async () => {
  if (existsSync('/usr/sbin/mysqld')) return; // this host may need no download
  const first = setUp();
  const tmp = join(cacheDir, 'tmp');
  const downloading = (): boolean =>
    existsSync(tmp) && readdirSync(tmp).some((name) => existsSync(join(tmp, name, '.apt/debs')) && readdirSync(join(tmp, name, '.apt/debs')).length > 3);
  await until('packages arrive', downloading, 60_000);
  first.child.kill('SIGKILL');
  await until('nothing is left at work', () => atWork().length === 0, 2_000);
  expect([readdirSync(tmp).length, existsSync(join(cacheDir, 'debian', 'mysql'))]).toEqual([1, false]);

  const [a, b] = await Promise.all([setUp().ended, setUp().ended]);
  expect([a.status, b.status]).toEqual([0, 0]);
  expect(a.out).toBe(b.out);
  const said = [a.err, b.err].sort((x, y) => x.length - y.length);
  expect(said[0]).toMatch(/^Another set-up is at work \(pid \d+\); waiting for it to end\.\n$/);
  expect(said[1]).toContain('Fetching MySQL');
  expect(readdirSync(tmp)).toEqual([]);
  expect(existsSync((JSON.parse(a.out) as Tools).mysqld)).toBe(true);
}, 300_000);
