/** The folder of one run in the user's cache: Temporal's database, the lab. It names its owner, so that the next command can remove what a killed one left. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeDurably } from '../evidence/files.ts';

export interface Owner {
  pid: number;
  /** /proc/<pid>/stat field 22: a pid alone may be somebody else's by now */
  startTime: string;
}

/** Null when it has ended; a zombie has. */
export function startTimeOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

export const thisOwner = (): Owner => ({ pid: process.pid, startTime: startTimeOf(process.pid) ?? '' });

/** What a file says that names its owner; null: that one has ended. Throws when the file is not there or half written. */
export function livingOwner<T extends Owner>(file: string): T | null {
  const owner = JSON.parse(readFileSync(file, 'utf8')) as T;
  return startTimeOf(owner.pid) === owner.startTime ? owner : null;
}

export interface RunDir {
  id: string;
  path: string;
  /** Says which drill it is, for the other commands of this machine. */
  announce(drill: Announced): void;
  remove(): void;
}

/** A drill that a command of this machine runs. */
export interface RunningDrill {
  drillId: string;
  /** evidence folder */
  bundle: string;
  /** how the built-in Temporal is reached; null: as the environment says */
  temporal: Record<string, string> | null;
  /** the run's folder; "": its command runs on another machine */
  dir: string;
}

type Announced = Omit<RunningDrill, 'dir'>;

export function createRunDir(cacheDir: string): RunDir {
  const id = randomBytes(4).toString('hex');
  const path = join(cacheDir, 'runs', id);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  writeFileSync(join(path, OWNER), JSON.stringify(thisOwner()));
  const announce = (drill: Announced) => writeDurably(join(path, ANNOUNCED), JSON.stringify(drill), 0o600);
  return { id, path, announce, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }) };
}

const OWNER = 'owner.json';
const ANNOUNCED = 'drill.json';

/** `pid`: of the command that runs it. */
export function runningDrills(cacheDir: string): (RunningDrill & { pid: number })[] {
  const runs = join(cacheDir, 'runs');
  if (!existsSync(runs)) return [];
  return readdirSync(runs).flatMap((id) => {
    const dir = join(runs, id);
    try {
      const drill = JSON.parse(readFileSync(join(dir, ANNOUNCED), 'utf8')) as Announced;
      const owner = livingOwner(join(dir, OWNER));
      return owner ? [{ ...drill, dir, pid: owner.pid }] : [];
    } catch {
      // it is being made, or removed
      return [];
    }
  });
}

const MAKING_MS_MAX = 60_000;

/** Has its owner ended? A folder that names none is being made, or was left half made or half removed: then its age decides. */
function abandoned(path: string): boolean {
  try {
    return livingOwner(join(path, OWNER)) === null;
  } catch {
    return Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) > MAKING_MS_MAX;
  }
}

/** Removes what dead runs left; returns how many folders. */
export function sweepRuns(cacheDir: string): number {
  const runs = join(cacheDir, 'runs');
  if (!existsSync(runs)) return 0;
  const left = readdirSync(runs)
    .map((id) => join(runs, id))
    .filter(abandoned);
  for (const path of left) rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  return left.length;
}
