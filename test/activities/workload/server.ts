/** One throw-away mysqld with the workload's tables, for tests of the writer: killed, made read-only, started again at will. */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import { WORKLOAD_DDL } from '../../../core/workload.ts';
import type { Endpoint } from '../../../activities/workload/session.ts';
import type { Tools } from '../../../targets/tools.ts';

const START_MS = 60_000;

export function testTools(): Pick<Tools, 'mysqld' | 'mysqlBasedir'> {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(os.homedir(), '.cache');
  return JSON.parse(fs.readFileSync(join(cache, 'drillbook/tools/tools.json'), 'utf8')) as Tools;
}

export class TestServer {
  readonly dir: string;
  readonly endpoint: Endpoint;
  readonly #args: string[];
  #child: ChildProcess | undefined;

  private constructor(dir: string, port: number) {
    this.dir = dir;
    this.endpoint = { host: '127.0.0.1', port, user: 'app', password: 'app' };
    const { mysqlBasedir: base } = testTools();
    this.#args = [
      '--no-defaults',
      ...(os.userInfo().uid === 0 ? ['--user=root'] : []),
      `--basedir=${base}`,
      `--lc-messages-dir=${base}/share/mysql`,
      `--character-sets-dir=${base}/share/mysql/charsets`,
      `--datadir=${dir}/data`,
      `--socket=${dir}/s.sock`,
      `--pid-file=${dir}/pid`,
      `--log-error=${dir}/error.log`,
      `--tmpdir=${dir}`,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      '--server-id=1',
      '--secure-file-priv=NULL',
      '--mysqlx=OFF',
      '--skip-name-resolve',
      '--performance-schema=OFF',
      '--innodb-buffer-pool-size=32M',
      '--innodb-redo-log-capacity=8M',
      '--log-bin=binlog',
      '--gtid-mode=ON',
      '--enforce-gtid-consistency=ON',
    ];
  }

  /** About 5 s: a new data folder, the tables, the account. Call `destroy` in the end. */
  static async create(): Promise<TestServer> {
    const dir = fs.mkdtempSync(join(os.tmpdir(), 'drill-writer-'));
    const server = new TestServer(dir, await freePort());
    try {
      await ended(spawn(testTools().mysqld, [...server.#args, '--initialize-insecure'], { stdio: 'ignore' }), START_MS);
      await server.start();
      for (const sql of [
        ...WORKLOAD_DDL,
        "CREATE USER app@'%' IDENTIFIED BY 'app'",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON drill.* TO app@'%'",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON drillbook_meta.* TO app@'%'",
      ])
        await server.admin(sql);
      return server;
    } catch (e) {
      await server.destroy();
      throw e;
    }
  }

  async start(more: string[] = []): Promise<void> {
    const child = spawn(testTools().mysqld, [...this.#args, ...more], { stdio: 'ignore' });
    this.#child = child;
    for (const until = Date.now() + START_MS; Date.now() < until;) {
      if (child.exitCode !== null) throw new Error(`mysqld ended: ${fs.readFileSync(join(this.dir, 'error.log'), 'utf8').slice(-2000)}`);
      if (await this.admin('SELECT 1').catch(() => null)) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error('mysqld did not answer');
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await ended(child, 30_000);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async admin(sql: string): Promise<Record<string, unknown>[]> {
    const connection = await this.adminConnection();
    try {
      const [rows] = await connection.query(sql);
      return rows as Record<string, unknown>[];
    } finally {
      await connection.end();
    }
  }

  adminConnection(): Promise<mysql.Connection> {
    return mysql.createConnection({ socketPath: `${this.dir}/s.sock`, user: 'root', supportBigNumbers: true, bigNumberStrings: true });
  }

  async destroy(): Promise<void> {
    await this.kill();
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

export function ended(child: ChildProcess, withinMs: number): Promise<number | null> {
  return new Promise((resolve, reject) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve(child.exitCode);
      return;
    }
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`process ${child.pid} did not end within ${withinMs} ms`));
    }, withinMs);
    child.once('exit', (code) => {
      clearTimeout(timer);
      resolve(code);
    });
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = net.createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as net.AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
