/**
 * `npm test`: set-up, type check, lint, then the tests: fast ones on two workers, those that need a real lab one after another.
 * `--full` adds the long ones. Other arguments pick test files by a part of their path. The last line is the sum, the two
 * checks counted as one test each; the exit status is 1 if anything failed, 2 if set-up did.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from './cache.mjs';
import { ROOT } from './entry.mjs';
import { reportFailure } from './errors.mjs';
import { become, ensureModules, nodeOf } from './npm.mjs';
import { tied } from './process.mjs';
import { createProgress } from './progress.mjs';
import { ensureTools } from './tools.mjs';

const MINUTE_MS = 60_000;
const KILL_AFTER_MS = 10_000;
const JEST = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];

/** @typedef {{ passed: number, failed: number, skipped: number }} Sum */

/** Someone wants us to end: nothing more is started, and what was begun is cleaned up on the way out. */
class Interrupted extends Error {
  /** @param {NodeJS.Signals} signal */
  constructor(signal) {
    super(signal);
    this.status = signal === 'SIGINT' ? 130 : 143;
  }
}

const progress = createProgress(process.stderr);
try {
  await ensureModules(ROOT, { env: process.env, progress });
  const node = nodeOf(ROOT);
  if (realpathSync(node) === realpathSync(process.execPath)) process.exitCode = await main(process.argv.slice(2));
  else become(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], process.env);
} catch (e) {
  process.exitCode = e instanceof Interrupted ? e.status : reportFailure(e);
}

/** @param {string[]} args */
async function main(args) {
  const full = args.includes('--full');
  const files = testFiles(args.filter((arg) => arg !== '--full'));
  if (files.unit.length + files.lab.length + (full ? files.full.length : 0) === 0) {
    process.stderr.write(`No test file matches ${args.join(' ')}.\n`);
    return 1;
  }
  const env = await testEnv();
  const sums = [await check('type check', 'tsc', ['--noEmit'], env), await check('lint', 'oxlint', ['--type-aware', '--deny-warnings'], env)];
  if (files.unit.length > 0) sums.push(await jest('unit and property tests', ['--maxWorkers=2'], files.unit, 10 * MINUTE_MS, env));
  if (files.lab.length > 0) sums.push(await jest('tests on real systems', ['--runInBand'], files.lab, 40 * MINUTE_MS, env));
  if (full && files.full.length > 0) sums.push(await jest('long tests', ['--runInBand'], files.full, 180 * MINUTE_MS, env));
  const add = (/** @type {keyof Sum} */ key) => sums.reduce((total, sum) => total + sum[key], 0);
  if (add('skipped') > 0) process.stdout.write(`skipped by themselves: ${add('skipped')}\n`);
  if (!full)
    process.stdout.write(
      `left out: ${files.full.length} files of long tests (npm run test:full runs them)${files.full.map((file) => `\n  ${file}`).join('')}\n`,
    );
  process.stdout.write(`${add('passed')} passed, ${add('failed')} failed\n`);
  return add('failed') > 0 ? 1 : 0;
}

/**
 * Tests get their tools by environment. They never see a Temporal of the person's own: whatever they break is theirs.
 */
async function testEnv() {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TEMPORAL_')));
  const tools = await ensureTools({ env, cacheDir: cacheFolder(env), progress });
  return { ...env, PATH: [join(ROOT, 'node_modules', '.bin'), env.PATH ?? ''].join(delimiter), DRILLBOOK_TOOLS: JSON.stringify(tools), DRILLBOOK_ROOT: ROOT };
}

/** @param {string[]} filters */
function testFiles(filters) {
  const all = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => relative(ROOT, join(ROOT, 'test', path)))
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
    .sort();
  return {
    unit: all.filter((path) => !/\.(lab|full)\.test\.ts$/.test(path)),
    lab: all.filter((path) => path.endsWith('.lab.test.ts')),
    full: all.filter((path) => path.endsWith('.full.test.ts')),
  };
}

/**
 * @param {string} title
 * @param {string} program
 * @param {string[]} args
 * @param {Record<string, string | undefined>} env
 * @returns {Promise<Sum>}
 */
async function check(title, program, args, env) {
  const started = performance.now();
  const status = await runVisible(join(ROOT, 'node_modules', '.bin', program), args, { env, deadlineMs: 5 * MINUTE_MS, killGroup: true });
  process.stdout.write(`${title}: ${status === 0 ? 'passed' : 'FAILED'} (${((performance.now() - started) / 1000).toFixed(1)} s)\n`);
  return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, skipped: 0 };
}

/**
 * One run of jest. A file that does not load, and a jest that dies, count as a failure each: silence is never a pass.
 * @param {string} title
 * @param {string[]} options
 * @param {string[]} files
 * @param {number} deadlineMs
 * @param {Record<string, string | undefined>} env
 * @returns {Promise<Sum>}
 */
async function jest(title, options, files, deadlineMs, env) {
  process.stdout.write(`\n${title}: ${files.length} files\n`);
  const folder = mkdtempSync(join(tmpdir(), 'drillbook-jest-'));
  try {
    const outputFile = join(folder, 'result.json');
    const status = await runVisible(nodeOf(ROOT), [...JEST, ...options, '--json', `--outputFile=${outputFile}`, '--runTestsByPath', ...files], {
      env,
      deadlineMs,
    });
    return sumOf(outputFile, status, title);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} outputFile
 * @param {number} status
 * @param {string} title
 * @returns {Sum}
 */
function sumOf(outputFile, status, title) {
  try {
    const result = JSON.parse(readFileSync(outputFile, 'utf8'));
    const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
    return { passed: result.numPassedTests, failed: failed === 0 && status !== 0 ? 1 : failed, skipped: result.numPendingTests + result.numTodoTests };
  } catch {
    process.stdout.write(`${title}: jest ended with status ${status} and without a result\n`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

/**
 * Runs a child on our own output. It ends with us: by our signal, by its deadline, by the kernel when we are killed.
 * A test run may clean up for 10 s; a check has nothing to clean up, and tsc's starter is deaf to SIGTERM: its group is killed.
 * @param {string} file
 * @param {string[]} args
 * @param {{ env: Record<string, string | undefined>, deadlineMs: number, killGroup?: boolean }} options
 * @returns {Promise<number>}
 */
function runVisible(file, args, { env, deadlineMs, killGroup = false }) {
  const [program, argv] = tied(file, args);
  const child = spawn(program, argv, { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'inherit'], detached: killGroup });
  const end = (/** @type {NodeJS.Signals} */ signal) => {
    if (killGroup && child.pid) process.kill(-child.pid, 'SIGKILL');
    else child.kill(signal);
    setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS).unref();
  };
  const late = setTimeout(() => {
    process.stderr.write(`${args[0] ?? file} did not end within ${deadlineMs / MINUTE_MS} minutes.\n`);
    end('SIGTERM');
  }, deadlineMs);
  /** @type {NodeJS.Signals | null} */
  let interruptedBy = null;
  const onSignal = (/** @type {NodeJS.Signals} */ signal) => {
    interruptedBy = signal;
    end(signal);
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => {
      clearTimeout(late);
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
      if (interruptedBy) reject(new Interrupted(interruptedBy));
      else resolve(status ?? 128);
    });
  });
}
