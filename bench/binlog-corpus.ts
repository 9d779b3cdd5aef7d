/** Binary logs of known shape, written once by a real server and kept in the cache: what readers of logs are timed on. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runOk } from '../targets/platforms/local/run.ts';
import { optionFileOf, optionFileText, serverArgs, tmpDirOf } from '../targets/systems/mysql/server.ts';
import type { ServerPaths } from '../targets/systems/mysql/server.ts';
import { plainGtids, withAdmin } from '../targets/systems/mysql/sql.ts';
import type { AdminSql } from '../targets/systems/mysql/sql.ts';
import { answering, ensureTemplate } from '../targets/systems/mysql/template.ts';
import { freePort } from './plain.ts';
import type { BenchOptions } from './options.ts';

/** Counts what the recipes below write; a corpus of another recipe is another corpus. */
const RECIPE = 4;
const STEP_MS_MAX = 240_000;

/** In the order of the log: a stream from one of them on goes to the end. */
export const CORPORA = ['zstd', 'mixed', 'tiny', 'simple'] as const;
export type CorpusName = (typeof CORPORA)[number];

export interface Log {
  name: CorpusName;
  /** path of the file, in the data folder of the server that wrote it */
  file: string;
  bytes: number;
  /** what the server had executed before and after it */
  before: string;
  after: string;
}
export interface Corpus {
  /** data folder and option file of the stopped server; startServer() on it streams the logs */
  dir: string;
  logs: Record<CorpusName, Log>;
}

type CorpusOptions = Pick<BenchOptions, 'tools' | 'cacheDir' | 'say'>;

/** About 1.3 GB in about two minutes, the first time. Large enough that what a process needs to start does not decide; a server's files are 1 GiB by default. */
export async function ensureCorpus(o: CorpusOptions): Promise<Corpus> {
  const home = join(o.cacheDir, 'bench');
  const dir = join(home, `binlog-${RECIPE}-mysql-${o.tools.mysqldVersion}`);
  if (!existsSync(join(dir, 'corpus.json'))) {
    o.say('binlog: writing the logs (once)');
    await mkdir(home, { recursive: true });
    const making = await mkdtemp(join(home, 'making-'));
    try {
      await make(making, o);
      for (const old of await readdir(home)) if (/^binlog-\d/.test(old)) await rm(join(home, old), { recursive: true, force: true });
      await rename(making, dir);
    } finally {
      await rm(making, { recursive: true, force: true });
    }
  }
  const logs = JSON.parse(await readFile(join(dir, 'corpus.json'), 'utf8')) as Corpus['logs'];
  for (const log of Object.values(logs)) log.file = join(dir, 'data', log.file);
  return { dir, logs };
}

export interface RunningServer {
  socket: string;
  port: number;
  stop(): Promise<void>;
}

/** A plain server on `dir`/data, without network names and without waiting for disks. */
export async function startServer(dir: string, o: CorpusOptions): Promise<RunningServer> {
  const socketDir = await mkdtemp(join(await realpath(tmpdir()), 'dbl-'));
  const node: ServerPaths = { name: 'bench', dir, socket: join(socketDir, 's.sock') };
  await mkdir(tmpDirOf(node), { recursive: true });
  const port = await freePort();
  const options = optionFileText(node, { serverId: 1, port, basedir: o.tools.mysqlBasedir })
    .replace('bind_address = 0.0.0.0', 'bind_address = 127.0.0.1')
    .replace('innodb_buffer_pool_size = 32M', 'innodb_buffer_pool_size = 512M')
    .replace('innodb_redo_log_capacity = 8M', 'innodb_redo_log_capacity = 1G')
    .replace(/^(sync_binlog|innodb_flush_log_at_trx_commit) = 1$/gm, '$1 = 0');
  await writeFile(optionFileOf(node), `${options}innodb_doublewrite = OFF\nbinlog_expire_logs_seconds = 0\nmax_binlog_size = 1G\n`);
  const child = spawn(o.tools.setpriv, ['--pdeathsig', 'KILL', o.tools.mysqld, ...serverArgs(node, false)], { stdio: 'ignore' });
  const stop = async () => {
    await withAdmin(node.name, node.socket, (sql) => sql.rows('SHUTDOWN')).catch(() => child.kill('SIGKILL'));
    await gone(child);
    await rm(socketDir, { recursive: true, force: true });
  };
  try {
    await answering(node, child);
  } catch (e) {
    await stop();
    throw e;
  }
  return { socket: node.socket, port, stop };
}

