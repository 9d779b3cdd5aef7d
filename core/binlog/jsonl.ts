/**
 * A log as JSON Lines (docs/binlog.md; the shapes are in jsonl-schema.ts). Rows are written as bytes, value by value, without strings; everything before
 * and between the values of a row is made once per table. A row that turns out damaged leaves no half line.
 */
import type { Bytes } from './bytes.ts';
import type { Finding } from './finding.ts';
import { mariaGtidText } from './maria.ts';
import type { MariaGtid } from './maria.ts';
import { ABSENT, NULL } from './rows.ts';
import type { RowImage, RowsEvent } from './rows.ts';
import type { ColumnMeta, TableMap } from './table-map.ts';
import type { GtidSet } from '../gtid.ts';
import { emitterOf, patchedJson } from './value/emit.ts';
import type { Emitter } from './value/emit.ts';
import { ByteWriter, Token } from './value/writer.ts';
import type { Format, LogVisitor, Place, Statement, TxEnd, TxHead } from './visitor.ts';

const BLOCK_BYTES = 256 * 1024;
/** A buffer that one huge row has grown is given back. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024;

const utf8 = new TextEncoder();
const token = (text: string): Token => new Token(utf8.encode(text));
const NULL_TOKEN = token('null');
const AFTER = token('},"after":{');
const END = token('}}\n');

/** What every row of a table has in common. */
interface Plan {
  insert: Token;
  update: Token;
  delete: Token;
  /** by column: `"name":` at the beginning of an image, and `,"name":` behind others */
  first: Token[];
  names: Token[];
  emitters: Emitter[];
  columns: readonly ColumnMeta[];
}

export class JsonLines implements LogVisitor {
  private readonly out = new ByteWriter(BLOCK_BYTES * 2);
  private readonly write: (block: Uint8Array) => void;
  private readonly bytes: Pick<Bytes, 'inflate'>;
  private readonly plans = new WeakMap<TableMap, Plan>();
  private file = '""';

  /** `write` gets blocks of whole lines, about 256 KiB each and reused after the call. */
  constructor(write: (block: Uint8Array) => void, bytes: Pick<Bytes, 'inflate'>) {
    this.write = write;
    this.bytes = bytes;
  }

  /** Hands over what is left. */
  flush(): void {
    const { out } = this;
    if (out.pos > 0) this.write(out.buf.subarray(0, out.pos));
    out.pos = 0;
    if (out.buf.length > KEPT_BYTES_MAX) out.reset(BLOCK_BYTES * 2);
  }

  beginFile(name: string): void {
    this.file = JSON.stringify(name);
  }

  endFile(file: string, bytes: number): void {
    this.line({ type: 'fileEnd', file, bytes });
  }

  format(format: Format, place: Place): void {
    const { flavour, serverVersion, serverId, createdAt, checksums, inUse, relay } = format;
    this.line({
      type: 'file',
      ...place,
      flavour,
      serverVersion,
      serverId,
      ...(createdAt ? { serverStarted: secondsText(createdAt) } : {}),
      checksums,
      inUse,
      relay,
    });
  }

  previousGtids(set: GtidSet, place: Place): void {
    this.line({ type: 'previousGtids', file: place.file, gtids: set.toString() });
  }

  gtidList(list: readonly MariaGtid[], place: Place): void {
    this.line({ type: 'gtidList', file: place.file, gtids: list.map(mariaGtidText) });
  }

  begin(tx: TxHead): void {
    const gtid = tx.gtid();
    const clock = tx.sequenceNumber === 0 ? '' : `,"lastCommitted":${tx.lastCommitted},"sequenceNumber":${tx.sequenceNumber}`;
    const original = tx.originalCommitUs === 0 || tx.originalCommitUs === tx.immediateCommitUs ? '' : `,"originalCommitted":"${utcText(tx.originalCommitUs)}"`;
    this.text(
      `{"type":"transaction","gtid":${gtid === null ? 'null' : JSON.stringify(gtid)},"kind":"${tx.kind}","file":${this.file},"offset":${tx.offset},` +
        `"serverId":${tx.serverId},"committed":"${committedText(tx)}"${original}${clock}}\n`,
    );
  }

  table(table: TableMap): void {
    this.line(tableLine(table));
  }

  rowsQuery(text: string): void {
    this.line({ type: 'rowsQuery', text });
  }

  rows(rows: RowsEvent): void {
    const plan = this.planOf(rows.table);
    const head = plan[rows.op];
    const { out } = this;
    let start = out.pos;
    try {
      while (rows.next()) {
        start = out.pos;
        out.token(head);
        if (rows.before !== null) this.image(plan, rows.before);
        if (rows.before !== null && rows.after !== null) out.token(AFTER);
        if (rows.after !== null) this.image(plan, rows.after);
        out.token(END);
        if (out.pos >= BLOCK_BYTES) this.flush();
        start = out.pos;
      }
    } catch (e) {
      out.pos = start;
      throw e;
    }
  }

