/**
 * Are all nodes equal, row by row, while writers may run? docs/semantics.md, 8. The heartbeat's schema is left out, and the result says so.
 * The accounts need SELECT and REPLICATION CLIENT, the source's REPLICATION SLAVE too where writers run.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { BUNDLE } from '../../core/bundle.ts';
import type { Convergence } from '../../core/bundle.ts';
import { DrillError } from '../../core/errors.ts';
import { META_SCHEMA, WORKLOAD_TABLES } from '../../core/workload.ts';
import type { ComparePlan } from '../../targets/systems/mysql/compare/plan.ts';
import { gtidExecuted } from '../../targets/systems/mysql/dsn.ts';
import { baseOf } from './converge-base.ts';
import { applierOf, closeNodes, openNodes, positions, waitFor } from './converge-nodes.ts';
import type { ProofNode } from './converge-nodes.ts';
import { provePlans } from './converge-passes.ts';
import type { Proof } from './converge-passes.ts';
import { digestOfReads, readPlans } from './converge-read.ts';
import type { Method } from './converge-read.ts';
import { writeRows } from './converge-rows.ts';

export interface ConvergeOptions {
  /** the source first, then its replicas */
  nodes: { name: string; dsn: string }[];
  /** the tables that must be equal; default: the workload's. The workload's are compared besides where they exist. */
  tables?: string[];
  /** `schema.table` → identity column (ReconcileRules.identity) */
  identity: Record<string, string>;
  /** how long replicas may take to execute what the source has */
  catchUpMs: number;
  /** how long rows that are being written may take to be settled; default 30 s */
  settleMs?: number;
  /** how whole tables are compared; default auto */
  method?: Method;
  /** how long writers to a table may be made to wait where nothing else can tell: tables without a key, DDL. Default 0: not at all, it is unknown then. */
  lockMsMax?: number;
  /** a former proof of these servers: of the tables that it read, only what was written since it began is read */
  base?: Convergence;
  /** where rows.jsonl and convergence.json go; nothing is written without it */
  outDir?: string;
  progress?: (text: string) => void;
}

const SETTLE_MS = 30_000;
const DIFFERENCES_MAX = 1_000;

/**
 * Promise: `equal` is true only when every row of every table was read on every node, and every difference is a state that the source's log has for its key in
 * the time of the reading; false, with the rows named, only for what no log explains in two readings; null, with the reason, when neither could be told.
 */
export async function converge(opts: ConvergeOptions): Promise<Convergence> {
  const startedNs = String(process.hrtime.bigint());
  const nodes: ProofNode[] = [];
  try {
    const mariadb = await openNodes(opts.nodes, nodes);
    const result = mariadb === null ? await prove(nodes, opts, startedNs) : notCompared(mariadb, startedNs);
    if (opts.outDir) await writeResult(opts.outDir, result);
    return result;
  } finally {
    closeNodes(nodes);
  }
}

/** Positions, waits and bounds of a proof are MySQL's GTID sets. */
const notCompared = (mariadb: string, startedNs: string): Convergence => ({
  nodes: [],
  tables: [],
  differences: [],
  equal: null,
  startedNs,
  provenNs: null,
  reason: `${mariadb} is MariaDB: nodes are not compared there; mariadb-dump or pt-table-checksum, with writers stopped, can`,
});

