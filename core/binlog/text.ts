import type { BinlogSink, RowChange, Transaction, Value } from './model.ts';

const AT = /^# at (\d+)$/;
const HEADER = /^#\d{6} [ \d]\d:\d\d:\d\d server id \d+ {2}end_log_pos (\d+) (?:CRC32 0x[0-9a-f]{8} )?\t?([^\t]+)(.*)$/;
const COMMIT_US = /\bimmediate_commit_timestamp=(\d+)/;
const GTID_NEXT = /^SET @@SESSION\.GTID_NEXT= '([^']+)'/;
/** `# uuid:1-3,`; other comments follow at the end of a file */
const PREVIOUS = /^# [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:/;
const ROW = /^### (INSERT INTO|UPDATE|DELETE FROM) `((?:[^`]|``)+)`\.`((?:[^`]|``)+)`$/;
const COLUMN = /^### {3}@(\d+)=(.*) \/\* (.+) meta=\d+ nullable=\d+ is_null=[01] \*\/$/;
const INTEGER = /^(-?\d+) \((\d+)\)$/;
const DELIMITER = '/*!*/;';
const OPS = { 'INSERT INTO': 'insert', UPDATE: 'update', 'DELETE FROM': 'delete' } as const;

/**
 * Parses what `mysqlbinlog --base64-output=decode-rows -vv` prints, one line at a time, into whole transactions.
 * Feed lines as latin1 (one character a byte): strings are decoded here, and bytes that are not UTF-8 are marked, not replaced.
 * Statement text can hold any line, so an event begins only at `# at N` where N is the end of the event before. Cost: one regular expression a line.
 * What it cannot place is a finding, never skipped in silence.
 */
export class BinlogText {
  private readonly sink: BinlogSink;
  private section: 'preamble' | 'previous' | 'query' | 'rows' | 'variable' | 'other' = 'preamble';
  private expectedAt: number | null = null;
  private headerNext = false;
  private previous: string[] = [];
  private query: string[] = [];
  private open: Transaction | null = null;
  private pendingCommitUs = 0n;
  private row: RowChange | null = null;
  private side: 'before' | 'after' = 'after';

  constructor(sink: BinlogSink) {
    this.sink = sink;
  }

  push(line: string): void {
    if (this.headerNext) {
      this.headerNext = false;
      const header = HEADER.exec(line);
      if (header) return this.event(Number(header[1]), header[2]!, header[3]!);
      // variables of a statement have a second position line, and the event after them none
      this.headerNext = AT.test(line);
      if (this.headerNext) return;
    }
    if (this.section === 'variable') {
      const header = HEADER.exec(line);
      if (header) return this.event(Number(header[1]), header[2]!, header[3]!);
    }
    const at = line.startsWith('# at ') ? AT.exec(line) : null;
    if (at && (this.expectedAt === null || Number(at[1]) === this.expectedAt)) {
      this.headerNext = true;
      return;
    }
    this.content(line);
  }

  /** The file is over. A transaction without its commit is cut. The next file may follow. */
  end(): void {
    this.endSection();
    if (this.open) this.sink.finding('cut', `the log ends inside transaction ${this.open.gtid}: it is not whole, and left out`);
    this.open = null;
    this.section = 'preamble';
    this.expectedAt = null;
  }

  private event(endPos: number, name: string, rest: string): void {
    this.endSection();
    this.expectedAt = endPos;
    const kind = name.trim();
    if (kind === 'Previous-GTIDs') {
      this.section = 'previous';
    } else if (kind === 'GTID') {
      if (this.open) this.sink.finding('cut', `transaction ${this.open.gtid} has no end: it is not whole, and left out`);
      this.open = null;
      this.pendingCommitUs = BigInt(COMMIT_US.exec(rest)?.[1] ?? 0);
      this.section = 'other';
    } else if (kind === 'Query') {
      this.section = 'query';
    } else if (/^(Write|Update|Delete)_rows(_v\d)?(: |$)/.test(kind)) {
      this.section = 'rows';
    } else if (kind.startsWith('Xid =')) {
      this.commit();
      this.section = 'other';
    } else if (kind.startsWith('XA PREPARE')) {
      this.open?.statements.push('XA PREPARE');
      this.commit();
      this.section = 'other';
    } else if (kind.startsWith('Update_rows_partial')) {
      this.open?.statements.push(`rows in a form that is not read: ${kind}`);
      this.section = 'other';
    } else this.section = /^(Intvar|Rand|User_var)\b/.test(kind) ? 'variable' : 'other';
  }

