/** What a binary log says, whoever read it: transactions with their row images, in commit order. */
import type { GtidSet } from '../gtid.ts';
import type { Finding } from './finding.ts';

/** One column of an image as the log gives it. `text`: strings unquoted and unescaped; integers may be followed by their unsigned reading in `unsigned`. */
export interface Value {
  text: string;
  unsigned?: string;
  /** the log's own type name, e.g. LONGINT, VARSTRING(160) */
  type: string;
  /** false: the bytes are not valid UTF-8, `text` is only a hint */
  exact: boolean;
  /** why the value cannot be told (a partial update whose base is not in the image); `text` is empty then, `exact` false */
  underivable?: string;
}
/** By position, from 0; null is NULL, undefined is "not in the image" (binlog_row_image other than FULL). */
export type Image = (Value | null | undefined)[];

export interface RowChange {
  /** `schema.table` */
  table: string;
  op: 'insert' | 'update' | 'delete';
  before: Image | null;
  after: Image | null;
}

/** `R`: a row change, in whatever form the reader keeps it. */
export interface Transaction<R = RowChange> {
  gtid: string;
  /** immediate_commit_timestamp: epoch µs on the server whose log it is. MariaDB has whole seconds, of the server where it was first committed. */
  commitUs: bigint;
  rows: R[];
  /** texts of statements that changed something without row images: DDL, statement-based DML, XA PREPARE */
  statements: string[];
  /** server_id in its events: of the server whose client it was; a replica keeps it, a replay of a log's text does not */
  serverId?: number;
  /** of the XA branch that it prepared, committed or rolled back; the statement says which */
  branch?: string;
}

export interface BinlogSink<R = RowChange> {
  /** The next file of the log. */
  file(name: string): void;
  /** Version of the server that wrote the file, e.g. 9.7.4; `relay`: a replica received it. */
  server?(version: string, relay: boolean): void;
  /** A file's Previous_gtids, before its first transaction; of MariaDB's Gtid_list all that it may stand for. */
  previousGtids(set: GtidSet): void;
  /** A whole transaction: its commit was seen, and no damage inside. */
  transaction(t: Transaction<R>): void;
  /** Something the reader of a result must know. */
  finding(finding: Finding): void;
}