const gone = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null ? Promise.resolve() : new Promise((done) => void child.once('exit', () => done()));

async function make(dir: string, o: CorpusOptions): Promise<void> {
  const template = await ensureTemplate({ ...o, socketDir: dir, progress: o.say });
  await runOk(['cp', '-rT', '--sparse=always', template, join(dir, 'data')], { timeoutMs: 60_000 });
  const server = await startServer(dir, o);
  const logs: Partial<Corpus['logs']> = {};
  try {
    await withAdmin('bench', server.socket, async (sql) => {
      for (const statement of SEEDS) await sql.rows(statement, [], STEP_MS_MAX);
      for (const name of CORPORA) {
        o.say(`binlog: writing the logs: ${name}`);
        logs[name] = await write(name, sql, dir);
      }
      for (const statement of EMPTIED) await sql.rows(statement, [], STEP_MS_MAX);
    });
  } finally {
    await server.stop();
  }
  await writeFile(join(dir, 'corpus.json'), JSON.stringify(logs, null, 1));
}

/** One corpus, alone in its file. */
async function write(name: CorpusName, sql: AdminSql, dir: string): Promise<Log> {
  const status = async () => {
    await sql.rows('FLUSH BINARY LOGS', [], STEP_MS_MAX);
    const { File, Executed_Gtid_Set } = await sql.one<{ File: string; Executed_Gtid_Set: string }>('SHOW BINARY LOG STATUS');
    return { file: File, executed: plainGtids(Executed_Gtid_Set) };
  };
  const from = await status();
  for (const statement of RECIPES[name]) await sql.rows(statement, [], STEP_MS_MAX);
  const to = await status();
  const { size } = await stat(join(dir, 'data', from.file));
  return { name, file: from.file, bytes: size, before: from.executed, after: to.executed };
}

const SIMPLE_BATCH = 2_665;
const MIXED_SEEDS = 3_500;
/** rows of one transaction of mixed; every other one updates some rows too */
const MIXED_BATCH = 35;

const SBTEST = 'id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL, KEY k_1 (k)';
const digits = (
  salt: string,
  n: number,
) => `RPAD(CONCAT_WS('-', CRC32(CONCAT(i,'${salt}a')), CRC32(CONCAT(i,'${salt}b')), CRC32(CONCAT(i,'${salt}c')), CRC32(CONCAT(i,'${salt}d')),
  CRC32(CONCAT(i,'${salt}e')), CRC32(CONCAT(i,'${salt}f')), CRC32(CONCAT(i,'${salt}g')), CRC32(CONCAT(i,'${salt}h')), CRC32(CONCAT(i,'${salt}i')), CRC32(CONCAT(i,'${salt}j'))), ${n}, '7')`;

/** Every eighth value of a column is NULL. */
const some = (column: string, value: string) => `IF(CRC32(CONCAT(i,'${column}')) % 8 = 0, NULL, ${value})`;
const whole = (column: string, bits: number) => `CONV(LEFT(SHA2(CONCAT(i,'${column}'),256),${bits / 4}),16,10)`;
const signed = (column: string, bits: number) => `CAST(${whole(column, bits)} AS SIGNED) - ${2 ** (bits - 1)}`;
const hex = (column: string, chars: number) => `LEFT(SHA2(CONCAT(i,'${column}'),512),${chars})`;
const at = (column: string, digitsAfter: number) =>
  `TIMESTAMPADD(MICROSECOND, ${digitsAfter === 0 ? '0' : `CRC32(CONCAT(i,'${column}us')) % 1000000`}, TIMESTAMPADD(SECOND, CRC32(CONCAT(i,'${column}')) % 1000000000, '1990-01-01'))`;

