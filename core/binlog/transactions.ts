/**
 * The transaction grammar: which event may follow which, in MySQL's and MariaDB's logs, and the findings where none may. It knows where the reader stands, so
 * every finding is made here: one of level damage or unknown makes the transaction it is in unsound.
 */
import { finding, FINDINGS } from './finding.ts';
import type { FindingKind } from './finding.ts';
import { TxHeadState } from './tx.ts';
import type { LogVisitor, Place, TxEnd } from './visitor.ts';

/** Between transactions; behind a GTID, where BEGIN or a lone statement is next; behind BEGIN; behind XA END; behind the end, inside a payload. */
const IDLE = 0;
const HEAD = 1;
const OPEN = 2;
const XA_ENDED = 3;
const ENDED = 4;
/** of a file, before its first event */
const MAGIC_BYTES = 4;

export class Transactions {
  /** row events may stand here: what the framer asks before it hops */
  open = false;
  /** of the file, told by its first format description */
  relay = false;
  /** every transaction of this log has a GTID event: one without has lost it */
  named = false;
  /** where the current event is */
  readonly place: Place = { file: '', offset: 0 };
  /** file offset behind the current event */
  endOffset = 0;
  /** what is decoded comes out of a payload: its transaction ends when the payload is whole */
  held = false;
  /** a group may be given up and begin again: relay logs, streams */
  restarts = false;
  private readonly visitor: LogVisitor;
  private state = IDLE;
  /** the last whole one is kept to be named: the two swap places */
  private head = new TxHeadState();
  private last = new TxHeadState();
  private lastEnd = -1;
  private sound = true;
  /** nothing stands behind its BEGIN yet */
  private empty = true;
  /** damage was found since the last transaction: the next one may have lost its GTID event */
  private lost = false;
  /** rows or a commit without a transaction are told once until the next begins */
  private stray = false;
  private sequence = 0;
  /** a half-received group: a replica asks for the same again */
  private givenUp: string | null = null;
  /** where it began in the current file, less what of it stands in the files before; and the bytes since then that are not its own (relay logs) */
  private start = 0;
  private foreign = 0;
  private branch = '';
  private readonly ended: TxEnd = { how: 'xid', xid: null, branch: '', endOffset: 0, sound: true };

  constructor(visitor: LogVisitor) {
    this.visitor = visitor;
  }

  /** The current transaction, or null between two. */
  get tx(): TxHeadState | null {
    return this.state === IDLE ? null : this.head;
  }
  get group(): 'none' | 'head' | 'open' {
    return this.state === IDLE ? 'none' : this.state === HEAD ? 'head' : 'open';
  }

  find(kind: FindingKind, text: string, offset = this.place.offset): void {
    if (FINDINGS[kind] !== 'note') {
      if (this.state === IDLE) this.lost = true;
      else this.sound = false;
    }
    this.visitor.finding(finding(kind, this.place.file, offset, text, this.state === IDLE ? null : this.head.gtid()));
  }

  beginFile(file: string): void {
    this.place.file = file;
    this.place.offset = 0;
    this.sequence = 0;
    this.lost = false;
    this.stray = false;
    this.named = false;
    this.held = false;
  }

  private set(state: number): void {
    this.state = state;
    this.open = state === OPEN;
  }

  /** A GTID event has come: what was open is given up. The head that its body is to be read into. */
  next(serverId: number, seconds: number): TxHeadState {
    if (this.state !== IDLE) this.interrupted();
    const head = this.head;
    head.serverId = serverId;
    head.seconds = seconds;
    head.file = this.place.file;
    head.offset = this.place.offset;
    this.start = this.place.offset;
    this.foreign = 0;
    return head;
  }

  private interrupted(): void {
    if (this.restarts) {
      this.find('restarted-group', `${this.name()} is given up for another that begins at ${this.place.offset}`);
      this.givenUp = this.head.gtid();
    } else if (this.sound) this.find('grammar', `another transaction begins inside ${this.name()}`);
    this.abandon();
  }

