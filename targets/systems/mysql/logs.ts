/** Reads the binary logs of one side, from a folder of files or from a running server, into core's model. */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { TransactionCollector } from '../../../core/binlog/collect.ts';
import { LogReader } from '../../../core/binlog/log.ts';
import { DrillError } from '../../../core/errors.ts';
import type { SideLog } from '../../../core/reconcile/side.ts';
import type { LogFile } from '../../port.ts';
import { nodeBytes } from './binlog/bytes.ts';
import { listLogs, readFiles, readStream } from './binlog/read.ts';
import { isDsn } from './dsn.ts';

/** The binary logs in a folder (a data folder or a collected one), oldest first, without a gap. Throws DRILL_NO_LOGS. */
export async function findLogs(dir: string): Promise<string[]> {
  const { files, findings } = await listLogs([dir]);
  const odd = findings[0];
  if (odd) throw new DrillError('DRILL_NO_LOGS', `${dir}: ${odd.text}`, 'copy all binary logs of one server, without a gap, as its index names them');
  return files;
}

/**
 * Reads a folder's files, or what a running server has now, into `log`; damage becomes findings. Every checksum is checked; files are hashed on the way past.
 * `wants`: the tables whose rows are needed. A server's account needs REPLICATION SLAVE. Throws DRILL_NO_LOGS, DRILL_LOGS_UNREADABLE, DRILL_STREAM_SILENT,
 * DRILL_STREAM_CUT.
 */
export async function readLogs(source: string, log: SideLog, { wants }: { wants?: (table: string) => boolean } = {}): Promise<LogFile[]> {
  const collector = new TransactionCollector(log, { bytes: nodeBytes, ...(wants ? { wants } : {}) });
  const reader = new LogReader(collector, { bytes: nodeBytes, rows: 'visit', checksums: 'all' });
  if (await isServer(source)) {
    const files = await readStream(source, reader, { until: 'end', sha256: true });
    return files.map((f, i) => ({ file: log.files[i]!.file, ...f }));
  }
  const files = await readFiles(await findLogs(source), reader, { sha256: true });
  return files.map(({ path, bytes, sha256 }) => ({ file: basename(path), bytes, sha256: sha256! }));
}

const isServer = async (source: string): Promise<boolean> =>
  isDsn(source) ||
  (await stat(source).then(
    (s) => s.isSocket(),
    () => false,
  ));
