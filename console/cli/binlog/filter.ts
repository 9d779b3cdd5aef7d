/**
 * Passes on the transactions, rows and statements that a person asked for, and the files that they are in. Findings always pass: they are about the log, and
 * a statement whose rows are not there may have changed anything.
 */
import { commitUs } from '../../../core/binlog/inventory.ts';
import type { Finding } from '../../../core/binlog/finding.ts';
import type { RowsEvent } from '../../../core/binlog/rows.ts';
import type { TableMap } from '../../../core/binlog/table-map.ts';
import type { Format, LogVisitor, Place, Statement, TxEnd, TxHead } from '../../../core/binlog/visitor.ts';
import { DrillError } from '../../../core/errors.ts';
import { GtidSet } from '../../../core/gtid.ts';

export interface Wanted {
  gtid: ((gtid: string) => boolean) | null;
  /** `schema.table`, or `schema.*` */
  tables: readonly string[];
  /** epoch µs, both included */
  sinceUs: number;
  untilUs: number;
}

export class Filter implements LogVisitor {
  private readonly inner: LogVisitor;
  private readonly wanted: Wanted;
  private readonly tables = new Map<string, boolean>();
  private readonly told = new WeakSet<TableMap>();
  /** of the transaction: its head has the wanted GTID and time */
  private head = true;
  /** its beginning was passed on */
  private begun = false;
  private query: string | null = null;
  private file = '';
  /** of the current file, not yet passed on */
  private formats: { format: Format; place: Place }[] = [];
  /** the last file of which something was passed on */
  private shown: string | null = null;

  constructor(inner: LogVisitor, wanted: Wanted) {
    this.inner = inner;
    this.wanted = wanted;
  }

  beginFile(name: string): void {
    this.file = name;
    this.formats = [];
    this.inner.beginFile?.(name);
  }
  endFile(name: string, bytes: number): void {
    if (this.shown === name) this.inner.endFile?.(name, bytes);
  }
  format(format: Format, place: Place): void {
    this.formats.push({ format, place: { ...place } });
  }
  finding(f: Finding): void {
    this.showFile();
    this.inner.finding(f);
  }

  private showFile(): void {
    for (const { format, place } of this.formats) this.inner.format?.(format, place);
    this.formats = [];
    this.shown = this.file;
  }

  begin(tx: TxHead): void {
    const { gtid, sinceUs, untilUs, tables } = this.wanted;
    const us = commitUs(tx);
    this.head = us >= sinceUs && us <= untilUs && (gtid === null || this.named(gtid, tx.gtid()));
    this.begun = false;
    this.query = null;
    if (tables.length === 0) this.open(tx);
  }

  rowsQuery(text: string): void {
    this.query = text;
  }

  rows(rows: RowsEvent, tx: TxHead | null): void {
    const { table } = rows;
    if (!this.head || !this.isWanted(table.name)) return;
    this.open(tx);
    if (!this.told.has(table)) {
      this.told.add(table);
      this.inner.table?.(table, tx);
    }
    if (this.query !== null) this.inner.rowsQuery?.(this.query, tx);
    this.query = null;
    this.inner.rows?.(rows, tx);
  }

  statement(statement: Statement, tx: TxHead | null): void {
    if (!this.head || !this.speaksOf(statement)) return;
    this.open(tx);
    this.inner.statement?.(statement, tx);
  }

  end(tx: TxHead, end: TxEnd): void {
    if (this.begun) this.inner.end?.(tx, end);
    this.over();
  }

  abandon(tx: TxHead): void {
    if (this.begun) this.inner.abandon?.(tx);
    this.over();
  }

  /** What stands outside of a transaction has no head to judge by. */
  private over(): void {
    this.head = this.wanted.gtid === null;
    this.begun = false;
    this.query = null;
  }

  private open(tx: TxHead | null): void {
    if (!this.head || this.begun || !tx) return;
    this.begun = true;
    this.showFile();
    this.inner.begin?.(tx);
  }

  private named(gtid: (gtid: string) => boolean, name: string | null): boolean {
    return name !== null && gtid(name);
  }

  private isWanted(table: string): boolean {
    let wanted = this.tables.get(table);
    if (wanted === undefined) {
      wanted = this.wanted.tables.length === 0 || this.wanted.tables.some((t) => (t.endsWith('.*') ? table.startsWith(t.slice(0, -1)) : t === table));
      this.tables.set(table, wanted);
    }
    return wanted;
  }

  /** Whether a statement touches a table is not told from its text for sure: one that names it, or runs in a wanted schema, is shown. */
  private speaksOf({ text, schema }: Statement): boolean {
    const { tables } = this.wanted;
    return (
      tables.length === 0 ||
      tables.some((t) => {
        const dot = t.indexOf('.');
        return t.endsWith('.*') ? schema === t.slice(0, dot) || text.includes(t.slice(0, dot)) : text.includes(t.slice(dot + 1));
      })
    );
  }
}

export interface FilterFlags {
  gtid?: string;
  table?: string[];
  since?: string;
  until?: string;
}

/** The same visitor when nothing is filtered. Throws DRILL_USAGE, DRILL_GTID_INVALID. */
export function filtered(view: LogVisitor, flags: FilterFlags): LogVisitor {
  const { gtid, table, since, until } = flags;
  if (gtid === undefined && table === undefined && since === undefined && until === undefined) return view;
  return new Filter(view, {
    gtid: gtid === undefined ? null : gtidTest(gtid),
    tables: table ?? [],
    sinceUs: since === undefined ? -Infinity : timeUs(since),
    untilUs: until === undefined ? Infinity : timeUs(until),
  });
}

/** The GTIDs of a set: MySQL's `uuid:1-5,uuid:tag:7`, or MariaDB's single ones, `0-1-5,0-1-6`. Throws DRILL_GTID_INVALID. */
export function gtidTest(text: string): (gtid: string) => boolean {
  if (/^\s*\d+-\d+-\d+\s*(,\s*\d+-\d+-\d+\s*)*$/.test(text)) {
    const some = new Set(text.split(',').map((g) => g.trim()));
    return (gtid) => some.has(gtid);
  }
  const set = GtidSet.parse(text);
  return (gtid) => /^[0-9a-f]{8}-/.test(gtid) && set.has(gtid);
}

const ISO = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,6}))?)?(Z|[+-]\d\d:\d\d)?$/;

/** Epoch seconds, or ISO time, UTC where it names no zone. Epoch µs. Throws DRILL_USAGE. */
export function timeUs(text: string): number {
  const epoch = /^(\d{1,11})(?:\.(\d{1,6}))?$/.exec(text);
  if (epoch) return Number(epoch[1]) * 1e6 + Number((epoch[2] ?? '').padEnd(6, '0'));
  const iso = ISO.exec(text);
  const ms = iso ? Date.parse(`${iso[1]}T${iso[2] ?? '00:00'}${iso[4] ?? 'Z'}`) : NaN;
  if (Number.isNaN(ms))
    throw new DrillError('DRILL_USAGE', `"${text}" is no time`, 'write 2026-11-22T14:03:07.250 (UTC unless a zone is named), or seconds since 1970');
  return ms * 1000 + Number((iso![3] ?? '').padEnd(6, '0'));
}
