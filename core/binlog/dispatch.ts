/** One whole event, its checksum right and taken off: what it says goes to the grammar and to the visitor. Throws BinlogDamage. */
import type { Bytes } from './bytes.ts';
import { EVENT, eventName, FLAG, HEADER_BYTES, isKnownEvent } from './codes.ts';
import {
  branchOfStatement,
  compressedPart,
  parseGtid,
  parseGtidList,
  parseIncident,
  parseLoadQuery,
  parseMariaGtid,
  parsePreviousGtids,
  parseQuery,
  parseRotate,
  parseRowsQuery,
  parseTaggedGtid,
  parseXaPrepare,
  parseXid,
  queryKind,
  statementKind,
  statementStart,
} from './events.ts';
import type { Query, QueryKind } from './events.ts';
import { BinlogDamage } from './finding.ts';
import { RowsCursor } from './rows.ts';
import { TableMaps } from './table-map.ts';
import type { Transactions } from './transactions.ts';
import type { Flavour, Format, LogVisitor, Statement } from './visitor.ts';
import { u16, u32 } from './wire.ts';

export const isRows = (type: number): boolean => ROWS[type] === 1;
const ROWS = new Uint8Array(256);
for (const type of [
  EVENT.WRITE_ROWS_V1,
  EVENT.UPDATE_ROWS_V1,
  EVENT.DELETE_ROWS_V1,
  EVENT.WRITE_ROWS,
  EVENT.UPDATE_ROWS,
  EVENT.DELETE_ROWS,
  EVENT.PARTIAL_UPDATE_ROWS,
  EVENT.MARIA_WRITE_ROWS_COMPRESSED_V1,
  EVENT.MARIA_UPDATE_ROWS_COMPRESSED_V1,
  EVENT.MARIA_DELETE_ROWS_COMPRESSED_V1,
  EVENT.MARIA_WRITE_ROWS_COMPRESSED,
  EVENT.MARIA_UPDATE_ROWS_COMPRESSED,
  EVENT.MARIA_DELETE_ROWS_COMPRESSED,
])
  ROWS[type] = 1;

/** Servers that log LOAD DATA without a transaction around it. */
const LOAD_ALONE = /^5\.[01]\./;
/** Atomic CREATE TABLE … SELECT (8.0.21): its rows and its commit follow. */
const CREATE_OPENS = /^\s*CREATE\b.*\bSTART\s+TRANSACTION\s*;?\s*$/is;
const SHOWN_CHARS = 200;

export class Dispatch {
  private readonly visitor: LogVisitor;
  private readonly txs: Transactions;
  private readonly bytes: Bytes;
  private readonly eventBytesMax: number;
  private readonly skipRows: boolean;
  private readonly cursor: RowsCursor;
  private format!: Format;
  private flavour: Flavour | null = null;
  private loadAlone = false;
  private tables!: TableMaps;

  constructor(visitor: LogVisitor, txs: Transactions, bytes: Bytes, skipRows: boolean, eventBytesMax: number) {
    this.visitor = visitor;
    this.txs = txs;
    this.bytes = bytes;
    this.skipRows = skipRows;
    this.eventBytesMax = eventBytesMax;
    this.cursor = new RowsCursor(bytes, eventBytesMax);
  }

  /** How the following events are to be read. `keepTables`: the log goes on, with the table ids of the format before. */
  setFormat(format: Format, keepTables: boolean): void {
    this.format = format;
    this.loadAlone = LOAD_ALONE.test(format.serverVersion);
    if (this.flavour !== format.flavour) {
      this.flavour = format.flavour;
      this.tables = new TableMaps(format.flavour);
    } else if (!keepTables) this.tables.clear();
  }

  /** buf[start, end): the event with its header, without its checksum. Format descriptions, payloads and what ends the reading are the reader's own. */
  event(buf: Uint8Array, start: number, end: number, nested: boolean): void {
    const type = buf[start + 4]!;
    if (ROWS[type] === 1) return this.rows(type, buf, start, end);
    const body = start + HEADER_BYTES;
    const { txs, visitor } = this;
    switch (type) {
      case EVENT.TABLE_MAP:
        return this.tableMap(buf, body, end);
      case EVENT.QUERY:
        return this.query(buf, start, end);
      case EVENT.XID:
        return txs.commit('xid', parseXid(buf, body, end));
      case EVENT.ROWS_QUERY:
      case EVENT.MARIA_ANNOTATE_ROWS:
        txs.inside('the text of a statement');
        return visitor.rowsQuery?.(parseRowsQuery(buf, body, end, type === EVENT.MARIA_ANNOTATE_ROWS), txs.tx);
      case EVENT.MARIA_QUERY_COMPRESSED:
        return this.compressedQuery(buf, start, end);
      case EVENT.XA_PREPARE: {
        const { onePhase, branch } = parseXaPrepare(buf, body, end);
        return txs.prepared(onePhase, branch);
      }
      case EVENT.INTVAR:
      case EVENT.RAND:
      case EVENT.USER_VAR:
      case EVENT.VIEW_CHANGE:
      case EVENT.IGNORABLE:
        return;
    }
    if (nested) throw new BinlogDamage('grammar', `${eventName(type)} inside a compressed payload`);
    this.outer(type, buf, start, end);
  }

