/** The guard: it renews while the engine answers, lets go when it does not, and tells what happened. Time is simulated: nobody waits. */
import { jest } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { chainActivities } from '../../activities/chain.ts';
import { guardActivities } from '../../activities/guard.ts';
import type { GuardReport } from '../../activities/guard.ts';
import { Journal } from '../../activities/journal.ts';
import { residueOf } from '../../activities/target.ts';
import { SimulatedPlatform } from '../support/simulated.ts';

const LEASE_MS = 6_000;
const STEP_MS = 50;

let sim: SimulatedPlatform;
let journal: Journal;
beforeEach(() => {
  jest.useFakeTimers();
  sim = new SimulatedPlatform();
  journal = new Journal(sim.workDir, sim.ref.drillId);
});
afterEach(() => {
  jest.useRealTimers();
  sim.dispose();
});

const live = async () => (await sim.platform.cutState()).live.length;
const cut = () => chainActivities(sim.deps()).partition(sim.ref, { chainId: 'cut', with: { node: 'db1', from: ['db2', 'db3'] }, leaseMs: LEASE_MS });

/** Both clocks, the simulated one and the process's, go on together. */
async function pass(ms: number): Promise<void> {
  for (let at = 0; at < ms; at += STEP_MS) {
    sim.pass(STEP_MS);
    await jest.advanceTimersByTimeAsync(STEP_MS);
  }
}

interface Running {
  env: MockActivityEnvironment;
  /** answers by default */
  engine: { answers: boolean };
  deadlines: number[];
  beats: number[];
  ended: () => boolean;
  report: Promise<GuardReport>;
}
function start(info: ConstructorParameters<typeof MockActivityEnvironment>[0] = {}): Running {
  const engine = { answers: true };
  const deadlines: number[] = [];
  const beats: number[] = [];
  const pingEngine = async (deadlineMs: number) => {
    deadlines.push(deadlineMs);
    if (engine.answers) return;
    await new Promise((r) => setTimeout(r, deadlineMs));
    throw new Error('no answer');
  };
  const env = new MockActivityEnvironment(info, { logger: new DefaultLogger('ERROR') });
  env.on('heartbeat', () => beats.push(Date.now()));
  let ended = false;
  const guard = () => guardActivities(sim.deps({ pingEngine })).guard(sim.ref, { leaseMs: LEASE_MS });
  const report = env.run<[], GuardReport, typeof guard>(guard).finally(() => (ended = true));
  report.catch(() => undefined);
  return { env, engine, deadlines, beats, ended: () => ended, report };
}
async function release(g: Running): Promise<GuardReport> {
  await guardActivities(sim.deps()).releaseGuard(sim.ref);
  await pass(LEASE_MS / 6);
  return g.report;
}

test('a lease is renewed for as long as the engine answers, at least every third of it, and ends with the release', async () => {
  await cut();
  const g = start();
  for (let i = 0; i < 12; i++) {
    await pass(LEASE_MS / 3);
    const { live: all } = await sim.platform.cutState();
    expect(Math.min(...all.map((l) => l.expiresInMs))).toBeGreaterThan((LEASE_MS * 2) / 3 - LEASE_MS / 10);
  }
  const report = await release(g);
  expect(report).toMatchObject({ renewed: ['cut'], lapsed: [], gaps: [] });
  expect(report.renewals).toBeGreaterThanOrEqual(12);
  expect(g.deadlines.every((d) => d <= LEASE_MS / 12)).toBe(true);
  await pass(LEASE_MS);
  expect(await live()).toBe(0);
});

test('its heartbeats come far more often than its time-out, a sixth of the lease, also while the engine is silent', async () => {
  const g = start();
  await pass(LEASE_MS);
  g.engine.answers = false;
  await pass(LEASE_MS);
  await release(g);
  const pauses = g.beats.slice(1).map((at, i) => at - g.beats[i]!);
  expect(Math.max(...pauses)).toBeLessThan(LEASE_MS / 6);
});

test('an engine that is silent for half a lease costs nothing but a note', async () => {
  await cut();
  const g = start();
  await pass(LEASE_MS);
  g.engine.answers = false;
  await pass(LEASE_MS * 0.6);
  expect(await live()).toBe(4);
  g.engine.answers = true;
  await pass(LEASE_MS);
  const report = await release(g);
  expect(report).toMatchObject({ lapsed: [], gaps: [{ seen: 'Temporal did not answer' }] });
  const [gap] = report.gaps;
  expect(gap!.toWallMs - gap!.fromWallMs).toBeGreaterThan(LEASE_MS * 0.5);
  expect(await live()).toBe(4);
});

