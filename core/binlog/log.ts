/** Bytes of binary logs in, a visitor called: files and their magic, checksums, positions, formats. Framing, grammar, contents and payloads are its parts. */
import type { Bytes } from './bytes.ts';
import { CHECKSUM_BYTES, EVENT, eventName, FLAG, HEADER_BYTES } from './codes.ts';
import { CrcRun, SumInPieces } from './crc-run.ts';
import { Dispatch } from './dispatch.ts';
import { parseFormat, parseRotate } from './events.ts';
import { BULK, hopTypes, refusal, refusedTypes } from './event-sets.ts';
import { BinlogDamage } from './finding.ts';
import type { FindingKind } from './finding.ts';
import { Framer } from './frame.ts';
import type { FrameSink } from './frame.ts';
import { Payloads } from './payload.ts';
import { Transactions } from './transactions.ts';
import type { Format, LogVisitor } from './visitor.ts';
import { u16, u32 } from './wire.ts';

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
/** every event of a few fields fits */
const EVENT_BYTES_MIN = 4096;

const MAGIC_BYTES = 4;
const MAGIC = 0x6e6962fe;
const MAGIC_ENCRYPTED = 0x6e6962fd;
const TWO_32 = 0x1_0000_0000;
/** Servers whose relay logs do not say in their first event that they are: a second format description does. */
const RELAY_UNTOLD = /^5\.[01]\./;

const FLAGS_AT = 17;
/** fixed part of a format description; algorithm and checksum behind it, in those that have them */
const FORMAT_FIXED_BYTES = 57;
const oneByte = new Uint8Array(1);
const NONE = new Uint8Array(256);

const hasOwnChecksum = (format: Format, length: number): boolean => length > HEADER_BYTES + FORMAT_FIXED_BYTES + format.postHeaderLengths.length;

/** log_pos has 32 bits: where a file is longer, the place behind `from` that ends in them. */
export function streamOffset(logPos: number, from: number): number {
  const end = from - (from % TWO_32) + logPos;
  return end < from ? end + TWO_32 : end;
}

/** Push-based and resumable: any cut of the bytes into chunks gives the same calls. Throws nothing about the bytes: findings. */
export class LogReader implements FrameSink {
  private readonly visitor: LogVisitor;
  private readonly bytes: Bytes;
  private readonly skipRows: boolean;
  private readonly checkAll: boolean;
  private readonly txs: Transactions;
  private readonly dispatch: Dispatch;
  private readonly framer: Framer;
  private readonly payloads: Payloads;
  readonly eventBytesMax: number;
  /** event types that are hopped over */
  private readonly hop: Uint8Array;
  /** what ends the reading of the current file */
  private refused = refusedTypes('');
  /** of the current file; null until its first format description */
  private format: Format | null = null;
  private checksums = false;
  private toldNone = false;
  private stream = false;
  /** the file's bytes that were seen, with those behind a stop */
  private seen = 0;
  private magicHave = 0;
  private magic = 0;
  /** nothing more of this file is read */
  private stopped = false;
  /** ROTATE or STOP was the last event */
  private closed = false;
  /** log_pos minus the event's end, modulo 2^32, of the event before */
  private shift = 0;
  /** the event before may have lied about its length: this one must be right */
  private suspect = false;
  /** the big event that goes in pieces */
  private readonly big: { type: number; moved: boolean; checked: boolean; logPos: number; sum: SumInPieces };
  private readonly run: CrcRun;
  private chunk: Uint8Array | null = null;
  private chunkEnd = 0;
  private plain: Uint8Array = new Uint8Array(0);
  /** of a live stream */
  private packetsOf: Uint8Array | null = null;
  private packets: Uint8Array = new Uint8Array(0);
  private packetsEnd = 0;

  constructor(visitor: LogVisitor, options: ReadOptions) {
    const eventBytesMax = Math.max(EVENT_BYTES_MIN, options.eventBytesMax ?? EVENT_BYTES_MAX);
    this.visitor = visitor;
    this.bytes = options.bytes;
    this.run = new CrcRun(options.bytes);
    this.big = { type: 0, moved: false, checked: false, logPos: 0, sum: new SumInPieces(options.bytes) };
    this.skipRows = options.rows === 'skip';
    this.checkAll = options.checksums === 'all';
    this.txs = new Transactions(visitor);
    this.dispatch = new Dispatch(visitor, this.txs, options.bytes, this.skipRows, eventBytesMax);
    this.hop = hopTypes(visitor, options);
    this.framer = new Framer(this, this.txs, this.hop, eventBytesMax);
    this.eventBytesMax = eventBytesMax;
    this.payloads = new Payloads(visitor, this.txs, this.dispatch, options.bytes, {
      eventBytesMax,
      windowBytesMax: options.windowBytesMax ?? WINDOW_BYTES_MAX,
    });
  }

