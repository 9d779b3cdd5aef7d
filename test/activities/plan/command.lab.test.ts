/** The command, from lost transactions to a plan that mysql runs: tables without a key, triggers, foreign keys, ids that were given twice, and what a person decides. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { CliContext } from '../../../console/cli/context.ts';
import { reconcileCommand } from '../../../console/cli/reconcile.ts';
import { startServers } from '../../support/mysqld.ts';
import type { TestMysqld, TestServers } from '../../support/mysqld.ts';
import { runFile } from '../../support/plan.ts';
import { caughtUp, replicate } from '../reconcile/fork.ts';

const DDL = [
  'CREATE DATABASE shop',
  'CREATE TABLE shop.bag (a INT, f FLOAT)',
  'CREATE TABLE shop.parent (id INT PRIMARY KEY, v VARCHAR(9))',
  'CREATE TABLE shop.child (id INT PRIMARY KEY, parent INT, twice INT GENERATED ALWAYS AS (id * 2) STORED, FOREIGN KEY (parent) REFERENCES shop.parent (id) ON DELETE CASCADE)',
  'CREATE TABLE shop.log (id INT PRIMARY KEY, what VARCHAR(20))',
  'CREATE TABLE shop.watched (id INT PRIMARY KEY, v VARCHAR(9), at TIMESTAMP(3) NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3))',
  "CREATE TRIGGER shop.watch AFTER INSERT ON shop.watched FOR EACH ROW INSERT INTO shop.log VALUES (NEW.id, 'inserted')",
  'CREATE TABLE shop.refs (id INT AUTO_INCREMENT PRIMARY KEY, ref VARCHAR(9) CHARACTER SET ascii COLLATE ascii_bin NOT NULL UNIQUE)',
  'CREATE TABLE shop.ids (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(9))',
];

let servers: TestServers;
let old: TestMysqld;
let fresh: TestMysqld;

interface Printed {
  verdict: string;
  plan?: { safe: number; rule: number; person: number; digest: string };
  apply?: { changed: number; rekeyed: number; decisions: { table: string; key: string }[]; stale: unknown[]; refused: unknown[] };
  rows: { table: string; key: string }[];
}

async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [stdout, stderr] = [new PassThrough({ highWaterMark: 1 << 30 }), new PassThrough({ highWaterMark: 1 << 30 })];
  let code = 0;
  const ctx = { cwd: servers.dir, root: '/', cacheDir: '', env: { LANG: 'C.UTF-8' }, stdout, stderr, colour: false, exit: (c: number) => void (code = c) };
  await reconcileCommand(ctx as unknown as CliContext)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .parseAsync(args, { from: 'user' });
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') };
}
const base = () => ['--old', old.dataDir, '--new', fresh.socket];
const json = async (...args: string[]) => {
  const { code, out } = await cli(...base(), ...args, '--json');
  return { code, ...(JSON.parse(out) as Printed) };
};
const rows = async (sql: string): Promise<string> => (await fresh.sql(sql)).map((r) => Object.values(r).join(':')).join(' ');

beforeAll(async () => {
  servers = await startServers(['old', 'fresh'], DDL);
  [old, fresh] = servers.nodes as [TestMysqld, TestMysqld];
  await replicate(fresh, old);
  await old.sql(
    'INSERT INTO shop.bag VALUES (1, 0.1), (1, 0.1), (2, 16777217)',
    "INSERT INTO shop.parent VALUES (1, 'p')",
    'INSERT INTO shop.child (id, parent) VALUES (1, 1)',
  );
  await caughtUp(fresh, old);
  await fresh.sql('STOP REPLICA', 'RESET REPLICA ALL');
  await old.sql(
    'DELETE FROM shop.bag WHERE a = 1 LIMIT 1',
    'INSERT INTO shop.bag VALUES (3, -0e0), (3, -0e0)',
    "BEGIN; INSERT INTO shop.parent VALUES (2, 'q'); INSERT INTO shop.child (id, parent) VALUES (2, 2); COMMIT",
    'DELETE FROM shop.parent WHERE id = 1',
    "INSERT INTO shop.watched (id, v, at) VALUES (1, 'x', '2020-01-01 00:00:00.123')",
    "INSERT INTO shop.refs (ref) VALUES ('old')",
    "INSERT INTO shop.ids (v) VALUES ('old')",
  );
  await fresh.sql("INSERT INTO shop.refs (ref) VALUES ('new')", "INSERT INTO shop.ids (v) VALUES ('new')");
}, 120_000);
afterAll(async () => servers?.stop());

const file = () => join(servers.dir, 'recovery.sql');

test('--plan writes the file and changes nothing; it says what is for a person', async () => {
  const before = await fresh.sql('SELECT @@global.gtid_executed g');
  const { code, plan, verdict } = await json('--plan', 'recovery.sql', '--identity', 'shop.refs=ref');
  expect({ code, verdict, person: plan!.person }).toEqual({ code: 1, verdict: 'fail', person: 1 });
  expect(await fresh.sql('SELECT @@global.gtid_executed g')).toEqual(before);
  const text = readFileSync(file(), 'utf8');
  expect(text).toContain(plan!.digest);
  expect(text).toMatch(/needs --apply: shop\.watched has triggers/);
  expect(text).toMatch(/1 of 1 for a person to decide: shop\.ids 1/);
  expect(text).toMatch(/the old side: id = "1", v = "old"\n-- {3}the new side: id = "1", v = "new"/);
  expect(text).toMatch(/to have both, the old side’s under a new id: INSERT INTO `shop`\.`ids` \(`v`\) VALUES \(_utf8mb4'old'\);/);
  expect((await cli(...base(), '--plan', 'recovery.sql', '--identity', 'shop.refs=ref')).out).toMatch(
    /plan +\d+ safe, 1 settled by the rule, 1 for a person: recovery\.sql/,
  );
});

test('mysql runs it: rows without a key, parents and children, ids given anew; --apply does what needs it', async () => {
  const ran = await runFile(servers.tools, fresh, readFileSync(file(), 'utf8'));
  expect(ran.errors).toEqual([]);
  expect(ran.counts).toMatchObject({ stale: 0, needs_apply: 1, for_a_person: 1 });
  expect(await rows('SELECT a, CAST(f - 0e0 AS CHAR) FROM shop.bag ORDER BY a')).toBe('1:0.10000000149011612 2:16777216 3:-0 3:-0');
  expect(await rows('SELECT id, v FROM shop.parent')).toBe('2:q');
  expect(await rows('SELECT id, parent, twice FROM shop.child')).toBe('2:2:4');
  expect(await rows('SELECT id, ref FROM shop.refs ORDER BY id')).toBe('1:new 2:old');
  expect(await rows('SELECT id FROM shop.watched')).toBe('');
  const applied = await json('--apply', '--identity', 'shop.refs=ref');
  expect(applied).toMatchObject({ code: 1, apply: { stale: [], refused: [], decisions: [{ table: 'shop.ids', key: '1' }] } });
  expect(await rows("SELECT id, v, CONVERT_TZ(at, @@session.time_zone, '+00:00') FROM shop.watched")).toBe('1:x:2020-01-01 00:00:00.123');
  // the trigger's row is the one that was lost, and it is there once
  expect(await rows('SELECT * FROM shop.log')).toBe('1:inserted');
  expect(applied.rows.map((r) => `${r.table} ${r.key}`)).toEqual(['shop.ids 1']);
});

test('run again, by either: nothing changes', async () => {
  const executed = await fresh.sql('SELECT @@global.gtid_executed g');
  expect((await runFile(servers.tools, fresh, readFileSync(file(), 'utf8'))).counts.stale).toBe(0);
  expect(await json('--apply', '--identity', 'shop.refs=ref')).toMatchObject({ apply: { changed: 0 } });
  expect(await fresh.sql('SELECT @@global.gtid_executed g')).toEqual(executed);
});

test('a person’s choice, as the file words it, ends it; --drop-journal leaves nothing behind', async () => {
  const choice = /under a new id: (INSERT .*);/.exec(readFileSync(file(), 'utf8'))![1]!;
  await fresh.sql(choice);
  expect(await rows('SELECT id, v FROM shop.ids ORDER BY id')).toBe('1:new 2:old');
  expect((await fresh.sql("SHOW DATABASES LIKE 'drillbook'")).length).toBe(1);
  expect(await cli('--new', fresh.socket, '--drop-journal')).toMatchObject({ code: 0, err: expect.stringMatching(/dropped the journal/) });
  expect(await fresh.sql("SHOW DATABASES LIKE 'drillbook'")).toEqual([]);
  expect((await cli('--new', fresh.socket, '--drop-journal')).err).toMatch(/there is no journal/);
  await expect(cli('--new', fresh.socket)).rejects.toMatchObject({ message: expect.stringMatching(/required option '--old/) });
});
