import type { HistoryEvent } from '../../core/history.ts';
import { digestOf } from '../../core/json.ts';
import { computeVerdict } from '../../core/verdict.ts';
import { at, passingBundle, signed } from './verdict-bundle.ts';
import type { TestBundle } from './verdict-bundle.ts';

const STEP = { stepId: 'recover', attempt: 1 };
const done = (envelope = signed('Ada', 'done')): HistoryEvent => ({ kind: 'step-done', ...STEP, envelope });
const approved = (envelope = signed('Ben', 'approve'), attempt = 1): HistoryEvent => ({ kind: 'step-approved', ...STEP, attempt, envelope });

function judge(events: HistoryEvent[], approve?: string, harm: (b: TestBundle) => void = () => {}): string[] {
  const bundle = passingBundle();
  if (approve !== undefined) bundle.plan.steps[0]!.approve = approve;
  const started = bundle.history[0]!;
  if (started.kind === 'drill-started') started.planDigest = digestOf(bundle.plan);
  for (const e of events) bundle.history.push({ ...e, n: bundle.history.length + 1, prev: '', at: at(13_000), recorded: at(13_000) });
  harm(bundle);
  const { verdict, reasons } = computeVerdict(bundle);
  expect(verdict).toBe(reasons.length === 0 ? 'pass' : 'unknown');
  return reasons.map((r) => r.text);
}

test('acts that are signed as they must be say nothing against a pass', () => {
  const delegated: HistoryEvent = { kind: 'step-delegated', ...STEP, to: 'Ada', envelope: signed('Ada', 'delegate') };
  const back: HistoryEvent = { kind: 'step-sent-back', ...STEP, seen: [], envelope: signed('Ben', 'send-back') };
  const comment: HistoryEvent = { kind: 'comment', stepId: 'recover', envelope: signed('Ben', 'comment') };
  expect(judge([{ kind: 'step-acknowledged', ...STEP, envelope: signed('Ada', 'acknowledge') }, delegated, comment, back, done()])).toEqual([]);
});

const tampered = { ...signed('Ada', 'done'), inputs: { rows: '7' } };
test.each<[string, HistoryEvent, string]>([
  ['changed after it was signed', done(tampered), 'entry 14 (step-done of recover) is not signed as it must be: the signature does not fit the message'],
  [
    'by somebody without the right',
    approved(signed('Ada', 'approve')),
    'entry 14 (step-approved of recover) is not signed as it must be: Ada may not approve: it takes the right approver',
  ],
  ['by a stranger', done({ ...signed('Ada', 'done'), by: 'Eve' }), 'entry 14 (step-done of recover) is not signed as it must be: key Ada may not sign for Eve'],
  [
    'from another drill',
    done(signed('Ada', 'done', { drillId: 'x' })),
    'entry 14 (step-done of recover) is not signed as it must be: the message is for drill x',
  ],
  ['of another step', done(signed('Ada', 'done', { stepId: 'fence' })), 'entry 14 (step-done of recover) carries a signature for something else: step fence'],
  ['of another act', done(signed('Ada', 'acknowledge')), 'entry 14 (step-done of recover) carries a signature for something else: acknowledge'],
])('an act %s', (_, event, says) => expect(judge([event])).toEqual([says]));

const both = (b: TestBundle): void => {
  b.plan.keys[0]!.people[0] = { name: 'Ada', roles: ['dba', 'lead'], rights: ['responder', 'approver'] };
  const started = b.history[0]!;
  if (started.kind === 'drill-started') started.planDigest = digestOf(b.plan);
};

describe('a step that a second person approves', () => {
  const missing = 'step recover was not approved by a second person, as the runbook demands';
  test.each<[string, HistoryEvent[], string[]]>([
    ['approved', [done(), approved()], []],
    ['not approved', [done()], [missing]],
    ['not even done', [], [missing]],
    ['approved before the attempt that counts', [done(), approved(signed('Ben', 'approve'), 0)], [missing]],
  ])('%s', (_, events, says) => expect(judge(events, 'lead')).toEqual(says));

  test('approved by its doer, with both rights', () => {
    const own = [done(), approved(signed('Ada', 'approve', { role: 'lead' }))];
    expect(judge(own, 'lead', both)).toEqual(['step recover was approved by Ada, who did it']);
  });
  test('approved in another role', () => expect(judge([done(), approved()], 'boss')).toEqual(['step recover was approved in the role lead, not boss']));
});
