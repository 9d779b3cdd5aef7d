/**
 * TRANSACTION_PAYLOAD: the events of one transaction, compressed. They have no checksums and no positions of their own; they are framed, dispatched and held to
 * the grammar like any others. A transaction ends for the visitor only when its payload has come out whole.
 */
import type { Bytes, ZstdStream } from './bytes.ts';
import { eventName, HEADER_BYTES } from './codes.ts';
import { isRows } from './dispatch.ts';
import type { Dispatch } from './dispatch.ts';
import { parsePayloadHead, zstdHead } from './events.ts';
import { BinlogDamage } from './finding.ts';
import type { FindingKind } from './finding.ts';
import { Framer } from './frame.ts';
import type { FrameSink } from './frame.ts';
import type { Transactions } from './transactions.ts';
import type { LogVisitor } from './visitor.ts';

export interface PayloadLimits {
  eventBytesMax: number;
  windowBytesMax: number;
}

export class Payloads implements FrameSink {
  private readonly visitor: LogVisitor;
  private readonly txs: Transactions;
  private readonly dispatch: Dispatch;
  private readonly bytes: Bytes;
  private readonly limits: PayloadLimits;
  private readonly framer: Framer;
  /** of the payload that is open: what is to come in, and what has come out of what was promised */
  private left = 0;
  private came = 0;
  private size = 0;
  private failed = false;
  private stream: ZstdStream | null = null;
  private toldSkipped = false;
  /** what the visitor threw inside the stream's callback */
  private thrown: { cause: unknown } | null = null;
  private readonly out = (data: Uint8Array): void => {
    try {
      this.take(data);
    } catch (cause) {
      this.thrown = { cause };
      throw cause;
    }
  };

  constructor(visitor: LogVisitor, txs: Transactions, dispatch: Dispatch, bytes: Bytes, limits: PayloadLimits) {
    this.visitor = visitor;
    this.txs = txs;
    this.dispatch = dispatch;
    this.bytes = bytes;
    this.limits = limits;
    this.framer = new Framer(this, txs, new Uint8Array(256), limits.eventBytesMax);
  }

  /** A payload whose checksum was not verified must look like one: another event may have become it. Throws BinlogDamage. */
  skip(buf: Uint8Array, start: number, end: number): void {
    headOf(buf, start, end, end - start);
    this.skipSound();
  }

  /** Rows are not wanted: the transaction is taken for whole and committed. What ended it stands inside; a prepared XA branch looks the same. */
  skipSound(): void {
    if (!this.mayStand()) return;
    if (!this.toldSkipped)
      this.txs.find('rows-unverified', 'compressed transactions are not opened: an XA branch that was prepared in one is taken for committed');
    this.toldSkipped = true;
    this.txs.end('commit', null);
  }

  beginFile(): void {
    this.toldSkipped = false;
  }

  private mayStand(): boolean {
    const { txs } = this;
    if (txs.group !== 'head') {
      txs.find('grammar', txs.tx === null ? 'a compressed payload without a GTID event' : 'a compressed payload inside a transaction');
      if (txs.tx !== null) return false;
      txs.orphan();
    }
    txs.tx!.compressed = true;
    return true;
  }

  /** The body of a payload event that is in memory. A promise when what comes out is not to be. */
  whole(buf: Uint8Array, start: number, end: number): Promise<void> | undefined {
    const head = this.open(buf, start, end, end - start);
    if (head === null) return undefined;
    if (head.compression === 'none') this.take(buf.subarray(head.dataStart, end));
    else if (head.size > this.limits.eventBytesMax) return this.inPieces(buf.subarray(head.dataStart, end));
    else this.take(this.unzstd(buf.subarray(head.dataStart, end), head.size));
    this.close();
    return undefined;
  }

  private unzstd(frame: Uint8Array, size: number): Uint8Array {
    try {
      return this.bytes.unzstd(frame, size);
    } catch (cause) {
      this.fail('compression', `a payload cannot be decompressed: ${String(cause)}`);
      return new Uint8Array(0);
    }
  }

  private async inPieces(frame: Uint8Array): Promise<void> {
    this.stream = this.bytes.zstdStream();
    await this.write(frame);
    await this.end();
  }

  /** The head of a payload event that is larger than memory; its body has `bodyBytes`. Takes the data in buf too. */
  begin(buf: Uint8Array, start: number, end: number, bodyBytes: number): Promise<void> | undefined {
    const head = this.open(buf, start, end, bodyBytes);
    if (head === null) return undefined;
    if (head.compression === 'zstd') this.stream = this.bytes.zstdStream();
    this.left = head.dataLength;
    return this.piece(buf, head.dataStart, end);
  }

  /** More of it; what lies behind its data (the event's checksum) is left out. */
  piece(buf: Uint8Array, start: number, end: number): Promise<void> | undefined {
    const n = Math.min(end - start, this.left);
    this.left -= n;
    if (this.failed || n === 0) return undefined;
    const data = buf.subarray(start, start + n);
    if (this.stream !== null) return this.write(data);
    this.take(data);
    return undefined;
  }

