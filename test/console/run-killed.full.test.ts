/**
 * kill -9 of parts of a running drill: nothing that it started stays. Processes and namespaces are back within 5 s, folders and sockets after
 * the next command. One real `drillbook run` per row.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { alive, folders, marked, mounts, namespaces, namespacesOf, within } from '../support/census.ts';
import type { Marked } from '../support/census.ts';
import { drillbook } from '../support/command.ts';
import type { Command } from '../support/command.ts';

const CLEAN_MS = 5_000;
const ROW_MS = 180_000;

interface LabState {
  pid: number;
  unsharePid: number;
}

/** The lab of this command, found by its holder's mark. */
function labOf(c: Command): LabState {
  const own = new Set(marked(c.mark).map((p) => p.pid));
  const states = folders().flatMap((dir) => {
    try {
      return [JSON.parse(readFileSync(join(dir, 'lab', 'lab.json'), 'utf8')) as LabState];
    } catch {
      return [];
    }
  });
  return states.find((s) => own.has(s.pid))!;
}
const find = (all: Marked[], part: string): number => all.find((p) => p.command.includes(part))!.pid;

const newFolders = (before: string[]): string[] => folders().filter((f) => !before.includes(f));

const VICTIMS: [string, (c: Command) => number[]][] = [
  ['the command', (c) => [c.pid]],
  ['the holder', (c) => [labOf(c).pid]],
  ['unshare', (c) => [labOf(c).unsharePid]],
  ['command, holder, unshare and worker at once', (c) => [c.pid, labOf(c).pid, labOf(c).unsharePid, find(marked(c.mark), 'worker/main.ts')]],
];

test.each(VICTIMS)(
  'kill -9 of %s: processes, namespaces and mounts are back within 5 s, folders after the next command',
  async (_who, victims) => {
    const before = { folders: folders(), mounts: mounts() };
    await using c = drillbook('run');
    await c.saw(/writes go on for .* \(isolated\): active/);
    const family = marked(c.mark);
    const lab = namespacesOf(family.map((p) => p.pid));
    expect(lab.length).toBeGreaterThan(3);
    for (const pid of victims(c)) process.kill(pid, 'SIGKILL');
    const inUse = (): string[] => {
      const left = namespaces();
      return lab.flatMap((ns) => left.get(ns) ?? []);
    };
    await within(CLEAN_MS, () => alive(family).length + marked(c.mark).length + inUse().length === 0);
    expect([alive(family), marked(c.mark)]).toEqual([[], []]);
    expect(inUse()).toEqual([]);
    expect(mounts()).toBe(before.mounts);
    await using next = drillbook('lint', 'mysql-stale-promotion');
    expect((await next.ended).code).toBe(0);
    expect(newFolders(before.folders)).toEqual([]);
  },
  ROW_MS,
);

test(
  'kill -9 of the worker alone: the drill goes on, passes, and leaves nothing',
  async () => {
    const before = { folders: folders(), mounts: mounts() };
    await using c = drillbook('run');
    await c.saw(/writes go on for .* \(isolated\): active/);
    process.kill(find(marked(c.mark), 'worker/main.ts'), 'SIGKILL');
    const { code } = await c.ended;
    expect([code, c.output()]).toEqual([0, expect.stringContaining('PASS')]);
    expect(await within(CLEAN_MS, () => marked(c.mark).length === 0)).toBe(true);
    expect([newFolders(before.folders), mounts()]).toEqual([[], before.mounts]);
  },
  ROW_MS,
);

test(
  'Ctrl-C: the drill is aborted by a signed message, undone, sealed as unknown, and leaves nothing',
  async () => {
    const before = { folders: folders(), mounts: mounts() };
    await using c = drillbook('run');
    await c.saw(/writes go on for .* \(isolated\): active/);
    process.kill(c.pid, 'SIGINT');
    const { code } = await c.ended;
    expect([code, c.output()]).toEqual([3, expect.stringContaining('UNKNOWN')]);
    expect(c.output()).toMatch(/healed/);
    expect(marked(c.mark)).toEqual([]);
    expect([newFolders(before.folders), mounts()]).toEqual([[], before.mounts]);
  },
  ROW_MS,
);
