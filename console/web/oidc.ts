/**
 * Sign-in by OpenID Connect: the authorization code flow with PKCE (RFC 7636, S256), state and nonce. A sign-in that was begun is good for one answer, to the browser that
 * began it, for ten minutes. An ID token counts when issuer, audience, nonce, times (30 s of tolerance) and its signature by a key that the provider publishes are right:
 * the signature too, though OpenID Connect Core 3.1.3.7 lets it go unchecked behind TLS. Why one was refused is for the board's log; the visitor gets a code.
 */
import { isNativeError } from 'node:util/types';
import * as client from 'openid-client';
import { sha256Hex } from '../../core/json.ts';
import { Problem } from './problem.ts';

/** What of a person may be the login. An e-mail address counts only when the provider says that it has verified it. */
export const CLAIMS = ['email', 'preferred_username', 'sub'] as const;
export type Claim = (typeof CLAIMS)[number];
const SCOPES: Record<Claim, string> = { email: 'openid email', preferred_username: 'openid profile', sub: 'openid' };

const ANSWER_S_MAX = 10;
const CLOCK_TOLERANCE_S = 30;
const BEGUN_MS = 600_000;
/** About 3 MB. Whoever begins more sign-ins than that within ten minutes ends those of others, and gains nothing else. */
const BEGUN_MAX = 10_000;
/** Its endpoints are asked for again after that; its keys, by openid-client, when a token names one that is not known. */
const PROVIDER_MS = 3_600_000;

export interface OidcOptions {
  /** https; http only on loopback */
  issuer: URL;
  clientId: string;
  /** null: a public client, which PKCE alone protects */
  secret: string | null;
  claim: Claim;
  now?: () => number;
}
interface Begun {
  /** digest of the cookie that the browser had */
  cookie: string;
  nonce: string;
  verifier: string;
  next: string;
  atMs: number;
}

export class Oidc {
  readonly #o: OidcOptions;
  readonly #now: () => number;
  readonly #begun = new Map<string, Begun>();
  #provider: { asked: Promise<client.Configuration>; atMs: number } | null = null;

  constructor(o: OidcOptions) {
    this.#o = o;
    this.#now = o.now ?? Date.now;
  }

  /** How people know the provider. */
  get name(): string {
    return this.#o.issuer.host;
  }

