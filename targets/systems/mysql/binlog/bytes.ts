/** STUB: to be built. Checksums and compression for core/binlog, from Node's zlib. */
import type { Bytes } from '../../../../core/binlog/bytes.ts';

const todo = (): never => {
  throw new Error('not built yet');
};
export const nodeBytes: Bytes = { crc32: todo, unzstd: todo, zstdStream: todo, inflate: todo };
