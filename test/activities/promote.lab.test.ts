/** A replica is promoted while another one had received more from the source before it died, on real servers. */
import { promote } from '../../activities/faults/promote.ts';
import { repoint } from '../../activities/faults/repoint.ts';
import type { Target } from '../../activities/deps.ts';
import { freshLab } from '../support/lab.ts';
import type { TestLab } from '../support/lab.ts';

let lab: TestLab;
let target: Target;
const how = { leaseMs: null, preparedAtNs: '0', saved: null, save: () => undefined };
const insert = (node: string, id: number): Promise<unknown> =>
  lab.system.query(node, 'INSERT INTO drill.acct (id, balance, owner, write_id) VALUES (?, 0, ?, ?)', [id, node, `w${id}`]);
const owners = async (node: string) =>
  (await lab.system.query<{ id: number; owner: string }>(node, 'SELECT id, owner FROM drill.acct ORDER BY id')).map((r) => `${r.id} ${r.owner}`);

beforeAll(async () => {
  lab = await freshLab();
  const { platform, system, stateFile } = lab;
  target = { name: 'lab', platform, system, stateFile, lost: new Promise(() => {}) };
  await insert('db1', 1);
  const { gtidExecuted } = await system.position('db1');
  for (const n of ['db2', 'db3']) expect(await system.waitFor(n, gtidExecuted, 10_000)).toBe(true);
  await system.query('db2', 'STOP REPLICA IO_THREAD');
  // received by db3 alone, which has not executed all of it when it is asked
  await system.query('db3', 'STOP REPLICA SQL_THREAD');
  for (let id = 2; id <= 30; id++) await insert('db1', id);
  const all = (await system.position('db1')).gtidExecuted;
  for (const deadline = Date.now() + 10_000; !(await system.position('db3')).source!.retrieved.includes(`-${all.split('-').at(-1)!}`);)
    if (Date.now() > deadline) throw new Error('db3 has not received what db1 wrote');
  await platform.kill('db1', 'node');
  await system.query('db3', 'START REPLICA SQL_THREAD');
}, 120_000);
afterAll(() => lab[Symbol.asyncDispose](), 40_000);

test('takes what that one has more first: it can follow, and nothing that any replica had received is lost', async () => {
  const record = await promote.prepare(target, { node: 'db2', 'catch-up-from': ['db3'] });
  const { facts } = await promote.observe(target, record, how, await promote.inject(target, record, how));
  expect(facts['gtidExecuted']).not.toBe(record.gtidBefore);
  const follow = { node: 'db3', to: 'db2' };
  await repoint.observe(target, follow, how, await repoint.inject(target, follow, how));
  for (let id = 31; id <= 35; id++) await insert('db2', id);
  expect(await lab.system.waitFor('db3', (await lab.system.position('db2')).gtidExecuted, 10_000)).toBe(true);
  const wanted = Array.from({ length: 35 }, (_, i) => `${i + 1} ${i < 30 ? 'db1' : 'db2'}`);
  expect([await owners('db2'), await owners('db3')]).toEqual([wanted, wanted]);
  expect(await lab.system.position('db2')).toMatchObject({ readOnly: false, superReadOnly: false, source: null });
}, 60_000);
