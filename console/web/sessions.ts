/**
 * Who is at the other end: a session that a token or an identity provider opened, or a name that a trusted proxy vouches for. The cookie is 256 random bits and means
 * nothing by itself; signing in always makes a new one, so that one which somebody planted before is worth nothing. A form's token is an HMAC of cookie and name: no page
 * of another site knows it. Sessions live in memory: after a restart people sign in again.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { sha256Hex } from '../../core/json.ts';
import { readTokens, stillValid, tokenOf, tokenState } from '../people/tokens.ts';
import type { TokenState } from '../people/tokens.ts';

export const COOKIE = 'drillbook';
const IDLE_MS = 2 * 3_600_000;
const ABSOLUTE_MS = 12 * 3_600_000;
const SESSIONS_MAX = 1_000;
const COOKIE_TEXT = /^[A-Za-z0-9_-]{43}$/;

export interface Visitor {
  /** null: nobody that we know */
  name: string | null;
  cookie: string;
  /** the cookie was made for this answer, which must set it */
  fresh: boolean;
  csrf: string;
}
/** What a session hangs on: it ends with it. */
type By = { tokenId: string } | { login: string };
interface Session {
  name: string;
  by: By;
  openedMs: number;
  seenMs: number;
}
export interface Trust {
  /** lower case */
  header: string;
  /** addresses that may set it */
  from: readonly string[];
}
export interface SessionOptions {
  /** folder of the tokens */
  tokens: string;
  trust: Trust | null;
  /** whose a login is now; null: nobody's */
  nameOf?: (login: string) => string | null;
  now?: () => number;
}

export class Sessions {
  readonly #o: SessionOptions;
  readonly #secret = randomBytes(32);
  /** by the digest of the cookie: what is in memory opens nothing */
  readonly #open = new Map<string, Session>();
  readonly #now: () => number;

  constructor(o: SessionOptions) {
    this.#o = o;
    this.#now = o.now ?? Date.now;
  }

  /** `act`: the person did something; a page that only stays open does not keep a session. */
  visitor(headers: IncomingHttpHeaders, remote: string, act = true): Visitor {
    const given = cookieOf(headers.cookie);
    const cookie = given ?? randomBytes(32).toString('base64url');
    const name = this.#vouched(headers, remote) ?? (given === null ? null : this.#signedIn(given, act));
    return { name, cookie, fresh: given === null, csrf: this.#csrf(cookie, name) };
  }

  /** The new cookie; or what is wrong with the token: it is none of ours, or perhaps one of those whose files are unusable. */
  signIn(text: string, oldCookie: string): { cookie: string; name: string } | { wrong: Exclude<TokenState, 'valid'> | 'none' | 'unusable' } {
    const token = tokenOf(this.#o.tokens, text);
    if (!token) return { wrong: readTokens(this.#o.tokens).unusable.length > 0 ? 'unusable' : 'none' };
    const state = tokenState(token, this.#now());
    if (state !== 'valid') return { wrong: state };
    return { cookie: this.#begin(token.name, { tokenId: token.id }, oldCookie), name: token.name };
  }

  /** The new cookie, of whoever an identity provider says has this login; null: that is nobody of the crew. */
  signInAs(login: string, oldCookie: string): string | null {
    const name = this.#o.nameOf?.(login) ?? null;
    return name === null ? null : this.#begin(name, { login }, oldCookie);
  }

  /** What the session hung on; null: there was none. */
  signOut(cookie: string): 'token' | 'login' | null {
    const by = this.#open.get(sha256Hex(cookie))?.by;
    this.#open.delete(sha256Hex(cookie));
    return by ? ('login' in by ? 'login' : 'token') : null;
  }

  fits(visitor: Visitor, given: string): boolean {
    const [a, b] = [Buffer.from(visitor.csrf), Buffer.from(given)];
    return a.length === b.length && timingSafeEqual(a, b);
  }

  #begin(name: string, by: By, oldCookie: string): string {
    this.#open.delete(sha256Hex(oldCookie));
    const cookie = randomBytes(32).toString('base64url');
    this.#open.set(sha256Hex(cookie), { name, by, openedMs: this.#now(), seenMs: this.#now() });
    if (this.#open.size > SESSIONS_MAX) this.#open.delete(this.#open.keys().next().value!);
    return cookie;
  }

  #csrf(cookie: string, name: string | null): string {
    return createHmac('sha256', this.#secret)
      .update(JSON.stringify([cookie, name]))
      .digest('base64url');
  }

  /** Idle, too old, its token no longer valid, or its login somebody else's: the session has ended. */
  #signedIn(cookie: string, act: boolean): string | null {
    const key = sha256Hex(cookie);
    const session = this.#open.get(key);
    if (!session) return null;
    const now = this.#now();
    if (now - session.seenMs > IDLE_MS || now - session.openedMs > ABSOLUTE_MS || !this.#holds(session, now)) {
      this.#open.delete(key);
      return null;
    }
    if (act) session.seenMs = now;
    return session.name;
  }

  #holds({ name, by }: Session, now: number): boolean {
    if ('login' in by) return this.#o.nameOf?.(by.login) === name;
    return stillValid(this.#o.tokens, by.tokenId, now);
  }

  /** Header values come as Latin-1; names are UTF-8. */
  #vouched(headers: IncomingHttpHeaders, remote: string): string | null {
    const { trust } = this.#o;
    if (!trust || !trust.from.includes(remote.replace(/^::ffff:/, ''))) return null;
    const value = headers[trust.header];
    const name = typeof value === 'string' ? Buffer.from(value, 'latin1').toString('utf8').trim() : '';
    return name === '' ? null : name;
  }
}

function cookieOf(header: string | undefined): string | null {
  const found = header
    ?.split(';')
    .map((part) => part.trim().split('='))
    .find(([name]) => name === COOKIE)?.[1];
  return found !== undefined && COOKIE_TEXT.test(found) ? found : null;
}
