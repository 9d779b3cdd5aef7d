/** Starts a local lab, and finds it again. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { mkdir, readFile, realpath, rename, rm, statfs, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DrillError, messageOf } from '../../../core/errors.ts';
import { entry } from '../../../setup/entry.mjs';
import { dataDirOf, optionFileOf } from '../../systems/mysql/server.ts';
import type { Tools } from '../../tools.ts';
import { checkDir, holderLogOf, holderSocketOf, NODES_MAX, nodeNames, placeOf, PORT, serverPathsOf, SERVICE_ADDRESS, stateFileOf } from './layout.ts';
import type { HolderConfig, LabState } from './layout.ts';
import { connectHolder, errorFromJson } from './protocol.ts';

/** Making the template takes 5 to 8 s on an idle machine; a bring-up with one 2 s. */
const BRING_UP_MS_MAX = 180_000;
const STOP_MS_MAX = 30_000;
const BYTES_PER_NODE = 300_000_000;

export interface LabOptions {
  tools: Tools;
  /** Folder of this lab alone; made if missing. It stays when the lab ends, for it is the caller's, unless it is scratch. */
  dir: string;
  scratch?: boolean;
  cacheDir: string;
  workDir: string;
  nodes?: number;
  /** `pipe`: ends with this process, however that ends. ttlMs: ends when not kept alive for so long. */
  owner: 'pipe' | { ttlMs: number };
  progress?: (text: string) => void;
}

export interface Lab {
  stateFile: string;
  /** of the holder, as seen from here */
  pid: number;
  unsharePid: number;
  /** Resolves when the holder and with it the whole lab has ended, with what its log says last. */
  exited: Promise<string>;
  /** Ends the lab and waits until it is gone. */
  stop(): Promise<void>;
  /** The lab no longer keeps this process from ending; it still ends with it. */
  unref(): void;
}

