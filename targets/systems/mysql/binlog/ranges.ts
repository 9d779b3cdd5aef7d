/** Where a log can be cut so that its parts are read side by side: between transactions, since each says anew what its tables look like. */
import { open } from 'node:fs/promises';
import { HEADER_BYTES } from '../../../../core/binlog/codes.ts';
import type { Finding } from '../../../../core/binlog/finding.ts';
import { LogReader } from '../../../../core/binlog/log.ts';
import type { Format, LogVisitor, TxEnd, TxHead } from '../../../../core/binlog/visitor.ts';
import { nodeBytes } from './bytes.ts';
import { readFiles } from './files.ts';
import type { Limits } from './parallel.ts';

/** Whole transactions of a file, behind each other. The first range of a file begins at 0; `last`: it goes to the file's end. */
export interface LogRange {
  path: string;
  start: number;
  end: number;
  last: boolean;
}

/** Of a range at least; a transaction larger than that is one range. */
const RANGE_BYTES = 2 * 1024 * 1024;
const MAGIC_BYTES = 4;
/** offset of an event's length in its header */
const LENGTH_AT = 9;

class Borders implements LogVisitor {
  sound = true;
  /** file offsets behind transactions, `bytesMin` or more apart */
  readonly ends: number[] = [];
  private readonly bytesMin: number;
  private from = 0;

  constructor(bytesMin: number) {
    this.bytesMin = bytesMin;
  }

  format(format: Format): void {
    // groups of a relay log span its files, and may stand in it twice
    if (format.relay) this.sound = false;
  }
  begin(): void {}
  end(_tx: TxHead, end: TxEnd): void {
    if (end.endOffset - this.from < this.bytesMin) return;
    this.from = end.endOffset;
    this.ends.push(end.endOffset);
  }
  finding(f: Finding): void {
    if (f.level !== 'note' && f.kind !== 'statement') this.sound = false;
  }
}

/** The ranges of these files, in order, found by a pass over their structure; null: that is not sound, or it is a relay log, and they must be read in one go. */
export async function rangesOf(files: readonly string[], limits: Limits, bytesMin = RANGE_BYTES): Promise<LogRange[] | null> {
  const ranges: LogRange[] = [];
  for (const path of files) {
    const borders = new Borders(bytesMin);
    const reader = new LogReader(borders, { bytes: nodeBytes, rows: 'skip', checksums: 'structure', ...limits });
    const [read] = await readFiles([path], reader);
    if (!borders.sound) return null;
    let start = 0;
    for (const end of borders.ends) {
      ranges.push({ path, start, end, last: false });
      start = end;
    }
    ranges.push({ path, start, end: read!.bytes, last: true });
  }
  return ranges;
}

/** The bytes that say how the rest of a file is to be read: magic and format description. The file was found sound. */
export async function headOf(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const start = Buffer.alloc(MAGIC_BYTES + HEADER_BYTES);
    await file.read(start, 0, start.length, 0);
    const head = Buffer.alloc(MAGIC_BYTES + start.readUInt32LE(MAGIC_BYTES + LENGTH_AT));
    await file.read(head, 0, head.length, 0);
    return head;
  } finally {
    await file.close();
  }
}
