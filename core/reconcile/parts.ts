/**
 * The keys of the lost part in parts that fit into memory one at a time: every change of a key, on either side, is in the key's part. What is judged by key is judged
 * part by part; what is not stays whole: unique values that other rows took, tables that cannot be told, transactions.
 */
import { Bloom, hashOf } from './bloom.ts';
import type { LedgerInterest } from './collect.ts';
import { KeyIds } from './keys.ts';
import type { Keys } from './keys.ts';
import { folds, netLost } from './lost.ts';
import type { KeyState, Shapes } from './lost.ts';
import { changesOf, learnKeys, takenOf } from './net.ts';
import type { ChangeOfKey } from './net.ts';
import { loggedWrite } from './places.ts';
import type { LoggedWrite, RowChange, SideTransaction } from './side.ts';
import { revivedRow, storedRow } from './spill-rows.ts';
import type { SpilledRows, StoredRow, TableNumbers, TxOfRow } from './spill-rows.ts';
import { SpilledLines } from './spill.ts';
import type { Spill } from './spill.ts';
import type { Row, TableShape } from './tables.ts';

/** rows whose weights are asked for at once */
const BATCH_ROWS = 4_000;
const BATCH_CELLS_MAX = 4 << 20;

export interface PartsOptions {
  spill: Spill;
  /** how many */
  count: number;
  /** of both sides: the number of row changes of the lost part */
  rows: number;
  shapes: Shapes;
  keys: Keys;
  tables: TableNumbers;
  ledger: LedgerInterest | null;
  /** lets others work for a moment */
  pause: () => Promise<void>;
}

/** A part in memory. */
export interface Part {
  ids: KeyIds;
  /** in the order in which the lost part touched them first */
  states: Map<string, KeyState>;
  /** transactions of the new side after the fork, with the rows of this part */
  after: SideTransaction[];
}

export class Parts {
  readonly count: number;
  /** tables of the lost part that cannot be told, with the reason */
  readonly unsupported = new Map<string, string>();
  /** tables of its keys */
  readonly touched = new Map<string, TableShape>();
  /** writes that the ledger asks for, in the order of each log */
  readonly writes: Record<Side, LoggedWrite[]> = { old: [], new: [] };
  /** keys of the lost part, and what its rows take in unique indexes: others are not there, these may be */
  readonly wanted: Bloom;
  private readonly options: PartsOptions;
  private readonly lines: Record<Side, SpilledLines[]>;
  /** rows of branches came in another place than where they stand */
  private readonly moved: Record<Side, boolean> = { old: false, new: false };

  constructor(options: PartsOptions) {
    const { count, rows, spill, shapes } = options;
    this.options = options;
    this.count = count;
    const uniques = Math.max(0, ...[...shapes.values()].map((s) => (typeof s === 'string' ? 0 : s.uniques.length)));
    this.wanted = new Bloom(rows * (1 + uniques));
    const lists = () => Array.from({ length: count }, () => new SpilledLines(spill));
    this.lines = { old: lists(), new: lists() };
  }

  /** Takes the lost rows. Then `touches` holds. */
  async takeOld(rows: SpilledRows): Promise<void> {
    const { wanted, unsupported, touched } = this;
    await this.take('old', rows, {
      untold: (table, reason, tx) => {
        if (!tx.heartbeat) unsupported.set(table, reason);
      },
      wants: (c, ids) => {
        touched.set(c.shape.name, c.shape);
        wanted.add(at(c));
        for (const { value } of takenOf(c.shape, c.change.after, ids)) wanted.add(value);
        return true;
      },
    });
  }

  /** Takes those rows of the new side that concern the lost part. */
  async takeNew(rows: SpilledRows): Promise<void> {
    await this.take('new', rows, {
      untold: (table, reason) => {
        if (this.touched.has(table)) this.unsupported.set(table, reason);
      },
      wants: (c, ids) => this.touches(c, ids),
    });
  }

  private touches(c: ChangeOfKey, ids: KeyIds): boolean {
    const takes = (row: Row | null) => takenOf(c.shape, row, ids).some((t) => this.wanted.has(t.value));
    return this.wanted.has(at(c)) || takes(c.change.before) || takes(c.change.after);
  }