  /** The next file of the same log. The first four bytes pushed after it are the magic. State that spans files (relay groups, table maps) goes on. */
  beginFile(name: string): void {
    this.format = null;
    this.checksums = false;
    this.toldNone = false;
    this.seen = 0;
    this.magicHave = 0;
    this.magic = 0;
    this.stopped = false;
    this.closed = false;
    this.shift = 0;
    this.trust();
    this.framer.reset(MAGIC_BYTES);
    this.framer.lengthMin = HEADER_BYTES;
    this.framer.checkPos = false;
    this.txs.beginFile(name);
    this.payloads.beginFile();
    this.visitor.beginFile?.(name);
  }

  /** Bytes of the current file, in order; reused by the caller when the call (or its promise) is done. A promise comes only when a big payload is decompressed. */
  push(chunk: Uint8Array, start = 0, end = chunk.length): Promise<void> | undefined {
    this.seen += end - start;
    let at = start;
    while (this.magicHave < MAGIC_BYTES && at < end) {
      this.magic = (this.magic | (chunk[at++]! << (8 * this.magicHave++))) >>> 0;
      if (this.magicHave === MAGIC_BYTES) this.checkMagic();
    }
    if (this.stopped || at === end) return undefined;
    return this.framer.push(this.plainOf(chunk, end), at, end);
  }

  /** Leaves out the bytes of the current file up to `offset`, where a transaction begins. Its format description has been pushed. */
  skipTo(offset: number): void {
    this.seen = this.txs.endOffset = offset;
    this.framer.reset(offset);
  }

  /**
   * The packets of a live stream that came together: chunk[0, end). Their events, each behind 5 bytes of its packet's head, are told one by one with `event`.
   * Not needed, but then every checksum is a call of its own.
   */
  beginPackets(chunk: Uint8Array, end: number): void {
    this.packets = this.plainOf(chunk, end);
    this.packetsOf = chunk;
    this.packetsEnd = end;
  }

  /** An event that straddles two chunks came in another buffer. */
  private inPackets(): Uint8Array {
    this.chunkEnd = this.packetsEnd;
    return (this.plain = this.packets);
  }

  /** One whole event of a live stream (without file magic), instead of push. ROTATE names the file, log_pos the place in it. */
  event(chunk: Uint8Array, start: number, end: number): Promise<void> | undefined {
    const buf = chunk === this.packetsOf ? this.inPackets() : this.plainOf(chunk, end);
    const { txs } = this;
    this.stream = true;
    const from = txs.endOffset;
    if (end - start < HEADER_BYTES || u32(buf, start + 9) !== end - start) {
      txs.find('length', `an event of ${end - start} bytes in the stream does not say that length`);
      return undefined;
    }
    const type = buf[start + 4]!;
    if (type === EVENT.HEARTBEAT || type === EVENT.HEARTBEAT_V2) return undefined;
    const artificial = (u16(buf, start + FLAGS_AT) & FLAG.ARTIFICIAL) !== 0;
    const logPos = u32(buf, start + 13);
    if (type === EVENT.ROTATE && (artificial || logPos === 0)) return this.streamFile(buf, start, end);
    const place = artificial || logPos === 0 ? from : streamOffset(logPos, from) - (end - start);
    const wait = this.frame(buf, start, end, place);
    if (artificial || logPos === 0) txs.endOffset = from;
    this.seen = txs.endOffset;
    return wait;
  }

  /** The same for an event that is larger than eventBytesMax: its first 101 bytes or more, header and head of a payload in them; then bigPiece and bigEnd. */
  eventBegin(chunk: Uint8Array, start: number, end: number): Promise<void> | undefined {
    const buf = this.plainOf(chunk, end);
    const { txs } = this;
    this.stream = true;
    const length = u32(buf, start + 9);
    const wait = this.bigBegin(buf, start, end, length, streamOffset(u32(buf, start + 13), txs.endOffset) - length);
    this.seen = txs.endOffset;
    return wait;
  }

