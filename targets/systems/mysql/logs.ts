/** Reads the binary logs of one side, from a folder of files or from a running server, into core's model. mysqlbinlog decodes; we judge. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { BinlogText } from '../../../core/binlog/text.ts';
import { DrillError } from '../../../core/errors.ts';
import type { SideLog } from '../../../core/reconcile/side.ts';
import type { LogFile } from '../../port.ts';
import { isDsn, parseDsn, withConnection, withOptionFile } from './dsn.ts';

const MAGIC = Buffer.from([0xfe, 0x62, 0x69, 0x6e]);
/** mysqlbinlog must give something within this time; a server that is cut off says nothing. */
const SILENCE_MS_MAX = 60_000;

/** The binary logs in a folder (a data folder or a collected one), oldest first. Throws DRILL_NO_LOGS. */
export async function findLogs(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch(() => {
    throw new DrillError(
      'DRILL_NO_LOGS',
      `${dir} cannot be read as a folder`,
      'name the folder that holds the binary logs, or a running server: mysql://user:password@host:port',
    );
  });
  const logs: { path: string; base: string; number: number }[] = [];
  for (const name of names) {
    const match = /^(.+)\.(\d{6,})$/.exec(name);
    if (match && !/relay/.test(match[1]!) && (await hasMagic(join(dir, name)))) logs.push({ path: join(dir, name), base: match[1]!, number: Number(match[2]) });
  }
  const bases = [...new Set(logs.map((l) => l.base))];
  if (logs.length === 0)
    throw new DrillError('DRILL_NO_LOGS', `${dir} holds no binary logs`, 'binary logs are named like binlog.000001; name the folder that holds them');
  if (bases.length > 1)
    throw new DrillError(
      'DRILL_NO_LOGS',
      `${dir} holds the logs of more than one server (${bases.join(', ')})`,
      'put the logs of one server into a folder of their own',
    );
  const sorted = logs.sort((a, b) => a.number - b.number);
  const gap = sorted.find((l, i) => i > 0 && l.number !== sorted[i - 1]!.number + 1);
  if (gap) throw new DrillError('DRILL_NO_LOGS', `${dir}: the log before ${basename(gap.path)} is missing`, 'copy all binary logs, without a gap');
  await checkIndex(
    dir,
    bases[0]!,
    sorted.map((l) => l.path),
  );
  return sorted.map((l) => l.path);
}

/** Where the server's own list is in the folder too, every file on it must be there. */
async function checkIndex(dir: string, base: string, files: string[]): Promise<void> {
  const index = await readFile(join(dir, `${base}.index`), 'utf8').catch(() => '');
  const there = new Set(files.map((f) => basename(f)));
  const missing = index.split('\n').filter((l) => l.trim() !== '' && !there.has(basename(l.trim())));
  if (missing.length > 0)
    throw new DrillError('DRILL_NO_LOGS', `${dir}: ${base}.index names ${missing.join(', ')}, which is not there`, 'copy all binary logs that the index names');
}

