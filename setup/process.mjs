/** Child processes of the set-up: each has a deadline, and none outlives the set-up, even when that is killed with -9. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { SetupError } from './errors.mjs';

/** Folders with programs that an ordinary user's PATH often lacks. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'];
const STDERR_TAIL_CHARS = 2_000;

/**
 * Full path of a program, or null. Looks along PATH, then where system programs live.
 * @param {string} name
 * @param {Readonly<Record<string, string | undefined>>} env
 * @param {(path: string) => boolean} [accept]
 */
export function findProgram(name, env, accept = () => true) {
  const folders = [...(env.PATH ?? '').split(delimiter).filter(Boolean), ...SYSTEM_FOLDERS];
  for (const folder of folders) {
    const path = join(folder, name);
    if (existsSync(path) && accept(path)) return path;
  }
  return null;
}

/**
 * The command line that makes a child die with us: the kernel sends it SIGKILL when its parent is gone.
 * @param {string} file
 * @param {readonly string[]} args
 * @returns {[string, string[]]}
 */
export function tied(file, args) {
  const setpriv = findProgram('setpriv', {});
  return setpriv ? [setpriv, ['--pdeathsig', 'KILL', '--', file, ...args]] : [file, [...args]];
}

/**
 * Runs a program to its end. Rejects when it can not be started or when its deadline passes (it is killed then);
 * a non-zero status is a result.
 *
 * @param {string} file
 * @param {readonly string[]} args
 * @param {{ deadlineMs: number, cwd?: string, env?: Readonly<Record<string, string | undefined>> }} options
 * @returns {Promise<{ status: number, stdout: string, stderr: string }>} status 128 when it was killed by a signal; stderr is the last 2,000 characters
 */
export function run(file, args, options) {
  const [program, argv] = tied(file, args);
  return new Promise((resolve, reject) => {
    const child = spawn(program, argv, { cwd: options.cwd, env: options.env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr, late] = ['', '', false];
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, options.deadlineMs);
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr = (stderr + text).slice(-STDERR_TAIL_CHARS);
    });
    child.on('error', (cause) => {
      clearTimeout(timer);
      reject(new SetupError('DRILL_SETUP_FAILED', `${file} could not be started: ${cause.message}`, `Check that ${file} can be executed.`, { cause }));
    });
    child.on('close', (status) => {
      clearTimeout(timer);
      const seen = `${file} ${args[0] ?? ''} did not end within ${options.deadlineMs / 1_000} s. Its last words: ${stderr.trim() || 'none'}`;
      if (late) reject(new SetupError('DRILL_SETUP_TIMEOUT', seen, 'Try again; what was finished is kept.'));
      else resolve({ status: status ?? 128, stdout, stderr });
    });
  });
}

/**
 * As `run`, and a non-zero status is an error that says what the program said.
 * @param {string} file
 * @param {readonly string[]} args
 * @param {Parameters<typeof run>[2] & { hint?: string }} options
 */
export async function mustRun(file, args, options) {
  const result = await run(file, args, options);
  if (result.status === 0) return result;
  throw new SetupError(
    'DRILL_SETUP_FAILED',
    `${file} ${args.slice(0, 3).join(' ')} ended with status ${result.status}: ${(result.stderr || result.stdout).trim().slice(-800)}`,
    options.hint ?? 'Try again; what was finished is kept.',
  );
}
