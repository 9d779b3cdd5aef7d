/** Rows by their keys: many compared by their bytes, a few read as cells. */
import type { Cell } from '../../../../core/reconcile/schema.ts';
import { cellOf } from '../schema.ts';
import { cellSelect, keysSelect, sameKey, whereKeys } from './plan.ts';
import type { ComparePlan, RawKey } from './plan.ts';
import { compareRaw } from './raw.ts';
import type { RawResult } from './raw.ts';
import { unreadable } from './wire.ts';
import type { WireNode } from './wire.ts';

const KEYS_PER_READ = 10_000;

/** Compares the rows that have these keys, exactly. The next query is put together while the servers are at work. Throws DRILL_ROWS_UNREADABLE. */
export async function compareKeys(nodes: readonly WireNode[], plan: ComparePlan, keys: readonly RawKey[]): Promise<RawResult> {
  const result: RawResult = { rows: nodes.map(() => 0), crc: 0, count: 0, differences: [], more: false };
  let sql = keysSelect(plan, keys.slice(0, KEYS_PER_READ));
  for (let from = 0; from < keys.length; from += KEYS_PER_READ) {
    const behind = from + KEYS_PER_READ;
    let next = '';
    const sent = () => {
      if (behind < keys.length) next = keysSelect(plan, keys.slice(behind, behind + KEYS_PER_READ));
    };
    add(result, (await compareRaw(nodes, sql, { keyColumns: plan.key!.length, sent }))!);
    sql = next;
  }
  return result;
}

function add(result: RawResult, some: RawResult): void {
  for (const [i, n] of some.rows.entries()) result.rows[i]! += n;
  result.count += some.count;
  result.differences.push(...some.differences);
  result.more ||= some.more;
}

const KEYS_PER_CELLS = 200;

/** A row as cells in the order of plan.columns, and what is the same for all that are one to its key. */
export interface KeyedCells {
  same: string;
  cells: Cell[];
}

/** The rows that have one of these keys under the key's own collation. */
export async function readCells(node: WireNode, plan: ComparePlan, keys: readonly RawKey[]): Promise<KeyedCells[]> {
  const rows: KeyedCells[] = [];
  for (let from = 0; from < keys.length; from += KEYS_PER_CELLS) {
    const sql = cellSelect(plan, whereKeys(plan, keys.slice(from, from + KEYS_PER_CELLS)), `, ${sameKey(plan)}`);
    for (const [same, cells] of await cellsOf(node, plan, sql)) rows.push({ same, cells });
  }
  return rows;
}

/** Rows of a SELECT of cells, each with the column behind them. */
export async function cellsOf(node: WireNode, plan: ComparePlan, sql: string): Promise<[behind: string, cells: Cell[]][]> {
  try {
    const [found] = await node.connection.query({ sql, rowsAsArray: true });
    return (found as unknown as (string | null)[][]).map((row) => [row.at(-1) ?? '', plan.columns.map((c, i) => cellOf(c, row[i]!))]);
  } catch (cause) {
    throw unreadable(node.name, cause instanceof Error ? cause.message : String(cause));
  }
}
