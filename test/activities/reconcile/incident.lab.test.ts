/** The command as a person uses it in an incident: tables that are not ours, writers that go on, both rules. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { reconcile } from '../../../activities/reconcile/run.ts';
import type { CliContext } from '../../../console/cli/context.ts';
import { reconcileCommand } from '../../../console/cli/reconcile.ts';
import { reconcileSchema } from '../../../core/reconcile/json-schema.ts';
import { part, REPLICATOR } from './fork.ts';
import type { Parted } from './fork.ts';

const SHOP = [
  'CREATE DATABASE shop',
  `CREATE TABLE shop.items (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, ref VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL UNIQUE,
    price DECIMAL(8,2), at DATETIME(3), tag VARCHAR(50) CHARACTER SET utf8mb4)`,
  `CREATE TABLE shop.names (name VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY, n INT)`,
];

let p: Parted;

let password: string | undefined;
async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [stdout, stderr] = [new PassThrough({ highWaterMark: 1 << 30 }), new PassThrough({ highWaterMark: 1 << 30 })];
  let code = 0;
  const ctx = {
    cwd: p.servers.dir,
    root: '/',
    cacheDir: '',
    env: { LANG: 'C.UTF-8', MYSQL_PWD: password, HOME: p.servers.dir },
    stdout,
    stderr,
    colour: false,
    tools: async () => p.servers.tools,
    exit: (c: number) => {
      code = c;
    },
  } as unknown as CliContext;
  await reconcileCommand(ctx).exitOverride().parseAsync(args, { from: 'user' });
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') };
}
const base = () => ['--old', p.old.dataDir, '--new', p.fresh.socket];

interface Printed {
  verdict: string;
  sentence: string;
  summary: { lostKeys: number; findings: { text: string }[] };
  rows: { table: string; key: string; conflict: string | null }[];
  writes: { w: string }[];
  apply?: { planned: number; changed: number; rekeyed: number; decisions: { table: string; key: string }[]; stale: unknown[]; refused: unknown[] };
}
const json = async (...args: string[]) => {
  const { code, out } = await cli(...args, '--json');
  return { code, result: reconcileSchema.parse(JSON.parse(out)) as unknown as Printed };
};

beforeAll(async () => {
  p = await part(SHOP);
  await p.old.sql(
    "INSERT INTO shop.items (ref, price, at, tag) VALUES ('old-1', -1.5, '2026-01-02 03:04:05.678', 'it\\'s ü\\n😀'), ('old-2', NULL, NULL, NULL)",
    "INSERT INTO shop.names VALUES ('Ö', 1), ('o ', 2), ('O', 3)",
  );
  await p.fresh.sql("INSERT INTO shop.items (ref, price) VALUES ('new-1', 9)", "INSERT INTO shop.names VALUES ('Ö', 10)");
}, 120_000);
afterAll(async () => p?.servers.stop());

test('writes that are missing are named, status 1; the lost set is written for other tools', async () => {
  const { code, out } = await cli(...base(), '--ledger', p.ledger, '--list', '--out', 'found');
  expect(code).toBe(1);
  expect(out).toMatch(/FAIL {2}5 acknowledged writes missing, altered or duplicated; 10 lost row changes not in place/);
  for (const w of [p.w.collidedOld, p.w.oldOnly, p.w.journalOld]) expect(out).toMatch(new RegExp(`missing +${w} .*lost in `));
  expect(out).toMatch(/not in place +drill\.acct 4 {2}update/);
  const { result } = await json(...base());
  expect(result.rows.filter((r) => r.table === 'shop.names').map((r) => [r.key, r.conflict])).toEqual([
    ['o', null],
    ['O', null],
  ]);
});

test('an account that may only read sees the same, with its password in the environment', async () => {
  const local = await json(...base(), '--ledger', p.ledger);
  password = REPLICATOR.password;
  const remote = await json('--old', p.old.dataDir, '--new', `mysql://${REPLICATOR.user}@127.0.0.1:${p.fresh.port}`, '--ledger', p.ledger);
  password = undefined;
  expect({ ...remote, result: { ...remote.result, summary: null } }).toEqual({ ...local, result: { ...local.result, summary: null } });
  const denied = cli('--old', p.old.dataDir, '--new', `mysql://${REPLICATOR.user}:wrong@127.0.0.1:${p.fresh.port}`);
  await expect(denied).rejects.toMatchObject({ code: 'DRILL_NODE_DOWN', message: expect.not.stringContaining('wrong') });
});

test('a group of an option file names the server and the account', async () => {
  writeFileSync(join(p.servers.dir, '.my.cnf'), `[fresh]\nuser = root\nsocket = ${p.fresh.socket}\n[old]\nsocket = ${p.old.socket}\n`);
  const groups = await json('--old', '@old', '--new', '@fresh', '--ledger', p.ledger);
  const files = await json(...base(), '--ledger', p.ledger);
  expect({ ...groups.result, summary: null }).toEqual({ ...files.result, summary: null });
});

test('--apply settles what the rule allows and lists what a person must decide', async () => {
  const { code, result } = await json(...base(), '--ledger', p.ledger, '--apply');
  expect(result.apply).toMatchObject({ planned: 9, changed: 9, stale: [], refused: [] });
  // items id 1 was given to two different rows: `ref` tells them apart, and nobody said that the id means nothing
  expect(result.apply!.decisions.map((d) => [d.table, d.key])).toEqual([['shop.items', 'old-1']]);
  expect(code).toBe(1);
  expect(result.writes).toEqual([]);
  const declared = await json(...base(), '--ledger', p.ledger, '--apply', '--identity', 'shop.items=ref');
  expect(declared).toMatchObject({ code: 0, result: { verdict: 'pass', apply: { planned: 1, changed: 1, rekeyed: 1, decisions: [] } } });
  const items = await p.fresh.sql('SELECT ref, CAST(price AS CHAR) price, CAST(at AS CHAR) at, tag FROM shop.items ORDER BY ref');
  expect(items).toEqual([
    { ref: 'new-1', price: '9.00', at: null, tag: null },
    { ref: 'old-1', price: '-1.50', at: '2026-01-02 03:04:05.678', tag: "it's ü\n😀" },
    { ref: 'old-2', price: null, at: null, tag: null },
  ]);
  const again = await cli(...base(), '--ledger', p.ledger, '--identity', 'shop.items=ref');
  expect(again.code).toBe(0);
  expect(again.out).toMatch(/PASS {2}lost \d+ transactions, 14 rows by net effect: all in place or settled by the rule; all 23 acknowledged writes/);
});

test('under old-wins the old side’s values come back, once, and the classes stay what they were', async () => {
  const args = [...base(), '--ledger', p.ledger, '--identity', 'shop.items=ref', '--rule', 'old-wins'];
  const before = await json(...args);
  expect(before.code).toBe(1);
  expect(before.result.rows.map((r) => `${r.table} ${r.key} ${r.conflict}`)).toEqual([
    'drill.acct 1 update/update',
    'drill.acct 2 update/delete',
    'drill.acct 3 delete/update',
    'shop.names Ö insert/insert',
  ]);
  expect(await json(...args, '--apply')).toMatchObject({
    code: 0,
    result: { apply: { planned: 4, changed: 4 }, summary: { conflicts: { 'insert/insert': 4, 'update/update': 1, 'update/delete': 1, 'delete/update': 1 } } },
  });
  expect(await json(...args, '--apply')).toMatchObject({ code: 0, result: { apply: { planned: 0 } } });
  expect(await p.fresh.sql('SELECT id, write_id FROM drill.acct WHERE id < 4')).toEqual([
    { id: '1', write_id: p.w.uuOld },
    { id: '2', write_id: p.w.udOld },
  ]);
});

test('a lost row in a table that the new side does not have is unknown, by name', async () => {
  await p.old.sql('CREATE TABLE shop.late (id INT PRIMARY KEY)', 'INSERT INTO shop.late VALUES (1)');
  const { code, out } = await cli(...base(), '--rule', 'old-wins', '--identity', 'shop.items=ref');
  expect(code).toBe(3);
  expect(out).toMatch(/shop\.late is not on the new source: its lost rows are unknown/);
});

test('--apply works beside writers: a row that they change is theirs, and no write of theirs is lost', async () => {
  await p.old.sql(...Array.from({ length: 600 }, (_, i) => `INSERT INTO drill.orders (write_id, customer, amount, note) VALUES ('many-${i}', 1, 1.00, 'x')`));
  const stop = new AbortController();
  const written: string[] = [];
  const writer = async (name: string) => {
    const c = await p.fresh.connect();
    for (let i = 0; !stop.signal.aborted; i++) {
      const w = `${name}-${i}`;
      await c.query("INSERT INTO drill.orders (write_id, customer, amount, note) VALUES (?, 1, 1.00, 'y')", [w]);
      await c.query('UPDATE drill.acct SET owner = ? WHERE id = 100', [w]);
      written.push(w);
    }
    c.destroy();
  };
  const writers = [writer('wa'), writer('wb'), writer('wc')];
  await new Promise((r) => setTimeout(r, 200));
  const { result } = await json(...base(), '--rule', 'old-wins', '--identity', 'shop.items=ref', '--apply');
  stop.abort();
  await Promise.all(writers);
  expect(result.apply).toMatchObject({ planned: 600, changed: 600, stale: [], refused: [] });
  expect(result.rows).toEqual([]);
  const count = async (like: string) => Number((await p.fresh.sql(`SELECT COUNT(*) n FROM drill.orders WHERE write_id LIKE '${like}'`))[0]!['n']);
  expect(await count('many-%')).toBe(600);
  expect(await count('w_-%')).toBe(written.length);
  expect(written.length).toBeGreaterThan(50);
}, 60_000);

test('a few thousand transactions take seconds, not minutes', async () => {
  const c = await p.old.connect();
  for (let i = 0; i < 4_000; i += 1)
    await c.query(`INSERT INTO drill.orders (write_id, customer, amount, note) VALUES ('bulk-${i}', 1, 1.00, '${'x'.repeat(64)}')`);
  c.destroy();
  const started = performance.now();
  const r = await reconcile({
    old: p.old.dataDir,
    new: p.fresh.dsn,
    rules: { conflict: 'new-wins', identity: { 'drill.orders': 'write_id' } },
  });
  const tookMs = performance.now() - started;
  expect(r.summary.lostKeys).toBeGreaterThan(4_000);
  process.stderr.write(`reconcile of ${r.summary.lostCount} lost transactions: ${Math.round(tookMs)} ms\n`);
  expect(tookMs).toBeLessThan(10_000);
}, 60_000);

test.each<[string, string[], string]>([
  ['a folder without logs', ['--old', '/etc'], 'DRILL_NO_LOGS'],
  ['a new source that does not answer', ['--new', '/nowhere.sock'], 'DRILL_NODE_DOWN'],
  ['an address without a scheme', ['--new', 'db2:3306'], 'DRILL_DSN_INVALID'],
  ['a fork that is no GTID set', ['--fork', 'binlog.000001:4'], 'DRILL_GTID_INVALID'],
  ['a ledger that is not there', ['--ledger', 'none.jsonl'], 'DRILL_LEDGER_UNREADABLE'],
])('%s is refused with its code', async (_, args, code) => {
  const all = new Map([
    ['--old', p.old.dataDir],
    ['--new', p.fresh.socket],
  ]);
  for (let i = 0; i < args.length; i += 2) all.set(args[i]!, args[i + 1]!);
  await expect(cli(...[...all].flat())).rejects.toMatchObject({ code });
});

test('a log that the index names and the folder lacks is not passed over', async () => {
  const { cpSync, rmSync } = await import('node:fs');
  await p.old.sql('FLUSH BINARY LOGS');
  const dir = join(p.servers.dir, 'partial');
  cpSync(p.old.dataDir, dir, { recursive: true, filter: (f) => f === p.old.dataDir || /binlog\.(\d+|index)$/.test(f) });
  rmSync(join(dir, 'binlog.000002'));
  await expect(cli('--old', dir, '--new', p.fresh.socket)).rejects.toMatchObject({ code: 'DRILL_NO_LOGS', message: expect.stringMatching(/binlog\.000002/) });
});
