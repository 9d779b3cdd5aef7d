/** Reads bytes with a LogReader and writes down every call as one line. */
import type { Finding } from '../../core/binlog/finding.ts';
import { LogReader } from '../../core/binlog/log.ts';
import type { ReadOptions } from '../../core/binlog/log.ts';
import type { LogVisitor } from '../../core/binlog/visitor.ts';
import { nodeBytes } from '../../targets/systems/mysql/binlog/bytes.ts';

export interface Recorded {
  lines: string[];
  findings: Finding[];
  /** GTIDs of transactions that ended soundly */
  sound: string[];
}

/** `rows`: one line for each row event with its rows' number. */
export function recorder(): { visitor: LogVisitor; recorded: Recorded } {
  const recorded: Recorded = { lines: [], findings: [], sound: [] };
  const say = (line: string) => void recorded.lines.push(line);
  const visitor: LogVisitor = {
    beginFile: (name) => say(`file ${name}`),
    endFile: (name, bytes) => say(`end of ${name} ${bytes}`),
    format: (f, place) => say(`format ${f.serverVersion}${f.relay ? ' relay' : ''}${f.checksums ? '' : ' unchecked'} ${place.offset}`),
    previousGtids: (set) => say(`previous ${set.toString()}`),
    gtidList: (list) => say(`list ${list.length}`),
    begin: (tx) => say(`begin ${tx.kind} ${tx.gtid()} ${tx.offset}`),
    table: (table, tx) => say(`table ${table.name} ${tx?.gtid()}`),
    rowsQuery: (text) => say(`query ${text}`),
    rows: (rows, tx) => {
      let n = 0;
      while (rows.next()) n++;
      say(`${rows.op} ${rows.table.name} ${n} ${tx?.gtid()} ${rows.offset}`);
    },
    statement: (s, tx) => say(`${s.ddl ? 'ddl' : 'statement'} ${s.text.slice(0, 60)} ${tx?.gtid()}`),
    end: (tx, e) => {
      say(`end ${tx.gtid()} ${e.how} ${e.xid} ${e.branch} ${e.endOffset} ${e.sound}${tx.compressed ? ' compressed' : ''}`);
      if (e.sound) recorded.sound.push(tx.gtid() ?? `at ${tx.offset}`);
    },
    abandon: (tx) => say(`abandon ${tx.gtid()}`),
    rotate: (next) => say(`rotate ${next}`),
    stop: () => say('stop'),
    finding: (f) => {
      recorded.findings.push(f);
      say(`${f.level} ${f.kind} ${f.offset} ${f.gtid ?? ''} ${f.text}`);
    },
  };
  return { visitor, recorded };
}

/** Files of one log, each in chunks that end at the given cuts. */
export async function record(files: readonly Uint8Array[], options: Partial<ReadOptions> = {}, cuts: readonly number[] = []): Promise<Recorded> {
  const { visitor, recorded } = recorder();
  const reader = new LogReader(visitor, { bytes: nodeBytes, rows: 'visit', checksums: 'all', ...options });
  for (const [i, bytes] of files.entries()) {
    reader.beginFile(`log.${i + 1}`);
    let start = 0;
    for (const end of [...cuts.filter((c) => c < bytes.length), bytes.length]) {
      // a chunk of its own: the reader must not hold on to it
      const chunk = new Uint8Array(bytes.subarray(start, end));
      await reader.push(chunk);
      chunk.fill(0xee);
      start = end;
    }
    reader.endFile();
  }
  reader.end();
  return recorded;
}

/** `kind` of every finding that is not a note, in order. */
export const kinds = (recorded: Recorded): string[] => recorded.findings.filter((f) => f.level !== 'note').map((f) => f.kind);