  /** The whole event was there; that its checksum was wrong has been told. */
  end(): Promise<void> | undefined {
    if (this.stream === null) {
      this.close();
      return undefined;
    }
    return this.endStream();
  }

  private async endStream(): Promise<void> {
    await this.guarded((stream) => stream.end(this.out));
    this.stream?.close();
    this.stream = null;
    this.close();
  }

  private write(data: Uint8Array): Promise<void> {
    return this.guarded((stream) => stream.write(data, this.out));
  }

  private async guarded(call: (stream: ZstdStream) => Promise<void>): Promise<void> {
    if (this.failed || this.stream === null) return;
    try {
      await call(this.stream);
    } catch (cause) {
      if (this.thrown) throw this.thrown.cause;
      if (!this.failed) this.fail('compression', `a payload cannot be decompressed: ${String(cause)}`);
    }
  }

  /** Reads the head and opens the nested log; null: it is refused, and a finding says why. */
  private open(buf: Uint8Array, start: number, end: number, bodyBytes: number): PayloadHead | null {
    this.failed = false;
    this.thrown = null;
    this.came = 0;
    this.left = 0;
    this.stream = null;
    this.framer.reset(0);
    if (!this.mayStand()) {
      this.failed = true;
      return null;
    }
    this.txs.held = true;
    try {
      const head = headOf(buf, start, end, bodyBytes);
      if (head.windowBytes > this.limits.windowBytesMax)
        throw new BinlogDamage(
          'too-large',
          `a payload needs a window of ${head.windowBytes} bytes to be decompressed; ${this.limits.windowBytesMax} are allowed`,
        );
      this.size = head.size;
      return head;
    } catch (e) {
      if (!(e instanceof BinlogDamage)) throw e;
      this.fail(e.kind, e.message);
      this.close();
      return null;
    }
  }

  private fail(kind: FindingKind, text: string): void {
    this.failed = true;
    this.txs.find(kind, text);
  }

  /** Decompressed bytes. */
  private take(data: Uint8Array): void {
    if (this.failed) return;
    this.came += data.length;
    if (this.came > this.size) return this.fail('compression', `a payload gives more than the ${this.size} bytes that it says`);
    const plain = data.constructor === Uint8Array ? data : new Uint8Array(data.buffer, data.byteOffset, data.length);
    // nothing inside a payload is waited for
    void this.framer.push(plain, 0, plain.length);
  }

  /** All that will come out has come. */
  private close(): void {
    const { txs, framer } = this;
    if (!txs.held) return;
    if (!this.failed && this.came < this.size) this.fail('compression', `a payload gives ${this.came} bytes and says ${this.size}`);
    if (!this.failed && framer.partial().bytes > 0) txs.find('length', 'a payload ends inside an event');
    txs.release('a compressed payload');
  }

  /** The file is over inside the event, which has been told. */
  cancel(): void {
    if (!this.txs.held) return;
    this.stream?.close();
    this.stream = null;
    this.txs.held = false;
    this.txs.abandon();
  }

  frame(buf: Uint8Array, start: number, end: number): undefined {
    this.visitor.event?.(buf[start + 4]!, end - start, this.txs.place, true);
    try {
      this.dispatch.event(buf, start, end, true);
    } catch (e) {
      if (!(e instanceof BinlogDamage)) throw e;
      this.txs.find(e.kind, e.message);
    }
    return undefined;
  }

  bigBegin(buf: Uint8Array, start: number, _end: number, length: number): undefined {
    const type = buf[start + 4]!;
    this.visitor.event?.(type, length, this.txs.place, true);
    if (isRows(type)) this.txs.inside('rows');
    this.txs.find('too-large', `${eventName(type)} of ${length} bytes in a compressed payload; ${this.limits.eventBytesMax} are allowed`);
    return undefined;
  }
  bigPiece(): undefined {
    return undefined;
  }
  bigEnd(): undefined {
    return undefined;
  }

  broken(_offset: number, type: number, length: number): void {
    this.fail('length', `an event of type ${type} in a compressed payload says that it has ${length} bytes, ${HEADER_BYTES} are the least`);
  }
}

type PayloadHead = ReturnType<typeof parsePayloadHead> & { windowBytes: number };

/** All that a payload says of itself before its data, and that it fits. Throws BinlogDamage. */
function headOf(buf: Uint8Array, start: number, end: number, bodyBytes: number): PayloadHead {
  const head = parsePayloadHead(buf, start, end);
  if (head.dataStart - start + head.dataLength !== bodyBytes)
    throw new BinlogDamage('structure', `a payload says that it has ${head.dataLength} bytes, and ${bodyBytes - (head.dataStart - start)} are there`);
  if (head.compression === 'none') return { ...head, windowBytes: 0 };
  const { size } = head;
  const frame = zstdHead(buf, head.dataStart, end);
  if (frame.contentBytes !== null && frame.contentBytes !== size)
    throw new BinlogDamage('compression', `a payload of ${size} bytes is compressed into a frame of ${frame.contentBytes}`);
  return { ...head, windowBytes: frame.windowBytes };
}