  statement(s: Statement): void {
    const { schema, text, exact, ddl, place } = s;
    this.line({ type: 'statement', schema, text, ...(exact ? {} : { exact }), ddl, ...place });
  }

  end(tx: TxHead, end: TxEnd): void {
    const gtid = tx.gtid();
    const branch = end.branch === '' ? '' : `,"branch":${JSON.stringify(end.branch)}`;
    this.text(
      `{"type":"end","gtid":${gtid === null ? 'null' : JSON.stringify(gtid)},"how":"${end.how}"${end.xid === null ? '' : `,"xid":"${end.xid}"`}${branch},` +
        `"endOffset":${end.endOffset}${tx.compressed ? ',"compressed":true' : ''},"sound":${end.sound}}\n`,
    );
  }

  abandon(tx: TxHead): void {
    this.line({ type: 'abandoned', gtid: tx.gtid(), file: tx.file, offset: tx.offset });
  }

  rotate(next: string, place: Place): void {
    this.line({ type: 'rotate', next, ...place });
  }

  stop(place: Place): void {
    this.line({ type: 'stop', ...place });
  }

  finding(f: Finding): void {
    this.line({ type: 'finding', ...f });
  }

  private image(plan: Plan, image: RowImage): void {
    const { out } = this;
    const { at, buf, patched } = image;
    const { emitters } = plan;
    let names = plan.first;
    for (let i = 0; i < emitters.length; i++) {
      const pos = at[i]!;
      const patch = patched === null ? null : patched[i]!;
      if (pos === ABSENT && !patch) continue;
      out.token(names[i]!);
      names = plan.names;
      if (patch) patchedJson(out, plan.columns[i]!, patch);
      else if (pos === NULL) out.token(NULL_TOKEN);
      else emitters[i]!.json(out, buf, pos);
    }
  }

  private planOf(table: TableMap): Plan {
    let plan = this.plans.get(table);
    if (!plan) {
      const head = (op: string, image: string) => token(`{"type":"${op}","table":${JSON.stringify(table.name)},"${image}":{`);
      plan = {
        insert: head('insert', 'after'),
        update: head('update', 'before'),
        delete: head('delete', 'before'),
        first: table.columns.map((c) => token(`${JSON.stringify(nameOf(c))}:`)),
        names: table.columns.map((c) => token(`,${JSON.stringify(nameOf(c))}:`)),
        emitters: emittersOf(table, this.bytes),
        columns: table.columns,
      };
      this.plans.set(table, plan);
    }
    return plan;
  }

  private line(value: object): void {
    this.text(`${JSON.stringify(value)}\n`);
  }

  private text(line: string): void {
    const { out } = this;
    out.need(line.length * 3);
    out.pos += utf8.encodeInto(line, out.buf.subarray(out.pos)).written;
    if (out.pos >= BLOCK_BYTES) this.flush();
  }
}

/** One of each column. */
export const emittersOf = (table: TableMap, bytes: Pick<Bytes, 'inflate'>): Emitter[] =>
  table.columns.map((c) => emitterOf(c, table.flavour, (data, sizeMax, raw) => bytes.inflate(data, sizeMax, raw)));

/** A column as it is keyed in rows: its name, or `@1` for the first where names are not logged. */
export const nameOf = (c: ColumnMeta): string => c.name ?? `@${c.index + 1}`;

function tableLine(t: TableMap): object {
  const columns = t.columns.map((c) => ({
    name: nameOf(c),
    type: c.typeText,
    nullable: c.nullable,
    ...(c.unsigned === null ? {} : { unsigned: c.unsigned }),
    ...(c.collation === null ? {} : { collation: c.collation }),
    ...(c.labels === null ? {} : { labels: c.labels }),
    ...(c.visible === null ? {} : { visible: c.visible }),
  }));
  const primaryKey = t.primaryKey?.map(({ column, prefix }) => ({ column: nameOf(t.columns[column]!), ...(prefix ? { prefix } : {}) }));
  return { type: 'table', table: t.name, schema: t.schema, name: t.table, columns, ...(primaryKey ? { primaryKey } : {}) };
}

let second = -1;
let secondText = '';

/** Epoch µs as `2026-11-22T14:03:07.250000Z`. */
export function utcText(us: number): string {
  const s = Math.floor(us / 1e6);
  if (s !== second) {
    second = s;
    secondText = new Date(s * 1000).toISOString().slice(0, -5);
  }
  return `${secondText}.${String(us - s * 1e6).padStart(6, '0')}Z`;
}

/** With µs where the log has them, else `2026-11-22T14:03:07Z`. */
export function committedText(tx: TxHead): string {
  if (tx.immediateCommitUs !== 0) return utcText(tx.immediateCommitUs);
  return secondsText(tx.seconds);
}

const secondsText = (s: number): string => `${utcText(s * 1e6).slice(0, 19)}Z`;
