/** Whole transactions with their values, for who judges them: a visitor that fills core/binlog/model.ts. Memory: what its sink keeps, and one transaction. */
import type { Bytes } from './bytes.ts';
import { finding as findingOf, FINDINGS } from './finding.ts';
import type { Finding, FindingKind } from './finding.ts';
import { commitUs } from './inventory.ts';
import { upTo } from './maria.ts';
import type { MariaGtid } from './maria.ts';
import type { BinlogSink, Image, RowChange, Transaction } from './model.ts';
import { ABSENT, NULL } from './rows.ts';
import type { RowImage, RowsEvent } from './rows.ts';
import { GtidSet } from '../gtid.ts';
import type { TableMap } from './table-map.ts';
import { emitterOf, patchedValue } from './value/emit.ts';
import type { Emitter } from './value/emit.ts';
import type { Format, LogVisitor, Place, Statement, TxEnd, TxHead } from './visitor.ts';

/** Said by the transaction itself: by its statements, and by values that are not exact. */
const CARRIED = new Set<FindingKind>(['statement', 'underivable']);

/** Whole transactions; what becomes of their rows is its heirs' business. */
export abstract class TransactionFolder<R> implements LogVisitor {
  private readonly sink: BinlogSink<R>;
  private open: Transaction<R> | null = null;
  private damaged = false;
  private anonymous = false;
  private relay = false;
  /** everything up to the end of the file before, and what this one has added */
  private before: GtidSet | null = null;
  private added: string[] = [];

  constructor(sink: BinlogSink<R>) {
    this.sink = sink;
  }

  /** Takes from the event what is kept of it. */
  protected abstract keep(rows: RowsEvent, into: Transaction<R>): void;

  beginFile(name: string): void {
    this.sink.file(name);
    this.anonymous = false;
  }

  format(format: Format): void {
    this.relay = format.relay;
    this.sink.server?.(format.serverVersion, format.relay);
  }

  /** What is executed before a file must be in the files before it. */
  previousGtids(set: GtidSet, place: Place): void {
    this.sink.previousGtids(set);
    if (this.relay) return;
    const missing = this.before === null ? GtidSet.empty : set.beyond(this.before.union(GtidSet.of(this.added)));
    if (!missing.isEmpty())
      this.sink.finding(findingOf('gap', place.file, place.offset, `transactions before this file are in none of the files before it: ${missing.toString()}`));
    this.before = set;
    this.added = [];
  }

  /** MariaDB's word for the same. */
  gtidList(list: readonly MariaGtid[], place: Place): void {
    this.previousGtids(upTo(list), place);
  }

  begin(tx: TxHead): void {
    const gtid = tx.gno === 0 ? null : tx.gtid();
    this.damaged = false;
    // MariaDB's name has the server's id in it, and a replay keeps it: it tells nothing
    const of = tx.kind === 'mariadb' ? {} : { serverId: tx.serverId };
    this.open = gtid === null ? null : { gtid, commitUs: BigInt(commitUs(tx)), ...of, rows: [], statements: [] };
    if (gtid !== null) this.added.push(gtid);
    if (gtid !== null || this.anonymous) return;
    this.anonymous = true;
    const why = 'transactions without a GTID (gtid_mode is not ON): they cannot be told apart, and are left out';
    this.sink.finding(findingOf('format', tx.file, tx.offset, why));
  }

  rows(rows: RowsEvent): void {
    if (this.open) this.keep(rows, this.open);
  }

  statement(statement: Statement): void {
    this.open?.statements.push(statement.text);
  }

  end(_tx: TxHead, end: TxEnd): void {
    const t = this.open;
    this.open = null;
    if (!t || this.damaged) return;
    if (end.branch !== '') t.branch = end.branch;
    if (end.how === 'xa-prepare') t.statements.push('XA PREPARE');
    else if (end.how === 'xa-commit') t.statements.push(`XA COMMIT ${end.branch}`);
    else if (end.how === 'xa-rollback') t.statements.push(`XA ROLLBACK ${end.branch}`);
    // what stays of a transaction that ends so is what no engine could roll back
    else if (end.how === 'rollback' && t.rows.length + t.statements.length > 0) t.statements.push('ROLLBACK');
    this.sink.transaction(t);
  }

  abandon(): void {
    this.open = null;
  }

  finding(f: Finding): void {
    if (CARRIED.has(f.kind)) return;
    if (FINDINGS[f.kind] !== 'note') this.damaged = true;
    this.sink.finding(f);
  }
}

export class TransactionCollector extends TransactionFolder<RowChange> {
  private readonly inflate: Bytes['inflate'];
  private readonly wants: (table: string) => boolean;
  private readonly emitters = new WeakMap<TableMap, Emitter[]>();

  /** Of tables that are not wanted one change per event is told, without images. */
  constructor(sink: BinlogSink, { bytes, wants = () => true }: { bytes: Bytes; wants?: (table: string) => boolean }) {
    super(sink);
    this.inflate = (data, sizeMax, raw) => bytes.inflate(data, sizeMax, raw);
    this.wants = wants;
  }

  protected override keep(rows: RowsEvent, into: Transaction): void {
    const { table, op } = rows;
    if (!this.wants(table.name)) {
      into.rows.push({ table: table.name, op, before: null, after: null });
      return;
    }
    const emitters = this.emittersOf(table);
    while (rows.next())
      into.rows.push({ table: table.name, op, before: this.image(rows.before, table, emitters), after: this.image(rows.after, table, emitters) });
  }

  private emittersOf(table: TableMap): Emitter[] {
    let emitters = this.emitters.get(table);
    if (!emitters) this.emitters.set(table, (emitters = table.columns.map((c) => emitterOf(c, table.flavour, this.inflate))));
    return emitters;
  }

  private image(image: RowImage | null, table: TableMap, emitters: readonly Emitter[]): Image | null {
    if (image === null) return null;
    return emitters.map((emitter, i) => {
      const at = image.at[i]!;
      const patched = image.patched?.[i];
      if (patched) return patchedValue(table.columns[i]!, patched);
      if (at === ABSENT) return undefined;
      return at === NULL ? null : emitter.value(image.buf, at);
    });
  }
}
