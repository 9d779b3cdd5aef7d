/** Throw-away mysqld processes for tests that need two real servers and no network: sockets and loopback, data in a temporary folder, gone with the test. */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureTemplate } from '../../targets/systems/mysql/template.ts';
import type { Tools } from '../../targets/tools.ts';
import { TestServer } from './server.ts';
import { CACHE_DIR, testTools } from './tools.ts';

export class TestMysqld extends TestServer {
  readonly name: string;
  readonly dataDir: string;
  readonly socket: string;
  readonly port: number;
  readonly dsn: string;
  private readonly tools: Tools;
  private readonly serverId: number;

  constructor(tools: Tools, dir: string, name: string, serverId: number, port: number) {
    super();
    this.tools = tools;
    this.name = name;
    this.serverId = serverId;
    this.port = port;
    this.dataDir = join(dir, name);
    this.socket = join(dir, `${name}.sock`);
    this.dsn = this.socket;
  }

  /** Starts it and waits until it answers. It dies with this process. `cwd`: where it looks for `mysqld.my`, the list of its components. */
  async start(extra: string[] = [], cwd?: string): Promise<void> {
    const server = [this.tools.mysqld, ...baseArgs(this.tools, this.dataDir), ...nodeArgs(this), `--server-id=${this.serverId}`, ...extra];
    await this.launch([this.tools.setpriv, ['--pdeathsig', 'KILL', ...server]], cwd);
  }
}

export interface TestServers {
  tools: Tools;
  dir: string;
  nodes: TestMysqld[];
  stop(): Promise<void>;
}

/** Servers with equal data and no GTIDs: copies of the lab's template. `ddl` runs on each, unlogged, before they part. */
export async function startServers(names: string[], ddl: readonly string[]): Promise<TestServers> {
  const tools = testTools();
  const dir = await mkdtemp(join(tmpdir(), 'dbt-'));
  const nodes: TestMysqld[] = [];
  const stop = async () => {
    await Promise.all(nodes.map((n) => n.kill()));
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const template = await ensureTemplate({ tools, cacheDir: CACHE_DIR, socketDir: dir, progress: () => {} });
    for (const [i, name] of names.entries()) {
      const node = new TestMysqld(tools, dir, name, i + 1, await freePort());
      await cp(template, node.dataDir, { recursive: true });
      nodes.push(node);
    }
    await Promise.all(nodes.map((n) => n.start()));
    await Promise.all(nodes.map((n) => n.sql('SET SESSION sql_log_bin = 0', ...ddl)));
    return { tools, dir, nodes, stop };
  } catch (e) {
    await stop();
    throw e;
  }
}

function baseArgs(tools: Tools, dataDir: string): string[] {
  return [
    '--no-defaults',
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
    `--basedir=${tools.mysqlBasedir}`,
    `--lc-messages-dir=${tools.mysqlBasedir}/share/mysql`,
    `--character-sets-dir=${tools.mysqlBasedir}/share/mysql/charsets`,
    `--datadir=${dataDir}`,
    '--secure-file-priv=NULL',
    '--innodb-redo-log-capacity=8M',
    '--innodb-buffer-pool-size=32M',
  ];
}

function nodeArgs(node: TestMysqld): string[] {
  return [
    `--socket=${node.socket}`,
    `--port=${node.port}`,
    `--pid-file=${node.dataDir}.pid`,
    '--bind-address=127.0.0.1',
    '--mysqlx=OFF',
    '--skip-name-resolve',
    '--performance-schema=OFF',
    '--innodb-buffer-pool-load-at-startup=OFF',
    '--innodb-buffer-pool-dump-at-shutdown=OFF',
    '--innodb-flush-log-at-trx-commit=2',
    '--sync-binlog=0',
    '--log-bin=binlog',
    '--gtid-mode=ON',
    '--enforce-gtid-consistency=ON',
    '--relay-log=relay',
    '--skip-replica-start',
  ];
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((r) => server.close(r));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
