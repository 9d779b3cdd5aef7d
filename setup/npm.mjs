/** The npm modules of an installation, the Node 24 among them, and how to go on with that Node. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder, withLock } from './cache.mjs';
import { PACKAGED } from './entry.mjs';
import { SetupError } from './errors.mjs';
import { mustRun, tied } from './process.mjs';

const NODE_NEEDED = 24;
const NPM_DEADLINE_MS = 15 * 60_000;
export const NPM_COST = 'download 200 MB, 670 MB on disk, about 30 s';

/**
 * Makes node_modules what the lock file says: `npm ci` when it is missing or older than the lock, else nothing (2 ms).
 * In a package nothing is made or written: npm brought the modules with it, and the folder may be root's.
 * @param {string} root
 * @param {{ env: Readonly<Record<string, string | undefined>>, progress: import('./progress.mjs').Progress }} options
 */
export async function ensureModules(root, { env, progress }) {
  if (PACKAGED) return;
  if (modulesState(root) === 'fresh') return stamp(root);
  const name = `npm-${createHash('sha256').update(root).digest('hex').slice(0, 8)}`;
  await withLock(cacheFolder(env), name, progress, async () => {
    if (modulesState(root) === 'fresh') return;
    rmSync(stampOf(root), { force: true });
    await progress.during(
      'Installing npm modules',
      mustRun('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
        deadlineMs: NPM_DEADLINE_MS,
        cwd: root,
        env,
        hint: 'Check the network to the npm registry and try again.',
      }),
    );
    stamp(root);
  });
}

/**
 * Spares the next start the comparison. A checkout that may not be written does without.
 * @param {string} root
 */
function stamp(root) {
  try {
    if (!existsSync(stampOf(root))) writeFileSync(stampOf(root), lockDigest(root));
  } catch {
    // read-only
  }
}

/**
 * 'fresh': node_modules is what package-lock.json says. A stamp with the lock's digest says so cheaply; without it (someone ran npm
 * by hand) npm's own record, which npm writes last, is compared with the lock, entry by entry (15 ms).
 * @param {string} root
 * @returns {'fresh' | 'missing' | 'old'}
 */
export function modulesState(root) {
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return 'missing';
  try {
    if (readFileSync(stampOf(root), 'utf8') === lockDigest(root)) return 'fresh';
  } catch {
    // no stamp: compare
  }
  const wanted = packagesOf(join(root, 'package-lock.json'));
  const there = packagesOf(record);
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '' || (!there[path] && (entry.optional || entry.peer))) continue;
    if (there[path]?.version !== entry.version || there[path]?.integrity !== entry.integrity) return 'old';
  }
  return 'fresh';
}

/** @param {string} root */
const stampOf = (root) => join(root, 'node_modules', '.drillbook-stamp');

/** @param {string} root */
const lockDigest = (root) =>
  createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, integrity?: string, optional?: boolean, peer?: boolean } | undefined>}
 */
const packagesOf = (file) => JSON.parse(readFileSync(file, 'utf8')).packages;

/**
 * The Node that runs the project: the one npm brought, where Node itself would look for it (a package's modules may lie beside it), else the running one when it is new enough.
 * @param {string} root
 */
export function nodeOf(root) {
  for (let folder = root; folder !== dirname(folder); folder = dirname(folder)) {
    const brought = join(folder, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
    if (existsSync(brought)) return brought;
  }
  if (Number(process.versions.node.split('.')[0]) >= NODE_NEEDED) return process.execPath;
  throw new SetupError(
    'DRILL_NO_NODE',
    `Node ${NODE_NEEDED} is needed; this is ${process.version}, and npm brought none for ${process.platform}-${process.arch}.`,
    `Install Node ${NODE_NEEDED} or newer, or let npm install optional dependencies (no --omit=optional).`,
  );
}

/**
 * Goes on as another program. Where Node can (24 can), this process becomes it; else a child takes our place: it has our terminal,
 * gets our signals, dies with us even on kill -9, and its exit status becomes ours.
 *
 * @param {string} file
 * @param {readonly string[]} args
 * @param {Readonly<Record<string, string | undefined>>} env
 */
export function become(file, args, env) {
  if (typeof process.execve === 'function') {
    process.execve(file, [file, ...args], Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined)));
  }
  const [program, argv] = tied(file, args);
  const child = spawn(program, argv, { stdio: 'inherit', env });
  // A terminal sends Ctrl-C to the child as well; forwarding it would look like a second, impatient one.
  const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'])) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !atTerminal) child.kill(signal);
    });
  }
  child.on('error', (e) => {
    process.stderr.write(`DRILL_NO_NODE: ${file} could not be started: ${e.message}\n`);
    process.exit(2);
  });
  child.on('exit', (status, signal) => {
    if (signal === null) process.exit(status ?? 2);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
