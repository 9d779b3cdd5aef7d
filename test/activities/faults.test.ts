/** Each fault on its own: what it refuses before it touches anything, what it reports, what it calls itself. */
import { jest } from '@jest/globals';
import { FAULTS, faultOf } from '../../activities/faults/index.ts';
import type { Injection } from '../../activities/faults/fault.ts';
import { targetActivities } from '../../activities/target.ts';
import type { ChainEntry } from '../../core/plan.ts';
import { nsOf } from '../../core/time.ts';
import { SimulatedPlatform } from '../support/simulated.ts';

let sim: SimulatedPlatform;
beforeEach(() => void (sim = new SimulatedPlatform()));
afterEach(() => {
  jest.useRealTimers();
  sim.dispose();
});

const how = (more: Partial<Injection> = {}): Injection => ({ leaseMs: 30_000, preparedAtNs: '0', saved: null, save: () => undefined, ...more });
const PAIRS = [
  ['db1', 'db2'],
  ['db2', 'db1'],
  ['db1', 'db3'],
  ['db3', 'db1'],
] as const;
/** What a promise comes to, with a clock that does not make anybody wait. */
async function hurried(passMs: number, act: () => Promise<unknown>): Promise<unknown> {
  jest.useFakeTimers();
  const outcome = act().then(
    (value) => value,
    (e: unknown) => e,
  );
  await jest.advanceTimersByTimeAsync(passMs);
  return outcome;
}

test.each(Object.entries(FAULTS))('%s calls itself by its name', (verb, fault) => expect([fault.verb, faultOf(verb)]).toEqual([verb, fault]));

test.each<[string, object, string | null]>([
  ['partition', { node: 'db1', from: ['db2', 'db3'] }, 'partition db1 from db2 and db3'],
  ['partition', { node: 'db1', from: [] }, null],
  ['partition', { node: 'db1' }, null],
  ['partition', { node: 'db1', from: ['db2'], both: true }, null],
  ['kill-node', { node: 'db1' }, 'kill db1'],
  ['kill-node', {}, null],
  ['promote', { node: 'db2' }, 'promote db2'],
  ['promote', { node: 'db2', 'catch-up-from': ['db3'] }, 'promote db2, caught up from db3'],
  ['promote', { node: 'db2', now: true }, null],
  ['repoint', { node: 'db3', to: 'db2' }, 'repoint db3 to db2'],
  ['repoint', { node: 'db3' }, null],
])('%s with %j: %s', (verb, args, title) => {
  const parsed = faultOf(verb).schema.safeParse(args);
  expect(parsed.success ? faultOf(verb).title(parsed.data) : null).toBe(title);
});

describe('refused before anything is touched', () => {
  test.each<[string, object, (s: SimulatedPlatform) => void, string]>([
    ['kill-node', { node: 'db9' }, () => undefined, 'DRILL_UNKNOWN_NODE'],
    ['kill-node', { node: 'db1' }, (s) => (s.nodes['db1']!.running = false), 'DRILL_NODE_DOWN'],
    ['promote', { node: 'db2' }, (s) => (s.nodes['db2']!.running = false), 'DRILL_NODE_DOWN'],
    ['promote', { node: 'db2', 'catch-up-from': ['db3'] }, (s) => (s.nodes['db3']!.running = false), 'DRILL_NODE_DOWN'],
    ['repoint', { node: 'db3', to: 'db2' }, (s) => (s.nodes['db2']!.running = false), 'DRILL_NODE_DOWN'],
    ['repoint', { node: 'db9', to: 'db2' }, () => undefined, 'DRILL_UNKNOWN_NODE'],
    ['partition', { node: 'db1', from: ['db2'] }, (s) => void s.platform.cut([['db2', 'db3']], 30_000), 'DRILL_TARGET_DIRTY'],
  ])('%s %j', async (verb, args, before, code) => {
    before(sim);
    const effects = sim.effects.length;
    await expect(faultOf(verb).prepare(sim.target, args)).rejects.toMatchObject({ code });
    expect(sim.effects.length).toBe(effects);
  });
});

