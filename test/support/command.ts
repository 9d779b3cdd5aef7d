/** The real command as a child process, with its output at hand. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './drill.ts';
import { MARK, marked } from './census.ts';
import { tied } from '../../setup/process.mjs';

export interface Command extends AsyncDisposable {
  pid: number;
  mark: string;
  cwd: string;
  output(): string;
  /** resolves when the output has matched; fails when the command ends before */
  saw(pattern: RegExp, deadlineMs?: number): Promise<void>;
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

export function drillbook(...args: string[]): Command {
  const cwd = mkdtempSync(join(realpathSync(tmpdir()), 'dbt-'));
  const mark = randomUUID();
  const child = spawn(...tied(process.execPath, [join(ROOT, 'bin', 'drillbook.mjs'), ...args]), {
    cwd,
    env: { ...process.env, [MARK]: mark },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (d: string) => (output += d));
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((r) => child.once('close', (code, signal) => r({ code, signal })));
  let over = false;
  void ended.then(() => (over = true));
  return {
    pid: child.pid!,
    mark,
    cwd,
    ended,
    output: () => output,
    async saw(pattern, deadlineMs = 90_000) {
      const deadline = Date.now() + deadlineMs;
      while (!pattern.test(output)) {
        if (over || Date.now() > deadline) throw new Error(`${over ? 'the command ended' : 'the deadline passed'} before ${String(pattern)}:\n${output}`);
        await new Promise((r) => setTimeout(r, 30));
      }
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
      for (const p of marked(mark)) process.kill(p.pid, 'SIGKILL');
      if (!process.env['DRILLBOOK_KEEP_TESTS']) rmSync(cwd, { recursive: true, force: true });
    },
  };
}
