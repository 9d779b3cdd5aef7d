/**
 * The checksums of a run of short events, verified by one call. An event with a right CRC32 at its end has itself a known CRC, whatever it says; and the CRC of
 * two byte strings behind each other follows from theirs and from the length of the second (zlib's crc32_combine). So the CRC of a whole run of right events is known
 * from their lengths alone. A run that has another one is checked event by event. One wrong event is always seen; two that cancel each other out are as
 * improbable as a single one that keeps its checksum, 2^-32. Cost: 15 ns for each event besides the bytes themselves, where a call for each costs 10 to 20 times that.
 */
import type { Bytes } from './bytes.ts';
import { CHECKSUM_BYTES, EVENT, HEADER_BYTES } from './codes.ts';

/** zlib's crc32 of any bytes followed by their own crc32, little-endian */
const RESIDUE = 0x2144df1c;
const POLYNOMIAL = 0xedb88320;
/** Larger events are checked one by one: the call is nothing against their bytes. */
const EVENT_BYTES_MAX = 32 * 1024;
/** what was summed is still in a processor's cache when it is decoded */
const RUN_BYTES_MAX = 128 * 1024;
const EVENTS_MIN = 3;
/** of the head of a packet that holds one event, with its status */
const PACKET_BYTES = 5;
const EVENT_BYTES_MIN = HEADER_BYTES + CHECKSUM_BYTES;

/** By n and byte of the CRC: what n zero bytes (LOW: n, MIDDLE: 64 n, HIGH: 4096 n) behind it make of it. */
const LOW = new Int32Array(64 * 1024);
const MIDDLE = new Int32Array(64 * 1024);
const HIGH = new Int32Array((EVENT_BYTES_MAX / 4096) * 1024);

/** Linear: a table is told by what it makes of single bits. `step` goes from what n makes of one to what n + 1 does. */
function fill(table: Int32Array, step: (c: number) => number): void {
  for (let i = 0; i < 1024; i++) table[i] = (i & 255) << (8 * (i >>> 8));
  for (let at = 1024; at < table.length; at++) {
    const bits = at & 255;
    const rest = bits & (bits - 1);
    table[at] = bits === 0 ? 0 : rest === 0 ? step(table[at - 1024]!) : table[at - bits + rest]! ^ table[at - rest]!;
  }
}

function build(): void {
  fill(LOW, (crc) => {
    let c = crc;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1;
    return c;
  });
  fill(MIDDLE, (crc) => apply(LOW, 1, apply(LOW, 63, crc)));
  fill(HIGH, (crc) => apply(MIDDLE, 1, apply(MIDDLE, 63, crc)));
}

function apply(table: Int32Array, n: number, c: number): number {
  const at = n << 10;
  return table[at + (c & 255)]! ^ table[at + 256 + ((c >>> 8) & 255)]! ^ table[at + 512 + ((c >>> 16) & 255)]! ^ table[at + 768 + (c >>> 24)]!;
}

/** Length 3, sequence 1, status 0; and then the event, whose own length is one less. */
const isPacket = (buf: Uint8Array, at: number): boolean =>
  buf[at + 4] === 0 && (buf[at]! | (buf[at + 1]! << 8) | (buf[at + 2]! << 16)) === 1 + (buf[at + 14]! | (buf[at + 15]! << 8) | (buf[at + 16]! << 16));

export class CrcRun {
  private readonly bytes: Bytes;
  /** events that end at or before it are right, from where the last run began */
  private goodEnd = 0;
  /** up to it every event is to be checked for itself */
  private triedEnd = 0;

  constructor(bytes: Bytes) {
    this.bytes = bytes;
  }

  /** The chunk has other bytes now. */
  reset(): void {
    this.goodEnd = 0;
    this.triedEnd = 0;
  }

  /**
   * Whether the event buf[start, start + length) is known to be right; `end` of the chunk. Events are asked for in rising order. false: check it.
   * `packets`: the events of a live stream, each behind the head of its packet.
   */
  covers(buf: Uint8Array, start: number, length: number, end: number, packets = false): boolean {
    if (start + length <= this.goodEnd) return true;
    if (start < this.triedEnd || length >= EVENT_BYTES_MAX) return false;
    return this.run(buf, start, end, packets) && start + length <= this.goodEnd;
  }

  private run(buf: Uint8Array, start: number, end: number, packets: boolean): boolean {
    if (LOW[1] === 0) build();
    const limit = Math.min(end, start + RUN_BYTES_MAX);
    let at = start;
    let to = start;
    let crc = 0;
    let events = 0;
    while (at + HEADER_BYTES <= limit) {
      const length = buf[at + 9]! | (buf[at + 10]! << 8) | (buf[at + 11]! << 16) | (buf[at + 12]! << 24);
      // what follows a format description may have another form; a negative length is one above 2^31
      if (length < EVENT_BYTES_MIN || length >= EVENT_BYTES_MAX || at + length > limit || buf[at + 4] === EVENT.FORMAT_DESCRIPTION) break;
      crc = apply(MIDDLE, (length >>> 6) & 63, apply(LOW, length & 63, crc));
      if (length >= 4096) crc = apply(HIGH, length >>> 12, crc);
      crc ^= RESIDUE;
      at += length;
      to = at;
      events++;
      if (packets) {
        if (at + PACKET_BYTES + HEADER_BYTES > limit || !isPacket(buf, at)) break;
        crc = ~crc;
        for (let i = 0; i < PACKET_BYTES; i++) crc = (crc >>> 8) ^ LOW[1024 + ((crc ^ buf[at++]!) & 255)]!;
        crc = ~crc;
      }
    }
    this.triedEnd = to;
    if (events < EVENTS_MIN || this.bytes.crc32(buf, start, at) >>> 0 !== crc >>> 0) return false;
    this.goodEnd = to;
    return true;
  }
}

/** The checksum of an event that comes in pieces; its last four bytes are the one that was written. */
export class SumInPieces {
  private readonly bytes: Bytes;
  private crc = 0;
  private stored = 0;
  /** of the event's own bytes */
  private left = 0;

  constructor(bytes: Bytes) {
    this.bytes = bytes;
  }

  /** `summedBytes`: without the checksum. */
  begin(summedBytes: number): void {
    this.crc = 0;
    this.stored = 0;
    this.left = summedBytes;
  }

  add(buf: Uint8Array, start: number, end: number): void {
    const own = Math.min(end, start + this.left);
    if (own > start) this.crc = this.bytes.crc32(buf, start, own, this.crc);
    this.left -= own - start;
    for (let at = own; at < end; at++) this.stored = (this.stored >>> 8) | (buf[at]! << 24);
  }

  right(): boolean {
    return this.crc >>> 0 === this.stored >>> 0;
  }
}
