/**
 * Every program that a drill needs, found or fetched. Warm, this reads one file: what was found is kept together with what it was
 * found by (PATH, DRILLBOOK_MYSQLD, the installation), and is looked for again when that changes or a file is gone.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { sweep, withLock } from './cache.mjs';
import { ROOT } from './entry.mjs';
import { SetupError } from './errors.mjs';
import { clientOptions, fetchMysql, findMysql, MYSQL_COST, serverOptions } from './mysql.mjs';
import { fetchNet, findNet, NET_COST, NET_NAMES, UTIL_LINUX } from './net.mjs';
import { nodeOf } from './npm.mjs';
import { findProgram } from './process.mjs';
import { SILENT } from './progress.mjs';
import { fetchTemporal, findTemporal } from './temporal.mjs';
import { wrap, wrapCommand } from './wrappers.mjs';

/** @typedef {import('../targets/tools.ts').Tools} Tools */
/** @typedef {'mysql' | 'net' | 'temporal'} Group */
/**
 * @typedef {object} Options
 * @property {Readonly<Record<string, string | undefined>>} env
 * @property {string} cacheDir
 * @property {import('./progress.mjs').Progress} [progress]
 * @property {readonly Group[]} [only] fetch no more than these; a program of another group that is not here keeps its bare name, to be looked for on PATH when it is run
 */

/** Raise it when what is kept changes its meaning. */
const RECIPE = 1;
const ALL = /** @type {const} */ (['mysql', 'net', 'temporal']);

/**
 * @param {Options} options
 * @returns {Promise<Tools>}
 */
export async function ensureTools(options) {
  const kept = readKept(options);
  if (kept) return kept;
  const progress = options.progress ?? SILENT;
  return withLock(options.cacheDir, 'tools', progress, async () => {
    const meanwhile = readKept(options);
    if (meanwhile) return meanwhile;
    await sweep(options.cacheDir);
    return keep(options, await collect({ ...options, progress }));
  });
}

/** @param {Options & { progress: import('./progress.mjs').Progress }} given */
async function collect(given) {
  const options = { ...given, env: withoutOurs(given.env, given.cacheDir) };
  const { env, cacheDir, progress } = options;
  const fetches = options.only ?? ALL;
  const binDir = join(folderOf(options), 'bin');
  const tools = /** @type {Tools} */ ({ binDir, node: nodeOf(ROOT) });
  const behind = /** @type {Record<string, string>} */ ({});
  for (const name of UTIL_LINUX) {
    const path = findProgram(name, env);
    if (!path) throw new SetupError('DRILL_NO_TOOL', `${name} is missing.`, 'Install util-linux.');
    if (name !== 'flock') tools[name] = path;
  }
  await collectMysql(tools, behind, fetches.includes('mysql'), options);
  await collectNet(tools, behind, fetches.includes('net'), options);
  const temporal = await findTemporal({ env, cacheDir });
  tools.temporal = temporal?.path ?? (fetches.includes('temporal') && !env.TEMPORAL_ADDRESS ? await fetchTemporal({ env, cacheDir, progress }) : null);
  wrapCommand(binDir, 'drillbook', [tools.node, join(ROOT, 'setup', 'start.mjs')]);
  return { tools, behind };
}

/**
 * @param {Tools} tools
 * @param {Record<string, string>} behind which file each wrapper runs
 * @param {boolean} mayFetch
 * @param {Options & { progress: import('./progress.mjs').Progress }} options
 */
async function collectMysql(tools, behind, mayFetch, { env, cacheDir, progress }) {
  const { found, notices } = await findMysql({ env, cacheDir });
  for (const line of notices) progress.say(line);
  const mysql = found ?? (mayFetch ? await progress.during(`Fetching MySQL into ${cacheDir} (${MYSQL_COST})`, fetchMysql(cacheDir)) : null);
  if (!mysql) {
    Object.assign(tools, {
      mysqld: 'mysqld',
      mysqldVersion: 'unknown',
      mysqlBasedir: '/usr',
      mysql: 'mysql',
      mysqlbinlog: 'mysqlbinlog',
      mysqldump: 'mysqldump',
    });
    return;
  }
  for (const line of mysql.notices) progress.say(line);
  tools.mysqldVersion = mysql.version;
  tools.mysqlBasedir = mysql.basedir;
  tools.mysqld = wrap(tools.binDir, { name: 'mysqld', path: mysql.mysqld, root: mysql.root }, serverOptions(mysql));
  behind[tools.mysqld] = mysql.mysqld;
  for (const name of /** @type {const} */ (['mysql', 'mysqlbinlog', 'mysqldump'])) {
    tools[name] = wrap(tools.binDir, { name, path: mysql.clients[name], root: mysql.root }, clientOptions(mysql));
    behind[tools[name]] = mysql.clients[name];
  }
}

