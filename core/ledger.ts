/**
 * The ledger: the client-side record of every write attempted through the service address (docs/semantics.md, 1).
 * A JSON Lines file, one object a line, each with its number and the SHA-256 of the line before it. Pure: parsing and folding only.
 */
export type WriteKind = 'insert' | 'set' | 'add' | 'delete';
export type WriteOutcome = 'acked' | 'failed' | 'unknown';

interface Chained {
  n: number;
  /** SHA-256 (hex) of the previous line's bytes without its newline; 64 zeros on the first line. */
  prev: string;
}
/** First line of a ledger, and again after a writer restarted on the same file. */
export interface LedgerOpen extends Chained {
  e: 'open';
  version: 1;
  drillId: string;
  boot: string;
  /** A pair of readings of the two clocks, taken together: ties monotonic to wall time. */
  wallMs: number;
  monoNs: string;
  rate: number;
  concurrency: number;
  payloadBytes: number;
}
/** Handed to the kernel before the first byte of the statement is sent. */
export interface LedgerIntent extends Chained {
  e: 'intent';
  /** writeId: unique per logical write; a retry is a new attempt of the same writeId. */
  w: string;
  /** attempt, from 1 */
  a: number;
  k: WriteKind;
  /** table, `schema.table` */
  t: string;
  /** The client's identity of the row: the write id where the id is AUTO_INCREMENT, the client-made key elsewhere. */
  key: string;
  /** SHA-256 of canonical JSON of the client-supplied columns {column: text}; "" for a delete (its effect is absence). */
  d: string;
  /** intended send time of the open-loop schedule, monotonic ns */
  i: string;
  /** when the statement was handed over, monotonic ns */
  s: string;
}
export interface LedgerReply extends Chained {
  e: 'reply';
  w: string;
  a: number;
  o: WriteOutcome;
  /** reply seen, monotonic ns */
  r: string;
  /** rows matched / changed by the statement (acked only) */
  m?: number;
  c?: number;
  /** server_uuid of the connection, when known */
  u?: string;
  /** GTID from session_track_gtids=OWN_GTID ("" when the statement wrote nothing) */
  g?: string;
  /** MySQL error number or client error code, for failed and unknown */
  err?: string;
}
/** A named phase of the disaster, told by the engine, so that a reader of the file alone can follow. */
export interface LedgerPhase extends Chained {
  e: 'phase';
  phase: string;
  r: string;
}
export interface LedgerClose extends Chained {
  e: 'close';
  r: string;
  writes: number;
}
export type LedgerRecord = LedgerOpen | LedgerIntent | LedgerReply | LedgerPhase | LedgerClose;

/** One attempt, intent and reply joined. No reply in the file: outcome unknown, repliedNs undefined. */
export interface LedgerAttempt {
  writeId: string;
  attempt: number;
  kind: WriteKind;
  table: string;
  key: string;
  digest: string;
  intendedNs: bigint;
  sentNs: bigint;
  repliedNs: bigint | undefined;
  outcome: WriteOutcome;
  matched: number | undefined;
  changed: number | undefined;
  serverUuid: string | undefined;
  gtid: string | undefined;
  error: string | undefined;
}
