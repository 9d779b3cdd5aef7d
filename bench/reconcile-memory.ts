/** Memory of the real command where ten million row changes were lost, more than fit into it: inserts and updates of small rows. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DrillError } from '../core/errors.ts';
import { nodeFlags } from '../setup/node-env.mjs';
import { runOk } from '../targets/platforms/local/run.ts';
import { withAdmin } from '../targets/systems/mysql/sql.ts';
import { ensureTemplate } from '../targets/systems/mysql/template.ts';
import { timedNode } from './binlog-timed.ts';
import { startServer } from './binlog-corpus.ts';
import { measurement } from './measure.ts';
import type { Measurement } from './measure.ts';
import type { BenchOptions } from './options.ts';

/** Counts what `make` makes. */
const RECIPE = 1;
const STEP = 10_000;
const STEP_MS_MAX = 240_000;
const CHANGES = 10_000_000;
/** share of the changes that are inserts; of the others each row of the base has two */
const INSERTED = 0.6;
const PEAK_MB_MAX = 500;

const counting = (n: number) => `WITH RECURSIVE n AS (SELECT 0 i UNION ALL SELECT i + 1 FROM n WHERE i < ${n - 1})`;

export interface LostLogs {
  /** folder of the old source's logs */
  old: string;
  /** a server that has the base, and one row of its own */
  fresh: string;
}

/** Two data folders that parted, the first with so many row changes that the second has not. Made once, then kept. */
export async function ensureLost(o: BenchOptions, changes: number): Promise<LostLogs> {
  const home = join(o.cacheDir, 'bench');
  const kind = `lost-${changes}-`;
  const dir = join(home, `${kind}${RECIPE}-mysql-${o.tools.mysqldVersion}`);
  if (!existsSync(dir)) {
    o.say(`reconcile: writing ${changes / 1e6} million lost row changes (once)`);
    await mkdir(home, { recursive: true });
    const making = await mkdtemp(join(home, 'making-'));
    try {
      await make(making, o, changes);
      for (const old of await readdir(home)) if (old.startsWith(kind)) await rm(join(home, old), { recursive: true, force: true });
      await rename(making, dir);
    } finally {
      await rm(making, { recursive: true, force: true });
    }
  }
  return { old: join(dir, 'old', 'data'), fresh: join(dir, 'fresh') };
}

async function make(dir: string, o: BenchOptions, changes: number): Promise<void> {
  const inserts = Math.round((changes * INSERTED) / STEP) * STEP;
  const base = (changes - inserts) / 2;
  const template = await ensureTemplate({ ...o, socketDir: dir, progress: (text) => o.say(text) });
  await mkdir(join(dir, 'old'));
  await runOk(['cp', '-rT', '--sparse=always', template, join(dir, 'old', 'data')], { timeoutMs: 60_000 });
  const ranges = (from: number, to: number) => Array.from({ length: Math.ceil((to - from) / STEP) }, (_, i) => from + i * STEP);
  const insert = (from: number) => `INSERT INTO bench.t ${counting(STEP)} SELECT ${from} + i, i % 97, CONCAT('r', i) FROM n`;
  await on(join(dir, 'old'), o, [
    'SET SESSION sql_log_bin = 0',
    `SET SESSION cte_max_recursion_depth = ${STEP}`,
    'CREATE DATABASE bench',
    'CREATE TABLE bench.t (id BIGINT PRIMARY KEY, k INT NOT NULL, c VARCHAR(20))',
    ...ranges(0, base).map((from) => insert(from)),
    'RESET BINARY LOGS AND GTIDS',
  ]);
  await runOk(['cp', '-rT', '--sparse=always', join(dir, 'old'), join(dir, 'fresh')], { timeoutMs: STEP_MS_MAX });
  await rm(join(dir, 'fresh', 'data', 'auto.cnf'), { force: true });
  const update = (from: number) => `UPDATE bench.t SET k = k + 1 WHERE id >= ${from} AND id < ${from + STEP}`;
  await on(join(dir, 'old'), o, [
    `SET SESSION cte_max_recursion_depth = ${STEP}`,
    ...ranges(0, base).flatMap((from) => [update(from), update(from)]),
    ...ranges(base, base + inserts).map((from) => insert(from)),
  ]);
  await on(join(dir, 'fresh'), o, [`INSERT INTO bench.t VALUES (-1, 1, 'own')`]);
}

async function on(dir: string, o: BenchOptions, statements: readonly string[]): Promise<void> {
  const server = await startServer(dir, o);
  try {
    await withAdmin('bench', server.socket, async (sql) => {
      for (const s of statements) await sql.rows(s, [], STEP_MS_MAX);
    });
  } finally {
    await server.stop();
  }
}

export async function benchReconcileMemory(o: BenchOptions, changes = CHANGES): Promise<Measurement[]> {
  const { old, fresh } = await ensureLost(o, changes);
  const server = await startServer(fresh, o);
  try {
    const args = [...nodeFlags('reconcile'), join(o.root, 'console/cli/main.ts'), 'reconcile', '--old', old, '--new', server.socket];
    const used = await timedNode(process.execPath, args, o.env, true, 1);
    const keys = changes - (changes - changes * INSERTED) / 2;
    if (!used.out.includes(`${keys} lost row changes not in place`)) throw new DrillError('DRILL_BENCH', `${keys} rows were lost; the answer was ${used.out}`);
    const name = `peak memory, ${changes / 1e6} M lost row changes`;
    return [measurement('reconcile', name, 'MB', [used.peakMb ?? NaN], { goal: PEAK_MB_MAX, cpuS: used.cpuS, note: `${used.wallS.toFixed(0)} s in all` })];
  } finally {
    await server.stop();
  }
}
