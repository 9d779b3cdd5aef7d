/** Everything but rows that a real server writes: XA, savepoints, statements, DDL, tags, no GTIDs at all; relay logs; a killed server; encryption. */
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import type { Connection } from 'mysql2/promise';
import { EVENT } from '../../../core/binlog/codes.ts';
import { LogReader } from '../../../core/binlog/log.ts';
import { Verify } from '../../../core/binlog/verify.ts';
import { nodeBytes } from '../../../targets/systems/mysql/binlog/bytes.ts';
import { readFiles } from '../../../targets/systems/mysql/binlog/files.ts';
import { decode } from '../../support/corpus/decode.ts';
import type { Decoded, DecodedTx } from '../../support/corpus/decode.ts';
import { startServers } from '../../support/mysqld.ts';
import type { TestMysqld, TestServers } from '../../support/mysqld.ts';
import { printLog } from '../../support/mysqlbinlog-text.ts';

let servers: TestServers;
let source: TestMysqld;
let replica: TestMysqld;
let db: Connection;

beforeAll(async () => {
  servers = await startServers(['source', 'replica'], []);
  [source, replica] = servers.nodes as [TestMysqld, TestMysqld];
  db = await source.connect();
  await db.query("SET GLOBAL local_infile = ON, GLOBAL binlog_row_metadata = FULL, SESSION binlog_rows_query_log_events = ON, SESSION sql_mode = ''");
  await db.query('CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v VARCHAR(50)); CREATE TABLE d.u (id INT PRIMARY KEY, w INT)');
}, 60_000);

afterAll(async () => {
  db?.destroy();
  await servers?.stop();
});

async function logOf(node: TestMysqld): Promise<string> {
  const [row] = await node.sql('SHOW BINARY LOG STATUS');
  return join(node.dataDir, (row as { File: string }).File);
}

/** Runs it in a file of its own. */
async function recorded(statements: () => Promise<void>): Promise<{ log: Decoded; path: string }> {
  await db.query('FLUSH BINARY LOGS');
  const path = await logOf(source);
  await statements();
  await db.query('FLUSH BINARY LOGS');
  return { log: await decode([path]), path };
}

const says = (tx: DecodedTx): string =>
  [
    tx.end?.how ?? 'abandoned',
    ...tx.statements.map((s) => `${s.ddl ? 'ddl' : 'statement'} ${s.text.slice(0, 60)}`),
    ...tx.rows.map((r) => `${r.op} ${r.table.table} ${JSON.stringify(r.after ?? r.before)}`),
  ].join('; ');

const many = (from: number): string => Array.from({ length: 400 }, (_, i) => `(${from + i}, '${'r'.repeat(40)}')`).join();
/** As packets: a block of LOAD DATA each. */
const loaded = Array.from({ length: 4 }, (_, i) => Buffer.from(`${100_000 + i}\t${'l'.repeat(40)}\n`));
const named = (log: Decoded) => log.txs.filter((tx) => tx.gtid !== null && tx.end).map((tx) => [tx.gtid, says(tx)]);

