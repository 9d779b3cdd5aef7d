/** More lost rows than fit into memory: the real command on real servers, and its temporary files. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tooLarge } from '../../../activities/reconcile/apply.ts';
import { ROOT } from '../../support/drill.ts';
import { startServers } from '../../support/mysqld.ts';
import type { TestServers } from '../../support/mysqld.ts';

/** more than run.ts keeps in memory */
const ROWS = 60_000;
let servers: TestServers;
let temp: string;

beforeAll(async () => {
  servers = await startServers(['old', 'fresh'], ['CREATE DATABASE g', 'CREATE TABLE g.t (id BIGINT PRIMARY KEY, k INT NOT NULL)']);
  temp = mkdtempSync(join(tmpdir(), 'dbt-'));
  const [old, fresh] = servers.nodes;
  await old!.sql(
    `SET SESSION cte_max_recursion_depth = ${ROWS}`,
    `INSERT INTO g.t WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS}) SELECT i, i FROM n`,
    'DELETE FROM g.t WHERE id <= 10',
  );
  await fresh!.sql('INSERT INTO g.t VALUES (-1, 1), (5, 6), (1000, 1)');
}, 120_000);
afterAll(async () => {
  rmSync(temp, { recursive: true, force: true });
  await servers?.stop();
});

function command(before: string[], ...more: string[]) {
  const [old, fresh] = servers.nodes;
  const [program, ...args] = [
    ...before,
    process.execPath,
    join(ROOT, 'console/cli/main.ts'),
    'reconcile',
    '--old',
    old!.dataDir,
    '--new',
    fresh!.socket,
    ...more,
  ];
  const child = spawn(program!, args, { env: { ...process.env, TMPDIR: temp }, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (t: string) => (said.out += t));
  child.stderr.setEncoding('utf8').on('data', (t: string) => (said.err += t));
  const ended = new Promise<{ code: number | null; signal: string | null }>((r) => child.once('close', (code, signal) => r({ code, signal })));
  return { child, said, ended };
}

/** What the process has open there, without a name. */
const unnamed = (pid: number): string[] =>
  readdirSync(`/proc/${pid}/fd`)
    .map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return '';
      }
    })
    .filter((path) => path.startsWith(temp) && path.endsWith('(deleted)'));

test('every row is named, in the order of the log', async () => {
  const run = command([], '--json', '--out', join(servers.dir, 'out'));
  expect(await run.ended).toEqual({ code: 1, signal: null });
  expect(run.said.err).toContain(`${ROWS + 10} lost row changes do not fit into memory`);
  const { summary, rows } = JSON.parse(run.said.out) as { summary: { lostKeys: number; lostKeysInPlace: number; conflicts: object }; rows: { key: string }[] };
  // in place: what was deleted again and is not there; the new side's own 5 and 1000
  expect(summary).toMatchObject({ lostKeys: ROWS, lostKeysInPlace: 11, conflicts: { 'insert/insert': 1, 'delete/update': 1 } });
  expect(rows.map((r) => Number(r.key))).toEqual(Array.from({ length: ROWS - 10 }, (_, i) => i + 11).filter((id) => id !== 1000));
  const lines = readFileSync(join(servers.dir, 'out', 'lost.jsonl'), 'utf8')
    .trimEnd()
    .split('\n');
  expect(lines.map((l) => Number((JSON.parse(l) as { key: string }).key))).toEqual(Array.from({ length: ROWS }, (_, i) => i + 1));
  expect(readdirSync(temp)).toEqual([]);
}, 60_000);

test.each(['SIGINT', 'SIGKILL'] as const)(
  'nothing is left behind by %s',
  async (signal) => {
    const run = command([]);
    for (const deadline = Date.now() + 30_000; unnamed(run.child.pid!).length === 0; await new Promise((r) => setTimeout(r, 5)))
      if (Date.now() > deadline || run.child.exitCode !== null) throw new Error(`no temporary file was seen: ${run.said.err}`);
    run.child.kill(signal);
    expect((await run.ended).signal).toBe(signal);
    expect(readdirSync(temp)).toEqual([]);
  },
  60_000,
);

test('a full disk is an error that says what to do', async () => {
  const run = command(['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', `mount -t tmpfs -o size=256k none '${temp}' && exec "$0" "$@"`]);
  expect(await run.ended).toEqual({ code: 2, signal: null });
  expect(run.said.err).toMatch(/DRILL_SPILL_FAILED: .* could not be put aside in .*ENOSPC.*\n {2}what to do: let TMPDIR name/);
}, 60_000);

test('a plan that would not fit into memory is refused, with the option that gives it more', () => {
  expect(tooLarge(1_000_000, 4.3e9)).toBeNull();
  expect(tooLarge(10_000_000, 4.3e9)?.toText()).toMatch(/DRILL_PLAN_TOO_LARGE: a plan of 10000000 changes .*\n .*--max-old-space-size=18000/);
});
