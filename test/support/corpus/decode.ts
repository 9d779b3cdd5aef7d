/** Binary logs through the real readers, as plain objects that a test can look at. */
import type { Finding } from '../../../core/binlog/finding.ts';
import { LogReader } from '../../../core/binlog/log.ts';
import { ABSENT, NULL } from '../../../core/binlog/rows.ts';
import type { RowImage, RowsEvent } from '../../../core/binlog/rows.ts';
import type { TableMap } from '../../../core/binlog/table-map.ts';
import { emitterOf, patchedJson, patchedValue } from '../../../core/binlog/value/emit.ts';
import type { Emitter } from '../../../core/binlog/value/emit.ts';
import { ByteWriter } from '../../../core/binlog/value/writer.ts';
import type { Format, LogVisitor, Statement, TxEnd, TxHead, TxKind } from '../../../core/binlog/visitor.ts';
import { nodeBytes } from '../../../targets/systems/mysql/binlog/bytes.ts';
import { readFiles } from '../../../targets/systems/mysql/binlog/read.ts';

/** By column: undefined is absent, null is NULL, else the parsed token of --json. */
export type DecodedImage = unknown[];

export interface DecodedRow {
  table: TableMap;
  op: RowsEvent['op'];
  before: DecodedImage | null;
  after: DecodedImage | null;
  rowsQuery: string | null;
  file: string;
  offset: number;
  /** counts row events, from 1 */
  event: number;
}
export interface DecodedTx {
  kind: TxKind;
  gtid: string | null;
  /** null: abandoned */
  end: TxEnd | null;
  compressed: boolean;
  rows: DecodedRow[];
  statements: Statement[];
  file: string;
  offset: number;
}
export interface Decoded {
  formats: (Format & { file: string; offset: number })[];
  txs: DecodedTx[];
  /** of statements and rows outside of transactions */
  loose: { rows: DecodedRow[]; statements: Statement[] };
  findings: Finding[];
  previous: string[];
  gtidLists: string[];
  rotates: string[];
  /** by type: how many */
  events: Map<number, number>;
}

const inflate: (typeof nodeBytes)['inflate'] = (data, sizeMax, raw) => nodeBytes.inflate(data, sizeMax, raw);

export async function decode(files: readonly string[]): Promise<Decoded> {
  const collector = new Collector();
  await readFiles(files, new LogReader(collector, { bytes: nodeBytes, rows: 'visit', checksums: 'all' }));
  return collector.out;
}

/** Of one value: its token, checked against its plain text and its object, which must say the same. */
class Collector implements LogVisitor {
  readonly out: Decoded = {
    formats: [],
    txs: [],
    loose: { rows: [], statements: [] },
    findings: [],
    previous: [],
    gtidLists: [],
    rotates: [],
    events: new Map(),
  };
  private readonly emitters = new WeakMap<TableMap, Emitter[]>();
  private readonly writer = new ByteWriter();
  private tx: DecodedTx | null = null;
  private rowsQueryText: string | null = null;
  private file = '';
  private rowEvents = 0;

  beginFile(name: string): void {
    this.file = name;
  }
  format(format: Format, place: { file: string; offset: number }): void {
    this.out.formats.push({ ...format, postHeaderLengths: format.postHeaderLengths.slice(), file: place.file, offset: place.offset });
  }
  previousGtids(set: { toString(): string }): void {
    this.out.previous.push(set.toString());
  }
  gtidList(list: readonly { domain: number; server: number; seq: number }[]): void {
    this.out.gtidLists.push(list.map((g) => `${g.domain}-${g.server}-${g.seq}`).join());
  }
  begin(tx: TxHead): void {
    this.tx = { kind: tx.kind, gtid: tx.gtid(), end: null, compressed: tx.compressed, rows: [], statements: [], file: tx.file, offset: tx.offset };
    this.out.txs.push(this.tx);
  }
  rowsQuery(text: string): void {
    this.rowsQueryText = text;
  }
  rows(rows: RowsEvent, tx: TxHead | null): void {
    const into = (tx ? this.tx : null) ?? this.out.loose;
    if (tx && this.tx) this.tx.compressed = tx.compressed;
    const { table, op, offset } = rows;
    const [rowsQuery, file, event] = [this.rowsQueryText, this.file, ++this.rowEvents];
    while (rows.next())
      into.rows.push({ table, op, before: this.image(table, rows.before), after: this.image(table, rows.after), rowsQuery, file, offset, event });
  }
  statement(statement: Statement, tx: TxHead | null): void {
    ((tx ? this.tx : null) ?? this.out.loose).statements.push({ ...statement, place: { ...statement.place } });
  }
  end(tx: TxHead, end: TxEnd): void {
    if (this.tx) {
      this.tx.end = { ...end };
      this.tx.compressed = tx.compressed;
    }
    this.tx = null;
    this.rowsQueryText = null;
  }
  abandon(): void {
    this.tx = null;
    this.rowsQueryText = null;
  }
  rotate(next: string): void {
    this.out.rotates.push(next);
  }
  event(type: number): void {
    this.out.events.set(type, (this.out.events.get(type) ?? 0) + 1);
  }
  finding(finding: Finding): void {
    this.out.findings.push({ ...finding });
  }

  private image(table: TableMap, image: RowImage | null): DecodedImage | null {
    if (!image) return null;
    let emitters = this.emitters.get(table);
    if (!emitters) this.emitters.set(table, (emitters = table.columns.map((c) => emitterOf(c, table.flavour, inflate))));
    return table.columns.map((column, i) => {
      const patched = image.patched?.[i];
      this.writer.pos = 0;
      if (patched) {
        patchedJson(this.writer, column, patched);
        patchedValue(column, patched);
        return JSON.parse(this.written()) as unknown;
      }
      const at = image.at[i]!;
      if (at === ABSENT) return undefined;
      if (at === NULL) return null;
      return this.token(emitters[i]!, image.buf, at);
    });
  }

  private token(emitter: Emitter, buf: Uint8Array, at: number): unknown {
    emitter.json(this.writer, buf, at);
    const json = this.written();
    this.writer.pos = 0;
    emitter.text(this.writer, buf, at);
    const text = this.written();
    const value = emitter.value(buf, at);
    if (value.text !== text) throw new Error(`text() says ${text.slice(0, 100)} and value() ${value.text.slice(0, 100)}`);
    return JSON.parse(json) as unknown;
  }

  private written(): string {
    return Buffer.from(this.writer.buf.buffer, this.writer.buf.byteOffset, this.writer.pos).toString();
  }
}
