/** Who is at the other end: what a cookie, a form's token and a proxy's header are worth, and until when. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { issueToken, revokeToken } from '../../../console/people/tokens.ts';
import { RateLimit } from '../../../console/web/limits.ts';
import { Sessions } from '../../../console/web/sessions.ts';
import type { Trust } from '../../../console/web/sessions.ts';

const HOUR_MS = 3_600_000;
const dir = mkdtempSync(join(tmpdir(), 'dbs-'));
afterAll(() => rmSync(dir, { recursive: true }));

let now = 0;
const sessions = (trust: Trust | null = null) => new Sessions({ tokens: dir, trust, now: () => now });
const cookie = (value: string) => ({ cookie: `a=b; drillbook=${value}; c=d` });
function signedIn(forMs = 100 * HOUR_MS): { s: Sessions; cookie: string; id: string; planted: string } {
  now = 0;
  const s = sessions();
  const planted = s.visitor({}, '127.0.0.1').cookie;
  const { text, token } = issueToken(dir, 'Ada', forMs, now);
  const done = s.signIn(text, planted);
  if ('wrong' in done) throw new Error('the token was refused');
  return { s, cookie: done.cookie, id: token.id, planted };
}
const nameAt = (s: Sessions, value: string, act = true): string | null => s.visitor(cookie(value), '127.0.0.1', act).name;

test('signing in makes a new cookie: one that was planted before opens nothing', () => {
  const { s, cookie: value, planted } = signedIn();
  expect(value).not.toBe(planted);
  expect([nameAt(s, planted), nameAt(s, value)]).toEqual([null, 'Ada']);
  s.signOut(value);
  expect(nameAt(s, value)).toBeNull();
});

test.each<[string, (a: { id: string }) => void, string | null]>([
  ['at once', () => undefined, 'Ada'],
  ['after less than two idle hours', () => (now = 2 * HOUR_MS - 1), 'Ada'],
  ['after more', () => (now = 2 * HOUR_MS + 1), null],
  ['whose token was revoked', ({ id }) => void revokeToken(dir, id, 1), null],
])('a session %s', (_, change, name) => {
  const { s, cookie: value, id } = signedIn();
  change({ id });
  expect(nameAt(s, value)).toBe(name);
});

test('a session ends after twelve hours however busy, with its token, and is not kept by a page that only stays open', () => {
  const busy = signedIn();
  for (now = 0; now <= 12 * HOUR_MS; now += HOUR_MS) expect(nameAt(busy.s, busy.cookie)).toBe('Ada');
  expect(nameAt(busy.s, busy.cookie)).toBeNull();
  const short = signedIn(HOUR_MS);
  now = HOUR_MS;
  expect(nameAt(short.s, short.cookie)).toBeNull();
  const open = signedIn();
  for (now = 0; now <= 2 * HOUR_MS; now += HOUR_MS / 2) expect(nameAt(open.s, open.cookie, false)).toBe('Ada');
  expect(nameAt(open.s, open.cookie, false)).toBeNull();
});

test.each<[string, (s: Sessions, text: string, id: string) => string, string]>([
  ['that has expired', (_, text) => ((now = 50), text), 'expired'],
  ['that was revoked', (_, text, id) => (revokeToken(dir, id, 1), text), 'revoked'],
  ['that is none', () => `drb_${'A'.repeat(43)}`, 'none'],
  ['of another shape', () => '{"$ne":1}', 'none'],
  ['that is empty', () => '', 'none'],
])('a token %s opens nothing', (_, change, wrong) => {
  now = 0;
  const s = sessions();
  const { text, token } = issueToken(dir, 'Ada', 50, now);
  expect(s.signIn(change(s, text, token.id), 'x')).toEqual({ wrong });
});

test('a form’s token fits one cookie of one process', () => {
  const [a, b] = [signedIn(), signedIn()];
  const mine = a.s.visitor(cookie(a.cookie), '');
  const theirs = b.s.visitor(cookie(b.cookie), '');
  expect([a.s.fits(mine, mine.csrf), a.s.fits(mine, theirs.csrf), a.s.fits(mine, ''), a.s.fits(mine, mine.csrf.slice(1))]).toEqual([true, false, false, false]);
  expect(sessions().fits(mine, sessions().visitor(cookie(a.cookie), '').csrf)).toBe(false);
});

test.each<[string, Trust | null, string, string | string[] | undefined, string | null]>([
  ['from the proxy', { header: 'x-user', from: ['10.0.0.5'] }, '10.0.0.5', 'Ada', 'Ada'],
  ['from the proxy, by its mapped address', { header: 'x-user', from: ['10.0.0.5'] }, '::ffff:10.0.0.5', 'Ada', 'Ada'],
  ['in UTF-8', { header: 'x-user', from: ['10.0.0.5'] }, '10.0.0.5', Buffer.from('Zoë').toString('latin1'), 'Zoë'],
  ['from anybody else', { header: 'x-user', from: ['10.0.0.5'] }, '10.0.0.6', 'Ada', null],
  ['that nobody configured', null, '127.0.0.1', 'Ada', null],
  ['that is empty', { header: 'x-user', from: ['127.0.0.1'] }, '127.0.0.1', ' ', null],
  ['that is missing', { header: 'x-user', from: ['127.0.0.1'] }, '127.0.0.1', undefined, null],
])('a header %s', (_, trust, remote, value, name) => expect(sessions(trust).visitor({ 'x-user': value }, remote).name).toBe(name));

test('a rate: so many at once, then as they come', () => {
  const rate = new RateLimit({ most: 3, overMs: 3_000 });
  expect([0, 0, 0, 0].map(() => rate.take('a', 0))).toEqual([0, 0, 0, 1]);
  expect([rate.take('b', 0), rate.take('a', 500), rate.take('a', 1_000), rate.take('a', 1_000)]).toEqual([0, 1, 0, 1]);
});
