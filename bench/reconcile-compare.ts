/** Exact comparison of two tables of 5 million rows on two servers, in turns with the chunked checksums that pt-table-checksum takes; rows that differ; a proof by keys that were touched. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from 'mysql2/promise';
import { converge } from '../activities/reconcile/converge.ts';
import type { Convergence } from '../core/bundle.ts';
import { DrillError } from '../core/errors.ts';
import { runOk } from '../targets/platforms/local/run.ts';
import { compareKeys, KeyList, readCells } from '../targets/systems/mysql/compare/keys.ts';
import { comparePlan, rawSelect } from '../targets/systems/mysql/compare/plan.ts';
import type { ComparePlan } from '../targets/systems/mysql/compare/plan.ts';
import { compareRaw } from '../targets/systems/mysql/compare/raw.ts';
import { compareSha } from '../targets/systems/mysql/compare/sha.ts';
import { openWire } from '../targets/systems/mysql/compare/wire.ts';
import type { WireNode } from '../targets/systems/mysql/compare/wire.ts';
import { readTables } from '../targets/systems/mysql/schema.ts';
import { withAdmin } from '../targets/systems/mysql/sql.ts';
import { ensureTemplate } from '../targets/systems/mysql/template.ts';
import { startServer } from './binlog-corpus.ts';
import { measurement, median } from './measure.ts';
import type { Measurement } from './measure.ts';
import type { BenchOptions } from './options.ts';

/** Counts what MAKE makes. */
const RECIPE = 1;
const SEEDS = 100_000;
const ROWS = 5_000_000;
const ROUNDS = 3;
const TOUCHED = 100_000;
const CHUNK = 20_000;
const TABLE = 'bench.sbtest1';
const STEP_MS_MAX = 240_000;

const digits = (salt: string, n: number) =>
  `RPAD(CONCAT_WS('-', CRC32(CONCAT(i,'${salt}a')), CRC32(CONCAT(i,'${salt}b')), CRC32(CONCAT(i,'${salt}c')), CRC32(CONCAT(i,'${salt}d'))), ${n}, '7')`;
const MAKE = [
  'SET SESSION sql_log_bin = 0',
  'SET SESSION cte_max_recursion_depth = 1000000',
  'CREATE DATABASE bench',
  `CREATE TABLE ${TABLE} (id INT NOT NULL PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL)`,
  `INSERT INTO ${TABLE} WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < ${SEEDS}) SELECT i, CRC32(i) % ${SEEDS}, ${digits('c', 120)}, ${digits('p', 60)} FROM n`,
  ...Array.from(
    { length: ROWS / SEEDS - 1 },
    (_, i) =>
      `INSERT INTO ${TABLE} SELECT id + ${(i + 1) * SEEDS}, (k + ${i}) % ${SEEDS}, CONCAT('${i}-', LEFT(c, 110)), pad FROM ${TABLE} WHERE id <= ${SEEDS}`,
  ),
  `ANALYZE TABLE ${TABLE}`,
];

async function ensureTables(o: BenchOptions): Promise<string> {
  const home = join(o.cacheDir, 'bench');
  const dir = join(home, `compare-${RECIPE}-mysql-${o.tools.mysqldVersion}`);
  if (existsSync(dir)) return dir;
  o.say(`reconcile: writing a table of ${ROWS / 1e6} million rows (once)`);
  await mkdir(home, { recursive: true });
  const making = await mkdtemp(join(home, 'making-'));
  try {
    const template = await ensureTemplate({ ...o, socketDir: making, progress: (text) => o.say(text) });
    await runOk(['cp', '-rT', '--sparse=always', template, join(making, 'data')], { timeoutMs: 60_000 });
    const server = await startServer(making, o);
    try {
      await withAdmin('bench', server.socket, async (sql) => {
        for (const statement of MAKE) await sql.rows(statement, [], STEP_MS_MAX);
      });
    } finally {
      await server.stop();
    }
    for (const old of await readdir(home)) if (/^compare-\d/.test(old)) await rm(join(home, old), { recursive: true, force: true });
    await rename(making, dir);
  } finally {
    await rm(making, { recursive: true, force: true });
  }
  return dir;
}

