/**
 * Cuts a stream of bytes into events, whatever chunks it comes in. An event inside a chunk is handed over where it lies; one that straddles chunks is
 * assembled in a side buffer that grows with the bytes that have come, never with what a length promises; one larger than `eventBytesMax` goes on in pieces.
 */
import { EVENT, HEADER_BYTES } from './codes.ts';
import { PAYLOAD_HEAD_BYTES_MAX } from './events.ts';
import { u32 } from './wire.ts';

/** Who takes the events. A promise stops the framer until it settles. */
export interface FrameSink {
  frame(buf: Uint8Array, start: number, end: number, offset: number): Promise<void> | undefined;
  /** An event of `length` bytes is larger than eventBytesMax; buf[start, end) is its beginning, header and the head of a payload in it. */
  bigBegin(buf: Uint8Array, start: number, end: number, length: number, offset: number): Promise<void> | undefined;
  bigPiece(buf: Uint8Array, start: number, end: number): Promise<void> | undefined;
  bigEnd(): Promise<void> | undefined;
  /** An event cannot have this length: nothing behind it can be found. The framer takes no more bytes. */
  broken(offset: number, type: number, length: number): void;
}

/** Rows can be hopped over only where they may stand. */
export interface Gate {
  readonly open: boolean;
}

/** A payload's fields and the first 18 bytes of its zstd frame. */
const BIG_HEAD_BYTES = HEADER_BYTES + PAYLOAD_HEAD_BYTES_MAX + 18;
const SIDE_BYTES_MIN = 64 * 1024;

/** Events of a few fields and at most a name: longer ones are a broken length, seen before anything is waited for. */
const SHORT_BYTES_MAX = 64 * 1024;
const SHORT = new Uint8Array(256);
for (const type of [
  EVENT.STOP,
  EVENT.ROTATE,
  EVENT.INTVAR,
  EVENT.RAND,
  EVENT.FORMAT_DESCRIPTION,
  EVENT.XID,
  EVENT.GTID,
  EVENT.ANONYMOUS_GTID,
  EVENT.GTID_TAGGED,
  EVENT.XA_PREPARE,
  EVENT.HEARTBEAT,
  EVENT.HEARTBEAT_V2,
  EVENT.INCIDENT,
  EVENT.MARIA_GTID,
  EVENT.MARIA_BINLOG_CHECKPOINT,
  EVENT.MARIA_START_ENCRYPTION,
])
  SHORT[type] = 1;

/** A length that no event of this type has. `lengthMin` is 19, or 23 with checksums. */
const impossible = (type: number, length: number, lengthMin: number): boolean => length < lengthMin || (length > SHORT_BYTES_MAX && SHORT[type] === 1);

export class Framer {
  /** types that are hopped over unseen while the gate is open */
  hop: Uint8Array;
  lengthMin = HEADER_BYTES;
  /** log_pos must be the event's end; where it is not, an event is not hopped over */
  checkPos = false;
  /** of the next event, or of the one that is not whole */
  offset = 0;
  /** by a broken length, or by the sink: nothing more is taken */
  stopped = false;
  private readonly sink: FrameSink;
  private readonly gate: Gate;
  private readonly eventBytesMax: number;
  private side = new Uint8Array(0);
  private have = 0;
  /** of the event that is not whole; 0: its header is not */
  private length = 0;
  private big = false;
  /** bytes to come of an event that is hopped over or goes in pieces */
  private left = 0;
  private waiting: Promise<void> | undefined = undefined;

  constructor(sink: FrameSink, gate: Gate, hop: Uint8Array, eventBytesMax: number) {
    this.sink = sink;
    this.gate = gate;
    this.hop = hop;
    this.eventBytesMax = eventBytesMax;
  }

  reset(offset: number): void {
    this.offset = offset;
    this.stopped = false;
    this.forget();
  }

  private forget(): void {
    this.have = 0;
    this.length = 0;
    this.left = 0;
    this.big = false;
  }

  /** Bytes that have come of an event that is not whole, and its length: 0 when even that has not come. */
  partial(): { bytes: number; length: number } {
    return { bytes: this.left > 0 ? this.length - this.left : this.have, length: this.length };
  }

  push(buf: Uint8Array, start: number, end: number): Promise<void> | undefined {
    const at = this.run(buf, start, end);
    if (this.waiting === undefined) return undefined;
    return this.resume(buf, at, end);
  }

  private async resume(buf: Uint8Array, start: number, end: number): Promise<void> {
    for (let at = start; this.waiting !== undefined;) {
      const wait = this.waiting;
      this.waiting = undefined;
      await wait;
      at = this.run(buf, at, end);
    }
  }

