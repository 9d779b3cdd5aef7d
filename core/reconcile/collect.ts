/** Readings of one side's log: which tables it touches, and then the rows that matter, in the cells of the tables as they are now. */
import type { Bytes } from '../binlog/bytes.ts';
import { TransactionFolder } from '../binlog/collect.ts';
import type { Transaction } from '../binlog/model.ts';
import type { RowsEvent } from '../binlog/rows.ts';
import type { TableMap } from '../binlog/table-map.ts';
import { META_SCHEMA } from '../workload.ts';
import { imageReader, Inexact } from './cells.ts';
import type { ImageReader } from './cells.ts';
import { KeyIds } from './keys.ts';
import { changesOf } from './net.ts';
import type { Shapes } from './net.ts';
import { loggedWrite } from './places.ts';
import type { RowChange, SideLog } from './side.ts';

/** Without rows: GTIDs, statements, damage, and where each table was touched last. */
export class Survey extends TransactionFolder<RowChange> {
  /** `schema.table` → ordinal of the last transaction that has rows of it */
  readonly tables = new Map<string, number>();
  private readonly log: SideLog;

  constructor(log: SideLog) {
    super(log);
    this.log = log;
  }

  protected override keep({ table }: RowsEvent): void {
    this.tables.set(table.name, this.log.order.count);
  }
}

/** The ledger's part of a log: writes by their ids, deletes by their keys. */
export interface LedgerInterest {
  tables: ReadonlySet<string>;
  /** `table`, a zero, and a write id or a key */
  wants(at: string): boolean;
}

export interface RowsWanted {
  bytes: Pick<Bytes, 'inflate'>;
  shapes: Shapes;
  /** of a transaction: all of its rows, those that `touches` says, none */
  of(gtid: string): 'all' | 'touched' | 'none';
  touches(change: RowChange): boolean;
  ledger: LedgerInterest | null;
}

export class RowsReader extends TransactionFolder<RowChange> {
  private readonly log: SideLog;
  private readonly wanted: RowsWanted;
  private readonly readers = new WeakMap<TableMap, ImageReader | string>();
  private readonly noIds = new KeyIds();

  constructor(log: SideLog, wanted: RowsWanted) {
    super(log);
    this.log = log;
    this.wanted = wanted;
  }

  protected override keep(event: RowsEvent, into: Transaction<RowChange>): void {
    const { wanted } = this;
    const { ledger, shapes } = wanted;
    const table = event.table.name;
    const which = this.log.prepared.has(into.gtid) ? 'all' : wanted.of(into.gtid);
    const noted = ledger !== null && which !== 'all' && ledger.tables.has(table);
    if (which === 'none' && !noted) return;
    const shape = shapes.get(table);
    if (shape === undefined || typeof shape === 'string') {
      if (which === 'all' || (which === 'touched' && shape !== undefined)) this.put({ table, op: event.op, before: null, after: null }, into);
      return;
    }
    const reader = this.readerOf(event.table);
    while (event.next()) {
      const change = this.changeOf(event, reader);
      if (which === 'all' || (which === 'touched' && (change.reason !== undefined || wanted.touches(change)))) this.put(change, into);
      else if (noted && change.reason === undefined) this.note(change, into);
    }
  }

  /** What is wanted of a transaction that is not over. */
  protected put(change: RowChange, into: Transaction<RowChange>): void {
    into.rows.push(change);
  }

  private readerOf(table: TableMap): ImageReader | string {
    let reader = this.readers.get(table);
    if (reader === undefined) {
      const shape = this.wanted.shapes.get(table.name);
      reader = shape === undefined || typeof shape === 'string' ? 'is not on the new source' : imageReader(table, shape.info, this.wanted.bytes);
      this.readers.set(table, reader);
    }
    return reader;
  }

  private changeOf({ table, op, before, after }: RowsEvent, reader: ImageReader | string): RowChange {
    const bare: RowChange = { table: table.name, op, before: null, after: null };
    if (typeof reader === 'string') return { ...bare, reason: reader };
    try {
      bare.before = before && reader.cells(before);
      bare.after = after && reader.cells(after, bare.before);
      return bare;
    } catch (e) {
      if (e instanceof Inexact) return { table: table.name, op, before: null, after: null, reason: e.message };
      throw e;
    }
  }

  private note(change: RowChange, { gtid, commitUs }: Transaction<RowChange>): void {
    const tx = { gtid, commitUs, rows: [change], statements: [], index: 0, heartbeat: false };
    for (const c of changesOf(tx, this.wanted.shapes, this.noIds)) {
      if ('reason' in c) continue;
      const write = loggedWrite(c);
      if (this.wanted.ledger!.wants(`${write.table}\0${write.w ?? write.key}`)) this.log.writes.push(write);
    }
  }
}

export const isMeta = (table: string): boolean => table.startsWith(`${META_SCHEMA}.`);
