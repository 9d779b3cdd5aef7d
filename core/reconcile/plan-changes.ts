/** Lost keys that are not in place, as planned changes. The one place that knows how the reconciliation states its keys. Pure. */
import type { ReconcileRules } from '../plan.ts';
import { inPlace } from './lost.ts';
import type { FinalRows, KeyState, Shapes } from './lost.ts';
import type { PlannedChange } from './plan-model.ts';
import type { Cells } from './schema.ts';
import { holds, isWhole } from './tables.ts';
import type { Row } from './tables.ts';

/** null: it is as demanded, or cannot be told. */
export function plannedOf(state: KeyState, finals: FinalRows, rules: ReconcileRules): PlannedChange | null {
  if (inPlace(state, finals, rules) !== false) return null;
  const rows = finals.rows(state.shape.name, state.id) ?? [];
  return state.copies === null ? changeOf(state, rows) : copiesOf(state, rows);
}

const gtidsOf = (state: KeyState): string[] => [...new Set(state.lost.map((l) => l.tx.gtid))];

/** null: it is as demanded. */
function changeOf(state: KeyState, rows: readonly Row[]): PlannedChange | null {
  const { shape, key, demanded, conflict } = state;
  const seen = rows[0] ?? null;
  const wanted = demanded === undefined ? state.after : demanded;
  const note = personal(state, rows.length, wanted);
  if (note === null && holds(shape, seen, wanted)) return null;
  // an id that means nothing stays what it is, and what the server generates is its own
  const left = (i: number) => !shape.body.includes(i) && (seen !== null || !shape.rekeyable);
  const own = seen ?? wanted;
  return {
    table: shape.info,
    key,
    where: shape.columns.map((_, i) => (shape.key?.parts.some((p) => p.column === i) ? own?.[i] : undefined)),
    seen,
    target: wanted && wanted.map((cell, i) => (left(i) ? undefined : cell)),
    ...(shape.rekeyable && !seen ? { rekey: true } : {}),
    gtids: gtidsOf(state),
    kind: note === null ? (conflict ? 'rule' : 'safe') : 'person',
    conflict,
    note: note ?? '',
  };
}

/** Why only a person can settle the key; null: it can be settled. */
function personal(state: KeyState, rows: number, wanted: Row | null): string | null {
  const { shape, demanded, taken, lost } = state;
  if (demanded === undefined)
    return shape.autoIncrement
      ? 'two different rows were given this AUTO_INCREMENT id'
      : `its value in ${taken.join(', ')} was given to another row on the new side`;
  if (rows > 1) return `${rows} rows carry this identity`;
  // an INSERT that was logged in part left the rest to the defaults
  if (rows === 0 && wanted && lost[0]!.before !== null && !isWhole(shape, wanted)) return 'the row is gone and its images in the log hold only a part of it';
  return null;
}

/** Equal rows without a key: how many there must be. */
function copiesOf(state: KeyState, rows: readonly Row[]): PlannedChange {
  const { shape, key } = state;
  const row = rows[0] ?? state.lost.map((l) => l.after ?? l.before).find((r) => r !== null)!;
  const cells = row.map((cell, i) => (shape.body.includes(i) ? cell : undefined));
  const target = Math.max(0, rows.length + (state.copies ?? 0));
  const untold = target === rows.length;
  return {
    table: shape.info,
    key,
    where: cells,
    seen: cells,
    target: cells,
    copies: { seen: rows.length, target },
    gtids: gtidsOf(state),
    kind: untold ? 'person' : 'safe',
    conflict: null,
    note: untold ? 'equal rows are gone that no log accounts for' : '',
  };
}

/** As JSON can hold it: a cell that is undefined is 0, the table its name. */
export function storedChange(c: PlannedChange): unknown {
  return { ...c, table: c.table.name, where: out(c.where), seen: c.seen && out(c.seen), target: c.target && out(c.target) };
}

export function revivedChange(json: string, shapes: Shapes): PlannedChange {
  const c = JSON.parse(json) as Omit<PlannedChange, 'table' | 'where' | 'seen' | 'target'> & {
    table: string;
    where: Stored;
    seen: Stored | null;
    target: Stored | null;
  };
  const shape = shapes.get(c.table);
  if (!shape || typeof shape === 'string') throw new TypeError(`${c.table} is no table of the plan`);
  return { ...c, table: shape.info, where: into(c.where), seen: c.seen && into(c.seen), target: c.target && into(c.target) };
}

type Stored = readonly (string | null | 0)[];
const out = (cells: Cells): Stored => cells.map((c) => (c === undefined ? 0 : c));
const into = (cells: Stored): Cells => cells.map((c) => (c === 0 ? undefined : c));
