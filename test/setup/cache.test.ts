/** Disasters: two set-ups write the same folder; a killed one blocks all later ones; a half-made folder is taken for a whole one. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheFolder, installFolder, sweep, withLock } from '../../setup/cache.mjs';
import { SILENT } from '../../setup/progress.mjs';

const CACHE = join(import.meta.dirname, '../../setup/cache.mjs');
let cacheDir: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  cacheDir = mkdtempSync(join(tmpdir(), 'drillbook-cache-'));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(cacheDir, { recursive: true, force: true });
});

/** Another process that takes the lock, says so and holds it until it is killed. */
async function holder(): Promise<ChildProcess> {
  const code = `import { withLock } from ${JSON.stringify(CACHE)};
    await withLock(${JSON.stringify(cacheDir)}, 'a', { say() {} }, async () => { console.log('held'); await new Promise((r) => setTimeout(r, 60_000)); });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  await once(child.stdout, 'data');
  return child;
}

test.each([
  [{ XDG_CACHE_HOME: '/x', HOME: '/h' }, '/x/drillbook'],
  [{ HOME: '/h' }, '/h/.cache/drillbook'],
  [{ XDG_CACHE_HOME: 'relative', HOME: '/h' }, '/h/.cache/drillbook'],
])('the cache of %j is %s', (env, folder) => {
  expect(cacheFolder(env)).toBe(folder);
});

test('work under one lock never overlaps, and another name is free', async () => {
  let inside = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    inside += 1;
    most = Math.max(most, inside);
    await new Promise((resolve) => setTimeout(resolve, 30));
    inside -= 1;
  };
  await Promise.all([1, 2, 3].map(() => withLock(cacheDir, 'a', SILENT, work)));
  expect(most).toBe(1);
  most = 0;
  await Promise.all(['a', 'b'].map((name) => withLock(cacheDir, name, SILENT, work)));
  expect(most).toBe(2);
});

test('the second process waits, says for whom, and goes on at once when the first is killed with -9', async () => {
  const first = await holder();
  const said: string[] = [];
  let got = 0;
  const second = withLock(cacheDir, 'a', { ...SILENT, say: (line: string) => void said.push(line) }, async () => {
    got = performance.now();
  });
  await new Promise((resolve) => setTimeout(resolve, 700));
  expect(got).toBe(0);
  expect(said.join()).toContain(`pid ${first.pid}`);
  const killed = performance.now();
  first.kill('SIGKILL');
  await second;
  expect(got - killed).toBeLessThan(2_000);
});

test('a lock that does not come free in time is a coded error, not a wait for ever', async () => {
  await holder();
  await expect(withLock(cacheDir, 'a', SILENT, async () => 1, 400)).rejects.toMatchObject({ code: 'DRILL_SETUP_BUSY' });
});

test('the lock is free again after work that threw', async () => {
  await expect(withLock(cacheDir, 'a', SILENT, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await expect(withLock(cacheDir, 'a', SILENT, async () => 7, 2_000)).resolves.toBe(7);
});

test('a folder appears whole or not at all, and a failed one leaves nothing', async () => {
  const place = join(cacheDir, 'thing', '1');
  const failing = installFolder(cacheDir, place, async (folder) => {
    writeFileSync(join(folder, 'half'), '');
    expect(existsSync(place)).toBe(false);
    throw new Error('died');
  });
  await expect(failing).rejects.toThrow('died');
  expect([existsSync(place), readdirSync(join(cacheDir, 'tmp'))]).toEqual([false, []]);

  for (const text of ['one', 'two']) await installFolder(cacheDir, place, async (folder) => writeFileSync(join(folder, 'whole'), text));
  expect(readFileSync(join(place, 'whole'), 'utf8')).toBe('two');
  expect(readdirSync(join(cacheDir, 'tmp'))).toEqual([]);
});

test('what a killed set-up left is swept', async () => {
  mkdirSync(join(cacheDir, 'tmp', 'install-dead', 'deep'), { recursive: true });
  expect(await sweep(cacheDir)).toBe(1);
  expect(readdirSync(join(cacheDir, 'tmp'))).toEqual([]);
});

test('a cache that can not be written is a coded error', async () => {
  const file = join(cacheDir, 'file');
  writeFileSync(file, '');
  await expect(withLock(join(file, 'below'), 'a', SILENT, async () => 1)).rejects.toMatchObject({ code: 'DRILL_CACHE_UNWRITABLE' });
});
