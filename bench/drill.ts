/** Whole rehearsals as a person starts them: wall time, what of it was the machine's, and what the worker's memory came to. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { choosePorts, startTemporal, startWorker } from '../console/cli/run/engine.ts';
import { createRunDir } from '../console/rundir.ts';
import { builtInEnv } from '../console/temporal.ts';
import { BUNDLE } from '../core/bundle.ts';
import { DrillError } from '../core/errors.ts';
import type { ReportModel } from '../core/report.ts';
import type { Measurement } from './measure.ts';
import { measurement } from './measure.ts';
import type { BenchOptions } from './options.ts';

const DRILL_MS_MAX = 300_000;
const SAMPLE_MS = 200;
const IDLE_MS = 5_000;

interface OneDrill {
  wallS: number;
  drillS: number;
  machineS: number;
  worker: { lastMb: number; peakMb: number };
}

export async function benchDrill(o: BenchOptions, n = 3): Promise<Measurement[]> {
  const all: OneDrill[] = [];
  for (let i = 1; i <= n; i++) {
    o.say(`drill ${i} of ${n}`);
    all.push(await oneDrill(o));
  }
  const of = (pick: (d: OneDrill) => number) => all.map(pick);
  return [
    measurement(
      'drill',
      'one rehearsal, command to prompt',
      's',
      of((d) => d.wallS),
    ),
    measurement(
      'drill',
      'of which the drill itself',
      's',
      of((d) => d.drillS),
      { note: 'first to last entry of the history; the runbook prescribes how long writes go on' },
    ),
    measurement(
      'drill',
      'of which machines work on steps',
      's',
      of((d) => d.machineS),
      { note: 'sum of the machine column of the steps' },
    ),
    measurement(
      'memory',
      'worker after a drill (resident)',
      'MB',
      of((d) => d.worker.lastMb),
    ),
    measurement(
      'memory',
      'worker at most (resident)',
      'MB',
      of((d) => d.worker.peakMb),
    ),
  ];
}

async function oneDrill(o: BenchOptions): Promise<OneDrill> {
  const dir = mkdtempSync(join(realpathSync(tmpdir()), 'drillbook-bench-'));
  try {
    const started = performance.now();
    const argv = ['--pdeathsig', 'TERM', o.tools.node, join(o.root, 'console/cli/main.ts'), 'run', '--json', '--out', join(dir, 'drills')];
    const child = spawn(o.tools.setpriv, argv, { cwd: dir, env: o.env, stdio: ['ignore', 'ignore', 'ignore'] });
    const worker = { lastMb: NaN, peakMb: NaN };
    const sampling = setInterval(() => Object.assign(worker, workerMemory(child.pid!) ?? {}), SAMPLE_MS);
    const late = setTimeout(() => child.kill('SIGTERM'), DRILL_MS_MAX);
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    clearInterval(sampling);
    clearTimeout(late);
    const wallS = (performance.now() - started) / 1000;
    if (code !== 0) throw new DrillError('DRILL_BENCH', `the rehearsal ended with ${signal ?? `status ${code}`}`, 'run `npm run drill` and look at its report');
    const bundle = join(dir, 'drills', readdirSync(join(dir, 'drills'))[0]!);
    const report = JSON.parse(readFileSync(join(bundle, BUNDLE.report), 'utf8')) as ReportModel;
    return { wallS, drillS: (report.meta.tookMs ?? NaN) / 1000, machineS: report.people.totals.machineMs / 1000, worker };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A worker that has been polling for a while, with nothing to do. */
export async function benchIdle(o: BenchOptions): Promise<Measurement[]> {
  if (!o.tools.temporal) return [];
  await using stack = new AsyncDisposableStack();
  const dir = createRunDir(o.cacheDir);
  stack.defer(() => dir.remove());
  const options = { tools: o.tools, root: o.root, dir: dir.path, logDir: dir.path, env: o.env };
  const ports = await choosePorts({});
  const server = await startTemporal(options, ports);
  stack.defer(() => server.end(3_000));
  const env = builtInEnv(o.env, `127.0.0.1:${ports.frontend}`, dir.path);
  const worker = await startWorker(options, { ...env, DRILLBOOK_LAB: join(dir.path, 'lab.json'), DRILLBOOK_TARGET: 'idle' });
  stack.defer(() => worker.end(3_000));
  await sleep(IDLE_MS);
  const { lastMb } = memoryOf(worker.process.pid!)!;
  const temporal = memoryOf(server.process.pid!)!.lastMb;
  return [measurement('memory', 'worker idle (resident)', 'MB', [lastMb]), measurement('memory', 'Temporal idle (resident)', 'MB', [temporal])];
}

function memoryOf(pid: number): OneDrill['worker'] | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const mb = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
    return { lastMb: mb('VmRSS'), peakMb: mb('VmHWM') };
  } catch {
    return null;
  }
}

/** Of the worker among the command's children; null while there is none, and while it ends. */
function workerMemory(command: number): OneDrill['worker'] | null {
  try {
    const children = readFileSync(`/proc/${command}/task/${command}/children`, 'utf8').trim().split(' ').map(Number);
    const worker = children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('worker/main.ts'));
    const seen = worker === undefined ? null : memoryOf(worker);
    return seen && Number.isFinite(seen.lastMb) ? seen : null;
  } catch {
    return null;
  }
}
