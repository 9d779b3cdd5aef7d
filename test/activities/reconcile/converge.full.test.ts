/** Convergence at size: 20 proofs of 20 beside 500 writes/s, a replica that is always behind, one byte in 5 million rows. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { converge } from '../../../activities/reconcile/converge.ts';
import type { ConvergeOptions } from '../../../activities/reconcile/converge.ts';
import type { Convergence } from '../../../core/bundle.ts';
import { GtidSet } from '../../../core/gtid.ts';
import { startServers } from '../../support/mysqld.ts';
import type { TestMysqld, TestServers } from '../../support/mysqld.ts';
import { startWriter } from '../../support/writer.ts';
import { caughtUp, replicate } from './fork.ts';

const SEEDS = 100_000;
const ROWS = 5_000_000;
const DDL = [
  // what the rows fit into: they are made in a quarter of the time
  'SET GLOBAL innodb_redo_log_capacity = 1073741824, innodb_buffer_pool_size = 1610612736',
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

const PROOFS = 20;

const prove = (table: string): Promise<Convergence> => converge({ nodes, tables: [table], identity: {}, catchUpMs: 30_000, settleMs: 60_000 });
const said = (c: Convergence) => [c.equal, c.differences.map((d) => d.key)];
/** One byte of a row, on the replica and past its log. */
const byte = (table: string, id: number, letter: string) =>
  b.sql('SET SESSION sql_log_bin = 0', `UPDATE ${table} SET pad = CONCAT(LEFT(pad, 10), '${letter}', SUBSTR(pad, 12)) WHERE id = ${id}`);
const plant = (table: string, id: number) => byte(table, id, 'y');
const weed = (table: string, id: number) => byte(table, id, 'x');

/** To ids 1 to 50, each ten times a second, and beyond the rows that are there. */
const writes = (table: string) => (n: number) => {
  const beyond = 9_000_000 + Math.floor(n / 10);
  if (n % 10 === 9) return `DELETE FROM ${table} WHERE id = ${beyond}`;
  if (n % 10 === 5) return `REPLACE INTO ${table} VALUES (${beyond}, ${n}, 'new')`;
  return `UPDATE ${table} SET k = ${n} WHERE id = ${1 + (n % 50)}`;
};

/** Runs it beside 500 writes/s, and tells whether they were that many. */
async function besideWriter(table: string, image: string, work: () => Promise<void>): Promise<void> {
  const writer = await startWriter(a, 500, writes(table), [`SET SESSION binlog_row_image = ${image}`]);
  try {
    const [before, started] = [await committed(), performance.now()];
    await work();
    expect(((await committed()) - before) / ((performance.now() - started) / 1_000)).toBeGreaterThan(400);
  } finally {
    await writer.stop();
  }
}

async function committed(): Promise<number> {
  const [{ g }] = (await a.sql('SELECT @@global.gtid_executed g')) as [{ g: string }];
  return GtidSet.parse(g).count();
}

/** A key that the writer goes on changing: with whole images its next write puts the row right. */
async function plantHot(table: string, image: string): Promise<void> {
  await plant(table, 3);
  expect(said(await prove(table))).toEqual(image === 'MINIMAL' ? [false, ['3']] : [true, []]);
  await weed(table, 3);
}

test.each([
  ['FULL', 0],
  ['MINIMAL', 0],
  ['FULL', 1],
  ['MINIMAL', 1],
])(
  '20 proofs of 20 are right, and find what is planted (row images %s, %d s behind)',
  async (image, delay) => {
    await caughtUp(b, a);
    await b.sql('STOP REPLICA', `CHANGE REPLICATION SOURCE TO SOURCE_DELAY = ${delay}`, 'START REPLICA');
    // most of a proof is then waiting for the replica: several wait at once
    const atOnce = delay === 0 ? 1 : 5;
    const proofs = () => Promise.all(Array.from({ length: atOnce }, async () => said(await prove('c.small'))));
    await besideWriter('c.small', image, async () => {
      for (let i = 0; i < PROOFS / atOnce; i++) {
        const id = 1_000 + i * 500;
        expect(await proofs()).toEqual(Array.from({ length: atOnce }, () => [true, []]));
        await plant('c.small', id);
        expect(await proofs()).toEqual(Array.from({ length: atOnce }, () => [false, [String(id)]]));
        await weed('c.small', id);
      }
      await plantHot('c.small', image);
    });
  },
  300_000,
);

test.each(['FULL', 'MINIMAL'])(
  'one byte in 5 million rows, on a key that nobody touches and on a hot one (row images %s)',
  async (image) => {
    await caughtUp(b, a);
    await b.sql('STOP REPLICA', 'CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 0', 'START REPLICA');
    await besideWriter('c.big', image, async () => {
      expect(said(await prove('c.big'))).toEqual([true, []]);
      await plant('c.big', 4_234_567);
      expect(said(await prove('c.big'))).toEqual([false, ['4234567']]);
      await weed('c.big', 4_234_567);
      await plantHot('c.big', image);
    });
  },
  300_000,
);
