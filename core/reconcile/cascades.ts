/**
 * Foreign keys whose effects a server may not have logged: MySQL logs cascaded changes since 9.6, unless told otherwise; before, and in MariaDB, only the parent's
 * row is in the log. So the rows that refer to a parent which the lost part deleted, or gave another key, must each have a change in it; one that has none is named.
 */
import type { ForkFinding } from './fork.ts';
import type { KeyIds } from './keys.ts';
import { keySpec } from './keys.ts';
import type { KeySpec } from './keys.ts';
import type { KeyState } from './lost.ts';
import { idOf } from './net.ts';
import type { ForeignKey } from './schema.ts';
import { keyOf } from './tables.ts';
import type { Row, TableShape } from './tables.ts';

const CASCADES = new Set(['CASCADE', 'SET NULL', 'SET DEFAULT']);
const NAMED_MAX = 20;

/** What the lost part took from under the children of one foreign key. */
export interface Orphans {
  key: ForeignKey;
  /** the children's columns */
  spec: KeySpec;
  child: TableShape;
  /** children as they would be: nothing but the columns that refer */
  wanted: Row[];
}

/** Names of the tables that may have lost rows without a word in the log, of these tables' changes. */
export const childTables = (shapes: Iterable<TableShape>): Set<string> =>
  new Set([...shapes].flatMap((s) => s.info.referencedBy.filter((k) => CASCADES.has(k.onDelete) || CASCADES.has(k.onUpdate)).map((k) => k.table)));

/** Finds them among the lost keys, which may come in any order. Memory: a row for each child's parent that is gone. */
export class OrphanSearch {
  private readonly children: ReadonlyMap<string, TableShape | string>;
  private readonly found = new Map<ForeignKey, { first: number; orphans: Omit<Orphans, 'wanted'>; rows: { rank: number; row: Row }[] }>();

  /** `children`: shapes of childTables. */
  constructor(children: ReadonlyMap<string, TableShape | string>) {
    this.children = children;
  }

  /** `rank`: the key's place among the lost ones. */
  add(state: Pick<KeyState, 'shape' | 'lost'>, rank: number): void {
    for (const [position, key] of state.shape.info.referencedBy.entries()) {
      const child = this.children.get(key.table);
      if (!child || typeof child === 'string') continue;
      for (const cells of goneKeys(state, key)) {
        const columns = key.columns.map((name) => child.columns.findIndex((c) => c.name === name));
        const row: (string | null | undefined)[] = Array.from({ length: child.columns.length });
        for (const [i, column] of columns.entries()) row[column] = cells[i];
        const first = rank + position / state.shape.info.referencedBy.length;
        const known = this.found.get(key) ?? { first, orphans: { key, child, spec: keySpec(child.info, columns, null) }, rows: [] };
        this.found.set(key, known);
        known.first = Math.min(known.first, first);
        known.rows.push({ rank, row });
      }
    }
  }

  /** In the order of the lost keys. */
  orphans(): Orphans[] {
    const all = [...this.found.values()].sort((a, b) => a.first - b.first);
    return all.map(({ orphans, rows }) => ({ ...orphans, wanted: rows.sort((a, b) => a.rank - b.rank).map((r) => r.row) }));
  }
}

/** Values that the parent had in the columns that children refer to, and lost by a change that the key's rules cascade. */
function* goneKeys(state: Pick<KeyState, 'shape' | 'lost'>, key: ForeignKey): Generator<string[]> {
  const columns = key.parentColumns.map((name) => state.shape.columns.findIndex((c) => c.name === name));
  const cellsOf = (row: Row | null) => row && columns.map((i) => row[i]);
  for (const { before, after } of state.lost) {
    const [had, has] = [cellsOf(before), cellsOf(after)];
    if (!had || !had.every((c) => typeof c === 'string')) continue;
    const rule = after === null ? key.onDelete : key.onUpdate;
    const gone = !has || has.some((c, i) => c !== undefined && c !== had[i]);
    if (gone && (CASCADES.has(rule) || (after === null && CASCADES.has(key.onUpdate)))) yield had;
  }
}

/** `rows`: the children on the new source that still refer to what is gone. */
export function cascadeFindings(orphans: Orphans, rows: readonly Row[], states: readonly KeyState[], ids: KeyIds): ForkFinding[] {
  const { key, child, spec, wanted } = orphans;
  const own = states.filter((s) => s.shape.name === child.name);
  const logged = new Set(own.map((s) => s.id));
  const gone = new Set(wanted.map((row) => ids.idOf(spec, row)));
  const silent = rows.filter((row) => !logged.has(idOf(child, row, ids) ?? '')).map((row) => keyOf(child, row));
  const still = own.filter((s) => s.after !== null && gone.has(ids.idOf(spec, s.after))).map((s) => s.key);
  const named = [...new Set([...silent, ...still])];
  if (named.length === 0) return [];
  const shown = `${named.slice(0, NAMED_MAX).join(', ')}${named.length > NAMED_MAX ? ', …' : ''}`;
  return [
    {
      severity: 'unknown',
      text: `${child.name}: ${named.length} row${named.length === 1 ? '' : 's'} (${shown}) refer to rows of ${key.parent} that the lost part deleted or gave another key (${key.name}, on delete ${key.onDelete.toLowerCase()}, on update ${key.onUpdate.toLowerCase()}), and its log has no change of them: a cascade that the server did not log, or rows that the new side added`,
    },
  ];
}
