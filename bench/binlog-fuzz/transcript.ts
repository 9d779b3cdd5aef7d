/** Everything that a reader of a log was told, as numbers: one for each call of its visitor, values decoded. Equal logs give equal transcripts. */
import { DrillError } from '../../core/errors.ts';
import type { Bytes } from '../../core/binlog/bytes.ts';
import type { Finding } from '../../core/binlog/finding.ts';
import { LogReader } from '../../core/binlog/log.ts';
import type { MariaGtid } from '../../core/binlog/maria.ts';
import { ABSENT, NULL } from '../../core/binlog/rows.ts';
import type { RowImage, RowsEvent } from '../../core/binlog/rows.ts';
import type { TableMap } from '../../core/binlog/table-map.ts';
import { emitterOf, patchedJson } from '../../core/binlog/value/emit.ts';
import type { Emitter } from '../../core/binlog/value/emit.ts';
import { ByteWriter } from '../../core/binlog/value/writer.ts';
import type { Format, LogVisitor, Place, Statement, TxEnd, TxHead } from '../../core/binlog/visitor.ts';
import type { GtidSet } from '../../core/gtid.ts';
import { nodeBytes } from '../../targets/systems/mysql/binlog/bytes.ts';

/** Small, so that mutated lengths reach every way of reading. */
export const LIMITS = { eventBytesMax: 16 * 1024, windowBytesMax: 64 * 1024 };
/** A zero-byte row would be an endless loop; a payload of the size that is allowed cannot hold more rows. */
const ROWS_MAX = 100_000;
const FILE_BYTES = 0x9e3779b9;

export interface FileTranscript {
  /** one number a call, with neither the file's end nor its in-use flag: the flag is outside the checksum */
  calls: number[];
  findings: Finding[];
  /** calls that end a transaction or stand outside one: a server could have stopped writing behind them */
  between: Set<number>;
}

/** How a table's values are shown, and what else is told of it: with each row, since when a table map comes anew depends on what stood before it. */
interface Shown {
  columns: Emitter[];
  about: string;
}
const tables = new WeakMap<TableMap, Shown>();

function shownOf(table: TableMap): Shown {
  let shown = tables.get(table);
  if (!shown) {
    const columns = table.columns.map((column) => emitterOf(column, table.flavour, inflate));
    const about = [table.name, JSON.stringify(table.primaryKey), ...table.columns.map((c) => `${c.name} ${c.typeText} ${c.nullable}`)].join();
    tables.set(table, (shown = { columns, about }));
  }
  return shown;
}

/** No decompression may be asked to give more than was allowed. */
const inflate = (data: Uint8Array, sizeMax: number, raw?: boolean): Uint8Array => nodeBytes.inflate(data, within(sizeMax), raw);
export const watchedBytes: Bytes = { ...nodeBytes, inflate, unzstd: (frame, sizeMax) => nodeBytes.unzstd(frame, within(sizeMax)) };
function within(sizeMax: number): number {
  if (sizeMax > LIMITS.eventBytesMax) throw new DrillError('DRILL_BENCH', `${sizeMax} bytes asked for, ${LIMITS.eventBytesMax} are allowed`);
  return sizeMax;
}

/** What an inventory is made of: everything but rows. */
class Transcriber implements LogVisitor {
  readonly files: FileTranscript[] = [];
  private file: FileTranscript = { calls: [], findings: [], between: new Set() };
  private hash = 0;

  beginFile(name: string): void {
    this.file = { calls: [], findings: [], between: new Set([0]) };
    this.files.push(this.file);
    this.text(name);
  }
  endFile(): void {}
  finding(f: Finding): void {
    this.file.findings.push(f);
  }

  format(format: Format, place: Place): void {
    this.text(format.flavour);
    this.text(format.serverVersion);
    for (const n of [format.createdAt, format.headerLength, Number(format.checksums), Number(format.relay), format.serverId]) this.number(n);
    this.bytes(format.postHeaderLengths, 0, format.postHeaderLengths.length);
    this.call('F', place, true);
  }
  previousGtids(set: GtidSet, place: Place): void {
    this.text(set.toString());
    this.call('P', place, true);
  }
  gtidList(list: readonly MariaGtid[], place: Place): void {
    for (const { domain, server, seq } of list) for (const n of [domain, server, seq]) this.number(n);
    this.call('L', place, true);
  }
  begin(tx: TxHead): void {
    this.text(tx.gtid() ?? tx.kind);
    for (const n of [tx.serverId, tx.lastCommitted, tx.sequenceNumber, tx.immediateCommitUs, tx.originalCommitUs, tx.seconds, Number(tx.compressed)])
      this.number(n);
    this.call('B', tx, false);
  }
  end(tx: TxHead, end: TxEnd): void {
    this.text(tx.gtid() ?? tx.kind);
    this.text(end.how);
    this.text(end.branch);
    this.text(String(end.xid));
    this.number(end.endOffset);
    this.number(Number(end.sound));
    this.call('E', tx, true);
  }
  abandon(tx: TxHead): void {
    this.text(tx.gtid() ?? tx.kind);
    this.call('A', tx, false);
  }
  statement(s: Statement, tx: TxHead | null): void {
    this.text(s.text);
    this.text(s.schema);
    this.number(Number(s.exact) + 2 * Number(s.ddl));
    this.call('S', s.place, tx === null);
  }
  rotate(next: string, place: Place): void {
    this.text(next);
    this.call('R', place, true);
  }
  stop(place: Place): void {
    this.call('X', place, true);
  }