  /** Events that never stand inside a payload. */
  private outer(type: number, buf: Uint8Array, start: number, end: number): void {
    const body = start + HEADER_BYTES;
    const { txs, visitor } = this;
    switch (type) {
      case EVENT.GTID:
      case EVENT.ANONYMOUS_GTID:
        parseGtid(buf, body, end, type === EVENT.ANONYMOUS_GTID, txs.next(u32(buf, start + 5), u32(buf, start)));
        return txs.begin(false);
      case EVENT.GTID_TAGGED:
        parseTaggedGtid(buf, body, end, txs.next(u32(buf, start + 5), u32(buf, start)));
        return txs.begin(false);
      case EVENT.MARIA_GTID: {
        const group = parseMariaGtid(buf, body, end, txs.next(u32(buf, start + 5), u32(buf, start)));
        return txs.begin(!group.standalone);
      }
      case EVENT.PREVIOUS_GTIDS: {
        txs.between();
        const set = parsePreviousGtids(buf, body, end);
        return visitor.previousGtids?.(set, txs.place);
      }
      case EVENT.MARIA_GTID_LIST: {
        txs.between();
        const list = parseGtidList(buf, body, end);
        return visitor.gtidList?.(list, txs.place);
      }
      case EVENT.ROTATE: {
        txs.between();
        const { next } = parseRotate(buf, body, end);
        if ((u16(buf, start + 17) & FLAG.ARTIFICIAL) === 0) visitor.rotate?.(next, txs.place);
        return;
      }
      case EVENT.STOP:
        txs.between();
        return visitor.stop?.(txs.place);
      case EVENT.INCIDENT:
        return this.incident(buf, body, end);
      case EVENT.BEGIN_LOAD_QUERY:
      case EVENT.APPEND_BLOCK:
      case EVENT.DELETE_FILE:
        if (!this.loadAlone || txs.tx !== null) txs.inside('a part of LOAD DATA');
        return;
      case EVENT.EXECUTE_LOAD_QUERY:
        return this.load(buf, start, end);
      case EVENT.HEARTBEAT:
      case EVENT.HEARTBEAT_V2:
      case EVENT.TRANSACTION_CONTEXT:
      case EVENT.MARIA_BINLOG_CHECKPOINT:
        return;
      default:
        this.unknown(type, u16(buf, start + 17));
    }
  }

  /** An event that was not held in memory. A statement behind a GTID event is the whole transaction: BEGIN is never that long. */
  tooLarge(type: number, eventBytesMax: number): void {
    const { txs } = this;
    if (ROWS[type] === 1) txs.inside('rows');
    if (ROWS[type] === 0 || !this.skipRows) txs.find('too-large', `${eventName(type)} is larger than the ${eventBytesMax} bytes that are allowed`);
    if (txs.group === 'head' && (type === EVENT.QUERY || type === EVENT.MARIA_QUERY_COMPRESSED)) txs.end('ddl', null);
  }

  private unknown(type: number, flags: number): void {
    if (type !== EVENT.UNKNOWN && isKnownEvent(type)) throw new BinlogDamage('format', `${eventName(type)}: written only by servers before 5.1, not read`);
    if (this.txs.tx === null && (flags & FLAG.IGNORABLE) !== 0) return;
    this.txs.find('unknown-event', `an event of type ${type}, which is not known`);
  }

  /** The server lost changes; behind a GTID it stands for their transaction. */
  private incident(buf: Uint8Array, body: number, end: number): void {
    const { code, text } = parseIncident(buf, body, end);
    this.txs.find('incident', `the server says that changes may be missing (incident ${code}${text === '' ? '' : `: ${text}`})`);
    if (this.txs.group === 'head') this.txs.end('ddl', null);
  }

