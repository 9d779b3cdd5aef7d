/** Reads what `mysqlbinlog --base64-output=decode-rows -vv` (or mariadb-binlog) prints: an opinion independent of ours about the same files. */
import { spawn } from 'node:child_process';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One column as it was printed. Strings unescaped, one character a byte. */
export interface Printed {
  raw: string;
  /** of a quoted value; null: it was not quoted */
  bytes: Buffer | null;
  /** the tool's own type name, e.g. LONGINT, VARSTRING(160) */
  type: string;
}
/** By position, from 0; null is NULL, undefined is "not in the image". */
export type PrintedImage = (Printed | null | undefined)[];

export interface PrintedRow {
  /** `schema.table`, latin1 */
  table: string;
  op: 'insert' | 'update' | 'delete';
  before: PrintedImage | null;
  after: PrintedImage | null;
  /** a line that the tool could not print: the rest of the event is missing */
  broken: string | null;
  /** of its event: its place in PrintedLog.events */
  event: number;
}

export interface PrintedLog {
  rows: PrintedRow[];
  /** of each GTID event, in order: `uuid:n`, `uuid:tag:n`, ANONYMOUS, or MariaDB's `domain-server-seq` */
  gtids: string[];
  /** names of events in order, as printed */
  events: { at: number; name: string }[];
  /** the tool's exit status and what it complained of */
  status: number;
  stderr: string;
}

const AT = /^# at (\d+)$/;
const EVENT = /^#\d{6} [ \d]\d:\d\d:\d\d server id \d+ {2}end_log_pos (\d+) (?:CRC32 0x[0-9a-f]{8} )?\t?([^\t]+)/;
const GTID_NEXT = /^(?:\/\*!\d+ )?SET @@SESSION\.GTID_NEXT= '([^']+)'/i;
const MARIA_GTID = /^GTID (\d+-\d+-\d+)/;
const ROW = /^### (INSERT INTO|UPDATE|DELETE FROM) `((?:[^`]|``)+)`\.`((?:[^`]|``)+)`$/;
const COLUMN = /^### {3}@(\d+)=/;
const COLUMN_END = /^([^*]+?) meta=\d+ nullable=\d+ is_null=[01] \*\/$/;
const OPS = { 'INSERT INTO': 'insert', UPDATE: 'update', 'DELETE FROM': 'delete' } as const;

export async function printLog(command: readonly string[], file: string, ...more: string[]): Promise<PrintedLog> {
  const [program = '', ...args] = command;
  // the files of LOAD DATA go there, and the tool leaves them
  await using load = await mkdtempDisposable(join(tmpdir(), 'dbt-'));
  const child = spawn(program, [...args, '--no-defaults', '--base64-output=decode-rows', '-vv', `--local-load=${load.path}`, ...more, file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { TZ: 'UTC' },
  });
  const out: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (d: Buffer) => out.push(d));
  child.stderr.on('data', (d: Buffer) => (stderr += d.toString('latin1')));
  const status = await new Promise<number>((resolve, reject) => child.on('error', reject).on('close', (code) => resolve(code ?? 128)));
  return { ...readPrinted(Buffer.concat(out).toString('latin1'), args.join().includes('mariadb')), status, stderr };
}

/** Row lines are whole lines: the tools escape line feeds inside strings. `maria`: of mariadb-binlog. */
export function readPrinted(text: string, maria = false): Omit<PrintedLog, 'status' | 'stderr'> {
  const rows: PrintedRow[] = [];
  const gtids: string[] = [];
  const events: { at: number; name: string }[] = [];
  let at = 0;
  let row: PrintedRow | null = null;
  let image: PrintedImage | null = null;
  // a call of JSON functions goes on over several lines
  let begun = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('###')) {
      const head = ROW.exec(line);
      begun = line.startsWith('###      ') ? begun + line.slice(8) : line;
      const column = head ? null : columnOf(begun, maria ? controlsUnescaped : unescape);
      if (head) {
        const op = OPS[head[1] as keyof typeof OPS];
        row = {
          table: `${unquote(head[2]!)}.${unquote(head[3]!)}`,
          op,
          before: op === 'insert' ? null : [],
          after: op === 'delete' ? null : [],
          broken: null,
          event: events.length - 1,
        };
        rows.push(row);
      } else if (line === '### WHERE') image = row?.before ?? null;
      else if (line === '### SET') image = row?.after ?? null;
      else if (column && image) image[column.index] = column.value;
      else if (row && line.includes("=!! Don't know how to handle")) row.broken ??= line;
      continue;
    }
    const place = AT.exec(line);
    if (place) at = Number(place[1]);
    const event = EVENT.exec(line);
    if (event) {
      events.push({ at, name: event[2]!.trim() });
      const maria = MARIA_GTID.exec(event[2]!);
      if (maria) gtids.push(maria[1]!);
    }
    const gtid = GTID_NEXT.exec(line);
    if (gtid && gtid[1] !== 'AUTOMATIC') gtids.push(gtid[1]!.toLowerCase().replace('anonymous', 'ANONYMOUS'));
  }
  return { rows, gtids, events };
}

const unquote = (name: string): string => Buffer.from(name.replaceAll('``', '`'), 'latin1').toString();

/** `###   @n=value` and a comment of type and meta. The value may hold anything, the comment behind it nothing unexpected. Null: the line is not whole, or another one. */
function columnOf(line: string, unescaped: (text: string) => string): { index: number; value: Printed | null } | null {
  const number = COLUMN.exec(line);
  const comment = line.lastIndexOf(' /* ');
  const end = number && comment >= number[0].length ? COLUMN_END.exec(line.slice(comment + 4)) : null;
  return end && { index: Number(number![1]) - 1, value: printed(line.slice(number![0].length, comment), end[1]!, unescaped) };
}

function printed(raw: string, type: string, unescaped: (text: string) => string): Printed | null {
  if (raw === 'NULL') return null;
  const quoted = raw.length >= 2 && raw.startsWith("'") && raw.endsWith("'");
  return { raw: raw.trimEnd(), bytes: quoted ? Buffer.from(unescaped(raw.slice(1, -1)), 'latin1') : null, type };
}

const ESCAPE: Record<string, string> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', v: '\v', 0: '\0', Z: '\x1a' };
/** A quote and a backslash have a backslash before them, the line feed and its like are letters, other control characters \xNN; all other bytes stand as they are. */
function unescape(text: string): string {
  return text.replace(/\\(?:x([0-9a-f]{2})|(.))/gs, (_, hex?: string, c?: string) =>
    hex === undefined ? (ESCAPE[c!] ?? c!) : String.fromCharCode(parseInt(hex, 16)),
  );
}

/** mariadb-binlog writes control characters as \xNN and leaves the rest alone, quotes and backslashes too: a text that holds `\x41` cannot be told from its escape. */
function controlsUnescaped(text: string): string {
  return text.replace(/\\x([01][0-9a-f])/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}
