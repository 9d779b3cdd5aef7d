import { parse } from 'yaml';
import type { PublicKeyEntry } from '../../../core/message.ts';
import { durationMs, durationText } from '../../../core/runbook/duration.ts';
import { criticalPath } from '../../../core/runbook/lint.ts';
import { compilePlan } from '../../../core/runbook/plan-compile.ts';
import type { PlanSources } from '../../../core/runbook/plan-compile.ts';
import { rehearsalOf } from '../../../core/runbook/rehearsal.ts';
import { runbookSchema } from '../../../core/runbook/schema.ts';
import type { Runbook } from '../../../core/runbook/schema.ts';
import { CATALOGUE, INVENTORY as inventory, RUNBOOK } from '../../support/runbook.ts';

const operator: PublicKeyEntry = { id: 'operator', publicKey: 'a'.repeat(64), kind: 'operator', people: [{ name: 'operator', roles: ['sre', 'dba'] }] };
const runbook = (change: (r: Runbook) => void = () => undefined): Runbook => {
  const r = runbookSchema.parse(parse(RUNBOOK));
  change(r);
  return r;
};
const sources = (change: Partial<PlanSources> = {}): PlanSources => ({
  ...CATALOGUE,
  runbook: runbook(),
  runbookDigest: 'd'.repeat(64),
  inventory,
  keys: [operator],
  rehearsal: 'default',
  ...change,
});
const refused = (change: Partial<PlanSources>) => expect(() => compilePlan(sources(change)));
const coded = (code: string, message = '') => expect.objectContaining({ code, message: expect.stringContaining(message) as string }) as Error;

test('the plan has milliseconds, titles, defaults and nothing of the texts', () => {
  const plan = compilePlan(sources());
  expect(plan).toMatchObject({
    version: 1,
    runbook: 'small',
    target: { name: 'local', nodes: ['db1', 'db2', 'db3'], disposable: true },
    objectives: {
      serviceRto: { withinMs: 30_000, from: 'kill-source' },
      dataRto: { withinMs: 300_000, from: 'cut' },
      convergence: { withinMs: 360_000, from: 'cut' },
      rpoWrites: 0,
    },
    workload: { rate: 100, concurrency: 16, payloadBytes: 64, hotKeys: 64, timeoutMs: 1_000 },
    expect: { lostTransactions: 1, conflicts: { 'insert/insert': 20 } },
    rules: { conflict: 'new-wins', identity: { 'drill.orders': 'write_id' } },
    limits: { drillMs: 600_000, sessionLostMs: 60_000, catchUpMs: 30_000 },
    rehearsal: 'default',
  });
  expect(plan.chain).toEqual([
    { id: 'baseline', title: 'all is well for 3s', do: 'baseline', with: { forMs: 3_000 }, undo: 'none' },
    {
      id: 'cut',
      title: 'partition db1',
      do: 'partition',
      with: { node: 'db1', from: ['db2', 'db3'] },
      undo: 'leased',
      leaseMs: 30_000,
      heldUntil: 'kill-source',
    },
    { id: 'isolated', title: 'writes go on for 4500ms (isolated)', do: 'writes', with: { phase: 'isolated', forMs: 4_500 }, undo: 'none' },
    { id: 'kill-source', title: 'The source dies', do: 'kill-node', with: { node: 'db1' }, undo: 'one-way' },
    { id: 'promote-db2', title: 'promote db2', do: 'promote', with: { node: 'db2' }, undo: 'one-way' },
  ]);
  expect(plan.steps[0]).toEqual({
    id: 'fence',
    title: 'Fence',
    role: 'sre',
    budgetMs: 30_000,
    needs: [],
    inputs: [{ name: 'how', type: 'choice', ask: 'How?', choices: ['socket', 'file'] }],
    checks: [{ check: 'fenced', with: { node: 'db1' } }],
  });
  expect(JSON.stringify(plan)).not.toContain('{{');
  expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
});

test('a plan without a service objective has none', () => {
  const r = runbook((it) => delete it.objectives['service-rto']);
  expect(compilePlan(sources({ runbook: r })).objectives).not.toHaveProperty('serviceRto');
});