  private content(line: string): void {
    switch (this.section) {
      case 'previous':
        if (PREVIOUS.test(line)) this.previous.push(line.slice(2));
        return;
      case 'query':
        this.query.push(line);
        return;
      case 'rows':
        if (line.startsWith('###')) this.rowLine(line);
        return;
      case 'variable':
        return;
      case 'other': {
        this.inUse(line);
        const gtid = GTID_NEXT.exec(line);
        if (gtid && gtid[1] !== 'AUTOMATIC' && gtid[1] !== 'ANONYMOUS')
          this.open = { gtid: gtid[1]!.toLowerCase(), commitUs: this.pendingCommitUs, rows: [], statements: [] };
        return;
      }
      case 'preamble':
        this.inUse(line);
    }
  }

  private inUse(line: string): void {
    if (line.startsWith('# Warning: this binlog is either in use'))
      this.sink.finding('in-use', 'the log was not closed: its server was killed, or still writes it');
  }

  private rowLine(line: string): void {
    const head = ROW.exec(line);
    if (head) {
      const table = `${unquoteName(head[2]!)}.${unquoteName(head[3]!)}`;
      const op = OPS[head[1] as keyof typeof OPS];
      this.row = { table, op, before: op === 'insert' ? null : [], after: op === 'delete' ? null : [] };
      this.open?.rows.push(this.row);
    } else if (line === '### WHERE') this.side = 'before';
    else if (line === '### SET') this.side = 'after';
    else {
      const column = COLUMN.exec(line);
      const image = this.row?.[this.side];
      if (column && image) image[Number(column[1]) - 1] = valueOf(column[2]!, column[3]!);
      else {
        this.sink.finding('unreadable', `a row line of ${this.open?.gtid ?? 'an unknown transaction'} is not understood: ${line.slice(0, 80)}`);
        if (this.row) this.row[this.side] = [];
      }
    }
  }

  private endSection(): void {
    if (this.section === 'previous') {
      this.sink.previousGtids(this.previous.join(''));
      this.previous = [];
    } else if (this.section === 'query') {
      const text = statementText(this.query);
      this.query = [];
      if (text === 'COMMIT') this.commit();
      else if (text === 'ROLLBACK') this.open = null;
      else if (text !== 'BEGIN' && !/^(SAVEPOINT|RELEASE SAVEPOINT|ROLLBACK TO|XA START|XA END)\b/.test(text)) this.statement(text);
    }
    this.row = null;
  }

  /** DDL is a transaction of its own: its statement is its commit. DML text between BEGIN and COMMIT is not. */
  private statement(text: string): void {
    if (!this.open) return;
    this.open.statements.push(text);
    if (!/^\s*(INSERT|UPDATE|DELETE|REPLACE|LOAD|CALL|SELECT|WITH|DO|SET)\b/i.test(text) && !/\bSTART TRANSACTION\s*$/i.test(text)) this.commit();
  }

  private commit(): void {
    if (this.open) this.sink.transaction(this.open);
    this.open = null;
  }
}

/** The statement between mysqlbinlog's own SET lines and its delimiter. */
function statementText(lines: string[]): string {
  const own = lines.findIndex((l) => l === DELIMITER || !/^(SET |\/\*!|use ).*\/\*!\*\/;$/i.test(l));
  const text = lines.slice(own === -1 ? lines.length : own);
  const end = text.findLastIndex((l) => l === DELIMITER);
  return decodeText(text.slice(0, end === -1 ? text.length : end).join('\n')).text.trim();
}

function unquoteName(name: string): string {
  return decodeText(name.replaceAll('``', '`')).text;
}

function valueOf(raw: string, type: string): Value | null {
  if (raw === 'NULL') return null;
  if (raw.startsWith("'") && raw.endsWith("'") && raw.length >= 2) {
    // a date has colons here: '2025:01:02'
    const text = type === 'DATE' ? raw.slice(1, -1).replaceAll(':', '-') : unescape(raw.slice(1, -1));
    return { ...decodeText(text), type };
  }
  const integer = INTEGER.exec(raw);
  if (integer) return { text: integer[1]!, unsigned: integer[2]!, type, exact: true };
  return { text: raw, type, exact: true };
}

const ESCAPE: Record<string, string> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', v: '\v', 0: '\0', Z: '\x1a' };

/** mysqlbinlog writes a quote and a backslash with a backslash before them, newline and its like by letter, other control characters as \xNN, and leaves all other bytes. */
function unescape(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(/\\(?:x([0-9a-f]{2})|(.))/g, (_, hex?: string, c?: string) =>
    hex === undefined ? (ESCAPE[c!] ?? c!) : String.fromCharCode(parseInt(hex, 16)),
  );
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeText(latin1: string): { text: string; exact: boolean } {
  if (!/[^\0-\x7f]/.test(latin1)) return { text: latin1, exact: true };
  try {
    return { text: utf8.decode(Buffer.from(latin1, 'latin1')), exact: true };
  } catch {
    return { text: latin1, exact: false };
  }
}