/**
 * @param {Tools} tools
 * @param {Record<string, string>} behind which file each wrapper runs
 * @param {boolean} mayFetch
 * @param {Options & { progress: import('./progress.mjs').Progress }} options
 */
async function collectNet(tools, behind, mayFetch, { env, cacheDir, progress }) {
  for (const name of NET_NAMES) {
    let found = await findNet(name, { env, cacheDir });
    if (!found && mayFetch) {
      await progress.during(`Fetching nft, arping and ip into ${cacheDir} (${NET_COST})`, fetchNet(cacheDir));
      found = await findNet(name, { env, cacheDir });
      if (!found) throw new SetupError('DRILL_NO_TOOL', `${name} was unpacked and does not start.`, `Install ${name}.`);
    }
    tools[name] = found ? wrap(tools.binDir, found) : name;
    if (found) behind[tools[name]] = found.path;
  }
}

/**
 * What the result depends on: the programs that PATH offers rather than PATH itself, which npm lengthens at will.
 * @param {Options} options
 */
function inputs({ env, cacheDir }) {
  const outer = withoutOurs(env, cacheDir);
  const offered = ['mysqld', 'mysql', 'mysqlbinlog', 'mysqldump', 'temporal', ...NET_NAMES, ...UTIL_LINUX].map((name) => findProgram(name, outer) ?? '');
  return { recipe: RECIPE, root: ROOT, mysqld: env.DRILLBOOK_MYSQLD ?? '', offered };
}

/**
 * The environment with our own wrappers taken off PATH: a wrapper that wraps itself would call itself for ever.
 * @param {Readonly<Record<string, string | undefined>>} env
 * @param {string} cacheDir
 * @returns {Readonly<Record<string, string | undefined>>}
 */
function withoutOurs(env, cacheDir) {
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => !`${folder}/`.startsWith(`${cacheDir}/`));
  return { ...env, PATH: folders.join(delimiter) };
}

/**
 * One folder for each installation and choice of MySQL, so that two of them at once do not change programs under each other's hands.
 * @param {Options} options
 */
function folderOf(options) {
  return join(
    options.cacheDir,
    'tools',
    createHash('sha256')
      .update(`${ROOT}\n${options.env.DRILLBOOK_MYSQLD ?? ''}`)
      .digest('hex')
      .slice(0, 8),
  );
}

/**
 * What the last set-up found, if it still holds: 1 ms.
 * @param {Options} options
 * @returns {Tools | null}
 */
function readKept(options) {
  try {
    const kept = JSON.parse(readFileSync(join(folderOf(options), 'kept.json'), 'utf8'));
    if (JSON.stringify(kept.inputs) !== JSON.stringify(inputs(options))) return null;
    const tools = /** @type {Tools} */ (kept.tools);
    const temporalElsewhere = Boolean(options.env.TEMPORAL_ADDRESS);
    const needed = {
      mysql: [tools.mysqld, tools.mysql, tools.mysqlbinlog, tools.mysqldump],
      net: NET_NAMES.map((name) => tools[name]),
      temporal: temporalElsewhere ? [] : [tools.temporal],
    };
    const paths = [tools.node, tools.unshare, tools.nsenter, tools.setpriv, ...(options.only ?? ALL).flatMap((group) => needed[group])];
    if (!paths.every((path) => path && existsSync(path) && targetExists(path, kept.behind))) return null;
    return temporalElsewhere ? { ...tools, temporal: null } : tools;
  } catch {
    return null;
  }
}

/**
 * A wrapper script is no use without the program behind it.
 * @param {string} path
 * @param {Record<string, string>} behind
 */
function targetExists(path, behind) {
  const target = behind[path];
  return target === undefined || existsSync(target);
}

/**
 * @param {Options} options
 * @param {{ tools: Tools, behind: Record<string, string> }} found
 * @returns {Tools}
 */
function keep(options, { tools, behind }) {
  const folder = folderOf(options);
  writeWhole(join(folder, 'kept.json'), { inputs: inputs(options), behind, tools });
  writeWhole(join(folder, 'tools.json'), tools);
  // For people at a shell: the newest set-up's programs under one lasting name.
  for (const name of ['bin', 'tools.json']) {
    const aside = join(folder, `${name}.link`);
    rmSync(aside, { force: true });
    symlinkSync(join(folder, name), aside);
    renameSync(aside, join(dirname(folder), name));
  }
  return options.env.TEMPORAL_ADDRESS ? { ...tools, temporal: null } : tools;
}

/**
 * @param {string} file
 * @param {unknown} value
 */
function writeWhole(file, value) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, `${JSON.stringify(value, null, 2)}\n`);
  renameSync(`${file}.new`, file);
}
