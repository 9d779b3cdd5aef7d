/** Throw-away MariaDB servers for tests, out of Debian's packages. Where these cannot be had, a test fails and says why: none skips itself. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheFolder, withLock } from '../../setup/cache.mjs';
import { fetchMariadb, fetchMariadbFiles, findMariadb, findMariadbFiles, MARIADB_COST, MARIADB_FILES_COST } from '../../setup/mariadb.mjs';
import type { Mariadb } from '../../setup/mariadb.mjs';
import { createProgress } from '../../setup/progress.mjs';
import { tied } from '../../setup/process.mjs';
import { TestServer } from './server.ts';

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

export class TestMariadb extends TestServer {
  readonly name = 'mariadbd';
  readonly mariadb: Mariadb;
  readonly dir: string;
  readonly dataDir: string;
  readonly socket: string;

  private constructor(mariadb: Mariadb, dir: string) {
    super();
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
    await this.launch(tied(program, [...args, ...this.options(), ...extra]));
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
