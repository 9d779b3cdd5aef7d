/** STUB: signatures only, to be built. Binary logs from wherever they are, pushed into a LogReader. */
import type { Readable } from 'node:stream';
import type { Finding } from '../../../../core/binlog/finding.ts';
import type { LogReader } from '../../../../core/binlog/log.ts';
import type { GtidSet } from '../../../../core/gtid.ts';

const todo = (): never => {
  throw new Error('not built yet');
};

export interface LogSource {
  /** absolute paths, in the log's order */
  files: string[];
  /** gaps in the numbering, files of other servers, names in the index that are not there */
  findings: Finding[];
}

/**
 * What a person named: a folder (a data folder or any folder with logs; the index file's order where it is there, else by name and number; binary logs before
 * relay logs unless `relay`), or a list of files (kept in the given order). Throws DRILL_NO_LOGS.
 */
export async function listLogs(_paths: readonly string[], _options?: { relay?: boolean }): Promise<LogSource> {
  return todo();
}

export interface ReadProgress {
  signal?: AbortSignal;
  /** bytes read since the last call */
  onBytes?(bytes: number): void;
}

/** Reads files into the reader: beginFile, push in reused chunks, endFile; end() after the last. With `sha256` the files are hashed on the way past. */
export async function readFiles(
  _files: readonly string[],
  _reader: LogReader,
  _options?: ReadProgress & { sha256?: boolean },
): Promise<{ path: string; bytes: number; sha256?: string }[]> {
  return todo();
}

/** Reads one log that comes through a pipe. */
export async function readPipe(_stream: Readable, _name: string, _reader: LogReader, _options?: ReadProgress): Promise<void> {
  return todo();
}

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
  return todo();
}
