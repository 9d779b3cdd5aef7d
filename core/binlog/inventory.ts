/**
 * What a log holds, transaction by transaction and without its rows: the GTID sets that a lost-set proof subtracts from each other. Only whole transactions
 * count. Nothing is allocated per transaction; a million transactions without gaps are one interval.
 */
import { uuidText } from '../gtid-bytes.ts';
import { GtidSet, GtidSetBuilder } from '../gtid.ts';
import type { Finding } from './finding.ts';
import { FindingList } from './finding-list.ts';
import { MariaState } from './maria.ts';
import type { MariaGtid } from './maria.ts';
import type { Format, LogVisitor, Place, Statement, TxEnd, TxHead } from './visitor.ts';

/** Prepared branches that are remembered; beyond it `undecidedLeft` counts. A server has at most its max_connections and what it recovered. */
const BRANCHES_MAX = 10_000;

export interface FileInventory {
  file: string;
  /** seen of it */
  bytes: number;
  /** the file's first format description; null: it has none */
  format: Format | null;
  /** MySQL: executed before this file; null: the file does not say */
  previous: GtidSet | null;
  /** MariaDB: GTID_LIST */
  previousList: readonly MariaGtid[] | null;
  /** of the whole transactions that end in this file */
  gtids: GtidSet;
  /** MariaDB: last sequence number of each domain and server in this file */
  maria: readonly MariaGtid[];
  /** whole ones */
  transactions: number;
  /** of them without a GTID */
  anonymous: number;
  /** begun and not whole: rolled back by a crash, cut or damaged */
  abandoned: number;
  /** DDL and administrative statements */
  ddl: number;
  /** statements inside transactions: what they changed is not in the log as rows */
  statements: number;
  /** commit times of the whole transactions, epoch µs; 0: none */
  firstUs: number;
  lastUs: number;
  /** the last whole transaction; `gtid` null when it has none */
  last: LastTransaction | null;
  /** from ROTATE: the file says that this one follows */
  next: string | null;
  /** the server was shut down in order at the end of this file */
  stopped: boolean;
}

export interface LastTransaction {
  gtid: string | null;
  /** file offset behind it */
  endOffset: number;
}

/** An XA branch that was prepared and neither committed nor rolled back in the log. */
export interface UndecidedBranch {
  branch: string;
  gtid: string | null;
  file: string;
  offset: number;
}

export class Inventory implements LogVisitor {
  readonly files: FileInventory[] = [];
  readonly findings = new FindingList();
  private readonly prepared = new Map<string, UndecidedBranch>();
  /** prepared branches beyond those that are remembered */
  undecidedLeft = 0;
  private now: FileCount | null = null;

  beginFile(name: string): void {
    this.now = new FileCount(name);
  }

  endFile(_name: string, bytes: number): void {
    this.close(bytes);
  }

  format(format: Format): void {
    const { file } = this.here(this.now?.file.file ?? '');
    file.format ??= { ...format, postHeaderLengths: format.postHeaderLengths.slice() };
  }

  previousGtids(set: GtidSet, place: Place): void {
    this.here(place.file).file.previous = set;
  }

  gtidList(list: readonly MariaGtid[], place: Place): void {
    this.here(place.file).file.previousList = list.map((g) => ({ ...g }));
  }

  statement(statement: Statement): void {
    const { file } = this.here(statement.place.file);
    if (statement.ddl) file.ddl++;
    else file.statements++;
  }

  end(tx: TxHead, end: TxEnd): void {
    this.here(tx.file).whole(tx, end.endOffset);
    if (end.branch !== '') this.branch(tx, end);
  }

  /** What the end of the log cuts is told after the last file's end. */
  abandon(tx: TxHead): void {
    (this.now?.file ?? this.files.at(-1) ?? this.here(tx.file).file).abandoned++;
  }

  rotate(next: string, place: Place): void {
    this.here(place.file).file.next = next;
  }

