/** Bytes that are written again and again, such as `"name":`, as 32-bit words: see ByteWriter.token. */
export class Token {
  readonly length: number;
  /** the first eight bytes, which is mostly all */
  readonly first: number;
  readonly second: number;
  readonly rest: Int32Array;
  constructor(bytes: Uint8Array) {
    const padded = new Uint8Array(Math.max(8, (bytes.length + 3) & ~3));
    padded.set(bytes);
    const view = new DataView(padded.buffer);
    this.length = bytes.length;
    this.first = view.getInt32(0, true);
    this.second = view.getInt32(4, true);
    this.rest = Int32Array.from({ length: (padded.length >> 2) - 2 }, (_, i) => view.getInt32(8 + i * 4, true));
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
    const { length } = token;
    this.need(length + 8);
    const { view, pos } = this;
    view.setInt32(pos, token.first, true);
    view.setInt32(pos + 4, token.second, true);
    if (length > 8) {
      const { rest } = token;
      for (let i = 0; i < rest.length; i++) view.setInt32(pos + 8 + i * 4, rest[i]!, true);
    }
    this.pos = pos + length;
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
