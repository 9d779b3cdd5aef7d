/** One reading of tables on all nodes, in their snapshots: what differs, by key. */
import { hash } from 'node:crypto';
import { DrillError } from '../../core/errors.ts';
import type { Cell, TableShape } from '../../core/reconcile/schema.ts';
import { rowDigest } from '../../core/workload.ts';
import { compareKeys, readCells } from '../../targets/systems/mysql/compare/keys.ts';
import type { Keys } from '../../targets/systems/mysql/compare/keys.ts';
import { comparePlan, multisetSelect, rawKeyOf, rawSelect } from '../../targets/systems/mysql/compare/plan.ts';
import type { ComparePlan, RawKey } from '../../targets/systems/mysql/compare/plan.ts';
import { compareRaw } from '../../targets/systems/mysql/compare/raw.ts';
import type { RawResult } from '../../targets/systems/mysql/compare/raw.ts';
import { compareSha } from '../../targets/systems/mysql/compare/sha.ts';
import { readShapes } from '../../targets/systems/mysql/schema.ts';
import type { ProofNode } from './converge-nodes.ts';
import { keyId } from './converge-window.ts';

/** How whole tables are compared: by the bytes of all rows, by hashes of ranges, or the first where the way to every node is quick. */
export type Method = 'rows' | 'sha256' | 'auto';

/** Rows that are one to the key. */
export interface Group {
  key: RawKey;
  /** what people see */
  text: string;
  /** the same for every spelling of the key */
  same: string;
  /** keyId of each spelling */
  ids: Set<string>;
  /** by node, in the order of plan.columns; null: no row */
  rows: (Cell[] | null)[];
  /** by node */
  digests: (string | null)[];
}

export interface TableRead {
  plan: ComparePlan;
  raw: RawResult;
  groups: Group[];
  /** there are differences beyond the groups */
  more: boolean;
  /** how many keys it is the rows of; null: it is all rows */
  keys: number | null;
}

/** How the tables are to be compared; words where they cannot be, since they are not declared alike. */
export async function readPlans(nodes: readonly ProofNode[], names: readonly string[]): Promise<Map<string, ComparePlan | string | null>> {
  const infos: Map<string, TableShape>[] = await Promise.all(nodes.map((n) => readShapes(n.admin, names)));
  const plans = new Map<string, ComparePlan | string | null>();
  for (const name of names) {
    const first = infos[0]!.get(name);
    const odd = nodes.findIndex((_, i) => shapeText(infos[i]!.get(name)) !== shapeText(first));
    if (odd !== -1) plans.set(name, `is declared otherwise on ${nodes[odd]!.name}`);
    else plans.set(name, first ? comparePlan(first) : null);
  }
  return plans;
}

/** What must be alike for rows to be compared. */
function shapeText(info: TableShape | undefined): string {
  if (!info) return '';
  const { key, columns } = comparePlan(info);
  const texts = columns.map((c) => [c.name, c.columnType, c.collation]);
  return JSON.stringify([key?.map((c) => c.name), texts.slice(0, key?.length ?? 0), texts.slice(key?.length ?? 0).sort((a, b) => (a[0]! < b[0]! ? -1 : 1))]);
}

/** `keys`: only these; the whole table where they cannot be told, or without them. */
export async function readTable(nodes: readonly ProofNode[], plan: ComparePlan, keys: Keys | null, method: Method): Promise<TableRead> {
  const wires = nodes.map((n) => n.wire);
  const some = keys && (await compareKeys(wires, plan, keys));
  const raw = some ?? (plan.key ? await compareWhole(nodes, plan, method) : (await compareRaw(wires, multisetSelect(plan), { keyColumns: 1 }))!);
  const groups = plan.key ? await groupsOf(nodes, plan, raw) : raw.differences.map((d) => multisetGroup(d));
  return { plan, raw, groups, more: raw.more || raw.count > raw.differences.length, keys: some && keys.count };
}

/** What the way to a node must carry, in bytes/ms, for all rows to be worth sending. */
const RATE_MIN = 100_000;

async function compareWhole(nodes: readonly ProofNode[], plan: ComparePlan, method: Method): Promise<RawResult> {
  const wires = nodes.map((n) => n.wire);
  const near = nodes.every(({ wire: { endpoint } }) => endpoint.socketPath !== undefined || /^(localhost|127\.|::1$)/.test(endpoint.host ?? ''));
  const options = { keyColumns: plan.key!.length, ...(method === 'auto' && !near ? { rateMin: RATE_MIN } : {}) };
  return (method === 'sha256' ? null : await compareRaw(wires, rawSelect(plan), options)) ?? compareSha(wires, plan);
}

async function groupsOf(nodes: readonly ProofNode[], plan: ComparePlan, raw: RawResult): Promise<Group[]> {
  if (raw.differences.length === 0) return [];
  const found = await Promise.all(
    nodes.map((n) =>
      readCells(
        n.wire,
        plan,
        raw.differences.map((d) => d.key),
      ),
    ),
  );
  const groups = new Map<string, Group>();
  for (const [i, rows] of found.entries()) {
    if (rows.length < raw.differences.filter((d) => d.nodes[i] !== null).length)
      throw new DrillError(
        'DRILL_ROWS_UNREADABLE',
        `${nodes[i]!.name}: rows of ${plan.info.name} are not found by their keys`,
        'look whether its index is sound',
      );
    for (const { same, cells } of rows) {
      const keyCells = cells.slice(0, plan.key!.length);
      const key = rawKeyOf(plan, keyCells)!;
      const group = groups.get(same) ?? { key, text: textOf(keyCells), same, ids: new Set(), rows: nodes.map(() => null), digests: nodes.map(() => null) };
      groups.set(same, group);
      group.ids.add(keyId(keyCells));
      group.rows[i] = cells;
      group.digests[i] = digestOf(plan, cells);
    }
  }
  return [...groups.values()];
}

/** The text of a key: its cell, of several columns a JSON array. */
const textOf = (cells: readonly Cell[]): string => (cells.length === 1 ? (cells[0] ?? '') : JSON.stringify(cells));

const digestOf = (plan: ComparePlan, cells: readonly Cell[]): string => rowDigest(Object.fromEntries(plan.columns.map((c, i) => [c.name, cells[i]!])));

function multisetGroup({ key, nodes }: RawResult['differences'][number]): Group {
  const text = Buffer.from(key[0]!).toString();
  return { key, text: `rows of hash ${text}`, same: text, ids: new Set(), rows: nodes.map(() => null), digests: nodes };
}

/** Equal tables have equal digests: what all have by one sum, and what differs row by row. */
export function digestOfReads(reads: readonly TableRead[], node: number): string {
  const lines = reads.map((r) => JSON.stringify([r.plan.info.name, r.raw.rows[node], r.raw.crc, r.raw.differences.map((d) => d.nodes[node])]));
  return hash('sha256', lines.join('\n'));
}
