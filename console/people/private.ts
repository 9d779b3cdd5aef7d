/** Files that only their owner reads: keys and tokens, in the user's configuration folder (XDG_CONFIG_HOME, else ~/.config). */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import type { z } from 'zod';
import { DrillError, messageOf } from '../../core/errors.ts';
import { writeDurably } from '../../evidence/files.ts';

const OTHERS = 0o077;

export function configFolder(env: Readonly<Record<string, string | undefined>>): string {
  const xdg = env['XDG_CONFIG_HOME'];
  return join(xdg && isAbsolute(xdg) ? xdg : join(env['HOME'] ?? '/', '.config'), 'drillbook');
}

/** Whole or not at all, and on disk before the call returns. */
export function writePrivate(file: string, value: object): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  chmodSync(dirname(file), 0o700);
  writeDurably(file, `${JSON.stringify(value, null, 2)}\n`, 0o600);
}

function onlyOwners(file: string, what: string): void {
  if ((statSync(file).mode & OTHERS) !== 0)
    throw new DrillError(
      'DRILL_KEY_UNSAFE',
      `${file} can be read by others than its owner: what it stands for proves nothing`,
      `chmod 600 ${file}; if others may have read it, make a new ${what}`,
    );
}

/** A text that somebody else made, in a file of its own. DRILL_SECRET_MISSING, DRILL_KEY_UNSAFE. */
export function readSecret(file: string): string {
  if (!existsSync(file)) throw new DrillError('DRILL_SECRET_MISSING', `${file} is not there`, 'name the file that holds the secret');
  onlyOwners(file, 'secret');
  const secret = readFileSync(file, 'utf8').trim();
  if (secret === '') throw new DrillError('DRILL_SECRET_MISSING', `${file} is empty`, 'write the secret into it');
  return secret;
}

/** DRILL_KEY_UNSAFE when others may read it, DRILL_KEY_UNREADABLE when it is not what it should be. */
export function readPrivate<T>(file: string, schema: z.ZodType<T>, what: string): T {
  onlyOwners(file, what);
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new DrillError('DRILL_KEY_UNREADABLE', `${file} is no ${what}: ${messageOf(cause)}`, 'move it away, and make a new one', { cause });
  }
}

/** The private files of a folder, by name. */
export function privateFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((f) => f.endsWith('.json'))
    .toSorted()
    .map((f) => join(folder, f));
}
