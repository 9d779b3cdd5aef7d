/**
 * Whole zstd frames, one after another, with one decompression context and one buffer. zlib's own call makes both anew each time, which costs as much as the
 * decompression of a small transaction and leaves memory behind. What is used of Node's decompressor beyond its documented face (lib/zlib.js: processChunkSync) is
 * one method and the two counts that it leaves; where they are not there, or a frame is not plainly right, zlib's own call decides.
 */
import { constants, createZstdDecompress } from 'node:zlib';
import type { ZstdDecompress } from 'node:zlib';

interface Engine {
  writeSync(flush: number, from: Uint8Array, fromAt: number, fromBytes: number, to: Uint8Array, toAt: number, toBytes: number): void;
  reset(): void;
  onerror: unknown;
}
interface Inside {
  _handle?: Partial<Engine> | null;
  /** bytes of the output that are left, and of the input */
  _writeState?: unknown;
}

/** Larger results are rare, and worth a buffer of their own. */
const SIZE_MAX = 1024 * 1024;
const BUFFER_BYTES_MIN = 64 * 1024;

export class Unzstd {
  private readonly params: Record<number, number>;
  private stream: ZstdDecompress | null = null;
  private engine: Engine | null = null;
  private state: Uint32Array = new Uint32Array(2);
  private buffer = new Uint8Array(0);
  private failed = false;
  private usable = true;

  constructor(params: Record<number, number>) {
    this.params = params;
  }

  /** A view that the next call reuses; null: nothing is known, the caller asks zlib. */
  whole(frame: Uint8Array, sizeMax: number): Uint8Array | null {
    if (sizeMax > SIZE_MAX || !this.usable) return null;
    const engine = this.engine ?? this.open();
    if (engine === null) return null;
    // one byte more than is allowed, so that a longer result is seen
    const room = sizeMax + 1;
    if (this.buffer.length < room) this.buffer = new Uint8Array(Math.max(BUFFER_BYTES_MIN, room * 2));
    this.failed = false;
    engine.writeSync(constants.ZSTD_e_end, frame, 0, frame.length, this.buffer, 0, room);
    const bytes = room - this.state[0]!;
    if (this.failed || this.state[1] !== 0 || bytes > sizeMax) {
      this.close();
      return null;
    }
    engine.reset();
    return this.buffer.subarray(0, bytes);
  }

  private open(): Engine | null {
    const stream = createZstdDecompress({ params: this.params });
    const { _handle: engine, _writeState: state } = stream as unknown as Inside;
    this.stream = stream;
    if (typeof engine?.writeSync !== 'function' || typeof engine.reset !== 'function' || !('onerror' in engine) || !ArrayBuffer.isView(state)) {
      this.usable = false;
      this.close();
      return null;
    }
    Object.assign(engine, { onerror: () => (this.failed = true) });
    this.state = state as Uint32Array;
    this.engine = engine as Engine;
    return this.engine;
  }

  /** After an error a context is not used again. */
  private close(): void {
    this.stream?.close();
    this.stream = this.engine = null;
  }
}
