/** Throw-away MariaDB servers for tests, out of Debian's packages. Where these cannot be had, a test fails and says why: none skips itself. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import type { Connection } from 'mysql2/promise';
import { cacheFolder, withLock } from '../../setup/cache.mjs';
import { fetchMariadb, fetchMariadbFiles, findMariadb, findMariadbFiles, MARIADB_COST, MARIADB_FILES_COST } from '../../setup/mariadb.mjs';
import type { Mariadb } from '../../setup/mariadb.mjs';
import { createProgress } from '../../setup/progress.mjs';
import { tied } from '../../setup/process.mjs';

const START_MS_MAX = 60_000;

/** MariaDB, fetched when it is not there yet; or why it cannot be had. */
export async function ensureMariadb(): Promise<Mariadb | string> {
  return ensure(findMariadb, fetchMariadb, `Fetching MariaDB for the tests (${MARIADB_COST})`);
}
/** The folder mysql-test of MariaDB's test data; or why it cannot be had. */
export async function ensureMariadbFiles(): Promise<{ folder: string } | string> {
  const found = await ensure(
    async (cache) => findMariadbFiles(cache),
    fetchMariadbFiles,
    `Fetching MariaDB's test data (${MARIADB_FILES_COST})`,
    (folder) => ({ folder }),
  );
  return found;
}

/** The same, thrown. */
export async function mustMariadb(): Promise<Mariadb> {
  return must(await ensureMariadb());
}
export async function mustMariadbFiles(): Promise<string> {
  return must(await ensureMariadbFiles()).folder;
}
function must<T extends object>(found: T | string): T {
  if (typeof found === 'string') throw new Error(`MariaDB cannot be had: ${found}`);
  return found;
}

async function ensure<T, U = T>(
  find: (cacheDir: string) => Promise<T | null>,
  fetch: (cacheDir: string) => Promise<T>,
  label: string,
  as: (found: T) => U = (found) => found as unknown as U,
): Promise<U | string> {
  const cacheDir = cacheFolder(process.env);
  const progress = createProgress(process.stderr);
  try {
    const found =
      (await find(cacheDir)) ?? (await withLock(cacheDir, 'tools', progress, async () => (await find(cacheDir)) ?? progress.during(label, fetch(cacheDir))));
    return as(found);
  } catch (e) {
    return e instanceof Error ? e.message : String(e);
  }
}

export class TestMariadb {
  readonly mariadb: Mariadb;
  readonly dir: string;
  readonly dataDir: string;
  readonly socket: string;
  private child: ChildProcess | null = null;

  private constructor(mariadb: Mariadb, dir: string) {
    this.mariadb = mariadb;
    this.dir = dir;
    this.dataDir = join(dir, 'data');
    this.socket = join(dir, 'm.sock');
  }

  /** A new server with an empty data folder: without system tables and accounts, which its binary log does not need. */
  static async start(mariadb: Mariadb, extra: readonly string[] = []): Promise<TestMariadb> {
    const server = new TestMariadb(mariadb, await mkdtemp(join(tmpdir(), 'dbm-')));
    try {
      await mkdir(server.dataDir);
      await server.start(extra);
      return server;
    } catch (e) {
      await server.remove();
      throw e;
    }
  }

  async start(extra: readonly string[] = []): Promise<void> {
    const [program = '', ...args] = this.mariadb.mariadbd;
    const [file, argv] = tied(program, [...args, ...this.options(), ...extra]);
    const child = spawn(file, argv, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (t: string) => (said = (said + t).slice(-4_000)));
    this.child = child;
    const deadline = Date.now() + START_MS_MAX;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`mariadbd ended with ${child.exitCode}: ${said}`);
      if (Date.now() > deadline) throw new Error(`mariadbd did not answer for ${START_MS_MAX / 1000} s: ${said}`);
      try {
        const c = await this.connect();
        c.destroy();
        return;
      } catch {
        await new Promise((r) => setTimeout(r, 50));
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

  /** SIGKILL, and waits until it is gone. */
  async kill(): Promise<void> {
    const child = this.child;
    this.child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((r) => child.once('exit', r));
    child.kill('SIGKILL');
    await gone;
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.dir, { recursive: true, force: true });
  }

  private options(): string[] {
    const { basedir } = this.mariadb;
    return [
      '--no-defaults',
      ...(process.getuid?.() === 0 ? ['--user=root'] : []),
      `--basedir=${basedir}`,
      `--lc-messages-dir=${basedir}/share/mysql`,
      `--character-sets-dir=${basedir}/share/mysql/charsets`,
      `--plugin-dir=${basedir}/lib/mysql/plugin`,
      `--datadir=${this.dataDir}`,
      `--tmpdir=${this.dir}`,
      `--socket=${this.socket}`,
      `--pid-file=${join(this.dir, 'm.pid')}`,
      '--skip-networking',
      '--skip-grant-tables',
      '--innodb-log-file-size=8M',
      '--innodb-buffer-pool-size=32M',
      '--innodb-flush-log-at-trx-commit=2',
      '--default-storage-engine=InnoDB',
      '--server-id=1',
      '--log-bin=binlog',
      '--log-bin-index=binlog.index',
      '--binlog-format=ROW',
      '--character-set-server=utf8mb4',
    ];
  }
}
