/**
 * Connection strings that people type: `mysql://user:password@host:port`, `mysql://user@localhost?socket=/path`, or just a socket's path (user root, no password).
 * `?ssl-mode=required|verify_ca|verify_identity` encrypts, `&ssl-ca=/path` names the authority (the system's without it), as MySQL Shell spells them.
 */
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import type { Connection, SslOptions } from 'mysql2/promise';
import { mariaGtidText, MariaPosition, parseMariaGtids, upTo } from '../../../core/binlog/maria.ts';
import { DrillError, messageOf } from '../../../core/errors.ts';
import { GtidSet } from '../../../core/gtid.ts';

export interface Endpoint {
  /** for people and reports: never holds the password */
  name: string;
  user: string;
  password: string;
  host?: string;
  port?: number;
  socketPath?: string;
  /** encrypt; `ca` and `identity` say what is verified */
  tls?: { verify: 'none' | 'ca' | 'identity'; caFile?: string };
}

export const isDsn = (text: string): boolean => text.startsWith('mysql://');

/** Throws DRILL_DSN_INVALID; the message never shows the password. */
export function parseDsn(dsn: string): Endpoint {
  const hint = 'write mysql://user:password@host:port, or the path of a server’s socket';
  if (!isDsn(dsn)) {
    if (!dsn.startsWith('/')) throw new DrillError('DRILL_DSN_INVALID', `"${dsn.replace(/:[^:@]*@/, ':…@')}" names no MySQL server`, hint);
    return { name: dsn, user: 'root', password: '', socketPath: dsn };
  }
  let url: URL;
  try {
    url = new URL(dsn);
  } catch {
    throw new DrillError('DRILL_DSN_INVALID', 'the connection string is not a URL', hint);
  }
  const user = decodeURIComponent(url.username) || 'root';
  const password = decodeURIComponent(url.password);
  const socketPath = url.searchParams.get('socket');
  const tls = tlsOf(url.searchParams);
  if (socketPath) return { name: `${user}@${socketPath}`, user, password, socketPath, ...tls };
  if (!url.hostname) throw new DrillError('DRILL_DSN_INVALID', 'the connection string names no host', hint);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port ? Number(url.port) : 3306;
  return { name: `${user}@${host}:${port}`, user, password, host, port, ...tls };
}

const TLS_MODES = { REQUIRED: 'none', VERIFY_CA: 'ca', VERIFY_IDENTITY: 'identity' } as const;

function tlsOf(params: URLSearchParams): Pick<Endpoint, 'tls'> {
  const mode = (params.get('ssl-mode') ?? 'DISABLED').toUpperCase();
  const caFile = params.get('ssl-ca');
  if (mode === 'DISABLED') return {};
  if (!(mode in TLS_MODES)) throw new DrillError('DRILL_DSN_INVALID', `ssl-mode=${mode} is not known`, 'write required, verify_ca or verify_identity');
  return { tls: { verify: TLS_MODES[mode as keyof typeof TLS_MODES], ...(caFile ? { caFile } : {}) } };
}

async function sslOf({ tls }: Endpoint): Promise<{ ssl?: SslOptions }> {
  if (!tls) return {};
  const ca = tls.caFile === undefined ? {} : { ca: await readFile(tls.caFile) };
  return { ssl: { ...ca, rejectUnauthorized: tls.verify !== 'none', verifyIdentity: tls.verify === 'identity' } };
}

/** A connection whose text is exact: big numbers and dates as strings, UTF-8, times in UTC, a SQL mode that changes no value, lock waits of at most 10 s. `open`: the socket, made by the caller. Throws DRILL_NODE_DOWN. */
export async function connect(endpoint: Endpoint, open?: () => Socket): Promise<Connection> {
  const { name, user, password, host, port, socketPath } = endpoint;
  // loaded at the first use: most commands that read files never connect
  const { createConnection } = await import('mysql2/promise');
  try {
    const connection = await createConnection({
      user,
      password,
      ...(socketPath ? { socketPath } : { host: host!, port: port! }),
      ...(await sslOf(endpoint)),
      ...(open ? { stream: open } : {}),
      connectTimeout: 5_000,
      charset: 'utf8mb4_bin',
      supportBigNumbers: true,
      bigNumberStrings: true,
      dateStrings: true,
    });
    // a connection that breaks between two statements emits an error that nobody awaits; the next statement reports it
    connection.on('error', () => {});
    await connection.query(
      "SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION', lock_wait_timeout = 10, innodb_lock_wait_timeout = 10, net_write_timeout = 600",
    );
    return connection;
  } catch (cause) {
    throw new DrillError('DRILL_NODE_DOWN', `${name} does not answer: ${messageOf(cause)}`, 'check the address and the account, and that the server runs', {
      cause,
    });
  }
}

export async function withConnection<T>(dsn: string, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await connect(parseDsn(dsn));
  try {
    return await work(connection);
  } finally {
    connection.destroy();
  }
}

export async function gtidExecuted(connection: Connection): Promise<string> {
  const [rows] = await connection.query('SELECT @@global.gtid_executed AS g');
  return (rows as { g: string }[])[0]!.g.replace(/\s+/g, '');
}

export async function isMariadb(connection: Connection): Promise<boolean> {
  const [rows] = await connection.query('SELECT @@version AS v');
  return /mariadb/i.test((rows as { v: string }[])[0]!.v);
}

/** The last that a MariaDB server has replicated of each domain; it stays when the server is promoted. MySQL: empty, its logs tell. */
export async function replicatedLast(connection: Connection): Promise<GtidSet> {
  if (!(await isMariadb(connection))) return GtidSet.empty;
  const [rows] = await connection.query('SELECT @@global.gtid_slave_pos AS g');
  return GtidSet.of(parseMariaGtids((rows as { g: string }[])[0]!.g).map((g) => mariaGtidText(g)));
}

/** What a server has executed: `visible`, whose rows every later read sees; `logged`, which accounts for every row that an earlier read saw. */
export interface Executed {
  visible: GtidSet;
  logged: GtidSet;
}

export async function executedOf(connection: Connection): Promise<Executed> {
  if (await isMariadb(connection)) return mariaExecuted(connection);
  const set = GtidSet.parse(await gtidExecuted(connection));
  return { visible: set, logged: set };
}

/**
 * MariaDB writes a transaction to its binary log, and to @@gtid_binlog_state, before its rows can be seen; a consistent snapshot knows its place in the log.
 * Cost: BINLOG_GTID_POS reads the last log file up to there.
 */
async function mariaExecuted(connection: Connection): Promise<Executed> {
  await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
  const [status] = await connection.query("SHOW STATUS LIKE 'binlog_snapshot_%'");
  await connection.query('ROLLBACK');
  const at = new Map((status as { Variable_name: string; Value: string }[]).map((s) => [s.Variable_name.toLowerCase(), s.Value]));
  const [rows] = await connection.query('SELECT @@global.gtid_binlog_state AS state, BINLOG_GTID_POS(?, ?) AS seen', [
    at.get('binlog_snapshot_file') ?? '',
    Number(at.get('binlog_snapshot_position') ?? 0),
  ]);
  const [{ state, seen }] = rows as [{ state: string; seen: string | null }];
  const servers = parseMariaGtids(state);
  const position = MariaPosition.parse(seen ?? '');
  const cut = servers.map((g) => ({ ...g, seq: Math.min(g.seq, position.get(g.domain)?.seq ?? 0) }));
  return { visible: upTo(cut), logged: upTo(servers) };
}