  /** The ROTATE that a server makes up before each file. Whether it has a checksum is told by itself: the format that says so comes behind it. */
  private streamFile(buf: Uint8Array, start: number, end: number): undefined {
    const { txs } = this;
    const summed = end - start >= HEADER_BYTES + CHECKSUM_BYTES && this.checksumIs(buf, start, end - CHECKSUM_BYTES);
    try {
      const { next, position } = parseRotate(buf, start + HEADER_BYTES, summed ? end - CHECKSUM_BYTES : end);
      if (next !== txs.place.file || this.format === null) {
        if (txs.place.file !== '') this.visitor.endFile?.(txs.place.file, this.seen);
        this.beginFile(next);
      }
      this.seen = txs.endOffset = position;
    } catch (e) {
      if (!(e instanceof BinlogDamage)) throw e;
      txs.find(e.kind, e.message);
    }
    return undefined;
  }

  /** Every part sees one class of arrays only, so that its accesses stay fast. */
  private plainOf(chunk: Uint8Array, end: number): Uint8Array {
    this.run.reset();
    this.chunkEnd = end;
    if (chunk !== this.chunk) {
      this.chunk = chunk;
      this.plain = chunk.constructor === Uint8Array ? chunk : new Uint8Array(chunk.buffer as ArrayBuffer, chunk.byteOffset, chunk.length);
    }
    return this.plain;
  }

  private checkMagic(): void {
    if (this.magic === MAGIC) return;
    this.txs.place.offset = 0;
    if (this.magic === MAGIC_ENCRYPTED) this.stop('encrypted', 'the file is encrypted by its server (binlog_encryption)');
    else this.stop('format', `not a binary log: it begins with ${this.magic.toString(16).padStart(8, '0')}, a binary log with 6e6962fe (little-endian)`);
  }

  /** Nothing more of this file is read. */
  private stop(kind: FindingKind, text: string): undefined {
    this.stopped = true;
    this.framer.stopped = true;
    this.txs.find(kind, text);
    if (!this.txs.relay) this.txs.abandon();
    return undefined;
  }

  frame(buf: Uint8Array, start: number, end: number, offset: number): Promise<void> | undefined {
    const type = buf[start + 4]!;
    const { txs } = this;
    txs.place.offset = offset;
    txs.endOffset = offset + end - start;
    if (type === EVENT.FORMAT_DESCRIPTION) return this.onFormat(buf, start, end, offset);
    if (this.format === null) return this.noFormat(type);
    this.visitor.event?.(type, end - start, txs.place, false);
    let bodyEnd = end;
    const moved = this.framer.checkPos && this.isMoved(buf, start, txs.endOffset);
    if (this.checksums) {
      bodyEnd -= CHECKSUM_BYTES;
      if ((this.checkAll || BULK[type] === 0 || moved || this.suspect) && !this.isRight(buf, start, end)) return this.badChecksum(type);
    }
    if (moved) {
      if (!this.tellMoved(type, u32(buf, start + 13), txs.endOffset)) return undefined;
    } else if (this.suspect) this.trust();
    this.closed = type === EVENT.ROTATE || type === EVENT.STOP;
    try {
      if (type === EVENT.TRANSACTION_PAYLOAD) return this.onPayload(buf, start, bodyEnd);
      if (this.refused[type] === 1) this.stop(...refusal(type, this.format.serverVersion));
      else this.dispatch.event(buf, start, bodyEnd, false);
    } catch (e) {
      if (!(e instanceof BinlogDamage)) throw e;
      txs.find(e.kind, e.message);
    }
    return undefined;
  }

  private isRight(buf: Uint8Array, start: number, end: number): boolean {
    if (this.checkAll && buf === this.plain && this.run.covers(buf, start, end - start, this.chunkEnd, buf === this.packets)) return true;
    return this.checksumIs(buf, start, end - CHECKSUM_BYTES);
  }

  private checksumIs(buf: Uint8Array, start: number, bodyEnd: number): boolean {
    return this.bytes.crc32(buf, start, bodyEnd) >>> 0 === u32(buf, bodyEnd);
  }

  /** Whether its length is right the next event tells: where that is wrong too, nobody knows where events begin. */
  private badChecksum(type: number): undefined {
    const text = `the checksum of ${eventName(type)} does not fit its bytes`;
    if (this.suspect) return this.stop('length', `${text}, nor that of the event before: where events begin cannot be told, nothing behind it is read`);
    this.distrust();
    this.txs.find('checksum', text);
    return undefined;
  }

  private distrust(): void {
    this.suspect = true;
    this.framer.hop = NONE;
  }
  private trust(): void {
    this.suspect = false;
    this.framer.hop = this.hop;
  }

