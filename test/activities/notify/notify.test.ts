/** What goes over the wire, by real sockets: each adapter against a server that takes it. */
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { notifyActivities } from '../../../activities/notify/index.ts';
import { reaches } from '../../../core/notice.ts';
import type { Notice, Route } from '../../../core/notice.ts';
import { httpReceiver, smtpReceiver } from '../../support/receivers.ts';

const ROOT = join(import.meta.dirname, '../../..');
const NOTICE: Notice = {
  kind: 'step-escalated',
  drillId: '2026-01-01T00-00-00Z-stale',
  runbook: 'stale',
  target: 'orders-staging',
  step: { id: 'recover', title: 'Recover <them> & "settle"', attempt: 2 },
  roles: ['dba'],
  text: 'escalated to dba: not acknowledged within 15 s',
  link: 'https://board.example/drills/2026-01-01T00-00-00Z-stale#recover',
  at: Date.UTC(2026, 0, 1),
};
const SUBJECT = '[drill] Recover <them> & "settle": escalated to dba: not acknowledged within 15 s';
const env =
  (values: Record<string, string>) =>
  (route: Route, notice: Notice): Promise<void> =>
    notifyActivities({ root: ROOT, secretEnv: values }).notify(route, notice);
const hook = (url: string): Route => ({ name: 'hook', kind: 'webhook', url: { env: url }, secret: { env: 'SECRET' } });
const chat = (file: string): Route => ({ name: 'chat', kind: 'slack', url: { file } });
const coded = (code: string, said: RegExp) => expect.objectContaining({ code, message: expect.stringMatching(said) as string }) as Error;

test('webhook: the notice as JSON, signed with the route’s secret over time and body, one name for each delivery', async () => {
  await using to = await httpReceiver();
  const route: Route = { name: 'hook', kind: 'webhook', url: { env: 'URL' }, secret: { env: 'SECRET' } };
  const notify = env({ URL: `${to.url}/in`, SECRET: 's3cret' });
  await notify(route, NOTICE);
  await notify(route, NOTICE);
  await notify(route, { ...NOTICE, kind: 'step-ended' });
  const [{ headers, body, path }] = to.got as [(typeof to.got)[0]];
  expect([path, headers['content-type']]).toEqual(['/in', 'application/json']);
  const timestamp = headers['x-drillbook-timestamp'] as string;
  expect(Math.abs(Date.now() / 1_000 - Number(timestamp))).toBeLessThan(10);
  expect(headers['x-drillbook-signature']).toBe(`sha256=${createHmac('sha256', 's3cret').update(`${timestamp}.${body}`).digest('hex')}`);
  expect(JSON.parse(body)).toMatchObject({ kind: 'step-escalated', drillId: NOTICE.drillId, step: NOTICE.step, roles: ['dba'], link: NOTICE.link });
  const deliveries = to.got.map((g) => g.headers['x-drillbook-delivery']);
  expect([deliveries[0] === deliveries[1], deliveries[0] === deliveries[2]]).toEqual([true, false]);
});

test('slack: one text, its markup escaped, with a link', async () => {
  await using to = await httpReceiver();
  await env({ URL: to.url })({ name: 'chat', kind: 'slack', url: { env: 'URL' } }, NOTICE);
  const { text } = JSON.parse(to.got[0]!.body) as { text: string };
  expect(Object.keys(JSON.parse(to.got[0]!.body) as object)).toEqual(['text']);
  expect(text.split('\n')[0]).toBe('*[drill] Recover &lt;them&gt; &amp; "settle": escalated to dba: not acknowledged within 15 s*');
  expect(text).toContain(`<${NOTICE.link}|open it>`);
});

test('pagerduty: an incident of the step is opened by one notice and closed by another', async () => {
  await using to = await httpReceiver();
  const route: Route = { name: 'pager', kind: 'pagerduty', key: { env: 'KEY' }, url: to.url };
  await env({ KEY: 'k'.repeat(32) })(route, NOTICE);
  await env({ KEY: 'k'.repeat(32) })(route, { ...NOTICE, kind: 'step-ended', text: 'verified' });
  const [opened, closed] = to.got.map((g) => JSON.parse(g.body) as Record<string, unknown>);
  expect(opened).toMatchObject({
    routing_key: 'k'.repeat(32),
    event_action: 'trigger',
    dedup_key: `${NOTICE.drillId}/recover`,
    payload: { summary: SUBJECT, source: 'orders-staging', severity: 'critical', timestamp: '2026-01-01T00:00:00.000Z' },
    links: [{ href: NOTICE.link }],
  });
  expect(closed).toMatchObject({ event_action: 'resolve', dedup_key: `${NOTICE.drillId}/recover` });
});