/** 34 columns: name, type, value by row number i. */
const MIXED: [string, string, string][] = [
  ['id', 'BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY', 'NULL'],
  ['t', 'TINYINT', signed('t', 8)],
  ['tu', 'TINYINT UNSIGNED', whole('tu', 8)],
  ['s', 'SMALLINT', signed('s', 16)],
  ['su', 'SMALLINT UNSIGNED', whole('su', 16)],
  ['m', 'MEDIUMINT', signed('m', 24)],
  ['mu', 'MEDIUMINT UNSIGNED', whole('mu', 24)],
  ['n', 'INT', signed('n', 32)],
  ['nu', 'INT UNSIGNED', whole('nu', 32)],
  ['b', 'BIGINT', `CAST(${whole('b', 60)} AS SIGNED) - ${2 ** 59}`],
  ['bu', 'BIGINT UNSIGNED', whole('bu', 64)],
  ['dec1', 'DECIMAL(12,2)', `(${signed('dec1', 32)}) / 100`],
  ['dec2', 'DECIMAL(30,10)', `(${signed('dec2', 32)}) * 1234567.0123456789`],
  ['f', 'FLOAT', `(${signed('f', 32)}) / 977e0`],
  ['d', 'DOUBLE', `(${signed('d', 32)}) / 97777777e0`],
  ['dt0', 'DATETIME', at('dt0', 0)],
  ['dt3', 'DATETIME(3)', at('dt3', 3)],
  ['dt6', 'DATETIME(6)', at('dt6', 6)],
  ['ts0', 'TIMESTAMP NULL', at('ts0', 0)],
  ['ts6', 'TIMESTAMP(6) NULL', at('ts6', 6)],
  ['tm6', 'TIME(6)', `SEC_TO_TIME(CRC32(CONCAT(i,'tm6')) / 4294967296 * 6000000 - 3000000)`],
  ['da', 'DATE', `DATE(${at('da', 0)})`],
  ['y', 'YEAR', `1901 + CRC32(CONCAT(i,'y')) % 250`],
  ['bi', 'BIT(20)', `CRC32(CONCAT(i,'bi')) % 1048576`],
  ['en', "ENUM('new','paid','packed','sent','back')", `1 + CRC32(CONCAT(i,'en')) % 5`],
  ['se', "SET('a','b','c','d','e','f','g','h','i','j')", `CRC32(CONCAT(i,'se')) % 1024`],
  ['vc', 'VARCHAR(80) CHARACTER SET utf8mb4', `CONCAT(${hex('vc', 12)}, ' Grüße, 日本 ', ELT(1 + CRC32(CONCAT(i,'vc2')) % 3, '☕', '', 'naïve'))`],
  ['ch', 'CHAR(20) CHARACTER SET utf8mb4', hex('ch', 16)],
  ['bin', 'BINARY(16)', `UNHEX(${hex('bin', 32)})`],
  ['vb', 'VARBINARY(64)', `UNHEX(${hex('vb', 60)})`],
  ['bl', 'BLOB', `UNHEX(CONCAT(${hex('bl', 128)}, ${hex('bm', 128)}))`],
  ['tx', 'TEXT CHARACTER SET utf8mb4', `CONCAT('said "', ${hex('tx', 90)}, ' – ', ${hex('ty', 60)}, '"')`],
  [
    'js',
    'JSON',
    `JSON_OBJECT('id', i, 'name', ${hex('js', 12)}, 'price', CAST((${signed('js', 32)}) / 100 AS DECIMAL(12,2)), 'tags', JSON_ARRAY('x', i % 7, TRUE, NULL), 'at', JSON_OBJECT('lat', (${signed('jl', 24)}) / 97e0, 'when', ${at('jw', 6)}))`,
  ],
  ['jo', 'JSON', `JSON_ARRAY(i, CAST(${whole('jo', 60)} AS UNSIGNED), ${hex('jo', 8)})`],
];
const MIXED_NAMES = MIXED.map(([name]) => name).slice(1);
const MIXED_COLUMNS = MIXED.map(([name, type]) => `${name} ${type}`).join(', ');
const copyMixed = `INSERT INTO mixed (${MIXED_NAMES.join(', ')}) SELECT ${MIXED_NAMES.join(', ')} FROM mixed_seed WHERE id > at_row AND id <= at_row + ${MIXED_BATCH}`;

