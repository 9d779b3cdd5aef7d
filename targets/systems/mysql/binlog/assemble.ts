/** Whole events out of the parts that a stream comes in. One that lies in a chunk is passed on where it lies; larger ones than the reader holds go on in parts. */
import { HEADER_BYTES } from '../../../../core/binlog/codes.ts';
import { PAYLOAD_HEAD_BYTES_MAX } from '../../../../core/binlog/events.ts';
import { u32 } from '../../../../core/binlog/wire.ts';

/** What a LogReader takes from a live stream. */
export interface EventSink {
  readonly eventBytesMax: number;
  /** The chunk buf[0, end) has come; its whole events follow. */
  beginPackets(buf: Uint8Array, end: number): void;
  event(buf: Uint8Array, start: number, end: number): Promise<void> | undefined;
  eventBegin(buf: Uint8Array, start: number, end: number): Promise<void> | undefined;
  bigPiece(buf: Uint8Array, start: number, end: number): Promise<void> | undefined;
  bigEnd(): Promise<void> | undefined;
}

/** Header, the head of a payload, and the head of its zstd frame: what the reader wants at once of an event in parts. */
const BIG_HEAD_BYTES = HEADER_BYTES + PAYLOAD_HEAD_BYTES_MAX + 18;
const SIDE_BYTES_MIN = 64 * 1024;

export class Assembler {
  private readonly sink: EventSink;
  private side = new Uint8Array(SIDE_BYTES_MIN);
  private have = 0;
  private big = false;

  constructor(sink: EventSink) {
    this.sink = sink;
  }

  part(buf: Uint8Array, start: number, end: number, first: boolean, last: boolean): Promise<void> | undefined {
    if (first && last) return this.sink.event(buf, start, end);
    if (first) {
      this.have = 0;
      this.big = false;
    }
    if (this.big) return this.whole(this.sink.bigPiece(buf, start, end), last);
    const body = this.header(buf, start, end);
    const said = this.have < HEADER_BYTES ? 0 : u32(this.side, 9);
    // one that goes on behind the length that it says is kept so far only: the reader sees that it lies
    const larger = said > this.sink.eventBytesMax;
    this.keep(buf, body, larger ? end : Math.min(end, body + this.sink.eventBytesMax + 1 - this.have));
    this.big = larger && this.have >= BIG_HEAD_BYTES;
    if (this.big) return this.whole(this.sink.eventBegin(this.side, 0, this.have), last);
    return last ? this.sink.event(this.side, 0, this.have) : undefined;
  }

  private whole(wait: Promise<void> | undefined, last: boolean): Promise<void> | undefined {
    if (!last) return wait;
    return wait === undefined ? this.sink.bigEnd() : wait.then(() => this.sink.bigEnd());
  }

  /** Completes the header; where the rest begins. */
  private header(buf: Uint8Array, start: number, end: number): number {
    if (this.have >= HEADER_BYTES) return start;
    const to = Math.min(end, start + HEADER_BYTES - this.have);
    this.keep(buf, start, to);
    return to;
  }

  /** Room grows with what has come. */
  private keep(buf: Uint8Array, start: number, end: number): void {
    const have = this.have + end - start;
    if (have > this.side.length) {
      const side = new Uint8Array(Math.max(have, this.side.length * 2));
      side.set(this.side.subarray(0, this.have));
      this.side = side;
    }
    this.side.set(buf.subarray(start, end), this.have);
    this.have = have;
  }
}
