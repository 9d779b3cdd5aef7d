/** However a lab ends, nothing of it is left: no process, namespace, mount. Counted in /proc. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectLocal } from '../../targets/platforms/local/connect.ts';
import { startLab, startTicksOf } from '../../targets/platforms/local/lab.ts';
import type { LabOptions } from '../../targets/platforms/local/lab.ts';
import type { LabState } from '../../targets/platforms/local/layout.ts';
import { freshLab, scratchDir } from '../support/lab.ts';
import { CACHE_DIR, testTools } from '../support/tools.ts';

const GONE_MS_MAX = 5_000;
let dir: string;
beforeEach(() => {
  dir = scratchDir();
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const link = (path: string): string => {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
};
const pids = (): string[] => readdirSync('/proc').filter((e) => /^\d+$/.test(e));
const command = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
};
/** Processes in one of the lab's namespaces or with its folder on their command line; network namespaces nobody knew before; mounts that name its folder. */
function traces(namespaces: string[], except = 0): string[] {
  const ours = (p: string): boolean => ['net', 'mnt', 'pid'].some((kind) => namespaces.includes(link(`/proc/${p}/ns/${kind}`))) || command(p).includes(dir);
  const of = pids().filter((p) => Number(p) !== except && ours(p));
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(dir) || /nsfs|netns/.test(line));
  return [...of.map((p) => `process ${p} ${command(p).slice(0, 200)}`), ...mounts];
}
async function expectGone(namespaces: string[], except = 0): Promise<void> {
  const started = Date.now();
  while (traces(namespaces, except).length > 0 && Date.now() - started < GONE_MS_MAX) await sleep(50);
  expect(traces(namespaces, except)).toEqual([]);
}
const stateOf = (file: string): LabState => JSON.parse(readFileSync(file, 'utf8')) as LabState;
/** The lab's own namespaces and those of its nodes. As root the lab's user namespace is everybody's, so that kind says nothing. */
function namespacesOf(state: LabState): string[] {
  const inside = pids().filter((p) => link(`/proc/${p}/ns/pid`) === state.namespaces.pid);
  const all = [state.namespaces.net, state.namespaces.mnt, state.namespaces.pid, ...inside.map((p) => link(`/proc/${p}/ns/net`))];
  const outside = ['net', 'mnt', 'pid'].map((kind) => link(`/proc/self/ns/${kind}`));
  expect(inside.length).toBeGreaterThanOrEqual(2);
  return [...new Set(all)].filter((n) => n !== '' && !outside.includes(n));
}
const options = (more: Partial<LabOptions> = {}): LabOptions => ({
  tools: testTools(),
  dir,
  cacheDir: CACHE_DIR,
  workDir: join(dir, 'work'),
  nodes: 1,
  owner: 'pipe',
  ...more,
});
async function owner(o: LabOptions, how = 'hold'): Promise<{ child: ReturnType<typeof spawn>; state: LabState; stateFile: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../support/lab-owner.ts'), JSON.stringify(o), how], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit').then(() => [JSON.stringify({ stateFile: '(the owner ended without a lab)' })]);
  const [line] = (await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended])) as [string];
  const { stateFile } = JSON.parse(line) as { stateFile: string };
  return { child, stateFile, state: stateOf(stateFile) };
}

/** Node closes a dead child's pipes, so a live owner notices unshare's death too; without an owner only the kernel does. */
test.each<[string, LabOptions['owner']]>([
  ['the owner', 'pipe'],
  ['the holder', 'pipe'],
  ['unshare', 'pipe'],
  ['unshare', { ttlMs: 600_000 }],
  ['all three', 'pipe'],
])(
  'kill -9 of %s (owner: %j)',
  async (victim, kind) => {
    const { child, state } = await owner(options({ owner: kind }));
    const spaces = namespacesOf(state);
    try {
      expect(traces(spaces).length).toBeGreaterThanOrEqual(3);
      const all = victim === 'all three';
      if (all || victim === 'the owner') child.kill('SIGKILL');
      if (all || victim === 'unshare') process.kill(state.unsharePid, 'SIGKILL');
      if (all || victim === 'the holder') process.kill(state.pid, 'SIGKILL');
      await expectGone(spaces, child.pid);
    } finally {
      if (startTicksOf(state.pid) === state.startTicks) process.kill(state.pid, 'SIGKILL');
      const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : Promise.resolve();
      child.kill('SIGKILL');
      await ended;
    }
    await expectGone(spaces);
  },
  60_000,
);

