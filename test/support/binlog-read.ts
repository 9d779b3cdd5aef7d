/** Logs made by hand, read by the real reader. */
import { LogReader } from '../../core/binlog/log.ts';
import type { ReadOptions } from '../../core/binlog/log.ts';
import type { LogVisitor } from '../../core/binlog/visitor.ts';
import { nodeBytes } from '../../targets/systems/mysql/binlog/bytes.ts';

/** Reads the files, in order, to the log's end. */
export function readLog(visitor: LogVisitor, files: Record<string, Uint8Array>, options: Partial<ReadOptions> = {}): void {
  const reader = new LogReader(visitor, { bytes: nodeBytes, rows: 'visit', checksums: 'all', ...options });
  for (const [name, bytes] of Object.entries(files)) {
    reader.beginFile(name);
    if (reader.push(bytes)) throw new Error('a payload in pieces');
    reader.endFile();
  }
  reader.end();
}
