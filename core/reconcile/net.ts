/** Row changes by key: what one transaction did to each, and the states that a series of changes left. */
import { hasNull } from './keys.ts';
import type { KeyIds } from './keys.ts';
import type { SideTransaction } from './side.ts';
import { isWhole, keyOf, overlay, rowText } from './tables.ts';
import type { Row, TableShape } from './tables.ts';

export interface KeyChange {
  tx: SideTransaction;
  before: Row | null;
  /** columns that the images leave out and that nothing else tells are undefined */
  after: Row | null;
  /** RowChange.nth */
  nth?: number;
}

export interface ChangeOfKey {
  shape: TableShape;
  /** equal for rows that are the same to the server */
  id: string;
  /** for people */
  key: string;
  change: KeyChange;
}

export type Shapes = ReadonlyMap<string, TableShape | string>;

/** Changes of a transaction by key; an update that changes its key is a delete and an insert. `reason`: why they cannot be told, in words that follow the table's name. */
export function* changesOf(tx: SideTransaction, shapes: Shapes, ids: KeyIds): Generator<ChangeOfKey | { table: string; reason: string }> {
  for (const r of tx.rows) {
    const shape = shapes.get(r.table) ?? 'is not on the new source';
    if (typeof shape === 'string' || r.reason !== undefined) {
      yield { table: r.table, reason: typeof shape === 'string' ? shape : r.reason! };
      continue;
    }
    const after = r.after && overlay(r.before, r.after);
    const from = r.before && idOf(shape, r.before, ids);
    const to = after && idOf(shape, after, ids);
    if ((r.before && from === null) || (after && to === null)) {
      yield { table: r.table, reason: 'has row images without all columns of its key (binlog_row_image is not FULL)' };
      continue;
    }
    const { nth } = r;
    const at = (row: Row, id: string, change: Omit<KeyChange, 'tx'>): ChangeOfKey => ({
      shape,
      id,
      key: keyOf(shape, row),
      change: nth === undefined ? { tx, ...change } : { tx, ...change, nth },
    });
    if (r.before && after && from !== to) {
      yield at(r.before, from!, { before: r.before, after: null });
      yield at(after, to!, { before: null, after });
    } else if (shape.key || !r.before || !after) yield at((after ?? r.before)!, (to ?? from)!, { before: r.before, after });
  }
}

/** Weights for every key in these transactions. */
export async function learnKeys(ids: KeyIds, shapes: Shapes, transactions: readonly Pick<SideTransaction, 'rows'>[]): Promise<void> {
  const rows = new Map<string, (Row | null)[]>();
  for (const t of transactions) {
    for (const r of t.rows) {
      const list = rows.get(r.table);
      if (list) list.push(r.before, r.after);
      else rows.set(r.table, [r.before, r.after]);
    }
  }
  for (const [table, some] of rows) {
    const shape = shapes.get(table);
    if (shape && typeof shape !== 'string') for (const spec of [...(shape.key ? [shape.key] : []), ...shape.uniques]) await ids.learn(spec, some);
  }
}

/** null: a column that it needs is not in the row. */
export function idOf(shape: TableShape, row: Row, ids: KeyIds): string | null {
  if (shape.key) return ids.idOf(shape.key, row);
  return isWhole(shape, row) ? rowText(shape, row) : null;
}

const NONE: readonly { index: string; value: string }[] = [];

/** What a row takes in each unique index but its identity: strings that are equal where the server would refuse the second one. */
export function takenOf(shape: TableShape, row: Row | null, ids: KeyIds): readonly { index: string; value: string }[] {
  if (!row || shape.uniques.length === 0) return NONE;
  return shape.uniques.flatMap((spec) => {
    const id = hasNull(spec, row) ? null : ids.idOf(spec, row);
    return id === null ? [] : [{ index: spec.index ?? '', value: `${shape.name}\0${spec.index}\0${id}` }];
  });
}

/** States that a key was in: whole ones as a set of texts, partial ones compared cell by cell. */
export class States {
  private readonly shape: TableShape;
  private readonly whole = new Set<string>();
  private readonly partial: Row[] = [];

  constructor(shape: TableShape) {
    this.shape = shape;
  }

  add(row: Row): void {
    if (isWhole(this.shape, row)) this.whole.add(rowText(this.shape, row));
    else this.partial.push(row);
  }

  /** One of them may be this one: no cell that both have speaks against it, and one that is no key speaks for it. */
  has(row: Row): boolean {
    const { shape } = this;
    if (isWhole(shape, row) && this.whole.has(rowText(shape, row))) return true;
    if (this.partial.some((state) => agree(shape, state, row))) return true;
    return !isWhole(shape, row) && [...this.whole].some((text) => agree(shape, row, wholeRow(shape, text)));
  }
}

function wholeRow(shape: TableShape, text: string): Row {
  const cells = JSON.parse(text) as (string | null)[];
  const row: (string | null | undefined)[] = Array.from({ length: shape.columns.length });
  for (const [i, column] of shape.body.entries()) row[column] = cells[i] ?? null;
  return row;
}

/** No cell that both have speaks against it. */
export const alike = (shape: TableShape, a: Row, b: Row): boolean => shape.body.every((i) => a[i] === undefined || b[i] === undefined || a[i] === b[i]);

function agree(shape: TableShape, a: Row, b: Row): boolean {
  const common = shape.body.filter((i) => a[i] !== undefined && b[i] !== undefined);
  const isKey = (i: number) => shape.key?.parts.some((p) => p.column === i) ?? false;
  return common.every((i) => a[i] === b[i]) && common.some((i) => !isKey(i));
}

/** The state after a change, given the one before it. */
export function stateAfter(state: Row | null | undefined, change: Pick<KeyChange, 'before' | 'after'>): Row | null {
  if (change.after === null) return null;
  return change.before === null ? change.after : overlay(state, change.after);
}
