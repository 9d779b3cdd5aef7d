/** Are nodes equal, row by row: with two real servers that replicate, every kind of table, and writers that go on. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { converge } from '../../../activities/reconcile/converge.ts';
import type { ConvergeOptions } from '../../../activities/reconcile/converge.ts';
import { closeNodes, openNodes } from '../../../activities/reconcile/converge-nodes.ts';
import type { ProofNode } from '../../../activities/reconcile/converge-nodes.ts';
import { provePlans } from '../../../activities/reconcile/converge-passes.ts';
import { readPlans } from '../../../activities/reconcile/converge-read.ts';
import type { Convergence } from '../../../core/bundle.ts';
import type { ComparePlan } from '../../../targets/systems/mysql/compare/plan.ts';
import { startServers } from '../../support/mysqld.ts';
import type { TestMysqld, TestServers } from '../../support/mysqld.ts';
import { startWriter } from '../../support/writer.ts';
import { caughtUp, replicate } from './fork.ts';

const ROWS = 20_000;
const series = (rows: number) => `WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})`;
const DDL = [
  'SET SESSION cte_max_recursion_depth = 1000000',
  'CREATE DATABASE c',
  `CREATE TABLE c.big (id INT PRIMARY KEY, k INT NOT NULL, f FLOAT, pad VARCHAR(100), hot INT NOT NULL DEFAULT 0, doc JSON, twice INT AS (k * 2) VIRTUAL, thrice INT AS (k * 3) STORED)`,
  `INSERT INTO c.big (id, k, f, pad, doc) ${series(ROWS)} SELECT i, i % 7, i / 7, REPEAT('x', i % 90), JSON_OBJECT('n', i / 3, 'b', i) FROM n`,
  'CREATE TABLE c.two (a VARCHAR(20) COLLATE utf8mb4_general_ci, b DATETIME(3), c CHAR(9) CHARACTER SET gbk, e ENUM("", "x"), bits BIT(9), PRIMARY KEY (a, b))',
  `INSERT INTO c.two ${series(500)} SELECT CONCAT('Key ', i), '2026-01-01 00:00:00.125' + INTERVAL i SECOND, 'x', '', i FROM n`,
  'CREATE TABLE c.bag (v INT, w VARCHAR(20), f FLOAT)',
  `INSERT INTO c.bag ${series(400)} SELECT i % 100, IF(i % 3, 'w', NULL), i / 7 FROM n`,
  'SET SESSION sql_generate_invisible_primary_key = 1',
  'CREATE TABLE c.hidden (v INT)',
  `INSERT INTO c.hidden (v) ${series(50)} SELECT i FROM n`,
];
const TABLES = ['c.big', 'c.two', 'c.bag', 'c.hidden'];

let servers: TestServers;
let a: TestMysqld;
let b: TestMysqld;
let nodes: ConvergeOptions['nodes'];

beforeAll(async () => {
  servers = await startServers(['a', 'b'], DDL);
  [a, b] = servers.nodes as [TestMysqld, TestMysqld];
  nodes = servers.nodes.map((n) => ({ name: n.name, dsn: n.dsn }));
  await replicate(b, a);
}, 120_000);
afterAll(() => servers?.stop());

const prove = (more: Partial<ConvergeOptions> = {}): Promise<Convergence> =>
  converge({ nodes, tables: TABLES, identity: {}, catchUpMs: 10_000, settleMs: 20_000, ...more });

/** On one server, past the log. */
const plant = (server: TestMysqld, ...statements: string[]) => server.sql('SET SESSION sql_log_bin = 0', "SET SESSION sql_mode = ''", ...statements);

const named = (c: Convergence) => c.differences.map((d) => [d.table, d.key, d.nodes['a'] !== null, d.nodes['b'] !== null] as const);