test('transactions of every form come out as they were written, and by mysqlbinlog’s GTIDs', async () => {
  const { log, path } = await recorded(async () => {
    await db.query("INSERT INTO d.t VALUES (1, 'one'), (2, 'zwei ü')");
    await db.query(
      "BEGIN; INSERT INTO d.t VALUES (3, 'three'); SAVEPOINT s; INSERT INTO d.t VALUES (4, 'gone'); ROLLBACK TO s; UPDATE d.t SET v = 'kept' WHERE id = 3; COMMIT",
    );
    await db.query('INSERT INTO d.u VALUES (1, 10), (2, 20)');
    await db.query("UPDATE d.t, d.u SET v = 'both', w = w + 1 WHERE d.t.id = d.u.id AND d.t.id = 1");
    await db.query('DELETE d.t, d.u FROM d.t JOIN d.u USING (id) WHERE id = 2');
    await db.query({ sql: "LOAD DATA LOCAL INFILE 'x' INTO TABLE d.t", infileStreamFactory: () => Readable.from([Buffer.from('7\tsieben\n8\t\\N\n')]) });
    await db.query("XA START 'x','b',7; INSERT INTO d.t VALUES (5, 'xa'); XA END 'x','b',7; XA PREPARE 'x','b',7; XA COMMIT 'x','b',7");
    await db.query("XA START 'y'; INSERT INTO d.t VALUES (6, 'xa'); XA END 'y'; XA PREPARE 'y'; XA ROLLBACK 'y'");
    await db.query("XA START 'z'; INSERT INTO d.t VALUES (9, 'one phase'); XA END 'z'; XA COMMIT 'z' ONE PHASE");
    await db.query("SET binlog_format = STATEMENT; UPDATE d.t SET v = 'by statement' WHERE id = 1; SET binlog_format = ROW");
    await db.query('SET binlog_format = STATEMENT');
    await db.query({ sql: "LOAD DATA LOCAL INFILE 'y' INTO TABLE d.t", infileStreamFactory: () => Readable.from(loaded) });
    await db.query('SET binlog_format = ROW');
    await db.query('CREATE TABLE d.s SELECT id FROM d.t WHERE id < 4');
    await db.query("SET gtid_next = 'AUTOMATIC:a_tag'; DELETE FROM d.s WHERE id = 1; SET gtid_next = 'AUTOMATIC'");
    await db.query('ALTER TABLE d.t ADD x INT; TRUNCATE d.u; DROP TABLE d.s');
  });
  expect(log.txs.map(says)).toEqual([
    'xid; insert t ["1","one"]; insert t ["2","zwei ü"]',
    'xid; insert t ["3","three"]; update t ["3","kept"]',
    'xid; insert u ["1","10"]; insert u ["2","20"]',
    'xid; update t ["1","both"]; update u ["1","11"]',
    'xid; delete t ["2","zwei ü"]; delete u ["2","20"]',
    'xid; insert t ["7","sieben"]; insert t ["8",null]',
    'xa-prepare; insert t ["5","xa"]',
    'xa-commit',
    'xa-prepare; insert t ["6","xa"]',
    'xa-rollback',
    'commit; insert t ["9","one phase"]',
    "xid; statement UPDATE d.t SET v = 'by statement' WHERE id = 1",
    expect.stringMatching(/^xid; statement LOAD DATA LOCAL INFILE 'y' IGNORE INTO TABLE `d`.`t`/),
    expect.stringMatching(/^xid; ddl CREATE TABLE .*; insert s \["1"\]; insert s \["3"\]$/s),
    'xid; delete s ["1"]',
    'ddl; ddl ALTER TABLE d.t ADD x INT',
    'ddl; ddl TRUNCATE d.u',
    expect.stringMatching(/^ddl; ddl DROP TABLE /),
  ]);
  expect(log.txs.map((tx) => tx.end?.branch).filter(Boolean)).toEqual(
    ["'x','b',7", "'x','b',7", "'y','',1", "'y','',1", expect.stringMatching(/^('z','',1)?$/)].slice(0, log.txs.filter((tx) => tx.end?.branch).length),
  );
  expect(log.txs[1]!.rows.map((r) => r.rowsQuery)).toEqual(["INSERT INTO d.t VALUES (3, 'three')", "UPDATE d.t SET v = 'kept' WHERE id = 3"]);
  expect(log.txs.filter((tx) => tx.kind === 'tagged').map((tx) => tx.gtid)).toEqual([expect.stringMatching(/^[-0-9a-f]{36}:a_tag:1$/)]);
  expect(log.findings.map((f) => f.kind)).toEqual(['statement', 'statement']);
  const { BEGIN_LOAD_QUERY, APPEND_BLOCK, EXECUTE_LOAD_QUERY } = EVENT;
  expect([BEGIN_LOAD_QUERY, APPEND_BLOCK, EXECUTE_LOAD_QUERY].map((type) => (log.events.get(type) ?? 0) > 0)).toEqual([true, true, true]);
  expect(log.txs.map((tx) => tx.gtid)).toEqual((await printLog([servers.tools.mysqlbinlog], path)).gtids);
}, 60_000);

