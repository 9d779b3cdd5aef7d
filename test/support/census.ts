/** Counting what a command leaves: processes that carry a mark in their environment, their namespaces, mounts, folders. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { CACHE_DIR } from './tools.ts';

export const MARK = 'DRILLBOOK_TEST_MARK';
const NAMESPACES = ['net', 'mnt', 'pid', 'user'];

export interface Marked {
  pid: number;
  start: string;
  command: string;
}

const pids = (): number[] =>
  readdirSync('/proc')
    .filter((n) => /^\d+$/.test(n))
    .map(Number);

interface Stat {
  ppid: number;
  state: string;
  /** start time, ticks since boot: with the pid it names a process for good */
  start: string;
}

function statOf(pid: number): Stat | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0]!, ppid: Number(fields[1]), start: fields[19]! };
  } catch {
    return null;
  }
}

/** Processes that were started with the mark in their environment, and all their descendants (a lab's nodes get an environment of their own). */
export function marked(mark: string): Marked[] {
  const all = new Map(pids().flatMap((pid) => (statOf(pid) ? [[pid, statOf(pid)!] as const] : [])));
  const hasMark = (pid: number): boolean => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`${MARK}=${mark}`);
    } catch {
      return false;
    }
  };
  const family = new Set([...all.keys()].filter(hasMark));
  for (let grown = true; grown;) {
    grown = false;
    for (const [pid, s] of all) if (!family.has(pid) && family.has(s.ppid)) grown = !!family.add(pid);
  }
  return [...family].flatMap((pid) => {
    const s = all.get(pid)!;
    return s.state === 'Z' ? [] : [{ pid, start: s.start, command: commandOf(pid) }];
  });
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

/** Those of them that are still there, zombies of other parents left out. */
export const alive = (list: Marked[]): Marked[] =>
  list.filter((p) => {
    const s = statOf(p.pid);
    return s !== null && s.start === p.start && s.state !== 'Z';
  });

/** Namespaces that some process of this machine lives in, with one that does. */
export function namespaces(): Map<string, string> {
  const seen = new Map<string, string>();
  for (const pid of pids()) {
    for (const ns of NAMESPACES) {
      try {
        seen.set(readlinkSync(`/proc/${pid}/ns/${ns}`), `${pid} ${commandOf(pid)}`);
      } catch {
        // gone, or not ours
      }
    }
  }
  return seen;
}

/** Namespaces that these processes have and this one has not. */
export const namespacesOf = (pidList: number[]): string[] => {
  const own = new Set(NAMESPACES.map((ns) => readlinkSync(`/proc/self/ns/${ns}`)));
  const seen = new Set<string>();
  for (const pid of pidList) {
    for (const ns of NAMESPACES) {
      try {
        seen.add(readlinkSync(`/proc/${pid}/ns/${ns}`));
      } catch {
        // gone meanwhile
      }
    }
  }
  return [...seen].filter((ns) => !own.has(ns));
};

export const mounts = (): number => readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n').length;

function list(dir: string, keep: (name: string) => boolean): string[] {
  try {
    return readdirSync(dir)
      .filter(keep)
      .map((n) => join(dir, n));
  } catch {
    return [];
  }
}

/** Folders that runs made: in the cache and in the system's temporary folder. */
export function folders(): string[] {
  return [...list(join(CACHE_DIR, 'runs'), () => true), ...list(tmpdir(), (n) => n.startsWith('drillbook-logs'))];
}

/** Resolves when the probe says yes; false at the deadline. */
export async function within(deadlineMs: number, probe: () => boolean): Promise<boolean> {
  const deadline = Date.now() + deadlineMs;
  while (!probe()) {
    if (Date.now() > deadline) return false;
    await new Promise((r) => setTimeout(r, 50));
  }
  return true;
}
