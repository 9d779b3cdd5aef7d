/** Binary logs that the reader's tests share. */
import { constants, createZstdCompress, zstdCompressSync } from 'node:zlib';
import { EVENT } from '../../core/binlog/codes.ts';
import { LogBytes } from './binlog-bytes.ts';

export const inside = (rows = 1, text = 'packed') =>
  new LogBytes(false)
    .query('BEGIN')
    .tableMap()
    .rows(Array.from({ length: rows }, (_, i) => [i, text]))
    .xid(77);

/** Rows that do not compress well, so that a payload of them is larger than 4096 bytes too. */
export const noise = (n: number, seed: number): string => {
  let x = seed + 1;
  let text = '';
  for (let i = 0; i < n; i++) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
    text += String.fromCharCode(33 + ((x >>> 16) % 90));
  }
  return text;
};
export const manyRows = () => {
  const log = new LogBytes(false).query('BEGIN').tableMap();
  for (let i = 0; i < 40; i++) log.rows([[i, noise(900, i)]]);
  return log.xid(6);
};

export const start = () => new LogBytes().format().previousGtids();

/** Every kind of group, whole. */
export const whole = () =>
  start()
    .transaction(1)
    .gtid(2)
    .query('CREATE TABLE x (i INT)')
    .gtid(3)
    .query("XA START X'61',X'',1")
    .tableMap()
    .rows([[1, 'a']])
    .query("XA END X'61',X'',1")
    .event(EVENT.XA_PREPARE, [0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x61])
    .gtid(4)
    .query("XA COMMIT X'61',X'',1")
    .gtid(5)
    .payload(inside(3))
    .gtid(6, { anonymous: true })
    .query('BEGIN')
    .query('SAVEPOINT a')
    .tableMap(7)
    .rows([[1, 'a']], 7)
    .query('ROLLBACK TO a')
    .query('COMMIT')
    .gtid(7)
    .query('BEGIN')
    .query('CREATE TABLE `y` (`i` int) START TRANSACTION')
    .tableMap(8)
    .rows([[1, 'a']], 8)
    .xid(9)
    .gtid(8)
    .payload(inside(2), { none: true })
    .rotate('log.2');

export const big = (text = 'y'.repeat(9000)) =>
  start()
    .transaction(1)
    .gtid(2)
    .query('BEGIN')
    .tableMap()
    .rows([[1, text]])
    .xid(3)
    .transaction(3)
    .stop();
export const broken = (log: LogBytes, change: (bytes: Buffer, offsets: number[]) => void): Buffer => {
  const bytes = log.bytes();
  change(bytes, log.offsets);
  return bytes;
};

/** A frame that does not tell its content size. */
export function unsized(bytes: Uint8Array): Buffer {
  return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } });
}

/** In two pieces: a frame that comes at once is given a window of its size. */
export async function withWindow(bytes: Uint8Array, windowLog: number): Promise<Buffer> {
  const stream = createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: windowLog } });
  stream.write(bytes.subarray(0, 100));
  await new Promise<void>((resolve) => stream.flush(() => resolve()));
  stream.end(bytes.subarray(100));
  return Buffer.concat((await stream.toArray()) as Buffer[]);
}
