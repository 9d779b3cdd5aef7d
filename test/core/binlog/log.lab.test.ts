/** The reader on logs of real servers: every kind of group that MySQL 9.7 writes, its relay logs, changed checksums, a kill. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GtidSet } from '../../../core/gtid.ts';
import { kinds, record } from '../../support/log-recorder.ts';
import type { Recorded } from '../../support/log-recorder.ts';
import { startServers } from '../../support/mysqld.ts';
import type { TestMysqld, TestServers } from '../../support/mysqld.ts';

const DDL = [
  'CREATE DATABASE d',
  'CREATE TABLE d.t (id INT PRIMARY KEY, s VARCHAR(2000), j JSON)',
  'CREATE TABLE d.m (id INT, s TEXT) ENGINE=MyISAM',
  "CREATE USER reader@'%' IDENTIFIED BY 'p'",
  "GRANT REPLICATION SLAVE ON *.* TO reader@'%'",
];

/** Transactions of every form; the last three are statements. */
const WORK: string[][] = [
  ["INSERT INTO d.t VALUES (1,'a','{}'),(2,'b','[1]')", "UPDATE d.t SET s='c'", 'DELETE FROM d.t WHERE id=1'],
  ['START TRANSACTION', 'INSERT INTO d.t VALUES (10,NULL,NULL)', 'SAVEPOINT p', 'INSERT INTO d.t VALUES (11,NULL,NULL)', 'ROLLBACK TO p', 'COMMIT'],
  ["INSERT INTO d.m VALUES (2,'z')"],
  ["XA START 'x1','b',7", 'INSERT INTO d.t VALUES (30,NULL,NULL)', "XA END 'x1','b',7", "XA PREPARE 'x1','b',7", "XA COMMIT 'x1','b',7"],
  ["XA START 'x2'", 'INSERT INTO d.t VALUES (31,NULL,NULL)', "XA END 'x2'", "XA PREPARE 'x2'", "XA ROLLBACK 'x2'"],
  ["XA START 'x3'", 'INSERT INTO d.t VALUES (32,NULL,NULL)', "XA END 'x3'", "XA COMMIT 'x3' ONE PHASE"],
  ['CREATE TABLE d.ct AS SELECT * FROM d.t', 'CREATE TEMPORARY TABLE d.tmp (i int)', 'DROP TEMPORARY TABLE d.tmp', 'FLUSH TABLES', 'ANALYZE TABLE d.t'],
  ["SET GTID_NEXT='aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa:5'", 'BEGIN', 'COMMIT', "SET GTID_NEXT='AUTOMATIC:tag1'", 'INSERT INTO d.t VALUES (40,NULL,NULL)'],
  ['SET binlog_rows_query_log_events=1', 'INSERT INTO d.t VALUES (50,NULL,NULL)'],
  ['SET binlog_transaction_compression=1', "INSERT INTO d.t VALUES (60,REPEAT('z',200),NULL)", "INSERT INTO d.m VALUES (3,'z')", 'CREATE TABLE d.cz (i int)'],
  ['SET binlog_transaction_compression=1', "XA START 'x5'", 'INSERT INTO d.t VALUES (61,NULL,NULL)', "XA END 'x5'", "XA PREPARE 'x5'", "XA COMMIT 'x5'"],
  [
    'SET cte_max_recursion_depth=9999',
    'INSERT INTO d.t WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i+1 FROM n WHERE i<2000) SELECT i, REPEAT(i,300), NULL FROM n',
  ],
  ['SET binlog_format=STATEMENT', 'INSERT INTO d.t VALUES (70,NULL,NULL)', 'SET @u=5', 'INSERT INTO d.t VALUES (71,@u,NULL)', "INSERT INTO d.m VALUES (5,'q')"],
];

let servers: TestServers;
let source: TestMysqld;
let replica: TestMysqld;
let executed: GtidSet;

async function logs(node: TestMysqld, name: string): Promise<Buffer[]> {
  const names = (await readdir(node.dataDir)).filter((f) => new RegExp(`^${name}\\.\\d+$`).test(f)).sort();
  return Promise.all(names.map((f) => readFile(join(node.dataDir, f))));
}
const executedBy = async (node: TestMysqld): Promise<string> => String((await node.sql('SELECT @@global.gtid_executed AS g'))[0]!['g']);
async function caughtUp(): Promise<void> {
  const waited = await replica.sql(`SELECT WAIT_FOR_EXECUTED_GTID_SET('${(await executedBy(source)).replaceAll('\n', '')}', 30) AS w`);
  expect(Number(waited[0]!['w'])).toBe(0);
}

