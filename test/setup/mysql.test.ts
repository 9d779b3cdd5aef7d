/** Disasters: MariaDB or an untested MySQL from PATH is taken for ours; a wrong DRILLBOOK_MYSQLD is passed over in silence. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findMysql } from '../../setup/mysql.mjs';
import { findProgram } from '../../setup/process.mjs';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drillbook-mysql-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Programs that do nothing but name their version: which one is chosen is what is tested. */
function versions(line: string, names = ['mysqld', 'mysql', 'mysqlbinlog', 'mysqldump']): string {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  for (const name of names) writeFileSync(join(bin, name), `#!/bin/sh\necho '${name}  ${line}'\n`, { mode: 0o755 });
  return bin;
}

const NINE = 'Ver 9.7.4 for Linux on x86_64';

test.each([
  [NINE, 'used'],
  ['Ver 8.4.6 for Linux on x86_64', 'used with a notice'],
  ['Ver 8.0.44-0ubuntu0.24.04.1 for Linux', 'passed over'],
  ['Ver 5.7.44 for Linux', 'passed over'],
  ['Ver 10.1.0 for Linux', 'passed over'],
  ['Ver 10.11.14-MariaDB-0+deb12u2 for debian-linux-gnu', 'passed over'],
  ['from 11.8.2-MariaDB, client 15.2', 'passed over'],
])('on PATH: %s is %s', async (line, fate) => {
  const { found, notices } = await findMysql({ env: { PATH: versions(line) }, cacheDir: folder });
  const seen = found ? (found.notices.length > 0 ? 'used with a notice' : 'used') : notices.length > 0 ? 'passed over' : 'ignored';
  expect(seen).toBe(fate);
});

test('on PATH without its client programs it is passed over, and the missing one is named', async () => {
  const { found, notices } = await findMysql({ env: { PATH: versions(NINE, ['mysqld']) }, cacheDir: folder });
  if (!notices[0]?.includes('mysql')) throw new Error('no notice');
  expect(found).toBeNull();
});

test.each([
  ['no mysqld below it', null, 'bin/mysqld'],
  ['too old', 'Ver 8.0.44 for Linux', 'its version is 8.0.44'],
  ['MariaDB', 'Ver 10.11.14-MariaDB', 'does not answer as MySQL'],
])('DRILLBOOK_MYSQLD that is %s is an error, never passed over', async (_case, line, words) => {
  if (line) versions(line);
  const found = findMysql({ env: { DRILLBOOK_MYSQLD: folder, PATH: '/usr/bin:/bin' }, cacheDir: folder });
  await expect(found).rejects.toMatchObject({ code: 'DRILL_MYSQLD_UNUSABLE', message: expect.stringContaining(words) });
});

test('DRILLBOOK_MYSQLD goes before PATH', async () => {
  const bin = versions(NINE);
  const { found } = await findMysql({ env: { DRILLBOOK_MYSQLD: folder, PATH: '/usr/bin:/bin' }, cacheDir: folder });
  expect(found).toMatchObject({ version: '9.7.4', basedir: folder, mysqld: join(bin, 'mysqld'), from: 'DRILLBOOK_MYSQLD', root: null });
});

test('nothing anywhere is null, without an error: then it is fetched', async () => {
  if (findProgram('mysqld', {})) return; // this host has one where system programs live
  expect(await findMysql({ env: { PATH: folder }, cacheDir: folder })).toEqual({ found: null, notices: [] });
});
