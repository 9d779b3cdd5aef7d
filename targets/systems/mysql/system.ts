/** MySQL behind the System interface: administration over the nodes' unix sockets, which cross network namespaces and survive every cut. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DrillError, isDrillError } from '../../../core/errors.ts';
import { JOURNAL, JOURNAL_EXISTS } from '../../../core/reconcile/plan-sql.ts';
import type { LogFile, NodeFacts, NodePosition, Platform, System } from '../../port.ts';
import type { Tools } from '../../tools.ts';
import { APP } from './accounts.ts';
import { findLogs } from './logs.ts';
import { applyReceived, replicaStatus, replicateFrom } from './replication.ts';
import { plainGtids, withAdmin } from './sql.ts';
import type { AdminSql, Row } from './sql.ts';

const APPLY_MS_MAX = 60_000;
const REPOINT_MS_MAX = 30_000;
const STOP_REPLICA_MS_MAX = 30_000;
const TRY_WRITE_MS_MAX = 4_000;

export interface MysqlSystem extends System {
  /** One statement on a node as root; rows of its result. Throws DRILL_NODE_DOWN or DRILL_SQL. */
  query<T extends Row = Row>(node: string, sql: string, params?: readonly unknown[], timeoutMs?: number): Promise<T[]>;
  close(): void;
}

export function mysqlSystem(platform: Platform, o: { tools: Tools }): MysqlSystem {
  const nodeOf = async (name: string): Promise<NodeFacts> => {
    const { nodes } = await platform.facts();
    const node = nodes.find((n) => n.name === name);
    if (node === undefined)
      throw new DrillError('DRILL_NO_SUCH_NODE', `${name} is not a node of this target`, `it has: ${nodes.map((n) => n.name).join(', ')}`);
    return node;
  };
  const admin = async <T>(name: string, work: (sql: AdminSql) => Promise<T>): Promise<T> => withAdmin(name, (await nodeOf(name)).socket, work);
  return {
    version: async () => {
      const up = (await platform.facts()).nodes.find((n) => n.running);
      if (up === undefined) return `MySQL ${o.tools.mysqldVersion}`;
      const { v } = await withAdmin(up.name, up.socket, (sql) => sql.one<{ v: string }>('SELECT @@version AS v'));
      return `MySQL ${v.replace(/-.*$/, '')}`;
    },
    dsn: async (name) => (await nodeOf(name)).socket,
    position: (name) => admin(name, (sql) => position(name, sql)),
    promote: (name) => admin(name, (sql) => promote(name, sql)),
    repoint: async (name, source) => {
      const { address, port } = await nodeOf(source);
      await admin(name, (sql) => replicateFrom(name, sql, { address, port }, REPOINT_MS_MAX));
    },
    collectLogs: async (name, dir) => collectLogs(await nodeOf(name), dir),
    waitFor: (name, gtidSet, timeoutMs) =>
      admin(name, async (sql) => {
        const { rc } = await sql.one<{ rc: number }>(
          'SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?) AS rc',
          [gtidSet, Math.max(0.001, timeoutMs / 1000)],
          timeoutMs + 5_000,
        );
        return rc === 0;
      }),
    tryWrites: async (name) => tryWrites(platform, o.tools, await nodeOf(name)),
    leftovers: (name) => admin(name, (c) => leftovers(name, c)),
    query: <T extends Row = Row>(name: string, sql: string, params: readonly unknown[] = [], timeoutMs = 10_000) =>
      admin(name, (c) => c.rows<T>(sql, params, timeoutMs)),
    close: () => {},
  };
}

async function position(node: string, sql: AdminSql): Promise<NodePosition> {
  const v = await sql.one<Record<'uuid' | 'gtids' | 'ro' | 'sro' | 'off', string | number>>(
    'SELECT @@server_uuid AS uuid, @@global.gtid_executed AS gtids, @@global.read_only AS ro, @@global.super_read_only AS sro, @@global.offline_mode AS off',
  );
  const s = await replicaStatus(sql);
  return {
    node,
    serverUuid: String(v.uuid),
    gtidExecuted: plainGtids(v.gtids),
    readOnly: Number(v.ro) === 1,
    superReadOnly: Number(v.sro) === 1,
    offline: Number(v.off) === 1,
    source:
      s === null ? null : { address: s.address, io: s.io, sql: s.sql, lastError: [s.ioError, s.sqlError].filter(Boolean).join(' '), retrieved: s.retrieved },
  };
}

/**
 * RESET REPLICA ALL throws away what was received and not yet applied, so receiving stops first, then everything received is applied.
 * Stopping a receiver that is trying to connect takes up to 2 s.
 */
