/**
 * The user's cache folder: `$XDG_CACHE_HOME/drillbook`, else `~/.cache/drillbook`. Nothing is ever installed system-wide.
 * What is in a named place is whole: it was made in tmp/ and renamed. Only the holder of the lock makes things in tmp/, so
 * whoever holds the lock may delete what a killed set-up left there.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { SetupError } from './errors.mjs';
import { tied } from './process.mjs';

/** Another set-up may be building Temporal on a slow machine. */
const LOCK_DEADLINE_MS = 20 * 60_000;
const SAY_WAITING_AFTER_MS = 300;

/** @param {Readonly<Record<string, string | undefined>>} env */
export function cacheFolder(env) {
  const xdg = env.XDG_CACHE_HOME;
  return join(xdg && isAbsolute(xdg) ? xdg : join(env.HOME || homedir(), '.cache'), 'drillbook');
}

/**
 * Runs `work` while no other process runs under the same name; the second waits and says so.
 * The lock is the kernel's (flock, held by a small child that lives as long as our pipe to it), so it ends with its owner
 * however that dies; there is nothing stale to take over and no race in doing so. Costs two process starts.
 *
 * @template T
 * @param {string} cacheDir
 * @param {string} name
 * @param {import('./progress.mjs').Progress} progress
 * @param {() => Promise<T>} work
 * @param {number} [deadlineMs]
 * @returns {Promise<T>}
 */
export async function withLock(cacheDir, name, progress, work, deadlineMs = LOCK_DEADLINE_MS) {
  const file = join(cacheDir, 'locks', name);
  makeFolder(dirname(file));
  const [program, argv] = tied('flock', [file, 'sh', '-c', 'echo locked; exec cat >/dev/null']);
  const child = spawn(program, argv, { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const say = setTimeout(() => progress.say(`Another set-up is at work (${readOwner(file)}); waiting for it to end.`), SAY_WAITING_AFTER_MS);
  try {
    await lockHeld(child, file, deadlineMs);
    clearTimeout(say);
    writeFileSync(file, `pid ${process.pid}\n`);
    return await work();
  } finally {
    clearTimeout(say);
    child.stdin.end();
    if (child.exitCode === null && !child.stdout.readableEnded) child.kill('SIGKILL');
    await ended;
  }
}

/**
 * @param {import('node:child_process').ChildProcessByStdio<import('node:stream').Writable, import('node:stream').Readable, null>} child
 * @param {string} file
 * @param {number} deadlineMs
 */
function lockHeld(child, file, deadlineMs) {
  return new Promise((resolve, reject) => {
    const fail = (/** @type {string} */ seen, /** @type {string} */ hint) => reject(new SetupError('DRILL_SETUP_BUSY', seen, hint));
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      fail(`The lock ${file} was still held by ${readOwner(file)} after ${deadlineMs / 1_000} s.`, 'Wait for the other set-up to end, or end it.');
    }, deadlineMs);
    child.stdout.once('data', () => {
      clearTimeout(timer);
      resolve(undefined);
    });
    child.once('error', (e) => fail(`flock could not be started: ${e.message}`, 'Install util-linux.'));
    child.once('close', (status) => {
      clearTimeout(timer);
      fail(`flock on ${file} ended with status ${status}.`, 'Check that the cache folder can be written and that util-linux is installed.');
    });
  });
}

/** @param {string} file */
function readOwner(file) {
  try {
    return readFileSync(file, 'utf8').trim() || 'unknown';
  } catch {
    return 'unknown';
  }
}

/**
 * Fills a new folder and moves it into place; a folder that stood there before is replaced. Call it under the lock.
 * When `fill` fails nothing is left.
 *
 * @param {string} cacheDir
 * @param {string} place the final folder
 * @param {(folder: string) => Promise<void>} fill
 */
export async function installFolder(cacheDir, place, fill) {
  const tmp = join(cacheDir, 'tmp');
  makeFolder(tmp);
  const folder = await mkdtemp(join(tmp, 'install-'));
  try {
    await fill(folder);
    await mkdir(dirname(place), { recursive: true });
    const old = `${folder}.old`;
    await rename(place, old).catch(() => undefined);
    await rename(folder, place);
    await rm(old, { recursive: true, force: true });
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/**
 * Deletes what killed set-ups left. Call it under the lock.
 * @param {string} cacheDir
 * @returns {Promise<number>} how many folders there were
 */
export async function sweep(cacheDir) {
  const tmp = join(cacheDir, 'tmp');
  const left = await readdir(tmp).catch(() => /** @type {string[]} */ ([]));
  for (const name of left) await rm(join(tmp, name), { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  return left.length;
}

/** @param {string} folder */
function makeFolder(folder) {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    throw new SetupError(
      'DRILL_CACHE_UNWRITABLE',
      `${folder} could not be made: ${cause instanceof Error ? cause.message : String(cause)}`,
      'Set XDG_CACHE_HOME to a folder that you may write.',
      { cause },
    );
  }
}