test('email: a subject, a text with the link, one thread for each step', async () => {
  await using to = await smtpReceiver();
  const route: Route = { name: 'mail', kind: 'email', smtp: { env: 'SMTP' }, from: 'Drillbook <drills@example.org>', to: ['a@example.org', 'b@example.org'] };
  await env({ SMTP: to.url })(route, NOTICE);
  expect(to.mails).toMatchObject([{ from: 'drills@example.org', to: ['a@example.org', 'b@example.org'] }]);
  const { text } = to.mails[0]!;
  expect(subjectOf(text)).toBe(SUBJECT);
  expect(text).toContain('References: <2026-01-01T00-00-00Z-stale/recover@drillbook>');
  expect(text.replaceAll('=\n', '')).toContain('board.example/drills/2026-01-01T00-00-00Z-stale#recover');
});

/** RFC 2047: words of a header in quoted-printable. */
function subjectOf(mail: string): string {
  const folded = /^Subject: (.*(?:\n[ \t].*)*)/m.exec(mail)![1]!.replaceAll(/\?=\s+=\?/g, '?==?');
  return folded.replaceAll(/=\?UTF-8\?Q\?(.*?)\?=/g, (_, word: string) =>
    word.replaceAll('_', ' ').replaceAll(/=([0-9A-F]{2})/g, (__, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
  );
}

describe('what goes wrong', () => {
  const secrets = { SECRET: 'hush-hush' };
  test.each([
    [400, true],
    [401, true],
    [404, true],
    [408, false],
    [429, false],
    [500, false],
    [503, false],
  ])('an answer of %i is final: %s', async (status, final) => {
    await using to = await httpReceiver();
    to.answers.push(status);
    const failed = env({ ...secrets, URL: to.url })(hook('URL'), NOTICE);
    if (final) await expect(failed).rejects.toThrow(coded('DRILL_NOTICE_REFUSED', new RegExp(`webhook hook answered ${status} noted`)));
    else await expect(failed).rejects.toMatchObject({ name: 'Unsent' });
  });
  test('nobody listens: worth another try, and the address is not told', async () => {
    const failed = env({ ...secrets, URL: 'http://127.0.0.1:9/secret-path' })(hook('URL'), NOTICE);
    await expect(failed).rejects.toMatchObject({ name: 'Unsent', message: expect.not.stringContaining('secret-path') as string });
  });
  test('a redirection is not followed', async () => {
    await using to = await httpReceiver();
    to.answers.push(307);
    await expect(env({ ...secrets, URL: to.url })(hook('URL'), NOTICE)).rejects.toMatchObject({ name: 'Unsent' });
  });
  test.each<[string, string, object]>([
    ['for good', '550 no such user', { code: 'DRILL_NOTICE_REFUSED' }],
    ['for now', '450 busy', { name: 'Unsent' }],
  ])('a mail server refuses a receiver %s', async (_, refuses, seen) => {
    await using to = await smtpReceiver();
    to.refuses = refuses;
    await expect(env({ SMTP: to.url })({ name: 'mail', kind: 'email', smtp: { env: 'SMTP' }, from: 'a@b.c', to: ['d@e.f'] }, NOTICE)).rejects.toMatchObject(
      seen,
    );
  });
  test('a secret that is not there: its name, never a value', async () => {
    await expect(env({})(hook('URL'), NOTICE)).rejects.toThrow(coded('DRILL_SECRET_MISSING', /^the worker's environment has no SECRET$|has no URL$/));
    const dir = mkdtempSync(join(tmpdir(), 'dbn-'));
    await using to = await httpReceiver();
    writeFileSync(join(dir, 'url'), `${to.url}\n`);
    await env({})(chat(join(dir, 'url')), NOTICE);
    expect(to.got).toHaveLength(1);
    await expect(env({})(chat(join(dir, 'none')), NOTICE)).rejects.toThrow(coded('DRILL_SECRET_MISSING', /none cannot be read/));
    rmSync(dir, { recursive: true });
  });
});

test('texts cannot steer what shows them', async () => {
  await using to = await httpReceiver();
  const step = { ...NOTICE.step!, title: 'Recover\n\u001b[31m\u202eevil' };
  await env({ URL: to.url })({ name: 'chat', kind: 'slack', url: { env: 'URL' } }, { ...NOTICE, step });
  const { text } = JSON.parse(to.got[0]!.body) as { text: string };
  expect(text).toContain('Recover ‹U+001B›[31m‹U+202E›evil');
});

test.each<[string, Route['for'], string[], boolean]>([
  ['everything', undefined, ['dba'], true],
  ['a role of it', ['sre', 'dba'], ['dba'], true],
  ['another role', ['sre'], ['dba'], false],
  ['what is for everybody', ['sre'], [], true],
])('a route reaches %s', (_, only, roles, does) =>
  expect(reaches({ name: 'r', kind: 'slack', url: { env: 'X' }, for: only }, { ...NOTICE, roles })).toBe(does),
);