export async function benchReconcileCompare(o: BenchOptions, rounds = ROUNDS): Promise<Measurement[]> {
  const first = await ensureTables(o);
  await using stack = new AsyncDisposableStack();
  const copy = await mkdtemp(join(tmpdir(), 'dbl-'));
  stack.defer(() => rm(copy, { recursive: true, force: true }));
  await runOk(['cp', '-r', '--sparse=always', join(first, 'data'), copy], { timeoutMs: STEP_MS_MAX });
  await rm(join(copy, 'data', 'auto.cnf'), { force: true });
  const nodes: WireNode[] = [];
  for (const [name, dir] of [['a', first] as const, ['b', copy] as const]) {
    const server = await startServer(dir, o);
    stack.defer(() => server.stop());
    const node = await openWire(name, server.socket);
    stack.defer(() => node.connection.destroy());
    await node.connection.query('SET GLOBAL innodb_buffer_pool_size = 2147483648');
    nodes.push(node);
  }
  const plan = comparePlan((await readTables(nodes[0]!.connection, [TABLE])).get(TABLE)!);
  return await measure(o, nodes, plan, rounds);
}

async function measure(o: BenchOptions, nodes: WireNode[], plan: ComparePlan, rounds: number): Promise<Measurement[]> {
  const seen: Record<'raw' | 'rawLocated' | 'sha' | 'shaLocated' | 'crc' | 'touched' | 'keys', number[]> = {
    raw: [],
    rawLocated: [],
    sha: [],
    shaLocated: [],
    crc: [],
    touched: [],
    keys: [],
  };
  const raw = (differing: number) => timed(async () => expectCount((await compareRaw(nodes, rawSelect(plan), { keyColumns: 1 }))!, differing, nodes, plan));
  const sha = (differing: number) => timed(async () => expectCount(await compareSha(nodes, plan), differing, nodes, plan));
  const keys = Array.from({ length: TOUCHED }, (_, i) => String(1 + i * (ROWS / TOUCHED)));
  const touched = await touchedSince(nodes);
  let cpuS = 0;
  for (let round = 0; round <= rounds; round++) {
    o.say(round === 0 ? 'reconcile: warming up' : `reconcile: round ${round} of ${rounds}`);
    const cpu = process.cpuUsage();
    const first = await raw(0);
    const { user, system } = process.cpuUsage(cpu);
    const crc = await timed(() => chunkedCrc(nodes));
    const since = await touched();
    // what is found in the page cache only is warm now, and what is run is compiled
    if (round === 0) continue;
    cpuS = (user + system) / 1e6;
    seen.raw.push(first);
    seen.crc.push(crc);
    seen.sha.push(await sha(0));
    seen.keys.push(await timed(async () => expectCount((await compareKeys(nodes, plan, new KeyList(keys)))!, 0, nodes, plan)));
    seen.touched.push(since);
    await plant(nodes[1]!, 'SET k = k + 1');
    seen.rawLocated.push(await raw(PLANTED.length));
    seen.shaLocated.push(await sha(PLANTED.length));
    await plant(nodes[1]!, 'SET k = k - 1');
  }
  const chunked = { name: `chunked CRC32 as pt-table-checksum takes it, ${CHUNK / 1000}k rows each`, values: seen.crc };
  return [
    measurement('reconcile', 'exact compare of two 5 M-row tables, raw bytes', 's', seen.raw, {
      rival: chunked,
      goal: Number((0.8 * median(seen.crc)).toFixed(2)),
      cpuS,
    }),
    measurement('reconcile', 'the same by SHA-256 of ranges', 's', seen.sha, { rival: chunked }),
    measurement('reconcile', '10 differing rows located, more than without, raw bytes', 's', more(seen.rawLocated, seen.raw), { goal: 0.3 }),
    measurement('reconcile', '10 differing rows located, more than without, SHA-256', 's', more(seen.shaLocated, seen.sha)),
    measurement('reconcile', 'convergence by touched keys: 100 k of 5 M rows, the log read and all', 's', seen.touched, { goal: 0.5 }),
    measurement('reconcile', 'of which 100 k rows compared by their keys', 's', seen.keys),
  ];
}

const TOUCH_MS_MAX = 60_000;
const SETTLE_MS_MAX = 60_000;
const [DIRTY_MAX, HISTORY_MAX] = [1_000, 100];

/**
 * Gives a proof that goes on from the last one: each time behind one transaction that changed 100,000 rows, with whole images, on both servers, as replication
 * would bring it. The log file is new each time: a server reads its file from the beginning, whatever it is asked for.
 */
