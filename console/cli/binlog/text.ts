/** A log for people: one block per transaction. No value, name or statement can steer the terminal: everything goes through `paint`. */
import type { Bytes } from '../../../core/binlog/bytes.ts';
import type { Finding } from '../../../core/binlog/finding.ts';
import { committedText, emittersOf, nameOf } from '../../../core/binlog/jsonl.ts';
import { mariaGtidText } from '../../../core/binlog/maria.ts';
import type { MariaGtid } from '../../../core/binlog/maria.ts';
import { ABSENT, NULL } from '../../../core/binlog/rows.ts';
import type { RowImage, RowsEvent } from '../../../core/binlog/rows.ts';
import type { TableMap } from '../../../core/binlog/table-map.ts';
import { patchedJson } from '../../../core/binlog/value/emit.ts';
import type { Emitter } from '../../../core/binlog/value/emit.ts';
import { ByteWriter } from '../../../core/binlog/value/writer.ts';
import type { Format, LogVisitor, Place, Statement, TxEnd, TxHead } from '../../../core/binlog/visitor.ts';
import type { GtidSet } from '../../../core/gtid.ts';
import { inert, plural } from '../../../core/report/text.ts';
import { columns, paint } from '../live-text.ts';
import type { Line, Look, Style } from '../live-text.ts';
import { bytesText, levelStyle, shortened } from './words.ts';
import { kindOf, sameBytes, shownToken, sizeOf, tokenOf } from './value.ts';
import type { Kind } from './value.ts';

const NAME_WIDTH_MAX = 24;
const VALUE_WIDTH_MIN = 20;
const STATEMENT_WIDTH = 400;
const INDENT = '      ';

interface Plan {
  /** `name = ` and `name   ` of each column, painted */
  equals: string[];
  names: string[];
  width: number;
  emitters: Emitter[];
  kinds: Kind[];
  /** identifies the row; null: not logged */
  key: Set<number> | null;
}

export class TextView implements LogVisitor {
  private readonly write: (text: string) => void;
  private readonly look: Look;
  private readonly bytes: Pick<Bytes, 'inflate'>;
  /** columns for one row line; Infinity with --full */
  private readonly room: number;
  private readonly plans = new WeakMap<TableMap, Plan>();
  private readonly token = new ByteWriter(4096);
  private readonly arrow: string;
  private file = '';
  private gtid: string | null = null;
  private rowCount = 0;
  private files = 0;
  /** the finding that a statement stands where rows were expected: told with the statement, if that is shown */
  private held: Finding | null = null;

  constructor(write: (text: string) => void, o: { look: Look; full: boolean; bytes: Pick<Bytes, 'inflate'> }) {
    this.write = write;
    this.look = { ...o.look, width: Infinity };
    this.room = o.full ? Infinity : o.look.width;
    this.bytes = o.bytes;
    this.arrow = ` ${this.styled('→', 'dim')} `;
  }

  beginFile(name: string): void {
    this.file = name;
  }

  endFile(): void {
    this.tellHeld();
  }

  format(f: Format): void {
    if (this.files++ > 0) this.line();
    const flags = [f.checksums ? 'CRC32' : 'no checksums', ...(f.relay ? ['relay log'] : []), ...(f.inUse ? ['in use'] : [])];
    const version = f.flavour === 'mysql' ? `MySQL ${f.serverVersion}` : f.serverVersion;
    this.line([this.file, 'bold'], [`  ${version}, server ${f.serverId}, ${flags.join(', ')}`, 'dim']);
  }

  previousGtids(set: GtidSet, _place: Place): void {
    this.line([`  executed before: ${this.cut(set.toString() || 'nothing', this.room - 19)}`, 'dim']);
  }

  gtidList(list: readonly MariaGtid[], _place: Place): void {
    this.line([`  executed before: ${this.cut(list.map(mariaGtidText).join(',') || 'nothing', this.room - 19)}`, 'dim']);
  }