test('relay logs of a replica: small files, groups that go over their ends, checksums that change, a restarted receiver', async () => {
  await replica.kill();
  await replica.start(['--relay-log-purge=OFF', '--max-relay-log-size=4096', '--replica-parallel-workers=1']);
  await source.sql("CREATE USER IF NOT EXISTS r IDENTIFIED BY 'r'; GRANT REPLICATION SLAVE ON *.* TO r");
  await replica.sql(
    `CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=${source.port}, SOURCE_USER='r', SOURCE_PASSWORD='r', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1`,
  );
  const caughtUp = async () => {
    const [set] = await source.sql('SELECT @@gtid_executed AS s');
    const [waited] = await replica.sql(`SELECT WAIT_FOR_EXECUTED_GTID_SET('${(set as { s: string }).s.replaceAll('\n', '')}', 20) AS w`);
    expect((waited as { w: string }).w).toBe('0');
  };
  await replica.sql('START REPLICA');
  await db.query(`BEGIN; INSERT INTO d.t (id, v) VALUES ${many(1_000)}; INSERT INTO d.t (id, v) VALUES ${many(2_000)}; COMMIT`);
  await caughtUp();
  await db.query('SET GLOBAL binlog_checksum = NONE');
  await db.query(`INSERT INTO d.t (id, v) VALUES ${many(3_000)}`);
  await caughtUp();
  await replica.sql('STOP REPLICA IO_THREAD');
  await db.query('SET GLOBAL binlog_checksum = CRC32');
  await db.query("UPDATE d.t SET v = 'after' WHERE id >= 3390; DELETE FROM d.t WHERE id = 3399");
  await replica.sql('START REPLICA IO_THREAD');
  await caughtUp();
  await replica.sql('STOP REPLICA');
  const index = (await readFile(join(replica.dataDir, 'relay.index'), 'utf8')).trim().split('\n');
  const relayed = await decode(index.map((name) => join(replica.dataDir, name)));
  const binlogs = (await readdir(source.dataDir)).filter((name) => /^binlog\.\d+$/.test(name)).toSorted((a, b) => a.localeCompare(b));
  const written = await decode(binlogs.map((name) => join(source.dataDir, name)));
  expect(index.length).toBeGreaterThan(5);
  expect(new Set(relayed.formats.map((f) => f.checksums))).toEqual(new Set([true, false]));
  expect(relayed.formats.every((f) => f.relay)).toBe(true);
  expect(named(relayed)).toEqual(named(written));
  expect(relayed.findings.filter((f) => f.level === 'damage')).toEqual([]);
  expect(relayed.txs.reduce((n, tx) => n + tx.rows.length, 0)).toBeGreaterThan(1_200);
}, 120_000);

test('anonymous transactions are no GTIDs, and what comes before and behind them keeps its own', async () => {
  const { log } = await recorded(async () => {
    await db.query("INSERT INTO d.t (id, v) VALUES (20, 'named')");
    for (const mode of ['ON_PERMISSIVE', 'OFF_PERMISSIVE']) await db.query(`SET GLOBAL gtid_mode = ${mode}`);
    await db.query("INSERT INTO d.t (id, v) VALUES (21, 'anonymous')");
    for (const mode of ['ON_PERMISSIVE', 'ON']) await db.query(`SET GLOBAL gtid_mode = ${mode}`);
    await db.query("INSERT INTO d.t (id, v) VALUES (22, 'named again')");
  });
  // each change of the mode begins a new file
  const folder = source.dataDir;
  const names = (await readdir(folder)).filter((name) => /^binlog\.\d+$/.test(name)).toSorted((a, b) => a.localeCompare(b));
  const all = await decode(names.slice(names.indexOf(log.formats[0]!.file.split('/').at(-1)!)).map((name) => join(folder, name)));
  expect(all.txs.map((tx) => `${tx.kind} ${tx.gtid === null ? '' : 'gtid'} ${says(tx)}`)).toEqual([
    'gtid gtid xid; insert t ["20","named",null]',
    'anonymous  xid; insert t ["21","anonymous",null]',
    'gtid gtid xid; insert t ["22","named again",null]',
  ]);
  expect(all.findings.map((f) => f.kind)).toEqual(['in-use']);
}, 60_000);

