/**
 * The keys that people of this machine sign with: one file each, readable by its owner only, in the user's configuration folder (XDG_CONFIG_HOME, else ~/.config).
 * The public half goes into a crew file; the secret half never leaves the file.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { DrillError, messageOf } from '../../core/errors.ts';
import { sha256Hex } from '../../core/json.ts';
import { newKeyPair } from '../../core/message.ts';
import { writeDurably } from '../../evidence/files.ts';

const HEX64 = /^[0-9a-f]{64}$/;
const fileSchema = z.strictObject({ name: z.string().min(1), publicKey: z.string().regex(HEX64), secretKey: z.string().regex(HEX64), madeAt: z.string() });
export type PersonKey = z.output<typeof fileSchema>;

const OTHERS = 0o077;

export function keyFolder(env: Readonly<Record<string, string | undefined>>): string {
  const xdg = env['XDG_CONFIG_HOME'];
  return join(xdg && isAbsolute(xdg) ? xdg : join(env['HOME'] ?? '/', '.config'), 'drillbook', 'keys');
}

/** Two people may have names that differ in what a file name cannot hold. */
const fileOf = (folder: string, name: string): string =>
  join(
    folder,
    `${name
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .slice(0, 40)}-${sha256Hex(name).slice(0, 8)}.json`,
  );

/** Makes a key for a person who has none here; DRILL_KEY_EXISTS otherwise. */
export function makeKey(folder: string, name: string, now: Date): { key: PersonKey; file: string } {
  const file = fileOf(folder, name);
  if (existsSync(file))
    throw new DrillError(
      'DRILL_KEY_EXISTS',
      `${name} has a key here: ${file}`,
      'drillbook key show prints its public half; move the file away to make a new one',
    );
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const key: PersonKey = { name, ...newKeyPair(), madeAt: now.toISOString() };
  writeDurably(file, `${JSON.stringify(key, null, 2)}\n`, 0o600);
  return { key, file };
}

/** Every key of this folder. DRILL_KEY_UNSAFE when others may read one, DRILL_KEY_UNREADABLE when it is none. */
export function allKeys(folder: string): PersonKey[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((f) => f.endsWith('.json'))
    .toSorted()
    .map((f) => readKey(join(folder, f)));
}

function readKey(file: string): PersonKey {
  if ((statSync(file).mode & OTHERS) !== 0)
    throw new DrillError(
      'DRILL_KEY_UNSAFE',
      `${file} can be read by others than its owner: what it signs proves nothing`,
      `chmod 600 ${file}; if others may have read it, make a new key`,
    );
  try {
    return fileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new DrillError('DRILL_KEY_UNREADABLE', `${file} is no key: ${messageOf(cause)}`, 'drillbook key new makes one', { cause });
  }
}
