/** A recovery of 1,000 lost transactions: planned, applied and proven by rows, in turns with `mysqlbinlog | mysql` of the same, which proves nothing. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyRecovery } from '../activities/reconcile/apply.ts';
import { DrillError } from '../core/errors.ts';
import { runOk } from '../targets/platforms/local/run.ts';
import { withAdmin } from '../targets/systems/mysql/sql.ts';
import { ensureTemplate } from '../targets/systems/mysql/template.ts';
import { startServer } from './binlog-corpus.ts';
import { measurement, median } from './measure.ts';
import type { Measurement } from './measure.ts';
import type { BenchOptions } from './options.ts';

const LOST = 1_000;
const ROWS = 10_000;
const ROUNDS = 5;
const STEP_MS_MAX = 120_000;

const BASE = [
  'SET SESSION sql_log_bin = 0',
  'SET SESSION cte_max_recursion_depth = 1000000',
  'DROP DATABASE IF EXISTS bench',
  'CREATE DATABASE bench',
  'CREATE TABLE bench.t (id INT PRIMARY KEY, k INT NOT NULL, amount DECIMAL(12,2), note VARCHAR(200), at DATETIME(6))',
  `INSERT INTO bench.t WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS}) SELECT i, i % 97, i / 7, REPEAT('x', 100), '2026-01-01 00:00:00.123456' FROM n`,
  'RESET BINARY LOGS AND GTIDS',
  'SET GLOBAL sync_binlog = 1, innodb_flush_log_at_trx_commit = 1',
];

/** Half of them inserts, the others updates and deletes, each a transaction. */
const change = (i: number): string =>
  i % 2 === 0
    ? `INSERT INTO bench.t VALUES (${ROWS + 1 + i}, ${i}, ${i}.25, REPEAT('n', 100), NOW(6))`
    : i % 4 === 1
      ? `UPDATE bench.t SET amount = amount + 1, note = REPEAT('u', 100) WHERE id = ${i}`
      : `DELETE FROM bench.t WHERE id = ${i}`;

export async function benchReconcilePlan(o: BenchOptions): Promise<Measurement[]> {
  const dir = await mkdtemp(join(await realpath(tmpdir()), 'dbl-'));
  const running: { stop(): Promise<void> }[] = [];
  try {
    const template = await ensureTemplate({ ...o, socketDir: dir, progress: (text) => o.say(text) });
    const [old, fresh] = await Promise.all(
      ['old', 'fresh'].map(async (name) => {
        await mkdir(join(dir, name));
        await runOk(['cp', '-rT', '--sparse=always', template, join(dir, name, 'data')], { timeoutMs: 60_000 });
        const server = await startServer(join(dir, name), o);
        running.push(server);
        return server.socket;
      }),
    );
    await run(old!, BASE);
    await run(
      old!,
      Array.from({ length: LOST }, (_, i) => change(i)),
    );
    const logs = join(dir, 'old', 'data');
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let i = 0; i <= ROUNDS; i++) {
      const [mine, other] = [await timed(fresh!, () => recover(logs, fresh!)), await timed(fresh!, () => replay(o, logs, fresh!))];
      // the first of each warms up
      if (i === 0) continue;
      ours.push(mine);
      theirs.push(other);
    }
    const rival = { name: 'mysqlbinlog | mysql', values: theirs };
    return [measurement('reconcile', `plan, apply and proof of ${LOST} lost transactions`, 'ms', ours, { rival, goal: Math.round(median(theirs)) })];
  } finally {
    for (const server of running) await server.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

async function run(socket: string, statements: readonly string[]): Promise<void> {
  await withAdmin('bench', socket, async (sql) => {
    for (const s of statements) await sql.rows(s, [], STEP_MS_MAX);
  });
}

/** From a server that has the base and one transaction of its own. */
async function timed(socket: string, work: () => Promise<void>): Promise<number> {
  await run(socket, ['DROP DATABASE IF EXISTS drillbook', ...BASE]);
  await run(socket, [`INSERT INTO bench.t VALUES (${ROWS * 9}, 1, 1, 'own', NULL)`]);
  const started = performance.now();
  await work();
  const ms = performance.now() - started;
  const [{ n }] = (await withAdmin('bench', socket, async (sql) => sql.rows('SELECT COUNT(*) AS n FROM bench.t'))) as [{ n: number | string }];
  const expected = ROWS + LOST / 2 - LOST / 4 + 1;
  if (Number(n) !== expected) throw new DrillError('DRILL_BENCH', `${n} rows where ${expected} were expected`);
  return ms;
}

async function recover(logs: string, socket: string): Promise<void> {
  const { result, after } = await applyRecovery({ old: logs, new: socket, rules: { conflict: 'new-wins', identity: {} } });
  const left = [...after.lost].filter((l) => l.inPlace !== true).length;
  if (result.changed !== LOST || left > 0) throw new DrillError('DRILL_BENCH', `${result.changed} rows changed, ${left} not in place`);
}

async function replay({ tools }: BenchOptions, logs: string, socket: string): Promise<void> {
  const log = spawn(tools.mysqlbinlog, ['--no-defaults', join(logs, 'binlog.000001')], { stdio: ['ignore', 'pipe', 'inherit'] });
  const client = spawn(tools.mysql, ['--no-defaults', '-uroot', `--socket=${socket}`], { stdio: ['pipe', 'ignore', 'inherit'] });
  log.stdout.pipe(client.stdin);
  const code = await new Promise((r) => client.once('close', r));
  if (code !== 0) throw new DrillError('DRILL_BENCH', `mysql ended with ${String(code)}`);
}
