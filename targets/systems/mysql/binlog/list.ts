/** Which files are the log: by the server's own index where it is there, else by name and number. Looks into the first event of each, never at more. */
import { constants } from 'node:fs';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EVENT, FLAG } from '../../../../core/binlog/codes.ts';
import { finding } from '../../../../core/binlog/finding.ts';
import type { Finding } from '../../../../core/binlog/finding.ts';
import { DrillError, messageOf } from '../../../../core/errors.ts';
import { namesOf } from './files.ts';

export interface LogSource {
  /** absolute paths, in the log's order */
  files: string[];
  /** gaps in the numbering, files of other servers, names in the index that are not there */
  findings: Finding[];
}

/** What a file says about itself before its first transaction; null: it does not say (empty, cut, encrypted, no log). */
interface Head {
  serverId: number;
  serverVersion: string;
  relay: boolean;
}

interface Log {
  path: string;
  /** the name without its number */
  base: string;
  /** null: the name has none */
  number: number | null;
  /** begins like a log of any kind, or is shorter than that */
  magic: boolean;
  head: Head | null;
}

const NAME = /^(.+)\.(\d{6,})$/;
/** "\xfebin"; "\xfdbin" is an encrypted one. */
const MAGICS = ['fe62696e', 'fd62696e'];
const HEAD_BYTES = 4 + 19 + 2 + 50;

const noLogs = (seen: string, hint: string, cause?: unknown) => new DrillError('DRILL_NO_LOGS', seen, hint, cause === undefined ? undefined : { cause });

/**
 * What a person named: a folder (a data folder or any folder with logs; the index file's order where it is there, else by name and number; binary logs before
 * relay logs unless `relay`), or a list of files (kept in the given order). Throws DRILL_NO_LOGS, and DRILL_LOGS_UNREADABLE where permission is missing.
 */
export async function listLogs(paths: readonly string[], { relay = false }: { relay?: boolean } = {}): Promise<LogSource> {
  const logs: Log[] = [];
  const findings: Finding[] = [];
  for (const path of paths) {
    const found = await stat(path).catch((cause: unknown) => {
      throw noLogs(`${path} cannot be read: ${messageOf(cause)}`, 'name the folder that holds the binary logs, the files, or a running server', cause);
    });
    if (!found.isDirectory()) logs.push(await logAt(path, found.isFile()));
    else {
      const folder = await listFolder(path, relay);
      logs.push(...folder.logs);
      findings.push(...folder.findings);
    }
  }
  const files = logs.map((l) => l.path);
  const names = new Map(namesOf(files).map((name, i) => [files[i]!, name]));
  const nameOf = (log: Log) => names.get(log.path)!;
  return { files, findings: [...findings, ...gaps(logs, nameOf), ...foreign(logs, nameOf)] };
}

/** The relay logs in a folder, one source per replication channel, by their numbers: a replica's index goes on while it applies. Throws as listLogs does. */
export async function listRelayLogs(dir: string): Promise<LogSource[]> {
  const relays = (await basesIn(dir)).bases.filter((b) => b.relay);
  if (relays.length === 0) throw noLogs(`${dir} holds no relay logs`, 'name the folder that holds a replica’s relay logs, as its relay_log says');
  return Promise.all(relays.map(async ({ logs }) => listLogs(logs.toSorted((a, b) => a.number! - b.number!).map((l) => l.path))));
}

async function listFolder(dir: string, relay: boolean): Promise<{ logs: Log[]; findings: Finding[] }> {
  const { names, bases } = await basesIn(dir);
  const indexes = await readIndexes(dir, names);
  const kind = relay || bases.every((b) => b.relay);
  const wanted = bases.filter((b) => b.relay === kind);
  if (wanted.length === 0)
    throw noLogs(`${dir} holds no ${relay ? 'relay' : 'binary'} logs`, 'logs are named like binlog.000001; name the folder that holds them, or the files');
  const index = indexes.find((i) => wanted.every((b) => i.bases.has(b.base)));
  if (wanted.length > 1 && index === undefined)
    throw noLogs(
      `${dir} holds the logs of more than one server (${wanted.map((b) => b.base).join(', ')})`,
      'name the files of one server, or put them into a folder of their own',
    );
  return inOrder(
    wanted.flatMap((b) => b.logs),
    index,
  );
}

/** What the logs in a folder are called without their numbers. */
async function basesIn(dir: string): Promise<{ names: string[]; bases: { base: string; logs: Log[]; relay: boolean }[] }> {
  const names = await readdir(dir).catch((cause: unknown) => {
    throw new DrillError('DRILL_LOGS_UNREADABLE', `${dir} cannot be listed: ${messageOf(cause)}`, 'run as an account that may read it', { cause });
  });
  const all: Log[] = [];
  for (const name of names) {
    const path = join(dir, name);
    if (NAME.test(name) && (await isFile(path))) all.push(await logAt(path, true));
  }
  // where the beginning of a file is damaged its neighbours still tell that it is a log
  const known = Map.groupBy(all, (l) => l.base);
  const bases = [...known].filter(([, logs]) => logs.some((l) => l.magic)).map(([base, logs]) => ({ base, logs, relay: isRelay(base, logs) }));
  return { names, bases };
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (s) => s.isFile(),
    () => false,
  );

