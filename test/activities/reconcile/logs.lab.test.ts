/** What a real server writes and the decoder reads is what a SELECT shows, in every form that a log can have. */
import { join } from 'node:path';
import { SideLog } from '../../../core/reconcile/side.ts';
import { RowsReader } from '../../../core/reconcile/collect.ts';
import type { LogFile } from '../../../targets/port.ts';
import { nodeBytes } from '../../../targets/systems/mysql/binlog/bytes.ts';
import { withConnection } from '../../../targets/systems/mysql/dsn.ts';
import { readLogs } from '../../../targets/systems/mysql/logs.ts';
import { cellsOf, readShapes, selectList } from '../../../targets/systems/mysql/rows.ts';
import { startServers } from '../../support/mysqld.ts';
import type { TestMysqld, TestServers } from '../../support/mysqld.ts';

const set = (columns: string) => `INSERT INTO drill.acct VALUES ${columns}`;

let servers: TestServers;
let a: TestMysqld;

beforeAll(async () => {
  servers = await startServers(
    ['a'],
    [
      'CREATE DATABASE t',
      `CREATE TABLE t.x (id BIGINT UNSIGNED NOT NULL PRIMARY KEY, i INT, ti TINYINT, mi MEDIUMINT, mu MEDIUMINT UNSIGNED, bi BIGINT, d DECIMAL(12,2), dz DECIMAL(10,0),
        dd DECIMAL(65,30), v VARCHAR(200) CHARACTER SET utf8mb4, c CHAR(10) CHARACTER SET ascii, dt DATETIME, dt6 DATETIME(6), da DATE,
        y YEAR, t3 TIME(3), ts TIMESTAMP NULL, ts6 TIMESTAMP(6) NULL, tx MEDIUMTEXT CHARACTER SET utf8mb4)`,
    ],
  );
  a = servers.nodes[0]!;
}, 120_000);
afterAll(async () => servers?.stop());

const TABLES = ['t.x', 't.z', 'drill.acct'];
async function read(source = a.dataDir, files: LogFile[] = []): Promise<SideLog> {
  const log = new SideLog();
  const shapes = await withConnection(a.dsn, (c) => readShapes(c, TABLES, {}));
  const reader = new RowsReader(log, { bytes: nodeBytes, shapes, of: () => 'all', touches: () => true, ledger: null });
  files.push(...(await readLogs(source, log, reader)));
  return log;
}

test('every row image equals the row, to the character', async () => {
  const c = await a.connect();
  await c.query("SET time_zone = '+00:00'");
  const ascii = Array.from({ length: 128 }, (_, i) => String.fromCharCode(i)).join('');
  const wide = "it's € 😀 ü \\x0a \\n 'q' /* VARSTRING(800) meta=800 nullable=1 is_null=0 */";
  const insert = 'INSERT INTO t.x VALUES (?)';
  await c.query(insert, [
    [
      '18446744073709551614',
      -5,
      -3,
      -1,
      16777215,
      '-9223372036854775808',
      '-1.50',
      '0',
      '-12345678901234567890123456789012345.123456789012345678901234567890',
      ascii,
      'abc  ',
      '2025-01-02 03:04:05',
      '2025-01-02 03:04:05.123456',
      '2025-01-02',
      2155,
      '-838:59:59.000',
      '2038-01-19 03:14:07',
      '1970-01-01 00:00:01.000001',
      wide.repeat(2_000),
    ],
  ]);
  await c.query(insert, [
    ['2', null, 127, 0, 0, '1', '0.05', '-12', '0', wide, '', '2025-01-02 03:04:05.5', '2025-01-02 03:04:05', null, 0, '00:00:00', null, null, ''],
  ]);
  await c.query(insert, [
    [
      '3',
      2147483647,
      -128,
      -8388608,
      8388607,
      '9223372036854775807',
      '9999999999.99',
      '9999999999',
      '0.000000000000000000000000000001',
      '',
      null,
      '1000-01-01 00:00:00',
      '9999-12-31 23:59:59.999999',
      '0001-01-01',
      1901,
      '-00:00:00.001',
      null,
      '2025-01-02 03:04:05.5',
      null,
    ],
  ]);
  c.destroy();
  const log = await read();
  await withConnection(a.dsn, async (connection) => {
    const shape = (await readShapes(connection, ['t.x'], {})).get('t.x')!;
    if (typeof shape === 'string') throw new Error(shape);
    const rows = await cellsOf(connection, shape, `SELECT ${selectList(shape)} FROM t.x ORDER BY id`);
    const images = log.transactions.flatMap((t) => t.rows).map((r) => r.after!);
    expect(images.toSorted((x, y) => (BigInt(x[0]!) < BigInt(y[0]!) ? -1 : 1))).toEqual(rows);
    expect(rows).toHaveLength(3);
  });
});