describe('partition', () => {
  const { partition } = FAULTS;
  const record = { pairs: PAIRS.map(([a, b]) => [a, b] as const) };

  test('cuts both ways, every pair, for the length of the lease', async () => {
    expect(await partition.prepare(sim.target, { node: 'db1', from: ['db2', 'db3'] })).toEqual(record);
    await partition.inject(sim.target, record, how({ leaseMs: 12_000 }));
    const { live } = await sim.platform.cutState();
    expect(live.map((l) => l.pair)).toEqual(PAIRS);
    expect(Math.max(...live.map((l) => l.expiresInMs))).toBeLessThanOrEqual(12_000);
  });

  test('its effect begins with the last probe that saw any pair open and ends with the first that saw all of them cut', async () => {
    await sim.platform.cut(record.pairs.slice(0, 2), 30_000);
    sim.pass(300);
    await sim.platform.cut(record.pairs.slice(2), 30_000);
    const { effect, facts } = await partition.observe(sim.target, record, how(), undefined);
    expect((nsOf(effect.present) - nsOf(effect.absent)) / 1_000_000n).toBe(330n);
    expect(facts['pairs']).toBe('db1→db2, db2→db1, db1→db3, db3→db1');
  });

  test('a cut that no probe sees is an error that names the pairs', async () => {
    sim.blind = true;
    await partition.inject(sim.target, record, how());
    const e = await hurried(6_000, () => partition.observe(sim.target, record, how(), undefined));
    expect(e).toMatchObject({ code: 'DRILL_FAULT_NOT_SEEN', message: expect.stringContaining('db3→db1') });
  });

  test('what probes saw in another life does not count', async () => {
    await sim.platform.cut(record.pairs, 30_000);
    await sim.platform.healCut(record.pairs);
    const { monoNs } = await sim.platform.now();
    const e = await hurried(6_000, () => partition.observe(sim.target, record, how({ preparedAtNs: monoNs }), undefined));
    expect(e).toMatchObject({ code: 'DRILL_FAULT_NOT_SEEN' });
    await partition.inject(sim.target, record, how({ preparedAtNs: monoNs }));
    expect((await sim.platform.cutState()).live.length).toBe(4);
  });

  test('a renewal extends all pairs or none', async () => {
    await partition.inject(sim.target, record, how());
    sim.pass(20_000);
    await partition.renew!(sim.target, record, 30_000);
    sim.pass(20_000);
    expect((await sim.platform.cutState()).live.length).toBe(4);
    sim.pass(20_000);
    await expect(partition.renew!(sim.target, record, 30_000)).rejects.toMatchObject({ code: 'DRILL_LEASE_LAPSED' });
    expect((await sim.platform.cutState()).live.length).toBe(0);
  });

  test('what its lease still lasts is the least of its pairs’, as the target counts; nothing when it is over, and not that of another cut', async () => {
    expect(await partition.rest!(sim.target, record)).toBeNull();
    await sim.platform.cut([['db2', 'db3']], 5_000);
    expect(await partition.rest!(sim.target, record)).toBeNull();
    await partition.inject(sim.target, record, how({ leaseMs: 12_000 }));
    sim.pass(5_000);
    const rest = (await partition.rest!(sim.target, record))!;
    // to inject took some of it, until the cut was seen
    expect([rest <= 7_000, rest >= 6_500, rest]).toEqual([true, true, rest]);
    sim.pass(8_000);
    expect(await partition.rest!(sim.target, record)).toBeNull();
  });

  test('a heal that no probe sees is a heal of which nobody can say when', async () => {
    await partition.inject(sim.target, record, how());
    sim.blind = true;
    expect(await hurried(2_000, () => partition.heal!(sim.target, record))).toBeNull();
    expect((await sim.platform.cutState()).live.length).toBe(0);
  });
});

