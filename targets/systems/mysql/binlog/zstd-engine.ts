/** What is inside Node's decompressor for zstd (lib/zlib.js: processChunkSync): one method and the two counts that it leaves, used with buffers of our own. */
import { createZstdDecompress } from 'node:zlib';
import type { ZstdDecompress } from 'node:zlib';

interface Handle {
  writeSync(flush: number, from: Uint8Array, fromAt: number, fromBytes: number, to: Uint8Array, toAt: number, toBytes: number): void;
  reset(): void;
  onerror: unknown;
}
interface Inside {
  _handle?: Partial<Handle> | null;
  /** bytes of the output that are left, and of the input */
  _writeState?: unknown;
}

export class ZstdEngine {
  /** what the last write ended with; null: well */
  failure: Error | null = null;
  private readonly stream: ZstdDecompress;
  private readonly handle: Handle;
  private readonly state: Uint32Array;

  private constructor(stream: ZstdDecompress, handle: Handle, state: Uint32Array) {
    this.stream = stream;
    this.handle = handle;
    this.state = state;
    Object.assign(handle, { onerror: (message: string) => (this.failure = new Error(message)) });
  }

  /** null: this Node has it otherwise. */
  static open(params: Record<number, number>): ZstdEngine | null {
    const stream = createZstdDecompress({ params });
    const { _handle: handle, _writeState: state } = stream as unknown as Inside;
    if (typeof handle?.writeSync === 'function' && typeof handle.reset === 'function' && 'onerror' in handle && state instanceof Uint32Array)
      return new ZstdEngine(stream, handle as Handle, state);
    stream.close();
    return null;
  }

  write(flush: number, from: Uint8Array, fromAt: number, fromBytes: number, to: Uint8Array, toBytes: number): void {
    this.failure = null;
    this.handle.writeSync(flush, from, fromAt, fromBytes, to, 0, toBytes);
  }
  get outLeft(): number {
    return this.state[0]!;
  }
  get inLeft(): number {
    return this.state[1]!;
  }

  reset(): void {
    this.handle.reset();
  }
  close(): void {
    this.stream.close();
  }
}
