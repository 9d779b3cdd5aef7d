/** Disaster: a board that starts with half of what it was told, and lets in whom it should not. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { boardCommand } from '../../../console/cli/board.ts';
import type { CliContext } from '../../../console/cli/context.ts';

const ISSUER = ['--oidc-issuer', 'https://id.example.com'];
const CLIENT = ['--oidc-client-id', 'board'];
const CREW = ['--crew', './crew.yaml'];

const crew = (people: string): string => `crew: crew\ntitle: One\npeople: [${people}]\n`;

test.each<[string, string[], string, string]>([
  ['http://id.example.com', ['--oidc-issuer', 'http://id.example.com', ...CLIENT, ...CREW], 'DRILL_USAGE', 'http is for loopback only'],
  ['what is no address', ['--oidc-issuer', 'id', ...CLIENT, ...CREW], 'DRILL_USAGE', 'https://id.example.com'],
  ['no client', [...ISSUER, ...CREW], 'DRILL_USAGE', 'the provider gives one'],
  ['a claim that proves nothing', [...ISSUER, ...CLIENT, ...CREW, '--oidc-claim', 'name'], 'DRILL_USAGE', 'email, preferred_username, sub'],
  ['no crew', [...ISSUER, ...CLIENT], 'DRILL_USAGE', 'each person has a login'],
  ['a crew in which nobody has a login', [...ISSUER, ...CLIENT, '--crew', './none.yaml'], 'DRILL_USAGE', 'login: ada@example.com'],
  ['a crew with one login for two', [...ISSUER, ...CLIENT, '--crew', './two.yaml'], 'DRILL_CREW_INVALID', ''],
  ['a crew that is not there', [...ISSUER, ...CLIENT, '--crew', './x.yaml'], 'DRILL_CREW_UNKNOWN', ''],
  ['no file with the secret', [...ISSUER, ...CLIENT, ...CREW, '--oidc-secret-file', 'x'], 'DRILL_SECRET_MISSING', 'holds the secret'],
  ['an empty one', [...ISSUER, ...CLIENT, ...CREW, '--oidc-secret-file', 'empty'], 'DRILL_SECRET_MISSING', 'write the secret'],
  ['a crew without a provider', CREW, 'DRILL_USAGE', 'name the identity provider'],
  ['a client without a provider', CLIENT, 'DRILL_USAGE', 'name the identity provider'],
])('a board with %s does not start', async (_, flags, code, hint) => {
  const cwd = mkdtempSync(join(tmpdir(), 'dbc-'));
  writeFileSync(join(cwd, 'crew.yaml'), crew('{ name: Ada, roles: [sre], login: ada@example.com }'));
  writeFileSync(join(cwd, 'none.yaml'), crew('{ name: Ada, roles: [sre] }'));
  writeFileSync(join(cwd, 'two.yaml'), crew('{ name: Ada, roles: [sre], login: a@x }, { name: Grace, roles: [sre], login: A@X }'));
  writeFileSync(join(cwd, 'empty'), '\n', { mode: 0o600 });
  const stderr = { write: () => true };
  const ctx = { cwd, root: cwd, cacheDir: cwd, env: { XDG_CONFIG_HOME: cwd }, stdout: stderr, stderr, exit: () => undefined } as unknown as CliContext;
  const started = boardCommand(ctx).parseAsync(['--listen', '127.0.0.1:0', ...flags], { from: 'user' });
  await expect(started).rejects.toMatchObject({ code, hint: expect.stringContaining(hint) as string });
  expect(existsSync(join(cwd, 'drillbook', 'board', 'board.json'))).toBe(false);
  rmSync(cwd, { recursive: true });
});
