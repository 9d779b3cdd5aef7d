/** Folders of runs: the one of a living run is never removed, those of dead ones are. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRunDir, startTimeOf, sweepRuns } from '../../console/rundir.ts';

let cache: string;
beforeEach(() => void (cache = mkdtempSync(join(realpathSync(tmpdir()), 'drillbook-runs-'))));
afterEach(() => rmSync(cache, { recursive: true, force: true }));

const runs = () => (existsSync(join(cache, 'runs')) ? readdirSync(join(cache, 'runs')) : []);
const other = (id: string, owner: object | string | null): void => {
  mkdirSync(join(cache, 'runs', id, 'lab/db1'), { recursive: true });
  if (owner !== null) writeFileSync(join(cache, 'runs', id, 'owner.json'), typeof owner === 'string' ? owner : JSON.stringify(owner));
};
const aged = (id: string): void => utimesSync(join(cache, 'runs', id), 1, 1);
/** A pid whose process has ended. */
async function dead(): Promise<number> {
  const child = spawn('true');
  await once(child, 'exit');
  return child.pid!;
}

test('a run has a folder of its own, for its user only, and leaves nothing', () => {
  const [a, b] = [createRunDir(cache), createRunDir(cache)];
  expect(a.path).not.toBe(b.path);
  expect(statSync(a.path).mode & 0o777).toBe(0o700);
  expect(JSON.parse(readFileSync(join(a.path, 'owner.json'), 'utf8'))).toEqual({ pid: process.pid, startTime: startTimeOf(process.pid) });
  mkdirSync(join(a.path, 'lab/deep'), { recursive: true });
  a.remove();
  a.remove();
  expect(runs()).toEqual([b.id]);
});

test('its path is short enough for sockets below it', () => expect(join(createRunDir(cache).path.slice(cache.length), 'lab/db1.sock').length).toBeLessThan(40));

test.each<[string, () => Promise<void> | void, number]>([
  ['no folder at all', () => undefined, 0],
  ['a living owner', () => void createRunDir(cache), 0],
  ['a dead owner', async () => other('dead', { pid: await dead(), startTime: '1' }), 1],
  ['a pid that is somebody else’s by now', () => other('reused', { pid: process.pid, startTime: '1' }), 1],
  ['a folder that is being made', () => other('young', null), 0],
  ['a folder that nobody finished making', () => (other('old', null), aged('old')), 1],
  ['an owner file that was cut short, long ago', () => (other('torn', '{"pid":'), aged('torn')), 1],
  ['two dead ones beside a living one', () => (createRunDir(cache), other('a', { pid: 0, startTime: '1' }), other('b', { pid: -5, startTime: '1' })), 2],
])('sweeping: %s', async (_, before, removed) => {
  await before();
  const there = runs().length;
  expect(sweepRuns(cache)).toBe(removed);
  expect(runs().length).toBe(there - removed);
});

test('an owner that was killed and that nobody buried is dead', async () => {
  // a shell that starts a child, tells its pid, and becomes another program before it ends: nobody waits for it
  const parent = spawn('bash', ['-c', 'sleep 1 & echo $!; exec sleep 20'], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    const deadline = Date.now() + 10_000;
    while (Date.now() < deadline && !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')) await new Promise((r) => setTimeout(r, 20));
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    expect(stat).toContain(') Z ');
    other('zombie', { pid, startTime: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] });
    expect(sweepRuns(cache)).toBe(1);
  } finally {
    parent.kill('SIGKILL');
    await once(parent, 'exit');
  }
});
