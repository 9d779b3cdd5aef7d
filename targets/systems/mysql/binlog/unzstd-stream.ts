/**
 * A zstd frame in pieces, into one buffer. zlib's own stream makes a new buffer for each piece of its output, which piles up between collections: a payload of
 * 1 GB leaves 70 MB.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { constants } from 'node:zlib';
import type { ZstdStream } from '../../../../core/binlog/bytes.ts';
import type { ZstdEngine } from './zstd-engine.ts';

const PIECE_BYTES = 256 * 1024;
/** The event loop turns after so many pieces. */
const TURN_PIECES = 16;

export class UnzstdStream implements ZstdStream {
  private readonly engine: ZstdEngine;
  private readonly buffer = new Uint8Array(PIECE_BYTES);
  private pieces = 0;

  constructor(engine: ZstdEngine) {
    this.engine = engine;
  }

  async write(piece: Uint8Array, out: (data: Uint8Array) => void): Promise<void> {
    await this.run(constants.ZSTD_e_continue, piece, out);
  }

  async end(out: (data: Uint8Array) => void): Promise<void> {
    await this.run(constants.ZSTD_e_end, new Uint8Array(0), out);
  }

  close(): void {
    this.engine.close();
  }

  private async run(flush: number, piece: Uint8Array, out: (data: Uint8Array) => void): Promise<void> {
    const { engine, buffer } = this;
    for (let left = piece.length; ;) {
      engine.write(flush, piece, piece.length - left, left, buffer, PIECE_BYTES);
      const bytes = PIECE_BYTES - engine.outLeft;
      if (bytes === 0 && left > 0 && engine.inLeft === left) engine.failure ??= new Error('bytes after the end of the frame');
      if (engine.failure !== null) throw engine.failure;
      left = engine.inLeft;
      if (bytes > 0) out(buffer.subarray(0, bytes));
      if (left === 0 && bytes < PIECE_BYTES) return;
      if (++this.pieces % TURN_PIECES === 0) await turn();
    }
  }
}
