/**
 * One side's log whose rows are put aside as they come, in its order: not even one transaction need fit into memory. Which of them count is known once it is read.
 * Lines: `T`, a GTID, its commit time and the number of its first row begin a transaction; each row is a JSON array.
 */
import type { Transaction } from '../binlog/model.ts';
import { RowsReader } from './collect.ts';
import type { RowsWanted } from './collect.ts';
import { isPrepare, sameChange } from './fork.ts';
import { GtidOrder } from './order.ts';
import { isHeartbeat, SideLog } from './side.ts';
import type { RowChange } from './side.ts';
import { SpilledLines } from './spill.ts';
import type { Spill } from './spill.ts';
import type { Row } from './tables.ts';

const OPS = ['insert', 'update', 'delete'] as const;

/** A cell that is not in its image is 0. */
const cellsOut = (row: Row | null): unknown => (row?.includes(undefined) ? row.map((c) => (c === undefined ? 0 : c)) : row);
const cellsIn = (cells: (string | null | 0)[] | null): Row | null => (cells?.includes(0) ? cells.map((c) => (c === 0 ? undefined : c)) : cells) as Row | null;

/** Table names as numbers. */
export class TableNumbers {
  readonly names: string[] = [];
  private readonly known = new Map<string, number>();

  of(name: string): number {
    let n = this.known.get(name);
    if (n === undefined) {
      this.known.set(name, (n = this.names.length));
      this.names.push(name);
    }
    return n;
  }
}

export type StoredRow = [nth: number, table: number, before: (string | null | 0)[] | null, after: (string | null | 0)[] | null];

/** `nth`: where it stands among the rows of its log. */
export const storedRow = (nth: number, table: number, before: Row | null, after: Row | null): string =>
  JSON.stringify([nth, table, cellsOut(before), cellsOut(after)]);

export function revivedRow([nth, table, before, after]: StoredRow, tables: TableNumbers): RowChange {
  const op = before === null ? 'insert' : after === null ? 'delete' : 'update';
  return { table: tables.names[table]!, op, before: cellsIn(before), after: cellsIn(after), nth };
}

type LoggedRow = [table: number, op: number, before: (string | null | 0)[] | null, after: (string | null | 0)[] | null, reason?: string];

/** A transaction, as its rows are handed on. */
export interface TxOfRow {
  gtid: string;
  commitUs: bigint;
  /** ordinal in its side's log */
  index: number;
  heartbeat: boolean;
  /** rows of a branch stand where it was prepared, and come again, as the commit's, if they took effect; all others do where they stand */
  role: 'own' | 'prepared' | 'committed';
}

/** What is known of a transaction's rows once it is whole. */
interface Whole {
  tx: TxOfRow;
  /** what its rows' numbers are shifted by: those of a branch come where it was committed */
  shift: number;
}

interface Open {
  tx: Transaction<RowChange>;
  number: number;
  at: number;
  first: number;
}

const [DROPPED, PLAIN, HEARTBEAT, ODD] = [0, 1, 2, 3];

/** Memory: 5 bytes for each transaction that has rows. */
export class SpilledRows {
  /** numbers given so far: at least as many as there are rows */
  rows = 0;
  private readonly tables: TableNumbers;
  private readonly lines: SpilledLines;
  private open: Open | null = null;
  private count = 0;
  private kinds = new Uint8Array(1024);
  private ordinals = new Uint32Array(1024);
  /** of branches */
  private readonly odd = new Map<number, Whole | null>();
  private readonly prepared = new Map<string, { number: number; first: number; rows: number }>();

  constructor(spill: Spill, tables: TableNumbers) {
    this.lines = new SpilledLines(spill);
    this.tables = tables;
  }

  put(change: RowChange, tx: Transaction<RowChange>): void {
    if (this.open?.tx !== tx) this.begin(tx);
    const { op, before, after, reason } = change;
    const row: unknown[] = [this.tables.of(change.table), OPS.indexOf(op), cellsOut(before), cellsOut(after)];
    if (reason !== undefined) row.push(reason);
    this.lines.add(JSON.stringify(row));
    this.rows++;
  }

  private begin(tx: Transaction<RowChange>): void {
    const number = this.count++;
    if (number === this.kinds.length) {
      this.kinds = grown(this.kinds, new Uint8Array(number * 2));
      this.ordinals = grown(this.ordinals, new Uint32Array(number * 2));
    }
    this.open = { tx, number, at: this.lines.end, first: this.rows };
    this.lines.add(`T${tx.gtid} ${tx.commitUs} ${this.rows}`);
  }