async function hasMagic(path: string): Promise<boolean> {
  const file = await open(path, 'r').catch(() => null);
  if (!file) return false;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return bytesRead === 0 || MAGIC.equals(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

/**
 * Copies a server's binary logs, as they are now, into `dir` through the replication protocol, so that they are read and hashed like a folder's.
 * Needs REPLICATION SLAVE. Throws DRILL_LOGS_UNREADABLE.
 */
export async function fetchLogs(mysqlbinlog: string, dsn: string, dir: string): Promise<string[]> {
  const names = await withConnection(dsn, async (c) => ((await c.query('SHOW BINARY LOGS'))[0] as { Log_name: string }[]).map((r) => r.Log_name));
  const first = names[0];
  await mkdir(dir, { recursive: true });
  if (first === undefined) throw new DrillError('DRILL_LOGS_UNREADABLE', 'the server writes no binary log', 'turn on log_bin before it is needed');
  await withOptionFile(parseDsn(dsn), dir, async (file) => {
    const args = [`--defaults-file=${file}`, '--read-from-remote-server', '--raw', '--to-last-log', '--verify-binlog-checksum', `--result-file=${dir}/`, first];
    const { code, stderr } = await run(mysqlbinlog, args, { grows: () => bytesIn(dir) });
    if (code !== 0) throw new DrillError('DRILL_LOGS_UNREADABLE', `the server's logs could not be read: ${stderr}`, 'the account needs REPLICATION SLAVE');
  });
  return findLogs(dir);
}

/** Copies (from a server) or lists (in a folder) the logs of one side. */
export async function logsOf(mysqlbinlog: string, source: string, spoolDir: string): Promise<string[]> {
  const isServer =
    isDsn(source) ||
    (await stat(source).then(
      (s) => s.isSocket(),
      () => false,
    ));
  return isServer ? fetchLogs(mysqlbinlog, source, spoolDir) : findLogs(source);
}

/**
 * Decodes the files, in order, into `log`; damage becomes findings. Files are hashed on the way past.
 * Throws DRILL_LOGS_UNREADABLE only when mysqlbinlog cannot be run at all.
 */
export async function readLogs(mysqlbinlog: string, files: string[], log: SideLog): Promise<LogFile[]> {
  const out: LogFile[] = [];
  for (const path of files) {
    const file = basename(path);
    log.file(file);
    const parser = new BinlogText(log);
    const args = ['--no-defaults', '--base64-output=decode-rows', '-vv', '--verify-binlog-checksum', path];
    const [{ code, stderr }, hashed] = await Promise.all([run(mysqlbinlog, args, { onLine: (line) => parser.push(line) }), hashOf(path)]);
    parser.end();
    if (/truncated event/i.test(stderr)) log.finding('cut', 'the file ends inside an event');
    else if (code !== 0) log.finding('unreadable', `mysqlbinlog stopped: ${stderr}`);
    out.push({ file, ...hashed });
  }
  return out;
}

async function hashOf(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

interface Watched {
  onLine?: (line: string) => void;
  /** grows while the program works, where it prints nothing */
  grows?: () => Promise<number>;
}

async function run(program: string, args: string[], { onLine, grows }: Watched): Promise<{ code: number; stderr: string }> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let silent = false;
  const silence = setTimeout(() => {
    silent = true;
    child.kill('SIGKILL');
  }, SILENCE_MS_MAX);
  let size = 0;
  const look = setInterval(() => {
    void grows?.().then((now) => {
      if (now > size) silence.refresh();
      size = now;
    });
  }, SILENCE_MS_MAX / 10);
  const exited = new Promise<number>((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new DrillError('DRILL_LOGS_UNREADABLE', `${program} cannot be run: ${cause.message}`, 'drillbook doctor says what is missing', { cause })),
    );
    child.once('close', (code) => resolve(code ?? -1));
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (stderr.length < 4_000) stderr += text;
  });
  try {
    const [code] = await Promise.all([exited, onLine ? eachLine(child.stdout, onLine, () => silence.refresh()) : child.stdout.resume()]);
    return { code, stderr: silent ? `nothing came for ${SILENCE_MS_MAX / 1_000} s; ${stderr.trim()}` : stderr.trim() };
  } finally {
    clearTimeout(silence);
    clearInterval(look);
    child.kill('SIGKILL');
  }
}

async function bytesIn(dir: string): Promise<number> {
  let sum = 0;
  for (const name of await readdir(dir).catch(() => []))
    sum += await stat(join(dir, name)).then(
      (s) => s.size,
      () => 0,
    );
  return sum;
}

/** Lines as latin1, one character a byte. */
async function eachLine(stream: Readable, onLine: (line: string) => void, alive: () => unknown): Promise<void> {
  let rest = '';
  stream.setEncoding('latin1');
  for await (const chunk of stream as AsyncIterable<string>) {
    alive();
    const text = rest + chunk;
    let from = 0;
    for (let to = text.indexOf('\n', from); to !== -1; to = text.indexOf('\n', from)) {
      onLine(text.slice(from, to));
      from = to + 1;
    }
    rest = text.slice(from);
  }
  if (rest !== '') onLine(rest);
}
