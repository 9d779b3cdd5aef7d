/**
 * Personal tokens: what a person types into the board's sign-in page. 256 random bits, shown once; kept is only their SHA-256, one file for each token. A token
 * that has so much randomness needs no slow hash.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { DrillError, isDrillError } from '../../core/errors.ts';
import { sha256Hex } from '../../core/json.ts';
import { privateFiles, readPrivate, writePrivate } from './private.ts';

const schema = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{8}$/),
  name: z.string().min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** epoch ms */
  issuedAt: z.number(),
  expiresAt: z.number(),
  revokedAt: z.number().nullable(),
});
export type Token = z.output<typeof schema>;
export type TokenState = 'valid' | 'expired' | 'revoked';

export const TOKEN_DAYS = 30;
const DAY_MS = 86_400_000;
const DAYS_MAX = 366;
const TEXT = /^drb_[A-Za-z0-9_-]{43}$/;

export const tokenFolder = (config: string): string => join(config, 'tokens');

/** "30d", "12h" in ms. DRILL_USAGE. */
export function expiryMs(text: string): number {
  const [, n, unit] = /^(\d{1,4})([hd])$/.exec(text) ?? [];
  const ms = Number(n) * (unit === 'h' ? DAY_MS / 24 : DAY_MS);
  if (n === undefined || ms === 0 || ms > DAYS_MAX * DAY_MS)
    throw new DrillError('DRILL_USAGE', `--expires ${text} is no time for a token`, `hours or days, as in 12h or 30d, at most ${DAYS_MAX}d`);
  return ms;
}

/** The text is nowhere else: whoever loses it is given a new one. */
export function issueToken(folder: string, name: string, forMs: number, nowMs: number): { text: string; token: Token } {
  const text = `drb_${randomBytes(32).toString('base64url')}`;
  const token: Token = { id: randomBytes(4).toString('hex'), name, sha256: sha256Hex(text), issuedAt: nowMs, expiresAt: nowMs + forMs, revokedAt: null };
  writePrivate(fileOf(folder, token.id), token);
  return { text, token };
}

export interface Tokens {
  /** oldest first */
  tokens: Token[];
  /** files that open nothing, and stop nobody else: DRILL_KEY_UNSAFE, DRILL_KEY_UNREADABLE */
  unusable: { id: string; error: DrillError }[];
}

export function readTokens(folder: string): Tokens {
  const found: Tokens = { tokens: [], unusable: [] };
  for (const file of privateFiles(folder)) {
    try {
      found.tokens.push(readPrivate(file, schema, 'token'));
    } catch (e) {
      if (!isDrillError(e)) throw e;
      found.unusable.push({ id: basename(file, '.json'), error: e });
    }
  }
  found.tokens.sort((a, b) => a.issuedAt - b.issuedAt);
  return found;
}

/** Whether a token that was valid when somebody signed in still is. */
export function stillValid(folder: string, id: string, nowMs: number): boolean {
  const file = fileOf(folder, id);
  try {
    return existsSync(file) && tokenState(readPrivate(file, schema, 'token'), nowMs) === 'valid';
  } catch (e) {
    if (isDrillError(e)) return false;
    throw e;
  }
}
const fileOf = (folder: string, id: string): string => join(folder, `${id}.json`);

export const tokenState = (t: Token, nowMs: number): TokenState => (t.revokedAt !== null ? 'revoked' : t.expiresAt <= nowMs ? 'expired' : 'valid');

/** The token that this text is, in whatever state; null: none. What is compared is a digest, so time tells nothing. */
export function tokenOf(folder: string, text: string): Token | null {
  if (!TEXT.test(text)) return null;
  const sha256 = sha256Hex(text);
  return readTokens(folder).tokens.find((t) => t.sha256 === sha256) ?? null;
}

/** Also ends the sessions that were opened with it. DRILL_NO_TOKEN; of a token whose file is unusable, why it is. */
export function revokeToken(folder: string, id: string, nowMs: number): Token {
  const { tokens, unusable } = readTokens(folder);
  const token = tokens.find((t) => t.id === id);
  const why = unusable.find((u) => u.id === id);
  if (why) throw why.error;
  if (!token) throw new DrillError('DRILL_NO_TOKEN', `there is no token ${id}`, 'drillbook token list shows them');
  const revoked = { ...token, revokedAt: token.revokedAt ?? nowMs };
  writePrivate(fileOf(folder, id), revoked);
  return revoked;
}