  /** Where to send the browser; it comes back to `back`. DRILL_OIDC_UNREACHABLE. */
  async begin(back: URL, cookie: string, next: string): Promise<URL> {
    const config = await this.#configuration();
    const [state, nonce, verifier] = [client.randomState(), client.randomNonce(), client.randomPKCECodeVerifier()];
    const code_challenge = await client.calculatePKCECodeChallenge(verifier);
    this.#begun.set(state, { cookie: sha256Hex(cookie), nonce, verifier, next, atMs: this.#now() });
    if (this.#begun.size > BEGUN_MAX) this.#begun.delete(this.#begun.keys().next().value!);
    const asked = { redirect_uri: back.href, scope: SCOPES[this.#o.claim], state, nonce, code_challenge, code_challenge_method: 'S256' };
    try {
      return client.buildAuthorizationUrl(config, asked);
    } catch (cause) {
      throw unreachable(cause);
    }
  }

  /** `answer`: the address to which the browser came back. DRILL_OIDC_STATE, _DENIED, _TOKEN, _UNREACHABLE, _PERSON. */
  async finish(answer: URL, cookie: string): Promise<{ login: string; next: string }> {
    const state = answer.searchParams.get('state') ?? '';
    const begun = this.#begun.get(state);
    this.#begun.delete(state);
    if (!begun || begun.cookie !== sha256Hex(cookie) || this.#now() - begun.atMs > BEGUN_MS)
      throw new Problem(403, 'DRILL_OIDC_STATE', 'this answers no sign-in that this browser has just begun', 'sign in again, here, within ten minutes');
    const config = await this.#configuration();
    try {
      const tokens = await client.authorizationCodeGrant(config, answer, {
        expectedState: state,
        expectedNonce: begun.nonce,
        pkceCodeVerifier: begun.verifier,
        idTokenExpected: true,
      });
      const claims = tokens.claims()!;
      // all from one of the two: an address that one says is not what the other has verified
      const said =
        claims[this.#o.claim] === undefined && config.serverMetadata().userinfo_endpoint
          ? await client.fetchUserInfo(config, tokens.access_token, claims.sub)
          : claims;
      return { login: this.#loginOf(said), next: begun.next };
    } catch (e) {
      throw refusalOf(e);
    }
  }

  /** Where somebody ends the session with the provider itself; null: it has no such page, or was not asked for long. */
  async endSession(): Promise<URL | null> {
    const config = await this.#provider?.asked.catch(() => null);
    return config?.serverMetadata().end_session_endpoint ? client.buildEndSessionUrl(config) : null;
  }

  /** Asked once for all who come at the same time; a failure is not kept. */
  async #configuration(): Promise<client.Configuration> {
    if (!this.#provider || this.#now() - this.#provider.atMs > PROVIDER_MS) this.#provider = { asked: this.#discover(), atMs: this.#now() };
    const mine = this.#provider;
    try {
      return await mine.asked;
    } catch (cause) {
      if (this.#provider === mine) this.#provider = null;
      throw unreachable(cause);
    }
  }

  #discover(): Promise<client.Configuration> {
    const { issuer, clientId, secret } = this.#o;
    return client.discovery(issuer, clientId, { [client.clockTolerance]: CLOCK_TOLERANCE_S }, secret === null ? client.None() : authenticated(secret), {
      timeout: ANSWER_S_MAX,
      execute: [client.enableNonRepudiationChecks, ...(issuer.protocol === 'http:' ? [client.allowInsecureRequests] : [])],
    });
  }

  #loginOf(said: Readonly<Record<string, unknown>>): string {
    const { claim } = this.#o;
    const login = said[claim];
    if (typeof login !== 'string' || login === '')
      throw new Problem(403, 'DRILL_OIDC_PERSON', `${this.name} did not say your ${claim}`, 'whoever runs the board names another with --oidc-claim');
    if (claim === 'email' && said['email_verified'] !== true)
      throw new Problem(403, 'DRILL_OIDC_PERSON', `${this.name} has not verified your e-mail address`, 'have it verified there, or sign in with a token');
    return login;
  }
}

/** By the header, which every provider has to take (RFC 6749, 2.3.1), unless this one says that it wants the body. */
const authenticated =
  (secret: string): client.ClientAuth =>
  (server, ...rest) => {
    const takes = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    return (takes.includes('client_secret_basic') ? client.ClientSecretBasic(secret) : client.ClientSecretPost(secret))(server, ...rest);
  };

const unreachable = (cause: unknown): Problem =>
  new Problem(503, 'DRILL_OIDC_UNREACHABLE', 'the identity provider does not answer', 'try again in a minute; a token opens the board meanwhile', null, cause);

/** On the way back, at the token endpoint, and there when it does not take who this client says it is. */
const SAYS_NO = [client.AuthorizationResponseError, client.ResponseBodyError, client.WWWAuthenticateChallengeError] as const;

function refusalOf(e: unknown): Problem {
  if (e instanceof Problem) return e;
  // what fetch says of a connection that was not made, and of one that broke
  const failed = chainOf(e).some((x) => x.message === 'fetch failed' || x.message === 'terminated');
  const status = e instanceof client.ClientError && e.cause instanceof Response ? e.cause.status : 0;
  if (failed || codeOf(e) === 'OAUTH_TIMEOUT' || status >= 500) return unreachable(e);
  if (SAYS_NO.some((kind) => e instanceof kind))
    return new Problem(403, 'DRILL_OIDC_DENIED', 'the identity provider did not sign you in', 'sign in again; whoever runs the board sees why', null, e);
  return new Problem(403, 'DRILL_OIDC_TOKEN', 'what the identity provider sent is not valid', 'sign in again; whoever runs the board sees why', null, e);
}

/** For the log: what each error said, the first to last. */
export const reasonsOf = (e: unknown): string =>
  chainOf(e)
    .map((x) => {
      const named = x instanceof client.WWWAuthenticateChallengeError ? x.cause.map((c) => c.parameters.error).join(' ') : 'error' in x ? String(x.error) : '';
      return `${codeOf(x) && `${codeOf(x)}: `}${x.message}${named && ` (${named})`}`;
    })
    .join('; ');

const codeOf = (e: unknown): string => (isNativeError(e) && 'code' in e && typeof e.code === 'string' ? e.code : '');
/** An error, its cause, and so on. */
const chainOf = (e: unknown): Error[] => (isNativeError(e) ? [e, ...chainOf(e.cause)] : []);