test('no form of a transaction is passed over', async () => {
  const before = (await read()).transactions.length;
  const c = await a.connect();
  const run = async (...statements: string[]) => {
    for (const s of statements) await c.query(s);
  };
  await run('SET SESSION binlog_transaction_compression = ON', set("(1,1,'x','w1'),(2,2,'y','w2')"), 'SET SESSION binlog_transaction_compression = OFF');
  await run(
    'SET SESSION binlog_rows_query_log_events = ON',
    "UPDATE drill.acct SET owner='### DELETE FROM `drill`.`acct`' WHERE id=1 /* \n# at 4\n### x\n*/",
    'SET SESSION binlog_rows_query_log_events = OFF',
  );
  await run('SET SESSION binlog_row_image = MINIMAL', "UPDATE drill.acct SET owner='zz' WHERE id=1", 'SET SESSION binlog_row_image = FULL');
  await run("XA START 'q'", set("(3,1,'x','w3')"), "XA END 'q'", "XA PREPARE 'q'", "XA COMMIT 'q'");
  await run('BEGIN', 'SAVEPOINT s1', set("(5,1,'x','w5')"), 'SAVEPOINT s2', set("(6,1,'x','w6')"), 'ROLLBACK TO s2', 'COMMIT');
  await run(
    "SET SESSION binlog_format = 'STATEMENT'",
    "SET @q = 'x'",
    'DELETE FROM t.x WHERE id = 7 /*\n# at 4\n*/',
    'INSERT INTO t.x (id, v) VALUES (8, @q)',
    "SET SESSION binlog_format = 'ROW'",
  );
  await run('CREATE TABLE t.z (id INT PRIMARY KEY) AS SELECT 1 AS id', 'TRUNCATE TABLE t.z');
  await run("SET gtid_next = 'AUTOMATIC:tagged'", 'DELETE FROM drill.acct WHERE id = 2', "SET gtid_next = 'AUTOMATIC'");
  c.destroy();
  const log = await read();
  expect(
    log.transactions
      .slice(before)
      .map((t) => [t.rows.map((r) => `${r.op} ${r.after?.filter(Boolean).length ?? 0}`).join(), t.statements[0]?.slice(0, 12) ?? '']),
  ).toEqual([
    ['insert 4,insert 4', ''],
    ['update 4', ''],
    ['update 1', ''],
    ['insert 4', 'XA PREPARE'],
    ['', "XA COMMIT 'q"],
    ['insert 4', ''],
    ['', 'DELETE FROM '],
    ['', 'INSERT INTO '],
    ['insert 1', 'CREATE TABLE'],
    ['', 'TRUNCATE TAB'],
    ['delete 0', ''],
  ]);
  expect(log.transactions.at(-1)!.gtid).toMatch(/:tagged:1$/);
  const [{ g }] = (await a.sql('SELECT @@global.gtid_executed g')) as [{ g: string }];
  expect(log.set().toString()).toBe(g.replace(/\s/g, ''));
});

test('a running server’s logs arrive whole, over several files', async () => {
  await a.sql('FLUSH BINARY LOGS', "INSERT INTO drill.acct VALUES (9,1,'x','w9')", 'FLUSH BINARY LOGS');
  const files: LogFile[] = [];
  const log = await read(a.dsn, files);
  expect(files.map((f) => f.file)).toEqual(['binlog.000001', 'binlog.000002', 'binlog.000003']);
  const local = await read();
  expect(log.transactions).toEqual(local.transactions);
  expect(log.files.map((f) => f.previous?.toString())).toEqual(local.files.map((f) => f.previous?.toString()));
});

test('a flipped byte is a finding, never a changed value', async () => {
  const { cpSync, mkdirSync, readFileSync, writeFileSync } = await import('node:fs');
  const dir = join(servers.dir, 'flipped');
  mkdirSync(dir);
  cpSync(join(a.dataDir, 'binlog.000002'), join(dir, 'binlog.000002'));
  const bytes = readFileSync(join(dir, 'binlog.000002'));
  const at = bytes.indexOf('w9');
  bytes[at] = bytes[at]! ^ 1;
  writeFileSync(join(dir, 'binlog.000002'), bytes);
  const log = await read(dir);
  expect(log.transactions).toEqual([]);
  expect(log.findings.map((f) => f.kind)).toContain('checksum');
});
