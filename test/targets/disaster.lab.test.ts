/** One lab taken through a disaster: kill, promotion of a lagging replica, the killed source's safe state, and back. */
import { readFileSync } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectLocal } from '../../targets/platforms/local/connect.ts';
import { JOURNAL_DDL } from '../../core/reconcile/plan-sql.ts';
import { msBetween } from '../../core/time.ts';
import { freshLab } from '../support/lab.ts';
import type { TestLab } from '../support/lab.ts';
import { withAdmin } from '../../targets/systems/mysql/sql.ts';

let lab: TestLab;
beforeAll(async () => {
  lab = await freshLab();
}, 120_000);
afterAll(() => lab[Symbol.asyncDispose](), 40_000);

const insert = (node: string, id: number): Promise<unknown> =>
  lab.system.query(node, 'INSERT INTO drill.acct (id, balance, owner, write_id) VALUES (?, 0, ?, ?)', [id, 'x', `w${id}`]);
const count = async (node: string): Promise<number> => Number((await lab.system.query(node, 'SELECT COUNT(*) AS n FROM drill.acct'))[0]?.['n']);
const node = async (name: string) => (await lab.platform.facts()).nodes.find((n) => n.name === name)!;

test('a fresh lab: one source, two replicas that have its first row, one server_uuid each', async () => {
  const [source, ...replicas] = await Promise.all(['db1', 'db2', 'db3'].map((n) => lab.system.position(n)));
  expect(source).toMatchObject({ readOnly: false, superReadOnly: false, offline: false, source: null });
  for (const r of replicas)
    expect(r).toMatchObject({
      superReadOnly: true,
      gtidExecuted: source!.gtidExecuted,
      source: { address: '10.77.0.1', io: 'Yes', sql: 'Yes', lastError: '' },
    });
  expect(new Set([source, ...replicas].map((p) => p!.serverUuid)).size).toBe(3);
  expect((await lab.platform.facts()).service.holders).toEqual(['db1']);
  expect(await lab.system.version()).toBe(`MySQL ${lab.tools.mysqldVersion}`);
});

test('a killed source loses process, link and service address', async () => {
  for (let id = 1; id <= 20; id++) await insert('db1', id);
  // db2 receives, but its applier is held up by a lock until it is being promoted.
  const { gtidExecuted } = await lab.system.position('db1');
  await lab.system.waitFor('db2', gtidExecuted, 10_000);
  const held = withAdmin('db2', (await node('db2')).socket, async (sql) => {
    await sql.rows('SET GLOBAL super_read_only = OFF');
    await sql.rows('LOCK TABLES drill.acct READ');
    await sleep(2_500);
  });
  await sleep(300);
  for (let id = 21; id <= 60; id++) await insert('db1', id);
  await sleep(300);
  const effect = await lab.platform.kill('db1', 'node');
  expect(msBetween(effect.absent.monoNs, effect.present.monoNs)).toBeLessThan(2_000);
  expect((await lab.platform.facts()).service.holders).toEqual([]);
  expect(await node('db1')).toMatchObject({ running: false, safeState: true });
  await expect(lab.system.position('db1')).rejects.toMatchObject({ code: 'DRILL_NODE_DOWN' });
  expect(await count('db2')).toBe(20);
  const promoted = await lab.system.promote('db2');
  await held;
  expect(await count('db2')).toBe(60);
  const after = await lab.system.position('db2');
  expect(after).toMatchObject({ readOnly: false, superReadOnly: false, offline: false, source: null, gtidExecuted: promoted.gtidExecuted });
  expect(await lab.system.promote('db2')).toEqual(promoted);
}, 40_000);

test('the service address moves and answers on the new node; the other replica follows it', async () => {
  const moved = await lab.platform.moveService('db2');
  expect(msBetween(moved.absent.monoNs, moved.present.monoNs)).toBeLessThan(1_000);
  await lab.system.repoint('db3', 'db2');
  await insert('db2', 100);
  expect(await lab.system.waitFor('db3', (await lab.system.position('db2')).gtidExecuted, 10_000)).toBe(true);
  const [service] = await lab.system.tryWrites('db2');
  expect(service).toMatchObject({ accepted: true, serverUuid: (await lab.system.position('db2')).serverUuid });
}, 30_000);

test('the journal of a recovery is left over until it is dropped', async () => {
  expect(await lab.system.leftovers('db2')).toEqual([]);
  for (const sql of JOURNAL_DDL) await lab.system.query('db2', sql);
  expect(await lab.system.leftovers('db2')).toEqual([expect.stringContaining('db2 still has drillbook.journal')]);
  await lab.system.query('db2', 'DROP DATABASE drillbook');
  expect(await lab.system.leftovers('db2')).toEqual([]);
});

test('the dead node’s binary logs are copied as they are', async () => {
  const dir = join(lab.workDir, 'logs');
  const logs = await lab.system.collectLogs('db1', dir);
  expect(logs).toHaveLength(1);
  const original = await readFile(join((await node('db1')).dataDir, 'binlog.000001'));
  expect(logs[0]).toEqual({ file: join(dir, 'binlog.000001'), bytes: original.length, sha256: createHash('sha256').update(original).digest('hex') });
  expect(await readFile(logs[0]!.file)).toEqual(original);
});

test('the killed source comes back read-only, offline, alone, whatever its option file says', async () => {
  await appendFile((await node('db1')).optionFile, 'super_read_only = OFF\noffline_mode = OFF\n');
  await lab.platform.start('db1');
  expect(await lab.system.position('db1')).toMatchObject({ superReadOnly: true, offline: true, source: null });
  expect((await lab.platform.facts()).service.holders).toEqual(['db2']);
  const tried = await lab.system.tryWrites('db1');
  expect(tried.slice(1).map((t) => t.accepted)).toEqual([false, false]);
  expect(tried[0]!.serverUuid).toBe((await lab.system.position('db2')).serverUuid);
  // a restart alone never lifts it
  await lab.platform.stop('db1');
  await lab.platform.start('db1');
  expect(await lab.system.position('db1')).toMatchObject({ superReadOnly: true, offline: true });
  await lab.platform.liftSafeState('db1');
  await lab.platform.stop('db1');
  await lab.platform.start('db1');
  expect(await lab.system.position('db1')).toMatchObject({ superReadOnly: false, offline: false });
  expect(await node('db1')).toMatchObject({ safeState: false, running: true });
}, 60_000);

test('a node that dies at its start says why', async () => {
  await lab.platform.stop('db3');
  await appendFile((await node('db3')).optionFile, 'no_such_option = 1\n');
  await expect(lab.platform.start('db3')).rejects.toMatchObject({ code: 'DRILL_MYSQLD_DIED', message: expect.stringContaining('no_such_option') });
}, 40_000);

test('whoever is connected learns at once that the lab is gone', async () => {
  const other = await connectLocal(lab.stateFile);
  const { pid } = JSON.parse(readFileSync(lab.stateFile, 'utf8')) as { pid: number };
  process.kill(pid, 'SIGKILL');
  const started = Date.now();
  await expect(other.lost).resolves.toMatchObject({ code: 'DRILL_LAB_GONE' });
  await expect(lab.platform.facts()).rejects.toMatchObject({ code: 'DRILL_LAB_GONE' });
  expect(Date.now() - started).toBeLessThan(1_000);
  await expect(connectLocal(lab.stateFile)).rejects.toMatchObject({ code: 'DRILL_LAB_GONE' });
});
