/** The events of a stream up to where its server's log ended at some moment; what was written since is left out. */
import { EVENT, FLAG, HEADER_BYTES } from '../../../../core/binlog/codes.ts';
import { streamOffset } from '../../../../core/binlog/log.ts';
import { u16, u32 } from '../../../../core/binlog/wire.ts';
import type { EventSink } from './assemble.ts';

/** Between two transactions. */
export interface LogEnd {
  file: string;
  /** bytes from the beginning of the file */
  position: number;
}

/** The position of a ROTATE, before the name. */
const NAME_AT = HEADER_BYTES + 8;
const CHECKSUM_BYTES = 4;

export class Until implements EventSink {
  /** nothing more is passed on */
  reached = false;
  readonly eventBytesMax: number;
  private readonly sink: EventSink;
  private readonly name: Buffer;
  private readonly position: number;
  /** the stream is in the file in which it is to end, this far */
  private inFile = false;
  private at = 0;

  constructor(sink: EventSink, end: LogEnd) {
    this.sink = sink;
    this.eventBytesMax = sink.eventBytesMax;
    this.name = Buffer.from(end.file);
    this.position = end.position;
  }

  beginPackets(buf: Uint8Array, end: number): void {
    this.sink.beginPackets(buf, end);
  }

  event(buf: Uint8Array, start: number, end: number): Promise<void> | undefined {
    if (end - start >= HEADER_BYTES) this.look(buf, start, end);
    if (this.reached) return undefined;
    const wait = this.sink.event(buf, start, end);
    this.reached = this.at === this.position;
    return wait;
  }

  eventBegin(buf: Uint8Array, start: number, end: number): Promise<void> | undefined {
    this.look(buf, start, end);
    return this.reached ? undefined : this.sink.eventBegin(buf, start, end);
  }

  bigPiece(buf: Uint8Array, start: number, end: number): Promise<void> | undefined {
    return this.reached ? undefined : this.sink.bigPiece(buf, start, end);
  }

  bigEnd(): Promise<void> | undefined {
    if (this.reached) return undefined;
    this.reached = this.at === this.position;
    return this.sink.bigEnd();
  }

  /** Whether the event is of the stream's own making, and names a file; else where it ends. */
  private look(buf: Uint8Array, start: number, end: number): void {
    const type = buf[start + 4]!;
    if (!this.inFile && type !== EVENT.ROTATE) return;
    const logPos = u32(buf, start + 13);
    if (logPos === 0 || (u16(buf, start + 17) & FLAG.ARTIFICIAL) !== 0) {
      if (type === EVENT.ROTATE) this.begin(buf.subarray(Math.min(end, start + NAME_AT), end));
    } else if (this.inFile && type !== EVENT.HEARTBEAT && type !== EVENT.HEARTBEAT_V2) {
      this.at = streamOffset(logPos, this.at);
      if (this.at > this.position) this.reached = true;
    }
  }

  /** A name, with or without a checksum behind it. A file that was left is not come back to. */
  private begin(name: Uint8Array): void {
    const { length } = this.name;
    const same = this.name.equals(name.subarray(0, length)) && (name.length === length || name.length === length + CHECKSUM_BYTES);
    if (this.inFile && !same) this.reached = true;
    this.inFile = same;
  }
}
