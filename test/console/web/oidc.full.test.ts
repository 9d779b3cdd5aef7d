/**
 * Signing in with an identity provider as a person does it: the real command, a real provider on another site, Chromium between them. The way there and back, a link from
 * somewhere else, signing out, a provider that is down, one that does not answer. DRILLBOOK_SCREENSHOTS=<folder> keeps pictures.
 */
import { once } from 'node:events';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { Oidc } from '../../../console/web/oidc.ts';
import { beginDrill, boardDir, BoardProcess } from '../../support/board.ts';
import { faultsOfPage, launchChromium } from '../../support/chromium.ts';
import { CLIENT, OpenIdProvider } from '../../support/oidc.ts';

const dir = boardDir();
const SHOTS = process.env['DRILLBOOK_SCREENSHOTS'];
let chromium: Browser;
let provider: OpenIdProvider;
let board: BoardProcess;
let drillId: string;

beforeAll(async () => {
  chromium = await launchChromium();
  provider = await OpenIdProvider.start();
  ({ drillId } = beginDrill(dir));
  writeFileSync(join(dir, 'people.yaml'), 'crew: crew\ntitle: One\npeople: [{ name: Ada Lovelace, roles: [sre], login: ada@example.com }]\n');
  writeFileSync(join(dir, 'secret'), `${CLIENT.secret}\n`);
  board = await start();
  provider.serve(new URL('sign-in/oidc/back', board.url).href, { ada: { email: 'ada@example.com', email_verified: true } });
}, 60_000);
afterAll(async () => {
  await chromium?.close();
  await board?.stop();
  await provider?.close();
  rmSync(dir, { recursive: true, force: true });
});

function start(mode = 0o600): Promise<BoardProcess> {
  chmodSync(join(dir, 'secret'), mode);
  const env = { ...process.env, XDG_CONFIG_HOME: join(dir, `config-${mode}`) };
  const args = ['--oidc-issuer', provider.issuer.origin, '--oidc-client-id', CLIENT.id, '--oidc-secret-file', 'secret', '--crew', './people.yaml'];
  return BoardProcess.start(dir, env, '0', args);
}
async function looked(page: Page, name: string): Promise<void> {
  for (const [width, height, how] of [
    [1280, 800, 'wide'],
    [390, 844, 'phone'],
  ] as const)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
      expect(await faultsOfPage(page)).toEqual([]);
      if (SHOTS) await page.screenshot({ path: join(SHOTS, `${name}-${how}-${colorScheme}.png`) });
    }
}

test('a secret that others can read is not used', async () => {
  await expect(start(0o644)).rejects.toThrow('DRILL_KEY_UNSAFE');
  chmodSync(join(dir, 'secret'), 0o600);
});

test('there and back, by a link, out, and with the provider down', async () => {
  const page = await (await chromium.newContext()).newPage();
  const errors: string[] = [];
  page.on('console', (m) => m.type() === 'error' && !m.text().includes('Failed to load resource') && errors.push(m.text()));
  await page.goto(new URL(`drills/${drillId}`, board.url).href);
  await looked(page, 'sign-in');
  await page.getByRole('link', { name: `Sign in with ${provider.issuer.host}` }).click();
  await page.getByPlaceholder('Enter any login').fill('ada');
  await page.getByPlaceholder('and password').fill('any');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.waitForURL(`**/drills/${drillId}`);
  await page.locator('.who b', { hasText: 'Ada Lovelace' }).waitFor();
  // a link in a message: another site leads here, and the session is still known
  await page.goto(`${provider.issuer.origin}/nowhere`);
  await page.evaluate(`document.body.innerHTML = '<a href="${board.url}drills/${drillId}">the step</a>'`);
  await page.getByRole('link', { name: 'the step' }).click();
  await page.locator('.who b', { hasText: 'Ada Lovelace' }).waitFor();

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('link', { name: 'sign out there too' }).waitFor();
  await looked(page, 'signed-out');
  await page.getByRole('link', { name: 'sign out there too' }).click();
  await page.waitForURL(`${provider.issuer.origin}/session/end**`);

  await board.stop();
  board = await start();
  await provider.close();
  await page.goto(board.url);
  await page.getByRole('link', { name: `Sign in with ${provider.issuer.host}` }).click();
  await page.getByRole('heading', { name: 'the identity provider does not answer' }).waitFor();
  await looked(page, 'provider-down');
  expect(errors).toEqual([]);
}, 120_000);

test('a provider that takes the connection and says nothing is waited for ten seconds, once for all', async () => {
  const sockets: Socket[] = [];
  const mute = createServer((s) => void sockets.push(s)).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const issuer = new URL(`http://127.0.0.1:${(mute.address() as AddressInfo).port}`);
  const oidc = new Oidc({ issuer, clientId: 'board', secret: null, claim: 'sub' });
  const ask = () => oidc.begin(new URL('http://127.0.0.1/back'), 'cookie', '/').then(String, (e: { code: string }) => e.code);
  expect(await Promise.all([ask(), ask(), ask()])).toEqual(Array<string>(3).fill('DRILL_OIDC_UNREACHABLE'));
  expect(sockets.length).toBe(1);
  for (const s of sockets) s.destroy();
  mute.close();
}, 60_000);
