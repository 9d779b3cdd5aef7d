/** The figures of the live view: what they count from, when they stop, and what they never claim. */
import { LiveModel } from '../../console/live-model.ts';
import type { TargetNow } from '../../console/target-now.ts';
import type { Plan } from '../../core/plan.ts';
import type { EffectInterval } from '../../core/time.ts';
import type { ChainState, DrillState } from '../../workflows/messages.ts';
import { Steps } from '../../workflows/steps.ts';

const T0 = 1_700_000_000_000;
const instant = (wallMs: number) => ({ wallMs, monoNs: String(wallMs * 1e6), boot: 'b', by: 'test' });
const effect = (atMs: number): EffectInterval => ({ absent: instant(T0 + atMs), present: instant(T0 + atMs + 20), probe: '' });
const entry = (id: string, at: number | null): ChainState => ({
  id,
  title: id,
  do: id,
  status: at === null ? 'pending' : 'done',
  effect: at === null ? null : effect(at),
});

const PLAN = {
  runbook: 'stale',
  target: { name: 'local', system: 'mysql', nodes: ['db1', 'db2', 'db3'] },
  objectives: { serviceRto: { withinMs: 10_000, from: 'kill' }, dataRto: { withinMs: 60_000, from: 'cut' } },
  chain: [
    { id: 'cut', do: 'partition', with: { node: 'db1' } },
    { id: 'kill', do: 'kill-node', with: { node: 'db1' } },
  ],
  steps: [{ id: 'fence', title: 'Fence', role: 'sre', budgetMs: 5_000, needs: [], inputs: [], checks: [] }],
} as unknown as Plan;

const state = (more: Partial<DrillState> = {}): DrillState => ({
  drillId: '2026-11-22T07-00-00Z-stale',
  phase: 'chain',
  doing: 'writing',
  chain: [entry('cut', null), entry('kill', null)],
  steps: [],
  version: 'MySQL 9.7.4',
  clockOffsetMs: 0,
  problems: [],
  checks: [],
  result: null,
  ...more,
});
const broken = (more: Partial<DrillState> = {}) => state({ chain: [entry('cut', 0), entry('kill', 5_000)], ...more });
const SILENT: TargetNow = { writes: null, leases: {}, staleness: [] };
const writer = (acked: number, bad: number, isolated = 0): TargetNow => ({
  ...SILENT,
  writes: {
    lastSecond: { acked, failed: bad, unknown: 0 },
    perPhase: { isolated: { acked: isolated } },
    curve: { startWallMs: T0, bucketMs: 500, acked: [acked], bad: [bad] },
  },
});
const model = () => new LiveModel(PLAN, T0 - 4_000);
const recovered = (verdict: 'pass' | 'fail') => [{ stepId: 'recover', results: [{ check: 'recovered', verdict, seen: '' }] }];

test('before the first fault time counts from the start, objectives wait, and nothing is at risk or safe', () => {
  const s = model().state(state(), writer(100, 0), T0);
  expect(s).toMatchObject({ title: 'stale', target: 'local (3 × MySQL 9.7.4)', t0Known: false, elapsedMs: 4_000, phase: 'writing' });
  expect(s.serviceRto).toEqual({ ms: null, objectiveMs: 10_000, state: 'waiting' });
  expect(s.writes).toEqual({ ackedPerS: 100, failedPerS: 0, atRisk: null, atRiskOn: null });
});

test('a target that is not locked yet is named by its system; without a writer there is no rate', () => {
  expect(model().state(state({ version: '' }), SILENT, T0)).toMatchObject({ target: 'local (3 × mysql)', writes: null });
});

test('from the first fault on time counts from the earlier end of its effect, each objective from its own fault', () => {
  const s = model().state(broken(), writer(0, 100, 480), T0 + 7_000);
  expect(s).toMatchObject({ t0Known: true, elapsedMs: 7_000 });
  expect([s.serviceRto, s.dataRto]).toEqual([
    { ms: 2_000, objectiveMs: 10_000, state: 'running' },
    { ms: 7_000, objectiveMs: 60_000, state: 'running' },
  ]);
  expect(s.writes).toEqual({ ackedPerS: 0, failedPerS: 100, atRisk: 480, atRiskOn: 'db1' });
});