describe('promote', () => {
  test('reports the position at promotion and moves the service address', async () => {
    const { promote } = FAULTS;
    const record = await promote.prepare(sim.target, { node: 'db2' });
    const { facts } = await promote.observe(sim.target, record, how(), await promote.inject(sim.target, record, how()));
    expect([facts['gtidExecuted'], facts['serverUuid'], sim.holders]).toEqual(['3e11fa47-71ca-11e1-9e33-c80aa9429562:1-7', 'uuid-db2', ['db2']]);
  });

  test.each([
    ['received more', '', ['repoint db2 to db3', 'promote db2', 'service to db2']],
    ['received the same', '8-9', ['promote db2', 'service to db2']],
  ])('another replica has %s', async (_, own, effects) => {
    const { promote } = FAULTS;
    const record = await promote.prepare(sim.target, { node: 'db2', 'catch-up-from': ['db3'] });
    const position = sim.target.system.position.bind(sim.target.system);
    const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
    jest.spyOn(sim.target.system, 'position').mockImplementation(async (n) => {
      const p = await position(n);
      const more = n === 'db3' ? '8-9' : own;
      return { ...p, source: { ...p.source!, retrieved: more && `${uuid}:${more}` } };
    });
    await promote.inject(sim.target, record, how());
    expect(sim.effects.map((e) => e.what)).toEqual(effects);
  });

  test('another replica that does not execute what it has received is an error that says so, and nothing is opened', async () => {
    const { promote } = FAULTS;
    const record = await promote.prepare(sim.target, { node: 'db2', 'catch-up-from': ['db3'] });
    sim.nodes['db3']!.applies = false;
    const position = sim.target.system.position.bind(sim.target.system);
    jest.spyOn(sim.target.system, 'position').mockImplementation(async (n) => {
      const p = await position(n);
      return { ...p, source: { ...p.source!, retrieved: n === 'db3' ? '3e11fa47-71ca-11e1-9e33-c80aa9429562:8' : '' } };
    });
    await expect(promote.inject(sim.target, record, how())).rejects.toMatchObject({
      code: 'DRILL_APPLY_TIMEOUT',
      message: expect.stringMatching(/^db3 had not executed 3e11.*:1-8 after 30 s$/),
    });
    expect(sim.holders).toEqual(['db1']);
  });
});

describe('kill-node', () => {
  test('the node loses the service address, and comes back only in its safe state', async () => {
    const killNode = FAULTS['kill-node'];
    const record = await killNode.prepare(sim.target, { node: 'db1' });
    const { facts } = await killNode.observe(sim.target, record, how(), await killNode.inject(sim.target, record, how()));
    expect([facts['serviceHolders'], sim.nodes['db1']]).toMatchObject(['none', { running: false, safeState: true }]);
  });
});

describe('repoint', () => {
  test('a replica that does not follow is an error that says why', async () => {
    sim.nodes['db3']!.applies = false;
    const { repoint } = FAULTS;
    const injected = await repoint.inject(sim.target, { node: 'db3', to: 'db2' }, how());
    const e = await hurried(11_000, () => repoint.observe(sim.target, { node: 'db3', to: 'db2' }, how(), injected));
    expect(e).toMatchObject({ code: 'DRILL_FAULT_NOT_SEEN', message: expect.stringMatching(/db3 does not follow db2: .*sql No, duplicate key$/) });
  });

  test('one that had received more than the promoted one is told from others', async () => {
    sim.nodes['db3']!.applies = false;
    const { repoint } = FAULTS;
    const injected = await repoint.inject(sim.target, { node: 'db3', to: 'db2' }, how());
    const position = sim.target.system.position.bind(sim.target.system);
    const source = '4ec18ce2-ebea-11f1-bd39-02d200000001';
    jest.spyOn(sim.target.system, 'position').mockImplementation(async (n) => ({ ...(await position(n)), gtidExecuted: `${source}:1-${n === 'db3' ? 9 : 7}` }));
    const e = await hurried(11_000, () => repoint.observe(sim.target, { node: 'db3', to: 'db2' }, how(), injected));
    expect(e).toMatchObject({ message: expect.stringContaining(`; db3 was ahead of db2 by ${source}:8-9 when it was cut off`) });
  });
});

describe('taking the target', () => {
  const chain = [
    { id: 'baseline', title: '', do: 'baseline', with: { forMs: 1 }, undo: 'none' },
    { id: 'cut', title: '', do: 'partition', with: { node: 'db1', from: ['db2'] }, undo: 'leased', leaseMs: 30_000 },
  ] satisfies ChainEntry[];
  test('probes run from the lock on, long before the fault', async () => {
    const watched: unknown[] = [];
    sim.platform.watch = async (pairs) => void watched.push(...pairs);
    const locked = await targetActivities(sim.deps()).lockTarget(sim.ref, chain);
    expect(watched).toEqual([
      ['db1', 'db2'],
      ['db2', 'db1'],
    ]);
    expect(locked).toMatchObject({ session: 'session', version: 'Simulated 1.0', clock: { boot: 'simulated', wallMinusMonoMs: 1_700_000_000_000 } });
    expect(locked.clock.errorMs).toBeGreaterThan(0);
    await expect(targetActivities(sim.deps()).lockTarget({ ...sim.ref, drillId: 'drill-2' }, chain)).rejects.toMatchObject({ code: 'DRILL_TARGET_IN_USE' });
  });
});