/** What the recipes copy from: made without the log. */
const SEEDS = [
  'SET SESSION sql_log_bin = 0',
  "SET SESSION sql_mode = 'STRICT_TRANS_TABLES', time_zone = '+00:00'",
  'SET SESSION cte_max_recursion_depth = 1000000',
  'CREATE DATABASE bench',
  'USE bench',
  `CREATE TABLE sbtest1 (${SBTEST})`,
  `CREATE TABLE tiny (${SBTEST})`,
  'CREATE TABLE sb_seed LIKE sbtest1',
  `INSERT INTO sb_seed (k, c, pad) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${SIMPLE_BATCH})
   SELECT CRC32(i) % 1000000, ${digits('c', 119)}, ${digits('p', 59)} FROM n`,
  'INSERT INTO tiny (k, c, pad) SELECT a.k, a.c, a.pad FROM sb_seed a JOIN (SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4) b',
  `CREATE TABLE mixed (${MIXED_COLUMNS})`,
  `CREATE TABLE mixed_seed (${MIXED_COLUMNS})`,
  `INSERT INTO mixed_seed WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${MIXED_SEEDS})
   SELECT ${MIXED.map(([name, , value], i) => (i === 0 ? value : some(name, value))).join(', ')} FROM n`,
  `CREATE PROCEDURE fill_simple(times INT) BEGIN
     WHILE times > 0 DO INSERT INTO sbtest1 (k, c, pad) SELECT k, c, pad FROM sb_seed; SET times = times - 1; END WHILE; END`,
  `CREATE PROCEDURE fill_tiny(times INT) BEGIN
     DECLARE r INT;
     WHILE times > 0 DO
       SET r = 1 + CRC32(times) % ${SIMPLE_BATCH * 3};
       START TRANSACTION;
       UPDATE tiny SET k = k + 1 WHERE id = r;
       UPDATE tiny SET c = REVERSE(CONCAT(times, SUBSTRING(c, 8))) WHERE id = r + 1;
       DELETE FROM tiny WHERE id = r + 2;
       INSERT INTO tiny (id, k, c, pad) SELECT r + 2, times, c, pad FROM sb_seed WHERE id = 1 + r % ${SIMPLE_BATCH};
       COMMIT;
       SET times = times - 1;
     END WHILE; END`,
  `CREATE PROCEDURE fill_mixed(times INT) BEGIN
     DECLARE at_row INT;
     WHILE times > 0 DO
       SET at_row = (times % ${MIXED_SEEDS / MIXED_BATCH}) * ${MIXED_BATCH};
       START TRANSACTION;
       ${copyMixed};
       IF times % 2 = 0 THEN UPDATE mixed SET n = n + 1, dt6 = ADDTIME(dt6, '00:00:01.5'), tx = CONCAT('now ', LEFT(tx, 150)) WHERE id BETWEEN LAST_INSERT_ID() AND LAST_INSERT_ID() + 7; END IF;
       COMMIT;
       SET times = times - 1;
     END WHILE; END`,
  'SET SESSION sql_log_bin = 1',
];

/** Some readers of streams ask the server for the columns of a table: they stay, their rows go. */
const EMPTIED = [
  'SET SESSION sql_log_bin = 0',
  ...['sbtest1', 'tiny', 'mixed'].map((name) => `TRUNCATE TABLE ${name}`),
  ...['sb_seed', 'mixed_seed'].map((name) => `DROP TABLE ${name}`),
];

const RECIPES: Record<CorpusName, string[]> = {
  simple: ['CALL fill_simple(1500)'],
  tiny: ['CALL fill_tiny(58000)'],
  mixed: ['CALL fill_mixed(12000)'],
  zstd: ['SET SESSION binlog_transaction_compression = ON', 'CALL fill_mixed(6000)', 'SET SESSION binlog_transaction_compression = OFF'],
};