const after = (...seconds: [atMs: number, w: TargetNow][]) => {
  const m = model();
  m.state(state(), writer(100, 0), T0);
  return seconds.map(([at, w]) => m.state(broken(), w, T0 + at).serviceRto);
};

describe('service is back', () => {
  test.each<[string, [number, TargetNow][], object]>([
    ['after a healthy second', [[9_000, writer(100, 0)]], { ms: 3_000, state: 'met' }],
    ['not while one in fifty fails', [[9_000, writer(98, 2)]], { state: 'running' }],
    ['not without writes', [[9_000, writer(0, 0)]], { state: 'running' }],
    ['not without a writer', [[9_000, SILENT]], { state: 'running' }],
    ['not in the second of the fault itself, which had healthy writes', [[5_500, writer(100, 0)]], { state: 'running' }],
    ['late, that is missed', [[17_000, writer(100, 0)]], { ms: 11_000, state: 'missed' }],
    [
      'and the figure stays',
      [
        [9_000, writer(100, 0)],
        [30_000, writer(0, 100)],
      ],
      { ms: 3_000, state: 'met' },
    ],
  ])('%s', (_, seconds, rto) => expect(after(...seconds).at(-1)).toMatchObject(rto));

  test('before anybody looked: for how long it was down is not claimed', () => {
    expect(model().state(broken(), writer(100, 0), T0 + 9_000).serviceRto).toEqual({ ms: null, objectiveMs: 10_000, state: 'unknown' });
    const m = model();
    m.state(broken(), writer(0, 100), T0 + 8_000);
    expect(m.state(broken(), writer(100, 0), T0 + 9_500).serviceRto).toMatchObject({ ms: 3_500, state: 'met' });
  });
});

describe('data is back', () => {
  test('when the check of the rows has passed, and then nothing is at risk', () => {
    const m = model();
    expect(m.state(broken({ checks: recovered('fail') }), writer(100, 0, 480), T0 + 20_000)).toMatchObject({
      dataRto: { state: 'running' },
      writes: { atRisk: 480 },
    });
    const s = m.state(broken({ checks: recovered('pass') }), writer(100, 0, 480), T0 + 25_000);
    expect(s).toMatchObject({ dataRto: { ms: 25_000, state: 'met' }, writes: { atRisk: 0, atRiskOn: null } });
    expect(m.state(broken({ checks: recovered('pass') }), SILENT, T0 + 90_000).dataRto).toEqual({ ms: 25_000, objectiveMs: 60_000, state: 'met' });
  });
  test('too late is missed', () =>
    expect(model().state(broken({ checks: recovered('pass') }), SILENT, T0 + 61_000).dataRto).toMatchObject({ state: 'missed' }));
});

test('a step takes time from its opening to its end', () => {
  const steps = new Steps(PLAN.steps);
  const took = (nowMs: number) => model().state(state({ steps: steps.states }), SILENT, nowMs).steps[0]!.tookMs;
  expect(took(T0)).toBeNull();
  steps.open('fence', { viewDigest: '', instructionsDigest: '' }, T0);
  expect(took(T0 + 700)).toBe(700);
  steps.verified('fence', T0 + 900);
  expect(took(T0 + 5_000)).toBe(900);
});

test('problems are told once, in order', () => {
  const m = model();
  m.state(state({ problems: ['one'] }), SILENT, T0);
  m.state(state({ problems: ['one'] }), SILENT, T0);
  expect(m.state(state({ problems: ['one', 'two'] }), SILENT, T0).messages).toEqual(['one', 'two']);
});

const stale = (startMs: number) => ({ node: 'db1', startMs, bucketMs: 500, staleMs: [90_000, 90_000, 90_000, 40, 20] });
test('how stale a node was before the first write is not told: its heartbeat was one of long ago', () => {
  const m = model();
  const told = (target: TargetNow) => m.state(state(), target, T0).curves.staleness;
  expect(told({ ...SILENT, staleness: [stale(T0 - 1_300)] })).toEqual([]);
  expect(told({ ...writer(1, 0), staleness: [stale(T0 - 1_300), stale(T0 - 9_000)] })).toEqual([
    { node: 'db1', startMs: T0 + 200, bucketMs: 500, staleMs: [40, 20] },
  ]);
  // what was written stays to be seen when the writer has stopped
  expect(m.state(state(), SILENT, T0).curves.rates).toMatchObject({ startMs: T0, acked: [1] });
});
