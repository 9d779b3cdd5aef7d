/** The whole incident on MariaDB, with accounts that have no more than they need: what was lost, a plan that mariadb --force runs twice, --apply, all in place. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { CliContext } from '../../../console/cli/context.ts';
import { reconcileCommand } from '../../../console/cli/reconcile.ts';
import type { GtidSet } from '../../../core/gtid.ts';
import { executedOf, withConnection } from '../../../targets/systems/mysql/dsn.ts';
import { DIALECTS } from '../../support/controls-dialect.ts';
import { startMariadbs } from '../../support/mariadb-servers.ts';
import type { MariadbNode, MariadbServers } from '../../support/mariadb-servers.ts';
import { runFile } from '../../support/plan.ts';

const DDL = [
  'CREATE DATABASE shop',
  'CREATE TABLE shop.ids (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(9))',
  'CREATE TABLE shop.refs (id INT AUTO_INCREMENT PRIMARY KEY, ref VARCHAR(9) CHARACTER SET ascii COLLATE ascii_bin NOT NULL UNIQUE)',
  'CREATE TABLE shop.rows (id INT PRIMARY KEY, doc JSON, u UUID, f FLOAT, d DOUBLE(20,3), n VARCHAR(20) COLLATE utf8mb4_uca1400_ai_ci, hidden INT INVISIBLE DEFAULT 5, twice INT AS (id * 2) STORED)',
  'CREATE TABLE shop.bag (a INT, f FLOAT)',
  'CREATE TABLE shop.log (id INT PRIMARY KEY, what VARCHAR(20))',
  'CREATE TABLE shop.watched (id INT PRIMARY KEY, v VARCHAR(9))',
  "CREATE TRIGGER shop.watch AFTER INSERT ON shop.watched FOR EACH ROW INSERT INTO shop.log VALUES (NEW.id, 'inserted')",
  "CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'r'",
  "GRANT SELECT, TRIGGER, REPLICATION SLAVE ON *.* TO reader@'127.0.0.1'",
  "CREATE USER mender@'127.0.0.1' IDENTIFIED BY 'm'",
  "GRANT SELECT, TRIGGER, REPLICATION SLAVE, INSERT, UPDATE, DELETE, BINLOG REPLAY ON *.* TO mender@'127.0.0.1'",
  "GRANT ALL ON drillbook.* TO mender@'127.0.0.1'",
];
const dialect = DIALECTS.mariadb;

let servers: MariadbServers;
let old: MariadbNode;
let fresh: MariadbNode;

interface Printed {
  verdict: string;
  sentence: string;
  summary: { fork: { set: string }; lost: string; conflicts: Record<string, number> };
  plan?: { safe: number; rule: number; person: number };
  apply?: { changed: number; already: number; stale: unknown[]; refused: unknown[]; decisions: { table: string; key: string }[] };
  rows: { table: string; key: string }[];
}

async function reconcile(user: 'reader' | 'mender', ...args: string[]): Promise<Printed & { code: number }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  let code = 0;
  const ctx = { cwd: servers.dir, root: '/', cacheDir: '', env: { LANG: 'C.UTF-8' }, stdout, stderr, colour: false, exit: (c: number) => void (code = c) };
  const dsn = `mysql://${user}:${user[0]!}@127.0.0.1:${fresh.port}`;
  await reconcileCommand(ctx as unknown as CliContext)
    .exitOverride()
    .parseAsync(['--old', old.dataDir, '--new', dsn, '--identity', 'shop.refs=ref', '--json', ...args], { from: 'user' });
  return { code, ...(JSON.parse(String(stdout.read())) as Printed) };
}
const rows = async (sql: string): Promise<string> => (await fresh.sql(sql)).map((r) => Object.values(r).join(':')).join(' ');
const position = async (): Promise<string> => rows('SELECT @@gtid_binlog_state');
/** The last number of the last server. */
const numberOf = (set: GtidSet): number => set.intervals().at(-1)![1].at(-1)![1] - 1;
const LEFT = [{ table: 'shop.ids', key: '1' }];

