/** Named processes in the client's place: children of the holder, so they outlive a worker that dies and end with the lab. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { DrillError } from '../../../core/errors.ts';

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export class Clients {
  readonly #at: string[];
  readonly #all = new Map<string, { child: ChildProcess; exitCode: number | null; running: boolean }>();

  constructor(at: string[]) {
    this.#at = at;
  }

  /** Attaches where the name runs already; a name that has ended can be used again. `pid` is as the lab counts. */
  async start(name: string, argv: string[], env: Record<string, string>, logFile: string): Promise<{ pid: number; attached: boolean }> {
    const old = this.#all.get(name);
    if (old?.running) return { pid: old.child.pid ?? 0, attached: true };
    const full = [...this.#at, ...argv];
    const log = openSync(logFile, 'a');
    const child = spawn(full[0] ?? '', full.slice(1), { stdio: ['ignore', log, log], env: { PATH, ...env }, detached: true });
    closeSync(log);
    const entry = { child, exitCode: null as number | null, running: true };
    this.#all.set(name, entry);
    child.on('exit', (code, signal) => {
      entry.running = false;
      entry.exitCode = code ?? (signal === null ? null : 128);
    });
    await Promise.race([
      once(child, 'spawn'),
      once(child, 'error').then(([cause]) => {
        entry.running = false;
        throw new DrillError('DRILL_COMMAND_FAILED', `${argv.join(' ')} cannot be started: ${String(cause)}`);
      }),
    ]);
    return { pid: child.pid ?? 0, attached: false };
  }

  /** TERM to the process and what it started, KILL after graceMs; done when it is gone. */
  async end(name: string, graceMs: number): Promise<void> {
    const entry = this.#all.get(name);
    if (!entry?.running) return;
    const gone = once(entry.child, 'exit');
    const signal = (s: NodeJS.Signals): void => {
      try {
        process.kill(-(entry.child.pid ?? 0), s);
      } catch {
        // It ended in between; the exit event tells.
      }
    };
    signal('SIGTERM');
    const late = setTimeout(() => signal('SIGKILL'), graceMs);
    await gone;
    clearTimeout(late);
  }

  list(): { name: string; running: boolean; exitCode: number | null }[] {
    return [...this.#all].map(([name, e]) => ({ name, running: e.running, exitCode: e.exitCode }));
  }
}
