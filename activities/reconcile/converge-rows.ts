/** rows.jsonl: the rows of the workload's tables on every node, as they were in the proof's snapshots. */
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { RowLine } from '../../core/bundle.ts';
import { DrillError, messageOf } from '../../core/errors.ts';
import type { Cell } from '../../core/reconcile/schema.ts';
import { rowDigest, WORKLOAD_TABLES } from '../../core/workload.ts';
import { cellSelect } from '../../targets/systems/mysql/compare/plan.ts';
import type { ComparePlan } from '../../targets/systems/mysql/compare/plan.ts';
import { cellOf } from '../../targets/systems/mysql/schema.ts';
import type { ProofNode } from './converge-nodes.ts';

const LINES_PER_WRITE = 1_000;

/** Written anew at each call. Throws DRILL_ROWS_UNREADABLE. */
export async function writeRows(path: string, nodes: readonly ProofNode[], plans: readonly ComparePlan[], identity: Record<string, string>): Promise<void> {
  const file = await open(path, 'w');
  try {
    let lines: string[] = [];
    for (const plan of plans.filter((p) => WORKLOAD_TABLES.some((t) => t.name === p.info.name))) {
      const line = lineOf(plan, identity[plan.info.name]);
      for (const node of nodes) {
        for await (const cells of rowsOf(node, plan)) {
          lines.push(`${JSON.stringify(line(node.name, cells))}\n`);
          if (lines.length < LINES_PER_WRITE) continue;
          await file.write(lines.join(''));
          lines = [];
        }
      }
    }
    await file.write(lines.join(''));
    await file.sync();
  } finally {
    await file.close();
  }
}

function lineOf(plan: ComparePlan, identity: string | undefined): (node: string, cells: readonly Cell[]) => RowLine {
  const { name } = plan.info;
  const names = plan.columns.map((c) => c.name);
  const at = (column: string | undefined) => (column === undefined ? -1 : names.indexOf(column));
  const key = identity === undefined ? 0 : at(identity);
  const writeId = at('write_id');
  const client = WORKLOAD_TABLES.find((t) => t.name === name)!.clientColumns;
  const digest = (columns: readonly string[], cells: readonly Cell[]) => rowDigest(Object.fromEntries(columns.map((c) => [c, cells[at(c)] ?? null])));
  return (node, cells) => {
    const w = cells[writeId] ?? undefined;
    return {
      node,
      table: name,
      // trailing spaces are no part of a key under the workload's collations
      key: (cells[key] ?? '').replace(/ +$/, ''),
      image: digest(names, cells),
      client: digest(client, cells),
      ...(w === undefined ? {} : { w }),
    };
  };
}

async function* rowsOf(node: ProofNode, plan: ComparePlan): AsyncGenerator<Cell[]> {
  // the callback connection below the promise wrapper is what can stream
  const { connection } = node.wire.connection as unknown as {
    connection: { query(o: { sql: string; rowsAsArray: boolean }): { stream(o: { highWaterMark: number }): Readable } };
  };
  const stream = connection
    .query({ sql: `${cellSelect(plan)}${plan.orderBy && ` ORDER BY ${plan.orderBy}`}`, rowsAsArray: true })
    .stream({ highWaterMark: 500 });
  try {
    for await (const row of stream as AsyncIterable<(string | null)[]>) yield plan.columns.map((c, i) => cellOf(c, row[i]!));
  } catch (cause) {
    throw new DrillError('DRILL_ROWS_UNREADABLE', `${node.name}: the rows of ${plan.info.name} could not be read: ${messageOf(cause)}`, '', { cause });
  }
}