  /** How far it came: to the end, or to where something must be waited for. */
  private run(buf: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && !this.stopped && this.waiting === undefined) {
      if (this.left > 0) at = this.pass(buf, at, end);
      else if (this.have > 0) at = this.gather(buf, at, end);
      else {
        at = this.scan(buf, at, end);
        if (at < end && !this.stopped && this.waiting === undefined) at = this.gather(buf, at, end);
      }
    }
    return at;
  }

  /** The events that lie in the chunk as a whole. */
  private scan(buf: Uint8Array, start: number, end: number): number {
    const base = this.offset - start;
    const sink = this.sink;
    const gate = this.gate;
    const headEnd = end - HEADER_BYTES;
    let at = start;
    while (at <= headEnd) {
      const type = buf[at + 4]!;
      const length = (buf[at + 9]! | (buf[at + 10]! << 8) | (buf[at + 11]! << 16) | (buf[at + 12]! << 24)) >>> 0;
      if (impossible(type, length, this.lengthMin)) {
        this.offset = base + at;
        this.broken(this.offset, type, length);
        return at;
      }
      const next = at + length;
      if (this.hop[type] === 1 && gate.open && (!this.checkPos || posIs(buf, at, base + next))) {
        if (next > end) {
          this.offset = base + at;
          this.length = length;
          this.left = next - end;
          return end;
        }
        at = next;
        continue;
      }
      if (next > end || length > this.eventBytesMax) break;
      this.offset = base + next;
      const wait = sink.frame(buf, at, next, base + at);
      at = next;
      if (wait !== undefined) {
        this.waiting = wait;
        return at;
      }
      if (this.stopped) return at;
    }
    this.offset = base + at;
    return at;
  }

  /** An event that began in an earlier chunk, or does not end in this one. */
  private gather(buf: Uint8Array, start: number, end: number): number {
    let at = start;
    if (this.have < HEADER_BYTES) {
      at = this.fill(buf, at, end, HEADER_BYTES);
      if (this.have < HEADER_BYTES) return at;
      if (!this.header()) return at;
      if (this.left > 0 || this.have === 0) return at;
    }
    at = this.fill(buf, at, end, this.big ? BIG_HEAD_BYTES : this.length);
    if (this.big) {
      if (this.have === BIG_HEAD_BYTES) {
        this.left = this.length - this.have;
        this.have = 0;
        this.waiting = this.sink.bigBegin(this.side, 0, BIG_HEAD_BYTES, this.length, this.offset);
      }
      return at;
    }
    if (this.have < this.length) return at;
    const { offset, length } = this;
    this.forget();
    this.offset = offset + length;
    this.waiting = this.sink.frame(this.side, 0, length, offset);
    return at;
  }

  /** Its header has come: what is to be done with it. false: it is broken. */
  private header(): boolean {
    const type = this.side[4]!;
    const length = u32(this.side, 9);
    if (impossible(type, length, this.lengthMin)) {
      this.broken(this.offset, type, length);
      return false;
    }
    this.length = length;
    if (this.hop[type] === 1 && this.gate.open && (!this.checkPos || posIs(this.side, 0, this.offset + length))) {
      this.have = 0;
      this.left = length - HEADER_BYTES;
      if (this.left === 0) this.passed();
    } else this.big = length > this.eventBytesMax;
    return true;
  }

  private broken(offset: number, type: number, length: number): void {
    this.stopped = true;
    this.forget();
    this.sink.broken(offset, type, length);
  }

  private fill(buf: Uint8Array, start: number, end: number, to: number): number {
    const n = Math.min(to - this.have, end - start);
    if (n <= 0) return start;
    this.reserve(this.have + n, to);
    this.side.set(buf.subarray(start, start + n), this.have);
    this.have += n;
    return start + n;
  }

  /** Room for `bytes`; `to` is what it is known to come to. */
  private reserve(bytes: number, to: number): void {
    if (bytes <= this.side.length) return;
    const side = new Uint8Array(Math.max(bytes, SIDE_BYTES_MIN, Math.min(to, bytes * 2)));
    side.set(this.side.subarray(0, this.have));
    this.side = side;
  }

  /** More of an event that is hopped over or goes in pieces. */
  private pass(buf: Uint8Array, start: number, end: number): number {
    const at = Math.min(end, start + this.left);
    this.left -= at - start;
    if (!this.big) {
      if (this.left === 0) this.passed();
      return at;
    }
    this.waiting = this.sink.bigPiece(buf, start, at);
    if (this.left > 0) return at;
    this.passed();
    this.waiting = this.waiting === undefined ? this.sink.bigEnd() : this.waiting.then(() => this.sink.bigEnd());
    return at;
  }

  private passed(): void {
    this.offset += this.length;
    this.forget();
  }
}

/** log_pos has 32 bits. */
const posIs = (buf: Uint8Array, at: number, end: number): boolean => ((u32(buf, at + 13) - end) | 0) === 0;
