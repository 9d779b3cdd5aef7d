/** The board over HTTP, without a drill that runs: who gets in, what a form needs, which headers, and that nothing a visitor sends makes it show its inside. */
import { connect } from 'node:net';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Board } from '../../../console/web/board.ts';
import type { Scheduled } from '../../../console/web/drills.ts';
import { revokeToken, tokenFolder } from '../../../console/people/tokens.ts';
import { sha256Hex } from '../../../core/json.ts';
import { beginDrill, boardDir, BoardProcess, Browser, csrfIn, startBoard, tokenFor } from '../../support/board.ts';

const dir = boardDir();
/** For a board of its own; goes with that one. */
const ownDir = (): string => mkdtempSync(join(dir, 'own-'));
let board: Board;
let notes: string[];
let drillId: string;
let scheduled: Scheduled[] = [];
const EVIL = '"><script>alert(1)</script>';

beforeAll(async () => {
  const begun = beginDrill(dir, (text) => text.replace(/"title":"A stale[^"]*"/, `"title":${JSON.stringify(EVIL)}`));
  drillId = begun.drillId;
  begun.tell({ kind: 'comment', stepId: 'fence', envelope: { by: 'Ada', reason: EVIL } as never });
  ({ board, notes } = await startBoard(dir, { scheduled: () => scheduled }));
});
afterAll(async () => {
  await board.close();
  rmSync(dir, { recursive: true });
});
const browser = () => new Browser(board.url);
async function signedIn(name = 'Ada'): Promise<Browser> {
  const b = browser();
  expect((await b.signIn(tokenFor(dir, name).text)).status).toBe(303);
  return b;
}

test('nobody reads or writes who is not signed in; signing in leads back', async () => {
  const b = browser();
  const asked = await b.get(`/drills/${drillId}`);
  expect([asked.status, asked.headers.get('location')]).toEqual([303, `/sign-in?next=${encodeURIComponent(`/drills/${drillId}`)}`]);
  for (const path of [`/drills/${drillId}/live`]) expect((await b.get(path)).status).toBe(401);
  expect((await b.post(`/drills/${drillId}/acts`, { csrf: await b.csrf('/sign-in') })).status).toBe(401);
  const page = await b.get(asked.headers.get('location')!);
  const done = await b.post('/sign-in', { csrf: csrfIn(page.body), next: `/drills/${drillId}`, token: tokenFor(dir, 'Ada').text });
  expect([done.status, done.headers.get('location')]).toEqual([303, `/drills/${drillId}`]);
  expect((await b.get(`/drills/${drillId}`)).status).toBe(200);
});

test('an unannounced drill is none before its first fault, but for who steers or audits; then it is for all', async () => {
  const begun = beginDrill(dir, (text) => text.replace('"announce":"at-start"', '"announce":"at-fault"'));
  const people = { Ada: await signedIn(), Grace: await signedIn('Grace'), Vera: await signedIn('Vera'), Mallory: await signedIn('Mallory') };
  const sight = async () => {
    const seen: Record<string, (number | boolean)[]> = {};
    for (const [name, b] of Object.entries(people)) {
      const paths = ['', '/live', '/report'].map((p) => `/drills/${begun.drillId}${p}`);
      const none = await Promise.all(paths.map((p) => b.get(p.replace(begun.drillId, 'no-such-drill'))));
      const got = await Promise.all(paths.map((p) => b.get(p)));
      const asNone = got.every((g, i) => g.status === none[i]!.status && g.body === none[i]!.body);
      seen[name] = [(await b.get('/')).body.includes(begun.drillId), got[0]!.status, asNone];
    }
    return seen;
  };
  const [nothing, all] = [
    [false, 404, true],
    [true, 200, false],
  ];
  expect(await sight()).toEqual({ Ada: nothing, Grace: all, Vera: nothing, Mallory: nothing });
  begun.tell({ kind: 'comment', stepId: 'fence', envelope: { by: 'Grace', reason: '"kind":"fault-injected"' } as never });
  expect(await sight()).toEqual({ Ada: nothing, Grace: all, Vera: nothing, Mallory: nothing });
  begun.tell({ kind: 'fault-injected', chainId: 'cut-source' } as never);
  expect(await sight()).toEqual({ Ada: all, Grace: all, Vera: all, Mallory: all });
});

test.each<[string, () => string, string]>([
  ['that has expired', () => tokenFor(dir, 'Ada', 1_000, Date.now() - 2_000).text, 'That token has expired.'],
  ['that was revoked', () => ((t) => (revokeToken(tokenFolder(dir), t.id, 1), t.text))(tokenFor(dir, 'Ada')), 'That token was revoked.'],
  ['that is none', () => 'drb_x', 'That is no token of this board.'],
])('a token %s does not sign in', async (_, token, says) => {
  const b = browser();
  const done = await b.signIn(token());
  expect([done.status, done.body.includes(says), (await b.get('/')).status]).toEqual([403, true, 303]);
});

test('the cookie is new at sign-in, and neither scripts nor other sites get it', async () => {
  const b = browser();
  await b.get('/sign-in');
  const before = b.cookie;
  const done = await b.signIn(tokenFor(dir, 'Ada').text);
  expect(done.headers.get('set-cookie')).toMatch(/^drillbook=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/);
  const [after, planted] = [b.cookie, browser()];
  planted.cookie = before;
  expect([after === before, (await planted.get('/')).status]).toEqual([false, 303]);
  expect((await b.post('/sign-out', { csrf: await b.csrf('/') })).headers.get('location')).toBe('/sign-in');
  b.cookie = after;
  expect((await b.get('/')).status).toBe(303);
});

test('a token that is revoked ends what was opened with it', async () => {
  const b = browser();
  const { text, id } = tokenFor(dir, 'Ada');
  await b.signIn(text);
  expect((await b.get('/')).status).toBe(200);
  revokeToken(tokenFolder(dir), id, Date.now());
  expect((await b.get('/')).status).toBe(303);
});

test.each<[string, (right: string) => string]>([
  ['with a letter changed', (c) => `${c.slice(0, -2)}${c.at(-2) === 'A' ? 'B' : 'A'}${c.at(-1)}`],
  ['that is too short', (c) => c.slice(0, -1)],
  ['behind one that is wrong', (c) => `drillbook=${'A'.repeat(43)}; ${c}`],
  ['of another name', (c) => c.replace('drillbook', 'Drillbook')],
  ['that is the digest of one', (c) => `drillbook=${sha256Hex(c.split('=')[1]!)}`],
  ['that is a token', () => `drillbook=${tokenFor(dir, 'Ada').text}`],
])('a cookie %s opens nothing', async (_, change) => {
  const b = await signedIn();
  b.cookie = change(b.cookie);
  expect((await b.get('/')).status).toBe(303);
});

test('a cookie of before a restart opens nothing, nor does a form of then send anything', async () => {
  const own = boardDir();
  const first = await startBoard(own);
  const b = new Browser(first.board.url);
  await b.signIn(tokenFor(own, 'Ada').text);
  const csrf = await b.csrf('/');
  await first.board.close();
  const second = await startBoard(own);
  const again = new Browser(second.board.url);
  again.cookie = b.cookie;
  expect([(await again.get('/')).status, (await again.post('/sign-out', { csrf })).status]).toEqual([303, 403]);
  await second.board.close();
  rmSync(own, { recursive: true });
});

test('a token file that others can read signs nobody in, stops nobody else, and the page does not say where it is', async () => {
  const own = boardDir();
  const [spoilt, other] = [tokenFor(join(own, 'drillbook'), 'Ada'), tokenFor(join(own, 'drillbook'), 'Grace')];
  const file = join(tokenFolder(join(own, 'drillbook')), `${spoilt.id}.json`);
  const env = { ...process.env, XDG_CONFIG_HOME: own, XDG_CACHE_HOME: own };
  let started = await BoardProcess.start(own, env);
  try {
    const [before, then, grace] = [new Browser(started.url), new Browser(started.url), new Browser(started.url)];
    await before.signIn(spoilt.text);
    expect((await before.get('/')).status).toBe(200);
    chmodSync(file, 0o644);
    const done = await then.signIn(spoilt.text);
    expect([done.status, done.body.includes('ask whoever runs it'), done.body.includes(file)]).toEqual([403, true, false]);
    expect((await before.get('/')).status).toBe(303);
    await grace.signIn(other.text);
    expect((await grace.get('/')).status).toBe(200);
    expect(started.said).toContain('drillbook doctor');
    await started.stop();
    started = await BoardProcess.start(own, env);
    expect(started.said).toContain(`DRILL_KEY_UNSAFE: ${file}`);
  } finally {
    await started.stop();
    rmSync(own, { recursive: true });
  }
}, 60_000);

test.each<[string, (csrf: string) => [Record<string, string>, Record<string, string>], number, string]>([
  ['without a token', () => [{}, {}], 403, 'DRILL_WEB_CSRF'],
  ['with another’s token', (c) => [{ csrf: `${c.slice(0, -1)}${c.endsWith('A') ? 'B' : 'A'}` }, {}], 403, 'DRILL_WEB_CSRF'],
  ['from another site', (csrf) => [{ csrf }, { origin: 'https://evil.example' }], 403, 'DRILL_WEB_ORIGIN'],
  ['from a page without an origin', (csrf) => [{ csrf }, { origin: 'null' }], 403, 'DRILL_WEB_ORIGIN'],
  ['that is no form', (csrf) => [{ csrf }, { 'content-type': 'application/json' }], 415, 'DRILL_WEB_FORM'],
  ['that is large', (csrf) => [{ csrf, reason: 'x'.repeat(300_000) }, {}], 413, 'DRILL_WEB_TOO_LARGE'],
  ['on a drill that is over', (csrf) => [{ csrf, transition: 'abort', reason: 'x' }, {}], 409, 'DRILL_REFUSED'],
])('a form %s is not taken', async (_, make, status, code) => {
  const b = await signedIn();
  const [fields, headers] = make(await b.csrf('/'));
  const got = await b.post(`/drills/${drillId}/acts`, fields, headers);
  expect([got.status, got.body.includes(code)]).toEqual([status, true]);
});

test.each<[string, number]>([
  ['/nothing', 404],
  ['/drills/..%2f..%2fetc', 404],
  ['/drills/.hidden', 404],
  ['/drills/no-such', 404],
  ['/drills/no-such/live', 404],
  ['/drills/no-such/report', 404],
  ['/templates/layout.hbs', 404],
  ['/board.js', 404],
])('%s is %d, with a code and no more', async (path, status) => {
  const got = await (await signedIn()).get(path);
  expect([got.status, /DRILL_[A-Z_]+/.test(got.body), /at .*\.ts|node:internal/.test(got.body)]).toEqual([status, true, false]);
});

test('every answer carries the policy; the assets’ names are digests, to be kept for ever', async () => {
  const b = await signedIn();
  const page = await b.get(`/drills/${drillId}`);
  for (const got of [page, await b.get('/nothing'), await browser().get('/sign-in')]) {
    expect(got.headers.get('content-security-policy')).toBe(
      "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    expect([got.headers.get('x-content-type-options'), got.headers.get('cache-control'), got.headers.get('referrer-policy')]).toEqual([
      'nosniff',
      'no-store',
      'same-origin',
    ]);
  }
  expect(page.body).not.toMatch(/<script>|\sstyle=|\son[a-z]+=/);
  for (const path of ['css', 'js'].map((e) => new RegExp(`"(/board\\.[0-9a-f]{16}\\.${e})"`).exec(page.body)![1]!)) {
    const asset = await browser().get(path);
    expect([asset.status, asset.headers.get('cache-control'), asset.headers.get('set-cookie')]).toEqual([200, 'public, max-age=31536000, immutable', null]);
  }
});

