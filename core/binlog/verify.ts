/**
 * What only a look at a whole log can tell, on top of LogReader's own findings: whether its files follow each other without a hole, whether a GTID or an
 * XID comes twice, which XA branches nobody decided, and that every row image can be walked to its end.
 */
import { GtidSetBuilder } from '../gtid.ts';
import type { GtidSet } from '../gtid.ts';
import { finding } from './finding.ts';
import type { Finding, FindingKind } from './finding.ts';
import { Inventory } from './inventory.ts';
import { mariaGtidText } from './maria.ts';
import type { MariaGtid } from './maria.ts';
import type { RowsEvent } from './rows.ts';
import type { Format, LogVisitor, Place, Statement, TxEnd, TxHead } from './visitor.ts';

/** XIDs are kept in two generations of this size: a second one is found when it comes within 131,072 to 262,144 transactions. */
const XIDS_MAX = 131_072;
const SHOWN_MAX = 300;

export class Verify implements LogVisitor {
  readonly inventory = new Inventory();
  /** rows walked */
  readonly rowCount = { insert: 0, update: 0, delete: 0 };
  private readonly onFinding: ((f: Finding) => void) | undefined;
  private file = '';
  private relay: boolean | null = null;
  private xids = new Set<bigint>();
  private olderXids = new Set<bigint>();
  /** whole transactions so far, and what was executed before the files */
  private seen = new GtidSetBuilder();

  constructor(onFinding?: (f: Finding) => void) {
    this.onFinding = onFinding;
  }

  beginFile(name: string): void {
    this.file = name;
    this.relay = null;
    this.inventory.beginFile(name);
  }

  endFile(name: string, bytes: number): void {
    this.inventory.endFile(name, bytes);
  }

  format(format: Format): void {
    this.relay ??= format.relay;
    // only the first file after a start has a time: InnoDB's numbers begin anew
    if (format.createdAt !== 0) this.forgetXids();
    this.inventory.format(format);
  }

  previousGtids(set: GtidSet, place: Place): void {
    const before = this.inventory.files.at(-1);
    this.inventory.previousGtids(set, place);
    if (before?.previous) this.compare(before.previous.union(before.gtids), set, before.file, place);
    this.seen.addSet(set);
  }

  gtidList(list: readonly MariaGtid[], place: Place): void {
    const before = this.inventory.files.at(-1);
    this.inventory.gtidList(list, place);
    if (before?.previousList && this.relay !== true) this.compareMaria([...before.previousList, ...before.maria], list, before.file, place);
  }

  rows(rows: RowsEvent, tx: TxHead | null): void {
    let n = 0;
    let underivable: string | null = null;
    while (rows.next()) {
      n++;
      const patched = rows.after?.patched;
      if (patched) for (const p of patched) if (p && 'underivable' in p) underivable = p.underivable;
    }
    this.rowCount[rows.op] += n;
    if (underivable === null) return;
    this.say(
      'underivable',
      { file: this.file, offset: rows.offset },
      `${rows.table.name}: a partial update that cannot be applied: ${underivable}`,
      tx?.gtid(),
    );
  }

  statement(statement: Statement): void {
    this.inventory.statement(statement);
  }

  end(tx: TxHead, end: TxEnd): void {
    this.inventory.end(tx, end);
    // a replica that was told to read from a position may have received the same transactions twice
    if ((tx.kind === 'gtid' || tx.kind === 'tagged') && !this.seen.add(tx.uuid, tx.tag, tx.gno) && this.relay !== true)
      this.say('grammar', tx, 'this transaction comes a second time, or was executed before this file began', tx.gtid());
    if (end.xid !== null && this.relay !== true) this.xid(tx, end.xid);
  }

  abandon(tx: TxHead): void {
    this.inventory.abandon(tx);
  }

  rotate(next: string, place: Place): void {
    this.inventory.rotate(next, place);
  }

  stop(place: Place): void {
    this.inventory.stop(place);
  }

  finding(f: Finding): void {
    this.inventory.finding(f);
    this.onFinding?.(f);
  }

  /** The log is over: LogReader.end() came before. */
  finish(): void {
    for (const b of this.inventory.undecided())
      this.say('xa-undecided', b, `the XA branch ${b.branch} was prepared and neither committed nor rolled back in these files`, b.gtid);
  }

  private compare(expected: GtidSet, set: GtidSet, fileBefore: string, place: Place): void {
    const missing = set.subtract(expected);
    if (!missing.isEmpty()) this.hole(missing.toString(), fileBefore, place);
    const ahead = expected.subtract(set);
    if (!ahead.isEmpty() && this.relay !== true) this.notAfter(ahead.toString(), fileBefore, place);
  }

  /** Domains may have been deleted from the list (FLUSH BINARY LOGS DELETE_DOMAIN_ID), so one that is not there says nothing. */
  private compareMaria(expected: readonly MariaGtid[], list: readonly MariaGtid[], fileBefore: string, place: Place): void {
    const last = new Map(expected.map((g) => [`${g.domain}-${g.server}`, g.seq]));
    const missing = list.filter((g) => g.seq > (last.get(`${g.domain}-${g.server}`) ?? 0));
    const ahead = list.filter((g) => g.seq < (last.get(`${g.domain}-${g.server}`) ?? 0));
    if (missing.length > 0) this.hole(`those up to ${missing.map(mariaGtidText).join(',')}`, fileBefore, place);
    if (ahead.length > 0) this.notAfter(`those after ${ahead.map(mariaGtidText).join(',')}`, fileBefore, place);
  }

  /** In another file, or in the damaged part of one. What stands behind the hole may be of another run of the server. */
  private hole(gtids: string, fileBefore: string, place: Place): void {
    this.forgetXids();
    this.say('gap', place, `transactions are missing between ${fileBefore} and this file, which says that they were executed before it: ${short(gtids)}`);
  }

  /** One finding says it for the whole file: its transactions are judged by its own beginning only. */
  private notAfter(gtids: string, fileBefore: string, place: Place): void {
    this.forgetXids();
    this.seen = new GtidSetBuilder();
    this.say('grammar', place, `this file does not follow ${fileBefore}: transactions of that file were not executed before this one: ${short(gtids)}`);
  }

  private xid(tx: TxHead, xid: bigint): void {
    if (this.xids.has(xid) || this.olderXids.has(xid)) {
      this.say('grammar', tx, `the XID ${xid} comes a second time within one run of the server`, tx.gtid());
      return;
    }
    if (this.xids.size === XIDS_MAX) {
      this.olderXids = this.xids;
      this.xids = new Set();
    }
    this.xids.add(xid);
  }

  private forgetXids(): void {
    this.xids.clear();
    this.olderXids.clear();
  }

  private say(kind: FindingKind, place: Place, text: string, gtid: string | null | undefined = null): void {
    this.finding(finding(kind, place.file, place.offset, text, gtid));
  }
}

const short = (text: string): string => (text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}… (${text.length} characters)` : text);
