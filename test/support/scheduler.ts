/** A scheduler of a test's own: its state, its configuration, its folder; the real command for the rest. */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ScheduleView } from '../../console/schedules/schedules.ts';
import { MARK, marked } from './census.ts';
import { ROOT } from './drill.ts';
import { tied } from '../../setup/process.mjs';

export interface Ran {
  status: number | null;
  out: string;
  err: string;
}
export interface Serving {
  process: ChildProcess;
  ended: Promise<number | null>;
  output(): string;
}
export interface TestScheduler extends AsyncDisposable {
  dir: string;
  mark: string;
  env: Record<string, string | undefined>;
  /** Starts `drillbook schedule serve` and waits until it is ready. */
  serve(more?: Record<string, string>): Promise<Serving>;
  run(args: string[], more?: Record<string, string>): Ran;
  /** `drillbook schedule …`, which must succeed; the JSON that it printed */
  schedule<T = ScheduleView>(...args: string[]): T;
  /** Asks until it is so; fails with what was seen last. */
  until(name: string, so: (v: ScheduleView) => boolean, deadlineMs: number): Promise<ScheduleView>;
}

const START_MS = 90_000;

export function testScheduler(): TestScheduler {
  const dir = mkdtempSync(join(realpathSync(tmpdir()), 'dbs-'));
  const mark = randomUUID();
  const env = { ...process.env, XDG_STATE_HOME: join(dir, 'state'), XDG_CONFIG_HOME: join(dir, 'config'), [MARK]: mark };
  const main = join(ROOT, 'console', 'cli', 'main.ts');
  const run = (args: string[], more: Record<string, string> = {}): Ran => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { cwd: dir, env: { ...env, ...more }, encoding: 'utf8', timeout: 60_000 });
    return { status, out: stdout, err: stderr };
  };
  const schedule = <T = ScheduleView>(...args: string[]): T => {
    const ran = run(['schedule', ...args, '--json']);
    expect({ args, ...ran }).toMatchObject({ args, status: 0 });
    return JSON.parse(ran.out) as T;
  };
  return {
    dir,
    mark,
    env,
    run,
    schedule,
    async serve(more = {}) {
      const child = spawn(...tied(process.execPath, [main, 'schedule', 'serve']), { cwd: dir, env: { ...env, ...more }, stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (d: string) => (output += d));
      const ended = new Promise<number | null>((r) => child.once('close', (code) => r(code)));
      for (const deadline = Date.now() + START_MS; !/^Temporal {3}/m.test(output); await new Promise((r) => setTimeout(r, 50)))
        if (child.exitCode !== null || Date.now() > deadline) throw new Error(`schedule serve is not ready:\n${output}`);
      return { process: child, ended, output: () => output };
    },
    async until(name, so, deadlineMs) {
      for (const deadline = Date.now() + deadlineMs; ; await new Promise((r) => setTimeout(r, 2_000))) {
        const view = schedule('show', name);
        if (so(view)) return view;
        if (Date.now() > deadline) throw new Error(`${name} did not become so: ${JSON.stringify(view)}\n${logs(dir)}`);
      }
    },
    async [Symbol.asyncDispose]() {
      for (const p of marked(mark)) process.kill(p.pid, 'SIGKILL');
      for (const deadline = Date.now() + 10_000; marked(mark).length > 0 && Date.now() < deadline;) await new Promise((r) => setTimeout(r, 50));
      if (!process.env['DRILLBOOK_KEEP_TESTS']) rmSync(dir, { recursive: true, force: true });
    },
  };
}

function logs(dir: string): string {
  const file = join(dir, 'state', 'drillbook', 'schedules', 'worker.log');
  return existsSync(file) ? readFileSync(file, 'utf8').slice(-2_000) : '';
}
