/** Tokens and the board's key: what is kept of them, who may read it, and when a token is none any more. */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { consoleEntry, consoleKey, ensureConsoleKey, entryOf } from '../../console/people/console-key.ts';
import { expiryMs, issueToken, readTokens, revokeToken, stillValid, tokenFolder, tokenOf, tokenState } from '../../console/people/tokens.ts';
import { prepareDrill } from '../../console/cli/run/prepare.ts';
import type { Plan } from '../../core/plan.ts';

const dir = mkdtempSync(join(tmpdir(), 'dbt-'));
const folder = tokenFolder(dir);
afterAll(() => rmSync(dir, { recursive: true }));
const coded = (code: string) => expect.objectContaining({ code }) as Error;

test('of a token only its digest is kept, for its owner’s eyes only', () => {
  const { text, token } = issueToken(folder, 'Ada', 1_000, 5);
  expect(text).toMatch(/^drb_[A-Za-z0-9_-]{43}$/);
  const files = readdirSync(folder).map((f) => join(folder, f));
  expect(files.map((f) => [readFileSync(f, 'utf8').includes(text.slice(4)), statSync(f).mode & 0o777])).toEqual([[false, 0o600]]);
  expect(tokenOf(folder, text)).toEqual(token);
  expect([tokenOf(folder, `${text.slice(0, -1)}${text.endsWith('A') ? 'B' : 'A'}`), tokenOf(folder, ''), tokenOf(folder, token.sha256)]).toEqual([
    null,
    null,
    null,
  ]);
});

test.each<[string, number, boolean, string]>([
  ['just issued', 5, false, 'valid'],
  ['a moment before its end', 1_004, false, 'valid'],
  ['at its end', 1_005, false, 'expired'],
  ['revoked', 6, true, 'revoked'],
  ['revoked and over', 9_999, true, 'revoked'],
])('a token %s', (_, nowMs, revoked, state) => {
  const { token } = issueToken(folder, 'Grace', 1_000, 5);
  if (revoked) revokeToken(folder, token.id, 6);
  expect(
    tokenState(
      readTokens(folder).tokens.find((t) => t.id === token.id)!,
      nowMs,
    ),
  ).toBe(state);
});

test('what is no token cannot be revoked', () => expect(() => revokeToken(folder, '../x', 1)).toThrow(coded('DRILL_NO_TOKEN')));

test.each<[string, (file: string) => void, string]>([
  ['others can read', (file) => chmodSync(file, 0o644), 'DRILL_KEY_UNSAFE'],
  ['others can write', (file) => chmodSync(file, 0o620), 'DRILL_KEY_UNSAFE'],
  ['is cut off', (file) => writeFileSync(file, '{"id":'), 'DRILL_KEY_UNREADABLE'],
])('a token whose file %s opens nothing, is named, and stops nobody else', (_, spoil, code) => {
  const here = tokenFolder(mkdtempSync(join(dir, 'spoilt-')));
  const [spoilt, other] = [issueToken(here, 'Edsger', 1_000, 5), issueToken(here, 'Ada', 1_000, 6)];
  spoil(join(here, `${spoilt.token.id}.json`));
  expect([tokenOf(here, spoilt.text), stillValid(here, spoilt.token.id, 7), tokenOf(here, other.text)?.name]).toEqual([null, false, 'Ada']);
  expect(readTokens(here).unusable).toEqual([{ id: spoilt.token.id, error: coded(code) }]);
  expect(() => revokeToken(here, spoilt.token.id, 7)).toThrow(coded(code));
  expect(revokeToken(here, other.token.id, 7).revokedAt).toBe(7);
});

test.each<[string, number | null]>([
  ['12h', 43_200_000],
  ['30d', 2_592_000_000],
  ['366d', 31_622_400_000],
  ['367d', null],
  ['0d', null],
  ['30', null],
  ['-1d', null],
  ['1e3d', null],
])('--expires %s', (text, ms) => {
  if (ms === null) expect(() => expiryMs(text)).toThrow(coded('DRILL_USAGE'));
  else expect(expiryMs(text)).toBe(ms);
});

test('the board’s key is made once; a plan that names it lets people without a key take part', () => {
  expect(consoleKey(dir)).toBeNull();
  const key = ensureConsoleKey(dir, new Date(0));
  expect([ensureConsoleKey(dir, new Date(1)), consoleKey(dir), statSync(join(dir, 'console.json')).mode & 0o777]).toEqual([key, key, 0o600]);
  writeFileSync(
    join(dir, 'crew.yaml'),
    'crew: crew\ntitle: Two\npeople:\n  - { name: Ada, roles: [sre] }\n  - { name: Grace, roles: [dba, incident-commander], rights: [responder, approver] }\n  - { name: Edsger, roles: [dba, incident-commander], rights: [responder, approver] }\n',
  );
  const wanted = {
    root: join(import.meta.dirname, '../..'),
    cwd: dir,
    runbook: 'mysql-stale-promotion',
    target: 'local',
    who: { crew: './crew.yaml' },
    out: 'drills',
    now: new Date(),
  };
  expect(() => prepareDrill(wanted)).toThrow(coded('DRILL_CREW_KEYLESS'));
  const { plan } = prepareDrill({ ...wanted, board: key });
  const people = [
    { name: 'Ada', roles: ['sre'], rights: ['responder'] },
    ...['Grace', 'Edsger'].map((name) => ({ name, roles: ['dba', 'incident-commander'], rights: ['responder', 'approver'] })),
  ];
  expect(entryOf(plan, key)).toEqual({ id: `board-${key.publicKey.slice(0, 8)}`, publicKey: key.publicKey, kind: 'console', people });
  expect(plan.keys.map((k) => k.kind)).toEqual(['console', 'console']);
  expect(entryOf({ keys: [{ ...consoleEntry(key, []), kind: 'person' }] } as unknown as Plan, key)).toBeNull();
});
