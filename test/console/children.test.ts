/** Children of a run: what they are told, how their end is noticed, and that they never outlive it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { Child, Supervised } from '../../console/cli/run/children.ts';
import { startTimeOf } from '../../console/rundir.ts';

let dir: string;
const made: Child[] = [];
beforeEach(() => void (dir = mkdtempSync(join(realpathSync(tmpdir()), 'drillbook-children-'))));
afterEach(async () => {
  await Promise.all(made.splice(0).map((c) => c.end(0)));
  rmSync(dir, { recursive: true, force: true });
});

const shell = (script: string, more: { input?: string; argv?: string[] } = {}): Child => {
  const child = new Child({
    name: 'the helper',
    argv: more.argv ?? ['sh', '-c', script],
    env: { PATH: '/usr/bin:/bin' },
    logFile: join(dir, 'log'),
    setpriv: 'setpriv',
    ...(more.input === undefined ? {} : { input: more.input }),
  });
  made.push(child);
  return child;
};
const log = () => readFileSync(join(dir, 'log'), 'utf8');
const said = (word: string) => () => Promise.resolve(log().includes(word));
const never = () => Promise.resolve(false);
async function within(ms: number, probe: () => boolean): Promise<boolean> {
  const deadline = Date.now() + ms;
  while (!probe() && Date.now() < deadline) await sleep(20);
  return probe();
}

describe('waiting for a child', () => {
  test('ends when it is ready', async () => {
    await shell('echo up; sleep 20').until(said('up'), 5_000, 'it was up');
  });
  test.each<[string, () => Child, string, RegExp]>([
    [
      'it ends',
      () => shell('echo one; echo no such database >&2; exit 7'),
      'DRILL_CHILD_DIED',
      /the helper ended \(status 7\) before it was up:\n {2}one\n {2}no such database/,
    ],
    ['it is killed', () => shell('kill -9 $$'), 'DRILL_CHILD_DIED', /ended \(SIGKILL\)/],
    ['there is no such program', () => shell('', { argv: ['/no/such/program'] }), 'DRILL_CHILD_DIED', /No such file|status 127/],
  ])('fails at once when %s', async (_, make, code, message) => {
    const started = performance.now();
    await expect(make().until(never, 20_000, 'it was up')).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
      hint: expect.stringContaining('log'),
    });
    expect(performance.now() - started).toBeLessThan(5_000);
  });
  test('has a deadline, and says what was waited for', async () => {
    await expect(shell('echo thinking; sleep 20').until(never, 300, 'it was up')).rejects.toMatchObject({
      code: 'DRILL_CHILD_SLOW',
      message: expect.stringMatching(/it was up did not happen within 0\.3 s:\n {2}thinking/),
    });
  });
});

describe('ending a child', () => {
  test('TERM, in order', async () => {
    const child = shell('trap "echo bye; exit 0" TERM; echo up; while :; do sleep 0.05; done');
    await child.until(said('up'), 5_000, 'up');
    await child.end(5_000);
    expect([child.alive, await child.exited, log()]).toEqual([false, 'status 0', 'up\nbye\n']);
  });
  test('KILL, when it does not listen', async () => {
    const child = shell('trap "" TERM; echo up; while :; do sleep 0.05; done');
    await child.until(said('up'), 5_000, 'up');
    await child.end(200);
    expect([child.alive, await child.exited]).toEqual([false, 'SIGKILL']);
  });
  test('one that has ended, and one that never began, cost nothing', async () => {
    const child = shell('exit 3');
    await child.exited;
    await child.end(5_000);
    const missing = new Child({ name: 'x', argv: ['x'], env: {}, logFile: join(dir, 'log'), setpriv: '/no/such/setpriv' });
    await missing.exited;
    expect(missing.alive).toBe(false);
    await missing.end(5_000);
  });
});

test('its first input line is what it is told, and then its input stays open while the owner lives', async () => {
  const child = shell('read -r line; echo "got $line"; read -r more || echo closed', { input: '{"secret":1}' });
  await child.until(said('got {"secret":1}'), 5_000, 'it was told');
  await sleep(100);
  expect(log()).not.toContain('closed');
  child.process.stdin!.end();
  await child.until(said('closed'), 5_000, 'it saw the end');
});

test('children die with an owner that is killed', async () => {
  const script = join(dir, 'owner.mjs');
  const source = join(import.meta.dirname, '../../console/cli/run/children.ts');
  writeFileSync(
    script,
    `import { Child } from ${JSON.stringify(source)};
     const c = new Child({ name: 'c', argv: ['sleep', '60'], env: process.env, logFile: ${JSON.stringify(join(dir, 'log'))}, setpriv: 'setpriv' });
     console.log(c.process.pid); setInterval(() => {}, 1000);`,
  );
  const owner = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(owner.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  expect(await within(5_000, () => readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('sleep'))).toBe(true);
  owner.kill('SIGKILL');
  expect(await within(5_000, () => startTimeOf(pid) === null)).toBe(true);
});

describe('a supervised child', () => {
  const notes: string[] = [];
  beforeEach(() => void notes.splice(0));
  const note = (line: string) => void notes.push(line);

  test('is started again when it dies, and not after the end', async () => {
    const s = await Supervised.start(() => Promise.resolve(shell('sleep 60')), note);
    const first = s.child;
    first.process.kill('SIGKILL');
    expect(await within(5_000, () => s.child !== first && s.child.alive)).toBe(true);
    expect(notes).toEqual(['ended (SIGKILL); starting it again']);
    await s.end(1_000);
    await sleep(500);
    expect([s.child.alive, made.length, notes.length]).toEqual([false, 2, 1]);
  });

  test('one that is being started when the end comes is ended too', async () => {
    let starting = false;
    const s = await Supervised.start(async () => {
      if (made.length > 0) {
        starting = true;
        await sleep(400);
      }
      return shell('sleep 60');
    }, note);
    s.child.process.kill('SIGKILL');
    expect(await within(5_000, () => starting)).toBe(true);
    await s.end(1_000);
    expect(made.map((c) => c.alive)).toEqual([false, false]);
  });

  test('an end while it waits to start again starts nothing', async () => {
    const s = await Supervised.start(() => Promise.resolve(shell('sleep 60')), note);
    s.child.process.kill('SIGKILL');
    expect(await within(5_000, () => notes.length > 0)).toBe(true);
    await s.end(1_000);
    await sleep(500);
    expect([made.length, made.some((c) => c.alive)]).toEqual([1, false]);
  });

  test('a start that fails is tried again', async () => {
    let tries = 0;
    const s = await Supervised.start(() => {
      tries++;
      return tries === 2 ? Promise.reject(new Error('not yet\nmore')) : Promise.resolve(shell('sleep 60'));
    }, note);
    s.child.process.kill('SIGKILL');
    expect(await within(5_000, () => tries === 3 && s.child.alive)).toBe(true);
    expect(notes).toEqual(['ended (SIGKILL); starting it again', 'ended (not yet); starting it again']);
    await s.end(1_000);
  });

  test('one that ran for long between its ends is kept running, however often it ends', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'performance', 'hrtime'] });
    let now = performance.now();
    jest.spyOn(performance, 'now').mockImplementation(() => (now += 10_001));
    const s = await Supervised.start(() => Promise.resolve(shell(made.length < 40 ? 'exit 4' : 'sleep 60')), note);
    for (let ends = 1; ends <= 40; ends++) {
      await s.child.exited;
      await jest.advanceTimersByTimeAsync(300);
    }
    jest.restoreAllMocks();
    jest.useRealTimers();
    expect([s.child.alive, made.length]).toEqual([true, 41]);
    await s.end(1_000);
  });

  test('one that cannot be kept running is an error, after thirty tries', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'performance', 'hrtime'] });
    let tries = 0;
    const s = await Supervised.start(() => (tries++ === 0 ? Promise.resolve(shell('exit 4')) : Promise.reject(new Error('no port'))), note);
    await s.child.exited;
    await jest.advanceTimersByTimeAsync(31 * 3_000);
    jest.useRealTimers();
    await expect(s.failed).rejects.toMatchObject({ code: 'DRILL_CHILD_DIED', message: expect.stringContaining('no port') });
    expect(tries).toBe(31);
    await s.end(1_000);
  });
});