test('equal tables of every kind are equal, whichever way they are compared, and digests say so', async () => {
  // both sides count an invisible key up on their own
  await plant(b, 'SET SESSION show_gipk_in_create_table_and_information_schema = ON', 'UPDATE c.hidden SET my_row_id = my_row_id + 1000');
  for (const method of ['rows', 'sha256'] as const) {
    const c = await prove({ method });
    expect(c).toMatchObject({ equal: true, differences: [], tables: ['drill.orders', 'drill.acct', 'drill.journal', ...TABLES] });
    expect(c.nodes[0]!.rows).toBeGreaterThan(ROWS + 500);
    expect(c.nodes[1]!.rows).toBe(c.nodes[0]!.rows);
    expect(c.nodes[0]!.digest).toBe(c.nodes[1]!.digest);
  }
}, 60_000);

interface Plant {
  what: string;
  on: 'a' | 'b';
  sql: string;
  undo: string;
  names: [table: string, key: string | RegExp, onA: boolean, onB: boolean][];
}
const PLANTS: Plant[] = [
  {
    what: 'one byte',
    on: 'b',
    sql: "UPDATE c.big SET pad = CONCAT('y', SUBSTR(pad, 2)) WHERE id = 12345",
    undo: "UPDATE c.big SET pad = CONCAT('x', SUBSTR(pad, 2)) WHERE id = 12345",
    names: [['c.big', '12345', true, true]],
  },
  {
    what: 'two floats that print alike',
    on: 'b',
    sql: 'UPDATE c.big SET f = 804924.6875 WHERE id = 7',
    undo: 'UPDATE c.big SET f = 7 / 7 WHERE id = 7',
    names: [['c.big', '7', true, true]],
  },
  {
    what: 'the sign of a zero',
    on: 'b',
    sql: 'UPDATE c.big SET f = -0e0 WHERE id = 9',
    undo: 'UPDATE c.big SET f = 9 / 7 WHERE id = 9',
    names: [['c.big', '9', true, true]],
  },
  {
    what: 'trailing spaces',
    on: 'b',
    sql: "UPDATE c.big SET pad = CONCAT(pad, ' ') WHERE id = 90",
    undo: 'UPDATE c.big SET pad = RTRIM(pad) WHERE id = 90',
    names: [['c.big', '90', true, true]],
  },
  {
    what: 'a key that its collation calls equal',
    on: 'b',
    sql: "UPDATE c.two SET a = 'KEY 17 ' WHERE a = 'key 17'",
    undo: "UPDATE c.two SET a = 'Key 17' WHERE a = 'key 17'",
    names: [['c.two', /^\["(Key 17|KEY 17 )","2026-01-01 00:00:17.125"\]$/, true, true]],
  },
  {
    what: 'an ENUM that refused a value',
    on: 'b',
    sql: "UPDATE IGNORE c.two SET e = 'nothing' WHERE a = 'key 3'",
    undo: "UPDATE c.two SET e = '' WHERE a = 'key 3'",
    names: [['c.two', /Key 3"/, true, true]],
  },
  {
    what: 'extra rows on each side',
    on: 'b',
    sql: 'INSERT INTO c.big (id, k) VALUES (-5, 1), (500000, 2)',
    undo: 'DELETE FROM c.big WHERE id IN (-5, 500000)',
    names: [
      ['c.big', '-5', false, true],
      ['c.big', '500000', false, true],
    ],
  },
  {
    what: 'rows that are missing',
    on: 'b',
    sql: 'DELETE FROM c.big WHERE id IN (1, 777, 778)',
    undo: `INSERT INTO c.big (id, k, f, pad, doc) ${series(800)} SELECT i, i % 7, i / 7, REPEAT('x', i % 90), JSON_OBJECT('n', i / 3, 'b', i) FROM n WHERE i IN (1, 777, 778)`,
    names: [
      ['c.big', '1', true, false],
      ['c.big', '777', true, false],
      ['c.big', '778', true, false],
    ],
  },
  {
    what: 'one of several equal rows',
    on: 'b',
    sql: "DELETE FROM c.bag WHERE v = 5 AND w = 'w' LIMIT 1",
    undo: 'INSERT INTO c.bag SELECT 5, "w", f FROM (SELECT 5 / 7 f) d',
    names: [['c.bag', /rows of hash/, true, false]],
  },
  {
    what: 'a value under a generated key',
    on: 'b',
    sql: 'UPDATE c.hidden SET v = 1000 WHERE v = 8',
    undo: 'UPDATE c.hidden SET v = 8 WHERE v = 1000',
    names: [
      ['c.hidden', /rows of hash/, false, true],
      ['c.hidden', /rows of hash/, true, false],
    ],
  },
];

const places = (list: readonly (readonly [string, unknown, boolean, boolean])[]) => list.map(([table, , onA, onB]) => `${table} ${onA} ${onB}`).sort();

test.each(PLANTS)(
  '$what: found and named',
  async ({ on, sql, undo, names }) => {
    const server = on === 'a' ? a : b;
    if (sql.includes('804924')) await plant(a, 'UPDATE c.big SET f = 804925 WHERE id = 7');
    await plant(server, ...sql.split('; '));
    for (const method of ['rows', 'sha256'] as const) {
      const c = await prove({ method });
      expect(c.equal).toBe(false);
      expect(c.nodes[0]!.digest).not.toBe(c.nodes[1]!.digest);
      const seen = named(c);
      expect(places(seen)).toEqual(places(names));
      for (const [, key] of names) expect(seen.map((d) => d[1])).toContainEqual(typeof key === 'string' ? key : expect.stringMatching(key));
    }
    await plant(server, undo);
    if (sql.includes('804924')) await plant(a, undo);
  },
  60_000,
);

test('zeroes of both signs print apart', async () => {
  await plant(a, 'UPDATE c.big SET f = 0 WHERE id = 9');
  await plant(b, 'UPDATE c.big SET f = -0e0 WHERE id = 9');
  expect(named(await prove({ method: 'sha256' }))).toEqual([['c.big', '9', true, true]]);
  expect(named(await prove({ method: 'rows' }))).toEqual([['c.big', '9', true, true]]);
  for (const server of [a, b]) await plant(server, 'UPDATE c.big SET f = 9 / 7 WHERE id = 9');
}, 60_000);

/** Writes to ids 1 to 50 and, now and then, deletes and inserts beyond them. */
const writes = (n: number): string => {
  const beyond = 300_000 + Math.floor(n / 10);
  if (n % 10 === 9) return `DELETE FROM c.big WHERE id = ${beyond}`;
  if (n % 10 === 5) return `REPLACE INTO c.big (id, k) VALUES (${beyond}, ${n})`;
  return `UPDATE c.big SET hot = hot + 1, k = ${n} WHERE id = ${1 + (n % 50)}`;
};

test.each(['FULL', 'MINIMAL'])(
  'a proof beside a writer is right (row images %s)',
  async (image) => {
    const writer = await startWriter(a, 500, writes, [`SET SESSION binlog_row_image = ${image}`]);
    try {
      for (let i = 0; i < 2; i++) expect(await prove({ tables: ['c.big', 'c.two'] })).toMatchObject({ equal: true, differences: [] });
      await plant(b, 'UPDATE c.big SET pad = "planted" WHERE id = 15000');
      const found = await prove({ tables: ['c.big', 'c.two'] });
      expect([found.equal, named(found)]).toEqual([false, [['c.big', '15000', true, true]]]);
      await plant(b, "UPDATE c.big SET pad = REPEAT('x', 15000 % 90) WHERE id = 15000");
      // a key that is always being written
      await plant(b, 'UPDATE c.big SET pad = "planted" WHERE id = 3');
      const hot = await prove({ tables: ['c.big', 'c.two'] });
      if (image === 'MINIMAL') expect([hot.equal, named(hot)]).toEqual([false, [['c.big', '3', true, true]]]);
      // the next write has put the whole row in its place
      else expect(hot).toMatchObject({ equal: true, differences: [] });
      await plant(b, 'UPDATE c.big SET pad = "xxx" WHERE id = 3');
    } finally {
      await writer.stop();
    }
    expect(writer.written()).toBeGreaterThan(50);
  },
  60_000,
);

test('a replica that is always a second behind is equal: what is being written is settled by its images', async () => {
  await caughtUp(b, a);
  await b.sql('STOP REPLICA', 'CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 1', 'START REPLICA');
  const writer = await startWriter(a, 500, writes);
  try {
    expect(await prove({ tables: ['c.big'] })).toMatchObject({ equal: true, differences: [] });
  } finally {
    await writer.stop();
    await b.sql('STOP REPLICA', 'CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 0', 'START REPLICA');
  }
}, 60_000);

test('a table without a key beside a writer: unknown, or locked where that is allowed', async () => {
  const writer = await startWriter(a, 300, (n) => `UPDATE c.bag SET v = v + 1 WHERE v >= ${n % 50} LIMIT 1`);
  try {
    const untold = await prove({ tables: ['c.bag'] });
    expect(untold.equal).toBe(null);
    expect(untold.reason).toMatch(/c\.bag has no key and was written/);
    const locked = await prove({ tables: ['c.bag'], lockMsMax: 3_000 });
    expect([locked.equal, locked.reason]).toEqual([true, expect.stringMatching(/c\.bag: locked for \d+ ms/)]);
    await plant(b, 'INSERT INTO c.bag VALUES (7777, NULL, NULL)');
    expect(named(await prove({ tables: ['c.bag'], lockMsMax: 3_000 }))).toEqual([['c.bag', expect.stringMatching(/rows of hash/), false, true]]);
    await plant(b, 'DELETE FROM c.bag WHERE v = 7777');
  } finally {
    await writer.stop();
  }
}, 60_000);

test('DDL while the rows are read: unknown', async () => {
  const writer = await startWriter(a, 100, (n) => (n % 4 === 0 ? 'ALTER TABLE c.two FORCE' : writes(n)));
  try {
    const seen = [];
    for (let i = 0; i < 3; i++) seen.push(await prove({ tables: ['c.big', 'c.two'] }));
    expect(seen.map((c) => c.equal)).not.toContain(false);
    expect(seen.map((c) => c.reason)).toContainEqual(expect.stringMatching(/c\.two (was under "ALTER TABLE|could not be read)/));
  } finally {
    await writer.stop();
  }
}, 60_000);

test('with a former proof only what was written since is read', async () => {
  await caughtUp(b, a);
  const base = await prove();
  expect(base.equal).toBe(true);
  await a.sql('UPDATE c.big SET k = k + 1 WHERE id BETWEEN 100 AND 299', "UPDATE c.two SET e = 'x' WHERE a IN ('key 5', 'key 6')");
  await plant(b, 'UPDATE c.big SET pad = "unseen" WHERE id = 15000');
  const c = await prove({ base });
  expect(c.equal).toBe(true);
  expect(c.reason).toMatch(/c\.big: the 200 keys that were written since the former proof; c\.two: the 2 keys/);
  expect(c.nodes.map((n) => n.rows)).toEqual([202, 202]);
  await plant(b, 'UPDATE c.big SET pad = "seen" WHERE id = 101');
  expect(named(await prove({ base }))).toEqual([['c.big', '101', true, true]]);
  await plant(b, "UPDATE c.big SET pad = REPEAT('x', id % 90) WHERE id IN (101, 15000)");
  expect((await prove()).equal).toBe(true);
}, 60_000);

test('rows are compared while the log that names them is read: of every part of it, and all of a table when it turns out not to tell', async () => {
  await caughtUp(b, a);
  const tables = ['c.big', 'c.two'];
  const base = await prove({ tables });
  expect(base.equal).toBe(true);
  // more keys than one query has; those of the other table come first
  await a.sql("UPDATE c.two SET bits = 5 WHERE a = 'key 9'", 'UPDATE c.big SET k = k + 1 WHERE id <= 15000');
  const since = await prove({ tables, base });
  expect([since.equal, since.nodes.map((n) => n.rows)]).toEqual([true, [15_001, 15_001]]);
  expect(since.reason).toMatch(/c\.big: the 15000 keys that were written since the former proof; c\.two: the 1 keys/);
  const pad = (text: string, ...ids: number[]) => plant(b, `UPDATE c.big SET pad = ${text} WHERE id IN (${ids.join(', ')})`);
  await pad('"planted"', 7, 9_999, 14_999, 19_000);
  const found = await prove({ tables, base });
  expect([found.equal, named(found).map(([, key]) => key)]).toEqual([false, ['7', '9999', '14999']]);
  await pad("REPEAT('x', id % 90)", 7, 9_999, 14_999);
  await a.sql('ALTER TABLE c.big FORCE');
  const whole = await prove({ tables, base });
  expect([whole.equal, named(whole)]).toEqual([false, [['c.big', '19000', true, true]]]);
  await pad("REPEAT('x', id % 90)", 19_000);
  expect(await prove({ tables, base })).toMatchObject({ equal: true, reason: expect.not.stringMatching(/c\.big: the/) });
}, 60_000);

test.each([
  ['BIGINT UNSIGNED', ['0', '9007199254740993', '9223372036854775808', '18446744073709551615']],
  ['BIGINT', ['-9223372036854775808', '-1', '9007199254740993', '9223372036854775807']],
  ['TINYINT', ['-128', '0', '127']],
])(
  'keys of type %s are read to their ends, and what differs or is missing there is named',
  async (type, ids) => {
    for (const n of [a, b])
      await plant(
        n,
        'DROP TABLE IF EXISTS c.ends',
        `CREATE TABLE c.ends (id ${type} PRIMARY KEY, v INT)`,
        `INSERT INTO c.ends VALUES ${ids.map((id) => `(${id}, 0)`).join(', ')}, (5, 0)`,
      );
    const tables = ['c.ends'];
    const base = await prove({ tables });
    await a.sql(`UPDATE c.ends SET v = 1 WHERE id IN (${ids.join(', ')})`);
    const since = await prove({ tables, base });
    expect([since.equal, since.nodes.map((n) => n.rows)]).toEqual([true, [ids.length, ids.length]]);
    await plant(b, `UPDATE c.ends SET v = 2 WHERE id = ${ids.at(-1)}`, `DELETE FROM c.ends WHERE id = ${ids[0]}`);
    const names = named(await prove({ tables, base }));
    expect([names.length, ...names.map(([, key, , onB]) => `${key} ${onB}`)]).toEqual(expect.arrayContaining([2, `${ids.at(-1)} true`, `${ids[0]} false`]));
  },
  60_000,
);

test('keys so long that a server would refuse all of them in one query are read in several', async () => {
  const tables = ['c.long'];
  for (const n of [a, b])
    await plant(
      n,
      'SET GLOBAL max_allowed_packet = 16777216',
      DDL[0]!,
      'CREATE TABLE c.long (k VARCHAR(700) PRIMARY KEY, v INT)',
      `INSERT INTO c.long ${series(4_000)} SELECT CONCAT(i, REPEAT('😀', 690)), 0 FROM n`,
    );
  const base = await prove({ tables });
  await a.sql('UPDATE c.long SET v = v + 1');
  await caughtUp(b, a);
  await plant(b, 'UPDATE c.long SET v = 7 WHERE k LIKE "2999%"');
  const since = await prove({ tables, base });
  expect([since.nodes.map((n) => n.rows), since.differences.length]).toEqual([[4_000, 4_000], 1]);
  expect(since.reason).toMatch(/c\.long: the 4000 keys that were written since the former proof/);
  for (const n of [a, b]) await plant(n, 'SET GLOBAL max_allowed_packet = DEFAULT', 'DROP TABLE c.long');
}, 60_000);

test('images without the key of the comparison name no row: the table is read whole, or not told of', async () => {
  for (const n of [a, b])
    await plant(
      n,
      'CREATE TABLE c.odd (z INT NOT NULL, a INT NOT NULL, v INT, UNIQUE z (z), UNIQUE a (a))',
      `INSERT INTO c.odd ${series(100)} SELECT i, i, 0 FROM n`,
    );
  const tables = ['c.odd'];
  const base = await prove({ tables });
  await a.sql('SET SESSION binlog_row_image = MINIMAL', 'UPDATE c.odd SET v = 1 WHERE a = 5');
  await caughtUp(b, a);
  const since = await prove({ tables, base });
  expect([since.equal, since.nodes.map((n) => n.rows)]).toEqual([true, [100, 100]]);
  const writer = await startWriter(a, 300, (n) => `UPDATE c.odd SET v = ${n} WHERE a = ${1 + (n % 20)}`, ['SET SESSION binlog_row_image = MINIMAL']);
  try {
    for (let i = 0; i < 3; i++) expect((await prove({ tables })).equal).not.toBe(false);
    expect(await prove({ tables })).toMatchObject({ equal: null, reason: expect.stringMatching(/c\.odd has row images without its key/) });
  } finally {
    await writer.stop();
    await caughtUp(b, a);
  }
}, 60_000);

test('a former proof counts from before its rows were read: what came meanwhile, otherwise than on the source, is seen by the next one', async () => {
  await caughtUp(b, a);
  const open: ProofNode[] = [];
  const opts = { method: 'auto' as const, settleMs: 10_000, lockMsMax: 0, progress: () => {} };
  try {
    await openNodes(nodes, open);
    const plans = [(await readPlans(open, ['c.big'])).get('c.big') as ComparePlan];
    const first = await provePlans(open, plans, {
      ...opts,
      base: null,
      // behind the snapshots and before the proof's end
      inSnapshots: async () => {
        await a.sql('UPDATE c.big SET k = k + 7 WHERE id = 600');
        await caughtUp(b, a);
        await plant(b, 'UPDATE c.big SET k = 0 WHERE id = 600');
      },
    });
    expect([first.real, first.untold]).toEqual([[], []]);
    const next = await provePlans(open, plans, { ...opts, base: { from: first.from!, tables: new Set(['c.big']) } });
    expect(next.real.map((r) => r.group.text)).toEqual(['600']);
  } finally {
    closeNodes(open);
    await plant(b, 'UPDATE c.big SET k = 600 % 7 + 7 WHERE id = 600');
  }
}, 60_000);

test('a replica whose applier has stopped, that has fallen behind, or lacks a table is not equal', async () => {
  await plant(b, 'DELETE FROM c.big WHERE id = 400');
  await a.sql('UPDATE c.big SET k = 99 WHERE id = 400');
  const stopped = await prove({ catchUpMs: 3_000 });
  expect([stopped.equal, stopped.reason]).toEqual([false, expect.stringMatching(/b: stopped: |b had not executed/)]);
  await plant(b, 'INSERT INTO c.big (id, k) VALUES (400, 1)');
  await b.sql('STOP REPLICA', 'START REPLICA');
  await caughtUp(b, a);
  await b.sql('STOP REPLICA');
  await a.sql('UPDATE c.big SET k = 98 WHERE id = 401');
  const behind = await prove({ catchUpMs: 500 });
  expect([behind.equal, behind.reason]).toEqual([false, expect.stringMatching(/b had not executed everything of a/)]);
  await b.sql('START REPLICA');
  await caughtUp(b, a);
  await plant(b, 'RENAME TABLE c.two TO c.gone');
  expect(await prove()).toMatchObject({ equal: false, reason: expect.stringMatching(/c\.two is declared otherwise on b/) });
  expect(await prove({ tables: ['c.nowhere'] })).toMatchObject({ equal: null, reason: expect.stringMatching(/c\.nowhere is not on a/) });
}, 60_000);