test('a hostile title and a hostile comment are texts', async () => {
  const { body } = await (await signedIn()).get(`/drills/${drillId}`);
  expect([body.includes('<script>alert'), body.split('&lt;script&gt;alert(1)&lt;/script&gt;').length]).toEqual([false, 4]);
});

/** As it is, without a client that would tidy it, one part after another. */
const raw = (...parts: string[]) =>
  new Promise<string>((resolve) => {
    const { hostname, port } = new URL(board.url);
    let got = '';
    const s = connect(Number(port), hostname, () => {
      for (const [i, part] of parts.entries()) setTimeout(() => s.write(part), i * 20);
    });
    s.on('data', (d) => (got += d.toString())).on('close', () => resolve(got));
    setTimeout(() => s.destroy(), 1_000);
  });

test('a drill whose folder is there and that has not begun is starting, not over', async () => {
  const fresh = boardDir();
  const begun = beginDrill(fresh).drillId;
  const one = await startBoard(fresh);
  const b = new Browser(one.board.url);
  await b.signIn(tokenFor(fresh, 'Ada').text);
  const [list, page] = [await b.get('/'), await b.get(`/drills/${begun}`)];
  expect([
    list.body.indexOf(begun) < list.body.indexOf('<h2>Past'),
    page.body.includes('The drill is over'),
    page.body.includes(`data-live="/drills/${begun}/live"`),
  ]).toEqual([true, false, true]);
  await one.board.close();
  rmSync(fresh, { recursive: true });
});

