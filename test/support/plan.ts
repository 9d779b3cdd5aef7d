/** Recovery plans against real servers: tables and rows as the plan sees them, the file as mysql runs it, --apply as the command runs it. */
import { spawn } from 'node:child_process';
import type { Cells, TableInfo } from '../../core/reconcile/schema.ts';
import { uneventful } from '../../core/reconcile/plan-event.ts';
import { recoverySql } from '../../core/reconcile/plan-file.ts';
import { makePlan } from '../../core/reconcile/plan-make.ts';
import type { PlannedChange, RecoveryPlan } from '../../core/reconcile/plan-model.ts';
import { applyPlan } from '../../targets/systems/mysql/apply.ts';
import type { ApplyResult } from '../../targets/systems/mysql/apply.ts';
import { withConnection } from '../../targets/systems/mysql/dsn.ts';
import { quoteTable } from '../../targets/systems/mysql/rows.ts';
import { cellExpression, cellOf, readTables } from '../../targets/systems/mysql/schema.ts';
import { MARIADB_NAME } from '../../core/reconcile/plan-sql.ts';
import { executedOf, isMariadb } from '../../targets/systems/mysql/dsn.ts';
import type { MariadbNode } from './mariadb-servers.ts';
import type { TestMysqld } from './mysqld.ts';

type Node = TestMysqld | MariadbNode;
/** The program, or a command with its first arguments. */
export interface Client {
  mysql: string | readonly string[];
}

export async function tableOf(node: Node, name: string): Promise<TableInfo> {
  const info = (await withConnection(node.dsn, async (c) => readTables(c, [name]))).get(name);
  if (!info) throw new Error(`${name} is not there`);
  return info;
}

/** All rows, in the order of the first column. */
export async function cellsOf(node: Node, table: TableInfo): Promise<Cells[]> {
  return withConnection(node.dsn, async (c) => {
    const sql = `SELECT ${table.columns.map((o) => cellExpression(o)).join(', ')} FROM ${quoteTable(table.name)} ORDER BY 1`;
    const [rows] = await c.query({ sql, rowsAsArray: true });
    return (rows as unknown as (string | null)[][]).map((row) => row.map((text, i) => cellOf(table.columns[i]!, text)));
  });
}

/** `at`: columns of the identity. */
export function change(
  table: TableInfo,
  seen: Cells | null,
  target: Cells | null,
  more: Partial<PlannedChange> & { at?: readonly number[] } = {},
): PlannedChange {
  const { at = [0], ...rest } = more;
  const row = seen ?? target!;
  return {
    table,
    key: at.map((i) => row[i]).join(','),
    where: row.map((cell, i) => (at.includes(i) ? cell : undefined)),
    seen,
    target,
    gtids: [],
    kind: 'safe',
    conflict: null,
    note: '',
    ...rest,
  };
}

export async function planFor(node: Node, changes: readonly PlannedChange[]): Promise<RecoveryPlan> {
  return withConnection(node.dsn, async (c) => {
    const mariadb = await isMariadb(c);
    const [[{ u }]] = (await c.query(`SELECT ${mariadb ? MARIADB_NAME : '@@server_uuid'} u`)) as unknown as [[{ u: string }]];
    return makePlan({ fork: '', read: (await executedOf(c)).visible.toString(), source: u, changes, uneventful: (change) => uneventful(change, mariadb) });
  });
}

export const fileOf = (plan: RecoveryPlan): string => [...recoverySql(plan, '2026-01-01T00:00:00.000Z')].join('');

export interface Ran {
  /** of the last SELECT */
  counts: Record<'applied' | 'already' | 'stale' | 'needs_apply' | 'for_a_person', number>;
  errors: string[];
}

/** `mysql --force` with the text on its input, as a person runs the file. */
export async function runFile(client: Client, node: Node, text: string, args: readonly string[] = []): Promise<Ran> {
  const [program = '', ...first] = [client.mysql].flat();
  const child = spawn(program, [...first, '--no-defaults', '--force', '-uroot', `--socket=${node.socket}`, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (d: string) => (out += d));
  child.stderr.setEncoding('utf8').on('data', (d: string) => (err += d));
  child.stdin.on('error', () => {});
  child.stdin.end(text);
  await new Promise((r) => child.once('close', r));
  return { counts: countsOf(out), errors: err.split('\n').filter((l) => l.startsWith('ERROR')) };
}

export function countsOf(out: string): Ran['counts'] {
  const lines = out.trimEnd().split('\n');
  const [names, values] = lines.slice(-2).map((l) => l.split('\t'));
  return Object.fromEntries((names ?? []).map((n, i) => [n, Number(values?.[i])])) as Ran['counts'];
}

export const applied = async (node: Node, plan: RecoveryPlan): Promise<ApplyResult> => withConnection(node.dsn, async (c) => applyPlan(c, plan, () => {}));

/** Of every byte that is stored. */
export async function checksum(node: Node, table: string): Promise<string> {
  const [row] = (await node.sql(`CHECKSUM TABLE ${quoteTable(table)} EXTENDED`)) as [{ Checksum: string | number }];
  return String(row.Checksum);
}