  /** Where the rows of the last transaction begin; -1: it has none. */
  placeOf(tx: Transaction<RowChange>): number {
    return this.open?.tx === tx ? this.open.at : -1;
  }

  /** The transaction does not count, whatever it is. */
  drop(): void {
    this.open = null;
  }

  /** The transaction is whole. `counts`: its rows do, or those that it commits. As `decided` in fork.ts has it. */
  end(tx: Transaction<RowChange>, index: number, counts: boolean, heartbeat: boolean): void {
    const own = this.open?.tx === tx ? this.open : null;
    this.open = null;
    const prepares = isPrepare(tx);
    if (own && !prepares && counts) this.keep(own.number, heartbeat ? HEARTBEAT : PLAIN, index);
    if (tx.branch === undefined) return;
    if (own && prepares) {
      this.keep(own.number, ODD, index);
      this.odd.set(own.number, null);
    }
    const prepared = this.prepared.get(tx.branch);
    this.prepared.delete(tx.branch);
    if (own && prepares) this.prepared.set(tx.branch, { number: own.number, first: own.first, rows: this.rows - own.first });
    if (prepared && counts && tx.statements.some((s) => s.startsWith('XA COMMIT'))) {
      const { gtid, commitUs } = tx;
      this.odd.set(prepared.number, { tx: { gtid, commitUs, index, heartbeat: false, role: 'committed' }, shift: this.rows - prepared.first });
      this.rows += prepared.rows;
    }
  }

  private keep(number: number, kind: number, index: number): void {
    this.kinds[number] = kind;
    this.ordinals[number] = index;
  }

  close(): void {
    this.lines.close();
  }

  /** Every row that counts, or that was prepared, in the log's order. Their numbers are the order in which they took effect. */
  *[Symbol.iterator](): Generator<{ tx: TxOfRow; row: RowChange }> {
    let [number, nth] = [-1, 0];
    let whole: Whole[] = [];
    for (const line of this.lines) {
      if (line.startsWith('T')) {
        whole = this.wholes(++number, line);
        nth = Number(line.slice(line.lastIndexOf(' ') + 1));
        continue;
      }
      for (const { tx, shift } of whole) {
        const row = this.rowOf(line);
        row.nth = nth + shift;
        yield { tx, row };
      }
      nth++;
    }
  }

  private wholes(number: number, line: string): Whole[] {
    const kind = this.kinds[number]!;
    if (kind === DROPPED) return [];
    const [gtid, us] = line.slice(1).split(' ') as [string, string];
    const own = { gtid, commitUs: BigInt(us), index: this.ordinals[number]!, heartbeat: kind === HEARTBEAT };
    if (kind !== ODD) return [{ tx: { ...own, role: 'own' }, shift: 0 }];
    const moved = this.odd.get(number);
    return [{ tx: { ...own, role: 'prepared' }, shift: 0 }, ...(moved ? [moved] : [])];
  }

  /** The rows of the transaction that begins there. */
  *rowsAt(at: number): Generator<RowChange> {
    let begun = false;
    for (const line of this.lines.from(at)) {
      if (line.startsWith('T')) {
        if (begun) return;
        begun = true;
      } else yield this.rowOf(line);
    }
  }

  private rowOf(line: string): RowChange {
    const [table, op, before, after, reason] = JSON.parse(line) as LoggedRow;
    const row: RowChange = { table: this.tables.names[table]!, op: OPS[op]!, before: cellsIn(before), after: cellsIn(after) };
    if (reason !== undefined) row.reason = reason;
    return row;
  }
}

interface SideOptions {
  /** the transaction counts: it was lost; it came after the fork */
  counts(gtid: string): boolean;
  /** its ordinal in the side's log, given the one in this reading; -1: the side does not have it */
  ordinal(gtid: string, index: number): number;
  /** GTIDs of acknowledged writes */
  clients: ReadonlySet<string>;
  prepared?: Iterable<string>;
  rows: SpilledRows;
  /** is told of each row */
  seen?(change: RowChange, tx: Transaction<RowChange>): void;
  /** is told of each transaction that counts, and where its rows begin: -1 when it has none */
  ended?(tx: Transaction<RowChange>, index: number, place: number): void;
}

