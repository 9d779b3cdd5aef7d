/** Writes a corpus: rows of every table inserted, updated and deleted on a real server, with what SELECT says of them in between. */
import type { Connection } from 'mysql2/promise';
import { createSql, identityOf, nameOf, quote } from './table.ts';
import type { Column, Stored, Table } from './table.ts';

/** One value as it must be in the log. `parts`: what the server's SELECT gave (kind.ts); null is NULL. */
export interface Cell {
  is: string | null;
  parts: readonly string[] | null;
}
export type Row = readonly Cell[];

export interface Change {
  table: Table;
  op: 'insert' | 'update' | 'delete';
  before: Row | null;
  after: Row | null;
  /** columns that the statement named */
  set: ReadonlySet<number>;
}

export class CorpusWriter {
  private readonly db: Connection;
  constructor(db: Connection) {
    this.db = db;
  }

  async create(tables: readonly Table[]): Promise<void> {
    for (const table of tables) await this.db.query(createSql(table));
  }

  /** One table's life, from empty to empty: what the log must hold of it, in order. */
  async live(table: Table): Promise<Change[]> {
    const plan = planOf(table);
    await this.insert(table, plan);
    const first = await this.rows(table, plan);
    const updates = plan.map((row, i) => next(table, row, i));
    await this.db.query(['BEGIN', ...updates.map((u) => updateSql(table, u)), 'COMMIT'].join(';\n'));
    const second = await this.rows(
      table,
      updates.map((u) => u.after),
    );
    const key = orderOf(table);
    await this.db.query(`DELETE FROM ${nameOf(table)} ${key}`);
    const all = new Set(table.columns.keys());
    return [
      ...first.map((after): Change => ({ table, op: 'insert', before: null, after, set: writable(table) })),
      ...first.map((before, i): Change => ({ table, op: 'update', before, after: second[i]!, set: updates[i]!.set })),
      ...second.map((before): Change => ({ table, op: 'delete', before, after: null, set: all })),
    ];
  }

  private async insert(table: Table, plan: readonly Planned[]): Promise<void> {
    const columns = [...writable(table)];
    const names = columns.map((i) => quote(table.columns[i]!.name)).join();
    const values = plan.map((row) => `(${columns.map((i) => row[i]?.sql ?? 'NULL').join()})`);
    await this.db.query(`INSERT INTO ${nameOf(table)} (${names}) VALUES ${values.join(',\n')}`);
  }

  /** What the table holds now, each value checked against what was meant to be stored: a corpus that is not what it says proves nothing. */
  private async rows(table: Table, plan: readonly Planned[]): Promise<Row[]> {
    const parts = table.columns.flatMap((c, i) => c.kind.select(quote(c.name)).map((e, k) => `${e} AS v${i}_${k}`));
    // as the server's own text: mysql2 would make numbers of numbers
    const [found] = await this.db.query({ sql: `SELECT ${parts.join()} FROM ${nameOf(table)} ${orderOf(table)}`, typeCast: (field) => field.string() });
    const rows = found as Record<string, string | null>[];
    if (rows.length !== plan.length) throw new Error(`${table.name} holds ${rows.length} rows, not ${plan.length}`);
    return rows.map((row, r) => table.columns.map((c, i) => cellOf(table, c, row, i, plan[r]![i])));
  }
}

/** By column; null is NULL, undefined is left to the server. */
type Planned = readonly (Stored | null | undefined)[];
interface Update {
  id: string | null;
  after: Planned;
  set: ReadonlySet<number>;
}

function cellOf(table: Table, column: Column, row: Record<string, string | null>, i: number, planned: Stored | null | undefined): Cell {
  const raw = column.kind.select('').map((_, k) => row[`v${i}_${k}`]);
  const parts = raw.some((p) => p === null || p === undefined) ? null : raw.map(String);
  const is = parts && column.kind.ofServer(parts);
  const meant = planned === undefined ? is : (planned?.is ?? null);
  if (is !== meant)
    throw new Error(`${table.name}.${column.name}: ${planned?.sql.slice(0, 200)} was stored as ${is?.slice(0, 200)}, not as ${meant?.slice(0, 200)}`);
  return { is: is === null ? null : (planned?.exact ?? is), parts };
}

/** Columns that an INSERT names: all but those that the server fills. */
function writable(table: Table): Set<number> {
  return new Set([...table.columns.entries()].filter(([, c]) => c.values.length > 0 || c.name === 'id').map(([i]) => i));
}

/** As many rows as the column with most values needs, each column taking its values in turn; then a row of NULLs, and two in which they alternate. */
function planOf(table: Table): Planned[] {
  const n = Math.max(3, ...table.columns.map((c) => c.values.length));
  const nulls = [() => true, (i: number) => i % 2 === 0, (i: number) => i % 2 === 1];
  return Array.from({ length: n + nulls.length }, (_, r) =>
    table.columns.map((c, i): Stored | null | undefined => {
      if (c.name === 'id') return { sql: String(r + 1), is: String(r + 1) };
      if (c.values.length === 0) return undefined;
      return c.nullable && r >= n && nulls[r - n]!(i) ? null : c.values[r % c.values.length]!;
    }),
  );
}

/** Every UPDATE counts `n` up and gives every second column its next value, every fifth of those NULL. */
function next(table: Table, row: Planned, r: number): Update {
  const set = new Set<number>();
  const after = table.columns.map((c, i) => {
    const old = row[i];
    if (c.name === 'n') {
      set.add(i);
      return { sql: '1', is: '1' };
    }
    const step = old?.next;
    if (step) {
      set.add(i);
      return step.sql === 'NULL' ? null : step;
    }
    if (old === undefined || identityOf(table).includes(c.name) || (r + i) % 2 === 0 || c.values.some((v) => v.next)) return old;
    set.add(i);
    return c.nullable && (r + i) % 5 === 0 ? null : c.values[(r + 1) % c.values.length]!;
  });
  return { id: table.columns[0]!.name === 'id' ? row[0]!.sql : null, after, set };
}

function updateSql(table: Table, u: Update): string {
  const sets = [...u.set].map((i) => `${quote(table.columns[i]!.name)} = ${u.after[i]?.sql ?? 'NULL'}`);
  // without an id the rows are told by what has not been counted up yet
  return `UPDATE ${nameOf(table)} SET ${sets.join()} WHERE ${u.id === null ? `n = 0 ${orderOf(table)} LIMIT 1` : `id = ${u.id}`}`;
}

const orderOf = (table: Table): string => (identityOf(table).length > 0 ? `ORDER BY ${identityOf(table).map(quote).join()}` : '');
