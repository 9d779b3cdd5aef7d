/** The chain's activities around a process that may die at any call: nothing is injected twice, nothing is healed that was not, and every retry says the truth. */
import { chainActivities } from '../../activities/chain.ts';
import type { Healed, InjectArgs } from '../../activities/chain.ts';
import type { FAULTS } from '../../activities/faults/index.ts';
import { Journal } from '../../activities/journal.ts';
import { nsOf } from '../../core/time.ts';
import { Crash, SimulatedPlatform } from '../support/simulated.ts';

type Verb = keyof typeof FAULTS;
const LEASE_MS = 30_000;
const WITH: Record<Verb, Record<string, unknown>> = {
  partition: { node: 'db1', from: ['db2', 'db3'] },
  'kill-node': { node: 'db1' },
  promote: { node: 'db2' },
  repoint: { node: 'db3', to: 'db2' },
};
const EFFECTS: Record<Verb, string[]> = {
  partition: ['cut db1→db2 db2→db1 db1→db3 db3→db1'],
  'kill-node': ['kill db1'],
  promote: ['promote db2', 'service to db2'],
  repoint: ['repoint db3 to db2'],
};
const VERBS = Object.keys(WITH) as Verb[];

let sim: SimulatedPlatform;
beforeEach(() => void (sim = new SimulatedPlatform()));
afterEach(() => sim.dispose());

const args = (verb: Verb, chainId: string = verb): InjectArgs => ({ chainId, with: WITH[verb], leaseMs: verb === 'partition' ? LEASE_MS : null });
const inject = (verb: Verb, chainId?: string) => chainActivities(sim.deps())[verb](sim.ref, args(verb, chainId));
const heal = (verb: Verb): Promise<Healed> => chainActivities(sim.deps()).heal(sim.ref, { chainId: verb, verb });
const held = (chainId: Verb, until: Verb) => chainActivities(sim.deps()).checkHeld(sim.ref, { chainId, until });
const phase = (verb: Verb) => new Journal(sim.workDir, sim.ref.drillId).get(verb)?.phase;
const effects = () => sim.effects.map((e) => e.what);

/** Runs an activity once for every call that it makes, dying there, and then again as Temporal would. */
async function dyingEverywhere(
  act: () => Promise<unknown>,
  afterwards: (died: string) => Promise<void>,
  before: () => Promise<void> = () => Promise.resolve(),
) {
  await before();
  sim.crashAt(0, 'before');
  await act();
  const calls = sim.calls;
  expect(calls).toBeGreaterThan(1);
  for (let call = 1; call <= calls; call++) {
    for (const when of ['before', 'after'] as const) {
      sim.dispose();
      sim = new SimulatedPlatform();
      await before();
      sim.crashAt(call, when);
      await expect(act()).rejects.toThrow(Crash);
      sim.stopCrashing();
      sim.pass(700);
      await afterwards(`${when} call ${call} of ${calls}`);
    }
  }
}

describe('injecting', () => {
  test.each(VERBS)('%s: once, wherever the process dies, and its effect lies in the interval that is reported', async (verb) => {
    await dyingEverywhere(
      () => inject(verb),
      async (died) => {
        const seen = await inject(verb);
        expect([died, effects()]).toEqual([died, EFFECTS[verb]]);
        const [first, last] = [sim.effects[0]!.ns, sim.effects.at(-1)!.ns];
        expect([died, nsOf(seen.effect.absent) <= first, last <= nsOf(seen.effect.present)]).toEqual([died, true, true]);
        expect([died, phase(verb)]).toEqual([died, 'observed']);
        expect(await inject(verb)).toEqual(seen);
        expect(effects()).toEqual(EFFECTS[verb]);
      },
    );
  });

  test('a cut that lapsed while nobody was there is not made again', async () => {
    let lapsed = 0;
    await dyingEverywhere(
      () => inject('partition'),
      async (died) => {
        if (effects().length === 0 || phase('partition') === 'observed') return;
        lapsed++;
        sim.pass(LEASE_MS);
        // one that died after the cut was journalled reports the effect that probes saw; that it lapsed shows when it is healed
        if (phase('partition') === 'injected') expect([await inject('partition'), (await heal('partition')).how]).toEqual([expect.anything(), 'lease']);
        else await expect(inject('partition')).rejects.toMatchObject({ code: 'DRILL_LEASE_LAPSED' });
        expect([died, effects()]).toEqual([died, EFFECTS.partition]);
        expect((await sim.platform.cutState()).live).toEqual([]);
      },
    );
    expect(lapsed).toBeGreaterThan(2);
  });

  test('one that is being healed is not injected', async () => {
    sim.crashAt(0, 'before');
    await inject('partition');
    const journal = new Journal(sim.workDir, sim.ref.drillId);
    for (const phase of ['healing', 'healed'] as const) {
      journal.update('partition', { phase });
      await expect(inject('partition')).rejects.toMatchObject({ code: 'DRILL_FAULT_HEALED' });
    }
  });

  test('the record of before is journalled before anything is broken', async () => {
    const cut = sim.platform.cut.bind(sim.platform);
    let journalled: unknown = null;
    sim.platform.cut = (...a) => ((journalled = new Journal(sim.workDir, sim.ref.drillId).get('partition')), cut(...a));
    await inject('partition');
    expect(journalled).toMatchObject({ phase: 'prepared', undo: 'leased', leaseMs: LEASE_MS, record: { pairs: expect.arrayContaining([['db1', 'db2']]) } });
  });
});

