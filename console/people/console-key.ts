/**
 * The key of this machine's board: it vouches for people whom the board has signed in. `drillbook run --crew` puts it into the plan, so it must be there before a
 * drill starts: the first token, or the first start of the board, makes it.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { newKeyPair } from '../../core/message.ts';
import type { CrewMember, PublicKeyEntry } from '../../core/message.ts';
import type { Plan } from '../../core/plan.ts';
import { pair } from './keys.ts';
import { readPrivate, writePrivate } from './private.ts';

const fileSchema = z.strictObject(pair);
export type ConsoleKey = z.output<typeof fileSchema>;

const fileOf = (config: string): string => join(config, 'console.json');

/** null: this machine has no board. */
export const consoleKey = (config: string): ConsoleKey | null => (existsSync(fileOf(config)) ? readPrivate(fileOf(config), fileSchema, 'key') : null);

export function ensureConsoleKey(config: string, now: Date): ConsoleKey {
  const there = consoleKey(config);
  if (there) return there;
  const key: ConsoleKey = { ...newKeyPair(), madeAt: now.toISOString() };
  writePrivate(fileOf(config), key);
  return key;
}

/** What a plan says of it: whom it may sign for. */
export const consoleEntry = ({ publicKey }: ConsoleKey, people: CrewMember[]): PublicKeyEntry => ({
  id: `board-${publicKey.slice(0, 8)}`,
  publicKey,
  kind: 'console',
  people,
});

/** null: the plan does not know this board. */
export const entryOf = (plan: Plan, key: ConsoleKey): PublicKeyEntry | null =>
  plan.keys.find((k) => k.kind === 'console' && k.publicKey === key.publicKey) ?? null;
