/** STUB: signatures only, to be built. Events in, a visitor called: the state machine of a binary log. */
import type { Bytes } from './bytes.ts';
import type { LogVisitor } from './visitor.ts';

export interface ReadOptions {
  bytes: Bytes;
  /** `skip`: row events and payloads are hopped over unseen (inventory; a finding of kind rows-unverified per file says so); `visit`: visitor.rows is called. */
  rows: 'skip' | 'visit';
  /** `structure`: CRC checked on format description, previous GTIDs, GTID, query, XID, XA, rotate and the like; `all`: on every event. */
  checksums: 'structure' | 'all';
  /** memory for one event or one decompressed payload; larger ones are checked in pieces and reported `too-large`, larger payloads are decoded in pieces */
  eventBytesMax?: number;
  /** largest zstd window */
  windowBytesMax?: number;
}
export const EVENT_BYTES_MAX = 24 * 1024 * 1024;
export const WINDOW_BYTES_MAX = 8 * 1024 * 1024;

/** Push-based and resumable: any cut of the bytes into chunks gives the same calls. Throws nothing about the bytes: findings. */
export class LogReader {
  constructor(_visitor: LogVisitor, _options: ReadOptions) {
    // stub
  }
  /** The next file of the same log. The first four bytes pushed after it are the magic. State that spans files (relay groups, table maps) goes on. */
  beginFile(_name: string): void {
    throw new Error('not built yet');
  }
  /** Bytes of the current file, in order; reused by the caller when the call (or its promise) is done. A promise comes only when a big payload is decompressed. */
  push(_chunk: Uint8Array, _start = 0, _end = _chunk.length): Promise<void> | undefined {
    throw new Error('not built yet');
  }
  /** One whole event of a live stream (without file magic), instead of push. */
  event(_buf: Uint8Array, _start: number, _end: number): Promise<void> | undefined {
    throw new Error('not built yet');
  }
  endFile(): void {
    throw new Error('not built yet');
  }
  /** The log is over: what is open is cut. */
  end(): void {
    throw new Error('not built yet');
  }
}
