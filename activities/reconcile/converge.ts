/** Are all nodes equal, row by row? With the writers stopped (docs/semantics.md, 8, the simple case). The heartbeat's schema is left out, and the result says so. */
import { hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection } from 'mysql2/promise';
import { BUNDLE } from '../../core/bundle.ts';
import type { Convergence, RowLine } from '../../core/bundle.ts';
import { DrillError, messageOf } from '../../core/errors.ts';
import { GtidSet } from '../../core/gtid.ts';
import { canonicalJson } from '../../core/json.ts';
import { keyOf, primaryOf, writeIdOf } from '../../core/reconcile/tables.ts';
import type { Row, TableShape } from '../../core/reconcile/tables.ts';
import { META_SCHEMA, WORKLOAD_TABLES } from '../../core/workload.ts';
import { connect, gtidExecuted, parseDsn } from '../../targets/systems/mysql/dsn.ts';
import { comparePrimary, readRows, readShapes } from '../../targets/systems/mysql/rows.ts';

export interface ConvergeOptions {
  /** the source first, then its replicas */
  nodes: { name: string; dsn: string }[];
  /** the tables that must be equal; default: the workload's. The workload's are compared besides where they exist. */
  tables?: string[];
  /** `schema.table` → identity column (ReconcileRules.identity) */
  identity: Record<string, string>;
  /** how long replicas may take to execute what the source has */
  catchUpMs: number;
  /** where rows.jsonl and convergence.json go; nothing is written without it */
  outDir?: string;
  progress?: (text: string) => void;
}

interface Node {
  name: string;
  connection: Connection;
  applier: string;
  /** the applier stopped with an error */
  broken: boolean;
}

const DIFFERENCES_MAX = 1_000;
const READS_MAX = 3;

/** Promise: `equal` is true only when every row of every table was read on every node at one and the same position; null, with the reason, when that was not possible. */
export async function converge(opts: ConvergeOptions): Promise<Convergence> {
  const startedNs = String(process.hrtime.bigint());
  const nodes: Node[] = [];
  try {
    for (const { name, dsn } of opts.nodes) {
      const connection = await connect(parseDsn(dsn));
      nodes.push({ name, connection, ...(await applierOf(connection)) });
    }
    const result = await prove(nodes, opts, startedNs);
    if (opts.outDir) await writeResult(opts.outDir, result);
    return result;
  } finally {
    for (const n of nodes) n.connection.destroy();
  }
}

