/** How fast people were: which acts count, from when, and what an objective makes of it. And where the time of a step went. */
import type { Envelope, Transition } from '../../core/message.ts';
import type { HistoryEntry, HistoryEvent } from '../../core/history.ts';
import type { Plan } from '../../core/plan.ts';
import { buildReport } from '../../core/report.ts';
import { peopleFigures } from '../../core/verdict/people.ts';
import { computeVerdict } from '../../core/verdict.ts';
import { reportInput } from '../fixtures/bundle.ts';
import { at, passingBundle } from './verdict-bundle.ts';

const envelope = (by: string, transition: Transition, stepId = 'recover'): Envelope => ({ by, transition, stepId }) as Envelope;
type Said = [number, string, Transition];
/** T0 is at 6,000; the drill's last entry at 22,000. */
function withActs(acts: Said[], objectives: Partial<Plan['objectives']> = {}) {
  const bundle = passingBundle();
  bundle.plan = { ...bundle.plan, rehearsal: null, objectives: { ...bundle.plan.objectives, ...objectives } };
  const told = acts.map(([ms, by, t]): HistoryEntry => {
    const event = { kind: 'comment', stepId: 'recover', envelope: envelope(by, t) } satisfies HistoryEvent;
    return { ...event, n: 0, prev: '', at: at(ms), recorded: at(ms) };
  });
  bundle.history = [...bundle.history, ...told].toSorted((a, b) => a.at.wallMs - b.at.wallMs);
  return bundle;
}
const figures = (acts: Said[]) => Object.values(peopleFigures(withActs(acts))!).map((f) => f.ms);

test.each<[string, Said[], (number | null)[]]>([
  ['nobody', [], [null, null, null]],
  ['whoever takes a step has detected', [[9_000, 'Ada', 'acknowledge']], [3_000, 3_000, null]],
  [
    'who speaks has detected',
    [
      [7_000, 'Ada', 'comment'],
      [9_000, 'Ada', 'acknowledge'],
      [9_500, 'Ada', 'delegate'],
      [11_000, 'Ben', 'skip'],
    ],
    [1_000, 3_000, 5_000],
  ],
  ['before the fault nothing counts', [[5_999, 'Ada', 'comment']], [null, null, null]],
  ['an abort shows nothing', [[7_000, 'Ada', 'abort']], [null, null, null]],
  ['a refusal to go on is a decision', [[8_000, 'Ada', 'reject']], [2_000, null, 2_000]],
])('%s', (_, acts, ms) => expect(figures(acts)).toEqual(ms));

test('a rehearsal tells nothing of people, whatever the runbook asks', () => {
  const bundle = { ...withActs([[9_000, 'x', 'acknowledge']], { detection: { withinMs: 1, from: 'cut' } }) };
  bundle.plan = { ...bundle.plan, rehearsal: 'default' };
  expect(peopleFigures(bundle)).toBeNull();
  expect(
    computeVerdict(bundle)
      .reasons.map((r) => r.text)
      .join(),
  ).not.toContain('detection');
});

test.each<[string, Said[], number, string | null]>([
  ['in time', [[9_000, 'Ada', 'acknowledge']], 3_000, null],
  ['late', [[9_000, 'Ada', 'acknowledge']], 2_999, 'fail acknowledgement: 3.0 s, objective 3.0 s'],
  ['never, and the time was over', [], 15_999, 'fail acknowledgement: nobody took a step, objective 16.0 s'],
  ['never, and the drill was over before', [], 16_001, 'unknown acknowledgement: nobody took a step'],
])('an objective that was reached %s', (_, acts, withinMs, reason) => {
  const { reasons } = computeVerdict(withActs(acts, { acknowledgement: { withinMs, from: 'cut' } }));
  expect(reasons.map((r) => `${r.verdict} ${r.text}`).find((r) => r.includes('acknowledgement')) ?? null).toBe(reason);
});

test('counted from another fault, where the runbook says so', () => {
  const bundle = withActs([[9_000, 'Ada', 'acknowledge']], { acknowledgement: { withinMs: 1_500, from: 'kill' } });
  expect(peopleFigures(bundle)!.acknowledgement).toMatchObject({ ms: 1_000, met: true, note: 'Ada: acknowledge of recover' });
});