  /** The head is filled. `opened`: MariaDB's GTID event is its BEGIN too. */
  begin(opened: boolean): void {
    const head = this.head;
    const sequence = head.sequenceNumber;
    // told before it begins: it is whole itself
    if (sequence !== 0 && this.sequence !== 0 && sequence !== this.sequence + 1 && !this.restarts)
      this.find('grammar', `sequence_number ${sequence} follows ${this.sequence}: transactions are missing or out of order`);
    if (sequence !== 0) this.sequence = sequence;
    if (this.givenUp !== null) {
      if (head.gtid() !== this.givenUp) this.find('grammar', `${this.givenUp} was given up and did not come again: ${head.gtid() ?? 'another'} begins`);
      this.givenUp = null;
    }
    this.enter(opened ? OPEN : HEAD);
    this.named = true;
    this.visitor.begin?.(head);
  }

  private enter(state: number): void {
    this.set(state);
    this.sound = true;
    this.empty = true;
    this.lost = false;
    this.stray = false;
    this.branch = '';
  }

  /** A transaction without a GTID event, as servers before 5.7 write it. */
  private beginNameless(serverId: number, seconds: number): void {
    const explained = this.lost;
    this.next(serverId, seconds).reset('none');
    this.enter(HEAD);
    if (explained) this.sound = false;
    this.visitor.begin?.(this.head);
    if (this.named && !explained) this.find('grammar', 'a transaction has no GTID event, and those before it have');
  }

  /** QUERY BEGIN, XA START, and CREATE TABLE … START TRANSACTION, which may also stand behind BEGIN. */
  opens(what: 'BEGIN' | 'XA START' | 'CREATE TABLE', serverId: number, seconds: number): void {
    if (this.state === IDLE) this.beginNameless(serverId, seconds);
    else if (this.state === ENDED) return this.behindEnd(what);
    else if (this.state !== HEAD && what !== 'CREATE TABLE' && !(this.empty && this.head.kind === 'mariadb'))
      this.find('grammar', `${what} inside ${this.name()}`);
    this.set(OPEN);
  }

  xaEnds(): void {
    if (!this.inside('XA END')) return;
    this.set(XA_ENDED);
  }

  /** Rows, a table map, a statement's variables: they stand inside a transaction. false: they do not. */
  inside(what: string): boolean {
    this.empty = false;
    if (this.state === OPEN) return true;
    if (this.state === IDLE) {
      if (!this.stray) this.find('grammar', `${what} outside a transaction`);
      this.stray = true;
      return false;
    }
    if (this.state === ENDED) {
      this.behindEnd(what);
      return false;
    }
    if (this.sound) this.find('grammar', this.state === HEAD ? `${what} before BEGIN` : `${what} between XA END and XA PREPARE`);
    this.set(OPEN);
    return true;
  }

  private behindEnd(what: string): void {
    if (!this.stray) this.find('grammar', `${what} behind the end of ${this.name()}, in its payload`);
    this.stray = true;
  }

  /** A statement that is a transaction of its own, or one inside a transaction. true: the first. */
  lone(serverId: number, seconds: number): boolean {
    this.empty = false;
    if (this.state === IDLE) this.beginNameless(serverId, seconds);
    else if (this.state === ENDED) this.behindEnd('a statement');
    else if (this.state === XA_ENDED && this.sound) this.find('grammar', 'a statement between XA END and XA PREPARE');
    return this.state === HEAD;
  }

  /** XID, COMMIT, ROLLBACK. */
  commit(how: 'xid' | 'commit' | 'rollback', xid: bigint | null): void {
    const what = how === 'xid' ? 'an XID event' : how === 'commit' ? 'COMMIT' : 'ROLLBACK';
    if (this.state === IDLE) {
      if (!this.stray) this.find('grammar', `${what} without BEGIN`);
      this.stray = true;
      return;
    }
    if (this.state === ENDED) return this.behindEnd(what);
    if (this.state !== OPEN && this.sound) this.find('grammar', this.state === HEAD ? `${what} without BEGIN` : `${what} between XA END and XA PREPARE`);
    this.end(how, xid);
  }

