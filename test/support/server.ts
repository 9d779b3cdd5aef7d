/** One throw-away database server of a test: a process that ends with the test, reached by its socket. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createConnection } from 'mysql2/promise';
import type { Connection } from 'mysql2/promise';

export const START_MS_MAX = 60_000;

export abstract class TestServer {
  abstract readonly name: string;
  abstract readonly socket: string;
  private child: ChildProcess | null = null;

  /** Waits until it answers; throws with its last words when it ends, or is silent for START_MS_MAX. `argv` ties it to this process. */
  protected async launch([file, argv]: readonly [string, readonly string[]], cwd?: string): Promise<void> {
    const child = spawn(file, argv, { stdio: ['ignore', 'ignore', 'pipe'], cwd });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (t: string) => (said = (said + t).slice(-4_000)));
    this.child = child;
    const deadline = Date.now() + START_MS_MAX;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`${this.name} ended with ${child.exitCode}: ${said}`);
      if (Date.now() > deadline) throw new Error(`${this.name} did not answer for ${START_MS_MAX / 1000} s: ${said}`);
      try {
        (await this.connect()).destroy();
        return;
      } catch {
        await new Promise((r) => setTimeout(r, 40));
      }
    }
  }

  async connect(): Promise<Connection> {
    const c = await createConnection({
      socketPath: this.socket,
      user: 'root',
      multipleStatements: true,
      supportBigNumbers: true,
      bigNumberStrings: true,
      dateStrings: true,
    });
    c.on('error', () => {});
    return c;
  }

  /** Runs statements one after the other on one connection. */
  async sql(...statements: string[]): Promise<Record<string, unknown>[]> {
    const c = await this.connect();
    try {
      let last: unknown;
      for (const s of statements) [last] = await c.query(s);
      return last as Record<string, unknown>[];
    } finally {
      c.destroy();
    }
  }

  /** SIGKILL, and waits until it is gone. */
  async kill(): Promise<void> {
    const child = this.child;
    this.child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((r) => child.once('exit', r));
    child.kill('SIGKILL');
    await gone;
  }
}
