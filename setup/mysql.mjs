/** Finds MySQL's server and its client programs, or unpacks them into the cache. */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { canUnpack, debianSuite, loaderOf, unpack } from './debian.mjs';
import { SetupError } from './errors.mjs';
import { findProgram, run } from './process.mjs';

/** The release that our tests run on. */
export const MYSQL_TESTED = '9.7';
/** Works as far as we know; the tests do not run on it. */
const MYSQL_ACCEPTED = '8.4';
export const MYSQL_COST = 'download 54 MB, 330 MB on disk, about 15 s';
const CLIENTS = /** @type {const} */ (['mysql', 'mysqlbinlog', 'mysqldump']);
const HINT = `Set DRILLBOOK_MYSQLD to the folder of MySQL ${MYSQL_TESTED} that has bin/mysqld below it.`;

/**
 * @typedef {object} Mysql
 * @property {string} version
 * @property {string} basedir
 * @property {string} from where it was found, in words
 * @property {string} mysqld
 * @property {Record<'mysql' | 'mysqlbinlog' | 'mysqldump', string>} clients
 * @property {string | null} root the unpacked root, or null
 * @property {string[]} notices
 */

/**
 * @param {{ env: Readonly<Record<string, string | undefined>>, cacheDir: string }} where
 * @returns {Promise<{ found: Mysql | null, notices: string[] }>} notices: what was passed over, and why
 */
export async function findMysql({ env, cacheDir }) {
  if (env.DRILLBOOK_MYSQLD) return { found: await givenMysql(env.DRILLBOOK_MYSQLD, env), notices: [] };
  const { found, notices } = await mysqlOnPath(env);
  if (found) return { found, notices };
  return { found: await unpackedMysql(join(cacheDir, 'debian', 'mysql')), notices };
}

/**
 * Unpacks MySQL into the cache. Call it under the cache's lock.
 * @param {string} cacheDir
 * @returns {Promise<Mysql>}
 */
export async function fetchMysql(cacheDir) {
  if (!canUnpack()) throw new SetupError('DRILL_NO_MYSQLD', 'There is no MySQL server here, and no apt-get to fetch one with.', HINT);
  const place = join(cacheDir, 'debian', 'mysql');
  const packages = ['mysql-server-core', 'mysql-client-core', 'mysql-client'];
  const check = async (/** @type {string} */ root) => {
    const found = await unpackedMysql(root);
    if (!found || !isUsable(found.version))
      throw new SetupError('DRILL_NO_MYSQLD', `Debian's packages hold MySQL ${found?.version ?? 'of no known version'}; ${MYSQL_TESTED} is needed.`, HINT);
  };
  await unpack({ cacheDir, place, suite: await debianSuite('sid', cacheDir), packages, check });
  const found = await unpackedMysql(place);
  if (!found) throw new SetupError('DRILL_NO_MYSQLD', `MySQL was unpacked to ${place} and does not start there.`, HINT);
  return found;
}

/**
 * Options that let an unpacked program find its files.
 * @param {Mysql} mysql
 */
export function serverOptions(mysql) {
  const share = join(mysql.basedir, 'share/mysql');
  return [
    `--basedir=${mysql.basedir}`,
    `--lc-messages-dir=${share}`,
    `--character-sets-dir=${share}/charsets`,
    `--plugin-dir=${mysql.basedir}/lib/mysql/plugin`,
  ];
}

/** @param {Mysql} mysql */
export function clientOptions(mysql) {
  return [`--character-sets-dir=${mysql.basedir}/share/mysql/charsets`];
}

/**
 * @param {string} base
 * @param {Readonly<Record<string, string | undefined>>} env
 * @returns {Promise<Mysql>}
 */
async function givenMysql(base, env) {
  const unusable = (/** @type {string} */ seen) => new SetupError('DRILL_MYSQLD_UNUSABLE', `DRILLBOOK_MYSQLD is ${base}, but ${seen}.`, HINT);
  const mysqld = ['bin/mysqld', 'sbin/mysqld'].map((sub) => join(base, sub)).find((path) => existsSync(path));
  if (!mysqld) throw unusable('there is neither bin/mysqld nor sbin/mysqld below it');
  const version = await versionOf([mysqld]);
  if (!version) throw unusable(`${mysqld} --version does not answer as MySQL does`);
  if (compare(version, MYSQL_ACCEPTED) < 0) throw unusable(`its version is ${version} and ${MYSQL_ACCEPTED} is the oldest that can do what a drill needs`);
  const clients = await clientsNear(join(base, 'bin'), env);
  if (typeof clients === 'string') throw unusable(clients);
  return { version, basedir: base, from: 'DRILLBOOK_MYSQLD', mysqld, clients, root: null, notices: noticesFor(version, base) };
}

