/** What LogReader tells about a log, in its order. Everything handed over is reused by the next call: copy what you keep. */
import type { GtidSet } from '../gtid.ts';
import type { MariaGtid } from './maria.ts';
import type { Finding } from './finding.ts';
import type { RowsEvent } from './rows.ts';
import type { TableMap } from './table-map.ts';

export type Flavour = 'mysql' | 'mariadb';

/** A format description event: how everything after it is to be read. */
export interface Format {
  flavour: Flavour;
  /** 4 for everything since 5.0 */
  binlogVersion: number;
  /** as the server writes it, e.g. 9.7.4 or 10.11.19-MariaDB-log */
  serverVersion: string;
  /** epoch s; 0 in files that are not the first after a start */
  createdAt: number;
  /** 19 */
  headerLength: number;
  /** by event type - 1 */
  postHeaderLengths: Uint8Array;
  checksums: boolean;
  inUse: boolean;
  /** written by a replica into its relay log */
  relay: boolean;
  serverId: number;
}

export interface Place {
  file: string;
  /** bytes from the beginning of the file */
  offset: number;
}

/** How a transaction is named. `none`: the log has no GTID event before it (a server older than 5.7 without GTIDs). */
export type TxKind = 'gtid' | 'tagged' | 'anonymous' | 'mariadb' | 'none';

/** The head of a transaction. One object, refilled for each. */
export interface TxHead {
  kind: TxKind;
  /** `uuid:n`, `uuid:tag:n`, `domain-server-seq`; null when it has none. Made on demand: not free. */
  gtid(): string | null;
  /** of the source, 16 bytes; valid for gtid and tagged */
  uuid: Uint8Array;
  tag: string;
  /** n of the GTID, or MariaDB's sequence number; a safe integer (larger ones are refused by a finding) */
  gno: number;
  /** MariaDB */
  domain: number;
  serverId: number;
  /** MySQL's logical clock within a file; 0 where there is none */
  lastCommitted: number;
  sequenceNumber: number;
  /** epoch µs on the server whose log it is, and on the server that first committed it; 0 where the log has none (before 8.0, MariaDB: `seconds` only) */
  immediateCommitUs: number;
  originalCommitUs: number;
  /** epoch s of the event header */
  seconds: number;
  /** its rows came in a compressed payload */
  compressed: boolean;
  file: string;
  /** of its first event */
  offset: number;
}

/** Ended how. `xid`, `commit`, `ddl` (a statement that is a transaction of its own), `xa-prepare` (undecided until XA COMMIT), `xa-commit`/`xa-rollback` (a one-statement transaction about `branch`), `rollback`. A compressed transaction that was skipped unopened is `commit`, whatever is in it: a finding of kind rows-unverified says so. */
export interface TxEnd {
  how: 'xid' | 'commit' | 'ddl' | 'xa-prepare' | 'xa-commit' | 'xa-rollback' | 'rollback';
  /** of an XID event; null otherwise. Innodb's own number: unique within one run of the server. */
  xid: bigint | null;
  /** of the XA branch, as XA RECOVER's format 'gtrid','bqual',formatID; '' otherwise */
  branch: string;
  /** file offset behind its last event */
  endOffset: number;
  /** false: a finding of level damage or unknown lies inside: its rows may not be all there */
  sound: boolean;
}

/** A QUERY event that is not BEGIN, COMMIT, ROLLBACK, SAVEPOINT or XA START/END. */
export interface Statement {
  /** the statement's bytes in its client's character set, decoded where it is known; `exact` false: bytes that are not valid there, shown as latin1 */
  text: string;
  exact: boolean;
  /** default database */
  schema: string;
  /** the statement is DDL or administrative: a transaction of its own. false: DML text between BEGIN and COMMIT (row images are missing) */
  ddl: boolean;
  place: Place;
}

export interface LogVisitor {
  beginFile?(name: string): void;
  /** The file is over; `bytes` of it were seen. */
  endFile?(name: string, bytes: number): void;
  format?(format: Format, place: Place): void;
  /** MySQL: everything executed before this file. */
  previousGtids?(set: GtidSet, place: Place): void;
  /** MariaDB: GTID_LIST. */
  gtidList?(list: readonly MariaGtid[], place: Place): void;
  begin?(tx: TxHead): void;
  /** A table map that is new or has changed since it was last seen. */
  table?(table: TableMap, tx: TxHead | null): void;
  /** Text of the statement that the following rows came from (binlog_rows_query_log_events; MariaDB: annotate). */
  rowsQuery?(text: string, tx: TxHead | null): void;
  /** Not called when the reader skips rows. Call rows.next() until it is false. */
  rows?(rows: RowsEvent, tx: TxHead | null): void;
  statement?(statement: Statement, tx: TxHead | null): void;
  /** The transaction is whole. */
  end?(tx: TxHead, end: TxEnd): void;
  /** It is not: rolled back by the crash of its server, cut, or damaged so that its end was not seen. A finding says why. */
  abandon?(tx: TxHead): void;
  /** ROTATE and STOP: the file says that another one follows, or that its server was shut down. */
  rotate?(next: string, place: Place): void;
  stop?(place: Place): void;
  /** Every event, for statistics. Leave it out where speed matters. `nested`: it came out of a payload. */
  event?(type: number, length: number, place: Place, nested: boolean): void;
  finding(finding: Finding): void;
}
