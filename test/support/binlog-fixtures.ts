/**
 * Makes the small logs in test/fixtures/binlog out of real servers: MySQL 9.7 and MariaDB 10.11. Run it to make them anew:
 * `node test/support/binlog-fixtures.ts`. One folder is one log, its files in their order. What is in each, FIXTURES says.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureMariadb, TestMariadb } from './mariadb.ts';
import { startServers } from './mysqld.ts';
import type { TestMysqld } from './mysqld.ts';

const TARGET = join(import.meta.dirname, '../fixtures/binlog');
const STEP_MS_MAX = 30_000;

interface Fixture {
  name: string;
  what: string;
  statements: readonly string[];
}

const ALL_TYPES = `CREATE TABLE types (id BIGINT UNSIGNED PRIMARY KEY, t TINYINT, s SMALLINT UNSIGNED, m MEDIUMINT, i INT, b BIGINT, dec1 DECIMAL(65,30), dec2 DECIMAL(5,2) UNSIGNED,
  f FLOAT, d DOUBLE, bits BIT(13), y YEAR, da DATE, ti TIME(6), dt DATETIME(3), ts TIMESTAMP(6) NULL, dt0 DATETIME, ch CHAR(10) CHARACTER SET latin1, vc VARCHAR(300), bi BINARY(4), vb VARBINARY(20),
  tx TEXT, bl BLOB, tb TINYBLOB, e ENUM('a','b,c','d''e'), st SET('x','y','z'), j JSON, g GEOMETRY, v VECTOR(3), gen INT GENERATED ALWAYS AS (i + 1) STORED, inv INT INVISIBLE)`;
const TYPE_COLUMNS = 'id, t, s, m, i, b, dec1, dec2, f, d, bits, y, da, ti, dt, ts, dt0, ch, vc, bi, vb, tx, bl, tb, e, st, j, g, v, inv';
const TYPE_ROWS = [
  `18446744073709551615, -128, 65535, -8388608, 2147483647, -9223372036854775808, '12345678901234567890123456789012345.123456789012345678901234567890', 999.99, 804924.6875, -1.7976931348623157e308, b'1010101010101',
   2155, '9999-12-31', '-838:59:59.000000', '2024-02-29 23:59:59.999', '2038-01-19 03:14:07.999999', '1000-01-01', 'äöü', REPEAT('long ', 60), x'00ff00ff', x'deadbeef', 'text ✓', x'000102', 'tiny', 'b,c', 'x,z',
   '{"a":[1,-1,9007199254740993,18446744073709551615,1.5,null,true],"b":{"c":"d"}}', ST_GeomFromText('POINT(1 2)', 4326), TO_VECTOR('[1,-2.5,3e-5]'), -1`,
  `1, 0, 0, 0, 0, 0, 0, 0, 0, 0, b'0', 0, '0000-00-00', '00:00:00', '0000-00-00', '1970-01-01 00:00:01', '0000-00-00', '', '', '', '', '', '', '', 1, '', '[]', ST_GeomFromText('LINESTRING(0 0,1 1)'), TO_VECTOR('[0,0,0]'), 0`,
  `2, ${Array.from({ length: 29 }, () => 'NULL').join(', ')}`,
];
const SIMPLE = 'CREATE TABLE s (id INT PRIMARY KEY, k INT, c VARCHAR(40))';

const FIXTURES: readonly Fixture[] = [
  {
    name: 'types',
    what: 'every column type at an extreme, full metadata, insert, update and delete',
    statements: [
      `SET GLOBAL binlog_row_metadata = FULL`,
      `SET sql_mode = '', time_zone = '+00:00'`,
      ALL_TYPES,
      ...TYPE_ROWS.map((row) => `INSERT INTO types (${TYPE_COLUMNS}) VALUES (${row})`),
      `UPDATE types SET i = 7, c = NULL WHERE id = 1`.replace('c = NULL', 'vc = NULL'),
      'DELETE FROM types WHERE id = 2',
    ],
  },
  {
    name: 'partial',
    what: 'partial JSON updates on full and on minimal images, the text of statements, several rows in one event',
    statements: [
      `SET binlog_rows_query_log_events = ON, binlog_row_value_options = PARTIAL_JSON`,
      'CREATE TABLE j (id INT PRIMARY KEY, d JSON, e JSON)',
      `INSERT INTO j VALUES (1, '{"a": 1, "b": [1, 2, 3], "long": "${'x'.repeat(60)}"}', '{}'), (2, '{"a": "one", "b": [], "long": "${'y'.repeat(60)}"}', NULL)`,
      `UPDATE j SET d = JSON_SET(d, '$.a', 2.5, '$.c', 'new')`,
      `UPDATE j SET d = JSON_REMOVE(JSON_ARRAY_INSERT(d, '$.b[0]', true), '$.a') WHERE id = 1`,
      'SET binlog_row_image = MINIMAL',
      `UPDATE j SET d = JSON_REPLACE(d, '$.long', 'short') WHERE id = 1`,
      `UPDATE j SET e = '[]' WHERE id = 2`,
      'DELETE FROM j WHERE id = 2',
    ],
  },
  {
    name: 'payload',
    what: 'transactions in compressed payloads, with and without tags, among others that are not',
    statements: [
      SIMPLE,
      'SET binlog_transaction_compression = ON',
      `INSERT INTO s VALUES (1, 1, 'one'), (2, 2, REPEAT('two', 10))`,
      `SET gtid_next = 'automatic:first'; UPDATE s SET k = k + 1; SET gtid_next = 'automatic'`,
      'BEGIN; DELETE FROM s WHERE id = 1; INSERT INTO s VALUES (3, 3, NULL); COMMIT',
      'SET binlog_transaction_compression = OFF',
      `SET gtid_next = 'automatic:second'; INSERT INTO s VALUES (4, 4, 'four'); SET gtid_next = 'automatic'`,
    ],
  },
  {
    name: 'statements',
    what: 'XA of every kind, savepoints, DDL, CREATE TABLE … SELECT, a statement without rows, an account',
    statements: [
      SIMPLE,
      `XA START 'a', x'ff', 7; INSERT INTO s VALUES (1, 1, 'xa'); XA END 'a', x'ff', 7; XA PREPARE 'a', x'ff', 7; XA COMMIT 'a', x'ff', 7`,
      `XA START 'b'; INSERT INTO s VALUES (2, 2, 'xa'); XA END 'b'; XA PREPARE 'b'; XA ROLLBACK 'b'`,
      `XA START 'c'; INSERT INTO s VALUES (3, 3, 'xa'); XA END 'c'; XA COMMIT 'c' ONE PHASE`,
      `BEGIN; INSERT INTO s VALUES (4, 4, 's'); SAVEPOINT p; INSERT INTO s VALUES (5, 5, 's'); ROLLBACK TO p; INSERT INTO s VALUES (6, 6, 's'); COMMIT`,
      'CREATE TABLE s2 SELECT * FROM s',
      `SET binlog_format = STATEMENT; INSERT INTO s VALUES (7, RAND(), 'statement'); UPDATE s SET k = 8 WHERE id = 7; SET binlog_format = ROW`,
      `SET NAMES latin1; CREATE TABLE \`caf\xe9\` (n INT COMMENT 'na\xefve'); SET NAMES utf8mb4`,
      `TRUNCATE s2; ALTER TABLE s ADD x INT; CREATE USER u@localhost; DROP TABLE s2`,
    ],
  },
  {
    name: 'nocrc',
    what: 'written without checksums',
    statements: [
      SIMPLE,
      `INSERT INTO s VALUES (1, 1, 'one'), (2, 2, 'two')`,
      `BEGIN; UPDATE s SET k = 9; DELETE FROM s WHERE id = 2; COMMIT`,
      `INSERT INTO s VALUES (3, NULL, NULL)`,
    ],
  },
];

const MARIADB: Fixture = {
  name: 'mariadb',
  what: 'MariaDB 10.11: compressed statements and rows, annotations, XA, DDL, a state of two domains',
  statements: [
    'CREATE DATABASE t; USE t',
    'CREATE TABLE s (id INT PRIMARY KEY, k INT, c VARCHAR(400), t TEXT COMPRESSED)',
    `INSERT INTO s VALUES (1, 1, REPEAT('abc', 100), REPEAT('text', 100)), (2, NULL, 'two', 'x')`,
    'SET gtid_domain_id = 7',
    `BEGIN; UPDATE s SET k = 2; SAVEPOINT p; DELETE FROM s WHERE id = 2; COMMIT`,
    'SET gtid_domain_id = 0',
    `XA START 'a'; INSERT INTO s VALUES (3, 3, 'xa', NULL); XA END 'a'; XA PREPARE 'a'; XA COMMIT 'a'`,
    `CREATE TABLE s2 (a DATE, b TIME(2), c DATETIME(6), d DECIMAL(10,3), e TIMESTAMP NULL) SELECT '2024-02-29' a, '-11:12:13.14' b, '0000-00-00' c, -1.5 d, NULL e`,
    `FLUSH BINARY LOGS`,
    `INSERT INTO s VALUES (4, 4, 'after the state', '')`,
  ],
};

async function keep(name: string, dataDir: string, files: readonly string[]): Promise<void> {
  const folder = join(TARGET, name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const file of files) await writeFile(join(folder, file), await readFile(join(dataDir, file)));
}

async function logsOf(node: TestMysqld): Promise<string[]> {
  return (await node.sql('SHOW BINARY LOGS')).map((row) => String(row['Log_name']));
}

async function makeMysql(node: TestMysqld, fixture: Fixture): Promise<void> {
  // the setting takes effect with the next file
  await node.sql(
    `SET GLOBAL binlog_checksum = ${fixture.name === 'nocrc' ? 'NONE' : 'CRC32'}`,
    'SET GLOBAL binlog_row_metadata = MINIMAL',
    'DROP DATABASE IF EXISTS t',
    'RESET BINARY LOGS AND GTIDS',
  );
  await node.sql('CREATE DATABASE t', 'USE t', ...fixture.statements);
  await node.sql('FLUSH LOGS');
  const files = await logsOf(node);
  await keep(fixture.name, node.dataDir, files.slice(0, -1));
}

/** Two files, the second of a server that was killed; and the relay log that a replica made of them; then its last files after a change of the source's checksums. */
async function makeKilledAndRelay(source: TestMysqld, replica: TestMysqld): Promise<void> {
  await source.sql('SET GLOBAL binlog_checksum = CRC32', 'DROP DATABASE IF EXISTS t', 'RESET BINARY LOGS AND GTIDS');
  await replica.sql(
    'RESET BINARY LOGS AND GTIDS; SET GLOBAL relay_log_purge = OFF',
    `CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=${source.port}, SOURCE_USER='repl', SOURCE_PASSWORD='repl', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1`,
    'START REPLICA',
  );
  await source.sql(
    'CREATE DATABASE t',
    'USE t',
    SIMPLE,
    `INSERT INTO s VALUES (1, 1, 'one')`,
    'FLUSH LOGS',
    `INSERT INTO s VALUES (2, 2, 'two')`,
    'UPDATE s SET k = 3',
  );
  await caughtUp(source, replica);
  await replica.sql('STOP REPLICA IO_THREAD', 'START REPLICA IO_THREAD');
  await source.sql(`INSERT INTO t.s VALUES (3, 3, 'behind a restart')`);
  await caughtUp(source, replica);
  await keep('killed', source.dataDir, await logsOf(source));
  await keep('relay', replica.dataDir, await relayLogsOf(replica));
  await source.sql('SET GLOBAL binlog_checksum = NONE', `INSERT INTO t.s VALUES (4, 4, 'no checksum')`);
  await caughtUp(source, replica);
  await keep('relay-mixed', replica.dataDir, (await relayLogsOf(replica)).slice(-2));
}

