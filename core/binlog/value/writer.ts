/** Bytes that are written again and again, such as `"name":`, as 32-bit words: see ByteWriter.token. */
export class Token {
  readonly words: Int32Array;
  readonly length: number;
  constructor(bytes: Uint8Array) {
    const padded = new Uint8Array((bytes.length + 3) & ~3);
    padded.set(bytes);
    const view = new DataView(padded.buffer);
    this.words = Int32Array.from({ length: padded.length >> 2 }, (_, i) => view.getInt32(i * 4, true));
    this.length = bytes.length;
  }
}

/** A growing buffer of bytes for text output: no JavaScript strings on the hot path. */
export class ByteWriter {
  buf: Uint8Array;
  /** of the same bytes: words are written through it */
  view: DataView;
  pos = 0;
  constructor(size = 1 << 16) {
    this.buf = new Uint8Array(size);
    this.view = new DataView(this.buf.buffer);
  }
  /** Empty, with a buffer of `size` bytes. */
  reset(size: number): void {
    this.pos = 0;
    this.buf = new Uint8Array(size);
    this.view = new DataView(this.buf.buffer);
  }
  /** Makes room for n more bytes. */
  need(n: number): void {
    if (this.pos + n > this.buf.length) this.grow(n);
  }
  private grow(n: number): void {
    const bigger = new Uint8Array(Math.max(this.buf.length * 2, this.pos + n));
    bigger.set(this.buf.subarray(0, this.pos));
    this.buf = bigger;
    this.view = new DataView(bigger.buffer);
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
  token(token: Token): void {
    const { words, length } = token;
    this.need(length + 3);
    const { view } = this;
    let p = this.pos;
    for (let i = 0; i < words.length; i++, p += 4) view.setInt32(p, words[i]!, true);
    this.pos += length;
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