async function promote(node: string, sql: AdminSql): Promise<{ gtidExecuted: string }> {
  const s = await replicaStatus(sql);
  if (s !== null) {
    await sql.rows('STOP REPLICA IO_THREAD', [], STOP_REPLICA_MS_MAX);
    await sql.rows('START REPLICA SQL_THREAD', [], STOP_REPLICA_MS_MAX);
    await applyReceived(node, sql, APPLY_MS_MAX);
    await sql.rows('STOP REPLICA', [], STOP_REPLICA_MS_MAX);
    await sql.rows('RESET REPLICA ALL', [], STOP_REPLICA_MS_MAX);
  }
  const { gtids } = await sql.one<{ gtids: string }>('SELECT @@global.gtid_executed AS gtids');
  for (const off of ['super_read_only', 'read_only', 'offline_mode']) await sql.rows(`SET GLOBAL ${off} = OFF`);
  return { gtidExecuted: plainGtids(gtids) };
}

async function leftovers(node: string, sql: AdminSql): Promise<string[]> {
  const { n } = await sql.one<{ n: string | number }>(`SELECT ${JOURNAL_EXISTS} AS n`);
  return Number(n) === 1 ? [`${node} still has ${JOURNAL}, the journal of a recovery (drillbook reconcile --new … --drop-journal)`] : [];
}

/** From the data folder, so the node may be dead. In the order of its index; each file whole or not there under its name. */
async function collectLogs(node: NodeFacts, dir: string): Promise<LogFile[]> {
  await mkdir(dir, { recursive: true });
  const logs: LogFile[] = [];
  for (const path of await findLogs(node.dataDir)) {
    const file = join(dir, basename(path));
    logs.push({ file, ...(await copyDurably(path, file)) });
  }
  const folder = await open(dir);
  await folder.sync();
  await folder.close();
  return logs;
}

async function copyDurably(from: string, to: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  const out = await open(`${to}.part`, 'w');
  try {
    for await (const chunk of createReadStream(from)) {
      const data = chunk as Buffer;
      hash.update(data);
      bytes += data.length;
      await out.writeFile(data);
    }
    await out.sync();
  } finally {
    await out.close();
  }
  await rename(`${to}.part`, to);
  return { bytes, sha256: hash.digest('hex') };
}

type Tried = Awaited<ReturnType<System['tryWrites']>>[number];

/** A row is inserted and rolled back: a refusal comes at the INSERT, an acceptance leaves no trace. */
const TRY_SQL =
  "SELECT CONCAT('uuid=', @@server_uuid); START TRANSACTION; INSERT INTO drillbook_meta.heartbeat (server_uuid, at_ns) VALUES (UUID(), 0); ROLLBACK; SELECT 'accepted'";

async function tryWrites(platform: Platform, tools: Tools, node: NodeFacts): Promise<Tried[]> {
  const { service } = await platform.facts();
  return Promise.all([
    tryFromClient(platform, tools, node.name, `service address ${service.address}`, service),
    tryFromClient(platform, tools, node.name, `own address ${node.address}`, node),
    tryAdmin(node),
  ]);
}

async function tryFromClient(platform: Platform, tools: Tools, node: string, path: string, at: { address: string; port: number }): Promise<Tried> {
  const name = `try-write-${node}-${at.address}-${process.hrtime.bigint()}`;
  const log = join((await platform.facts()).workDir, `${name}.log`);
  const argv = [
    tools.mysql,
    '--no-defaults',
    '--batch',
    '--skip-column-names',
    `--host=${at.address}`,
    `--port=${at.port}`,
    `--user=${APP.user}`,
    '--connect-timeout=2',
    '--get-server-public-key',
    '-e',
    TRY_SQL,
  ];
  await platform.spawn(name, argv, { MYSQL_PWD: APP.password }, log);
  const deadline = Date.now() + TRY_WRITE_MS_MAX;
  let exit: number | null = null;
  for (;;) {
    const p = (await platform.processes()).find((x) => x.name === name);
    if (p === undefined || !p.running) {
      exit = p?.exitCode ?? null;
      break;
    }
    if (Date.now() > deadline) {
      await platform.end(name, 100);
      break;
    }
    await sleep(20);
  }
  const said = (await readFile(log, 'utf8').catch(() => '')).trim();
  await rm(log, { force: true });
  const accepted = exit === 0 && /^accepted$/m.test(said);
  return {
    path,
    accepted,
    said: accepted ? 'accepted' : said.replace(/^uuid=.*\n?/m, '') || `no answer within ${TRY_WRITE_MS_MAX} ms`,
    serverUuid: /^uuid=(.+)$/m.exec(said)?.[1] ?? null,
  };
}

async function tryAdmin(node: NodeFacts): Promise<Tried> {
  const path = `admin socket ${node.socket}`;
  let serverUuid: string | null = null;
  try {
    await withAdmin(node.name, node.socket, async (sql) => {
      serverUuid = (await sql.one<{ u: string }>('SELECT @@server_uuid AS u')).u;
      await sql.rows('START TRANSACTION');
      await sql.rows('INSERT INTO drillbook_meta.heartbeat (server_uuid, at_ns) VALUES (UUID(), 0)', [], TRY_WRITE_MS_MAX);
      await sql.rows('ROLLBACK');
    });
    return { path, accepted: true, said: 'accepted', serverUuid };
  } catch (e) {
    if (!isDrillError(e)) throw e;
    return { path, accepted: false, said: e.message, serverUuid };
  }
}
