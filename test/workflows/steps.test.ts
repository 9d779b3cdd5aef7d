/** The human steps as a state machine: what may be said when, and what it changes. */
import type { Envelope, Transition } from '../../core/message.ts';
import type { StepPlan } from '../../core/plan.ts';
import { Steps } from '../../workflows/steps.ts';
import type { StepStatus } from '../../workflows/steps.ts';

const VIEW = 'a'.repeat(64);
const step = (id: string, more: Partial<StepPlan> = {}): StepPlan => ({
  id,
  title: id,
  role: 'sre',
  budgetMs: 30_000,
  needs: [],
  inputs: [],
  checks: [],
  ...more,
});
const PLAN: StepPlan[] = [
  step('fence', {
    inputs: [
      { name: 'how', type: 'choice', ask: 'How?', choices: ['socket', 'file'] },
      { name: 'seconds', type: 'number', ask: 'How long?' },
    ],
  }),
  step('collect', { needs: ['fence'], role: 'dba' }),
  step('list', { needs: ['fence'] }),
  step('recover', { needs: ['collect', 'list'] }),
];

const say = (transition: Transition, more: Partial<Envelope> = {}): Envelope => ({
  messageId: 'm1',
  drillId: 'd1',
  stepId: 'fence',
  attempt: 1,
  transition,
  by: 'Ada',
  role: 'sre',
  inputs: { how: 'file', seconds: '7' },
  viewDigest: VIEW,
  reason: 'because',
  claimedAt: 1,
  signedBy: 'ada',
  signature: '',
  ...more,
});
const opened = (steps: Steps, id: string, now = 10) => (steps.open(id, { viewDigest: VIEW, instructionsDigest: 'b' }, now), steps);

/** A machine whose first step is in a given state, reached by the transitions that lead there. */
function inState(status: StepStatus): Steps {
  const steps = new Steps(PLAN);
  if (status === 'pending') return steps;
  opened(steps, 'fence');
  if (status === 'active') return steps;
  if (status === 'skipped' || status === 'rejected') {
    steps.apply(say(status === 'skipped' ? 'skip' : 'reject'), 20);
    return steps;
  }
  steps.apply(say('acknowledge'), 20);
  if (status === 'acknowledged') return steps;
  steps.apply(say('done'), 30);
  if (status === 'verified') steps.verified('fence', 40);
  return steps;
}

describe('what may be said in which state', () => {
  const states: StepStatus[] = ['pending', 'active', 'acknowledged', 'done', 'verified', 'skipped', 'rejected'];
  const allowed: Partial<Record<Transition, StepStatus[]>> = {
    acknowledge: ['active'],
    done: ['acknowledged'],
    skip: ['active', 'acknowledged'],
    reject: ['active', 'acknowledged'],
    comment: states,
    abort: states,
  };
  const rows = states.flatMap((state) => (Object.keys(allowed) as Transition[]).map((t) => [t, state, allowed[t]!.includes(state)] as const));
  test.each(rows)('%s of a step that is %s: %s', (transition, state, may) => {
    expect(inState(state).stateOf('fence').status).toBe(state);
    const why = inState(state).refusal(say(transition));
    if (may) expect(why).toBeNull();
    else expect(why).toBe(`step fence is ${state}`);
  });
});

test.each<[string, Envelope, string | null]>([
  ['the right words', say('done'), null],
  ['another role', say('done', { role: 'dba' }), 'step fence is for the role sre, not dba'],
  ['an attempt that is over', say('done', { attempt: 0 }), 'step fence is at attempt 1, the message is for attempt 0'],
  ['an attempt to come', say('done', { attempt: 2 }), 'step fence is at attempt 1, the message is for attempt 2'],
  ['no such step', say('done', { stepId: 'dance' }), 'no step dance in this runbook'],
  ['a step of the prototype', say('done', { stepId: 'constructor' }), 'no step constructor in this runbook'],
  ['a stale view', say('done', { viewDigest: 'c'.repeat(64) }), 'the evidence changed since it was shown (signed cccccccccccc, now aaaaaaaaaaaa)'],
  ['no view', say('done', { viewDigest: '' }), 'the evidence changed since it was shown (signed , now aaaaaaaaaaaa)'],
  ['an input left out', say('done', { inputs: { seconds: '1' } }), 'input how is missing: How?'],
  ['an empty input', say('done', { inputs: { how: '', seconds: '1' } }), 'input how is missing: How?'],
  ['a choice that is none', say('done', { inputs: { how: 'hope', seconds: '1' } }), 'input how must be one of socket, file'],
  ['a number in words', say('done', { inputs: { how: 'file', seconds: 'many' } }), 'input seconds must be a number'],
  ['a number of blanks', say('done', { inputs: { how: 'file', seconds: '  ' } }), 'input seconds is missing: How long?'],
  ['a skip without a reason', say('skip', { reason: '' }), 'to skip needs a reason'],
  ['a rejection without a reason', say('reject', { reason: '' }), 'to reject needs a reason'],
  ['a blank reason', say('skip', { reason: '  ' }), 'to skip needs a reason'],
  ['an empty comment', say('comment', { reason: '' }), 'an empty comment'],
  ['a comment in another role', say('comment', { role: 'guest', attempt: 9 }), null],
  ['an abort without a reason', say('abort', { reason: '', stepId: '' }), 'an abort needs a reason'],
  ['an abort of the drill', say('abort', { stepId: '', attempt: 0 }), null],
])('on an acknowledged step: %s', (_, envelope, why) => expect(inState('acknowledged').refusal(envelope)).toBe(why));