  protected number(n: number): void {
    this.hash = Math.imul(this.hash ^ (n | 0), 0x01000193) ^ Math.imul(Math.floor(n / 0x1_0000_0000) | 0, FILE_BYTES);
  }
  protected text(text: string): void {
    let hash = this.hash;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    this.hash = Math.imul(hash ^ text.length, 0x85ebca6b);
  }
  protected bytes(buf: Uint8Array, start: number, end: number): void {
    let hash = this.hash;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ buf[i]!, 0x01000193);
    this.hash = Math.imul(hash ^ (end - start), 0xc2b2ae35);
  }
  /** What stands outside transactions can be the last thing that a server wrote. */
  protected call(what: string, place: Place | null, between: boolean): void {
    this.text(what);
    if (place) this.number(place.offset);
    this.file.calls.push(this.hash ^ (this.hash >>> 15));
    this.hash = 0;
    if (between) this.file.between.add(this.file.calls.length);
  }
}

class RowTranscriber extends Transcriber {
  private readonly out = new ByteWriter(1 << 12);
  private rowCount = 0;

  table(table: TableMap): void {
    shownOf(table);
  }
  rowsQuery(text: string, tx: TxHead | null): void {
    this.text(text);
    this.call('Q', tx, false);
  }
  rows(rows: RowsEvent, tx: TxHead | null): void {
    const { table } = rows;
    const { columns, about } = shownOf(table);
    while (rows.next()) {
      if (++this.rowCount > ROWS_MAX) throw new DrillError('DRILL_BENCH', `more than ${ROWS_MAX} rows`);
      this.text(rows.op);
      this.text(about);
      this.image(rows.before, table, columns);
      this.image(rows.after, table, columns);
      this.call('W', tx, false);
    }
  }

  private image(image: RowImage | null, table: TableMap, columns: readonly Emitter[]): void {
    if (image === null) return this.number(-3);
    for (const [i, emitter] of columns.entries()) {
      const at = image.at[i]!;
      const patched = image.patched?.[i];
      this.out.pos = 0;
      if (patched) patchedJson(this.out, table.columns[i]!, patched);
      else if (at !== NULL && at !== ABSENT) emitter.json(this.out, image.buf, at);
      else this.number(at);
      this.bytes(this.out.buf, 0, this.out.pos);
    }
  }
}

export interface LogFile {
  name: string;
  bytes: Uint8Array;
}

/** How the bytes come: `next` answers how long the next chunk is; behind each chunk's end stand bytes `behind`, which nobody may look at. */
export interface Chunking {
  next: (data: Uint8Array, at: number) => number;
  behind?: number;
}
export const WHOLE: Chunking = { next: (data, at) => data.length - at };
const BEHIND_BYTES = 128;

/** Event after event as far as lengths go, so that what looks behind an event's end sees something else each time. */
export const byEvent = (behind: number): Chunking => ({
  behind,
  next: (data, at) => (at === 0 ? 4 : at + 13 > data.length ? data.length - at : new DataView(data.buffer, data.byteOffset).getUint32(at + 9, true)),
});

function followed(data: Uint8Array, behind: number): Uint8Array {
  const chunk = new Uint8Array(data.length + BEHIND_BYTES).fill(behind);
  chunk.set(data);
  return chunk;
}

/** Throws whatever the reader or its visitor throws: they must not. */
export async function feed(reader: LogReader, files: readonly LogFile[], { next, behind }: Chunking): Promise<void> {
  for (const { name, bytes: data } of files) {
    reader.beginFile(name);
    for (let at = 0; at < data.length;) {
      const end = Math.min(data.length, at + Math.max(1, next(data, at)));
      const wait = behind === undefined ? reader.push(data, at, end) : reader.push(followed(data.subarray(at, end), behind), 0, end - at);
      if (wait) await wait;
      at = end;
    }
    reader.endFile();
  }
  reader.end();
}

/** `rows`: all of it, every checksum; `inventory`: rows are hopped over, and only the checksums of what is told are looked at. */
export type Pass = 'rows' | 'inventory';

export async function transcribe(files: readonly LogFile[], chunking: Chunking, pass: Pass): Promise<FileTranscript[]> {
  const visitor = pass === 'rows' ? new RowTranscriber() : new Transcriber();
  const how = pass === 'rows' ? ({ rows: 'visit', checksums: 'all' } as const) : ({ rows: 'skip', checksums: 'structure' } as const);
  await feed(new LogReader(visitor, { bytes: watchedBytes, ...how, ...LIMITS }), files, chunking);
  return visitor.files;
}