test('the report has them, with their objectives', () => {
  const input = reportInput('pass');
  const plan = {
    ...input.plan,
    rehearsal: null,
    announce: 'at-fault' as const,
    objectives: { ...input.plan.objectives, decision: { withinMs: 60_000, from: 'kill-source' } },
  };
  const verdict = computeVerdict({ ...input, plan, rows: [] });
  const m = buildReport({ ...input, plan, verdict });
  expect(m.people.figures.map((f) => [f.id, f.state, f.objectiveSays, f.from])).toEqual([
    ['detection', 'plain', '', ''],
    ['acknowledgement', 'plain', '', ''],
    ['decision', 'met', 'within 1 min', 'from “kill db1”'],
  ]);
  expect([m.note, m.meta.unannounced, m.story.join(' ')]).toEqual(['unannounced', true, expect.stringContaining('Nobody of the crew was told')]);
  expect(buildReport(input).people.figures).toEqual([]);
});

describe('where the time of a step went', () => {
  const input = reportInput('pass');
  const { stepId } = input.history.find((e) => e.kind === 'step-opened')!;
  const boot = input.history[0]!.at.boot;
  const zero = input.history.find((e) => e.kind === 'fault-injected')!.effect.absent;
  /** seconds since T0 */
  const tell = (s: number, event: Partial<HistoryEvent> & { kind: string }): HistoryEntry => {
    const now = { wallMs: zero.wallMs + s * 1_000, monoNs: String(BigInt(zero.monoNs) + BigInt(s) * 1_000_000_000n), boot, by: 'engine' };
    return { stepId, attempt: 1, ...event, n: 0, prev: '', at: now, recorded: now } as HistoryEntry;
  };
  const passed = { kind: 'step-checked', viewDigest: '', results: [{ check: 'x', verdict: 'pass', seen: '' }] } satisfies Partial<HistoryEvent>;
  const took = (...events: HistoryEntry[]) => {
    const others = input.history.filter((e) => !e.kind.startsWith('step-'));
    const [row] = buildReport({ ...input, history: [...others, ...events] }).people.rows;
    const { waitingMs, personMs, machineMs, tookMs, engineGapMs } = row!;
    if (tookMs !== null) expect(waitingMs! + (personMs ?? 0) + (machineMs ?? 0) + engineGapMs).toBe(tookMs);
    return [waitingMs, personMs, machineMs];
  };
  const opened = tell(10, { kind: 'step-opened', viewDigest: '', instructionsDigest: '' });
  const says = (s: number, kind: string, by: string) => tell(s, { kind, envelope: envelope(by, 'acknowledge', stepId) } as never);

  test.each<[string, HistoryEntry[], (number | null)[]]>([
    [
      'taken, done, checked',
      [opened, says(12, 'step-acknowledged', 'Ada'), says(15, 'step-done', 'Ada'), tell(16, passed), tell(16, { kind: 'step-verified' })],
      [2_000, 3_000, 1_000],
    ],
    [
      'handed over: nobody has it until the other one takes it',
      [
        opened,
        says(11, 'step-acknowledged', 'Ada'),
        says(13, 'step-delegated', 'Ada'),
        says(17, 'step-acknowledged', 'Ben'),
        says(20, 'step-done', 'Ben'),
        tell(21, passed),
        tell(21, { kind: 'step-verified' }),
      ],
      [5_000, 5_000, 1_000],
    ],
    [
      'taken over: somebody has it all the time',
      [
        opened,
        says(11, 'step-acknowledged', 'Ada'),
        says(13, 'step-acknowledged', 'Ben'),
        says(14, 'step-done', 'Ben'),
        tell(15, passed),
        tell(15, { kind: 'step-verified' }),
      ],
      [1_000, 3_000, 1_000],
    ],
    [
      'approved: the approver let it wait',
      [
        opened,
        says(11, 'step-acknowledged', 'Ada'),
        says(12, 'step-done', 'Ada'),
        tell(14, passed),
        says(19, 'step-approved', 'Cleo'),
        tell(19, { kind: 'step-verified' }),
      ],
      [6_000, 1_000, 2_000],
    ],
    ['skipped before anybody took it', [opened, says(14, 'step-skipped', 'Cleo')], [4_000, null, null]],
    ['open, and taken', [opened, says(12, 'step-acknowledged', 'Ada')], [2_000, 0, null]],
    ['open, and nobody’s', [opened], [null, null, null]],
  ])('%s', (_, events, parts) => expect(took(...events)).toEqual(parts));
});
