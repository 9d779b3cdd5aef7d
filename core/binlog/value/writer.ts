/** A growing buffer of bytes for text output: no JavaScript strings on the hot path. */
export class ByteWriter {
  buf: Uint8Array;
  pos = 0;
  constructor(size = 1 << 16) {
    this.buf = new Uint8Array(size);
  }
  /** Makes room for n more bytes. */
  need(n: number): void {
    if (this.pos + n <= this.buf.length) return;
    const bigger = new Uint8Array(Math.max(this.buf.length * 2, this.pos + n));
    bigger.set(this.buf.subarray(0, this.pos));
    this.buf = bigger;
  }
  byte(b: number): void {
    if (this.pos === this.buf.length) this.need(1);
    this.buf[this.pos++] = b;
  }
  /** Characters below 128 only. */
  ascii(text: string): void {
    this.need(text.length);
    for (let i = 0; i < text.length; i++) this.buf[this.pos++] = text.charCodeAt(i);
  }
  /** Bytes as they are. A loop for short runs: a view of them would be an object each time. */
  bytes(data: Uint8Array, start = 0, end = data.length): void {
    const n = end - start;
    this.need(n);
    const to = this.buf;
    let p = this.pos;
    if (n > COPY_LOOP_MAX) to.set(data.subarray(start, end), p);
    else for (let i = start; i < end; i++) to[p++] = data[i]!;
    this.pos += n;
  }
}
const COPY_LOOP_MAX = 64;
