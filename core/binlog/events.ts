/**
 * STUB: signatures only, to be built. Bodies of the events that are not rows. `start` and `end` bound the body: behind the common header, before the checksum.
 * Every function throws BinlogDamage where a length runs past `end`; no function reads beyond it.
 */
import type { GtidSet } from '../gtid.ts';
import type { MariaGtid } from './maria.ts';
import type { TxHeadState } from './tx.ts';
import type { Format } from './visitor.ts';

const todo = (): never => {
  throw new Error('not built yet');
};

/** The whole event with its header and, if it has one, its checksum: whether it has one is told by the event itself (the byte before the last four; servers since 5.6.1). */
export function parseFormat(_buf: Uint8Array, _start: number, _end: number): Format {
  return todo();
}
/** GTID and ANONYMOUS_GTID (33, 34), fills `tx` without allocating on the usual path. */
export function parseGtid(_buf: Uint8Array, _start: number, _end: number, _anonymous: boolean, _tx: TxHeadState): void {
  todo();
}
/** GTID_TAGGED (42): mysql::serialization format. */
export function parseTaggedGtid(_buf: Uint8Array, _start: number, _end: number, _tx: TxHeadState): void {
  todo();
}
/** MariaDB GTID (162). `standalone`: the next event is the whole transaction. `prepared`/`completed`: XA PREPARE, and XA COMMIT or ROLLBACK, of `branch`. */
export function parseMariaGtid(
  _buf: Uint8Array,
  _start: number,
  _end: number,
  _tx: TxHeadState,
): { standalone: boolean; ddl: boolean; prepared: boolean; completed: boolean; branch: string } {
  return todo();
}
export function parsePreviousGtids(_buf: Uint8Array, _start: number, _end: number): GtidSet {
  return todo();
}
export function parseGtidList(_buf: Uint8Array, _start: number, _end: number): MariaGtid[] {
  return todo();
}

/** What a QUERY event is to the grammar, told from its bytes without making a string. `other`: a statement of its own. */
export type QueryKind = 'begin' | 'commit' | 'rollback' | 'savepoint' | 'xa-start' | 'xa-end' | 'xa-commit' | 'xa-rollback' | 'other';
export function queryKind(_buf: Uint8Array, _start: number, _end: number, _format: Format): QueryKind {
  return todo();
}
export interface Query {
  schema: string;
  text: string;
  /** false: bytes that are not valid in the client's character set */
  exact: boolean;
  /** client's collation id from the status variables; null: not in the event */
  collation: number | null;
  errorCode: number;
  /** DDL or administrative: a transaction of its own */
  ddl: boolean;
}
/** `inflated`: the statement of MariaDB's QUERY_COMPRESSED, already inflated by the caller with compressedPart. */
export function parseQuery(_buf: Uint8Array, _start: number, _end: number, _format: Format, _inflated?: Uint8Array): Query {
  return todo();
}
/** MariaDB's compressed body: algorithm, uncompressed size, and where the compressed bytes begin. */
export function compressedPart(_buf: Uint8Array, _start: number, _end: number): { size: number; dataStart: number } {
  return todo();
}
export function parseXid(_buf: Uint8Array, _start: number, _end: number): bigint {
  return todo();
}
/** `onePhase`: XA COMMIT … ONE PHASE, committed, not merely prepared. `branch` as XA RECOVER's parts: `'gtrid','bqual',formatID`, hex (X'…') where not printable. */
export function parseXaPrepare(_buf: Uint8Array, _start: number, _end: number): { onePhase: boolean; branch: string } {
  return todo();
}
/** `position`: where the next file goes on, from the event's 8 bytes. */
export function parseRotate(_buf: Uint8Array, _start: number, _end: number): { next: string; position: number } {
  return todo();
}
export function parseIncident(_buf: Uint8Array, _start: number, _end: number): { code: number; text: string } {
  return todo();
}
/** HEARTBEAT (27: the file name; position from the header's log_pos given by the caller) and HEARTBEAT_V2 (41). */
export function parseHeartbeat(_buf: Uint8Array, _start: number, _end: number, _v2: boolean): { file: string; position: number | null } {
  return todo();
}
/** ROWS_QUERY and MariaDB's ANNOTATE_ROWS. */
export function parseRowsQuery(_buf: Uint8Array, _start: number, _end: number, _annotate: boolean): string {
  return todo();
}
/** TRANSACTION_PAYLOAD's fields, read as far as its data begin; `size` uncompressed. `headBytesMax` of the event suffice. */
export function parsePayloadHead(
  _buf: Uint8Array,
  _start: number,
  _end: number,
): { compression: 'zstd' | 'none'; size: number; dataStart: number; dataLength: number } {
  return todo();
}
export const PAYLOAD_HEAD_BYTES_MAX = 64;
/** Window size and content size (null: not in the header) of a zstd frame, from its first 18 bytes (RFC 8878, 3.1.1.1). Throws BinlogDamage when it is no frame. */
export function zstdHead(_buf: Uint8Array, _start: number, _end: number): { windowBytes: number; contentBytes: number | null } {
  return todo();
}
