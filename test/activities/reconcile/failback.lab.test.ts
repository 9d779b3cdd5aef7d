/** Forks that GTIDs alone would get wrong: a source that comes back, a number that is given again, several sources and tags, a late relay log. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { outcomeOf } from '../../../core/reconcile/outcome.ts';
import { reconcile } from '../../../activities/reconcile/run.ts';
import type { Reconciliation } from '../../../activities/reconcile/run.ts';
import { expectSameInParts } from '../../support/in-parts.ts';
import { startServers } from '../../support/mysqld.ts';
import type { TestMysqld, TestServers } from '../../support/mysqld.ts';
import { caughtUp, replicate, REPLICATOR } from './fork.ts';

const DDL = [`CREATE USER '${REPLICATOR.user}'@'%' IDENTIFIED BY 'x'`, 'CREATE DATABASE f', 'CREATE TABLE f.t (id INT PRIMARY KEY, n INT)'];
let servers: TestServers;
let a: TestMysqld;
let b: TestMysqld;
let [ua, ub] = ['', ''];
const rules = { conflict: 'new-wins' as const, identity: {} };
const judge = async (old: string, fresh: TestMysqld): Promise<Reconciliation> => {
  const whole = await reconcile({ old, new: fresh.dsn, rules });
  await expectSameInParts({ old, new: fresh.dsn, rules }, whole);
  return whole;
};
const keys = (r: Reconciliation) => [...r.lost].map((l) => [l.key, l.effect, l.conflict, l.inPlace]);

beforeEach(async () => {
  servers = await startServers(['a', 'b'], DDL);
  [a, b] = servers.nodes as [TestMysqld, TestMysqld];
  [ua, ub] = (await Promise.all([a, b].map((n) => n.sql('SELECT @@server_uuid u')))).map((r) => (r as [{ u: string }])[0].u) as [string, string];
  await replicate(b, a);
  await a.sql('INSERT INTO f.t VALUES (1, 1)', "SET gtid_next = 'AUTOMATIC:tag'", 'INSERT INTO f.t VALUES (2, 2)', "SET gtid_next = 'AUTOMATIC'");
  await caughtUp(b, a);
  await b.sql('STOP REPLICA', 'RESET REPLICA ALL');
}, 120_000);
afterEach(async () => servers.stop());

test('A → B → A: what B wrote last and A never got is lost, and A’s UUID goes on behind it', async () => {
  await b.sql('INSERT INTO f.t VALUES (3, 3)');
  await replicate(a, b);
  await caughtUp(a, b);
  await a.sql('STOP REPLICA', 'RESET REPLICA ALL');
  await b.sql('INSERT INTO f.t VALUES (4, 4)', 'UPDATE f.t SET n = 30 WHERE id = 3', 'FLUSH BINARY LOGS', 'DELETE FROM f.t WHERE id = 2');
  await a.sql('INSERT INTO f.t VALUES (4, 40)', 'UPDATE f.t SET n = 10 WHERE id = 1');
  const r = await judge(b.dataDir, a);
  expect(r.summary).toMatchObject({ fork: { how: 'derived', set: `${ua}:1:tag:1,${ub}:1`.split(',').sort().join(',') }, lost: `${ub}:2-4` });
  expect(keys(r)).toEqual([
    ['4', 'insert', 'insert/insert', true],
    ['3', 'update', null, false],
    ['2', 'delete', null, false],
  ]);
  // the other way round: what A wrote after its comeback is what B never had
  const back = await judge(a.dataDir, b);
  expect(back.summary.lost).toBe(`${ua}:2-3`);
  expect(keys(back)).toEqual([
    ['4', 'insert', 'insert/insert', true],
    ['1', 'update', null, false],
  ]);
}, 60_000);

test('a number that is given again is another transaction, a client’s own', async () => {
  await a.sql('INSERT INTO f.t VALUES (5, 5)', 'UPDATE f.t SET n = 11 WHERE id = 1');
  const first = join(servers.dir, 'first-life');
  cpSync(a.dataDir, first, { recursive: true, filter: (f) => f === a.dataDir || /binlog\.(\d+|index)$/.test(f) });
  // A is built anew from before the fork, and counts up its numbers again
  await a.sql('DELETE FROM f.t WHERE id = 5', 'UPDATE f.t SET n = 1 WHERE id = 1', 'RESET BINARY LOGS AND GTIDS', `SET GLOBAL gtid_purged = '${ua}:1:tag:1'`);
  await a.sql('UPDATE f.t SET n = 111 WHERE id = 1', 'INSERT INTO f.t VALUES (6, 6)');
  await replicate(b, a);
  await caughtUp(b, a);
  await b.sql('STOP REPLICA', 'RESET REPLICA ALL');
  const r = await reconcile({ old: first, new: b.dsn, rules, fork: { set: `${ua}:1:tag:1`, how: 'given' } });
  expect(r.summary).toMatchObject({ lost: `${ua}:2-3`, late: '', forced: `${ua}:2-3` });
  expect(keys(r)).toEqual([
    ['5', 'insert', null, false],
    ['1', 'update', 'update/update', true],
  ]);
}, 60_000);

test('received and applied late: the same images, in place; dropped: named', async () => {
  await a.sql('INSERT INTO f.t VALUES (7, 7)', 'INSERT INTO f.t VALUES (8, 8)');
  await b.sql('INSERT INTO f.t VALUES (9, 9)');
  const before = await judge(a.dataDir, b);
  expect(keys(before)).toEqual([
    ['7', 'insert', null, false],
    ['8', 'insert', null, false],
  ]);
  await replicate(b, a);
  await caughtUp(b, a);
  const r = await judge(a.dataDir, b);
  expect(r.summary).toMatchObject({ lost: before.summary.lost, late: before.summary.lost, forced: '', fork: before.summary.fork });
  expect(keys(r)).toEqual([
    ['7', 'insert', null, true],
    ['8', 'insert', null, true],
  ]);
  expect(outcomeOf(r, null).verdict).toBe('pass');
}, 60_000);
