/**
 * The keys that people of this machine sign with: one file each, readable by its owner only, in the user's configuration folder.
 * The public half goes into a crew file; the secret half never leaves the file.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { DrillError } from '../../core/errors.ts';
import { sha256Hex } from '../../core/json.ts';
import { newKeyPair } from '../../core/message.ts';
import { configFolder, privateFiles, readPrivate, writePrivate } from './private.ts';

const HEX64 = /^[0-9a-f]{64}$/;
export const pair = { publicKey: z.string().regex(HEX64), secretKey: z.string().regex(HEX64), madeAt: z.string() };
const fileSchema = z.strictObject({ name: z.string().min(1), ...pair });
export type PersonKey = z.output<typeof fileSchema>;

export const keyFolder = (env: Readonly<Record<string, string | undefined>>): string => join(configFolder(env), 'keys');

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
  const key: PersonKey = { name, ...newKeyPair(), madeAt: now.toISOString() };
  writePrivate(file, key);
  return { key, file };
}

/** Every key of this folder. */
export const allKeys = (folder: string): PersonKey[] => privateFiles(folder).map((file) => readPrivate(file, fileSchema, 'key'));
