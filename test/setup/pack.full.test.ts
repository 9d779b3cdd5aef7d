/**
 * Disasters: a package that does not install; that needs its source, its developers' tools or a bundler; that writes into its own folder, which is
 * root's; that works only where it was made. Packs, installs from the registry as `npm i -g` does, and runs a whole drill from elsewhere, as an
 * ordinary user when the test is root. Takes about three minutes.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../setup/entry.mjs';
import { CACHE_DIR } from '../support/tools.ts';

const MINUTE_MS = 60_000;
/** 1.2 MB as of now; what is far above holds something that does not belong there */
const BYTES_MAX = 2_000_000;
const NOBODY = '65534';
const asRoot = process.getuid!() === 0;

let folder: string;
let packed: { filename: string; size: number; files: { path: string }[] };
const at = (...path: string[]): string => join(folder, ...path);

/** As a login of that user: nothing of the test's environment, another folder, no Node 24 and no checkout on PATH. */
function drillbook(...args: string[]): { status: number | null; out: string; err: string } {
  const user = asRoot ? ['setpriv', '--reuid', NOBODY, '--regid', NOBODY, '--clear-groups'] : [];
  const [program, ...rest] = [...user, at('prefix/bin/drillbook'), ...args];
  const env = { HOME: at('home'), PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8' };
  const { status, stdout, stderr } = spawnSync(program!, rest, { cwd: at('work'), env, encoding: 'utf8', timeout: 5 * MINUTE_MS, killSignal: 'SIGTERM' });
  return { status, out: stdout, err: stderr };
}

/** Every file of the installation with size and time. */
const installed = (): string => execFileSync('find', [at('prefix'), '-printf', '%p %s %T@ %m\n'], { encoding: 'utf8', maxBuffer: 1e8 });

const npm = (cwd: string, ...args: string[]): string =>
  execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 5 * MINUTE_MS });

beforeAll(() => {
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'drillbook-packed-'));
  execFileSync('chmod', ['755', folder]);
  mkdirSync(at('home/.cache/drillbook/debian'), { recursive: true });
  mkdirSync(at('work'));
  // what the test's own set-up fetched, so that only the package itself is tried
  for (const part of ['temporal', 'debian/mysql', 'debian/net'])
    if (existsSync(join(CACHE_DIR, part))) cpSync(join(CACHE_DIR, part), at('home/.cache/drillbook', part), { recursive: true, verbatimSymlinks: true });
  if (asRoot) execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, at('home'), at('work')]);
  packed = (JSON.parse(npm(ROOT, 'pack', '--json', '--pack-destination', folder)) as [typeof packed])[0];
  npm(folder, 'install', '--global', '--prefix', at('prefix'), at(packed.filename));
}, 10 * MINUTE_MS);
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));

test('is small, whole, and leaves nothing in the checkout', () => {
  expect(packed.size).toBeLessThan(BYTES_MAX);
  expect(packed.files.map((f) => f.path)).toEqual(expect.arrayContaining(['dist/workflows/bundle.js', 'dist/console/cli/main.js', 'docs/runbooks.md']));
  const bundle = readFileSync(at('prefix/lib/node_modules/drillbook/dist/workflows/bundle.js'), 'utf8');
  const map = Buffer.from(/json;charset=utf-8;base64,([\w+/=]+)/.exec(bundle)![1]!, 'base64').toString();
  expect((JSON.parse(map) as { sources: string[] }).sources).toContain('workflows/drill.ts');
  expect(`${bundle}${map}`).not.toContain(ROOT);
  expect(existsSync(join(ROOT, 'dist'))).toBe(false);
});

test('tools of developers are not installed', () => {
  const modules = readdirSync(at('prefix/lib/node_modules/drillbook/node_modules'));
  expect(modules).toContain('commander');
  expect(modules.filter((name) => ['typescript', 'jest', 'oxlint', 'playwright-core', 'prettier', 'fast-check'].includes(name))).toEqual([]);
});

test.each<[string, string[], number, RegExp]>([
  ['version', ['--version'], 0, /^0\.\d+\.\d+\n$/],
  ['doctor', ['doctor'], 0, /npm modules +the package .*Ready for drills\.\n$/s],
  ['lint', ['lint', 'mysql-stale-promotion', '--target', 'local'], 0, /mysql-stale-promotion/],
  ['reconcile', ['reconcile', '--help'], 0, /--apply/],
  ['completion', ['completion', 'bash'], 0, /complete -F _drillbook drillbook/],
  ['a key press', ['__complete', 'drillbook comp'], 0, /^completion\t/],
  ['bench', ['bench', 'lab'], 2, /DRILL_CHECKOUT_ONLY/],
])('%s answers', (_what, args, status, says) => {
  const answer = drillbook(...args);
  expect([answer.status, answer.out + answer.err]).toEqual([status, expect.stringMatching(says)]);
});

test(
  'a whole drill passes, its report is computed anew, and nothing is written into the package or bundled',
  () => {
    const before = installed();
    const run = drillbook('run');
    expect([run.status, run.out + run.err]).toEqual([0, expect.stringContaining('✓ PASS')]);
    const [drill] = readdirSync(at('work/drills'));
    const report = drillbook('report', join('drills', drill!), '--json');
    expect([report.status, (JSON.parse(report.out) as { verdict: string }).verdict]).toEqual([0, 'pass']);
    expect(existsSync(at('home/.cache/drillbook/workflows'))).toBe(false);
    expect(installed()).toBe(before);
  },
  10 * MINUTE_MS,
);
