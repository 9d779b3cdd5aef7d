/** Rows by their keys: many compared by their bytes, a few read as cells. */
import type { Cell } from '../../../../core/reconcile/schema.ts';
import { cellOf } from '../schema.ts';
import { cellSelect, keysSelect, sameKey, whereKeys } from './plan.ts';
import type { ComparePlan, RawKey } from './plan.ts';
import { compareQuery, withRawBytes } from './raw.ts';
import type { RawResult } from './raw.ts';
import { unreadable } from './wire.ts';
import type { WireNode } from './wire.ts';

/** Of one query. */
export const KEYS_PER_READ = 10_000;
/** The same, of their text: a character is three bytes at most and each is two digits, and a server may take no more than 4 MB. */
const TEXT_PER_READ = 500_000;

/** Keys of a table (keyText), each once, as they become known. */
export interface Keys {
  /** how many were given so far */
  readonly count: number;
  /** The next, at most KEYS_PER_READ; none: these were all; null: they cannot be told, it may be any. */
  next(): Promise<readonly string[] | null>;
}

/** Keys that are all known. */
export class KeyList implements Keys {
  count = 0;
  private readonly list: readonly string[];

  constructor(list: readonly string[]) {
    this.list = list;
  }

  next(): Promise<readonly string[]> {
    const some = this.list.slice(this.count, this.count + KEYS_PER_READ);
    this.count += some.length;
    return Promise.resolve(some);
  }
}

/**
 * Compares the rows that have these keys, exactly; null: which they are cannot be told. The next query is put together while the servers are at work. Throws
 * DRILL_ROWS_UNREADABLE.
 */
export async function compareKeys(nodes: readonly WireNode[], plan: ComparePlan, keys: Keys): Promise<RawResult | null> {
  const result: RawResult = { rows: nodes.map(() => 0), crc: 0, count: 0, differences: [], more: false };
  let some: readonly string[] = [];
  const next = async () => {
    const given = some.length > 0 ? some : await keys.next();
    if (given === null) return null;
    const n = fitting(given);
    some = given.slice(n);
    return n === 0 ? '' : keysSelect(plan, given.slice(0, n));
  };
  let sql = await next();
  if (!sql) return sql === null ? null : result;
  await withRawBytes(nodes, async () => {
    while (sql) {
      const [found, then] = await Promise.all([compareQuery(nodes, sql, { keyColumns: plan.key!.length }), next()]);
      add(result, found!);
      sql = then;
    }
  });
  return sql === null ? null : result;
}

/** How many of the first of these one query has; one at least. */
function fitting(keys: readonly string[]): number {
  let text = 0;
  const over = keys.findIndex((key, i) => (text += key.length) > TEXT_PER_READ && i > 0);
  return over === -1 ? keys.length : over;
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
