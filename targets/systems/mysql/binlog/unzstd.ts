/**
 * Whole zstd frames, one after another, with one decompression context and one buffer. zlib's own call makes both anew each time, which costs as much as the
 * decompression of a small transaction and leaves memory behind. Where Node has no such engine, or a frame is not plainly right, zlib's own call decides.
 */
import { constants } from 'node:zlib';
import { ZstdEngine } from './zstd-engine.ts';

/** Larger results are rare, and worth a buffer of their own. */
const SIZE_MAX = 1024 * 1024;
const BUFFER_BYTES_MIN = 64 * 1024;

export class Unzstd {
  private readonly params: Record<number, number>;
  private engine: ZstdEngine | null = null;
  private buffer = new Uint8Array(0);
  private usable = true;

  constructor(params: Record<number, number>) {
    this.params = params;
  }

  /** A view that the next call reuses; null: nothing is known, the caller asks zlib. */
  whole(frame: Uint8Array, sizeMax: number): Uint8Array | null {
    if (sizeMax > SIZE_MAX || !this.usable) return null;
    const engine = (this.engine ??= ZstdEngine.open(this.params));
    this.usable = engine !== null;
    if (engine === null) return null;
    // one byte more than is allowed, so that a longer result is seen
    const room = sizeMax + 1;
    if (this.buffer.length < room) this.buffer = new Uint8Array(Math.max(BUFFER_BYTES_MIN, room * 2));
    engine.write(constants.ZSTD_e_end, frame, 0, frame.length, this.buffer, room);
    const bytes = room - engine.outLeft;
    if (engine.failure !== null || engine.inLeft !== 0 || bytes > sizeMax) {
      // after an error a context is not used again
      engine.close();
      this.engine = null;
      return null;
    }
    engine.reset();
    return this.buffer.subarray(0, bytes);
  }
}