  stop(place: Place): void {
    this.here(place.file).file.stopped = true;
  }

  finding(finding: Finding): void {
    this.findings.add(finding);
  }

  undecided(): UndecidedBranch[] {
    return [...this.prepared.values()];
  }

  /** Of all files. */
  gtids(): GtidSet {
    return this.files.reduce((all, f) => all.union(f.gtids), GtidSet.empty);
  }

  /** MariaDB: last sequence number of each domain and server in all files. */
  maria(): MariaGtid[] {
    return MariaState.of(this.files.flatMap((f) => f.maria)).gtids();
  }

  /** A live stream has no beginFile for what was open when it began. */
  private here(name: string): FileCount {
    return (this.now ??= new FileCount(name));
  }

  private close(bytes: number): void {
    if (!this.now) return;
    this.files.push(this.now.done(bytes));
    this.now = null;
  }

  private branch(tx: TxHead, end: TxEnd): void {
    if (end.how === 'xa-commit' || end.how === 'xa-rollback') this.prepared.delete(end.branch);
    else if (end.how === 'xa-prepare') {
      if (this.prepared.size < BRANCHES_MAX) this.prepared.set(end.branch, { branch: end.branch, gtid: tx.gtid(), file: tx.file, offset: tx.offset });
      else this.undecidedLeft++;
    }
  }
}

/** Counts one file. */
class FileCount {
  readonly file: FileInventory;
  private readonly builder = new GtidSetBuilder();
  private readonly mariaState = new MariaState();
  private readonly lastUuid = new Uint8Array(16);
  private lastTag = '';
  private lastNumber = 0;
  private lastDomain = 0;
  private lastServer = 0;
  private lastKind: TxHead['kind'] = 'none';
  private lastEnd = 0;

  constructor(file: string) {
    this.file = {
      file,
      bytes: 0,
      format: null,
      previous: null,
      previousList: null,
      gtids: GtidSet.empty,
      maria: [],
      transactions: 0,
      anonymous: 0,
      abandoned: 0,
      ddl: 0,
      statements: 0,
      firstUs: 0,
      lastUs: 0,
      last: null,
      next: null,
      stopped: false,
    };
  }

  whole(tx: TxHead, endOffset: number): void {
    const f = this.file;
    f.transactions++;
    const { kind } = tx;
    if (kind === 'gtid' || kind === 'tagged') this.builder.add(tx.uuid, tx.tag, tx.gno);
    else if (kind === 'mariadb') this.mariaState.advance(tx.domain, tx.serverId, tx.gno);
    else f.anonymous++;
    const us = commitUs(tx);
    if (f.firstUs === 0 || us < f.firstUs) f.firstUs = us;
    if (us > f.lastUs) f.lastUs = us;
    this.lastKind = kind;
    this.lastUuid.set(tx.uuid);
    this.lastTag = tx.tag;
    this.lastNumber = tx.gno;
    this.lastDomain = tx.domain;
    this.lastServer = tx.serverId;
    this.lastEnd = endOffset;
  }

  done(bytes: number): FileInventory {
    const f = this.file;
    f.bytes = bytes;
    f.gtids = this.builder.build();
    f.maria = this.mariaState.gtids();
    if (f.transactions > 0) f.last = { gtid: this.lastGtid(), endOffset: this.lastEnd };
    return f;
  }

  private lastGtid(): string | null {
    if (this.lastKind === 'mariadb') return `${this.lastDomain}-${this.lastServer}-${this.lastNumber}`;
    if (this.lastKind !== 'gtid' && this.lastKind !== 'tagged') return null;
    return `${uuidText(this.lastUuid, 0)}:${this.lastTag === '' ? '' : `${this.lastTag}:`}${this.lastNumber}`;
  }
}

/** Epoch µs on the server whose log it is; whole seconds where the log has no more. */
export const commitUs = (tx: TxHead): number => tx.immediateCommitUs || tx.seconds * 1_000_000;