test('an engine that is silent for longer than the lease gets no renewal: the cut heals by itself and the guard says so', async () => {
  await cut();
  const g = start();
  await pass(LEASE_MS);
  g.engine.answers = false;
  await pass(LEASE_MS * 2);
  expect([await live(), g.ended()]).toEqual([0, false]);
  g.engine.answers = true;
  await pass(LEASE_MS / 2);
  expect(g.ended()).toBe(true);
  const report = await g.report;
  expect(report).toMatchObject({ lapsed: ['cut'], seen: expect.stringContaining('the lease of cut lapsed') });
  expect(await live()).toBe(0);
});

test.each(['prepared', 'injected', 'healing', 'healed'] as const)('a fault that is %s is not renewed', async (phase) => {
  await cut();
  journal.update('cut', { phase });
  const g = start();
  await pass(LEASE_MS);
  expect(await live()).toBe(0);
  expect(await release(g)).toMatchObject({ renewals: 0, lapsed: [] });
});

test('a heal that comes between reading the journal and renewing is no lapse', async () => {
  await cut();
  sim.platform.renewCut = async () => {
    journal.update('cut', { phase: 'healing' });
    throw Object.assign(new Error('gone'), { code: 'DRILL_LEASE_LAPSED' });
  };
  const g = start();
  await pass(LEASE_MS);
  expect(await release(g)).toMatchObject({ renewals: 0, lapsed: [] });
});

test('a renewal that fails otherwise is an error, so that Temporal tries again', async () => {
  await cut();
  sim.platform.renewCut = () => Promise.reject(Object.assign(new Error('refused'), { code: 'DRILL_CUT_FAILED' }));
  const g = start();
  await pass(LEASE_MS);
  await expect(g.report).rejects.toMatchObject({ code: 'DRILL_CUT_FAILED' });
});

test('the target goes away: an error at once', async () => {
  const g = start();
  await pass(500);
  sim.lose();
  await pass(STEP_MS);
  expect(g.ended()).toBe(true);
  await expect(g.report).rejects.toMatchObject({ code: 'DRILL_LAB_GONE' });
});

test('cancelled, it ends with what it saw', async () => {
  await cut();
  const g = start();
  await pass(LEASE_MS);
  g.env.cancel();
  await pass(LEASE_MS / 6);
  expect(await g.report).toMatchObject({ renewed: ['cut'], lapsed: [] });
});

test('after its worker was away it goes on from its last heartbeat, and notes the time', async () => {
  await cut();
  const before = { renewals: 7, renewed: ['earlier'], lapsed: [], seen: '', gaps: [] };
  const lastWallMs = Date.now() - 2_000;
  const g = start({ attempt: 2, heartbeatDetails: { lastWallMs, report: before } });
  await pass(LEASE_MS / 2);
  const report = await release(g);
  expect(report.renewals).toBeGreaterThan(7);
  expect(report).toMatchObject({ renewed: ['earlier', 'cut'], gaps: [{ fromWallMs: lastWallMs, seen: 'the worker beside the target was away' }] });
});

describe('what a drill may leave', () => {
  test('a target as it was: nothing', async () => expect(await residueOf(sim.target, 'drill-1')).toEqual([]));

  test.each<[string, (s: SimulatedPlatform) => unknown, string[]]>([
    ['a live cut', (s) => s.platform.cut([['db1', 'db2']], 30_000), ['the network is still cut: db1→db2']],
    ['a fault that nobody healed', async () => (await cut(), sim.pass(LEASE_MS + 1)), ['fault cut is observed, not healed']],
    ['a helper', (s) => s.helpers.push({ name: 'writer', running: true, exitCode: null }), ['process writer still runs']],
    ['a helper that ended', (s) => s.helpers.push({ name: 'writer', running: false, exitCode: 0 }), []],
    ['a replica that is down', (s) => (s.nodes['db3']!.running = false), ['db3 does not answer: db3 does not answer']],
    ['a safe state', (s) => (s.nodes['db3']!.safeState = true), ['db3 is still in its safe state']],
    ['an offline node', (s) => (s.nodes['db3']!.offline = true), ['db3 is offline']],
    ['two nodes that take writes', (s) => (s.nodes['db3']!.readOnly = false), ['2 nodes accept writes: db1, db3']],
    ['no node that takes writes', (s) => (s.nodes['db1']!.readOnly = true), ['0 nodes accept writes: none', 'the service address is on db1']],
    ['no service address', (s) => (s.holders = []), ['the service address is on no node']],
    ['the service address in two places', (s) => (s.holders = ['db1', 'db2']), ['the service address is on db1, db2']],
    ['the service address on a replica', (s) => (s.holders = ['db2']), ['the service address is on db2']],
  ])('%s', async (_, leave, findings) => {
    await leave(sim);
    expect(await residueOf(sim.target, 'drill-1')).toEqual(findings);
  });
});
