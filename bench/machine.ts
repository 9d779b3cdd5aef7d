/** On what it was measured: a figure without its machine and its load says little. */
import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import type { Tools } from '../targets/tools.ts';

export interface Machine {
  cores: number;
  cpu: string;
  memoryGb: number;
  kernel: string;
  /** load average of the last minute */
  loadBefore: number;
  loadAfter: number;
  node: string;
  mysqld: string;
  temporal: string;
  commit: string;
  date: string;
}

export function machine(o: { root: string; tools: Tools; env: Readonly<Record<string, string | undefined>>; loadBefore: number; now: Date }): Machine {
  const said = (program: string, args: string[]): string => {
    try {
      return execFileSync(program, args, { cwd: o.root, env: o.env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {
      return 'unknown';
    }
  };
  const changed = said('git', ['status', '--porcelain', '--untracked-files=no']);
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    loadBefore: o.loadBefore,
    loadAfter: loadavg()[0]!,
    node: process.version,
    mysqld: o.tools.mysqldVersion,
    temporal: o.tools.temporal ? said(o.tools.temporal, ['--version']) : 'given by TEMPORAL_ADDRESS',
    commit: `${said('git', ['rev-parse', '--short', 'HEAD'])}${changed === '' ? '' : ' with changes'}`,
    date: o.now.toISOString(),
  };
}

export function machineText(m: Machine): string {
  return [
    `${m.date}, commit ${m.commit}`,
    `${m.cores} cores (${m.cpu}), ${m.memoryGb} GB, Linux ${m.kernel}; load average ${m.loadBefore.toFixed(1)} before, ${m.loadAfter.toFixed(1)} after`,
    `Node ${m.node}, MySQL ${m.mysqld}, ${m.temporal}`,
  ].join('\n');
}
