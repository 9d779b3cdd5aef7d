/** Convergence at size: 20 proofs of 20 beside a writer, a replica that is always behind, one byte in 5 million rows. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { converge } from '../../../activities/reconcile/converge.ts';
import type { ConvergeOptions } from '../../../activities/reconcile/converge.ts';
import type { Convergence } from '../../../core/bundle.ts';
import { startServers } from '../../support/mysqld.ts';
import type { TestMysqld, TestServers } from '../../support/mysqld.ts';
import { startWriter } from '../../support/writer.ts';
import { caughtUp, replicate } from './fork.ts';

const SEEDS = 100_000;
const ROWS = 5_000_000;
const DDL = [
  'SET SESSION cte_max_recursion_depth = 1000000',
  'CREATE DATABASE c',
  'CREATE TABLE c.big (id INT PRIMARY KEY, k INT NOT NULL, pad CHAR(120) NOT NULL)',
  `INSERT INTO c.big WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < ${SEEDS}) SELECT i, i % 97, CONCAT(i, REPEAT('x', 100)) FROM n`,
  ...Array.from({ length: ROWS / SEEDS - 1 }, (_, i) => `INSERT INTO c.big SELECT id + ${(i + 1) * SEEDS}, k + ${i}, pad FROM c.big WHERE id <= ${SEEDS}`),
  `CREATE TABLE c.small AS SELECT * FROM c.big WHERE id <= 20000`,
  'ALTER TABLE c.small ADD PRIMARY KEY (id)',
];

let servers: TestServers;
let a: TestMysqld;
let b: TestMysqld;
let nodes: ConvergeOptions['nodes'];

beforeAll(async () => {
  servers = await startServers(['a', 'b'], DDL);
  [a, b] = servers.nodes as [TestMysqld, TestMysqld];
  nodes = servers.nodes.map((n) => ({ name: n.name, dsn: n.dsn }));
  await replicate(b, a);
}, 900_000);
afterAll(() => servers?.stop());

const prove = (table: string): Promise<Convergence> => converge({ nodes, tables: [table], identity: {}, catchUpMs: 30_000, settleMs: 60_000 });
const plant = (sql: string) => b.sql('SET SESSION sql_log_bin = 0', sql);
const keys = (c: Convergence) => c.differences.map((d) => d.key);

const writes = (table: string) => (n: number) => {
  const beyond = 9_000_000 + Math.floor(n / 10);
  if (n % 10 === 9) return `DELETE FROM ${table} WHERE id = ${beyond}`;
  if (n % 10 === 5) return `REPLACE INTO ${table} VALUES (${beyond}, ${n}, 'new')`;
  return `UPDATE ${table} SET k = ${n} WHERE id = ${1 + (n % 50)}`;
};

test.each([
  ['FULL', 0],
  ['MINIMAL', 0],
  ['FULL', 1],
  ['MINIMAL', 1],
])(
  '20 proofs of 20 beside 500 writes/s are right, and find what is planted (row images %s, %d s behind)',
  async (image, delay) => {
    await caughtUp(b, a);
    await b.sql('STOP REPLICA', `CHANGE REPLICATION SOURCE TO SOURCE_DELAY = ${delay}`, 'START REPLICA');
    const writer = await startWriter(a, 500, writes('c.small'), [`SET SESSION binlog_row_image = ${image}`]);
    try {
      for (let i = 0; i < 20; i++) {
        const id = 1_000 + i * 500;
        expect(await prove('c.small')).toMatchObject({ equal: true, differences: [] });
        await plant(`UPDATE c.small SET pad = CONCAT('y', pad) WHERE id = ${id}`);
        const found = await prove('c.small');
        expect([found.equal, keys(found)]).toEqual([false, [String(id)]]);
        await plant(`UPDATE c.small SET pad = SUBSTR(pad, 2) WHERE id = ${id}`);
      }
      await plant("UPDATE c.small SET pad = CONCAT('y', pad) WHERE id = 3");
      const hot = await prove('c.small');
      expect([hot.equal, keys(hot)]).toEqual(image === 'MINIMAL' ? [false, ['3']] : [true, []]);
      if (image === 'MINIMAL') await plant('UPDATE c.small SET pad = SUBSTR(pad, 2) WHERE id = 3');
    } finally {
      await writer.stop();
    }
  },
  900_000,
);

test('one byte in 5 million rows beside a writer', async () => {
  await b.sql('STOP REPLICA', 'CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 0', 'START REPLICA');
  const writer = await startWriter(a, 500, writes('c.big'));
  try {
    expect(await prove('c.big')).toMatchObject({ equal: true, differences: [] });
    await plant("UPDATE c.big SET pad = REPLACE(pad, 'xx', 'xy') WHERE id = 4234567");
    const found = await prove('c.big');
    expect([found.equal, keys(found)]).toEqual([false, ['4234567']]);
  } finally {
    await writer.stop();
  }
}, 900_000);
