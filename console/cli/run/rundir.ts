/** The folder of one run in the user's cache: Temporal's database, the lab. It names its owner, so that the next command can remove what a killed one left. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Owner {
  pid: number;
  /** /proc/<pid>/stat field 22: a pid alone may be somebody else's by now */
  startTime: string;
}

export function startTimeOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

export interface RunDir {
  id: string;
  path: string;
  remove(): void;
}

export function createRunDir(cacheDir: string): RunDir {
  const id = randomBytes(4).toString('hex');
  const path = join(cacheDir, 'runs', id);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const owner: Owner = { pid: process.pid, startTime: startTimeOf(process.pid) ?? '' };
  writeFileSync(join(path, 'owner.json'), JSON.stringify(owner));
  return { id, path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }) };
}

/** Removes the folders of runs whose owner is dead; returns how many. A folder without an owner file is younger than its owner's next line: left alone. */
export function sweepRuns(cacheDir: string): number {
  const runs = join(cacheDir, 'runs');
  if (!existsSync(runs)) return 0;
  let removed = 0;
  for (const id of readdirSync(runs)) {
    const path = join(runs, id);
    try {
      const owner = JSON.parse(readFileSync(join(path, 'owner.json'), 'utf8')) as Owner;
      if (startTimeOf(owner.pid) === owner.startTime) continue;
    } catch {
      continue;
    }
    rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    removed++;
  }
  return removed;
}
