/**
 * Takes the packets of a replication stream apart (MySQL's client/server protocol: length 3, sequence 1, payload; a payload of 2^24 - 1 bytes goes on in the
 * next packet). A message is a status byte and, for status 0, one event, whose bytes are handed over where they lie, in as many parts as they come in.
 */

/** Who takes the parts of events; what it returns is awaited before it gets more. An event that came whole in one chunk is both first and last. */
export type PartSink = (buf: Uint8Array, start: number, end: number, first: boolean, last: boolean) => Promise<void> | undefined;

/** How the stream ended: the server has no more (EOF), or refuses (ERR). */
export type Outcome = { kind: 'eof' } | { kind: 'error'; code: number; message: string } | { kind: 'protocol'; message: string };

const EVENT = 0x00;
const EOF = 0xfe;
const ERR = 0xff;
const UNREAD = -1;
const HEADER_BYTES = 4;
const LENGTH_MAX = 0xff_ff_ff;
const MESSAGE_BYTES_MAX = 4_096;

export class PacketSplitter {
  outcome: Outcome | null = null;
  private readonly sink: PartSink;
  private readonly header = new Uint8Array(HEADER_BYTES);
  private headerBytes = 0;
  /** of the packet's payload, still to come */
  private left = 0;
  /** the packet is full: the next one goes on with its message */
  private full = false;
  private status = UNREAD;
  /** nothing of the message's event has been handed over */
  private first = true;
  /** an ERR or EOF message behind its status */
  private message: number[] = [];
  private waiting: Promise<void> | undefined = undefined;

  constructor(sink: PartSink) {
    this.sink = sink;
  }

  /** Takes chunk[0, end). A promise where the sink gave one; the chunk must stay as it is until it settles. Takes nothing more once there is an outcome. */
  take(chunk: Uint8Array, end = chunk.length): Promise<void> | undefined {
    const at = this.run(chunk, 0, end);
    return this.waiting === undefined ? undefined : this.resume(chunk, at, end);
  }

  private async resume(chunk: Uint8Array, start: number, end: number): Promise<void> {
    for (let at = start; this.waiting !== undefined;) {
      const wait = this.waiting;
      this.waiting = undefined;
      await wait;
      at = this.run(chunk, at, end);
    }
  }

  private run(chunk: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && this.outcome === null && this.waiting === undefined) {
      if (this.left === 0) {
        if (this.headerBytes === 0 && !this.full) at = this.scan(chunk, at, end);
        if (at < end && this.waiting === undefined) at = this.begin(chunk, at, end);
      } else if (this.status === UNREAD) {
        this.status = chunk[at++]!;
        this.left--;
        this.part(chunk, at, at);
      } else {
        const to = Math.min(end, at + this.left);
        this.left -= to - at;
        this.part(chunk, at, to);
        at = to;
      }
    }
    return at;
  }

  /** The events that lie in the chunk as a whole, packet after packet. */
  private scan(chunk: Uint8Array, start: number, end: number): number {
    const { sink } = this;
    let at = start;
    while (end - at > HEADER_BYTES) {
      const length = chunk[at]! | (chunk[at + 1]! << 8) | (chunk[at + 2]! << 16);
      const next = at + HEADER_BYTES + length;
      if (next > end || length === 0 || length === LENGTH_MAX || chunk[at + HEADER_BYTES] !== EVENT) break;
      const wait = sink(chunk, at + HEADER_BYTES + 1, next, true, true);
      at = next;
      if (wait === undefined) continue;
      this.waiting = wait;
      break;
    }
    return at;
  }

  /** A packet's header, which may straddle chunks too. */
  private begin(chunk: Uint8Array, start: number, end: number): number {
    const { header } = this;
    let at = start;
    while (this.headerBytes < HEADER_BYTES && at < end) header[this.headerBytes++] = chunk[at++]!;
    if (this.headerBytes < HEADER_BYTES) return at;
    this.headerBytes = 0;
    this.left = header[0]! | (header[1]! << 8) | (header[2]! << 16);
    const goesOn = this.full;
    this.full = this.left === LENGTH_MAX;
    if (!goesOn) {
      this.status = UNREAD;
      this.first = true;
      if (this.left === 0) this.outcome = { kind: 'protocol', message: 'an empty packet' };
    } else if (this.left === 0) this.part(chunk, at, at);
    return at;
  }

  private part(chunk: Uint8Array, start: number, end: number): void {
    if (this.status === EVENT) {
      const last = this.left === 0 && !this.full;
      if (end === start && !last) return;
      this.waiting = this.sink(chunk, start, end, this.first, last);
      this.first = false;
      return;
    }
    if (this.status !== EOF && this.status !== ERR) {
      this.outcome = { kind: 'protocol', message: `a message of kind ${this.status}` };
      return;
    }
    if (this.message.length < MESSAGE_BYTES_MAX) this.message.push(...chunk.subarray(start, Math.min(end, start + MESSAGE_BYTES_MAX)));
    if (this.left === 0) this.outcome = this.status === EOF ? { kind: 'eof' } : errorOf(Uint8Array.from(this.message));
  }
}

/** ERR_Packet behind its 0xff: code 2, then `#` and the SQL state 5, then the text. */
function errorOf(message: Uint8Array): Outcome {
  const code = message.length < 2 ? 0 : message[0]! | (message[1]! << 8);
  const text = new TextDecoder().decode(message.subarray(message[2] === 0x23 ? 8 : 2));
  return { kind: 'error', code, message: text };
}
