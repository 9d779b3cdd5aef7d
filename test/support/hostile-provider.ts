/** An OpenID provider that answers as somebody who wants in would: with whatever ID token a test forges. Its pages are never visited: a test comes back by itself. */
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const KEYS = generateKeyPairSync('rsa', { modulusLength: 2048 });
const OTHER = generateKeyPairSync('rsa', { modulusLength: 2048 });
export const otherKey = OTHER.privateKey;

export interface Forged {
  /** changes of an ID token that is right; undefined takes a claim away */
  claims?: Record<string, unknown>;
  header?: Record<string, unknown>;
  key?: KeyObject;
  /** of the signing input, in place of RSA */
  signature?: (input: string) => string;
  /** of the whole token */
  change?: (token: string) => string;
  /** in place of what the token endpoint would answer */
  answer?: { status: number; type: string; body: string };
  userinfo?: object;
  metadata?: Record<string, unknown>;
}

const b64 = (o: object): string => Buffer.from(JSON.stringify(o)).toString('base64url');
export const hs256 =
  (secret: string | Buffer) =>
  (input: string): string =>
    createHmac('sha256', secret).update(input).digest('base64url');
/** The published key as text, which a careless verifier would take for a shared secret. */
export const publishedPem = KEYS.publicKey.export({ type: 'spki', format: 'pem' });

export class HostileProvider {
  readonly #server: Server;
  readonly issuer: URL;
  /** how many came for a token */
  asked = 0;
  /** what the next answer is made of */
  forged: Forged = {};
  nonce = '';

  private constructor(server: Server) {
    this.#server = server;
    this.issuer = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  static async start(port = 0): Promise<HostileProvider> {
    const server: Server = createServer((req, res) => hostile.#answer(req, res));
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const hostile: HostileProvider = new HostileProvider(server);
    return hostile;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((r) => this.#server.close(r));
  }

  #answer(req: IncomingMessage, res: ServerResponse): void {
    const { origin } = this.issuer;
    const json = (o: object) => void res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(o));
    switch (req.url ?? '') {
      case '/.well-known/openid-configuration':
        return json({
          issuer: origin,
          authorization_endpoint: `${origin}/auth`,
          token_endpoint: `${origin}/token`,
          jwks_uri: `${origin}/jwks`,
          userinfo_endpoint: `${origin}/me`,
          id_token_signing_alg_values_supported: ['RS256', 'HS256', 'none'],
          ...this.forged.metadata,
        });
      case '/jwks':
        return json({ keys: [{ ...KEYS.publicKey.export({ format: 'jwk' }), kid: '1', alg: 'RS256', use: 'sig' }] });
      case '/me':
        return json(this.forged.userinfo ?? {});
      case '/token': {
        this.asked++;
        const { answer } = this.forged;
        if (answer) return void res.writeHead(answer.status, { 'content-type': answer.type }).end(answer.body);
        return json({ access_token: 'a', token_type: 'Bearer', id_token: this.#token() });
      }
      default:
        return void res.writeHead(404).end();
    }
  }

  #token(): string {
    const { claims, header, key = KEYS.privateKey, signature, change = (t) => t } = this.forged;
    const now = Math.floor(Date.now() / 1000);
    const right = {
      iss: this.issuer.origin,
      sub: 'ada',
      aud: 'board',
      iat: now,
      exp: now + 300,
      nonce: this.nonce,
      email: 'ada@example.com',
      email_verified: true,
    };
    const input = `${b64({ alg: 'RS256', kid: '1', ...header })}.${b64({ ...right, ...claims })}`;
    return change(`${input}.${signature ? signature(input) : sign('sha256', Buffer.from(input), key).toString('base64url')}`);
  }
}
