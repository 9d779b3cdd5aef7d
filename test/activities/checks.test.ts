/** What the checks see, and that nothing seen is never a pass. `recovered` and `lost-listed` on real logs: test/activities/reconcile/ and test/worker/. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { forkUnknown } from '../../activities/checks/check.ts';
import type { CheckContext } from '../../activities/checks/check.ts';
import { notSet } from '../../activities/checks/fenced.ts';
import { CHECKS } from '../../activities/checks/index.ts';
import { judgeList } from '../../activities/checks/lost-listed.ts';
import { judgeRows } from '../../activities/checks/recovered.ts';
import type { LostKey } from '../../core/bundle.ts';
import type { CheckResult } from '../../core/history.ts';
import { SimulatedPlatform } from '../support/simulated.ts';

let sim: SimulatedPlatform;
beforeEach(() => void (sim = new SimulatedPlatform()));
afterEach(() => sim.dispose());

const run = (check: string, args: object): Promise<Omit<CheckResult, 'check'>> => {
  const module = CHECKS[check]!;
  const context: CheckContext = { deps: sim.deps(), ref: sim.ref, target: sim.target, workDir: sim.workDir, inputs: {} };
  return module.run(context, module.schema.parse(args));
};

test('the catalogue names each check as it names itself', () =>
  expect(Object.entries(CHECKS).map(([key, c]) => [key, c.name])).toEqual(
    ['fenced', 'logs-collected', 'lost-listed', 'recovered', 'rejoined'].map((n) => [n, n]),
  ));

describe('fenced', () => {
  const FENCE = '[mysqld]\nsuper_read_only = ON\noffline_mode = ON\nskip_replica_start = ON\n';
  const refused = { path: 'service', accepted: false, said: 'refused', serverUuid: 'uuid-db1' };
  test.each<[string, string, (typeof refused)[] | { accepted: boolean; serverUuid: string | null }[], string, RegExp]>([
    ['every path refuses, the next start is fenced', FENCE, [refused], 'pass', /no path to db1/],
    ['a path takes a write on the node', FENCE, [refused, { ...refused, path: 'socket', accepted: true }], 'fail', /socket accepted a write on db1/],
    ['a path takes a write and does not say on which server', FENCE, [{ ...refused, accepted: true, serverUuid: null }], 'fail', /accepted/],
    ['the service address leads to another node by now', FENCE, [{ ...refused, accepted: true, serverUuid: 'uuid-db2' }], 'pass', /no path/],
    ['the next start is not fenced', '[mysqld]\nsuper_read_only\n', [refused], 'fail', /lacks offline_mode, skip_replica_start/],
    ['no path was tried', FENCE, [], 'unknown', /no path to db1 was tried/],
  ])('%s', async (_, option, writes, verdict, seen) => {
    writeFileSync(join(sim.workDir, 'db1.cnf'), option);
    sim.writes = writes as typeof sim.writes;
    expect(await run('fenced', { node: 'db1' })).toMatchObject({ verdict, seen: expect.stringMatching(seen) });
  });

  test.each<[string, string, string[]]>([
    ['as mysqld reads it', FENCE, []],
    ['other ways to say on', '[mysqld]\nsuper-read-only\nOFFLINE_MODE=1\nskip-replica-start = true # fenced\n', []],
    ['said again as off', `${FENCE}super_read_only = OFF\n`, ['super_read_only']],
    ['said again as on', `[mysqld]\noffline_mode=off\n${FENCE}`, []],
    ['in a comment', FENCE.replace('offline_mode', '# offline_mode'), ['offline_mode']],
    ['for the client', FENCE.replace('[mysqld]', '[client]'), ['super_read_only', 'offline_mode', 'skip_replica_start']],
    ['before any section', FENCE.replace('[mysqld]', ''), ['super_read_only', 'offline_mode', 'skip_replica_start']],
    ['an option of a longer name', FENCE.replace('offline_mode', 'loose_offline_mode_x'), ['offline_mode']],
    ['an empty file', '', ['super_read_only', 'offline_mode', 'skip_replica_start']],
  ])('an option file: %s', (_, text, missing) => expect(notSet(text)).toEqual(missing));
});

const sha = (text: string) => createHash('sha256').update(text).digest('hex');
const engine = (files: Record<string, string>) => {
  const list = Object.entries(files).map(([name, text]) => ({ file: `/engine/${name}`, bytes: text.length, sha256: sha(text) }));
  writeFileSync(join(sim.workDir, 'engine-old-logs.json'), JSON.stringify(list));
};
const person = (files: Record<string, string>) => {
  mkdirSync(join(sim.workDir, 'old'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(sim.workDir, 'old', name), text);
};

describe('logs-collected', () => {
  test.each<[string, Record<string, string>, Record<string, string>, string, string]>([
    ['all of them', { b1: 'one', b2: 'two' }, { b1: 'one', b2: 'two' }, 'pass', '2 binary logs, byte for byte those of the node'],
    ['one left out', { b1: 'one', b2: 'two' }, { b1: 'one' }, 'fail', 'b2 is missing'],
    ['one cut off', { b1: 'one', b2: 'two' }, { b1: 'one', b2: 'tw' }, 'fail', "b2 differs from the node's file"],
    ['one more, of another node', { b1: 'one' }, { b1: 'one', b9: 'x' }, 'pass', '1 binary logs, byte for byte those of the node'],
    ['the node had none', {}, {}, 'unknown', 'the node had no binary logs to compare with'],
  ])('%s', async (_, expected, collected, verdict, seen) => {
    engine(expected);
    person(collected);
    expect(await run('logs-collected', { dir: 'old' })).toMatchObject({ verdict, seen });
  });
  test('a folder that is not there', async () => {
    engine({ b1: 'one' });
    expect(await run('logs-collected', { dir: 'old' })).toMatchObject({ verdict: 'fail', seen: 'b1 is missing' });
  });
  test("without the engine's own copy nothing is told", () => expect(run('logs-collected', { dir: 'old' })).rejects.toThrow());
});

describe('lost-listed', () => {
  const A = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
  const found = { lost: `${A}:10-12`, lostCount: 3 };
  test.each<[string, string, string, string]>([
    ['the same set, written otherwise', `${A.toUpperCase()}:12:10-11`, 'pass', '3 lost transactions, as the logs show'],
    ['one too few', `${A}:10-11`, 'fail', `not listed: ${A}:12`],
    ['one too many', `${A}:10-13`, 'fail', `listed but not lost: ${A}:13`],
    ['both', `${A}:9-11`, 'fail', `not listed: ${A}:12; listed but not lost: ${A}:9`],
    ['none', '', 'fail', `not listed: ${A}:10-12`],
  ])('%s', (_, signed, verdict, seen) => expect(judgeList(signed, found)).toMatchObject({ verdict, seen }));
  test('what is no GTID set is an error, so unknown', () => expect(() => judgeList('all of them', found)).toThrow());
});

const row = (key: string, inPlace: boolean | null): LostKey => ({
  table: 'drill.acct',
  key,
  before: null,
  after: 'x',
  effect: 'insert',
  conflict: null,
  gtids: '',
  inPlace,
  ...(inPlace === null ? { note: 'no usable key' } : {}),
});

describe('recovered', () => {
  test.each<[string, LostKey[], string, string]>([
    ['all in place', [row('1', true), row('2', true)], 'pass', 'all 2 lost rows are in place or settled by the rule'],
    ['one not', [row('1', true), row('2', false)], 'fail', '1 of 2 lost rows are not in place'],
    ['one untold', [row('1', true), row('2', null)], 'unknown', '1 of 2 lost rows cannot be told'],
    ['one of each: fail weighs more', [row('1', null), row('2', false)], 'fail', '1 of 2 lost rows are not in place'],
  ])('%s', (_, lost, verdict, seen) => expect(judgeRows(lost)).toMatchObject({ verdict, seen }));
  test('the rows are named, the first twenty of them', () => {
    const { details } = judgeRows([...Array.from({ length: 30 }, (_, i) => row(String(i), false)), row('x', null)]);
    expect([details?.length, details?.[0]]).toEqual([20, 'drill.acct 0: insert not in place']);
  });
});

test('a fork that is not known leaves the lost rows unknown, however few are listed', () => {
  const fork = { set: '', how: 'derived' as const, findings: ['it lies before the first file'] };
  expect(forkUnknown({ fork })).toMatchObject({ verdict: 'unknown', details: fork.findings });
  expect(forkUnknown({ fork: { ...fork, set: 'x:1-9' } })).toBeNull();
});

describe('rejoined', () => {
  const good = { running: true, safeState: false, readOnly: true, offline: false, source: 'db2', applies: true };
  test.each<[string, object, string, RegExp]>([
    ['replicates, read-only, caught up', {}, 'pass', /caught up/],
    ['replicates from nobody', { source: null }, 'fail', /from nobody/],
    ['replicates from another', { source: 'db3' }, 'fail', /replicates from 10\.0\.0\.3:3306, not from db2/],
    ['its applier stopped', { applies: false }, 'fail', /sql No duplicate key; .*did not catch up/],
    ['takes writes', { readOnly: false }, 'fail', /not super_read_only/],
    ['offline', { offline: true }, 'fail', /offline_mode/],
    ['in its safe state', { safeState: true }, 'fail', /safe state/],
  ])('%s', async (_, change, verdict, seen) => {
    sim.nodes['db1'] = { ...good, ...change };
    expect(await run('rejoined', { node: 'db1', source: 'db2' })).toMatchObject({ verdict, seen: expect.stringMatching(seen) });
  });
  test('down: an error, so unknown', async () => {
    sim.nodes['db1'] = { ...good, running: false };
    await expect(run('rejoined', { node: 'db1', source: 'db2' })).rejects.toMatchObject({ code: 'DRILL_NODE_DOWN' });
  });
});
