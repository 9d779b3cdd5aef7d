/** Checksums and compression for core/binlog, from Node's zlib. */
import { constants, crc32, createZstdDecompress, inflateRawSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import type { ZstdDecompress } from 'node:zlib';
import type { Bytes, ZstdStream } from '../../../../core/binlog/bytes.ts';
import { crc32Short } from './crc.ts';
import { Unzstd } from './unzstd.ts';
import { UnzstdStream } from './unzstd-stream.ts';
import { ZstdEngine } from './zstd-engine.ts';

const PIECE_BYTES = 256 * 1024;
/** Output is allocated at once up to this size, in pieces of it above. */
const CHUNK_BYTES_MAX = 1024 * 1024;
const CHUNK_BYTES_MIN = 64;
/** Measured: from here on zlib is as quick. */
const CRC_SHORT_BYTES = 160;
/** The reader looks at a frame's window before it asks for it; zstd's own limit (128 MiB) is lifted. 31 is its largest (RFC 8878, 3.1.1.1.2, and ZSTD_WINDOWLOG_MAX_64). */
const PARAMS = { [constants.ZSTD_d_windowLogMax]: 31 };

/** One byte more than is allowed, so that a full result needs no second round and a longer one is seen. */
const limits = (sizeMax: number) => ({
  chunkSize: Math.min(Math.max(sizeMax + 1, CHUNK_BYTES_MIN), CHUNK_BYTES_MAX),
  maxOutputLength: Math.max(sizeMax, 1),
  rejectGarbageAfterEnd: true,
});

const fits = (data: Uint8Array, sizeMax: number): Uint8Array => {
  if (data.length > sizeMax) throw new RangeError(`more than ${sizeMax} bytes`);
  return data;
};

const quick = new Unzstd(PARAMS);

export const nodeBytes: Bytes = {
  crc32: (data, start, end, seed = 0) => (end - start < CRC_SHORT_BYTES ? crc32Short(data, start, end, seed) : crc32(data.subarray(start, end), seed)),
  unzstd: (frame, sizeMax) => quick.whole(frame, sizeMax) ?? fits(zstdDecompressSync(frame, { ...limits(sizeMax), params: PARAMS }), sizeMax),
  inflate: (data, sizeMax, raw = false) => fits((raw ? inflateRawSync : inflateSync)(data, limits(sizeMax)), sizeMax),
  zstdStream() {
    const engine = ZstdEngine.open(PARAMS);
    return engine === null ? new NodeZstdStream() : new UnzstdStream(engine);
  },
};

/** Where Node has no engine to be used. Decompresses in the thread pool; at most one piece waits to be taken. */
export class NodeZstdStream implements ZstdStream {
  private readonly stream: ZstdDecompress = createZstdDecompress({ chunkSize: PIECE_BYTES, params: PARAMS });
  private failure: Error | null = null;
  /** of the call that waits */
  private reject: ((cause: Error) => void) | null = null;
  private out: (data: Uint8Array) => void = () => {};
  private ending = false;

  constructor() {
    this.stream.on('readable', () => this.guarded());
    this.stream.on('error', (cause) => this.fail(cause));
    // zlib ends its output by itself when bytes come after the frame, and then forgets the write
    this.stream.on('end', () => this.ending || this.fail(new Error('bytes after the end of the frame')));
    this.stream.on('close', () => this.fail(new Error('closed')));
  }

  async write(piece: Uint8Array, out: (data: Uint8Array) => void): Promise<void> {
    await this.call(out, (done) => this.stream.write(piece, () => done()));
  }

  async end(out: (data: Uint8Array) => void): Promise<void> {
    this.ending = true;
    await this.call(out, (done) => {
      this.stream.once('end', done);
      this.stream.end();
    });
  }

  close(): void {
    this.stream.destroy();
  }

  private async call(out: (data: Uint8Array) => void, start: (done: () => void) => void): Promise<void> {
    this.out = out;
    await new Promise<void>((resolve, reject) => {
      if (this.failure) return reject(this.failure);
      this.reject = reject;
      start(() => {
        this.guarded();
        resolve();
      });
    });
    this.reject = null;
  }

  /** Hands over what is there; what the taker throws goes to the call that waits. */
  private guarded(): void {
    try {
      for (let data = this.stream.read() as Buffer | null; data !== null; data = this.stream.read() as Buffer | null) {
        for (let at = 0; at < data.length; at += PIECE_BYTES) this.out(data.subarray(at, at + PIECE_BYTES));
      }
    } catch (cause) {
      this.fail(cause instanceof Error ? cause : new Error(String(cause)));
      this.stream.destroy();
    }
  }

  private fail(cause: Error): void {
    this.failure ??= cause;
    this.reject?.(this.failure);
  }
}
