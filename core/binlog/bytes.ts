/** What core is handed from outside: two compressions and a checksum. targets/systems/mysql/binlog/bytes.ts gives the real ones. */
export interface Bytes {
  /** CRC-32 as zlib computes it, of data[start, end), continued from `seed`. */
  crc32(data: Uint8Array, start: number, end: number, seed?: number): number;
  /** One whole zstd frame; throws when it is damaged or gives more than `sizeMax` bytes. The result may be a view of memory that the next call reuses. */
  unzstd(frame: Uint8Array, sizeMax: number): Uint8Array;
  /** A frame that comes in pieces and is too big to be held. */
  zstdStream(): ZstdStream;
  /** One whole zlib stream (MariaDB's compressed events and columns); throws when it is damaged or gives more than `sizeMax` bytes. `raw`: without zlib's own header. */
  inflate(data: Uint8Array, sizeMax: number, raw?: boolean): Uint8Array;
}

/** One call at a time: the promise settles when every byte that the piece gave was taken. Each piece out is at most 256 KiB and valid in the call only. */
export interface ZstdStream {
  write(piece: Uint8Array, out: (data: Uint8Array) => void): Promise<void>;
  /** Throws when the frame is not whole. */
  end(out: (data: Uint8Array) => void): Promise<void>;
  close(): void;
}