  /** log_pos is neither the event's end, nor 0, nor of an artificial event. After a hole all events are moved by the same: only the first is told. */
  private isMoved(buf: Uint8Array, start: number, end: number): boolean {
    const logPos = u32(buf, start + 13);
    if (logPos === 0) return false;
    const shift = (logPos - end) | 0;
    if (shift === this.shift) return false;
    if ((u16(buf, start + 17) & FLAG.ARTIFICIAL) !== 0) return false;
    if (shift !== 0) return true;
    this.shift = 0;
    return false;
  }

  /** With a right checksum the event itself is whole; without one it may have lied about its length. false: it is not to be used. */
  private tellMoved(type: number, logPos: number, end: number): boolean {
    const text = `${eventName(type)} ends at ${end} and its log_pos says ${logPos}`;
    this.shift = (logPos - end) | 0;
    if (this.checksums) {
      this.trust();
      this.txs.find('grammar', `${text}: events are missing before it or out of order`);
      return true;
    }
    if (this.suspect) this.stop('length', `${text}, nor that of the event before: where events begin cannot be told, nothing behind it is read`);
    else this.txs.find('length', text);
    this.distrust();
    return false;
  }

  private noFormat(type: number): undefined {
    if (type === EVENT.START_V3) return this.stop(...refusal(type, ''));
    return this.stop('structure', `the file begins with ${eventName(type)}, not with a format description`);
  }

  /** A format description's own checksum is there whatever the file's setting is, since 5.6.1, and is computed with the in-use flag cleared. */
  private onFormat(buf: Uint8Array, start: number, end: number, offset: number): undefined {
    let format: Format;
    try {
      format = parseFormat(buf, start, end);
    } catch (e) {
      if (!(e instanceof BinlogDamage)) throw e;
      return this.stop(e.kind, e.message);
    }
    if (hasOwnChecksum(format, end - start) && !this.formatChecksumIs(buf, start, end))
      return this.stop('checksum', 'the checksum of the format description does not fit its bytes: nothing behind it can be read');
    this.visitor.event?.(EVENT.FORMAT_DESCRIPTION, end - start, this.txs.place, false);
    this.txs.between();
    const first = this.format === null;
    if (first) this.firstFormat(format, offset);
    else if (RELAY_UNTOLD.test(this.format!.serverVersion)) {
      this.txs.relay = this.txs.restarts = true;
      this.framer.checkPos = false;
    } else if (!this.txs.restarts) this.txs.find('grammar', 'another format description inside a binary log: only relay logs have more than one');
    format.relay = this.txs.relay;
    this.format = format;
    this.checksums = format.checksums;
    this.refused = refusedTypes(format.serverVersion);
    this.framer.lengthMin = HEADER_BYTES + (format.checksums ? CHECKSUM_BYTES : 0);
    this.dispatch.setFormat(format, this.txs.relay);
    this.visitor.format?.(format, this.txs.place);
    if (first) this.tellFile(format);
    if (!format.checksums && !this.toldNone) {
      this.toldNone = true;
      this.txs.find('no-checksums', 'written without checksums: its contents cannot be verified, only its structure');
    }
    return undefined;
  }

  private firstFormat(format: Format, offset: number): void {
    // a binary log begins and ends between transactions; what is open is of a relay log before it, or of a file that was not read to its end
    if (!format.relay) this.txs.cut(offset, 'another binary log begins');
    this.txs.relay = format.relay;
    this.txs.restarts = format.relay || this.stream;
    this.framer.checkPos = !this.txs.restarts;
  }

  private tellFile(format: Format): void {
    const { txs } = this;
    if (format.inUse) txs.find('in-use', 'the in-use flag is set: the server was killed, or still writes the file');
    if (this.skipRows) txs.find('rows-unverified', 'rows are skipped unseen');
  }

  private formatChecksumIs(buf: Uint8Array, start: number, end: number): boolean {
    const { bytes } = this;
    const flags = start + FLAGS_AT;
    oneByte[0] = buf[flags]! & ~FLAG.IN_USE;
    const seed = bytes.crc32(oneByte, 0, 1, bytes.crc32(buf, start, flags));
    return bytes.crc32(buf, flags + 1, end - CHECKSUM_BYTES, seed) >>> 0 === u32(buf, end - CHECKSUM_BYTES);
  }

