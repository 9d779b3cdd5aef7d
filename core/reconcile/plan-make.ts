/** The order of a plan: parents before children, who frees a unique value before who takes it, safe changes first, the rows of a lost transaction together. Pure. */
import { unwritable } from './plan-literal.ts';
import { planDigest, written } from './plan-model.ts';
import type { PlannedChange, PlannedTransaction, RecoveryPlan } from './plan-model.ts';
import type { Cell, Cells, TableInfo } from './schema.ts';

/** one commit carries so many rows, or so many characters of values */
const ROWS_MAX = 200;
const SIZE_MAX = 1_000_000;
/** a lost transaction is kept whole up to here */
const UNIT_ROWS_MAX = 1_000;

export interface PlanInput {
  fork: string;
  read: string;
  source: string;
  /** in the order of the lost part */
  changes: readonly PlannedChange[];
  /** why row events cannot carry this change; null: they can. Rows of tables with triggers and values without a literal need them. */
  uneventful: (change: PlannedChange) => string | null;
}

/** Needs memory for all changes. */
export function makePlan({ fork, read, source, changes, uneventful }: PlanInput): RecoveryPlan {
  const decisions: PlannedChange[] = [];
  const able: PlannedChange[] = [];
  const events = new Map<PlannedChange, string>();
  for (const c of changes) {
    const reason = c.kind === 'person' ? null : eventReason(c);
    const hindrance = reason === null ? null : uneventful(c);
    if (c.kind === 'person') decisions.push(c);
    else if (hindrance !== null) decisions.push({ ...c, kind: 'person', note: `${reason}, and ${hindrance}` });
    else {
      able.push(c);
      if (reason !== null) events.set(c, reason);
    }
  }
  const { order, circles } = ordered(able);
  for (const c of circles)
    decisions.push({ ...c, kind: 'person', note: 'its keys go round in a circle with those of other rows: no order of statements is accepted' });
  const transactions = batched(order, events);
  const plan = { fork, read, source, transactions, decisions };
  return { digest: planDigest(plan), ...plan };
}

/** Why statements cannot make this change and row events must; null: statements can. */
export function eventReason(c: PlannedChange): string | null {
  if (c.table.triggers.length > 0) return `${c.table.name} has triggers, which statements would fire again`;
  for (const i of written(c)) {
    const why = unwritable(c.table.columns[i]!, c.target![i]!);
    if (why) return `${c.table.columns[i]!.name} ${why}`;
  }
  return null;
}

/** Changes of one lost transaction, and of all that share one with them. */
interface Unit {
  changes: PlannedChange[];
  safe: boolean;
  first: number;
}

/** `circles`: changes that wait for each other. */
function ordered(changes: readonly PlannedChange[]): { order: Unit[]; circles: PlannedChange[] } {
  const before = dependencies(changes);
  const units = unitsOf(changes);
  const unitOf = new Map<PlannedChange, Unit>();
  for (const u of units) for (const c of u.changes) unitOf.set(c, u);
  const unitBefore = new Map<Unit, Set<Unit>>();
  for (const [c, sooner] of before) {
    const unit = unitOf.get(c)!;
    for (const s of sooner) if (unitOf.get(s) !== unit) unitBefore.set(unit, (unitBefore.get(unit) ?? new Set()).add(unitOf.get(s)!));
  }
  const rank = (u: Unit) => (u.safe ? 0 : units.length) + u.first / (changes.length + 1);
  const { done, stuck } = sorted(
    units.toSorted((a, b) => rank(a) - rank(b)),
    unitBefore,
  );
  // units that wait for each other: their changes as one
  if (stuck.length > 0) done.push({ changes: stuck.flatMap((u) => u.changes), safe: false, first: 0 });
  const circles: PlannedChange[] = [];
  for (const u of done) {
    if (u.changes.length === 1) continue;
    const inside = sorted(u.changes, before, new Set(u.changes));
    u.changes = inside.done;
    for (const c of inside.stuck) circles.push(c);
  }
  return { order: done.filter((u) => u.changes.length > 0), circles };
}

/** Kahn's order, the first of those that may come. `among`: only these count. */
function sorted<T>(items: readonly T[], before: ReadonlyMap<T, ReadonlySet<T>>, among?: ReadonlySet<T>): { done: T[]; stuck: T[] } {
  const waits = new Map<T, number>();
  const after = new Map<T, T[]>();
  for (const item of items) {
    let n = 0;
    for (const b of before.get(item) ?? []) {
      if (among && !among.has(b)) continue;
      n++;
      const list = after.get(b);
      if (list) list.push(item);
      else after.set(b, [item]);
    }
    waits.set(item, n);
  }
  const done: T[] = [];
  const seen = new Set<T>();
  // depth first from each item in turn, so that what had to wait follows closely
  const visit = (item: T): void => {
    const stack = [item];
    while (stack.length > 0) {
      const next = stack.pop()!;
      if (seen.has(next) || waits.get(next) !== 0) continue;
      seen.add(next);
      done.push(next);
      const freed = after.get(next) ?? [];
      for (let i = freed.length - 1; i >= 0; i--) {
        waits.set(freed[i]!, waits.get(freed[i]!)! - 1);
        if (waits.get(freed[i]!) === 0) stack.push(freed[i]!);
      }
    }
  };
  for (const item of items) visit(item);
  return { done, stuck: items.filter((i) => !seen.has(i)) };
}