  begin(tx: TxHead): void {
    this.rowCount = 0;
    this.gtid = tx.gtid();
    const when = committedText(tx).replace('T', ' ').replace('Z', '');
    this.line();
    this.line([this.gtid ?? (tx.kind === 'anonymous' ? 'anonymous transaction' : 'transaction without GTID'), 'bold']);
    this.line([`  ${when} UTC, server ${tx.serverId}, ${tx.file} at ${tx.offset}`, 'dim']);
  }

  rowsQuery(text: string): void {
    this.line([`  ${this.cut(text, STATEMENT_WIDTH)}`, 'dim']);
  }

  rows(rows: RowsEvent): void {
    const plan = this.planOf(rows.table);
    while (rows.next()) {
      this.rowCount++;
      if (rows.before !== null && rows.after !== null) this.update(rows.table, plan, rows.before, rows.after);
      else this.whole(rows.op, rows.table, plan, (rows.after ?? rows.before)!);
    }
  }

  statement(s: Statement): void {
    if (this.held?.offset === s.place.offset) this.held = null;
    this.line(
      ['  statement', s.ddl ? 'plain' : 'unknown'],
      [s.schema === '' ? '' : `  in ${s.schema}`, 'dim'],
      [s.ddl ? '' : ', what it changed is not in the log as rows', 'unknown'],
      [s.exact ? '' : ', bytes not valid in its character set', 'unknown'],
    );
    this.line([`${INDENT}${this.cut(s.text, STATEMENT_WIDTH)}`]);
  }

  end(tx: TxHead, end: TxEnd): void {
    const bytes = end.endOffset - tx.offset;
    const facts = [
      ENDS[end.how],
      ...(end.branch === '' ? [] : [end.branch]),
      ...(end.xid === null ? [] : [`XID ${end.xid}`]),
      ...(this.rowCount === 0 && HAS_NO_ROWS.has(end.how) ? [] : [plural(this.rowCount, 'row')]),
      ...(bytes > 0 ? [`${bytesText(bytes)}${tx.compressed ? ' compressed' : ''}`] : []),
    ];
    this.line([`  ${facts.join(', ')}`, 'dim'], end.sound ? [''] : ['  its rows may not all be here', 'unknown']);
    this.gtid = null;
  }

  abandon(_tx: TxHead): void {
    this.line(['  not whole: it does not count', 'fail']);
    this.gtid = null;
  }

  rotate(next: string, place: Place): void {
    this.line();
    this.line([`${place.file} ends at ${place.offset}; ${next} follows`, 'dim']);
  }

  stop(place: Place): void {
    this.line();
    this.line([`${place.file} ends at ${place.offset}: the server was shut down`, 'dim']);
  }

  finding(f: Finding): void {
    if (f.kind === 'statement') {
      this.tellHeld();
      this.held = f;
    } else this.tell(f);
  }

  private tell(f: Finding): void {
    const where = `${f.kind} at ${f.file}:${f.offset}${f.gtid && f.gtid !== this.gtid ? ` in ${f.gtid}` : ''}`;
    const note = f.level === 'note';
    this.line([`  ${note ? 'note' : f.level.toUpperCase()}  `, levelStyle(f.level)], [`${where}: ${f.text}`, note ? 'dim' : 'plain']);
  }

  private tellHeld(): void {
    const { held } = this;
    this.held = null;
    if (held) this.tell(held);
  }

  private whole(op: RowsEvent['op'], table: TableMap, plan: Plan, image: RowImage): void {
    this.line([`  ${op}  `, op === 'delete' ? 'fail' : 'pass'], [table.name, 'bold']);
    for (let i = 0; i < plan.names.length; i++) {
      this.token.pos = 0;
      if (this.put(plan, table, image, i)) this.write(`${plan.equals[i]!}${this.shown(plan, i, 0, this.token.pos, this.room - plan.width - 9)}\n`);
    }
  }