beforeAll(async () => {
  servers = await startMariadbs(['old', 'fresh'], DDL);
  [old, fresh] = servers.nodes as [MariadbNode, MariadbNode];
  await fresh.sql(dialect.follow(old), 'START REPLICA');
  await old.sql(
    `INSERT INTO shop.rows (id, doc, u, f, d, n) VALUES (1, '{"a": 1.50}', '6ccd780c-baba-1026-9564-5b8c656024db', 0.1, 1.125, 'Straße'), (2, '[]', NULL, 1, 1, 'b')`,
    'INSERT INTO shop.bag VALUES (1, 0.1), (1, 0.1)',
    'FLUSH BINARY LOGS',
  );
  expect(await dialect.wait(fresh, await dialect.executed(old))).toBe(true);
  await fresh.sql('STOP REPLICA', 'RESET REPLICA ALL');
  await old.sql(
    `UPDATE shop.rows SET doc = '{"a": 2}', f = 16777217, d = 123456789.125, n = 'old' WHERE id = 1`,
    `INSERT INTO shop.rows (id, doc, u, f, d, n, hidden) VALUES (3, '{ "kept" : "as written" }', 'ffffffff-ffff-5fff-bfff-ffffffffff00', -1e-50, -2e-3, 'STRASSE', 7)`,
    'DELETE FROM shop.rows WHERE id = 2',
    'DELETE FROM shop.bag WHERE a = 1 LIMIT 1',
    "BEGIN; INSERT INTO shop.watched VALUES (1, 'x'); INSERT INTO shop.bag VALUES (3, 3); COMMIT",
    "INSERT INTO shop.refs (ref) VALUES ('old')",
    "INSERT INTO shop.ids (v) VALUES ('old')",
  );
  // the same numbers, by another server: without strict mode nobody minds
  await fresh.sql(
    "UPDATE shop.rows SET n = 'new' WHERE id = 1",
    "INSERT INTO shop.refs (ref) VALUES ('new')",
    "INSERT INTO shop.ids (v) VALUES ('new')",
    "UPDATE shop.rows SET n = 'c' WHERE id = 2",
  );
}, 120_000);
afterAll(async () => servers?.stop());

test('what was lost, by an account that can only read', async () => {
  const seen = await reconcile('reader', '--rule', 'old-wins', '--plan', 'recovery.sql');
  expect(seen).toMatchObject({ code: 1, verdict: 'fail', plan: { person: 1 }, summary: { fork: { set: '0-1:1-2' }, lost: '0-1:3-9' } });
  expect(seen.summary.conflicts).toMatchObject({ 'update/update': 1, 'delete/update': 1, 'insert/insert': 2 });
  expect(new Set(seen.rows.map((r) => r.table))).toEqual(new Set(['shop.rows', 'shop.bag', 'shop.watched', 'shop.log', 'shop.refs', 'shop.ids']));
  expect(await rows("SHOW DATABASES LIKE 'drillbook'")).toBe('');
});

test('mariadb --force runs the plan, twice; a plan for another server does nothing', async () => {
  const text = readFileSync(join(servers.dir, 'recovery.sql'), 'utf8');
  const other = text.replaceAll(`/${fresh.port}/`, '/1/');
  expect(other).not.toBe(text);
  expect((await runFile(servers.programs, fresh, other)).counts).toMatchObject({ applied: 0, already: 0 });
  const first = await runFile(servers.programs, fresh, text);
  expect(first).toMatchObject({ errors: [], counts: { stale: 0, needs_apply: 1, for_a_person: 1 } });
  const is = await position();
  expect((await runFile(servers.programs, fresh, text)).counts).toEqual(first.counts);
  expect(await position()).toBe(is);
  expect(await rows('SELECT id, CAST(doc AS CHAR), u, CAST(f - 0e0 AS CHAR), d, n, hidden, twice FROM shop.rows')).toBe(
    '1:{"a": 2}:6ccd780c-baba-1026-9564-5b8c656024db:16777216:123456789.125:old:5:2 3:{ "kept" : "as written" }:ffffffff-ffff-5fff-bfff-ffffffffff00:0:-0.002:STRASSE:7:6',
  );
  expect(await rows('SELECT id, ref FROM shop.refs ORDER BY id')).toBe('1:new 2:old');
});

