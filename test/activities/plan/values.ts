/** Values of the corpus through recovery plans: by the file that mysql runs, by --apply, and by the row events of --apply. */
import { quoteName } from '../../../core/reconcile/plan-literal.ts';
import { mariaTables } from '../../support/corpus/maria-tables.ts';
import { mysqlTables } from '../../support/corpus/tables.ts';
import { MOMENT } from '../../support/corpus/objects.ts';
import { createSql, nameOf } from '../../support/corpus/table.ts';
import type { Table } from '../../support/corpus/table.ts';
import { startServers } from '../../support/mysqld.ts';
import type { TestMysqld } from '../../support/mysqld.ts';
import { startMariadbs } from '../../support/mariadb-servers.ts';
import type { MariadbNode } from '../../support/mariadb-servers.ts';
import type { Client } from '../../support/plan.ts';
import { applied, cellsOf, change, checksum, fileOf, planFor, runFile, tableOf } from '../../support/plan.ts';
import type { Cells, TableInfo } from '../../../core/reconcile/schema.ts';
import type { RecoveryPlan } from '../../../core/reconcile/plan-model.ts';

let servers: { stop(): Promise<void> };
let client: Client;
let node: TestMysqld | MariadbNode;

const SCHEMA = ['CREATE DATABASE corpus', 'CREATE TABLE corpus.fired (t VARCHAR(9))'];

/** Starts a server and gives the tables of the corpus that one integer identifies. */
export async function openCorpus(): Promise<Table[]> {
  const { tools, nodes, ...mysql } = await startServers(['a'], SCHEMA);
  [servers, client, node] = [mysql, tools, nodes[0]!];
  // what only a column can put into a JSON document
  await node.sql('CREATE TABLE corpus.moments (at TIMESTAMP(6) PRIMARY KEY, b BIT(3), bl BLOB)', `INSERT INTO corpus.moments VALUES ('${MOMENT}', 5, X'00ff')`);
  const names = (await node.sql('SHOW CHARACTER SET')).map((r) => String(r['Charset']));
  return mysqlTables(names, () => {}).filter((t) => t.schema === 'corpus' && t.columns[0]!.name === 'id' && t.name !== 'longest');
}
/** The same on MariaDB. */
export async function openMariaCorpus(): Promise<Table[]> {
  const { programs, nodes, ...mariadb } = await startMariadbs(['a'], SCHEMA);
  [servers, client, node] = [mariadb, programs, nodes[0]!];
  const names = (await node.sql('SHOW CHARACTER SET')).map((r) => String(r['Charset']));
  return mariaTables(names, () => {}).filter((t) => t.schema === 'corpus' && t.columns[0]!.name === 'id' && t.name !== 'longest');
}
export const closeCorpus = async (): Promise<void> => servers?.stop();

/** Rows in which the columns take their values in turn, and one of NULLs. */
async function fill(table: Table): Promise<void> {
  const c = await node.connect();
  const columns = table.columns.filter((o) => o.values.length > 0);
  const rows = Math.max(...columns.map((o) => o.values.length));
  const names = ['id', ...columns.map((o) => o.name)].map((n) => quoteName(n)).join();
  const values = Array.from({ length: rows }, (_, r) => `(${[r + 1, ...columns.map((o) => o.values[r % o.values.length]!.sql)].join()})`);
  values.push(`(${[rows + 1, ...columns.map((o) => (o.nullable ? 'NULL' : o.values[0]!.sql))].join()})`);
  await c.query("SET SESSION sql_mode = 'NO_ENGINE_SUBSTITUTION,ALLOW_INVALID_DATES', time_zone = '+00:00'");
  await c.query(createSql(table));
  await c.query(`INSERT INTO ${nameOf(table)} (${names}) VALUES ${values.join(',\n')}`);
  c.destroy();
}

type Run = (plan: RecoveryPlan) => Promise<number>;
const byFile: Run = async (plan) => {
  const { counts, errors } = await runFile(client, node, fileOf(plan), ['--max-allowed-packet=1G']);
  expect(errors).toEqual([]);
  // values without a literal are left to --apply
  if (counts.needs_apply > 0) await byApply(plan);
  return counts.stale;
};
const byApply: Run = async (plan) => {
  const { stale, refused } = await applied(node, plan);
  expect([...stale, ...refused]).toEqual([]);
  return 0;
};

/** Rows away, rows back, rows with each other's values. `told`: keys that only a person can settle. */
async function roundTrip(table: TableInfo, run: Run, told: Set<string>): Promise<void> {
  const rows = await cellsOf(node, table);
  const was = await checksum(node, table.name);
  const inserts = rows.map((r) => change(table, null, r));
  const plan = await planFor(node, inserts);
  for (const d of plan.decisions) told.add(`${table.name} ${d.note}`);
  const held = new Set(plan.decisions.map((d) => d.key));
  const some = rows.filter((r) => !held.has(r[0]!));
  const deletes = await planFor(
    node,
    some.map((r) => change(table, r, null)),
  );
  expect(deletes.decisions).toEqual([]);
  expect(await run(deletes)).toBe(0);
  expect(await cellsOf(node, table)).toEqual(rows.filter((r) => held.has(r[0]!)));
  expect(
    await run(
      await planFor(
        node,
        some.map((r) => change(table, null, r)),
      ),
    ),
  ).toBe(0);
  expect(await cellsOf(node, table)).toEqual(rows);
  // a JSON document says the same, and may hold it as another type: its text does not tell a date from a string, nor a DECIMAL from a DOUBLE
  if (table.columns.every((o) => o.dataType !== 'json')) expect(await checksum(node, table.name)).toBe(was);
  const turned = some.map((r, i): Cells => r.map((cell, c) => (c === 0 || table.columns[c]!.generated ? r[c] : some[(i + 1) % some.length]![c])));
  const updates = await planFor(
    node,
    some.map((r, i) => change(table, r, turned[i]!)).filter((c) => JSON.stringify(c.seen) !== JSON.stringify(c.target)),
  );
  expect(await run(updates)).toBe(0);
  const now = new Map((await cellsOf(node, table)).map((r) => [r[0], r]));
  for (const r of turned) expect(now.get(r[0])?.filter((_, c) => !table.columns[c]!.generated)).toEqual(r.filter((_, c) => !table.columns[c]!.generated));
}

/** Returns what was left to a person, with the reasons. */
export async function valuesArrive(t: Table): Promise<Set<string>> {
  const told = new Set<string>();
  await fill(t);
  const name = `${t.schema}.${t.name}`;
  for (const run of [byFile, byApply]) await roundTrip(await tableOf(node, name), run, told);
  for (const when of ['INSERT', 'UPDATE', 'DELETE'])
    await node.sql(`CREATE TRIGGER corpus.${quoteName(`${t.name}_${when}`)} AFTER ${when} ON ${nameOf(t)} FOR EACH ROW INSERT INTO corpus.fired VALUES ('x')`);
  await roundTrip(await tableOf(node, name), byApply, told);
  expect(await node.sql('SELECT * FROM corpus.fired')).toEqual([]);
  return told;
}
