/** Two or three whole MariaDB servers that share a past: with system tables and accounts, so that they replicate and privileges count. */
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Mariadb } from '../../setup/mariadb.mjs';
import { tied } from '../../setup/process.mjs';
import { WORKLOAD_DDL } from '../../core/workload.ts';
import { mustMariadb } from './mariadb.ts';
import { freePort } from './mysqld.ts';
import { START_MS_MAX, TestServer } from './server.ts';

const SYSTEM_SQL = ['mysql_system_tables.sql', 'mysql_system_tables_data.sql', 'maria_add_gis_sp_bootstrap.sql'];

export class MariadbNode extends TestServer {
  readonly name: string;
  readonly dataDir: string;
  readonly socket: string;
  readonly port: number;
  readonly dsn: string;
  private readonly mariadb: Mariadb;
  private readonly serverId: number;

  constructor(mariadb: Mariadb, dir: string, name: string, serverId: number, port: number) {
    super();
    this.mariadb = mariadb;
    this.name = name;
    this.serverId = serverId;
    this.port = port;
    this.dataDir = join(dir, name);
    this.socket = join(dir, `${name}.sock`);
    this.dsn = this.socket;
  }

  /** Starts it and waits until it answers. It dies with this process. */
  async start(extra: readonly string[] = []): Promise<void> {
    const [program = '', ...args] = this.mariadb.mariadbd;
    await this.launch(tied(program, [...args, ...baseArgs(this.mariadb, this.dataDir), ...this.nodeArgs(), ...extra]));
  }

  private nodeArgs(): string[] {
    return [
      `--socket=${this.socket}`,
      `--port=${this.port}`,
      `--pid-file=${this.dataDir}.pid`,
      `--server-id=${this.serverId}`,
      '--bind-address=127.0.0.1',
      '--skip-name-resolve',
      '--innodb-flush-log-at-trx-commit=2',
      '--sync-binlog=0',
      '--log-bin=binlog',
      '--log-bin-index=binlog.index',
      '--log-slave-updates=ON',
      '--binlog-format=ROW',
      '--relay-log=relay',
      '--relay-log-index=relay.index',
      '--relay-log-info-file=relay.info',
      '--master-info-file=master.info',
      '--skip-slave-start',
    ];
  }
}

export interface MariadbServers {
  dir: string;
  nodes: MariadbNode[];
  /** commands with their first arguments */
  programs: { mysql: readonly string[]; mysqlbinlog: readonly string[] };
  stop(): Promise<void>;
}

/** Servers with equal data and no GTIDs. `ddl` runs on each, unlogged, before they part. */
export async function startMariadbs(names: readonly string[], ddl: readonly string[]): Promise<MariadbServers> {
  const mariadb = await mustMariadb();
  const dir = await mkdtemp(join(tmpdir(), 'dbt-'));
  const nodes: MariadbNode[] = [];
  const stop = async () => {
    await Promise.all(nodes.map((n) => n.kill()));
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const template = join(dir, 'template');
    await install(mariadb, template);
    for (const [i, name] of names.entries()) {
      const node = new MariadbNode(mariadb, dir, name, i + 1, await freePort());
      await cp(template, node.dataDir, { recursive: true });
      await mkdir(`${node.dataDir}.tmp`);
      nodes.push(node);
    }
    await Promise.all(nodes.map((n) => n.start()));
    await Promise.all(nodes.map((n) => n.sql('SET SESSION sql_log_bin = 0', ...ACCOUNTS, ...WORKLOAD_DDL, ...ddl)));
    const client = [...mariadb.binlog.slice(0, -1), join(mariadb.basedir, 'bin/mariadb')];
    return { dir, nodes, programs: { mysql: client, mysqlbinlog: mariadb.binlog }, stop };
  } catch (e) {
    await stop();
    throw e;
  }
}

const ACCOUNTS = ["CREATE USER 'repl'@'127.0.0.1' IDENTIFIED BY 'repl'", "GRANT REPLICATION SLAVE ON *.* TO 'repl'@'127.0.0.1'"];

/** What mariadb-install-db does, without its shell: system tables and root without a password. */
async function install(mariadb: Mariadb, dataDir: string): Promise<void> {
  await mkdir(dataDir);
  await mkdir(`${dataDir}.tmp`);
  const scripts = await Promise.all(SYSTEM_SQL.map((f) => readFile(join(mariadb.basedir, 'share/mysql', f), 'utf8')));
  const [program = '', ...args] = mariadb.mariadbd;
  const [file, argv] = tied(program, [...args, ...baseArgs(mariadb, dataDir), '--bootstrap', '--log-warnings=0']);
  const child = spawn(file, argv, { stdio: ['pipe', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (t: string) => (said = (said + t).slice(-4_000)));
  child.stdin.on('error', () => {});
  child.stdin.end(`CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;\n${scripts.join('\n')}`);
  const timer = setTimeout(() => child.kill('SIGKILL'), START_MS_MAX);
  const status = await new Promise((r) => child.once('exit', r));
  clearTimeout(timer);
  if (status !== 0) throw new Error(`mariadbd --bootstrap ended with ${String(status)}: ${said}`);
}

function baseArgs({ basedir }: Mariadb, dataDir: string): string[] {
  return [
    '--no-defaults',
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
    `--basedir=${basedir}`,
    `--lc-messages-dir=${basedir}/share/mysql`,
    `--character-sets-dir=${basedir}/share/mysql/charsets`,
    `--plugin-dir=${basedir}/lib/mysql/plugin`,
    `--datadir=${dataDir}`,
    // a server removes at its start what others have in a folder that they share
    `--tmpdir=${dataDir}.tmp`,
    '--innodb-log-file-size=8M',
    '--innodb-buffer-pool-size=32M',
    '--character-set-server=utf8mb4',
  ];
}