beforeAll(async () => {
  servers = await startServers(['source', 'replica'], DDL);
  [source, replica] = servers.nodes as [TestMysqld, TestMysqld];
  await replica.sql(
    'SET GLOBAL relay_log_purge=0',
    'SET GLOBAL max_relay_log_size=4096',
    `CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=${source.port}, SOURCE_USER='reader', SOURCE_PASSWORD='p', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1`,
    'START REPLICA',
  );
  for (const statements of WORK) await source.sql(...statements);
  await source.sql('FLUSH BINARY LOGS', 'INSERT INTO d.t VALUES (80,NULL,NULL)');
  await caughtUp();
  await replica.sql('STOP REPLICA IO_THREAD', 'START REPLICA IO_THREAD');
  await source.sql('SET GLOBAL binlog_checksum=NONE', 'INSERT INTO d.t VALUES (81,NULL,NULL)');
  await caughtUp();
  await replica.sql('FLUSH RELAY LOGS');
  await source.sql('SET GLOBAL binlog_checksum=CRC32', 'INSERT INTO d.t VALUES (82,NULL,NULL)');
  await caughtUp();
  executed = GtidSet.parse(await executedBy(source));
  await source.kill();
  await replica.kill();
}, 120_000);
afterAll(() => servers.stop());

const notes = (r: Recorded): string[] => r.findings.filter((f) => f.level === 'note').map((f) => f.kind);
/** Everything but where it stood. */
const contents = (r: Recorded): string[] =>
  r.lines
    .filter((l) => /^(begin|insert|update|delete|ddl|statement|end [^o])/.test(l))
    .map((l) => l.replace(/^(begin .*|(?:insert|update|delete) .*) \d+$/, '$1').replace(/ \d+ (true|false)/, ' $1'));

test('binary logs: every transaction, whole, in order', async () => {
  const seen = await record(await logs(source, 'binlog'));
  expect(kinds(seen)).toEqual(['statement', 'statement', 'statement']);
  expect(notes(seen)).toEqual(['no-checksums', 'in-use']);
  const ended = seen.lines.filter((l) => /^end [^o]/.test(l)).map((l) => l.split(' ')[1]!);
  expect(GtidSet.of(ended).toString()).toBe(executed.toString());
  expect(ended.length).toBe(executed.count());
  expect(seen.lines.filter((l) => l.startsWith('abandon'))).toEqual([]);
  const hows = Object.groupBy(
    seen.lines.filter((l) => /^end [^o]/.test(l)),
    (l) => l.split(' ')[2]!,
  );
  expect(Object.fromEntries(Object.entries(hows).map(([how, l]) => [how, l!.length]))).toEqual({
    xid: expect.any(Number),
    commit: 5,
    ddl: 3,
    'xa-prepare': 3,
    'xa-commit': 2,
    'xa-rollback': 1,
  });
  expect(seen.lines.filter((l) => l.endsWith(' compressed')).map((l) => l.split(' ')[2])).toEqual(['xid', 'xa-prepare']);
});

test('relay logs say the same, in two formats a file, across changed checksums', async () => {
  const relay = await record(await logs(replica, 'relay'));
  expect(kinds(relay)).toEqual(['statement', 'statement', 'statement']);
  expect(new Set(notes(relay))).toEqual(new Set(['no-checksums']));
  expect(relay.lines.some((l) => /^format .* relay unchecked/.test(l)) && relay.lines.some((l) => /^format .* relay \d/.test(l))).toBe(true);
  expect(contents(relay)).toEqual(contents(await record(await logs(source, 'binlog'))));
});

test('every event that is missing, doubled or moved is noticed, and every cut tail', async () => {
  const [first] = await logs(source, 'binlog');
  const bytes = first!.subarray(0, 20_000);
  const offsets: number[] = [];
  for (let at = 4; at + 19 <= bytes.length; at += bytes.readUInt32LE(at + 9)) offsets.push(at);
  const whole = bytes.subarray(0, offsets.at(-1));
  const before = (await record([whole])).findings.map((f) => f.text);
  const findings = async (b: Uint8Array) => (await record([b])).findings.filter((f) => !before.includes(f.text)).map((f) => f.kind);
  for (const [i, at] of offsets.slice(0, -2).entries()) {
    const next = offsets[i + 1]!;
    const missing = Buffer.concat([whole.subarray(0, at), whole.subarray(next)]);
    const doubled = Buffer.concat([whole.subarray(0, next), whole.subarray(at)]);
    expect([at, (await findings(missing)).length > 0]).toEqual([at, true]);
    expect([at, (await findings(doubled)).length > 0]).toEqual([at, true]);
    expect(await findings(whole.subarray(0, next - 3))).toContain('cut');
  }
});