  private async take(side: Side, rows: SpilledRows, how: How): Promise<void> {
    const lines = this.lines[side];
    const { shapes, tables, ledger } = this.options;
    const last: (TxOfRow | undefined)[] = Array.from({ length: lines.length });
    let highest = -1;
    for await (const { batch, ids } of this.batches(rows)) {
      for (const { tx, row } of batch) {
        const nth = row.nth!;
        for (const c of changesOf(wholeOf(tx, [row]), shapes, ids)) {
          if ('reason' in c) {
            if (tx.role !== 'prepared') how.untold(c.table, c.reason, tx);
            continue;
          }
          if (ledger && tx.role !== 'committed' && !tx.heartbeat) this.note(side, c, ledger);
          if (tx.role === 'prepared' || !how.wants(c, ids)) continue;
          const part = (hashOf(at(c), PART_SEED) >>> 0) % lines.length;
          if (last[part] !== tx) lines[part]!.add(`T${tx.gtid} ${tx.commitUs} ${tx.index}`);
          last[part] = tx;
          lines[part]!.add(storedRow(nth, tables.of(c.shape.name), c.change.before, c.change.after));
        }
        if (nth < highest) this.moved[side] = true;
        else highest = nth;
      }
    }
    for (const l of lines) l.close();
  }

  /** With the weights of their keys. */
  private async *batches(rows: SpilledRows): AsyncGenerator<{ batch: { tx: TxOfRow; row: RowChange }[]; ids: KeyIds }> {
    const { shapes, keys, pause } = this.options;
    let batch: { tx: TxOfRow; row: RowChange }[] = [];
    let cells = 0;
    const whole = async () => {
      const ids = new KeyIds(keys);
      await learnKeys(ids, shapes, [{ rows: batch.map((b) => b.row) }]);
      await pause();
      return { batch, ids };
    };
    for (const item of rows) {
      batch.push(item);
      for (const cell of item.row.after ?? item.row.before ?? []) cells += cell?.length ?? 0;
      if (batch.length < BATCH_ROWS && cells < BATCH_CELLS_MAX) continue;
      yield await whole();
      batch = [];
      cells = 0;
    }
    if (batch.length > 0) yield await whole();
  }

  private note(side: Side, c: ChangeOfKey, ledger: LedgerInterest): void {
    const write = loggedWrite(c);
    if (ledger.wants(`${write.table}\0${write.w ?? write.key}`)) this.writes[side].push(write);
  }

  /** A row change of the new side may concern the lost part; of tables whose keys only the server can compare, or that have none, it always may. */
  readonly mayTouch = (change: RowChange): boolean => {
    const shape = this.touched.get(change.table);
    if (!shape) return false;
    if (folds(shape)) return true;
    const tx = wholeOf(NO_TX, [change]);
    for (const c of changesOf(tx, this.options.shapes, PLAIN)) if ('reason' in c || this.touches(c, PLAIN)) return true;
    return false;
  };

  /** `side`: with the changes of the new side, or without. */
  async open(n: number, side: Side): Promise<Part> {
    const { shapes, keys, pause } = this.options;
    await pause();
    const transactions = this.read('old', n);
    const after = side === 'new' ? this.read('new', n) : [];
    const ids = new KeyIds(keys);
    await learnKeys(ids, shapes, transactions);
    await learnKeys(ids, shapes, after);
    return { ids, states: netLost({ transactions }, shapes, ids).keys, after };
  }

  private read(side: Side, n: number): SideTransaction[] {
    const found: SideTransaction[] = [];
    for (const line of this.lines[side][n]!) {
      if (line.startsWith('T')) {
        const [gtid, us, index] = line.slice(1).split(' ') as [string, string, string];
        found.push(wholeOf({ gtid, commitUs: BigInt(us), index: Number(index) }, []));
      } else found.at(-1)!.rows.push(revivedRow(JSON.parse(line) as StoredRow, this.options.tables));
    }
    return this.moved[side] ? found.sort((a, b) => a.rows[0]!.nth! - b.rows[0]!.nth!) : found;
  }
}

type Side = 'old' | 'new';

interface How {
  /** a change of the table that cannot be told */
  untold(table: string, reason: string, tx: TxOfRow): void;
  wants(c: ChangeOfKey, ids: KeyIds): boolean;
}

const PART_SEED = 0x7f4a7c15;
const NO_TX = { gtid: '', commitUs: 0n, index: 0 };
/** of keys that do not fold */
const PLAIN = new KeyIds();

const at = (c: ChangeOfKey): string => `${c.shape.name}\0${c.id}`;
const wholeOf = ({ gtid, commitUs, index }: Pick<TxOfRow, 'gtid' | 'commitUs' | 'index'>, rows: RowChange[]): SideTransaction => ({
  gtid,
  commitUs,
  index,
  rows,
  statements: [],
  heartbeat: false,
});
