/**
 * The way back of a killed source that has transactions nobody else has: provisioned anew by CLONE from the new source. These are the
 * commands a person types; what is peculiar about them is said in each test.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { NodeFacts } from '../../targets/port.ts';
import { freshLab } from '../support/lab.ts';
import type { TestLab } from '../support/lab.ts';

let lab: TestLab;
let db1: NodeFacts;
const insert = (node: string, id: number): Promise<unknown> =>
  lab.system.query(node, 'INSERT INTO drill.acct (id, balance, owner, write_id) VALUES (?, 0, ?, ?)', [id, node, `w${id}`]);
const bash = async (script: string): Promise<string> => {
  const env = { PATH: `${lab.tools.binDir}:/usr/bin:/bin`, DRILLBOOK_LAB: lab.stateFile, HOME: process.env['HOME'] };
  const r = await promisify(execFile)('bash', ['-c', script], { env }).catch((e: { stdout: string; stderr: string }) => e);
  return `${r.stdout}${r.stderr}`;
};
const CLONE = `SET GLOBAL clone_valid_donor_list = '10.77.0.2:3306'; CLONE INSTANCE FROM 'clone'@'10.77.0.2':3306 IDENTIFIED BY 'clone'`;

beforeAll(async () => {
  lab = await freshLab();
  db1 = (await lab.platform.facts()).nodes[0]!;
  for (let id = 1; id <= 5; id++) await insert('db1', id);
  const { gtidExecuted } = await lab.system.position('db1');
  for (const n of ['db2', 'db3']) expect(await lab.system.waitFor(n, gtidExecuted, 10_000)).toBe(true);
  await lab.platform.cut(
    ['db2', 'db3'].flatMap((n): [string, string][] => [
      ['db1', n],
      [n, 'db1'],
    ]),
    60_000,
  );
  for (let id = 6; id <= 10; id++) await insert('db1', id);
  await lab.platform.kill('db1', 'node');
  await lab.system.promote('db2');
  await lab.platform.moveService('db2');
  await lab.system.repoint('db3', 'db2');
  for (let id = 6; id <= 8; id++) await insert('db2', id);
  await lab.platform.healCut((await lab.platform.cutState()).live.map((c) => c.pair));
  await lab.platform.start('db1');
}, 120_000);
afterAll(() => lab[Symbol.asyncDispose](), 40_000);

test('CLONE is refused under super_read_only; read_only and offline_mode may stay on', async () => {
  expect(await bash(`mysql --no-defaults -uroot --socket=${db1.socket} -e "${CLONE}"`)).toContain('ERROR 1290');
});

test('after CLONE the server ends by itself (3707) and has kept its server_uuid', async () => {
  expect(await bash(`mysql --no-defaults -uroot --socket=${db1.socket} -e "SET GLOBAL super_read_only = OFF; ${CLONE}"`)).toContain('ERROR 3707');
  // It shuts down for seconds after it has said so; stop waits for that.
  await lab.platform.stop('db1');
  expect((await lab.platform.facts()).nodes[0]!.running).toBe(false);
  // Under its old uuid a later turn as source would give the lost transactions' GTIDs to new ones.
  expect(await bash(`cat ${db1.dataDir}/auto.cnf && rm ${db1.dataDir}/auto.cnf`)).toContain('server-uuid=');
}, 40_000);

test('started again it is the new source’s copy, in its safe state; then a replica', async () => {
  await lab.platform.start('db1');
  const [back, source] = await Promise.all(['db1', 'db2'].map((n) => lab.system.position(n)));
  expect(back).toMatchObject({ superReadOnly: true, offline: true, source: null, gtidExecuted: source!.gtidExecuted });
  expect(source!.gtidExecuted).not.toContain(back!.serverUuid);
  const said = await bash(
    `mysql --no-defaults -uroot --socket=${db1.socket} -e "CHANGE REPLICATION SOURCE TO SOURCE_HOST='10.77.0.2', SOURCE_PORT=3306, SOURCE_USER='repl', SOURCE_PASSWORD='repl', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1, SOURCE_CONNECT_RETRY=1, SOURCE_RETRY_COUNT=100000, SOURCE_HEARTBEAT_PERIOD=1; START REPLICA; SET GLOBAL offline_mode = OFF"`,
  );
  expect(said).toBe('');
  await insert('db2', 100);
  expect(await lab.system.waitFor('db1', (await lab.system.position('db2')).gtidExecuted, 15_000)).toBe(true);
  const rows = await Promise.all(['db1', 'db2', 'db3'].map((n) => lab.system.query(n, 'SELECT * FROM drill.acct ORDER BY id')));
  expect(rows[0]).toEqual(rows[1]);
  expect(rows[2]).toEqual(rows[1]);
  expect(rows[0]!.map((r) => r['owner'])).toEqual(['db1', 'db1', 'db1', 'db1', 'db1', 'db2', 'db2', 'db2', 'db2']);
  expect(await lab.system.position('db1')).toMatchObject({ superReadOnly: true, offline: false, source: { io: 'Yes', sql: 'Yes' } });
}, 60_000);
