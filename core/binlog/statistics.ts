/** What a log's rows come to: changes and bytes per table, the largest transactions, the longest silences. Walks every row. */
import type { Finding } from './finding.ts';
import { commitUs, Inventory } from './inventory.ts';
import type { MariaGtid } from './maria.ts';
import type { RowsEvent } from './rows.ts';
import type { Format, LogVisitor, Place, Statement, TxEnd, TxHead } from './visitor.ts';
import type { GtidSet } from '../gtid.ts';

const TOP = 5;

export interface TableCount {
  table: string;
  insert: number;
  update: number;
  delete: number;
  /** of the row images, as stored */
  bytes: number;
}
export interface LargeTransaction {
  gtid: string | null;
  file: string;
  offset: number;
  /** in the log; compressed, if it is */
  bytes: number;
  rows: number;
}
export interface Silence {
  /** first transaction after it */
  gtid: string | null;
  file: string;
  offset: number;
  us: number;
  /** epoch µs */
  sinceUs: number;
}

export class Statistics implements LogVisitor {
  readonly inventory = new Inventory();
  readonly largest: LargeTransaction[] = [];
  readonly silences: Silence[] = [];
  private readonly byTable = new Map<string, TableCount>();
  private rowCount = 0;
  private lastUs = 0;

  /** Largest first. */
  tables(): TableCount[] {
    return [...this.byTable.values()].sort((a, b) => b.bytes - a.bytes || (a.table < b.table ? -1 : 1));
  }

  beginFile(name: string): void {
    this.inventory.beginFile(name);
  }
  endFile(name: string, bytes: number): void {
    this.inventory.endFile(name, bytes);
  }
  format(format: Format): void {
    this.inventory.format(format);
  }
  previousGtids(set: GtidSet, place: Place): void {
    this.inventory.previousGtids(set, place);
  }
  gtidList(list: readonly MariaGtid[], place: Place): void {
    this.inventory.gtidList(list, place);
  }
  statement(statement: Statement): void {
    this.inventory.statement(statement);
  }
  rotate(next: string, place: Place): void {
    this.inventory.rotate(next, place);
  }
  stop(place: Place): void {
    this.inventory.stop(place);
  }
  finding(finding: Finding): void {
    this.inventory.finding(finding);
  }

  begin(): void {
    this.rowCount = 0;
  }

  rows(rows: RowsEvent): void {
    let n = 0;
    let bytes = 0;
    while (rows.next()) {
      n++;
      if (rows.before !== null) bytes += rows.before.end - rows.before.start;
      if (rows.after !== null) bytes += rows.after.end - rows.after.start;
    }
    const { name } = rows.table;
    let count = this.byTable.get(name);
    if (!count) this.byTable.set(name, (count = { table: name, insert: 0, update: 0, delete: 0, bytes: 0 }));
    count[rows.op] += n;
    count.bytes += bytes;
    this.rowCount += n;
  }

  abandon(tx: TxHead): void {
    this.inventory.abandon(tx);
  }

  end(tx: TxHead, end: TxEnd): void {
    this.inventory.end(tx, end);
    const us = commitUs(tx);
    const bytes = end.endOffset - tx.offset;
    if (this.largest.length < TOP || bytes > this.largest.at(-1)!.bytes)
      keep(this.largest, { gtid: tx.gtid(), file: tx.file, offset: tx.offset, bytes, rows: this.rowCount }, (t) => t.bytes);
    const silence = us - this.lastUs;
    if (this.lastUs !== 0 && silence > 0 && (this.silences.length < TOP || silence > this.silences.at(-1)!.us))
      keep(this.silences, { gtid: tx.gtid(), file: tx.file, offset: tx.offset, us: silence, sinceUs: this.lastUs }, (s) => s.us);
    this.lastUs = Math.max(this.lastUs, us);
  }
}

/** The largest ones, largest first. */
function keep<T>(list: T[], one: T, size: (one: T) => number): void {
  list.push(one);
  list.sort((a, b) => size(b) - size(a));
  list.length = Math.min(list.length, TOP);
}
