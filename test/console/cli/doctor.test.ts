/** Disasters: doctor changes the machine it looks at; it calls a machine ready that lacks something; one wrong setting ends it. */
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { doctorCommand, examine } from '../../../console/cli/doctor.ts';
import { tokenFolder } from '../../../console/people/tokens.ts';
import { tokenFor } from '../../support/board.ts';
import { findProgram } from '../../../setup/process.mjs';
import type { CliContext } from '../../../console/cli/context.ts';

const root = join(import.meta.dirname, '../../..');
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drillbook-doctor-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('on an empty cache the missing things have a price, and nothing is fetched or made', async () => {
  const cacheDir = join(folder, 'cache');
  const findings = await examine({ env: { PATH: folder }, cacheDir, root });
  if (!findProgram('mysqld', {})) expect(findings.find((f) => f.what === 'MySQL')).toMatchObject({ state: 'missing', note: expect.stringMatching(/MB/) });
  expect(findings.find((f) => f.what === 'Temporal')).toMatchObject({ state: 'missing', note: expect.stringMatching(/download|build/) });
  expect(existsSync(cacheDir)).toBe(false);
});

test('a wrong DRILLBOOK_MYSQLD is one finding among the others', async () => {
  const findings = await examine({ env: { PATH: folder, DRILLBOOK_MYSQLD: folder }, cacheDir: folder, root });
  expect(findings.find((f) => f.what === 'MySQL')?.note).toContain('DRILL_MYSQLD_UNUSABLE');
  expect(findings.some((f) => f.what === 'namespaces')).toBe(true);
});

test('a token that others can read is a notice that says where and why', async () => {
  const config = join(folder, 'drillbook');
  const { id } = tokenFor(config, 'Ada');
  const look = async () => (await examine({ env: { PATH: folder, XDG_CONFIG_HOME: folder }, cacheDir: folder, root })).filter((f) => f.what === 'board token');
  expect(await look()).toEqual([]);
  chmodSync(join(tokenFolder(config), `${id}.json`), 0o644);
  expect(await look()).toEqual([expect.objectContaining({ state: 'notice', where: id, note: expect.stringContaining('DRILL_KEY_UNSAFE') })]);
});

test('something missing is exit status 2, in JSON too', async () => {
  let text = '';
  let status: number | undefined;
  const stdout = { write: (s: string) => (text += s) };
  const ctx = { env: { PATH: folder }, cacheDir: folder, root, stdout, colour: false, exit: (code: number) => (status = code) } as unknown as CliContext;
  await doctorCommand(ctx).parseAsync(['--json'], { from: 'user' });
  const { findings } = JSON.parse(text) as { findings: { state: string }[] };
  expect([status, findings.some((f) => f.state === 'missing')]).toEqual([2, true]);
});
