/** Processes in the client's place, and the lab's command line. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { labCommand } from '../../console/cli/lab.ts';
import type { CliContext } from '../../console/cli/context.ts';
import { sharedLab } from '../support/lab.ts';
import type { TestLab } from '../support/lab.ts';

let lab: TestLab;
beforeAll(async () => {
  lab = await sharedLab();
}, 60_000);
afterAll(() => lab[Symbol.asyncDispose]());

test('a second call attaches to the process that runs; what it says goes to its log; it ends by force if it must', async () => {
  const log = join(lab.workDir, 'stubborn.log');
  const argv = ['/bin/sh', '-c', 'trap "" TERM; echo "$GREETING"; while :; do sleep 0.2; done'];
  const first = await lab.platform.spawn('stubborn', argv, { GREETING: 'hello' }, log);
  const second = await lab.platform.spawn('stubborn', argv, { GREETING: 'again' }, log);
  expect(first.attached).toBe(false);
  expect(second).toEqual({ pid: first.pid, attached: true });
  expect(readFileSync(`/proc/${first.pid}/cmdline`, 'utf8')).toContain('GREETING');
  await sleep(200);
  expect(readFileSync(log, 'utf8')).toBe('hello\n');
  await lab.platform.end('stubborn', 300);
  expect(await lab.platform.processes()).toContainEqual({ name: 'stubborn', running: false, exitCode: 128 });
  await lab.platform.end('stubborn', 300);
});

test('an exit code is kept; a name can be used again', async () => {
  const log = join(lab.workDir, 'short.log');
  await lab.platform.spawn('short', ['/bin/sh', '-c', 'exit 7'], {}, log);
  await sleep(300);
  expect(await lab.platform.processes()).toContainEqual({ name: 'short', running: false, exitCode: 7 });
  expect((await lab.platform.spawn('short', ['/bin/sh', '-c', 'exit 0'], {}, log)).attached).toBe(false);
});

test('a program that is not there is a coded error', async () => {
  await lab.platform.spawn('nothing', ['/no/such/program'], {}, join(lab.workDir, 'nothing.log'));
  await sleep(200);
  const entry = (await lab.platform.processes()).find((p) => p.name === 'nothing');
  expect(entry).toMatchObject({ running: false });
  expect(entry?.exitCode).not.toBe(0);
});

test('a write is tried on every path, and leaves nothing', async () => {
  const before = (await lab.system.position('db1')).gtidExecuted;
  const source = await lab.system.tryWrites('db1');
  expect(source.map((t) => t.accepted)).toEqual([true, true, true]);
  expect((await lab.system.position('db1')).gtidExecuted).toBe(before);
  const replica = await lab.system.tryWrites('db2');
  expect(replica.slice(1).map((t) => [t.accepted, /--(super-)?read-only/.test(t.said)])).toEqual([
    [false, true],
    [false, true],
  ]);
});

test('drillbook lab status, as JSON and in words', async () => {
  const say = async (...args: string[]): Promise<string> => {
    const stdout = new PassThrough();
    const ctx = { env: { DRILLBOOK_LAB: lab.stateFile }, stdout, exit: () => {} } as unknown as CliContext;
    await labCommand(ctx).parseAsync(args, { from: 'user' });
    return String(stdout.read());
  };
  const { facts } = JSON.parse(await say('status', '--json')) as { facts: unknown };
  expect(facts).toEqual(await lab.platform.facts());
  expect(await say('status')).toMatch(/db1 .* running .*has the service address\n/);
  expect(await say('start', 'db2')).toMatch(/db2 .* running/);
});