  private onPayload(buf: Uint8Array, start: number, bodyEnd: number): Promise<void> | undefined {
    if (this.skipRows) {
      this.payloads.skip(buf, start + HEADER_BYTES, bodyEnd);
      return undefined;
    }
    return this.payloads.whole(buf, start + HEADER_BYTES, bodyEnd);
  }

  bigBegin(buf: Uint8Array, start: number, end: number, length: number, offset: number): Promise<void> | undefined {
    const { txs, big } = this;
    const type = buf[start + 4]!;
    txs.place.offset = offset;
    txs.endOffset = offset + length;
    if (this.format === null) return this.noFormat(type);
    this.visitor.event?.(type, length, txs.place, false);
    big.type = type;
    big.logPos = u32(buf, start + 13);
    big.moved = this.framer.checkPos && this.isMoved(buf, start, txs.endOffset);
    big.checked = this.checksums && (this.checkAll || BULK[type] === 0 || big.moved || this.suspect);
    const bodyBytes = length - HEADER_BYTES - (this.checksums ? CHECKSUM_BYTES : 0);
    big.sum.begin(HEADER_BYTES + bodyBytes);
    if (big.checked) big.sum.add(buf, start, end);
    if (type !== EVENT.TRANSACTION_PAYLOAD || this.skipRows) return undefined;
    return this.payloads.begin(buf, start + HEADER_BYTES, Math.min(end, start + HEADER_BYTES + bodyBytes), bodyBytes);
  }

  bigPiece(buf: Uint8Array, start: number, end: number): Promise<void> | undefined {
    const { big } = this;
    if (big.checked) big.sum.add(buf, start, end);
    return big.type === EVENT.TRANSACTION_PAYLOAD && !this.skipRows ? this.payloads.piece(buf, start, end) : undefined;
  }

  bigEnd(): Promise<void> | undefined {
    const { big, txs } = this;
    const { type } = big;
    this.closed = false;
    const right = !big.checked || big.sum.right();
    if (!right) this.badChecksum(type);
    else if (big.moved) this.tellMoved(type, big.logPos, txs.endOffset);
    else if (this.suspect) this.trust();
    if (type === EVENT.TRANSACTION_PAYLOAD) {
      if (!this.skipRows) return this.payloads.end();
      if (right) this.payloads.skipSound();
    } else if (right) this.dispatch.tooLarge(type, this.eventBytesMax);
    return undefined;
  }

  broken(offset: number, type: number, length: number): void {
    this.txs.place.offset = offset;
    this.stop('length', `an event of type ${type} says that it has ${length} bytes: nothing behind it can be read`);
  }

  endFile(): void {
    const { txs, framer } = this;
    if (!this.stopped) {
      if (this.magicHave < MAGIC_BYTES || this.format === null) this.endEarly();
      else if (framer.partial().bytes > 0) this.endInside();
      else if (!txs.relay) {
        if (txs.tx !== null) {
          txs.place.offset = this.seen;
          txs.cut(this.seen, 'the file ends');
        } else if (!this.closed && !this.format.inUse) {
          txs.place.offset = this.seen;
          txs.find('unclosed', `the file ends without ROTATE or STOP: its server was killed, or events are missing at its end; ${txs.behind(this.seen)}`);
        }
      }
    }
    txs.endFile(this.seen);
    this.visitor.endFile?.(txs.place.file, this.seen);
  }

  private endEarly(): void {
    const { txs } = this;
    txs.place.offset = 0;
    if (this.seen === 0) txs.find('format', 'the file is empty');
    else if (this.seen <= MAGIC_BYTES) txs.find('cut', `the file ends after ${this.seen} bytes, before its format description`);
    else txs.find('cut', `the file ends inside its first event, after ${this.seen} bytes`);
  }

  private endInside(): void {
    const { txs, framer } = this;
    const { bytes, length } = framer.partial();
    txs.place.offset = framer.offset;
    const of = length === 0 ? 'the header of an event' : `an event of ${length} bytes`;
    const text = `the file ends after ${bytes} bytes of ${of}; ${txs.behind(this.seen)}`;
    if (this.suspect) txs.find('length', `${text}; the event before it was wrong, so nothing says where this one begins`);
    else txs.find('cut', text);
    this.payloads.cancel();
    if (!txs.relay) txs.abandon();
  }

  /** The log is over: what is open is cut. */
  end(): void {
    if (this.stream && this.txs.place.file !== '') this.visitor.endFile?.(this.txs.place.file, this.seen);
    this.txs.place.offset = this.seen;
    this.txs.cut(this.seen, 'the log ends');
  }
}