describe('healing', () => {
  test('wherever the process dies: healed once, by the drill', async () => {
    await dyingEverywhere(
      () => heal('partition'),
      async (died) => {
        const healed = await heal('partition');
        expect([died, healed.how, effects()]).toEqual([died, 'drill', [...EFFECTS.partition, 'heal']]);
        expect([(await sim.platform.cutState()).live, phase('partition')]).toEqual([[], 'healed']);
        const again = await heal('partition');
        expect([again.how, again.effect]).toEqual([healed.how, healed.effect]);
      },
      () => inject('partition').then(() => undefined),
    );
  });

  test('wherever the process dies: a lapsed lease stays a lapsed lease', async () => {
    await dyingEverywhere(
      () => heal('partition'),
      async (died) => {
        expect([died, (await heal('partition')).how, (await heal('partition')).how]).toEqual([died, 'lease', 'lease']);
        expect(effects()).toEqual(EFFECTS.partition);
      },
      async () => {
        await inject('partition');
        sim.pass(LEASE_MS + 1);
      },
    );
  });

  test('the effect lies between the last probe that was lost and the first that came through', async () => {
    await inject('partition');
    sim.pass(5_000);
    const { effect } = await heal('partition');
    const at = sim.effects.at(-1)!.ns;
    expect([nsOf(effect!.absent) < at, at < nsOf(effect!.present)]).toEqual([true, true]);
  });

  test('a node that died meanwhile does not keep the cut alive', async () => {
    await inject('partition');
    await inject('kill-node');
    expect((await heal('partition')).how).toBe('drill');
    expect((await sim.platform.cutState()).live).toEqual([]);
  });

  test('a target that vanished is healed', async () => {
    await inject('partition');
    sim.platform.healCut = async () => Promise.reject(Object.assign(new Error('gone'), { code: 'DRILL_NODE_DOWN' }));
    expect([(await heal('partition')).how, (await heal('partition')).how, phase('partition')]).toEqual(['vanished', 'vanished', 'healed']);
  });

  test('a heal that fails is no heal: the journal says so, and the next attempt heals', async () => {
    await inject('partition');
    const healCut = sim.platform.healCut.bind(sim.platform);
    sim.platform.healCut = async () => Promise.reject(Object.assign(new Error('refused'), { code: 'DRILL_CUT_FAILED' }));
    await expect(heal('partition')).rejects.toMatchObject({ code: 'DRILL_CUT_FAILED' });
    expect(phase('partition')).toBe('healing');
    sim.platform.healCut = healCut;
    expect((await heal('partition')).how).toBe('drill');
  });

  test('what was never injected, and what cannot be healed, is nothing', async () => {
    expect((await heal('partition')).how).toBe('nothing');
    await inject('kill-node');
    expect((await heal('kill-node')).how).toBe('nothing');
  });

  test('a cut that was prepared and never made is nothing, and is not left open in the journal', async () => {
    const cut = sim.platform.cut.bind(sim.platform);
    sim.platform.cut = async () => Promise.reject(Object.assign(new Error('refused'), { code: 'DRILL_CUT_FAILED' }));
    await expect(inject('partition')).rejects.toMatchObject({ code: 'DRILL_CUT_FAILED' });
    sim.platform.cut = cut;
    expect([(await heal('partition')).how, phase('partition')]).toEqual(['nothing', 'healed']);
  });
});

describe('holding', () => {
  test('unbroken until the other fault took effect', async () => {
    await inject('partition');
    sim.pass(4_000);
    await inject('kill-node');
    expect(await held('partition', 'kill-node')).toMatchObject({ held: true });
  });
  test('a probe that came through in between breaks it', async () => {
    await inject('partition');
    sim.pass(LEASE_MS + 1);
    await inject('kill-node');
    expect(await held('partition', 'kill-node')).toMatchObject({ held: false, seen: expect.stringContaining('open again') });
  });
  test('an opening after the other fault does not', async () => {
    await inject('partition');
    await inject('kill-node');
    sim.pass(LEASE_MS + 1);
    expect(await held('partition', 'kill-node')).toMatchObject({ held: true });
  });
  test('a fault that was never seen did not hold', async () => {
    await inject('partition');
    expect(await held('partition', 'kill-node')).toMatchObject({ held: false });
    expect(await held('kill-node', 'partition')).toMatchObject({ held: false });
  });
  test('a one-way fault holds', async () => {
    await inject('kill-node');
    await inject('promote');
    expect(await held('kill-node', 'promote')).toMatchObject({ held: true });
  });
});