/** Keeps transactions that have statements, or a branch; rows are in `rows`. */
export class SpilledSide extends SideLog {
  readonly rows: SpilledRows;
  /** of those that count */
  heartbeats = 0;
  acked = 0;
  private readonly options: SideOptions;

  constructor(options: SideOptions) {
    super((t) => t.statements.length > 0 && options.counts(t.gtid), options.prepared);
    this.options = options;
    this.rows = options.rows;
  }

  /** A row of a transaction that is not over. */
  put(change: RowChange, into: Transaction<RowChange>): void {
    const { table, op } = change;
    // what a whole transaction is judged by: which tables it touched
    if (into.rows.every((r) => r.table !== table)) into.rows.push({ table, op, before: null, after: null, reason: 'is put aside' });
    this.options.seen?.(change, into);
    this.rows.put(change, into);
  }

  override transaction(t: Transaction<RowChange>): void {
    const { rows, options } = this;
    super.transaction(t);
    const index = options.ordinal(t.gtid, this.order.count - 1);
    const counts = index !== -1 && options.counts(t.gtid);
    if (counts) options.ended?.(t, index, rows.placeOf(t));
    if (index === -1) return rows.drop();
    const heartbeat = isHeartbeat(t);
    rows.end(t, index, counts, heartbeat);
    if (!counts) return;
    if (heartbeat) this.heartbeats++;
    else if (options.clients.has(t.gtid)) this.acked++;
  }
}

/** Rows go to where the side puts them. */
export class SpillingReader extends RowsReader {
  private readonly side: SpilledSide;

  constructor(side: SpilledSide, wanted: RowsWanted) {
    super(side, wanted);
    this.side = side;
  }

  protected override put(change: RowChange, into: Transaction<RowChange>): void {
    this.side.put(change, into);
  }
}

/** Whether lost transactions had the same effect on the new side, told row by row as it is read. Memory: 8 bytes for each transaction of the old log from the first lost one on. */
export class Effects {
  readonly late = new GtidOrder();
  readonly forced = new GtidOrder();
  /** where the old side's rows are */
  readonly old: SpilledRows;
  private readonly indexOf: (gtid: string) => number;
  private readonly first: number;
  /** by ordinal: 0 when it does not count, 1 when it has no rows, else 2 more than where they begin */
  private places = new Float64Array(1024);
  private readonly statements = new Map<string, readonly string[]>();
  private tx: Transaction<RowChange> | null = null;
  private rest: Iterator<RowChange> = NO_ROWS;
  private known = false;
  private same = true;

  /** `indexOf`: ordinal in the old log, `first` that of the first lost transaction. */
  constructor(old: SpilledRows, indexOf: (gtid: string) => number, first: number) {
    this.old = old;
    this.indexOf = indexOf;
    this.first = first;
  }

  /** A lost transaction of the old log. */
  note(tx: Transaction<RowChange>, index: number, place: number): void {
    const at = index - this.first;
    while (at >= this.places.length) this.places = grown(this.places, new Float64Array(this.places.length * 2));
    this.places[at] = place + 2;
    if (tx.statements.length > 0) this.statements.set(tx.gtid, tx.statements);
    else this.statements.delete(tx.gtid);
  }

  /** The next row of a transaction of the new side that has a lost one's GTID. */
  row(change: RowChange, tx: Transaction<RowChange>): void {
    if (this.tx !== tx) this.begin(tx);
    const other = this.rest.next();
    if (other.done || !sameChange(other.value, change)) this.same = false;
  }

  private begin(tx: Transaction<RowChange>): void {
    const place = this.places[this.indexOf(tx.gtid) - this.first] ?? 0;
    this.tx = tx;
    this.known = this.same = place > 0;
    this.rest = place > 1 ? this.old.rowsAt(place - 2) : NO_ROWS;
  }

  /** It is whole. */
  end(tx: Transaction<RowChange>): void {
    if (this.tx !== tx) this.begin(tx);
    this.tx = null;
    if (!this.known) return;
    const others = this.statements.get(tx.gtid) ?? [];
    const same = this.same && this.rest.next().done === true && others.length === tx.statements.length && others.every((s, i) => s === tx.statements[i]);
    (same ? this.late : this.forced).add(tx.gtid);
    this.rest = NO_ROWS;
  }
}

const NO_ROWS: Iterator<RowChange> = [][Symbol.iterator]();

function grown<T extends Uint8Array | Uint32Array | Float64Array>(from: T, into: T): T {
  into.set(from);
  return into;
}
