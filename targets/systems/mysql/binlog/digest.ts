/**
 * SHA-256 of a live server's log files, as they would be copied (with the in-use flag cleared), from the events that it sends. What a server makes up for the
 * stream (artificial events, heartbeats) is in no file.
 */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { EVENT, FLAG, HEADER_BYTES } from '../../../../core/binlog/codes.ts';
import { u16, u32 } from '../../../../core/binlog/wire.ts';
import type { EventSink } from './assemble.ts';

const MAGIC = Buffer.from('fe62696e', 'hex');

export interface FileDigest {
  bytes: number;
  sha256: string;
}

export class FileDigests implements EventSink {
  readonly eventBytesMax: number;
  /** in the order of the stream; of the files from their beginning on */
  readonly files: FileDigest[] = [];
  private readonly sink: EventSink;
  private hash: Hash | null = null;
  private bytes = 0;
  /** of the artificial ROTATE that named the file */
  private named: Buffer = MAGIC;

  constructor(sink: EventSink) {
    this.sink = sink;
    this.eventBytesMax = sink.eventBytesMax;
  }

  beginPackets(buf: Uint8Array, end: number): void {
    this.sink.beginPackets(buf, end);
  }

  event(buf: Uint8Array, start: number, end: number): Promise<void> | undefined {
    if (end - start >= HEADER_BYTES) {
      const type = buf[start + 4]!;
      const artificial = (u16(buf, start + 17) & FLAG.ARTIFICIAL) !== 0 || u32(buf, start + 13) === 0;
      if (type === EVENT.ROTATE && artificial) this.nextFile(Buffer.from(buf.subarray(start + HEADER_BYTES, end)));
      else if (!artificial && type !== EVENT.HEARTBEAT && type !== EVENT.HEARTBEAT_V2) this.add(buf, start, end);
    }
    return this.sink.event(buf, start, end);
  }

  eventBegin(buf: Uint8Array, start: number, end: number): Promise<void> | undefined {
    this.add(buf, start, end);
    return this.sink.eventBegin(buf, start, end);
  }

  bigPiece(buf: Uint8Array, start: number, end: number): Promise<void> | undefined {
    this.add(buf, start, end);
    return this.sink.bigPiece(buf, start, end);
  }

  bigEnd(): Promise<void> | undefined {
    return this.sink.bigEnd();
  }

  private add(buf: Uint8Array, start: number, end: number): void {
    this.hash?.update(buf.subarray(start, end));
    this.bytes += end - start;
  }

  private nextFile(named: Buffer): void {
    if (named.equals(this.named)) return;
    this.end();
    this.named = named;
    this.hash = createHash('sha256').update(MAGIC);
    this.bytes = MAGIC.length;
  }

  /** The stream is over. */
  end(): void {
    if (this.hash) this.files.push({ bytes: this.bytes, sha256: this.hash.digest('hex') });
    this.hash = null;
  }
}