test('another name that leads here is refused; so is what is no HTTP', async () => {
  expect(await raw('GET / HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 421 [^]*DRILL_WEB_HOST/);
  expect(await raw('GET //evil.example/ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
  expect(await raw('\u0000\u0001\r\n\r\n')).toMatch(/^HTTP\/1.1 400 Bad Request\r\n(?![^]*at )/);
});

const statuses = (text: string) => text.match(/HTTP\/1\.1 \d+/g);
const to = (what: string, ...lines: string[]) => [`${what} HTTP/1.1`, `host: ${new URL(board.url).host}`, ...lines, '', ''].join('\r\n');
const [close, expects] = ['connection: close', 'expect: 100-continue'];

test('nothing comes between the headers and the body of an answer: the second of two in one pipe asks to be waited for', async () => {
  expect(statuses(await raw(to('GET /sign-in') + to('GET /sign-in', expects, close)))).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200']);
  expect(statuses(await raw(to('GET /sign-in', expects, close)))).toEqual(['HTTP/1.1 100', 'HTTP/1.1 200']);
});

test('who still sends what was refused sees the answer, and goes on', async () => {
  const piece = 'a=b&'.repeat(25_000);
  const next = to('GET /sign-in', close);
  const length = to('POST /nothing', 'content-length: 300000');
  expect(statuses(await raw(length, piece, piece, piece, next))).toEqual(['HTTP/1.1 404', 'HTTP/1.1 200']);
  const b = new Browser(board.url);
  await b.signIn(tokenFor(dir, 'Ada').text);
  const form = ['content-type: application/x-www-form-urlencoded', `origin: ${board.url}`, `cookie: ${b.cookie}`, 'transfer-encoding: chunked'];
  const chunk = `${piece.length.toString(16)}\r\n${piece}\r\n`;
  const sent = await raw(to('POST /sign-out', ...form), chunk, chunk, chunk, `0\r\n\r\n${next}`);
  expect(statuses(sent)).toEqual(['HTTP/1.1 413', 'HTTP/1.1 200']);
});

test('who may read without signing in, may only read', async () => {
  const open = await startBoard(ownDir(), { anonymousRead: true, out: join(dir, 'drills') });
  const b = new Browser(open.board.url);
  const page = await b.get(`/drills/${drillId}`);
  expect([page.status, (await b.post(`/drills/${drillId}/acts`, { csrf: csrfIn(page.body), transition: 'abort', reason: 'x' })).status]).toEqual([200, 401]);
  await open.board.close();
});

test('a proxy’s word counts where it was configured', async () => {
  const proxied = await startBoard(ownDir(), { trust: { header: 'x-user', from: ['127.0.0.1'] }, url: new URL('https://drills.example.com') });
  const got = await new Browser(`http://127.0.0.1:${proxied.board.port}/`).get('/', { 'x-user': 'Grace' });
  expect([got.status, got.body.includes('<b>Grace</b>'), got.headers.get('set-cookie')?.endsWith('; Secure')]).toEqual([200, true, true]);
  expect((await browser().get('/', { 'x-user': 'Grace' })).status).toBe(303);
  await proxied.board.close();
});

test('many wrong tokens have to wait', async () => {
  const one = await startBoard(ownDir());
  const b = new Browser(one.board.url);
  const statuses: number[] = [];
  for (let i = 0; i < 12; i++) statuses.push((await b.signIn('drb_x')).status);
  expect(statuses).toEqual([...Array<number>(10).fill(403), 429, 429]);
  expect(one.notes.length).toBe(10);
  await one.board.close();
});

test('requests of every kind end in an answer of ours: no 500, no stack', async () => {
  const b = await signedIn();
  const csrf = await b.csrf('/');
  const bits = [
    '',
    'x',
    '..',
    '%00',
    '%2e%2e',
    '%E0%A4%A',
    'a'.repeat(3_000),
    '"',
    '<',
    drillId,
    'live',
    'acts',
    'report',
    'drills',
    'sign-in',
    '?next=//evil',
    '?a[]=1',
    ';',
    '\u202E',
  ];
  let seed = 7;
  const pick = <T>(from: readonly T[]): T => from[(seed = (seed * 48_271) % 2_147_483_647) % from.length]!;
  for (let i = 0; i < 600; i++) {
    const path = `/${[pick(bits), pick(bits), pick(bits)].join('/')}`;
    const fields = {
      csrf: pick([csrf, '', EVIL]),
      transition: pick(['done', 'abort', '__proto__', EVIL]),
      step: pick(['fence', '__proto__', '']),
      attempt: pick(['1', 'NaN', '1e99', '-1']),
    };
    const got = await (pick([true, false]) ? b.get(path) : b.post(path, fields)).catch((e: unknown) => ({ status: -1, body: String(e) }));
    expect({ path, fault: got.status === 500 || got.status === -1, inside: /node:internal|\.ts:\d+/.test(got.body) }).toEqual({
      path,
      fault: false,
      inside: false,
    });
  }
  expect(notes.filter((n) => n.includes('.ts:'))).toEqual([]);
}, 60_000);

test('a sealed report is served alone: without scripts, and without this site’s origin', async () => {
  const b = await signedIn();
  expect((await b.get(`/drills/${drillId}/report`)).body).toContain('DRILL_NO_REPORT');
  const folder = join(dir, 'drills', drillId);
  writeFileSync(join(folder, 'report.html'), '<!doctype html><script>alert(1)</script>');
  writeFileSync(join(folder, 'manifest.json'), '{}');
  const got = await b.get(`/drills/${drillId}/report`);
  expect([got.status, got.headers.get('content-security-policy')]).toEqual([
    200,
    expect.stringMatching(/^default-src 'none'; style-src 'unsafe-inline'; .*sandbox/),
  ]);
});

test('the list tells of schedules where there are any, as text', async () => {
  const b = await signedIn();
  expect((await b.get('/')).body).not.toContain('<h2>Scheduled</h2>');
  scheduled = [
    { name: 'nightly', what: 'a runbook on local', says: 'next Tue, 01 Dec 2026, 03:08:18 GMT+1', paused: false },
    { name: 'weekly', what: 'a runbook on local', says: EVIL, paused: true },
  ];
  const { body } = await b.get('/');
  scheduled = [];
  expect(body).toMatch(/<h2>Scheduled<\/h2>[^]*nightly[^]*waits[^]*next Tue, 01 Dec 2026[^]*weekly[^]*paused[^]*&gt;&lt;script&gt;alert[^]*<h2>Past<\/h2>/);
  expect(body).not.toContain(EVIL);
});
