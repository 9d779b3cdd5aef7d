/** What the decoder says against what was stored: every difference is a line of text, and no difference is none. */
import type { DecodedImage, DecodedRow } from './decode.ts';
import type { Context } from './kind.ts';
import { presenceOf } from './present.ts';
import type { RowImageMode } from './present.ts';
import type { Cell, Change, Row } from './write.ts';

export interface Comparison {
  values: number;
  absent: number;
  /** JSON columns of partial updates whose base is not in the log, and which the decoder said it cannot know */
  underivable: number;
  differences: string[];
}

const DIFFERENCES_MAX = 40;

/** The changes of one table, in order. */
export function compareTable(expected: readonly Change[], decoded: readonly DecodedRow[], mode: RowImageMode, context: Context): Comparison {
  const result: Comparison = { values: 0, absent: 0, underivable: 0, differences: [] };
  const say = (line: string) => {
    if (result.differences.length < DIFFERENCES_MAX) result.differences.push(line);
  };
  const name = expected[0] ? `${expected[0].table.schema}.${expected[0].table.name}` : '?';
  if (decoded.length !== expected.length) say(`${name}: ${decoded.length} rows decoded, ${expected.length} written`);
  for (const [r, change] of expected.entries()) {
    const row = decoded[r];
    if (!row) break;
    const where = `${name} row ${r} (${change.op})`;
    if (row.op !== change.op) say(`${where}: decoded as ${row.op}`);
    for (const side of ['before', 'after'] as const) compareImage(`${where} ${side}`, change, side, row[side], mode, context, result, say);
  }
  return result;
}

function compareImage(
  where: string,
  change: Change,
  side: 'before' | 'after',
  decoded: DecodedImage | null,
  mode: RowImageMode,
  context: Context,
  result: Comparison,
  say: (line: string) => void,
): void {
  const row: Row | null = change[side];
  if (!row || !decoded) {
    if (Boolean(row) !== Boolean(decoded)) say(`${where}: ${decoded ? 'an image that was not written' : 'no image'}`);
    return;
  }
  if (decoded.length !== row.length) return say(`${where}: ${decoded.length} columns, not ${row.length}`);
  for (const [c, cell] of row.entries()) {
    const token = decoded[c];
    const must = presenceOf(change, side, c, mode);
    const column = change.table.columns[c]!;
    if (token === undefined) {
      result.absent++;
      if (must === 'present') say(`${where} ${column.name}: absent`);
    } else if (must === 'absent') say(`${where} ${column.name}: ${JSON.stringify(token)?.slice(0, 60)} where it must be absent`);
    else if (isUnderivable(token)) {
      result.underivable++;
      if (presenceOf(change, 'before', c, mode) === 'present') say(`${where} ${column.name}: said to be underivable, and its base is in the log`);
    } else {
      result.values++;
      const difference = differenceOf(cell, token, column.kind, context);
      if (difference) say(`${where} ${column.name} ${column.type.slice(0, 40)}: ${difference}`);
    }
  }
}

const isUnderivable = (token: unknown): boolean => typeof token === 'object' && token !== null && 'underivable' in token;

function differenceOf(
  cell: Cell,
  token: unknown,
  kind: { ofToken(token: unknown, parts: readonly string[], context: Context): string },
  context: Context,
): string | null {
  if (token === null || cell.is === null)
    return token === null && cell.is === null ? null : `${JSON.stringify(token)?.slice(0, 100)} decoded, ${cell.is?.slice(0, 100)} stored`;
  try {
    const is = kind.ofToken(token, cell.parts!, context);
    return is === cell.is ? null : `${is.slice(0, 160)} decoded (${JSON.stringify(token).slice(0, 100)}), ${cell.is.slice(0, 160)} stored`;
  } catch (e) {
    return e instanceof Error ? e.message : String(e);
  }
}
