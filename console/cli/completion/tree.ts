/**
 * All commands with their options, as data. Kept in the cache: loading every command takes a second, and a key press must not. Made again when a file of
 * the command line is another, so no completion is of an older version.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';

export interface Node {
  name: string;
  about: string;
  options: Flag[];
  /** what stands behind it, in this order; the last may come again */
  args: Argument[];
  commands: Node[];
}
export interface Flag {
  /** as in --out */
  name: string;
  about: string;
  /** what it takes, as help calls it; null: nothing */
  takes: string | null;
  choices: readonly string[];
  /** may be given again */
  again: boolean;
}
export interface Argument {
  name: string;
  choices: readonly string[];
  again: boolean;
}

/** Tabs and ends of lines end what a shell reads; terminals obey other control characters. */
const plain = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');

export function nodeOf(command: Command): Node {
  const help = command.createHelp();
  return {
    name: command.name(),
    about: plain(command.description()),
    options: help.visibleOptions(command).map((o) => ({
      name: o.long ?? o.short ?? '',
      about: plain(o.description),
      takes: o.required || o.optional ? (/[<[](.+?)(\.\.\.)?[>\]]/.exec(o.flags)?.[1] ?? '') : null,
      choices: o.argChoices ?? [],
      again: o.variadic || o.parseArg !== undefined,
    })),
    args: command.registeredArguments.map((a) => ({ name: a.name(), choices: a.argChoices ?? [], again: a.variadic })),
    commands: help.visibleCommands(command).map(nodeOf),
  };
}

/** `make` is asked when there is no tree of just this installation. A cache that cannot be written costs time only. */
export async function treeOf(root: string, cacheDir: string, make: () => Promise<Command>): Promise<Node> {
  const file = join(cacheDir, 'completion', `${digest(root)}.json`);
  const key = stateOf(root);
  try {
    const kept = JSON.parse(readFileSync(file, 'utf8')) as { key: string; tree: Node };
    if (kept.key === key) return kept.tree;
  } catch {
    // not kept yet
  }
  const tree = nodeOf(await make());
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(`${file}.${process.pid}`, JSON.stringify({ key, tree }));
    renameSync(`${file}.${process.pid}`, file);
  } catch {
    // the next one makes it again
  }
  return tree;
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** Version, and size and time of every file of the command line: 2 ms. */
function stateOf(root: string): string {
  const folder = join(root, 'console', 'cli');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted();
  const stats = files.map((name) => {
    const { size, mtimeMs } = statSync(join(folder, name));
    return `${name} ${size} ${mtimeMs}`;
  });
  return digest(`${readFileSync(join(root, 'package.json'), 'utf8')}\n${stats.join('\n')}`);
}
