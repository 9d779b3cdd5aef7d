/**
 * Exact comparison, but for collisions of SHA-256, where the network is too slow for all rows: ranges of keys by the number of their rows and the XOR of their
 * rows' hashes, and those that differ divided into 16 until they are small enough to be compared row by row.
 */
import { INTEGERS, keyOfHex, keySelect, rawSelect, rowHash, whereRange } from './plan.ts';
import type { ComparePlan, RawKey } from './plan.ts';
import { compareRaw } from './raw.ts';
import type { RawResult } from './raw.ts';
import { unreadable } from './wire.ts';
import type { WireNode } from './wire.ts';

/** Rows of a range that is hashed at once. */
const CHUNK_ROWS = 50_000;
/** Ranges of at most so many rows are read instead of divided. */
const LEAF_ROWS = 64;
const WAYS = 16;
const DIFFERENCES_MAX = 1_000;
const COUNT_MAX = 20_000;

/** Behind `low`, up to and with `high`; null: to the end of the table. */
interface Range {
  low: RawKey | null;
  high: RawKey | null;
}
interface Sum {
  rows: number;
  hash: string;
}

/** Throws DRILL_ROWS_UNREADABLE. The CRC-32 of the result is 0. */
export async function compareSha(nodes: readonly WireNode[], plan: ComparePlan): Promise<RawResult> {
  const result: RawResult = { rows: nodes.map(() => 0), crc: 0, count: 0, differences: [], more: false };
  const next = await chunksOf(nodes[0]!, plan);
  for (let low: RawKey | null = null; ;) {
    const high: RawKey | null = await next(low);
    const sums = await sumsOf(nodes, plan, { low, high });
    for (const [i, s] of sums.entries()) result.rows[i]! += s.rows;
    if (differ(sums)) await descend(nodes, plan, { low, high }, sums, result);
    if (high === null || result.more) return result;
    low = high;
  }
}

const differ = (sums: readonly Sum[]): boolean => sums.some((s) => s.rows !== sums[0]!.rows || s.hash !== sums[0]!.hash);

async function descend(nodes: readonly WireNode[], plan: ComparePlan, range: Range, sums: readonly Sum[], result: RawResult): Promise<void> {
  const most = Math.max(...sums.map((s) => s.rows));
  const cuts = most > LEAF_ROWS ? await cutsOf(nodes[sums.findIndex((s) => s.rows === most)]!, plan, range, Math.ceil(most / WAYS)) : [];
  if (cuts.length === 0) return compareLeaf(nodes, plan, range, result);
  let low = range.low;
  for (const high of [...cuts, range.high]) {
    const part = { low, high };
    const found = await sumsOf(nodes, plan, part);
    if (differ(found)) await descend(nodes, plan, part, found, result);
    if (result.more) return;
    low = high;
  }
}

async function compareLeaf(nodes: readonly WireNode[], plan: ComparePlan, range: Range, result: RawResult): Promise<void> {
  const leaf = await compareRaw(nodes, rawSelect(plan, whereRange(plan, range.low, range.high)), { keyColumns: plan.key!.length });
  result.count += leaf!.count;
  for (const d of leaf!.differences) if (result.differences.length < DIFFERENCES_MAX) result.differences.push(d);
  result.more ||= leaf!.more || result.count > COUNT_MAX;
}

async function sumsOf(nodes: readonly WireNode[], plan: ComparePlan, { low, high }: Range): Promise<Sum[]> {
  const where = whereRange(plan, low, high);
  const sql = `SELECT COUNT(*) n, HEX(BIT_XOR(UNHEX(${rowHash(plan)}))) h FROM ${plan.from}${where && ` WHERE ${where}`}`;
  return Promise.all(
    nodes.map(async (node) => {
      const [row] = await rowsOf<{ n: string | number; h: string | null }>(node, sql);
      return { rows: Number(row!.n), hash: row!.h ?? '' };
    }),
  );
}

async function rowsOf<T>(node: WireNode, sql: string): Promise<T[]> {
  try {
    return (await node.connection.query(sql))[0] as T[];
  } catch (cause) {
    throw unreadable(node.name, cause instanceof Error ? cause.message : String(cause));
  }
}

/** The keys of every n-th row of a range, without the last row's, as the server orders them. */
async function cutsOf(node: WireNode, plan: ComparePlan, range: Range, n: number): Promise<RawKey[]> {
  const where = whereRange(plan, range.low, range.high);
  const numbered = `SELECT ${keySelect(plan)}, ROW_NUMBER() OVER (ORDER BY ${plan.orderBy}) r, COUNT(*) OVER () c FROM ${plan.from}${where && ` WHERE ${where}`}`;
  const rows = await rowsOf<Record<string, string>>(node, `SELECT * FROM (${numbered}) d WHERE r % ${n} = 0 AND r < c ORDER BY r`);
  return rows.map((r) => keyOfHex(plan, r));
}

/** Gives the end of the range that begins behind a key; null: the last one. Integers are counted on, by what the server estimates of its rows. */
async function chunksOf(node: WireNode, plan: ComparePlan): Promise<(low: RawKey | null) => Promise<RawKey | null>> {
  const key = plan.key!;
  if (key.length > 1 || !INTEGERS.has(key[0]!.dataType)) return async (low) => nthBehind(node, plan, low);
  const [ends] = await rowsOf<{ low: string | null; high: string }>(
    node,
    `SELECT CAST(MIN(${plan.orderBy}) AS CHAR) low, CAST(MAX(${plan.orderBy}) AS CHAR) high FROM ${plan.from}`,
  );
  if (ends!.low === null) return async () => null;
  const [table] = await rowsOf<{ c: string | number }>(
    node,
    `SELECT COALESCE(MAX(TABLE_ROWS), 0) c FROM information_schema.TABLES WHERE CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) = '${plan.info.name.replaceAll(/['\\]/g, '\\$&')}'`,
  );
  const [low, high] = [BigInt(ends!.low), BigInt(ends!.high)];
  const step = (high - low) / BigInt(Math.ceil(Number(table!.c) / CHUNK_ROWS) || 1) + 1n;
  return async (from) => {
    const to = (from === null ? low - 1n : BigInt(Buffer.from(from[0]!).toString())) + step;
    return to >= high ? null : [Buffer.from(String(to))];
  };
}

async function nthBehind(node: WireNode, plan: ComparePlan, low: RawKey | null): Promise<RawKey | null> {
  const where = whereRange(plan, low, null);
  const sql = `SELECT ${keySelect(plan)} FROM ${plan.from}${where && ` WHERE ${where}`} ORDER BY ${plan.orderBy} LIMIT 1 OFFSET ${CHUNK_ROWS - 1}`;
  const [row] = await rowsOf<Record<string, string>>(node, sql);
  return row ? keyOfHex(plan, row) : null;
}