test('what was said is kept: who, when, with which inputs', () => {
  expect(inState('verified').stateOf('fence')).toEqual({
    id: 'fence',
    title: 'fence',
    role: 'sre',
    roles: ['sre'],
    delegate: null,
    approver: null,
    status: 'verified',
    attempt: 1,
    budgetMs: 30_000,
    overdue: false,
    viewDigest: VIEW,
    instructionsDigest: 'b',
    by: 'Ada',
    openedAt: 10,
    acknowledgedAt: 20,
    missed: 0,
    handedAt: null,
    doneAt: 30,
    checkedAt: null,
    endedAt: 40,
    sentBack: [],
    done: say('done'),
  });
});

test('a message that is refused changes nothing', () => {
  const steps = inState('acknowledged');
  const before = structuredClone(steps.states);
  expect(steps.refusal(say('done', { inputs: {}, by: 'Eve' }))).not.toBeNull();
  expect(steps.states).toEqual(before);
});

test('a failing check sends the step back: a new attempt with what was seen; words for the old attempt are refused', () => {
  const steps = inState('done');
  const seen = steps.sendBack('fence', [
    { check: 'fenced', verdict: 'fail', seen: 'the socket took a write' },
    { check: 'quiet', verdict: 'pass', seen: 'quiet' },
    { check: 'alone', verdict: 'unknown', seen: 'nobody answered' },
  ]);
  expect(seen).toEqual(['fenced: the socket took a write', 'alone: nobody answered']);
  expect(steps.stateOf('fence')).toMatchObject({ status: 'pending', attempt: 2, sentBack: seen });
  expect(steps.ready().map((s) => s.id)).toEqual(['fence']);
  expect(steps.refusal(say('acknowledge', { attempt: 2 }))).toBe('step fence is pending');
  opened(steps, 'fence', 50);
  expect(steps.stateOf('fence')).toMatchObject({ openedAt: 50, acknowledgedAt: null, doneAt: null, done: null, by: null });
  expect(steps.refusal(say('acknowledge'))).toBe('step fence is at attempt 2, the message is for attempt 1');
  expect(steps.refusal(say('acknowledge', { attempt: 2 }))).toBeNull();
});

test('an overdue attempt does not make the next one overdue', () => {
  const steps = inState('done');
  steps.stateOf('fence').overdue = true;
  steps.sendBack('fence', []);
  opened(steps, 'fence', 50);
  expect(steps.stateOf('fence').overdue).toBe(false);
});

const ready = (steps: Steps) => steps.ready().map((s) => s.id);
const finish = (steps: Steps, id: string, how: 'verified' | 'skip' | 'reject' | 'done') => {
  opened(steps, id);
  if (how === 'skip' || how === 'reject') steps.apply(say(how, { stepId: id }), 20);
  else {
    steps.apply(say('acknowledge', { stepId: id }), 20);
    steps.apply(say('done', { stepId: id }), 30);
    if (how === 'verified') steps.verified(id, 40);
  }
};

describe('what may open', () => {
  test('steps without needs first, others when all they need has ended well', () => {
    const steps = new Steps(PLAN);
    expect(ready(steps)).toEqual(['fence']);
    opened(steps, 'fence');
    expect(ready(steps)).toEqual([]);
    finish(steps, 'fence', 'done');
    expect(ready(steps)).toEqual([]);
    steps.verified('fence', 40);
    expect(ready(steps)).toEqual(['collect', 'list']);
    finish(steps, 'collect', 'verified');
    expect(ready(steps)).toEqual(['list']);
    finish(steps, 'list', 'skip');
    expect(ready(steps)).toEqual(['recover']);
    expect(steps.allEnded).toBe(false);
    finish(steps, 'recover', 'verified');
    expect([steps.allEnded, steps.rejected]).toEqual([true, undefined]);
  });
  test('a rejected step opens nothing', () => {
    const steps = new Steps(PLAN);
    finish(steps, 'fence', 'reject');
    expect([ready(steps), steps.rejected?.id, steps.allEnded]).toEqual([[], 'fence', false]);
  });
});

test('inputs of earlier steps, by step; a step that was sent back owes them anew', () => {
  const steps = inState('verified');
  expect(steps.inputs).toEqual({ fence: { how: 'file', seconds: '7' } });
  opened(steps, 'collect');
  steps.apply(say('acknowledge', { stepId: 'collect' }), 50);
  expect(Object.keys(steps.inputs)).toEqual(['fence']);
  steps.apply(say('done', { stepId: 'collect', inputs: {} }), 60);
  steps.sendBack('collect', []);
  opened(steps, 'collect');
  expect(Object.keys(steps.inputs)).toEqual(['fence']);
});

test('states carried into a new run go on where they were', () => {
  const before = inState('acknowledged');
  const after = new Steps(PLAN, { carried: structuredClone(before.states) });
  expect(after.refusal(say('done'))).toBeNull();
  after.apply(say('done'), 70);
  expect([after.stateOf('fence').status, before.stateOf('fence').status]).toEqual(['done', 'acknowledged']);
});
