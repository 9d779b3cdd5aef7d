/** Standard output for a lot of text: every write waits until the other side has taken it, so nothing piles up in memory. */
import { writeSync } from 'node:fs';

/** A full pipe is tried again soon, then less and less often. */
const WAIT_MS_MIN = 0.05;
const WAIT_MS_MAX = 5;
const BLOCK_CHARACTERS = 32 * 1024;

/** The reader of our output has gone (`| head`): not an error, there is nobody left to tell. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed';
}

export class Output {
  private readonly fd: number;
  private readonly sleep = new Int32Array(new SharedArrayBuffer(4));
  private pending = '';
  private waitMs = WAIT_MS_MIN;

  constructor(stream: NodeJS.WriteStream) {
    this.fd = (stream as NodeJS.WriteStream & { fd: number }).fd;
  }

  /** Text is gathered until `flush` or until it is much. */
  text(text: string): void {
    this.pending += text;
    if (this.pending.length >= BLOCK_CHARACTERS) this.flush();
  }

  flush(): void {
    const text = this.pending;
    this.pending = '';
    if (text !== '') this.bytes(Buffer.from(text));
  }

  /** Throws OutputClosed. */
  bytes(data: Uint8Array): void {
    for (let at = 0; at < data.length;) at += this.some(data, at);
  }

  private some(data: Uint8Array, at: number): number {
    try {
      const n = writeSync(this.fd, data, at);
      this.waitMs = WAIT_MS_MIN;
      return n;
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code;
      if (code === 'EPIPE') throw new OutputClosed('', { cause });
      if (code !== 'EAGAIN') throw cause;
      // whoever made the pipe wants no blocking writes
      Atomics.wait(this.sleep, 0, 0, this.waitMs);
      this.waitMs = Math.min(this.waitMs * 2, WAIT_MS_MAX);
      return 0;
    }
  }
}
