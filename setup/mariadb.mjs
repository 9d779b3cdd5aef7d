/**
 * MariaDB's server and its mariadb-binlog, and the files that MariaDB's own tests read, out of Debian's packages. Only our tests
 * use them: no drill ever fetches any of it.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { canUnpack, debianSuite, loaderOf, unpack } from './debian.mjs';
import { SetupError } from './errors.mjs';
import { run } from './process.mjs';

/** Debian 12 holds MariaDB 10.11 for as long as it lives. */
const SUITE = 'bookworm';
export const MARIADB_COST = 'download 40 MB, 200 MB on disk, about 10 s';
export const MARIADB_FILES_COST = 'download 19 MB, 270 MB on disk, about 7 s';

/**
 * @typedef {object} Mariadb
 * @property {string} version e.g. 10.11.18-MariaDB
 * @property {string} basedir
 * @property {readonly string[]} mariadbd the command that runs the server
 * @property {readonly string[]} binlog the command that runs mariadb-binlog
 */

/**
 * @param {string} cacheDir
 * @returns {Promise<Mariadb | null>}
 */
export async function findMariadb(cacheDir) {
  const root = join(cacheDir, 'debian', 'mariadb');
  const [server, client] = [join(root, 'usr/sbin/mariadbd'), join(root, 'usr/bin/mariadb-binlog')];
  if (!existsSync(server) || !existsSync(client)) return null;
  const { loader, libraryPath } = loaderOf(root);
  const command = (/** @type {string} */ program) => [loader, '--library-path', libraryPath, program];
  const { status, stdout } = await run(loader, [...command(server).slice(1), '--no-defaults', '--version'], { deadlineMs: 20_000 });
  const version = status === 0 ? /Ver (\d+\.\d+\.\d+-MariaDB)/.exec(stdout)?.[1] : undefined;
  return version === undefined ? null : { version, basedir: join(root, 'usr'), mariadbd: command(server), binlog: command(client) };
}

/**
 * Unpacks MariaDB into the cache. Call it under the cache's lock.
 * @param {string} cacheDir
 * @returns {Promise<Mariadb>}
 */
export async function fetchMariadb(cacheDir) {
  mustUnpack();
  // of mariadb-server only the key file plugin is wanted; what the package depends on is another 100 packages
  await unpack({
    cacheDir,
    place: join(cacheDir, 'debian', 'mariadb'),
    suite: await debianSuite(SUITE, cacheDir),
    packages: ['mariadb-server-core', 'mariadb-client'],
    alone: ['mariadb-server'],
  });
  const found = await findMariadb(cacheDir);
  if (!found) throw new SetupError('DRILL_SETUP_FAILED', `MariaDB was unpacked into ${cacheDir} and does not start there.`, 'Nothing but tests needs it.');
  return found;
}

/**
 * The folder `mysql-test` of MariaDB's own test data, or null.
 * @param {string} cacheDir
 */
export function findMariadbFiles(cacheDir) {
  const folder = join(cacheDir, 'debian', 'mariadb-test', 'usr/share/mysql/mysql-test');
  return existsSync(folder) ? folder : null;
}

/**
 * Unpacks MariaDB's test data into the cache. Call it under the cache's lock.
 * @param {string} cacheDir
 */
export async function fetchMariadbFiles(cacheDir) {
  mustUnpack();
  const place = join(cacheDir, 'debian', 'mariadb-test');
  await unpack({ cacheDir, place, suite: await debianSuite(SUITE, cacheDir), packages: [], alone: ['mariadb-test-data'] });
  const found = findMariadbFiles(cacheDir);
  if (!found) throw new SetupError('DRILL_SETUP_FAILED', 'The package mariadb-test-data has no folder mysql-test.', 'Nothing but tests needs it.');
  return found;
}

function mustUnpack() {
  if (!canUnpack()) throw new SetupError('DRILL_NO_TOOL', 'There is no apt-get to fetch MariaDB with.', 'Nothing but tests needs it.');
}