/** What verify finds, without its notes. */
const told = async (paths: string[]) => {
  const verify = new Verify();
  await readFiles(paths, new LogReader(verify, { bytes: nodeBytes, rows: 'visit', checksums: 'all' }));
  verify.finish();
  return verify.inventory.findings.kept.filter((f) => f.level !== 'note').map((f) => `${f.kind} ${f.file} ${f.text.replace(/^.*: /s, '')}`);
};

test('GTIDs that were set as purged are no hole; a file that was deleted is one, not damage', async () => {
  await db.query('FLUSH BINARY LOGS');
  const first = await logOf(source);
  const files = [first];
  for (const statement of [
    'INSERT INTO d.u VALUES (50, 1)',
    "SET GLOBAL gtid_purged = '+11111111-1111-1111-1111-111111111111:1-5'",
    'INSERT INTO d.u VALUES (51, 1)',
  ]) {
    await db.query(statement);
    await db.query('FLUSH BINARY LOGS');
    files.push(await logOf(source));
  }
  await db.query('INSERT INTO d.u VALUES (52, 1)');
  const name = (i: number) => basename(files[i]!);
  expect(await told(files)).toEqual([]);
  // of the two that were deleted one held a transaction
  expect(await told([files[0]!, files[3]!])).toEqual([expect.stringMatching(new RegExp(`^gap ${name(3)} [-0-9a-f]+:\\d+$`))]);
}, 60_000);

test('a server killed in the middle of its work leaves whole transactions, and a note', async () => {
  await db.query('FLUSH BINARY LOGS');
  const path = await logOf(source);
  await db.query("INSERT INTO d.t (id, v) VALUES (100, 'before')");
  const busy = (async () => {
    for (let i = 0; ; i++) await db.query(`INSERT INTO d.t (id, v) VALUES (${10_000 + i}, REPEAT('k', 50))`);
  })().catch(() => {});
  await new Promise((r) => setTimeout(r, 200));
  await source.kill();
  await busy;
  const log = await decode([path]);
  expect(log.findings.filter((f) => f.kind === 'in-use')).toHaveLength(1);
  expect(log.findings.filter((f) => !['in-use', 'cut'].includes(f.kind))).toEqual([]);
  expect(log.txs[0]!.rows[0]!.after).toEqual(['100', 'before', null]);
  expect(log.txs.length).toBeGreaterThan(5);
  // cut inside the last event: what was whole stays, and the finding says how far it goes
  const cut = join(servers.dir, 'cut');
  const bytes = await readFile(path);
  await writeFile(cut, bytes.subarray(0, log.txs.at(-1)!.end!.endOffset - 10));
  const shorter = await decode([cut]);
  expect(shorter.txs.filter((tx) => tx.end).map((tx) => tx.gtid)).toEqual(log.txs.slice(0, -1).map((tx) => tx.gtid));
  expect(shorter.findings.find((f) => f.kind === 'cut')?.text).toContain(log.txs.at(-2)!.gtid!);
}, 60_000);

test('an encrypted log is refused by name', async () => {
  await replica.kill();
  // the keyring is a component: the server looks for its name beside itself, which is here, and for its settings among the plugins
  const home = join(servers.dir, 'keyring');
  const plugins = join(home, 'plugins');
  const own = join(servers.tools.mysqlBasedir, 'lib/mysql/plugin');
  await mkdir(plugins, { recursive: true });
  for (const name of await readdir(own)) await symlink(join(own, name), join(plugins, name));
  await writeFile(join(home, 'mysqld.my'), '{"components": "file://component_keyring_file"}', { mode: 0o444 });
  await writeFile(join(plugins, 'component_keyring_file.cnf'), JSON.stringify({ path: join(home, 'keys'), read_only: false }));
  await replica.start([`--plugin-dir=${plugins}`, '--binlog-encryption=ON', '--skip-replica-start'], home);
  await replica.sql("INSERT INTO d.t (id, v) VALUES (77777, 'secret')");
  const log = await decode([await logOf(replica)]);
  expect(log.txs).toEqual([]);
  expect(log.findings.map((f) => f.kind)).toEqual(['encrypted']);
  expect(log.findings[0]!.level).toBe('unknown');
}, 60_000);
