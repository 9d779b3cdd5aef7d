/** Relay logs hold what the old source's own logs have lost: of a replica whose applier stood still, of several sources, beside what the new source wrote itself. */
import { cpSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { ReconcileOptions } from '../../../activities/reconcile/run.ts';
import type { CliContext } from '../../../console/cli/context.ts';
import { reconcileCommand } from '../../../console/cli/reconcile.ts';
import type { ReconcileSummary } from '../../../core/bundle.ts';
import { startServers } from '../../support/mysqld.ts';
import type { TestMysqld, TestServers } from '../../support/mysqld.ts';
import { caughtUp, replicate } from './fork.ts';

let servers: TestServers;
let old: TestMysqld;
let fresh: TestMysqld;
let third: TestMysqld;
let [uold, ufresh] = ['', ''];

const uuid = async (n: TestMysqld) => (await n.sql('SELECT @@server_uuid u'))[0]!['u'] as string;
const set = (id: number, v: number) => `REPLACE INTO r.t VALUES (${id}, ${v})`;

/** Row 1 is everywhere; `fresh` and the appliers of `third` stand still from then on. */
beforeEach(async () => {
  servers = await startServers(['old', 'fresh', 'third'], ['CREATE DATABASE r', 'CREATE TABLE r.t (id INT PRIMARY KEY, v INT)']);
  [old, fresh, third] = servers.nodes as [TestMysqld, TestMysqld, TestMysqld];
  [uold, ufresh] = [await uuid(old), await uuid(fresh)];
  for (const n of [fresh, third]) await replicate(n, old);
  await old.sql(set(1, 1));
  for (const n of [fresh, third]) await caughtUp(n, old);
  await fresh.sql('STOP REPLICA', 'RESET REPLICA ALL');
  await third.sql('STOP REPLICA SQL_THREAD');
}, 120_000);
afterEach(() => servers?.stop());

interface Printed {
  summary: ReconcileSummary;
  rows: { table: string; key: string; conflict: string | null }[];
  apply?: { changed: number };
}
async function cli(...args: string[]): Promise<{ code: number; keys: string[] } & Printed> {
  const { code, printed } = await run(args);
  // and as if not one row fitted into memory
  if (!args.includes('--apply')) expect(await run(args, { rowsMax: 0, charactersMax: 0, parts: 3 })).toEqual({ code, printed });
  return { code, keys: printed.rows.map((r) => r.key), ...printed };
}
async function run(args: string[], memory?: ReconcileOptions['memory']): Promise<{ code: number; printed: Printed }> {
  const [stdout, stderr] = [new PassThrough({ highWaterMark: 1 << 30 }), new PassThrough({ highWaterMark: 1 << 30 })];
  let code = 0;
  const ctx = { cwd: servers.dir, env: {}, stdout, stderr, colour: false, exit: (c: number) => (code = c) } as unknown as CliContext;
  await reconcileCommand(ctx, memory)
    .exitOverride()
    .parseAsync(['--new', fresh.socket, '--json', ...args], { from: 'user' });
  return { code, printed: JSON.parse(String(stdout.read())) as Printed };
}
const texts = (r: Printed) => r.summary.findings.map((f) => f.text).join('\n');

/** A copy of the old source's binary logs, as they are now. */
function copyOfOld(name = 'copied'): string {
  const dir = join(servers.dir, name);
  cpSync(old.dataDir, dir, { recursive: true, filter: (f) => f === old.dataDir || /binlog\.(\d+|index)$/.test(f) });
  return dir;
}
/** Of the third server, alone in a folder. */
function lastRelayLog(): string {
  const dir = join(servers.dir, 'last');
  const newest = readdirSync(third.dataDir)
    .filter((f) => /^relay\.\d+$/.test(f))
    .sort()
    .at(-1)!;
  cpSync(join(third.dataDir, newest), join(dir, newest));
  return dir;
}
async function received(n: TestMysqld, gtid: string): Promise<void> {
  for (let i = 0; i < 200; i++) {
    const all = (await n.sql('SHOW REPLICA STATUS')).map((s) => String(s['Retrieved_Gtid_Set'])).join(',');
    if ((await n.sql(`SELECT GTID_SUBSET('${gtid}', '${all.replaceAll('\n', '')}') s`))[0]!['s'] == 1) return;
    await new Promise((r) => setTimeout(r, 50));
  }
  throw new Error(`${n.name} did not receive ${gtid}`);
}

test('what the old source’s disk lost and a relay log has is lost by name, planned, applied and in place; a forced replay changes nothing of it', async () => {
  await old.sql(set(2, 2));
  const copy = copyOfOld();
  await old.sql(set(2, 22));
  await received(third, `${uold}:2-3`);
  await third.sql('FLUSH RELAY LOGS');
  await old.sql(set(3, 3));
  await received(third, `${uold}:2-4`);
  await old.kill();
  await third.sql('STOP REPLICA');
  await fresh.sql(set(3, 33));

  const missed = await cli('--old', copy);
  expect([missed.code, missed.keys, missed.summary.lost]).toEqual([1, ['2'], `${uold}:2`]);
  const relay = ['--old', copy, '--relay', third.dataDir, '--rule', 'old-wins'];
  const seen = await cli(...relay);
  expect([seen.code, seen.keys, seen.summary.lost, seen.summary.fork.set]).toEqual([1, ['2', '3'], `${uold}:2-4`, `${uold}:1`]);
  expect(seen.rows.map((r) => r.conflict)).toEqual([null, 'insert/insert']);
  expect(texts(seen)).toContain(`2 lost transactions are in relay logs only: ${uold}:3-4`);
  // the last relay log alone says that something came before it
  const part = await cli('--old', copy, '--relay', lastRelayLog());
  expect([part.summary.lost, texts(part)]).toEqual([`${uold}:2:4`, expect.stringContaining(`their rows are not known: ${uold}:3`)]);
  // twice named is once counted
  expect((await cli(...relay, '--relay', third.dataDir)).summary.lostCount).toBe(3);

  // its GTID counts as executed, its rows are not there
  for (const n of [2, 4]) await fresh.sql(`SET gtid_next = '${uold}:${n}'`, 'BEGIN', 'COMMIT', "SET gtid_next = 'AUTOMATIC'");
  const forced = await cli(...relay);
  expect([forced.code, forced.keys, forced.summary.lost, forced.summary.forced]).toEqual([1, ['2', '3'], `${uold}:2-4`, `${uold}:2:4`]);

  const applied = await cli(...relay, '--apply', '--plan', 'recovery.sql');
  expect([applied.code, applied.keys, applied.apply?.changed]).toEqual([0, [], 2]);
  expect(readFileSync(join(servers.dir, 'recovery.sql'), 'utf8')).toContain(`${uold}:4`);
  expect(await fresh.sql('SELECT id, v FROM r.t ORDER BY id')).toEqual([
    { id: 1, v: 1 },
    { id: 2, v: 22 },
    { id: 3, v: 3 },
  ]);
}, 60_000);

test('what the old source purged and a relay log has comes before what the old source still has; relay logs that are not all there are refused', async () => {
  await old.sql(set(2, 2), set(3, 3), 'FLUSH BINARY LOGS', set(2, 22), 'PURGE BINARY LOGS TO "binlog.000002"');
  await received(third, `${uold}:2-4`);
  const untold = await cli('--old', old.dataDir);
  expect([untold.code, texts(untold)]).toEqual([
    1,
    expect.stringContaining(`older than the oldest log of the old side, so their rows are not known: ${uold}:2-3`),
  ]);
  expect(untold.summary.findings.map((f) => f.severity)).toContain('unknown');
  const told = await cli('--old', old.dataDir, '--relay', third.dataDir, '--apply');
  expect([told.code, told.summary.findings.filter((f) => f.severity !== 'note')]).toEqual([0, []]);
  expect(await fresh.sql('SELECT v FROM r.t WHERE id IN (2, 3) ORDER BY id')).toEqual([{ v: 22 }, { v: 3 }]);

  // a folder without relay logs, and one with a gap
  const copy = copyOfOld();
  await expect(cli('--old', copy, '--relay', copy)).rejects.toMatchObject({ code: 'DRILL_NO_LOGS', message: expect.stringMatching(/no relay logs/) });
  await third.sql('STOP REPLICA', 'FLUSH RELAY LOGS', 'FLUSH RELAY LOGS');
  const dir = join(servers.dir, 'gap');
  cpSync(third.dataDir, dir, { recursive: true, filter: (f) => f === third.dataDir || /relay\.\d+$/.test(f) });
  const files = readdirSync(dir).sort();
  expect(files.length).toBeGreaterThan(2);
  rmSync(join(dir, files[1]!));
  writeFileSync(join(dir, 'README'), 'x');
  await expect(cli('--old', copy, '--relay', dir)).rejects.toMatchObject({ code: 'DRILL_NO_LOGS', message: expect.stringMatching(/is missing/) });
}, 60_000);

test('what the new source wrote itself, and what a receiver has half of and another log whole, is not lost', async () => {
  await old.sql(set(2, 2), set(4, 4));
  const copy = copyOfOld();
  await received(third, `${uold}:2-3`);
  await third.sql('STOP REPLICA', 'FLUSH RELAY LOGS');
  const kept = join(servers.dir, 'half');
  cpSync(third.dataDir, kept, { recursive: true, filter: (f) => f === third.dataDir || /relay.*\.\d+$/.test(f) });
  // the third node goes on as a replica of the new source: its relay logs hold what that wrote
  await fresh.sql(set(2, 222));
  await third.sql('RESET REPLICA ALL');
  await replicate(third, fresh);
  await received(third, `${ufresh}:1`);
  await third.sql('STOP REPLICA SQL_THREAD', 'FLUSH RELAY LOGS');
  const named = `${uold.replace(/^./, 'f')}:9`;
  await fresh.sql(`SET gtid_next = '${named}'`, set(9, 9), "SET gtid_next = 'AUTOMATIC'");
  await received(third, named);
  const alone = await cli('--old', copy);
  const beside = await cli('--old', copy, '--relay', third.dataDir);
  expect([alone.keys, beside.keys]).toEqual([['4'], ['4']]);
  // its last relay log says that something of the new source came before it
  expect((await cli('--old', copy, '--relay', lastRelayLog())).summary.findings.filter((f) => f.severity !== 'note')).toEqual([]);
  for (const key of ['lost', 'late', 'forced', 'fork', 'conflicts', 'lostKeys'] as const) expect([key, beside.summary[key]]).toEqual([key, alone.summary[key]]);

  const [whole] = readdirSync(kept).filter((f) => readFileSync(join(kept, f)).includes('Write_rows') || readFileSync(join(kept, f)).length > 800);
  for (const f of readdirSync(kept)) if (f > whole!) rmSync(join(kept, f));
  truncateSync(join(kept, whole!), readFileSync(join(kept, whole!)).length - 100);
  const half = await cli('--old', copy, '--relay', kept);
  expect([half.summary.lost, half.summary.findings.filter((f) => f.severity !== 'note')]).toEqual([alone.summary.lost, []]);
  // the same half where no other log has it
  rmSync(join(copy, 'binlog.index'));
  const cut = join(servers.dir, 'cut');
  cpSync(copy, cut, { recursive: true });
  const log = join(cut, 'binlog.000001');
  truncateSync(log, readFileSync(log).length - 60);
  expect(texts(await cli('--old', cut, '--relay', kept))).toMatch(/relay\.0000\d\d: .*(transaction|event)/);
}, 60_000);

const channel = (name: string, source: TestMysqld) =>
  `CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=${source.port}, SOURCE_USER='repl', SOURCE_PASSWORD='repl', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1 FOR CHANNEL '${name}'`;

test('the old source was a replica of several others: what it received and had not applied is in its own relay logs, by channel', async () => {
  await third.sql('STOP REPLICA', 'RESET REPLICA ALL', 'RESET BINARY LOGS AND GTIDS');
  const other = await uuid(third);
  await old.sql(channel('east', third), channel('west', fresh), "START REPLICA IO_THREAD FOR CHANNEL 'east'", "START REPLICA IO_THREAD FOR CHANNEL 'west'");
  await third.sql(set(7, 7), set(8, 8));
  await fresh.sql(set(20, 20));
  await old.sql(set(2, 2));
  await received(old, `${other}:1-2,${ufresh}:1`);
  await old.kill();
  const without = await cli('--old', old.dataDir);
  expect(without.keys).toEqual(['2']);
  const found = await cli('--old', old.dataDir, '--relay', old.dataDir);
  expect([found.keys.toSorted(), found.summary.lost.split(',').sort()]).toEqual([['2', '7', '8'], [`${uold}:2`, `${other}:1-2`].sort()]);
}, 60_000);
