/** Sign-in by OpenID Connect: with a real provider from the first click to the drill; and with one that forges, replays, or is not there. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Logins } from '../../../console/people/logins.ts';
import type { Board } from '../../../console/web/board.ts';
import { Oidc } from '../../../console/web/oidc.ts';
import type { Claim } from '../../../console/web/oidc.ts';
import { boardDir, Browser, startBoard } from '../../support/board.ts';
import type { Got } from '../../support/board.ts';
import { HostileProvider, hs256, otherKey, publishedPem } from '../../support/hostile-provider.ts';
import type { Forged } from '../../support/hostile-provider.ts';
import { CLIENT, OpenIdProvider } from '../../support/oidc.ts';

const PEOPLE = `crew: crew
title: Three people
people:
  - { name: Ada, roles: [sre], login: ada@example.com }
  - { name: Grace, roles: [dba], login: grace }
  - { name: Edsger, roles: [dba] }
`;
const ACCOUNTS = {
  ada: { email: 'Ada@Example.com', email_verified: true },
  mallory: { email: 'ada@example.com', email_verified: false },
  eve: { email: 'eve@example.com', email_verified: true },
  grace: { email: 'grace@example.com', email_verified: true },
};
const DRILL = '/drills/20260101T000000Z-x';

interface Site {
  dir: string;
  board: Board;
  notes: string[];
  back: string;
}
let now: number;
const sites: Site[] = [];
async function siteFor(issuer: URL, o: { claim?: Claim; secret?: string | null; url?: URL } = {}): Promise<Site> {
  const dir = boardDir();
  const file = join(dir, 'people.yaml');
  writeFileSync(file, PEOPLE);
  const said: string[] = [];
  const logins = new Logins(file, (line) => said.push(line));
  const { claim = 'email', secret = CLIENT.secret, url = null } = o;
  const provider = new Oidc({ issuer, clientId: CLIENT.id, secret, claim, now: () => now });
  const { board } = await startBoard(dir, { oidc: { provider, nameOf: (login) => logins.nameOf(login) }, url, note: (line) => void said.push(line) });
  const site = { dir, board, notes: said, back: new URL('sign-in/oidc/back', board.url).href };
  sites.push(site);
  return site;
}
beforeEach(() => (now = Date.now()));
afterEach(async () => {
  for (const { board, dir } of sites.splice(0)) {
    await board.close();
    rmSync(dir, { recursive: true });
  }
});
const pathOf = (u: URL): string => u.pathname + u.search;
const begin = async (b: Browser, next = ''): Promise<URL> =>
  new URL((await b.get(`/sign-in/oidc${next && `?next=${encodeURIComponent(next)}`}`)).headers.get('location')!);
const codeIn = (got: Got): string | undefined => /DRILL_[A-Z_]+/.exec(got.body)?.[0];

describe('a real provider', () => {
  let provider: OpenIdProvider;
  beforeAll(async () => void (provider = await OpenIdProvider.start()));
  afterAll(() => provider.close());
  async function signIn(site: Site, b: Browser, login: string, next = ''): Promise<Got> {
    return b.get(pathOf(await provider.visit((await begin(b, next)).href, login)));
  }

  test.each<[string, Claim, boolean, string]>([
    ['ada', 'email', false, 'Ada'],
    ['ada', 'email', true, 'Ada'],
    ['grace', 'preferred_username', false, 'Grace'],
    ['grace', 'sub', false, 'Grace'],
  ])('%s signs in by %s (in the token: %j), with a new cookie, and is %s where the way began', async (login, claim, inToken, name) => {
    const site = await siteFor(provider.issuer, { claim });
    provider.serve(site.back, ACCOUNTS, { inToken });
    const b = new Browser(site.board.url);
    expect((await b.get(`/sign-in?next=${encodeURIComponent(DRILL)}`)).body).toContain(`Sign in with ${provider.issuer.host}`);
    const planted = b.cookie;
    const done = await signIn(site, b, login, DRILL);
    expect([done.status, done.headers.get('location'), done.headers.get('set-cookie')]).toEqual([
      303,
      DRILL,
      expect.stringMatching(/^drillbook=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/),
    ]);
    expect([b.cookie === planted, (await b.get('/')).body.includes(`<b>${name}</b>`)]).toEqual([false, true]);
    const before = new Browser(site.board.url);
    before.cookie = planted;
    expect((await before.get('/')).status).toBe(303);
  });

  test.each<[string, string]>([
    ['mallory', 'has not verified your e-mail address'],
    ['eve', 'nobody of the crew has the login eve@example.com'],
  ])('%s does not get in: %s', async (login, says) => {
    const site = await siteFor(provider.issuer);
    provider.serve(site.back, ACCOUNTS);
    const b = new Browser(site.board.url);
    const got = await signIn(site, b, login);
    expect([got.status, codeIn(got), got.body.includes(says), (await b.get('/')).status]).toEqual([403, 'DRILL_OIDC_PERSON', true, 303]);
  });

  test('an answer counts once: the same address again is refused, and so is the same code with a state of another sign-in', async () => {
    const site = await siteFor(provider.issuer);
    provider.serve(site.back, ACCOUNTS);
    const [b, again] = [new Browser(site.board.url), new Browser(site.board.url)];
    const answer = await provider.visit((await begin(b)).href, 'ada');
    again.cookie = b.cookie;
    expect((await b.get(pathOf(answer))).status).toBe(303);
    const replayed = await again.get(pathOf(answer));
    expect([replayed.status, codeIn(replayed), (await again.get('/')).status]).toEqual([403, 'DRILL_OIDC_STATE', 303]);
    const other = new Browser(site.board.url);
    answer.searchParams.set('state', (await begin(other)).searchParams.get('state')!);
    const stolen = await other.get(pathOf(answer));
    expect([stolen.status, codeIn(stolen), (await other.get('/')).status]).toEqual([403, 'DRILL_OIDC_DENIED', 303]);
  });

  test('somebody else’s sign-in does not sign me in: the answer is for the browser that began', async () => {
    const site = await siteFor(provider.issuer);
    provider.serve(site.back, ACCOUNTS);
    const [theirs, mine] = [new Browser(site.board.url), new Browser(site.board.url)];
    const answer = await provider.visit((await begin(theirs)).href, 'ada');
    await mine.get('/sign-in');
    for (const b of [mine, new Browser(site.board.url)]) {
      const got = await b.get(pathOf(answer));
      expect([got.status, codeIn(got), (await b.get('/')).status]).toEqual([403, 'DRILL_OIDC_STATE', 303]);
    }
  });

  test('ten minutes are enough, and more are too many', async () => {
    const site = await siteFor(provider.issuer);
    provider.serve(site.back, ACCOUNTS);
    const statuses: number[] = [];
    for (const lateMs of [599_000, 601_000]) {
      const b = new Browser(site.board.url);
      const answer = await provider.visit((await begin(b)).href, 'ada');
      now += lateMs;
      statuses.push((await b.get(pathOf(answer))).status);
    }
    expect(statuses).toEqual([303, 403]);
  });

  test('who is taken out of the crew file is signed out; a file with a mistake changes nothing', async () => {
    const site = await siteFor(provider.issuer);
    provider.serve(site.back, ACCOUNTS);
    const b = new Browser(site.board.url);
    await signIn(site, b, 'ada');
    const file = join(site.dir, 'people.yaml');
    writeFileSync(file, 'crew: [');
    expect([(await b.get('/')).status, site.notes.some((n) => n.includes('the crew file has a mistake'))]).toEqual([200, true]);
    writeFileSync(file, PEOPLE.replace('ada@example.com', 'countess@example.com'));
    expect((await b.get('/')).status).toBe(303);
  });

  test('signing out ends the session here, and leads to where it can be ended there', async () => {
    const site = await siteFor(provider.issuer);
    provider.serve(site.back, ACCOUNTS);
    const b = new Browser(site.board.url);
    await signIn(site, b, 'ada');
    const opened = b.cookie;
    const out = await b.post('/sign-out', { csrf: await b.csrf('/') });
    expect(out.headers.get('location')).toBe('/sign-in?ended');
    expect((await b.get('/sign-in?ended')).body).toContain(`href="${provider.issuer.origin}/session/end?client_id&#x3D;board"`);
    b.cookie = opened;
    expect((await b.get('/')).status).toBe(303);
  });

  test.each(['//evil.example', 'https://evil.example/', '/drills/..//evil.example', '/\\evil.example', '/sign-in/oidc'])(
    'signing in does not lead to %s',
    async (next) => {
      const site = await siteFor(provider.issuer);
      provider.serve(site.back, ACCOUNTS);
      expect((await signIn(site, new Browser(site.board.url), 'ada', next)).headers.get('location')).toBe('/');
    },
  );

  test('the provider sends back to the configured address, whatever the request calls this board', async () => {
    const named = await siteFor(provider.issuer, { url: new URL('https://drills.example.com') });
    const { port } = named.board;
    const asked = await new Browser(`http://127.0.0.1:${port}`).get('/sign-in/oidc');
    const query = new URL(asked.headers.get('location')!).searchParams;
    expect([query.get('redirect_uri'), query.get('code_challenge_method'), query.get('response_type')]).toEqual([
      'https://drills.example.com/sign-in/oidc/back',
      'S256',
      'code',
    ]);
    expect([query.get('state')!.length, query.get('nonce')!.length, query.get('code_challenge')!.length]).toEqual([43, 43, 43]);
    const plain = await siteFor(provider.issuer);
    const other = await new Browser(`http://localhost:${plain.board.port}`).get('/sign-in/oidc?next=/drills/x');
    expect(other.headers.get('location')).toBe(`${plain.board.url}sign-in/oidc?next=${encodeURIComponent('/drills/x')}`);
  });

  test('a wrong client secret signs nobody in, and is told to whoever runs the board only', async () => {
    const site = await siteFor(provider.issuer, { secret: 'not that one' });
    provider.serve(site.back, ACCOUNTS);
    const got = await signIn(site, new Browser(site.board.url), 'ada');
    expect([got.status, codeIn(got), got.body.includes('invalid_client'), site.notes.some((n) => n.includes('invalid_client'))]).toEqual([
      403,
      'DRILL_OIDC_DENIED',
      false,
      true,
    ]);
  });
});

describe('a hostile provider', () => {
  const s = Math.floor(Date.now() / 1000);
  const UNVERIFIED = { email_verified: undefined };
  test.each<[string, Forged, string]>([
    ['as it should be', {}, 'in'],
    ['that expired within the tolerance', { claims: { exp: s - 5 } }, 'in'],
    ['that has expired', { claims: { exp: s - 60 } }, 'DRILL_OIDC_TOKEN'],
    ['that never expires', { claims: { exp: undefined } }, 'DRILL_OIDC_TOKEN'],
    ['that is not valid yet', { claims: { nbf: s + 600 } }, 'DRILL_OIDC_TOKEN'],
    ['without the time it was made', { claims: { iat: undefined } }, 'DRILL_OIDC_TOKEN'],
    ['with another nonce', { claims: { nonce: 'x'.repeat(43) } }, 'DRILL_OIDC_TOKEN'],
    ['without a nonce', { claims: { nonce: undefined } }, 'DRILL_OIDC_TOKEN'],
    ['for another audience', { claims: { aud: 'another' } }, 'DRILL_OIDC_TOKEN'],
    ['for several, by another', { claims: { aud: ['board', 'another'], azp: 'another' } }, 'DRILL_OIDC_TOKEN'],
    ['of another issuer', { claims: { iss: 'https://evil.example' } }, 'DRILL_OIDC_TOKEN'],
    ['of nobody', { claims: { sub: undefined } }, 'DRILL_OIDC_TOKEN'],
    ['signed with another key', { key: otherKey }, 'DRILL_OIDC_TOKEN'],
    ['signed with a key that is not published', { key: otherKey, header: { kid: '2' } }, 'DRILL_OIDC_TOKEN'],
    ['not signed', { header: { alg: 'none' }, signature: () => '' }, 'DRILL_OIDC_TOKEN'],
    ['whose signature is gone', { change: (t) => t.slice(0, t.lastIndexOf('.') + 1) }, 'DRILL_OIDC_TOKEN'],
    ['signed with the client’s secret', { header: { alg: 'HS256' }, signature: hs256(CLIENT.secret) }, 'DRILL_OIDC_TOKEN'],
    ['signed with the public key as a secret', { header: { alg: 'HS256' }, signature: hs256(publishedPem) }, 'DRILL_OIDC_TOKEN'],
    ['that is none', { change: () => 'x.y.z' }, 'DRILL_OIDC_TOKEN'],
    ['without a word on the address', { claims: UNVERIFIED }, 'DRILL_OIDC_PERSON'],
    ['with a word on it that is no truth', { claims: { email_verified: 'true' } }, 'DRILL_OIDC_PERSON'],
    ['verified elsewhere', { claims: UNVERIFIED, userinfo: { sub: 'ada', email_verified: true } }, 'DRILL_OIDC_PERSON'],
    ['with an address that is none', { claims: { email: ['ada@example.com'] } }, 'DRILL_OIDC_PERSON'],
    ['with a letter that looks alike', { claims: { email: 'аda@example.com' } }, 'DRILL_OIDC_PERSON'],
    [
      'whose person is told of by another',
      { claims: { email: undefined }, userinfo: { sub: 'eve', email: 'ada@example.com', email_verified: true } },
      'DRILL_OIDC_TOKEN',
    ],
    ['that is missing', { answer: { status: 200, type: 'application/json', body: '{"access_token":"a","token_type":"Bearer"}' } }, 'DRILL_OIDC_TOKEN'],
    ['in place of which it answers a page', { answer: { status: 200, type: 'text/html', body: '<script>alert(1)</script>' } }, 'DRILL_OIDC_TOKEN'],
    [
      'which it refuses',
      { answer: { status: 400, type: 'application/json', body: '{"error":"invalid_grant","error_description":"\\u001b[31m<b>x"}' } },
      'DRILL_OIDC_DENIED',
    ],
    ['which it has not got now', { answer: { status: 500, type: 'text/plain', body: 'at Object.<anonymous> (file:///x.ts:1:1)' } }, 'DRILL_OIDC_UNREACHABLE'],
  ])('an ID token %s', async (_, forged, outcome) => {
    const hostile = await HostileProvider.start();
    hostile.forged = forged;
    try {
      const site = await siteFor(hostile.issuer);
      const b = new Browser(site.board.url);
      const { searchParams } = await begin(b);
      hostile.nonce = searchParams.get('nonce')!;
      const got = await b.get(`/sign-in/oidc/back?code=c&state=${searchParams.get('state')}`);
      const inside = /<script>alert|\.ts:|node_modules|invalid_grant|OAUTH_/.test(got.body);
      expect([got.status === 303 ? 'in' : codeIn(got), (await b.get('/')).status, inside]).toEqual([outcome, outcome === 'in' ? 200 : 303, false]);
      expect([hostile.asked, site.notes.length, site.notes.some((n) => n.includes('\u001B'))]).toEqual([1, outcome === 'in' ? 0 : 1, false]);
    } finally {
      await hostile.close();
    }
  });

  test.each<[string, (state: string, iss: string) => string, string]>([
    ['of no sign-in', () => 'code=c&state=x', 'DRILL_OIDC_STATE'],
    ['without a state', () => 'code=c', 'DRILL_OIDC_STATE'],
    ['with nothing', () => '', 'DRILL_OIDC_STATE'],
    ['with two states', (state, iss) => `code=c&state=${state}&state=x&iss=${iss}`, 'DRILL_OIDC_TOKEN'],
    ['that says no', (state, iss) => `error=access_denied&error_description=%3Cb%3Ex&state=${state}&iss=${iss}`, 'DRILL_OIDC_DENIED'],
    ['of another issuer', (state) => `code=c&state=${state}&iss=https://evil.example`, 'DRILL_OIDC_TOKEN'],
    ['without a code', (state, iss) => `state=${state}&iss=${iss}`, 'DRILL_OIDC_TOKEN'],
  ])('an answer %s', async (_, query, code) => {
    const hostile = await HostileProvider.start();
    hostile.forged = { metadata: { authorization_response_iss_parameter_supported: true } };
    try {
      const b = new Browser((await siteFor(hostile.issuer)).board.url);
      const { searchParams } = await begin(b);
      const got = await b.get(`/sign-in/oidc/back?${query(searchParams.get('state')!, hostile.issuer.origin)}`);
      expect([got.status, codeIn(got), got.body.includes('<b>x'), hostile.asked]).toEqual([403, code, false, 0]);
    } finally {
      await hostile.close();
    }
  });

  test.each<[string, Record<string, unknown>]>([
    ['another issuer', { issuer: 'https://evil.example' }],
    ['no page to sign in', { authorization_endpoint: undefined }],
  ])('one that calls itself %s is none', async (_, metadata) => {
    const hostile = await HostileProvider.start();
    hostile.forged = { metadata };
    try {
      const got = await new Browser((await siteFor(hostile.issuer)).board.url).get('/sign-in/oidc');
      expect([got.status, codeIn(got)]).toEqual([503, 'DRILL_OIDC_UNREACHABLE']);
    } finally {
      await hostile.close();
    }
  });
});

test('a provider that is down has a page of its own, tokens go on, and when it is up again it is asked again', async () => {
  const hostile = await HostileProvider.start();
  const { issuer } = hostile;
  await hostile.close();
  const site = await siteFor(issuer);
  const b = new Browser(site.board.url);
  const got = await b.get('/sign-in/oidc');
  expect([got.status, codeIn(got), got.body.includes('ECONNREFUSED'), (await b.get('/sign-in')).body.includes('Your personal token')]).toEqual([
    503,
    'DRILL_OIDC_UNREACHABLE',
    false,
    true,
  ]);
  expect(site.notes).toEqual([expect.stringContaining('ECONNREFUSED')]);
  const up = await HostileProvider.start(Number(issuer.port));
  const asked = await begin(b);
  expect(asked.origin).toBe(issuer.origin);
  await up.close();
  const late = await b.get(`/sign-in/oidc/back?code=c&state=${asked.searchParams.get('state')}`);
  expect([late.status, codeIn(late)]).toEqual([503, 'DRILL_OIDC_UNREACHABLE']);
});