const isRelay = (base: string, logs: readonly Log[]): boolean => {
  const heads = logs.flatMap((l) => l.head ?? []);
  return heads.length > 0 ? heads.some((h) => h.relay) : /relay/.test(base);
};

interface Index {
  path: string;
  /** names without folders, in order */
  names: string[];
  bases: Set<string>;
}

async function readIndexes(dir: string, names: readonly string[]): Promise<Index[]> {
  const out: Index[] = [];
  for (const name of names.filter((n) => n.endsWith('.index'))) {
    const path = join(dir, name);
    const text = await readFile(path, 'utf8').catch(() => '');
    const listed = text.split('\n').flatMap((l) => (l.trim() === '' ? [] : [basename(l.trim())]));
    out.push({ path, names: listed, bases: new Set(listed.flatMap((n) => NAME.exec(n)?.[1] ?? [])) });
  }
  return out;
}

/** A file that the index does not name (not yet, or no more) stands where its number puts it: nothing is left out silently. */
function inOrder(logs: Log[], index: Index | undefined): { logs: Log[]; findings: Finding[] } {
  const rank = new Map(index?.names.map((name, i) => [name, i]));
  const bases = [...new Set(index?.names.map((n) => NAME.exec(n)?.[1]))];
  const place = (l: Log) => bases.indexOf(l.base);
  const sorted = logs.toSorted((a, b) => {
    const [x, y] = [rank.get(basename(a.path)), rank.get(basename(b.path))];
    return x !== undefined && y !== undefined ? x - y : place(a) - place(b) || a.number! - b.number!;
  });
  const there = new Set(logs.map((l) => basename(l.path)));
  const findings = (index?.names ?? [])
    .filter((name) => !there.has(name))
    .map((name) => finding('gap', name, 0, `${index!.path} names ${name}, which is not there`));
  return { logs: sorted, findings };
}

type NameOf = (log: Log) => string;

function gaps(logs: readonly Log[], nameOf: NameOf): Finding[] {
  const out: Finding[] = [];
  for (let i = 1; i < logs.length; i++) {
    const [before, log] = [logs[i - 1]!, logs[i]!];
    if (log.base !== before.base || dirname(log.path) !== dirname(before.path) || log.number === null || before.number === null) continue;
    if (log.number !== before.number + 1)
      out.push(finding('gap', nameOf(log), 0, `${nameOf(log)} follows ${nameOf(before)}: ${missing(before.base, before.number, log.number)}`));
  }
  return out;
}

function missing(base: string, before: number, after: number): string {
  if (after <= before) return 'the numbers run backwards';
  const name = (n: number) => `${base}.${String(n).padStart(6, '0')}`;
  return after === before + 2 ? `${name(before + 1)} is missing` : `${name(before + 1)} to ${name(after - 1)} are missing`;
}

const serverOf = (h: Head): string => `server id ${h.serverId}${/mariadb/i.test(h.serverVersion) ? ' (MariaDB)' : ''}`;

/** Most files have the log's own server; the others are foreign. */
function foreign(logs: readonly Log[], nameOf: NameOf): Finding[] {
  const groups = Map.groupBy(
    logs.filter((l) => l.head !== null),
    (l) => serverOf(l.head!),
  );
  const home = [...groups.entries()].reduce<[string, Log[]] | null>((most, g) => (most === null || g[1].length > most[1].length ? g : most), null);
  if (home === null) return [];
  const others = logs.filter((l) => l.head !== null && serverOf(l.head) !== home[0]);
  return others.map((l) => finding('foreign', nameOf(l), 0, `written by ${serverOf(l.head!)}, the other files by ${home[0]}`));
}

/** A pipe is not looked into: its bytes come once. */
async function logAt(path: string, regular: boolean): Promise<Log> {
  const match = NAME.exec(basename(path));
  const named = { path, base: match?.[1] ?? basename(path), number: match ? Number(match[2]) : null };
  if (!regular) return { ...named, magic: true, head: null };
  const buf = await firstBytes(path);
  const magic = MAGICS.some((m) => m.startsWith(buf.subarray(0, 4).toString('hex')));
  return { ...named, magic, head: headOf(buf) };
}

async function firstBytes(path: string): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY).catch((cause: unknown) => {
    throw new DrillError('DRILL_LOGS_UNREADABLE', `${path} cannot be opened: ${messageOf(cause)}`, 'run as an account that may read it', { cause });
  });
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Format description event: common header, then 2 bytes of binlog version and 50 of server version (mysql::binlog::event::Format_description_event). */
function headOf(buf: Buffer): Head | null {
  if (buf.length < HEAD_BYTES || buf.subarray(0, 4).toString('hex') !== MAGICS[0] || buf[4 + 4] !== EVENT.FORMAT_DESCRIPTION) return null;
  const version = buf.subarray(4 + 19 + 2, HEAD_BYTES);
  const end = version.indexOf(0);
  return {
    serverId: buf.readUInt32LE(4 + 5),
    serverVersion: version.subarray(0, end === -1 ? undefined : end).toString('latin1'),
    relay: (buf.readUInt16LE(4 + 17) & FLAG.RELAY_LOG) !== 0,
  };
}