/** Resolves when replication is proven by a first row on every replica. On an error nothing is left running. */
export async function startLab(o: LabOptions): Promise<Lab> {
  const nodes = o.nodes ?? 3;
  if (nodes < 1 || nodes > NODES_MAX) throw new DrillError('DRILL_LAB_SIZE', `${nodes} nodes`, `a local lab has 1 to ${NODES_MAX}`);
  await mkdir(o.dir, { recursive: true });
  await mkdir(o.workDir, { recursive: true });
  const dir = await realpath(o.dir);
  checkDir(dir);
  await checkSpace(dir, nodes * BYTES_PER_NODE);
  const uid = process.getuid?.() ?? 0;
  const config: HolderConfig = {
    tools: o.tools,
    dir,
    cacheDir: o.cacheDir,
    workDir: o.workDir,
    nodes,
    uid,
    ttlMs: o.owner === 'pipe' ? null : o.owner.ttlMs,
    scratch: o.scratch ?? false,
  };
  if (existsSync(serverPathsOf(dir, 'db1').dir))
    throw new DrillError('DRILL_LAB_DIR', `${dir} holds the data of an earlier lab`, 'remove it, or name another folder');
  await rm(stateFileOf(dir), { force: true });
  await rm(holderSocketOf(dir), { force: true });
  const child = await launch(config);
  const exited = new Promise<string>((resolve) => {
    child.on('exit', (code, signal) => resolve(`${signal ?? `exit status ${code}`}. ${logEnd(dir)}`.trim()));
    child.on('error', (cause) => resolve(`unshare cannot be started: ${cause.message}`));
  });
  try {
    await ready(child, exited, dir, o.progress);
    const state = describe(config, child.pid ?? 0);
    const file = stateFileOf(dir);
    await writeFile(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`);
    await rename(`${file}.new`, file);
    if (o.owner !== 'pipe') unref(child);
    return { stateFile: file, pid: state.pid, unsharePid: state.unsharePid, exited, stop: () => stop(dir, child, exited), unref: () => unref(child) };
  } catch (e) {
    child.kill('SIGKILL');
    await exited;
    throw e;
  }
}

/** A session of its own: a Ctrl-C in the owner's terminal must not end the lab before the owner has healed and collected. */
async function launch(config: HolderConfig): Promise<ChildProcess> {
  const file = join(config.dir, 'holder.json');
  await writeFile(file, `${JSON.stringify(config, null, 2)}\n`);
  const log = openSync(holderLogOf(config.dir), 'w');
  const user = config.uid === 0 ? [] : ['--user', '--map-root-user'];
  const holder = [config.tools.node, entry(import.meta.dirname, 'holder'), file];
  const args = [...user, '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', ...holder];
  // Nothing of the owner's environment gets in: C for messages that are matched, a compile cache because half of the holder's start is compiling.
  const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', NODE_COMPILE_CACHE: join(config.cacheDir, 'compiled') };
  const child = spawn(config.tools.unshare, args, { env, stdio: [config.ttlMs === null ? 'pipe' : 'ignore', 'pipe', log], detached: true });
  closeSync(log);
  child.stdin?.on('error', () => {});
  return child;
}

async function ready(child: ChildProcess, exited: Promise<string>, dir: string, progress: ((text: string) => void) | undefined): Promise<void> {
  const lines = createInterface({ input: child.stdout! });
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(
        () => reject(new DrillError('DRILL_LAB_START', `the lab was not ready within ${BRING_UP_MS_MAX} ms. ${logEnd(dir)}`)),
        BRING_UP_MS_MAX,
      );
      child.on('error', (cause) =>
        reject(new DrillError('DRILL_LAB_START', `unshare cannot be started: ${cause.message}`, 'drillbook doctor shows what is missing', { cause })),
      );
      lines.on('line', (line) => {
        const m = JSON.parse(line) as { progress?: string; ready?: true; failed?: Parameters<typeof errorFromJson>[0] };
        if (m.progress !== undefined) progress?.(m.progress);
        if (m.failed !== undefined) reject(errorFromJson(m.failed));
        if (m.ready) resolve();
      });
      // A failure that the holder told is on the pipe before its exit is seen here.
      void exited.then((how) => setTimeout(() => reject(startError(how)), 100));
    });
  } finally {
    clearTimeout(timer);
  }
}

function sysctl(name: string): string {
  try {
    return readFileSync(`/proc/sys/${name}`, 'utf8').trim();
  } catch {
    return '';
  }
}

function startError(how: string): DrillError {
  if (!/unshare:|Operation not permitted|setgroups|No space left/.test(how))
    return new DrillError('DRILL_LAB_START', `the lab's holder ended before it was ready: ${how}`, 'drillbook doctor shows what is missing');
  let hint = 'this kernel or container does not allow namespaces; run as root, or allow them';
  if (sysctl('kernel/apparmor_restrict_unprivileged_userns') === '1') hint = 'sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0';
  else if (sysctl('kernel/unprivileged_userns_clone') === '0') hint = 'sudo sysctl kernel.unprivileged_userns_clone=1';
  else if (sysctl('user/max_user_namespaces') === '0') hint = 'sudo sysctl user.max_user_namespaces=15000';
  return new DrillError('DRILL_USERNS_FORBIDDEN', `namespaces cannot be made: ${how}`, hint);
}

function unref(child: ChildProcess): void {
  child.unref();
  for (const stream of [child.stdin, child.stdout]) (stream as Socket | null)?.unref();
}

async function stop(dir: string, child: ChildProcess, exited: Promise<string>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.ref();
  const holder = await connectHolder(holderSocketOf(dir)).catch(() => null);
  await holder?.ask('shut-down', {}).catch(() => {});
  holder?.close();
  if (holder === null) child.kill('SIGKILL');
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
  await exited;
  clearTimeout(late);
}

/** What only the outside can see: the holder's pid here, and its namespaces. */
function describe(config: HolderConfig, unsharePid: number): LabState {
  const pid = childOf(unsharePid);
  const namespace = (name: string): string => readlinkSync(`/proc/${pid}/ns/${name}`);
  return {
    version: 1,
    id: `local:${config.dir}`,
    dir: config.dir,
    workDir: config.workDir,
    socket: holderSocketOf(config.dir),
    boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    pid,
    startTicks: startTicksOf(pid) ?? '',
    unsharePid,
    namespaces: { net: namespace('net'), mnt: namespace('mnt'), pid: namespace('pid'), user: namespace('user') },
    nodes: nodeNames(config.nodes).map((name, i) => {
      const paths = serverPathsOf(config.dir, name);
      return { name, address: placeOf(i).address, port: PORT, dataDir: dataDirOf(paths), socket: paths.socket, optionFile: optionFileOf(paths) };
    }),
    service: { address: SERVICE_ADDRESS, port: PORT },
  };
}

/** Fields of /proc/PID/stat after the command's name, which may hold blanks: state is [0], the parent [1], the start time [19]. */
function statOf(pid: number | string): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}

export const startTicksOf = (pid: number): string | null => statOf(pid)?.[19] ?? null;

function childOf(parent: number): number {
  for (const entry of readdirSync('/proc')) {
    if (/^\d+$/.test(entry) && statOf(entry)?.[1] === String(parent)) return Number(entry);
  }
  throw new DrillError('DRILL_LAB_START', `unshare (pid ${parent}) has no child`);
}

/** Reads lab.json. Throws DRILL_LAB_GONE when its holder does not run (any more). */
export async function readLabState(file: string): Promise<LabState> {
  let state: LabState;
  try {
    state = JSON.parse(await readFile(file, 'utf8')) as LabState;
  } catch (cause) {
    throw new DrillError('DRILL_LAB_GONE', `${file} cannot be read: ${messageOf(cause)}`, 'name the lab.json of a running lab', { cause });
  }
  if (startTicksOf(state.pid) !== state.startTicks)
    throw new DrillError('DRILL_LAB_GONE', `the lab of ${file} has ended (its holder was pid ${state.pid})`, 'start a new one');
  return state;
}

async function checkSpace(dir: string, bytes: number): Promise<void> {
  const fs = await statfs(dir);
  const free = fs.bavail * fs.bsize;
  if (free < bytes)
    throw new DrillError(
      'DRILL_DISK_FULL',
      `${dir} has ${Math.round(free / 1e6)} MB left; a lab may take ${Math.round(bytes / 1e6)} MB`,
      'free some space, or use a drill folder on another disk',
    );
}

function logEnd(dir: string): string {
  try {
    return readFileSync(holderLogOf(dir), 'utf8').trimEnd().split('\n').slice(-8).join('\n');
  } catch {
    return '';
  }
}