test('what lint finds is refused, with the place when the file is known', () => {
  const r = runbook((it) => (it.steps[1]!.budget = '1h'));
  refused({ runbook: r }).toThrow(coded('DRILL_BUDGET_EXCEEDS_RTO', 'fence 30s + recover 1h'));
  refused({ runbook: r, file: 'x.yaml', locate: () => ({ line: 7, column: 9 }) }).toThrow(coded('DRILL_BUDGET_EXCEEDS_RTO', 'x.yaml:7:9: '));
});

test('a target that does not fit is refused', () => {
  refused({ inventory: { ...inventory, disposable: false } }).toThrow(coded('DRILL_TARGET_NOT_DISPOSABLE', 'kill-source: kill-node cannot be undone'));
  refused({ inventory: { ...inventory, drills: 'forbidden' } }).toThrow(coded('DRILL_TARGET_FORBIDDEN'));
  refused({ inventory: { ...inventory, nodes: ['a', 'b', 'c'] } }).toThrow(coded('DRILL_UNKNOWN_NODE', 'no node db1'));
});

test('an unknown rehearsal names those that exist; names of Object are no rehearsals', () => {
  refused({ rehearsal: 'forced' }).toThrow(expect.objectContaining({ code: 'DRILL_REHEARSAL_UNKNOWN', hint: 'it has: default, wrong' }) as Error);
  refused({ rehearsal: 'constructor' }).toThrow(coded('DRILL_REHEARSAL_UNKNOWN'));
});

test('a role that nobody may sign for is refused; the operator fills none in a real drill', () => {
  refused({ keys: [{ ...operator, people: [{ name: 'operator', roles: ['sre'] }] }] }).toThrow(
    coded('DRILL_ROLE_UNFILLED', 'nobody in the crew has the role dba'),
  );
  refused({ rehearsal: null }).toThrow(coded('DRILL_ROLE_UNFILLED', 'sre, dba'));
  expect(compilePlan(sources({ rehearsal: null, keys: [{ ...operator, kind: 'person' }] })).rehearsal).toBeNull();
});

test('a plan over 64 KB is refused', () => {
  const r = runbook((it) => {
    it.steps = Array.from({ length: 400 }, (_, i) => ({ ...it.steps[1]!, id: `s${i}`, title: 'T'.repeat(150), needs: [], budget: '1s' }));
    it.rehearsals = {};
  });
  refused({ runbook: r, rehearsal: null, keys: [{ ...operator, kind: 'person' }] }).toThrow(coded('DRILL_RUNBOOK_TOO_LARGE', 'bytes, at most 65536'));
});

test('the critical path is the longest by budget, not by steps', () => {
  const step = (id: string, budget: string, needs: string[]) => ({ ...runbook().steps[1]!, id, budget, needs });
  const r = runbook(
    (it) => (it.steps = [step('a', '1m', []), step('b', '10s', ['a']), step('c', '10s', ['b']), step('d', '5m', ['a']), step('e', '1s', ['c', 'd'])]),
  );
  expect(criticalPath(r)).toEqual({ ids: ['a', 'd', 'e'], ms: 361_000 });
});

test('a rehearsal overrides what it names and keeps the rest', () => {
  expect(rehearsalOf(runbook(), 'wrong')).toEqual({
    name: 'wrong',
    title: 'Wrong on purpose',
    onSentBack: 'skip',
    steps: { fence: { script: 'echo {{sh work}}\n', inputs: { how: 'file' } }, recover: { script: 'false', inputs: {} } },
  });
  expect(rehearsalOf(runbook(), 'default')).toMatchObject({ onSentBack: 'stop', steps: { recover: { script: 'true' } } });
});

test.each([
  ['500ms', 500],
  ['30s', 30_000],
  ['5m', 300_000],
  ['2h', 7_200_000],
  ['30d', 2_592_000_000],
])('%s is %d ms, and back', (text, ms) => {
  expect(durationMs(text)).toBe(ms);
  expect(durationMs(durationText(ms))).toBe(ms);
});
test.each(['', '0s', '5', 's', '-1s', '1.5s', '5 m', '5M', '1e3s', '05s'])('%j is no duration', (text) => expect(durationMs(text)).toBeNaN());
