/** STUB: signatures only, to be built. A live server's binary log, as a replica receives it. */
import type { LogReader } from '../../../../core/binlog/log.ts';
import type { GtidSet } from '../../../../core/gtid.ts';
import type { ReadProgress } from './files.ts';

export interface StreamOptions extends ReadProgress {
  /** what the reader has already: the server sends the rest (COM_BINLOG_DUMP_GTID) */
  executed?: GtidSet;
  /** `end`: stop at the end of the server's current log; `never`: go on until the signal */
  until: 'end' | 'never';
  /** what a replica would call itself; a random one in the upper range otherwise */
  serverId?: number;
  /** the server must say something at least this often; it is asked to send heartbeats three times as often */
  silenceMsMax?: number;
}
/** Reads a live server's binary log. Needs REPLICATION SLAVE. Throws DRILL_LOGS_UNREADABLE, DRILL_STREAM_SILENT. */
export async function readStream(_dsn: string, _reader: LogReader, _options: StreamOptions): Promise<void> {
  throw new Error('not built yet');
}