  /** Changed columns, and what identifies the row: its key, or everything else where the log does not name the key. */
  private update(table: TableMap, plan: Plan, before: RowImage, after: RowImage): void {
    this.line(['  update  ', 'unknown'], [table.name, 'bold']);
    const { token } = this;
    for (let i = 0; i < plan.names.length; i++) {
      token.pos = 0;
      const hasOld = this.put(plan, table, before, i);
      const middle = token.pos;
      const hasNew = this.put(plan, table, after, i);
      if (!hasOld && !hasNew) continue;
      if (!hasNew || (hasOld && sameBytes(token.buf, middle, token.pos))) {
        if (plan.key === null || plan.key.has(i)) this.write(`${plan.equals[i]!}${this.shown(plan, i, 0, middle, this.room - plan.width - 9, 'dim')}\n`);
        continue;
      }
      const room = Math.floor((this.room - plan.width - 12) / 2);
      const old = hasOld ? this.shown(plan, i, 0, middle, room) : this.styled('(not logged)', 'dim');
      this.write(`${plan.names[i]!}${old}${this.arrow}${this.shown(plan, i, middle, token.pos, room)}\n`);
    }
  }

  /** Appends the value's JSON token. false: it is not in the image. */
  private put(plan: Plan, table: TableMap, image: RowImage, i: number): boolean {
    const pos = image.at[i]!;
    const patch = image.patched === null ? null : image.patched[i]!;
    if (patch) patchedJson(this.token, table.columns[i]!, patch);
    else if (pos === ABSENT) return false;
    else if (pos === NULL) this.token.ascii('null');
    else plan.emitters[i]!.json(this.token, image.buf, pos);
    return true;
  }

  /** The token from start to end, for people. */
  private shown(plan: Plan, i: number, start: number, end: number, room: number, style: Style = 'plain'): string {
    const token = tokenOf(this.token.buf, start, end);
    const text = shownToken(token, plan.kinds[i]!);
    if (text.length <= room) return this.styled(this.cut(text, room), text === 'NULL' ? 'dim' : style);
    return this.styled(this.cut(text, room, sizeOf(token, plan.kinds[i]!)), style);
  }

  private styled(text: string, style: Style): string {
    return paint([[text, style]], this.look);
  }

  private cut(text: string, room: number, size?: string): string {
    return this.room === Infinity ? text : shortened(text, Math.max(VALUE_WIDTH_MIN, room), size);
  }

  private planOf(table: TableMap): Plan {
    let plan = this.plans.get(table);
    if (!plan) {
      const names = table.columns.map((c) => inert(nameOf(c)));
      const width = names.reduce((w, n) => Math.max(w, Math.min(NAME_WIDTH_MAX, columns(n))), 0);
      const space = names.map((n) => ' '.repeat(Math.max(0, width - columns(n))));
      plan = {
        equals: names.map((n, i) => `${this.styled(`${INDENT}${n}${space[i]!} =`, 'dim')} `),
        names: names.map((n, i) => `${this.styled(`${INDENT}${n}`, 'dim')}${space[i]!}   `),
        width,
        emitters: emittersOf(table, this.bytes),
        kinds: table.columns.map(kindOf),
        key: table.primaryKey && new Set(table.primaryKey.map((k) => k.column)),
      };
      this.plans.set(table, plan);
    }
    return plan;
  }

  private line(...spans: Line): void {
    this.tellHeld();
    this.write(`${paint(spans, this.look)}\n`);
  }
}

const HAS_NO_ROWS = new Set<TxEnd['how']>(['ddl', 'xa-commit', 'xa-rollback']);
const ENDS: Record<TxEnd['how'], string> = {
  xid: 'committed',
  commit: 'committed',
  ddl: 'done',
  'xa-prepare': 'XA prepared, undecided',
  'xa-commit': 'XA committed',
  'xa-rollback': 'XA rolled back',
  rollback: 'rolled back',
};
