/** Child processes of a run: they die with it (also on kill -9), their output goes to a log, and an unexpected end is noticed. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { DrillError, messageOf } from '../../../core/errors.ts';

export interface ChildSpec {
  name: string;
  argv: string[];
  env: Record<string, string | undefined>;
  logFile: string;
  /** first line on its standard input, which then stays open as the owner's pipe */
  input?: string;
  setpriv: string;
}

export class Child {
  readonly process: ChildProcess;
  readonly exited: Promise<string>;
  readonly #spec: ChildSpec;

  constructor(spec: ChildSpec) {
    this.#spec = spec;
    const log = openSync(spec.logFile, 'a', 0o600);
    // a group of its own: Ctrl-C reaches the command only, which then ends its children in order
    this.process = spawn(spec.setpriv, ['--pdeathsig', 'KILL', ...spec.argv], { env: spec.env, stdio: ['pipe', log, log], detached: true });
    closeSync(log);
    this.process.stdin?.on('error', () => undefined);
    if (spec.input !== undefined) this.process.stdin?.write(`${spec.input}\n`);
    this.exited = new Promise((resolve) => {
      this.process.once('error', (e) => resolve(e.message));
      this.process.once('exit', (code, signal) => resolve(signal ?? `status ${code}`));
    });
  }

  get alive(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null && this.process.pid !== undefined;
  }

  tail(lines = 6): string {
    return readFileSync(this.#spec.logFile, 'utf8').trim().split('\n').slice(-lines).join('\n  ');
  }

  /** Waits until ready() is true; fails when the child dies or the deadline passes, with the end of its log. */
  async until(ready: () => Promise<boolean>, deadlineMs: number, what: string): Promise<void> {
    const deadline = Date.now() + deadlineMs;
    for (;;) {
      if (await ready()) return;
      if (!this.alive)
        throw new DrillError(
          'DRILL_CHILD_DIED',
          `${this.#spec.name} ended (${await this.exited}) before ${what}:\n  ${this.tail()}`,
          `its log is ${this.#spec.logFile}`,
        );
      if (Date.now() > deadline)
        throw new DrillError(
          'DRILL_CHILD_SLOW',
          `${this.#spec.name}: ${what} did not happen within ${deadlineMs / 1000} s:\n  ${this.tail()}`,
          `its log is ${this.#spec.logFile}`,
        );
      await new Promise((r) => setTimeout(r, 40));
    }
  }

  /** TERM, then KILL after graceMs; KILL at once when that is 0. */
  async end(graceMs: number): Promise<void> {
    if (!this.alive) return;
    this.process.kill(graceMs > 0 ? 'SIGTERM' : 'SIGKILL');
    const killer = setTimeout(() => this.process.kill('SIGKILL'), graceMs);
    await this.exited;
    clearTimeout(killer);
  }
}

/** Waits before it starts a child again: this long at first, half as long again each time, at most RESTART_MS_MAX. */
const RESTART_MS = 300;
const RESTART_MS_MAX = 3_000;
const MOST_RESTARTS = 30;
/** What ran for so long was kept running: the next end is counted as the first. */
const STEADY_MS = 10_000;

/** A child that is started again when it ends unexpectedly, as a service manager would. */
export class Supervised {
  child: Child;
  readonly #make: () => Promise<Child>;
  readonly #note: (line: string) => void;
  readonly #watching: Promise<void>;
  readonly #stopped = Promise.withResolvers<void>();
  #stopping = false;
  #restarts = 0;
  /** rejects when it cannot be kept running */
  readonly failed: Promise<never>;
  #fail!: (e: Error) => void;

  private constructor(child: Child, make: () => Promise<Child>, note: (line: string) => void) {
    this.child = child;
    this.#make = make;
    this.#note = note;
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => undefined);
    this.#watching = this.#watch();
  }

  static async start(make: () => Promise<Child>, note: (line: string) => void): Promise<Supervised> {
    return new Supervised(await make(), make, note);
  }

  async #watch(): Promise<void> {
    for (;;) {
      const began = performance.now();
      let how = await this.child.exited;
      if (performance.now() - began > STEADY_MS) this.#restarts = 0;
      while (!this.#stopping) {
        if (++this.#restarts > MOST_RESTARTS)
          return this.#fail(new DrillError('DRILL_CHILD_DIED', `it ended ${this.#restarts} times, last: ${how}`, 'look at its log'));
        this.#note(`ended (${how}); starting it again`);
        await this.#pause(Math.min(RESTART_MS_MAX, RESTART_MS * 1.5 ** (this.#restarts - 1)));
        const started = await this.#again();
        if (started === null) break;
        how = started;
      }
      if (this.#stopping) return;
    }
  }

  /** Cut short by the end. */
  async #pause(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([new Promise((r) => (timer = setTimeout(r, ms))), this.#stopped.promise]);
    clearTimeout(timer);
  }

  /** Null when it runs again; otherwise why not. */
  async #again(): Promise<string | null> {
    if (this.#stopping) return null;
    try {
      this.child = await this.#make();
      return null;
    } catch (e) {
      return messageOf(e).split('\n')[0]!;
    }
  }

  async end(graceMs: number): Promise<void> {
    this.#stopping = true;
    this.#stopped.resolve();
    await this.child.end(graceMs);
    // one that was being started when the end came
    await this.#watching;
    await this.child.end(graceMs);
  }
}
