/** Counting what a command leaves: processes that carry a mark in their environment, their namespaces, mounts, folders. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { CACHE_DIR } from './lab.ts';

export const MARK = 'DRILLBOOK_TEST_MARK';
const NAMESPACES = ['net', 'mnt', 'pid', 'user'];

export interface Marked {
  pid: number;
  command: string;
}

const pids = (): number[] =>
  readdirSync('/proc')
    .filter((n) => /^\d+$/.test(n))
    .map(Number);

/** Live processes (no zombies) that were started with the mark, however deep below. */
export function marked(mark: string): Marked[] {
  return pids().flatMap((pid) => {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`${MARK}=${mark}`)) return [];
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      return command ? [{ pid, command }] : [];
    } catch {
      return [];
    }
  });
}

/** Namespaces that some process of this machine lives in. */
export function namespaces(): Set<string> {
  const seen = new Set<string>();
  for (const pid of pids()) {
    for (const ns of NAMESPACES) {
      try {
        seen.add(readlinkSync(`/proc/${pid}/ns/${ns}`));
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
  return [...list(join(CACHE_DIR, 'runs'), () => true), ...list(tmpdir(), (n) => n.startsWith('drillbook'))];
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
