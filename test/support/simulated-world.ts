/** Servers of a simulated asynchronous replication: rows, row-image logs and GTIDs as plain data, on the workload's tables. No code of the verifier. */
import type { RowChange } from '../../core/reconcile/side.ts';

/** Uniform numbers from a seed (mulberry32). */
export class Dice {
  private state: number;
  constructor(seed: number) {
    this.state = seed | 0;
  }
  /** 0 ≤ n < 1 */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }
  /** An integer, both ends included. */
  of(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }
  chance(p: number): boolean {
    return this.next() < p;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.of(0, list.length - 1)]!;
  }
}

export type TableName = 'drill.orders' | 'drill.acct' | 'drill.journal';
/** Cells in column order: orders id, write_id, customer, amount, note; acct id, balance, owner, write_id; journal id, account, delta, note, write_id. */
export type ModelRow = readonly string[];
export const TABLES: readonly TableName[] = ['drill.orders', 'drill.acct', 'drill.journal'];
const WRITE_ID = { 'drill.orders': 1, 'drill.acct': 3, 'drill.journal': 4 } as const;
export const writeIdIn = (table: TableName, row: ModelRow): string => row[WRITE_ID[table]]!;
/** The client's identity of a row. */
export const keyIn = (table: TableName, row: ModelRow): string => (table === 'drill.acct' ? row[0]! : writeIdIn(table, row));
/** A row without an id that means nothing: what makes two rows the same. */
export const stateOf = (table: TableName, row: ModelRow | null): string => (row ? JSON.stringify(table === 'drill.acct' ? row : row.slice(1)) : '');

export interface Tx {
  gtid: string;
  /** server_id of its events: of the server whose client wrote it */
  serverId: number;
  changes: RowChange[];
  /** who made it on the server that wrote it first: the model's own knowledge */
  by: 'client' | 'recovery';
  /** a tick of the world's clock */
  at: number;
}

export class Server {
  readonly rows: Record<TableName, Map<string, ModelRow>> = { 'drill.orders': new Map(), 'drill.acct': new Map(), 'drill.journal': new Map() };
  readonly log: Tx[] = [];
  readonly uuid: string;
  readonly id: number;
  private count = 0;
  private readonly ids = { 'drill.orders': 0, 'drill.acct': 0, 'drill.journal': 0 };

  constructor(uuid: string, id: number) {
    this.uuid = uuid;
    this.id = id;
  }

  /** Rows that have a client's identity. */
  having(table: TableName, key: string): ModelRow[] {
    if (table === 'drill.acct') return this.rows[table].has(key) ? [this.rows[table].get(key)!] : [];
    return [...this.rows[table].values()].filter((r) => writeIdIn(table, r) === key);
  }

  /** What a statement that leaves this row, or none, for the key would log; `id`: the AUTO_INCREMENT id it asks for. null: nothing to do, or refused by a unique key. */
  change(table: TableName, key: string, row: ModelRow | null, id?: string): RowChange | null {
    const before = table === 'drill.acct' ? (this.rows[table].get(key) ?? null) : null;
    if (!row) return before && { table, op: 'delete', before, after: null };
    if (table === 'drill.acct') return { table, op: before ? 'update' : 'insert', before, after: row };
    if (table === 'drill.orders' && this.having(table, key).length > 0) return null;
    const free = id !== undefined && !this.rows[table].has(id) ? id : String(this.ids[table] + 1);
    return { table, op: 'insert', before: null, after: [free, ...row.slice(1)] };
  }

  /** Commits changes as a transaction of this server, or under a GTID from elsewhere. */
  commit(changes: RowChange[], by: Tx['by'], at: number, gtid = `${this.uuid}:${++this.count}`): Tx {
    const tx = { gtid, serverId: this.id, changes, by, at };
    this.take(tx);
    return tx;
  }

  /** Applies a transaction's row images by primary key and logs it. */
  take(tx: Tx): void {
    for (const { table, before, after } of tx.changes) {
      const rows = this.rows[table as TableName];
      if (before) rows.delete(before[0]!);
      if (after) rows.set(after[0]!, after as ModelRow);
      if (after && table !== 'drill.acct') this.ids[table as 'drill.orders'] = Math.max(this.ids[table as 'drill.orders'], Number(after[0]));
    }
    this.log.push(tx);
  }

  /** What `mysql --force` leaves of a row event: null where the server refuses it. */
  forced({ table: name, op, before, after }: RowChange): RowChange | null {
    const table = name as TableName;
    const there = this.rows[table].get((before ?? after)![0]!) ?? null;
    if ((op === 'insert') === (there !== null)) return null;
    if (op === 'insert' && table === 'drill.orders' && this.having(table, keyIn(table, after as ModelRow)).length > 0) return null;
    return { table, op, before: there, after };
  }
}
