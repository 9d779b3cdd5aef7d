/** What `drillbook reconcile` can be told about its proof of equal nodes: how rows are compared, from which former proof on, and how long writers may wait. */
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { CliContext } from '../../../console/cli/context.ts';
import { reconcileCommand } from '../../../console/cli/reconcile.ts';
import type { Convergence } from '../../../core/bundle.ts';
import { startServers } from '../../support/mysqld.ts';
import type { TestMysqld, TestServers } from '../../support/mysqld.ts';
import { startWriter } from '../../support/writer.ts';
import { caughtUp, replicate } from './fork.ts';

let servers: TestServers;
let old: TestMysqld;
let fresh: TestMysqld;
let copy: TestMysqld;

beforeAll(async () => {
  servers = await startServers(
    ['old', 'fresh', 'copy'],
    [
      'CREATE DATABASE c',
      'CREATE TABLE c.t (id INT PRIMARY KEY, v INT)',
      'INSERT INTO c.t WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i, i FROM n',
      'CREATE TABLE c.bag (v INT)',
      'INSERT INTO c.bag VALUES (1), (2)',
    ],
  );
  [old, fresh, copy] = servers.nodes as [TestMysqld, TestMysqld, TestMysqld];
  await replicate(copy, fresh);
  await old.sql('INSERT INTO c.t VALUES (2000, 1)');
}, 120_000);
afterAll(() => servers?.stop());

async function cli(...args: string[]): Promise<{ code: number; convergence: Convergence }> {
  const [stdout, stderr] = [new PassThrough({ highWaterMark: 1 << 30 }), new PassThrough({ highWaterMark: 1 << 30 })];
  let code = 0;
  const ctx = { cwd: servers.dir, env: {}, stdout, stderr, colour: false, exit: (c: number) => (code = c) } as unknown as CliContext;
  const command = reconcileCommand(ctx)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  await command.parseAsync(['--old', old.dataDir, '--new', fresh.socket, '--json', ...args], { from: 'user' });
  return { code, convergence: (JSON.parse(String(stdout.read())) as { convergence: Convergence }).convergence };
}
const prove = async (...args: string[]) => (await cli('--nodes', copy.socket, ...args)).convergence;
const plant = (sql: string) => copy.sql('SET SESSION sql_log_bin = 0', sql);
const keys = (c: Convergence) => c.differences.map((d) => d.key);

test.each([
  ['rows', 0],
  ['sha256', 1],
  ['auto', 0],
])('--method %s is what is done, and finds what differs', async (method, hashed) => {
  await plant('UPDATE c.t SET v = 0 WHERE id = 77');
  await fresh.sql("SET GLOBAL log_output = 'TABLE'", 'TRUNCATE mysql.general_log', 'SET GLOBAL general_log = ON');
  const found = await prove('--method', method);
  await fresh.sql('SET GLOBAL general_log = OFF');
  expect([found.equal, keys(found)]).toEqual([false, ['77']]);
  const seen = await fresh.sql(
    "SELECT COUNT(*) > 0 hashed FROM mysql.general_log WHERE argument LIKE '%BIT_XOR(UNHEX(SHA2(%FROM `c`.`t`%' AND argument NOT LIKE '%general_log%'",
  );
  expect(Number(seen[0]!['hashed'])).toBe(hashed);
  await plant('UPDATE c.t SET v = 77 WHERE id = 77');
});

test('--base reads only what was written since, and refuses what is no proof of these servers', async () => {
  expect((await prove('--out', 'proof')).equal).toBe(true);
  await fresh.sql('UPDATE c.t SET v = v + 1 WHERE id IN (5, 6, 7)');
  await plant('UPDATE c.t SET v = 0 WHERE id = 300');
  const since = await prove('--base', 'proof/convergence.json');
  expect([since.equal, since.nodes.map((n) => n.rows)]).toEqual([true, [3, 3]]);
  await plant('UPDATE c.t SET v = 0 WHERE id = 6');
  expect(keys(await prove('--base', 'proof/convergence.json'))).toEqual(['6']);
  const unequal = await prove('--out', 'unequal');
  expect(keys(unequal)).toEqual(['6', '300']);
  await plant('UPDATE c.t SET v = IF(id = 6, 7, 300) WHERE id IN (6, 300)');

  await writeFile(join(servers.dir, 'cut.json'), '{"equal": true, "nodes"');
  await copyFile(join(servers.dir, 'proof/reconcile.json'), join(servers.dir, 'other.json'));
  for (const [file, code, message] of [
    ['nowhere.json', 'DRILL_NO_BASE', /nowhere\.json cannot be read/],
    ['cut.json', 'DRILL_NO_BASE', /cannot be read/],
    ['other.json', 'DRILL_NO_BASE', /is no convergence\.json/],
    ['unequal/convergence.json', 'DRILL_BASE_UNFIT', /does not say that its nodes were equal/],
  ] as const)
    await expect(prove('--base', file)).rejects.toMatchObject({ code, message: expect.stringMatching(message), hint: expect.stringMatching(/name the/) });
  await expect(cli('--nodes', old.socket, '--base', 'proof/convergence.json')).rejects.toMatchObject({
    code: 'DRILL_BASE_UNFIT',
    message: expect.stringMatching(/other servers: .*old\.sock/),
  });
});

test('--lock-ms-max lets a table without a key be compared beside a writer', async () => {
  await old.sql('INSERT INTO c.bag VALUES (3)');
  const writer = await startWriter(fresh, 200, (n) => `UPDATE c.bag SET v = ${n} WHERE v <> ${n} LIMIT 1`);
  try {
    const untold = await prove();
    expect([untold.equal, untold.reason]).toEqual([null, expect.stringMatching(/c\.bag has no key and was written/)]);
    const locked = await prove('--lock-ms-max', '3000');
    expect([locked.equal, locked.reason]).toEqual([true, expect.stringMatching(/c\.bag: locked for \d+ ms/)]);
  } finally {
    await writer.stop();
  }
  await caughtUp(copy, fresh);
});

test.each([
  ['--method', 'raw'],
  ['--lock-ms-max', '1.5'],
  ['--lock-ms-max', '-1'],
])('%s %s is refused', async (flag, value) => {
  await expect(prove(flag, value)).rejects.toMatchObject({ code: 'commander.invalidArgument' });
});

test.each(['--base', '--method', '--lock-ms-max'])('%s without --nodes is refused', async (flag) => {
  await expect(cli(flag, flag === '--method' ? 'rows' : '5')).rejects.toMatchObject({ message: expect.stringMatching(/--nodes/) });
});