test('stop ends everything; the folder stays unless it is scratch', async () => {
  const kept = await startLab(options());
  const spaces = namespacesOf(stateOf(kept.stateFile));
  await kept.stop();
  await expectGone(spaces);
  expect(existsSync(join(dir, 'db1', 'data'))).toBe(true);
  await expect(startLab(options())).rejects.toMatchObject({ code: 'DRILL_LAB_DIR' });
  expect(existsSync(join(dir, 'db1', 'data'))).toBe(true);
  const inner = join(dir, 'scratch');
  const scratch = await startLab(options({ dir: inner, scratch: true }));
  await scratch.stop();
  expect(existsSync(inner)).toBe(false);
}, 60_000);

test('without an owner it outlives its starter, lives while it is kept alive, and then ends', async () => {
  const { child, state, stateFile } = await owner(options({ owner: { ttlMs: 4_000 } }), 'leave');
  if (child.exitCode === null) await once(child, 'exit');
  const spaces = namespacesOf(state);
  const platform = await connectLocal(stateFile);
  for (let i = 0; i < 5; i++) {
    await platform.keepAlive(1_500);
    await sleep(1_000);
  }
  expect((await platform.facts()).nodes[0]?.running).toBe(true);
  await expect(platform.lost).resolves.toMatchObject({ code: 'DRILL_LAB_GONE' });
  await expectGone(spaces);
}, 60_000);

test.each<[string, (tools: LabOptions['tools']) => Partial<LabOptions>, string]>([
  ['a mysqld that dies', (t) => ({ tools: { ...t, mysqld: '/bin/false' } }), 'DRILL_MYSQLD_DIED'],
  ['a mysqld that is not there', (t) => ({ tools: { ...t, mysqld: '/no/such/mysqld' } }), 'DRILL_MYSQLD_DIED'],
  ['a packet filter that refuses', (t) => ({ tools: { ...t, nft: '/bin/false' } }), 'DRILL_COMMAND_FAILED'],
  ['an unshare that refuses', (t) => ({ tools: { ...t, unshare: '/bin/false' } }), 'DRILL_LAB_START'],
  ['an unshare that is not there', (t) => ({ tools: { ...t, unshare: '/no/such/unshare' } }), 'DRILL_LAB_START'],
  ['a path too long for sockets', () => ({ dir: join(dir, 'x'.repeat(100)) }), 'DRILL_PATH_TOO_LONG'],
])(
  '%s: a coded error, and nothing is left',
  async (_name, more, code) => {
    await expect(startLab(options(more(testTools())))).rejects.toMatchObject({ code });
    await expectGone([]);
  },
  60_000,
);

test('namespaces forbidden: the error names the remedy', async () => {
  const script = join(dir, 'unshare');
  writeFileSync(script, '#!/bin/sh\necho "unshare: write failed /proc/self/uid_map: Operation not permitted" >&2\nexit 1\n', { mode: 0o755 });
  await expect(startLab(options({ tools: { ...testTools(), unshare: script } }))).rejects.toMatchObject({
    code: 'DRILL_USERNS_FORBIDDEN',
    message: expect.stringContaining('uid_map'),
  });
});

test('a mysqld that refuses its options: the end of its error log is in the error', async () => {
  const script = join(dir, 'mysqld');
  writeFileSync(script, `#!/bin/sh\nexec ${testTools().mysqld} "$@" --no-such-option\n`, { mode: 0o755 });
  await expect(freshLab({ dir, nodes: 2, tools: { ...testTools(), mysqld: script } })).rejects.toMatchObject({
    code: 'DRILL_MYSQLD_DIED',
    message: expect.stringContaining('no-such-option'),
  });
  await expectGone([]);
}, 60_000);
