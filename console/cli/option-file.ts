/** Groups of MySQL's option files: an account and its password that stand in no command line. The files, and their syntax, are those of the mysql client (manual, 6.2.2.2). */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DrillError } from '../../core/errors.ts';

/** What a group may say of a connection; other options are for other programs. */
const OPTIONS = new Set(['user', 'password', 'host', 'port', 'socket', 'ssl-mode', 'ssl-ca']);
const INCLUDES_MAX = 100;

export const isGroup = (text: string): boolean => /^@[\w.-]+$/.test(text);

/** `@name` as a connection string: what [client] says, and over it what [name] says, in the files that the client reads, later ones over earlier ones. Throws DRILL_DSN_INVALID. */
export function groupDsn(text: string, env: Readonly<Record<string, string | undefined>>): string {
  const name = text.slice(1);
  const home = env['HOME'];
  const places = [
    '/etc/my.cnf',
    '/etc/mysql/my.cnf',
    ...(env['MYSQL_HOME'] ? [join(env['MYSQL_HOME'], 'my.cnf')] : []),
    ...(home ? [join(home, '.my.cnf')] : []),
  ];
  const found = new Map<string, Map<string, string>>();
  const left = { files: INCLUDES_MAX };
  for (const place of places) readOptions(place, found, left);
  const group = found.get(name);
  if (!group)
    throw new DrillError('DRILL_DSN_INVALID', `no option file has a group [${name}] (${places.join(', ')})`, `write [${name}] and user, password, host there`);
  return dsnOf(new Map([...(found.get('client') ?? []), ...group]));
}

function dsnOf(options: ReadonlyMap<string, string>): string {
  const url = new URL('mysql://localhost');
  const host = options.get('host') ?? 'localhost';
  url.hostname = host.includes(':') ? `[${host}]` : host;
  url.port = options.get('port') ?? '';
  url.username = encodeURIComponent(options.get('user') ?? '');
  url.password = encodeURIComponent(options.get('password') ?? '');
  for (const option of ['socket', 'ssl-mode', 'ssl-ca']) {
    const value = options.get(option);
    if (value !== undefined) url.searchParams.set(option, value);
  }
  return url.href;
}

/** A file that is not there, or may not be read, says nothing. */
function readOptions(path: string, found: Map<string, Map<string, string>>, left: { files: number }): void {
  if (left.files-- <= 0) return;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return;
  }
  let group: Map<string, string> | null = null;
  for (const line of text.split('\n').map((l) => l.trim())) {
    const include = /^!(include|includedir)\s+(.+)$/.exec(line);
    const head = /^\[([^\]]+)\]/.exec(line);
    const option = /^([\w-]+)\s*=\s*(.*)$/.exec(line);
    if (include) for (const file of include[1] === 'include' ? [include[2]!] : filesIn(include[2]!)) readOptions(file, found, left);
    else if (head) found.set(head[1]!, (group = found.get(head[1]!) ?? new Map<string, string>()));
    else if (option && group) {
      const name = option[1]!.toLowerCase().replaceAll('_', '-');
      if (OPTIONS.has(name)) group.set(name, valueOf(option[2]!));
    }
  }
}

function filesIn(dir: string): string[] {
  try {
    return readdirSync(dir)
      .filter((f) => f.endsWith('.cnf'))
      .sort()
      .map((f) => join(dir, f));
  } catch {
    return [];
  }
}

const ESCAPES: Record<string, string> = { b: '\b', t: '\t', n: '\n', r: '\r', '\\': '\\', s: ' ' };

/** Quotes around a value are not part of it, a # behind a blank begins a comment, and a few escapes stand for characters. */
function valueOf(raw: string): string {
  const quoted = /^(["'])(.*)\1\s*(?:#.*)?$/.exec(raw);
  const plain = quoted ? quoted[2]! : raw.replace(/\s+#.*$/, '').trim();
  return plain.replaceAll(/\\([btnrs\\])/g, (_, c: string) => ESCAPES[c]!);
}