function unitsOf(changes: readonly PlannedChange[]): Unit[] {
  const byGtid = new Map<string, Unit>();
  const units = new Set<Unit>();
  for (const [i, c] of changes.entries()) {
    const met = new Set(c.gtids.flatMap((g) => byGtid.get(g) ?? []));
    const [into = { changes: [], safe: true, first: i }, ...others] = [...met].sort((a, b) => b.changes.length - a.changes.length);
    for (const o of others) {
      for (const moved of o.changes) into.changes.push(moved);
      into.safe &&= o.safe;
      into.first = Math.min(into.first, o.first);
      for (const moved of o.changes) for (const g of moved.gtids) byGtid.set(g, into);
      units.delete(o);
    }
    into.changes.push(c);
    into.safe &&= c.kind === 'safe';
    for (const g of c.gtids) byGtid.set(g, into);
    units.add(into);
  }
  return [...units];
}

/** Of each change, those that must come sooner. Keys are matched by their cells; where only the collation makes two equal, the server has the last word. */
function dependencies(changes: readonly PlannedChange[]): Map<PlannedChange, Set<PlannedChange>> {
  const before = new Map<PlannedChange, Set<PlannedChange>>();
  const sooner = (a: PlannedChange, b: PlannedChange) => a !== b && before.set(b, (before.get(b) ?? new Set()).add(a));
  const gives = new Map<string, PlannedChange>();
  const loses = new Map<string, PlannedChange>();
  for (const c of changes) {
    for (const key of keysOf(c.table)) {
      const [was, is] = [tupleOf(key, c.seen), c.copies ? null : tupleOf(key, c.target)];
      if (was === is) continue;
      if (was !== null) loses.set(was, c);
      if (is !== null) gives.set(is, c);
    }
  }
  for (const c of changes) {
    for (const key of keysOf(c.table)) {
      const is = tupleOf(key, c.target);
      const freed = is !== null && key.unique && tupleOf(key, c.seen) !== is ? loses.get(is) : undefined;
      if (freed) sooner(freed, c);
    }
    for (const key of c.table.foreignKeys) {
      const columns = key.columns.map((n) => c.table.columns.findIndex((o) => o.name === n));
      const parent = (row: Cells | null) => tupleOf({ id: `${key.parent}\0${key.parentColumns.join('\0')}`, columns, unique: false }, row);
      const [was, is] = [parent(c.seen), parent(c.target)];
      if (is !== null && gives.has(is)) sooner(gives.get(is)!, c);
      if (was !== null && was !== is && loses.has(was)) sooner(c, loses.get(was)!);
    }
  }
  return before;
}

export interface UniqueKey {
  id: string;
  columns: readonly number[];
  unique: boolean;
}
const keys = new WeakMap<TableInfo, UniqueKey[]>();

/** Unique keys over whole columns, and what foreign keys name. */
export function keysOf(table: TableInfo): UniqueKey[] {
  const known = keys.get(table);
  if (known) return known;
  const found: UniqueKey[] = [];
  const name = (columns: readonly number[]) => columns.map((c) => table.columns[c]!.name).join('\0');
  for (const i of table.indexes) {
    if (!i.unique || i.parts.some((p) => p.column < 0 || p.prefix !== null)) continue;
    const columns = i.parts.map((p) => p.column);
    found.push({ id: `${table.name}\0${name(columns)}`, columns, unique: true });
  }
  for (const k of table.referencedBy) {
    const id = `${table.name}\0${k.parentColumns.join('\0')}`;
    if (!found.some((f) => f.id === id)) found.push({ id, columns: k.parentColumns.map((n) => table.columns.findIndex((c) => c.name === n)), unique: false });
  }
  keys.set(table, found);
  return found;
}

/** null: no row, a NULL in it, or a cell that is not known: such a key binds nothing. */
export function tupleOf(key: UniqueKey, row: Cells | null): string | null {
  if (!row) return null;
  let text = key.id;
  for (const c of key.columns) {
    const cell: Cell | undefined = row[c];
    if (cell === null || cell === undefined) return null;
    text += `\0${cell.length}:${cell}`;
  }
  return text;
}

function batched(units: readonly Unit[], events: ReadonlyMap<PlannedChange, string>): PlannedTransaction[] {
  const out: PlannedTransaction[] = [];
  let changes: PlannedChange[] = [];
  let size = 0;
  let needsApply: string | null = null;
  const close = () => {
    if (changes.length > 0) out.push({ number: out.length + 1, gtids: [...new Set(changes.flatMap((c) => c.gtids))], changes, needsApply });
    changes = [];
    size = 0;
  };
  for (const unit of units) {
    const reason = unit.changes.map((c) => events.get(c)).find((r) => r !== undefined) ?? null;
    const unitSize = unit.changes.reduce((n, c) => n + sizeOf(c), 0);
    if ((reason === null) !== (needsApply === null) || changes.length + unit.changes.length > ROWS_MAX || size + unitSize > SIZE_MAX) close();
    needsApply = reason;
    for (const c of unit.changes) {
      if (changes.length >= UNIT_ROWS_MAX || (changes.length >= ROWS_MAX && size > SIZE_MAX)) close();
      changes.push(c);
      size += sizeOf(c);
    }
  }
  close();
  return out;
}

const sizeOf = (c: PlannedChange): number => [c.seen, c.target].reduce((n, row) => n + (row ?? []).reduce((m, cell) => m + (cell?.length ?? 0), 0), 0);
