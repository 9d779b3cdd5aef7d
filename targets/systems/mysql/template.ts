/**
 * The data folder that every node of a lab starts from: accounts and tables are in it and the binary log is empty, so all nodes
 * are equal and none has errant transactions. Made once per MySQL version and content (5 to 8 s), then copied (0.1 to 0.4 s).
 */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { DrillError } from '../../../core/errors.ts';
import { digestOf } from '../../../core/json.ts';
import { WORKLOAD_DDL } from '../../../core/workload.ts';
import type { Tools } from '../../tools.ts';
import { ACCOUNT_DDL } from './accounts.ts';
import { consoleLogOf, dataDirOf, errorLogOf, optionFileOf, templateOptionText, tmpDirOf } from './server.ts';
import type { ServerPaths } from './server.ts';
import { withAdmin } from './sql.ts';

/** Counts what `strip` leaves; a template of another form is another template. */
const FORM = 3;
const STEP_MS_MAX = 120_000;
/** A folder left half made by a killed process is removed when it is this old. */
const LEFTOVER_MS = 15 * 60_000;

/** Path of the template, made if it is not there. Two makers at once are harmless: the first rename wins, the other's work is thrown away. */
export async function ensureTemplate(o: { tools: Tools; cacheDir: string; socketDir: string; progress: (text: string) => void }): Promise<string> {
  const key = digestOf({
    form: FORM,
    ddl: [...WORKLOAD_DDL],
    accounts: [...ACCOUNT_DDL],
    options: templateOptionText({ name: 't', dir: 't', socket: 't' }, { basedir: 'b' }),
  }).slice(0, 12);
  const home = join(o.cacheDir, 'templates');
  const ready = join(home, `mysql-${o.tools.mysqldVersion}-${key}`);
  if (existsSync(ready)) return ready;
  o.progress('making the data folder that the nodes start from (once)');
  await mkdir(home, { recursive: true });
  await removeLeftovers(home);
  const dir = await mkdtemp(join(home, 'making-'));
  try {
    await make({ name: 'template', dir, socket: join(o.socketDir, 't.sock') }, o.tools);
    // Three quarters of it are zeros: as holes they need not be read at every copy.
    const sparse = join(dir, 'sparse');
    await promisify(execFile)('cp', ['-rT', '--sparse=always', dataDirOf({ name: '', dir, socket: '' }), sparse]);
    await rename(sparse, ready).catch((cause: unknown) => {
      if (!existsSync(ready)) throw cause;
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  return ready;
}

async function make(s: ServerPaths, tools: Tools): Promise<void> {
  await mkdir(tmpDirOf(s));
  await writeFile(optionFileOf(s), templateOptionText(s, { basedir: tools.mysqlBasedir }));
  const launch = (...more: string[]): ChildProcess => {
    const log = openSync(consoleLogOf(s), 'a');
    const child = spawn(tools.mysqld, [`--defaults-file=${optionFileOf(s)}`, ...more], { stdio: ['ignore', log, log] });
    closeSync(log);
    return child;
  };
  const init = launch('--initialize-insecure');
  await exitOf(init, s, 'initialise its data folder');
  const server = launch();
  const ended = exitOf(server, s, 'end');
  ended.catch(() => {});
  await answering(s, server);
  await withAdmin(s.name, s.socket, async (sql) => {
    for (const statement of [...ACCOUNT_DDL, ...WORKLOAD_DDL, 'RESET BINARY LOGS AND GTIDS', 'SHUTDOWN']) await sql.rows(statement);
  });
  await ended;
  await strip(dataDirOf(s));
}

/**
 * auto.cnf, so that every copy becomes a server of its own; the empty binary log; and what a start throws away anyway: it removes
 * each spare redo file and fsyncs the folder after each, 31 times, before it goes on.
 */
async function strip(dataDir: string): Promise<void> {
  await remove(dataDir, /^(auto\.cnf|binlog\..*)$/);
  await remove(join(dataDir, '#innodb_redo'), /_tmp$/);
  await remove(join(dataDir, '#innodb_temp'), /\.ibt$/);
}

/** Resolves when the server accepts connections on its socket; the caller watches for its death. */
export async function answering(s: ServerPaths, child: ChildProcess, timeoutMs = 60_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (child.exitCode === null && child.signalCode === null) {
    if (existsSync(s.socket) && (await withAdmin(s.name, s.socket, async () => true).catch(() => false))) return;
    if (Date.now() > deadline) throw new DrillError('DRILL_NODE_NOT_READY', `${s.name} did not answer within ${timeoutMs} ms. ${await lastLines(s)}`);
    await sleep(15);
  }
  throw await diedError(s);
}

async function remove(dir: string, which: RegExp): Promise<void> {
  for (const file of await readdir(dir)) if (which.test(file)) await rm(join(dir, file));
}

async function exitOf(child: ChildProcess, s: ServerPaths, what: string): Promise<void> {
  const timer = setTimeout(() => child.kill('SIGKILL'), STEP_MS_MAX);
  const code = await new Promise<number | null>((resolve, reject) => child.on('exit', resolve).on('error', reject));
  clearTimeout(timer);
  if (code !== 0) throw await diedError(s, `it could not ${what}`);
}

/** DRILL_MYSQLD_DIED, or DRILL_DISK_FULL where its error log says so. */
export async function diedError(s: ServerPaths, what = 'it ended'): Promise<DrillError> {
  const lines = await lastLines(s);
  if (/No space left on device|OS error code +28|errno: 28|Disk is full/.test(lines))
    return new DrillError('DRILL_DISK_FULL', `mysqld of ${s.name}: ${what}. ${lines}`, 'free some space, or use a drill folder on another disk');
  return new DrillError(
    'DRILL_MYSQLD_DIED',
    `mysqld of ${s.name}: ${what}. The end of ${errorLogOf(s)}:\n${lines}`,
    'the lines above name the cause; drillbook doctor shows which mysqld is used',
  );
}

async function lastLines(s: ServerPaths): Promise<string> {
  const [log, console_] = await Promise.all([errorLogOf(s), consoleLogOf(s)].map((file) => readFile(file, 'utf8').catch(() => '')));
  const lines = `${log}${console_}`.trimEnd().split('\n').slice(-10).join('\n');
  return lines === '' ? '(it wrote nothing)' : lines;
}

async function removeLeftovers(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    if (!name.startsWith('making-')) continue;
    const path = join(home, name);
    const made = await stat(path).catch(() => null);
    if (made !== null && Date.now() - made.mtimeMs > LEFTOVER_MS) await rm(path, { recursive: true, force: true });
  }
}