async function writeResult(dir: string, result: Convergence): Promise<void> {
  const file = await open(join(dir, BUNDLE.convergence), 'w');
  try {
    await file.write(`${JSON.stringify(result, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function prove(nodes: ProofNode[], opts: ConvergeOptions, startedNs: string): Promise<Convergence> {
  const source = nodes[0];
  if (!source) throw new DrillError('DRILL_NO_NODES', 'no node to compare', 'name at least one server');
  const base = opts.base ? baseOf(opts.base, nodes) : null;
  const late = await behind(nodes, opts.catchUpMs);
  const names = new Set([...WORKLOAD_TABLES.map((t) => t.name), ...(opts.tables ?? [])].filter((t) => !t.startsWith(`${META_SCHEMA}.`)));
  const needed = new Set(opts.tables ?? WORKLOAD_TABLES.map((t) => t.name));
  const found = await readPlans(nodes, [...names]);
  const plans = [...found.values()].filter((p): p is ComparePlan => p !== null && typeof p !== 'string');
  const missing = [...found].flatMap(([name, p]) => (p === null && needed.has(name) ? [`${name} is not on ${source.name}`] : []));
  const otherwise = [...found].flatMap(([name, p]) => (typeof p === 'string' ? [`${name} ${p}`] : []));
  const stuck = late.length > 0 || nodes.some((n) => n.broken);
  const proof = await provePlans(nodes, plans, {
    method: opts.method ?? 'auto',
    // what a node that stands still has cannot be settled
    settleMs: stuck ? 0 : (opts.settleMs ?? SETTLE_MS),
    lockMsMax: stuck ? 0 : (opts.lockMsMax ?? 0),
    base,
    ...(opts.outDir ? { inSnapshots: () => writeRows(join(opts.outDir!, BUNDLE.rows), nodes, plans, opts.identity) } : {}),
    progress: opts.progress ?? (() => {}),
  });
  for (const name of await behind(nodes, stuck ? 0 : opts.catchUpMs)) if (!late.includes(name)) late.push(name);
  const bad = [
    ...nodes.filter((n) => n.broken).map((n) => `${n.name}: ${n.applier}`),
    ...late.map((name) => `${name} had not executed everything of ${source.name} after ${opts.catchUpMs / 1000} s`),
    ...otherwise,
    ...(proof.count > 0 ? [`${proof.atLeast ? 'at least ' : ''}${proof.count} rows differ`] : []),
  ];
  const untold = [...proof.untold, ...missing, ...(plans.length === 0 && otherwise.length === 0 ? ['no table could be compared'] : [])];
  const equal = bad.length > 0 ? false : untold.length > 0 ? null : true;
  const compared = `compared: ${plans.map((p) => p.info.name).join(', ')}; not compared: ${META_SCHEMA}`;
  const after = proof.after.length > 0 ? proof.after : await positions(nodes);
  return {
    ...resultOf(nodes, proof, plans, after),
    equal,
    startedNs,
    provenNs: equal === true ? String(process.hrtime.bigint()) : null,
    reason: [...bad, ...untold, ...proof.notes, compared].join('; '),
  };
}

function resultOf(
  nodes: readonly ProofNode[],
  proof: Proof,
  plans: readonly ComparePlan[],
  after: readonly string[],
): Pick<Convergence, 'nodes' | 'from' | 'differences' | 'tables'> {
  const reads = [...proof.reads.values()];
  return {
    nodes: nodes.map((n, i) => ({
      node: n.name,
      uuid: n.uuid,
      gtidExecuted: after[i]!,
      rows: reads.reduce((sum, r) => sum + r.raw.rows[i]!, 0),
      digest: digestOfReads(reads, proof.real.length > 0 ? i : 0),
      applier: n.applier,
    })),
    from: proof.from?.toString() ?? null,
    tables: plans.map((p) => p.info.name),
    differences: proof.real.slice(0, DIFFERENCES_MAX).map(({ table, group }) => ({
      table,
      key: group.text,
      nodes: Object.fromEntries(nodes.map((n, i) => [n.name, group.digests[i] ?? null])),
    })),
  };
}

/** Replicas that do not execute within the time what the source has now. */
async function behind(nodes: readonly ProofNode[], catchUpMs: number): Promise<string[]> {
  const [source, ...replicas] = nodes as [ProofNode, ...ProofNode[]];
  const wanted = await gtidExecuted(source.admin);
  const there = await Promise.all(replicas.map((n) => waitFor(n.admin, wanted, n.broken ? 0 : catchUpMs)));
  for (const n of nodes) Object.assign(n, await applierOf(n.admin));
  return replicas.filter((n, i) => !there[i] && !n.broken).map((n) => n.name);
}
