/** One run of a program to its end: wall time, CPU time of the whole process, and its peak memory where it can be told. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DrillError } from '../core/errors.ts';

type Env = Readonly<Record<string, string>>;

export interface Used {
  wallS: number;
  cpuS: number;
  /** resident, at most; null: not known for other programs */
  peakMb: number | null;
  /** what it printed, when it was asked for */
  out: string;
}

const RUN_MS_MAX = 600_000;
const HOOK = new URL('binlog-usage.mjs', import.meta.url).href;
/** POSIX `times`: user and system time of the shell, then of its children, as 0m0.000s. */
const TIMES = /(\d+)m([\d.]+)s (\d+)m([\d.]+)s/g;

/** A Node script, which tells its own use at its end. `keep`: what it prints is wanted. `status`: what it exits with. */
export async function timedNode(node: string, args: readonly string[], env: Env, keep: boolean, status = 0): Promise<Used> {
  const dir = await mkdtemp(join(tmpdir(), 'dbl-'));
  try {
    const usage = join(dir, 'usage');
    const script = `exec "$0" "$@" ${keep ? '' : '> /dev/null'}`;
    const { out, wallS } = await run(script, node, ['--import', `${HOOK}?to=${usage}`, ...args], env, status);
    return { wallS, out, ...(JSON.parse(await readFile(usage, 'utf8')) as { cpuS: number; peakMb: number }) };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Any other program; the shell that starts it tells its CPU time. */
export async function timedProgram(program: string, args: readonly string[], env: Env, keep: boolean): Promise<Used> {
  const { out, wallS } = await run(`"$0" "$@" ${keep ? '' : '> /dev/null'} && times`, program, args, env);
  const times = [...out.matchAll(TIMES)].at(-1);
  if (!times) throw new DrillError('DRILL_BENCH', `${program}: the shell told no times`);
  const [, minutesU, secondsU, minutesS, secondsS] = times.map(Number) as [number, number, number, number, number];
  return { wallS, cpuS: (minutesU + minutesS) * 60 + secondsU + secondsS, peakMb: null, out };
}

async function run(script: string, program: string, args: readonly string[], env: Env, status = 0): Promise<{ out: string; wallS: number }> {
  const started = performance.now();
  const options = { env, timeout: RUN_MS_MAX, maxBuffer: 1 << 24, encoding: 'utf8' as const };
  const { stdout } = await promisify(execFile)('sh', ['-c', script, program, ...args], options).catch((e: Error & { code?: number; stdout: string }) => {
    if (status !== 0 && e.code === status) return e;
    throw e;
  });
  return { out: stdout, wallS: (performance.now() - started) / 1_000 };
}