/** @param {Readonly<Record<string, string | undefined>>} env */
async function mysqlOnPath(env) {
  const mysqld = findProgram('mysqld', env);
  if (!mysqld) return { found: null, notices: [] };
  const passed = (/** @type {string} */ why) => ({ found: null, notices: [`${mysqld} was passed over: ${why}.`] });
  if (isConfined(mysqld)) return passed('an AppArmor profile keeps it away from folders of ours');
  const version = await versionOf([mysqld]);
  if (!version || !isUsable(version)) return passed(version ? `version ${version} is not tested (${MYSQL_TESTED} is)` : 'it is not MySQL');
  const clients = await clientsNear(dirname(mysqld), env);
  if (typeof clients === 'string') return passed(clients);
  const basedir = dirname(dirname(realpathSync(mysqld)));
  return { found: { version, basedir, from: 'PATH', mysqld, clients, root: null, notices: noticesFor(version, mysqld) }, notices: [] };
}

/**
 * @param {string} root
 * @returns {Promise<Mysql | null>}
 */
async function unpackedMysql(root) {
  const mysqld = join(root, 'usr/sbin/mysqld');
  const clients = { mysql: join(root, 'usr/bin/mysql'), mysqlbinlog: join(root, 'usr/bin/mysqlbinlog'), mysqldump: join(root, 'usr/bin/mysqldump') };
  if (![mysqld, ...Object.values(clients)].every((path) => existsSync(path))) return null;
  const { loader, libraryPath } = loaderOf(root);
  const version = await versionOf([loader, '--library-path', libraryPath, mysqld]);
  return version && { version, basedir: join(root, 'usr'), from: 'unpacked in the cache', mysqld, clients, root, notices: noticesFor(version, root) };
}

/**
 * The client programs beside the server, else on PATH; or a sentence about what is missing.
 * @param {string} folder
 * @param {Readonly<Record<string, string | undefined>>} env
 */
async function clientsNear(folder, env) {
  const found = /** @type {Record<typeof CLIENTS[number], string>} */ ({});
  for (const name of CLIENTS) {
    const path = findProgram(name, { PATH: `${folder}:${env.PATH ?? ''}` });
    if (!path) return `there is no ${name} beside it or on PATH`;
    const version = await versionOf([path]);
    if (!version || compare(version, MYSQL_ACCEPTED) < 0) return `${path} is ${version ? `of version ${version}` : "not MySQL's"}`;
    found[name] = path;
  }
  return found;
}

/**
 * Runs the program once. MariaDB's programs carry MySQL's names and are no answer.
 * @param {readonly string[]} command
 */
async function versionOf([file = '', ...args]) {
  const { status, stdout } = await run(file, [...args, '--no-defaults', '--version'], { deadlineMs: 20_000 });
  return status === 0 && !/MariaDB/i.test(stdout) ? (/Ver (\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? null) : null;
}

/** @param {string} version */
function isUsable(version) {
  return version.startsWith(`${MYSQL_TESTED}.`) || version.startsWith(`${MYSQL_ACCEPTED}.`);
}

/**
 * @param {string} version
 * @param {string} where
 */
function noticesFor(version, where) {
  return version.startsWith(`${MYSQL_TESTED}.`) ? [] : [`MySQL ${version} (${where}) is used; our tests run on ${MYSQL_TESTED}.`];
}

/**
 * Ubuntu confines /usr/sbin/mysqld to /var/lib/mysql; it would start and then fail on every folder of a lab.
 * @param {string} mysqld
 */
function isConfined(mysqld) {
  try {
    return readFileSync('/sys/kernel/security/apparmor/profiles', 'utf8').includes(`${realpathSync(mysqld)} (enforce)`);
  } catch {
    return existsSync(`/etc/apparmor.d/${realpathSync(mysqld).slice(1).replaceAll('/', '.')}`) && existsSync('/sys/kernel/security/apparmor');
  }
}

/**
 * @param {string} a
 * @param {string} b
 */
function compare(a, b) {
  return a.localeCompare(b, 'en', { numeric: true });
}
