/** Reads the binary logs of one side, from a folder of files or from a running server, into core's model. */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { LogReader } from '../../../core/binlog/log.ts';
import type { ReadOptions } from '../../../core/binlog/log.ts';
import type { LogVisitor } from '../../../core/binlog/visitor.ts';
import { DrillError } from '../../../core/errors.ts';
import type { SideLog } from '../../../core/reconcile/side.ts';
import type { LogFile } from '../../port.ts';
import { nodeBytes } from './binlog/bytes.ts';
import { listRelayLogs } from './binlog/list.ts';
import { listLogs, readFiles, readStream } from './binlog/read.ts';
import { isDsn } from './dsn.ts';

/** The binary logs in a folder (a data folder or a collected one), oldest first, without a gap. Throws DRILL_NO_LOGS. */
export async function findLogs(dir: string): Promise<string[]> {
  const { files, findings } = await listLogs([dir]);
  const odd = findings[0];
  if (odd) throw new DrillError('DRILL_NO_LOGS', `${dir}: ${odd.text}`, 'copy all binary logs of one server, without a gap, as its index names them');
  return files;
}

/** The relay logs in a folder (a data folder or a copied one), oldest first, by replication channel. Throws DRILL_NO_LOGS. */
export async function findRelayLogs(dir: string): Promise<string[][]> {
  const channels = await listRelayLogs(dir);
  const odd = channels.flatMap((c) => c.findings)[0];
  if (odd) throw new DrillError('DRILL_NO_LOGS', `${dir}: ${odd.text}`, 'copy all relay logs of the replica, without a gap');
  return channels.map((c) => c.files);
}

export interface ReadLogs {
  /** what is told of the log's rows: see LogReader */
  rows: ReadOptions['rows'];
  checksums: ReadOptions['checksums'];
  signal?: AbortSignal;
  /** false: the files were hashed before */
  sha256?: boolean;
}
const EVERYTHING: ReadLogs = { rows: 'visit', checksums: 'all' };

/**
 * Reads a folder's files, named files, or what a running server has now; damage becomes findings of `log`, which `visitor` fills. Files are hashed on the way past.
 * A server's account needs REPLICATION SLAVE. Throws DRILL_NO_LOGS, DRILL_LOGS_UNREADABLE, DRILL_STREAM_SILENT, DRILL_STREAM_CUT, and the signal's reason.
 */
export async function readLogs(
  source: string | readonly string[],
  log: SideLog,
  visitor: LogVisitor,
  { signal, sha256 = true, ...options }: ReadLogs = EVERYTHING,
): Promise<LogFile[]> {
  const reader = new LogReader(visitor, { bytes: nodeBytes, ...options });
  const stop = signal ? { signal } : {};
  if (typeof source === 'string' && (await isServer(source))) {
    const files = await readStream(source, reader, { until: 'end', sha256, ...stop });
    return files.map((f, i) => ({ file: log.files[i]?.file ?? '', ...f }));
  }
  const files = await readFiles(typeof source === 'string' ? await findLogs(source) : source, reader, { sha256, ...stop });
  return files.map((f) => ({ file: basename(f.path), bytes: f.bytes, sha256: f.sha256 ?? '' }));
}

const isServer = async (source: string): Promise<boolean> =>
  isDsn(source) ||
  (await stat(source).then(
    (s) => s.isSocket(),
    () => false,
  ));