  /** The event types that a server did not know when it wrote its format description have no length in it. */
  private postHeader(type: number): number {
    const length = this.format.postHeaderLengths[type - 1];
    if (length === undefined) throw new BinlogDamage('structure', `${eventName(type)} is not in the file's format description`);
    return length;
  }

  private tableMap(buf: Uint8Array, body: number, end: number): void {
    const { txs, visitor, tables } = this;
    txs.inside('a table map');
    if (this.skipRows && !visitor.table) return;
    const table = tables.read(buf, body, end, this.postHeader(EVENT.TABLE_MAP));
    if (tables.changed) visitor.table?.(table, txs.tx);
  }

  private rows(type: number, buf: Uint8Array, start: number, end: number): void {
    const { txs, visitor } = this;
    txs.inside('rows');
    if (this.skipRows || !visitor.rows) return;
    const rows = this.cursor.open(type, buf, start + HEADER_BYTES, end, this.postHeader(type), this.tables);
    if (rows === null) return;
    rows.offset = txs.place.offset;
    rows.seconds = u32(buf, start);
    visitor.rows(rows, txs.tx);
  }

  private query(buf: Uint8Array, start: number, end: number): void {
    const body = start + HEADER_BYTES;
    const kind = queryKind(buf, body, end, this.format);
    if (kind === 'begin') this.txs.opens('BEGIN', u32(buf, start + 5), u32(buf, start));
    else if (kind === 'commit' || kind === 'rollback') this.txs.commit(kind, null);
    else if (kind === 'savepoint') this.txs.inside('a savepoint');
    else this.statement(kind, buf, start, end);
  }

  private compressedQuery(buf: Uint8Array, start: number, end: number): void {
    const body = start + HEADER_BYTES;
    const at = statementStart(buf, body, end, this.format);
    const { size, dataStart } = compressedPart(buf, at, end);
    if (size > this.eventBytesMax) throw new BinlogDamage('too-large', `a compressed statement of ${size} bytes; ${this.eventBytesMax} are allowed`);
    let text: Uint8Array;
    try {
      text = this.bytes.inflate(buf.subarray(dataStart, end), size);
    } catch (cause) {
      throw new BinlogDamage('compression', `a compressed statement cannot be decompressed: ${String(cause)}`);
    }
    if (text.length !== size) throw new BinlogDamage('compression', `a compressed statement has ${text.length} bytes and says ${size}`);
    const kind = statementKind(text, 0, text.length);
    if (kind === 'savepoint') this.txs.inside('a savepoint');
    else this.statement(kind, buf, start, end, text);
  }

  private statement(kind: QueryKind, buf: Uint8Array, start: number, end: number, inflated?: Uint8Array): void {
    const { txs } = this;
    const query = parseQuery(buf, start + HEADER_BYTES, end, this.format, inflated);
    const serverId = u32(buf, start + 5);
    const seconds = u32(buf, start);
    if (kind === 'xa-start') return txs.opens('XA START', serverId, seconds);
    if (kind === 'xa-end') return txs.xaEnds();
    if (kind === 'xa-commit' || kind === 'xa-rollback') {
      const branch = branchOfStatement(query.text);
      if (branch === null) txs.find('structure', `an XA statement names no branch: ${query.text.slice(0, SHOWN_CHARS)}`);
      return txs.decided(kind, branch ?? '', serverId, seconds);
    }
    const opens = !query.ddl && CREATE_OPENS.test(query.text);
    const alone = txs.lone(serverId, seconds) && !opens;
    if (opens) txs.opens('CREATE TABLE', serverId, seconds);
    this.tell(query, query.ddl || opens);
    if (alone) txs.end('ddl', null);
  }

  /** LOAD DATA as a statement; what it loads stands in the events before it. */
  private load(buf: Uint8Array, start: number, end: number): void {
    const { txs } = this;
    const alone = this.loadAlone && txs.tx === null && txs.lone(u32(buf, start + 5), u32(buf, start));
    if (!alone) txs.inside('LOAD DATA');
    this.tell(parseLoadQuery(buf, start + HEADER_BYTES, end, this.format), false);
    if (alone) txs.end('ddl', null);
  }

  private tell({ text, exact, schema }: Query, ddl: boolean): void {
    const { txs, visitor } = this;
    if (!ddl) txs.find('statement', `a statement, where rows were expected: ${text.slice(0, SHOWN_CHARS)}`);
    const statement: Statement = { text, exact, schema, ddl, place: txs.place };
    visitor.statement?.(statement, txs.tx);
  }
}