async function touchedSince(nodes: readonly WireNode[]): Promise<() => Promise<number>> {
  const connections = nodes.map((n) => n.connection);
  for (const c of connections) await c.query('RESET BINARY LOGS AND GTIDS');
  const [[{ uuid }]] = (await connections[0]!.query('SELECT @@server_uuid uuid')) as unknown as [[{ uuid: string }]];
  let n = 0;
  const touch = async (c: Connection) => {
    await c.query('FLUSH BINARY LOGS');
    await c.query(`SET SESSION sql_log_bin = 1, binlog_row_image = FULL, gtid_next = '${uuid}:${n}'`);
    await c.query({ sql: `UPDATE ${TABLE} SET k = k + 1 WHERE id % ${ROWS / TOUCHED} = 1`, timeout: TOUCH_MS_MAX });
    await c.query("SET SESSION gtid_next = 'AUTOMATIC'");
  };
  let base = await prove(nodes);
  return async () => {
    n++;
    await Promise.all(connections.map(touch));
    await Promise.all(connections.map(settled));
    const former = base;
    return timed(async () => void (base = await prove(nodes, former)));
  };
}

/** Waits until a server has written its pages and purged its undo logs: all pages of the table are dirty, and the writing of them is not what is measured. */
async function settled(c: Connection): Promise<void> {
  await c.query('SET GLOBAL innodb_max_dirty_pages_pct_lwm = 0, innodb_max_dirty_pages_pct = 0, innodb_io_capacity = 20000');
  const deadline = performance.now() + SETTLE_MS_MAX;
  for (;;) {
    const [[{ dirty, history }]] = (await c.query(`SELECT
      (SELECT VARIABLE_VALUE + 0 FROM performance_schema.global_status WHERE VARIABLE_NAME = 'Innodb_buffer_pool_pages_dirty') dirty,
      (SELECT COUNT FROM information_schema.INNODB_METRICS WHERE NAME = 'trx_rseg_history_len') history`)) as unknown as [[{ dirty: number; history: number }]];
    if (dirty < DIRTY_MAX && history < HISTORY_MAX) return;
    if (performance.now() > deadline)
      throw new DrillError('DRILL_BENCH', `a server had ${dirty} dirty pages, and a history of ${history}, after ${SETTLE_MS_MAX / 1000} s`);
    await sleep(100);
  }
}

async function prove(nodes: readonly WireNode[], base?: Convergence): Promise<Convergence> {
  const proof = await converge({
    nodes: nodes.map(({ name, endpoint }) => ({ name, dsn: endpoint.name })),
    tables: [TABLE],
    identity: {},
    catchUpMs: 5_000,
    ...(base ? { base } : {}),
  });
  const rows = proof.nodes.map((node) => node.rows);
  if (proof.equal !== true || (base && rows.some((count) => count !== TOUCHED)))
    throw new DrillError('DRILL_BENCH', `${rows.join(' and ')} rows were read: ${proof.reason ?? ''}`);
  return proof;
}

const more = (located: readonly number[], plain: readonly number[]): number[] => located.map((s, i) => Math.max(0, s - plain[i]!));

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1_000;
}

/** The rows that differ are read too: they are to be named. */
async function expectCount(found: Awaited<ReturnType<typeof compareSha>>, count: number, nodes: readonly WireNode[], plan: ComparePlan): Promise<void> {
  if (found.count !== count) throw new DrillError('DRILL_BENCH', `${found.count} rows differ; there are ${count}`);
  const keys = found.differences.map((d) => d.key);
  if (keys.length > 0) await Promise.all(nodes.map((n) => readCells(n, plan, keys)));
}

const PLANTED = Array.from({ length: 10 }, (_, i) => 17 + (i * ROWS) / 10);
const plant = async ({ connection }: WireNode, change: string): Promise<void> => {
  await connection.query('SET SESSION sql_log_bin = 0');
  await connection.query(`UPDATE ${TABLE} ${change} WHERE id IN (${PLANTED.join(', ')})`);
};

/** pt-table-checksum's expression, both servers at once, chunk by chunk. */
async function chunkedCrc(nodes: readonly WireNode[]): Promise<void> {
  const columns = '`id`, `k`, CONVERT(`c` USING utf8mb4), CONVERT(`pad` USING utf8mb4)';
  const crc = `COALESCE(LOWER(CONV(BIT_XOR(CAST(CRC32(CONCAT_WS('#', ${columns})) AS UNSIGNED)), 10, 16)), 0)`;
  for (let low = 1; low <= ROWS; low += CHUNK) {
    const sql = `SELECT COUNT(*) AS cnt, ${crc} AS crc FROM ${TABLE} FORCE INDEX (PRIMARY) WHERE id >= ${low} AND id <= ${low + CHUNK - 1}`;
    const [one, other] = await Promise.all(nodes.map(async (n) => JSON.stringify((await n.connection.query(sql))[0])));
    if (one !== other) throw new DrillError('DRILL_BENCH', `the chunk at ${low} differs`);
  }
}