test('--apply does the rest, and then finds nothing to do', async () => {
  const applied = await reconcile('mender', '--rule', 'old-wins', '--apply');
  expect(applied).toMatchObject({ code: 1, apply: { stale: [], refused: [], decisions: LEFT } });
  expect(applied.rows).toMatchObject(LEFT);
  // the trigger's row is the one that was lost, and it is there once
  expect(await rows('SELECT * FROM shop.log')).toBe('1:inserted');
  expect(await rows('SELECT a, f FROM shop.bag ORDER BY a')).toBe('1:0.1 3:3');
  const is = await position();
  expect(await reconcile('mender', '--rule', 'old-wins', '--apply')).toMatchObject({ apply: { changed: 0 } });
  expect(await position()).toBe(is);
  // a person's choice, as the file words it
  const choice = /under a new id: (INSERT .*);/.exec(readFileSync(join(servers.dir, 'recovery.sql'), 'utf8'))![1]!;
  await fresh.sql(choice);
  expect(await rows('SELECT id, v FROM shop.ids ORDER BY id')).toBe('1:new 2:old');
});

test('a fork that a person names as the position of the promotion; from the running old source too', async () => {
  expect(await reconcile('reader', '--rule', 'old-wins', '--fork', '0-1-2', '--old', old.socket)).toMatchObject({
    summary: { fork: { set: '0-1:1-2' }, lost: '0-1:3-9' },
    rows: LEFT,
  });
  await expect(reconcile('reader', '--fork', '0-1-99')).rejects.toMatchObject({ code: 'DRILL_FORK_UNKNOWN' });
});

test('relay logs beside the old source’s own are refused by name', async () => {
  await expect(reconcile('reader', '--relay', fresh.dataDir)).rejects.toMatchObject({ code: 'DRILL_RELAY_UNSUPPORTED' });
});

test('--nodes cannot be told, by name: never equal', async () => {
  const recovered = ['--rule', 'old-wins', '--identity', 'shop.ids=v'];
  expect(await reconcile('reader', ...recovered)).toMatchObject({ code: 0, verdict: 'pass' });
  const seen = await reconcile('reader', ...recovered, '--nodes', old.socket);
  expect(seen).toMatchObject({ code: 3, verdict: 'unknown', sentence: expect.stringContaining('is MariaDB') });
});

test('what a server has executed, beside writers: visible rows are visible, and the logged ones are all', async () => {
  await fresh.sql('CREATE TABLE shop.hot (id INT AUTO_INCREMENT PRIMARY KEY)', 'SET GLOBAL sync_binlog = 1');
  const base = Number((await position()).split('-').at(-1));
  const stop = new AbortController();
  const write = async () => {
    const c = await fresh.connect();
    while (!stop.signal.aborted) await c.query('INSERT INTO shop.hot () VALUES ()');
    c.destroy();
  };
  const writers = [write(), write(), write()];
  const wrong = { state: 0, visible: 0, logged: 0 };
  await withConnection(fresh.dsn, async (c) => {
    const ask = async (sql: string) => Object.values(((await c.query(sql)) as unknown as [[Record<string, string | number>]])[0][0])[0]!;
    // every transaction is one row from here on
    const rowsNow = async () => Number(await ask('SELECT COUNT(*) FROM shop.hot'));
    for (const end = Date.now() + 2_000; Date.now() < end;) {
      const state = Number(
        String(await ask('SELECT @@gtid_binlog_state'))
          .split('-')
          .at(-1),
      );
      if ((await rowsNow()) < state - base) wrong.state++;
      const { visible } = await executedOf(c);
      const seen = await rowsNow();
      if (seen < numberOf(visible) - base) wrong.visible++;
      if (numberOf((await executedOf(c)).logged) - base < seen) wrong.logged++;
    }
  });
  stop.abort();
  await Promise.all(writers);
  // what the server says of its log comes before the rows: taken for what is visible, it would have been wrong
  expect(wrong).toMatchObject({ visible: 0, logged: 0 });
  expect(wrong.state).toBeGreaterThan(0);
}, 60_000);