  /** XA_PREPARE: the branch is prepared, or committed at once in one phase. */
  prepared(onePhase: boolean, branch: string): void {
    if (this.state === IDLE) return this.find('grammar', 'XA PREPARE without XA START');
    if (this.state === ENDED) return this.behindEnd('XA PREPARE');
    if (this.state !== XA_ENDED && this.sound) this.find('grammar', 'XA PREPARE without XA END');
    this.branch = branch;
    this.end(onePhase ? 'commit' : 'xa-prepare', null);
  }

  /** XA COMMIT and XA ROLLBACK of a branch that was prepared before. */
  decided(how: 'xa-commit' | 'xa-rollback', branch: string, serverId: number, seconds: number): void {
    if (this.state === IDLE) this.beginNameless(serverId, seconds);
    if (this.state === ENDED) return this.behindEnd('XA COMMIT or XA ROLLBACK');
    // MariaDB's GTID event has opened it already; MySQL rolls back a branch that changed tables without transactions behind its XA END
    const alone = this.state === HEAD || (this.state === OPEN && this.empty && this.head.kind === 'mariadb');
    if (!alone && this.state !== XA_ENDED && this.sound) this.find('grammar', `${how === 'xa-commit' ? 'XA COMMIT' : 'XA ROLLBACK'} inside ${this.name()}`);
    this.branch = branch;
    this.end(this.state === XA_ENDED ? (how === 'xa-commit' ? 'commit' : 'rollback') : how, null);
  }

  end(how: TxEnd['how'], xid: bigint | null): void {
    this.ended.how = how;
    this.ended.xid = xid;
    if (this.held) this.set(ENDED);
    else this.finish();
  }

  private finish(): void {
    const { ended, head } = this;
    const bytes = this.endOffset - this.start - this.foreign;
    if (head.transactionBytes !== 0 && bytes !== head.transactionBytes && this.sound)
      this.find('grammar', `${this.name()} has ${bytes} bytes and its GTID event says ${head.transactionBytes}: events are missing or doubled in it`);
    ended.branch = this.branch;
    ended.endOffset = this.endOffset;
    ended.sound = this.sound;
    this.visitor.end?.(head, ended);
    this.head = this.last;
    this.last = head;
    this.lastEnd = this.endOffset;
    this.set(IDLE);
  }

  /** The payload is over: now the transaction in it ends, or never. */
  release(what: string): void {
    this.held = false;
    if (this.state === ENDED) return this.finish();
    if (this.sound) this.find('grammar', `${what} does not hold the end of ${this.name()}`);
    this.abandon();
  }

  /** A payload without a GTID event: its transaction has lost its name. */
  orphan(): void {
    this.beginNameless(0, 0);
  }

  /** A format description, ROTATE or the like has come, in relay logs perhaps inside a transaction. */
  between(): void {
    this.foreign += this.endOffset - this.place.offset;
  }

  /** The file is over after `bytes`; what is open goes on in the next one. */
  endFile(bytes: number): void {
    this.start += MAGIC_BYTES + this.foreign - bytes;
    this.foreign = 0;
  }

  /** The caller has said why. */
  abandon(): void {
    if (this.state === IDLE) return;
    this.visitor.abandon?.(this.head);
    this.set(IDLE);
  }

  /** The log is over inside a transaction; `endOffset` bytes of its last file were seen. */
  cut(endOffset: number, why: string): void {
    if (this.state === IDLE) return;
    this.find('cut', `${why} inside ${this.name()}: ${this.behind(endOffset)}`);
    this.abandon();
  }

  private name(): string {
    return this.head.gtid() ?? `the transaction that began at ${this.head.offset}`;
  }

  /** What a person needs to know about a tail: the last whole transaction and the bytes behind it. */
  behind(endOffset: number): string {
    if (this.lastEnd < 0) return 'no whole transaction stands before it';
    const last = `the last whole transaction is ${this.last.gtid() ?? `the one that began at ${this.last.offset}`}`;
    if (this.last.file !== this.place.file) return `${last}, in ${this.last.file}`;
    return `${last}, ${endOffset - this.lastEnd} bytes stand behind it`;
  }
}