async function writeResult(dir: string, result: Convergence): Promise<void> {
  const file = await open(join(dir, BUNDLE.convergence), 'w');
  try {
    await file.write(`${JSON.stringify(result, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function prove(nodes: Node[], opts: ConvergeOptions, startedNs: string): Promise<Convergence> {
  const say = opts.progress ?? (() => {});
  const source = nodes[0];
  if (!source) throw new DrillError('DRILL_NO_NODES', 'no node to compare', 'name at least one server');
  const wanted = await gtidExecuted(source.connection);
  const late: string[] = [];
  for (const n of nodes) if (n !== source && !n.broken && !(await waitFor(n.connection, wanted, opts.catchUpMs))) late.push(n.name);
  for (const n of nodes) Object.assign(n, await applierOf(n.connection));
  const names = new Set([...WORKLOAD_TABLES.map((t) => t.name), ...(opts.tables ?? [])].filter((t) => !t.startsWith(`${META_SCHEMA}.`)));
  const shapes = await readShapes(source.connection, names, opts.identity);
  for (const [name, shape] of shapes) if (typeof shape !== 'string' && shape.primary === -1) shapes.set(name, 'has no primary key of one column');
  const needed = new Set(opts.tables ?? WORKLOAD_TABLES.map((t) => t.name));
  const unsupported = [...shapes].flatMap(([table, s]) => (typeof s === 'string' && needed.has(table) ? [`${table} ${s}`] : []));
  const tables = [...shapes.values()].filter((s) => typeof s !== 'string');
  for (let read = 1; ; read++) {
    const before = await positions(nodes);
    const found = await compareAll(nodes, tables, opts.outDir);
    const after = await positions(nodes);
    const still = before.every((b, i) => b === after[i]);
    say(`rows on ${nodes.length} nodes: ${found.rows.join(', ')}`);
    if (!still && read < READS_MAX) continue;
    const broken = nodes.filter((n) => n.broken).map((n) => `${n.name}: ${n.applier}`);
    const behind = late.filter((name) => !GtidSet.parse(after[nodes.findIndex((n) => n.name === name)]!).contains(GtidSet.parse(wanted)));
    const bad = [
      ...broken,
      ...behind.map((name) => `${name} had not executed everything of ${source.name} after ${opts.catchUpMs / 1000} s`),
      ...(found.count > 0 ? [`${found.count} rows differ`] : []),
    ];
    const untold = [
      ...(still ? [] : ['the positions moved while the rows were read: writers are not stopped']),
      ...unsupported,
      ...(tables.length === 0 ? ['no table could be compared'] : []),
    ];
    const equal = broken.length + behind.length > 0 || (still && found.count > 0) ? false : untold.length > 0 ? null : true;
    const reason = [...bad, ...untold, `compared: ${tables.map((t) => t.name).join(', ')}; not compared: ${META_SCHEMA}`].join('; ');
    return {
      nodes: nodes.map((n, i) => ({ node: n.name, gtidExecuted: after[i]!, rows: found.rows[i]!, digest: found.digests[i]!, applier: n.applier })),
      equal,
      differences: found.differences,
      startedNs,
      provenNs: equal === true ? String(process.hrtime.bigint()) : null,
      reason,
    };
  }
}

const positions = (nodes: Node[]): Promise<string[]> => Promise.all(nodes.map((n) => gtidExecuted(n.connection)));

async function applierOf(connection: Connection): Promise<{ applier: string; broken: boolean }> {
  const [rows] = await connection.query('SHOW REPLICA STATUS');
  const status = (rows as { Replica_SQL_Running: string; Last_SQL_Error: string }[])[0];
  if (!status) return { applier: 'source', broken: false };
  const error = status.Last_SQL_Error;
  if (status.Replica_SQL_Running === 'Yes') return { applier: 'running', broken: false };
  return { applier: error ? `stopped: ${error}` : 'stopped', broken: error !== '' };
}

async function waitFor(connection: Connection, set: string, timeoutMs: number): Promise<boolean> {
  const [rows] = await connection.query('SELECT CAST(WAIT_FOR_EXECUTED_GTID_SET(?, ?) AS CHAR) w', [set, timeoutMs / 1000]);
  return (rows as { w: string }[])[0]!.w === '0';
}

interface Compared {
  rows: number[];
  digests: string[];
  count: number;
  differences: Convergence['differences'];
}

/** One pass over all tables on all nodes in step. Memory: a few rows per node, and the differences. */
async function compareAll(nodes: Node[], tables: TableShape[], outDir: string | undefined): Promise<Compared> {
  const out = outDir ? await open(join(outDir, BUNDLE.rows), 'w') : null;
  const result: Compared = { rows: nodes.map(() => 0), digests: nodes.map(() => ''), count: 0, differences: [] };
  // a chain over the rows' digests: equal chains are equal tables
  const chain = nodes.map(() => '');
  let lines: string[] = [];
  try {
    for (const shape of tables) {
      for await (const { key, rows } of inStep(nodes, shape)) {
        const digests = new Map<string, { image: string; client: string }>();
        const images = rows.map((row, i) => {
          if (!row) return null;
          const text = JSON.stringify(row);
          const d = digests.get(text) ?? digestsOf(shape, row);
          digests.set(text, d);
          result.rows[i]!++;
          chain[i] += d.image;
          if (chain[i]!.length > 64_000) chain[i] = hash('sha256', chain[i]!);
          if (out) lines.push(`${JSON.stringify(rowLine(nodes[i]!.name, shape, row, d))}\n`);
          return d.image;
        });
        if (lines.length > 1_000) {
          await out?.write(lines.join(''));
          lines = [];
        }
        if (digests.size === 1 && rows.every((r) => r !== null)) continue;
        result.count++;
        if (result.differences.length < DIFFERENCES_MAX)
          result.differences.push({ table: shape.name, key, nodes: Object.fromEntries(nodes.map((n, i) => [n.name, images[i]!])) });
      }
    }
    await out?.write(lines.join(''));
    await out?.sync();
  } finally {
    await out?.close();
  }
  result.digests = chain.map((c) => hash('sha256', c));
  return result;
}

function digestsOf(shape: TableShape, row: Row): { image: string; client: string } {
  const of = (positions: Iterable<number>) =>
    hash('sha256', canonicalJson(Object.fromEntries([...positions].map((i) => [shape.columns[i]!.name, row[i] ?? null]))));
  const image = of(shape.columns.keys());
  return { image, client: shape.client.length === shape.columns.length ? image : of(shape.client) };
}

function rowLine(node: string, shape: TableShape, row: Row, d: { image: string; client: string }): RowLine {
  const w = writeIdOf(shape, row);
  return { node, table: shape.name, key: keyOf(shape, row), ...d, ...(w === undefined ? {} : { w }) };
}

/** Walks one table on all nodes by primary key: for each key, the row of every node or null. */
async function* inStep(nodes: Node[], shape: TableShape): AsyncGenerator<{ key: string; rows: (Row | null)[] }> {
  const streams = nodes.map((n) => readRows(n.connection, shape)[Symbol.asyncIterator]());
  const next = async (i: number): Promise<Row | null> => {
    try {
      const r = await streams[i]!.next();
      return r.done === true ? null : r.value;
    } catch (cause) {
      throw new DrillError('DRILL_ROWS_UNREADABLE', `${nodes[i]!.name}: ${messageOf(cause)}`, 'the table must exist, with the same columns, on every node', {
        cause,
      });
    }
  };
  const heads = await Promise.all(nodes.map((_, i) => next(i)));
  for (;;) {
    let least: string | null = null;
    for (const h of heads) {
      const id = h && (h[shape.primary] ?? '');
      if (id !== null && (least === null || comparePrimary(shape, id, least) < 0)) least = id;
    }
    if (least === null) return;
    const rows = heads.map((h) => (h && h[shape.primary] === least ? h : null));
    const any = rows.find((r) => r !== null)!;
    yield { key: primaryOf(shape, any), rows };
    await Promise.all(
      rows.map(async (r, i) => {
        if (r) heads[i] = await next(i);
      }),
    );
  }
}