async function relayLogsOf(replica: TestMysqld): Promise<string[]> {
  const index = await readFile(join(replica.dataDir, 'relay.index'), 'utf8');
  return index
    .trim()
    .split('\n')
    .map((line) => line.replace('./', ''));
}

/** Received, and kept: a relay log is thrown away when it is applied. */
async function caughtUp(source: TestMysqld, replica: TestMysqld): Promise<void> {
  const [row] = await source.sql('SELECT @@global.gtid_executed AS done');
  const deadline = Date.now() + STEP_MS_MAX;
  for (;;) {
    const [status] = await replica.sql('SHOW REPLICA STATUS');
    const received = (status?.['Retrieved_Gtid_Set'] ?? '') as string;
    const [missing] = await replica.sql(`SELECT GTID_SUBTRACT('${row!['done'] as string}', '${received}') AS missing`);
    if (missing!['missing'] === '') return;
    if (Date.now() > deadline) throw new Error(`the replica does not catch up: ${JSON.stringify(status)}`);
    await new Promise((r) => setTimeout(r, 50));
  }
}

async function makeMariadb(fixture: Fixture): Promise<void> {
  const mariadb = await ensureMariadb();
  if (typeof mariadb === 'string') throw new Error(mariadb);
  const server = await TestMariadb.start(mariadb, [
    '--log-bin-compress=ON',
    '--log-bin-compress-min-len=10',
    '--binlog-checksum=CRC32',
    '--binlog-annotate-row-events=ON',
  ]);
  try {
    const c = await server.connect();
    for (const statement of fixture.statements) await c.query(statement);
    c.destroy();
    await keep(fixture.name, server.dataDir, ['binlog.000001', 'binlog.000002']);
  } finally {
    await server.remove();
  }
}

async function main(): Promise<void> {
  const servers = await startServers(['a', 'b'], []);
  const [source, replica] = servers.nodes as [TestMysqld, TestMysqld];
  try {
    for (const fixture of FIXTURES) await makeMysql(source, fixture);
    await source.sql('SET GLOBAL binlog_checksum = CRC32');
    await makeKilledAndRelay(source, replica);
  } finally {
    await servers.stop();
  }
  await makeMariadb(MARIADB);
  const lines = [...FIXTURES, MARIADB].map(({ name, what }) => `- ${name}: ${what}`);
  lines.push(
    '- killed: two files, the second of a server that was still running',
    '- relay: what a replica received of them, with formats of both servers and a reconnection',
    '- relay-mixed: its last two files, after the source had turned its checksums off',
  );
  await writeFile(
    join(TARGET, 'README.md'),
    `# Binary logs of real servers (MySQL 9.7.4, MariaDB 10.11), made by test/support/binlog-fixtures.ts\n${lines.join('\n')}\n`,
  );
}

await main();
