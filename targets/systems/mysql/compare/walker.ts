/** Finds the rows in a run of wire bytes by their packets' headers alone: 4 bytes, length and sequence number. State goes on over runs. */
import { isEof, isErr } from './wire.ts';

const HEADER_BYTES = 4;
const LENGTH_MAX = 0xff_ff_ff;

export class Walker {
  /** whole rows so far */
  rows = 0;
  /** of the last run: where the row begins that is not whole in it (its end, when there is none); -1: before the run */
  whole = -1;
  /** the rows are over: what begins at `whole` is the last packet */
  over = false;
  /** what is added to sequence numbers */
  shift = 0;
  private have = 0;
  private length = 0;
  private left = 0;
  /** the next packet goes on with a message */
  private goesOn = false;
  /** the message's first byte has not been seen */
  private unread = false;
  private saved: [number, number, number, boolean, boolean] | null = null;

  /** At the beginning of a row. */
  begin(shift: number): void {
    this.have = this.length = this.left = 0;
    this.goesOn = this.unread = this.over = false;
    this.shift = shift;
  }

  /** Adds the shift to the sequence numbers in buf[from, to). */
  renumber(buf: Uint8Array, from: number, to: number): void {
    this.saved = null;
    if (this.shift === 0) return;
    this.saved = [this.have, this.length, this.left, this.goesOn, this.unread];
    this.walk(buf, from, to);
  }

  /** Takes the last renumbering back: bytes and state are as before it. */
  undo(buf: Uint8Array, from: number, to: number): void {
    if (this.saved === null) return;
    const { shift } = this;
    this.restore(this.saved);
    this.shift = -shift;
    this.walk(buf, from, to);
    this.shift = shift;
    this.restore(this.saved);
  }

  private restore([have, length, left, goesOn, unread]: NonNullable<Walker['saved']>): void {
    this.have = have;
    this.length = length;
    this.left = left;
    this.goesOn = goesOn;
    this.unread = unread;
    this.over = false;
  }

  walk(buf: Uint8Array, from: number, to: number): void {
    const { shift } = this;
    let pos = from;
    this.whole = this.have === 0 && !this.goesOn ? from : -1;
    while (pos < to) {
      if (this.have === HEADER_BYTES) {
        if (this.unread && this.ends(buf[pos]!)) return;
        const n = Math.min(this.left, to - pos);
        pos += n;
        this.left -= n;
        if (this.left === 0) this.endPacket(pos);
        continue;
      }
      if (this.have === 0 && !this.goesOn) {
        const next = this.wholeRows(buf, pos, to);
        if (this.over) return;
        if (next > pos) {
          pos = next;
          this.whole = pos;
          continue;
        }
        this.whole = pos;
      }
      if (this.have === 0) this.length = 0;
      if (this.have === 3) buf[pos] = (buf[pos]! + shift) & 0xff;
      else this.length |= buf[pos]! << (8 * this.have);
      pos++;
      if (++this.have === HEADER_BYTES) this.open(pos);
    }
  }

  /** The common case: rows that lie whole in the run. Where the last of them ends. */
  private wholeRows(buf: Uint8Array, from: number, to: number): number {
    const { shift } = this;
    let pos = from;
    let rows = 0;
    while (pos + HEADER_BYTES < to) {
      const length = buf[pos]! | (buf[pos + 1]! << 8) | (buf[pos + 2]! << 16);
      const next = pos + HEADER_BYTES + length;
      if (next > to || length === LENGTH_MAX) break;
      const first = buf[pos + HEADER_BYTES]!;
      if (first >= 0xfe && (isEof(first, length) || isErr(first))) {
        this.over = true;
        this.whole = pos;
        break;
      }
      if (shift !== 0) buf[pos + 3] = (buf[pos + 3]! + shift) & 0xff;
      rows++;
      pos = next;
    }
    this.rows += rows;
    return pos;
  }

  private open(pos: number): void {
    this.left = this.length;
    this.unread = !this.goesOn;
    this.goesOn = this.length === LENGTH_MAX;
    if (this.left === 0) this.endPacket(pos);
  }

  private ends(first: number): boolean {
    this.unread = false;
    this.over = isEof(first, this.length) || isErr(first);
    return this.over;
  }

  private endPacket(pos: number): void {
    this.have = 0;
    if (this.goesOn) return;
    this.rows++;
    this.whole = pos;
  }
}

const CARRY_BYTES = 4_096;

/** Bytes of a row that did not end in its run. */
export class Carry {
  private buf = new Uint8Array(CARRY_BYTES);
  private length = 0;

  clear(): void {
    this.length = 0;
  }

  add(from: Uint8Array, start: number, end: number): void {
    const length = this.length + end - start;
    if (length > this.buf.length) {
      const grown = new Uint8Array(length * 2);
      grown.set(this.buf.subarray(0, this.length));
      this.buf = grown;
    }
    this.buf.set(from.subarray(start, end), this.length);
    this.length = length;
  }

  copy(): Uint8Array {
    return this.buf.slice(0, this.length);
  }
}
