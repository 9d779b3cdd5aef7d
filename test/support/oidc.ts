/** A real OpenID provider (the package oidc-provider) in the test's own process, on loopback; and somebody who signs in there by hand. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';

export const CLIENT = { id: 'board', secret: 'a secret of sixteen letters or more' };
const HOUR_S = 3_600;

/** It says on every start that it is not set up for production, which is so. */
const QUIET = ['info', 'warn'] as const;
function quietly<T>(make: () => T): T {
  const said = QUIET.map((level) => [level, console[level]] as const);
  for (const level of QUIET) console[level] = () => undefined;
  try {
    return make();
  } finally {
    for (const [level, say] of said) console[level] = say;
  }
}

/** What the provider knows of a login. */
export interface Account {
  email: string;
  email_verified: boolean;
}

export class OpenIdProvider {
  readonly #server: Server;
  readonly issuer: URL;
  #handler: RequestListener = (_, res) => void res.writeHead(503).end();

  private constructor(server: Server) {
    this.#server = server;
    // another site than the board's 127.0.0.1, as in life
    this.issuer = new URL(`http://localhost:${(server.address() as AddressInfo).port}`);
  }

  /** Knows no client yet: the board is started with the address of this one. */
  static async start(): Promise<OpenIdProvider> {
    const server: Server = createServer((req, res) => provider.#handler(req, res));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const provider: OpenIdProvider = new OpenIdProvider(server);
    return provider;
  }

  /** `inToken`: the claims are in the ID token, where a provider that conforms would answer them at userinfo only. */
  serve(redirectUri: string, accounts: Readonly<Record<string, Account>>, { inToken = false }: { inToken?: boolean } = {}): void {
    const configuration = {
      clients: [{ client_id: CLIENT.id, client_secret: CLIENT.secret, redirect_uris: [redirectUri] }],
      claims: { email: ['email', 'email_verified'], profile: ['preferred_username'] },
      conformIdTokenClaims: !inToken,
      ttl: { AccessToken: HOUR_S, AuthorizationCode: 60, IdToken: HOUR_S, Interaction: HOUR_S, Session: HOUR_S, Grant: HOUR_S },
      cookies: { keys: ['of a test'] },
      findAccount: (_: unknown, id: string) =>
        accounts[id] ? { accountId: id, claims: () => ({ sub: id, preferred_username: id, ...accounts[id] }) } : undefined,
    };
    this.#handler = quietly(() => new Provider(this.issuer.origin, configuration).callback());
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((r) => this.#server.close(r));
  }

  /** Signs in and consents, as a person does on its pages; where the browser is then sent back to. */
  async visit(address: string, login: string): Promise<URL> {
    const jar = new Map<string, string>();
    let at = new URL(address);
    let body: URLSearchParams | null = null;
    for (let page = 0; page < 12; page++) {
      const cookie = [...jar].map(([k, v]) => `${k}=${v}`).join('; ');
      const res: Response = await fetch(at, { redirect: 'manual', headers: { cookie }, ...(body ? { method: 'POST', body } : {}) });
      for (const [name, value] of res.headers.getSetCookie().map((c) => c.split(';')[0]!.split('='))) jar.set(name!, value!);
      const [text, location] = [await res.text(), res.headers.get('location')];
      body = null;
      if (location) at = new URL(location, at);
      else {
        const [, action] = /<form [^>]*action="([^"]+)"/.exec(text) ?? [];
        if (!action) throw new Error(`the provider showed no form: ${res.status} ${text.slice(0, 500)}`);
        body = new URLSearchParams({ prompt: /name="prompt" value="(\w+)"/.exec(text)![1]!, login, password: 'any' });
        at = new URL(action, at);
      }
      if (at.host !== this.issuer.host) return at;
    }
    throw new Error('the provider did not send back');
  }
}
