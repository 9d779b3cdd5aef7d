/**
 * Who may do what, when: every person of a crew × every transition × every state of a step, against a table that is written here by hand, through the same two
 * functions as in the workflow. Envelopes are really signed.
 */
import { crewOf, newKeyPair, refusalOf, signEnvelope, TRANSITIONS } from '../../core/message.ts';
import type { CrewMember, Envelope, PublicKeyEntry, Transition } from '../../core/message.ts';
import type { StepPlan } from '../../core/plan.ts';
import { Steps } from '../../workflows/steps.ts';
import type { StepStatus } from '../../workflows/steps.ts';

const PEOPLE = {
  Ada: { roles: ['dba'], rights: ['responder'] },
  Ben: { roles: ['dba'], rights: ['responder'] },
  Cleo: { roles: ['lead'], rights: ['approver'] },
  /** may do the step and approve it, not both */
  Dan: { roles: ['dba', 'lead'], rights: ['responder', 'approver'] },
  Eve: { roles: ['sre'], rights: ['responder', 'approver'] },
  Fay: { roles: ['sre'], rights: ['coordinator'] },
  Gus: { roles: ['dba'], rights: ['viewer'] },
  Hal: { roles: ['lead'], rights: ['auditor'] },
  Ida: { roles: ['night'], rights: ['responder'] },
} satisfies Record<string, Pick<CrewMember, 'roles' | 'rights'>>;
type Name = keyof typeof PEOPLE;
const NAMES = Object.keys(PEOPLE) as Name[];

const secrets = Object.fromEntries(NAMES.map((n) => [n, newKeyPair()]));
const KEYS: PublicKeyEntry[] = NAMES.map((name) => ({ id: name, publicKey: secrets[name]!.publicKey, kind: 'person', people: [{ name, ...PEOPLE[name] }] }));
const VIEW = 'a'.repeat(64);
const STEP: StepPlan = { id: 'recover', title: 'Recover', role: 'dba', budgetMs: 1, needs: [], inputs: [], escalate: ['night'], approve: 'lead', checks: [] };

type Situation = StepStatus | 'escalated' | 'handed to Eve' | 'handed, escalated';
const SITUATIONS: Situation[] = [
  'pending',
  'active',
  'acknowledged',
  'done',
  'checked',
  'verified',
  'skipped',
  'rejected',
  'escalated',
  'handed to Eve',
  'handed, escalated',
];

function say(by: Name, transition: Transition, more: Partial<Envelope> = {}): Envelope {
  const role = PEOPLE[by].roles.find((r) => r === (transition === 'approve' || transition === 'send-back' ? 'lead' : 'dba')) ?? PEOPLE[by].roles[0]!;
  const reason = transition === 'delegate' ? 'Ida' : 'because';
  const body = {
    messageId: 'm',
    drillId: 'd',
    stepId: STEP.id,
    attempt: 1,
    transition,
    by,
    role,
    inputs: {},
    viewDigest: VIEW,
    reason,
    claimedAt: 1,
    signedBy: by,
  };
  return signEnvelope({ ...body, ...more }, secrets[by]!.secretKey);
}

/** A step that Ada does. */
function inSituation(s: Situation): Steps {
  const steps = new Steps([STEP], { crew: crewOf(KEYS) });
  if (s === 'pending') return steps;
  steps.open(STEP.id, { viewDigest: VIEW, instructionsDigest: 'i' }, 1);
  if (s === 'escalated') steps.escalate(STEP.id);
  if (s === 'handed to Eve' || s === 'handed, escalated') {
    steps.apply(say('Ada', 'delegate', { reason: 'Eve' }), 2);
    steps.handed(STEP.id, 2);
    if (s === 'handed, escalated') steps.escalate(STEP.id);
  }
  if (['active', 'escalated', 'handed to Eve', 'handed, escalated'].includes(s)) return steps;
  if (s === 'skipped' || s === 'rejected') {
    steps.apply(say('Ada', s === 'skipped' ? 'skip' : 'reject'), 2);
    return steps;
  }
  steps.apply(say('Ada', 'acknowledge'), 2);
  if (s === 'acknowledged') return steps;
  steps.apply(say('Ada', 'done'), 3);
  if (s === 'done') return steps;
  steps.checked(STEP.id, VIEW, 4);
  if (s === 'verified') steps.apply(say('Cleo', 'approve'), 5);
  return steps;
}

/** By hand: who may. What is not here is refused. */
const MAY: Record<Transition, Partial<Record<Situation, Name[]>>> = {
  // another one of the role takes over
  acknowledge: {
    active: ['Ada', 'Ben', 'Dan'],
    acknowledged: ['Ben', 'Dan'],
    escalated: ['Ada', 'Ben', 'Dan', 'Ida'],
    'handed to Eve': ['Eve'],
    'handed, escalated': ['Eve', 'Ida'],
  },
  done: { acknowledged: ['Ada'] },
  approve: { checked: ['Cleo', 'Dan'] },
  'send-back': { checked: ['Cleo', 'Dan'] },
  reject: {
    active: ['Ada', 'Ben', 'Dan'],
    acknowledged: ['Ada', 'Ben', 'Dan'],
    escalated: ['Ada', 'Ben', 'Dan', 'Ida'],
    'handed to Eve': ['Eve'],
    'handed, escalated': ['Eve', 'Ida'],
  },
  skip: {
    active: ['Ada', 'Ben', 'Dan', 'Fay'],
    acknowledged: ['Ada', 'Ben', 'Dan', 'Fay'],
    checked: ['Fay'],
    escalated: ['Ada', 'Ben', 'Dan', 'Fay', 'Ida'],
    'handed to Eve': ['Eve', 'Fay'],
    'handed, escalated': ['Eve', 'Fay', 'Ida'],
  },
  delegate: {
    active: ['Ada', 'Ben', 'Dan', 'Fay'],
    acknowledged: ['Ada', 'Ben', 'Dan', 'Fay'],
    escalated: ['Ada', 'Ben', 'Dan', 'Fay', 'Ida'],
    'handed to Eve': ['Eve', 'Fay'],
    'handed, escalated': ['Eve', 'Fay', 'Ida'],
  },
  comment: Object.fromEntries(SITUATIONS.map((s) => [s, NAMES.filter((n) => n !== 'Gus' && n !== 'Hal')])),
  abort: Object.fromEntries(SITUATIONS.map((s) => [s, NAMES.filter((n) => n !== 'Gus' && n !== 'Hal')])),
};

const judged = (steps: Steps, e: Envelope): string | null => refusalOf(e, KEYS, 'd', false) ?? steps.refusal(e);

describe.each(TRANSITIONS)('%s', (transition) => {
  it.each(SITUATIONS)('of a step that is %s: whom the table names, and nobody else', (situation) => {
    const allowed = NAMES.filter((name) => judged(inSituation(situation), say(name, transition)) === null);
    expect(allowed).toEqual(NAMES.filter((n) => MAY[transition][situation]?.includes(n)));
  });

  it('is refused to everybody with another’s key, a role that is not theirs, or words changed after signing', () => {
    for (const situation of SITUATIONS) {
      for (const name of NAMES) {
        const other = NAMES[(NAMES.indexOf(name) + 1) % NAMES.length]!;
        const right = say(name, transition);
        expect(judged(inSituation(situation), { ...right, signedBy: other })).toBe(`key ${other} may not sign for ${name}`);
        expect(judged(inSituation(situation), say(name, transition, { role: 'root' }))).toBe(`${name} does not have the role root`);
        const forged = judged(inSituation(situation), { ...right, claimedAt: 2 });
        expect(forged).not.toBeNull();
        if (refusalOf(right, KEYS, 'd', false) === null) expect(forged).toBe('the signature does not fit the message');
      }
    }
  });
});

describe('the second person', () => {
  it('is never the one who did it, whatever the rights', () => {
    const steps = inSituation('active');
    steps.apply(say('Dan', 'acknowledge'), 2);
    steps.apply(say('Dan', 'done'), 3);
    steps.checked(STEP.id, VIEW, 4);
    expect(judged(steps, say('Dan', 'approve'))).toBe('Dan did step recover: a second person approves it');
    expect(judged(steps, say('Dan', 'send-back'))).toBe('Dan did step recover: a second person approves it');
    expect(judged(steps, say('Cleo', 'approve'))).toBeNull();
  });
  it('signs the view with what the checks found', () => {
    const steps = inSituation('done');
    steps.checked(STEP.id, 'b'.repeat(64), 4);
    expect(judged(steps, say('Cleo', 'approve'))).toBe('the evidence changed since it was shown (signed aaaaaaaaaaaa, now bbbbbbbbbbbb)');
    expect(judged(steps, say('Cleo', 'approve', { viewDigest: 'b'.repeat(64) }))).toBeNull();
  });
  it('sends back with a reason: a new attempt for the one who did it', () => {
    const steps = inSituation('checked');
    expect(judged(steps, say('Cleo', 'send-back', { reason: ' ' }))).toBe('to send back needs a reason');
    steps.apply(say('Cleo', 'send-back', { reason: 'two rows are missing' }), 5);
    expect(steps.stateOf(STEP.id)).toMatchObject({ status: 'pending', attempt: 2, sentBack: ['sent back by Cleo: two rows are missing'], done: null });
  });
});

describe('handing over', () => {
  it.each([
    ['nobody', '', 'to delegate needs a person'],
    ['a stranger', 'Zoe', 'nobody called Zoe takes part'],
    ['somebody who only looks', 'Gus', 'Gus may not do steps'],
    ['the one who has it', 'Ada', "step recover is Ada's already"],
    ['somebody of another role', 'Eve', null],
  ])('to %s', (_, to, why) => expect(judged(inSituation('acknowledged'), say('Ada', 'delegate', { reason: to }))).toBe(why));

  it('makes the step that person’s, who must take it', () => {
    const steps = inSituation('handed to Eve');
    expect(steps.stateOf(STEP.id)).toMatchObject({ status: 'active', delegate: 'Eve', by: null });
    expect(judged(steps, say('Ada', 'acknowledge'))).toBe('step recover was handed to Eve');
    steps.apply(say('Eve', 'acknowledge'), 5);
    expect(judged(steps, say('Eve', 'done'))).toBeNull();
    steps.apply(say('Eve', 'done'), 6);
    steps.checked(STEP.id, VIEW, 7);
    expect(judged(steps, say('Eve', 'approve'))).toBe('step recover is approved by the role lead, not sre');
  });
});

describe('a step that was handed over and is not taken', () => {
  it('belongs to whoever is called next and takes it, and no more to the one it was handed to', () => {
    const steps = inSituation('handed, escalated');
    expect(judged(steps, say('Ada', 'acknowledge'))).toBe('step recover was handed to Eve, and escalated to night');
    expect(steps.waits).toEqual(['Eve', 'night']);
    steps.apply(say('Ida', 'acknowledge'), 5);
    expect(steps.stateOf(STEP.id)).toMatchObject({ by: 'Ida', delegate: null });
    expect(judged(steps, say('Eve', 'done'))).toBe('step recover is for the roles dba, night, not sre');
    expect(judged(steps, say('Ida', 'delegate', { reason: 'Eve' }))).toBeNull();
    expect(judged(steps, say('Ida', 'done'))).toBeNull();
  });
  it('was that person’s alone in drills that began before', () => {
    const steps = inSituation('active');
    steps.apply(say('Ada', 'delegate', { reason: 'Eve' }), 2);
    steps.escalate(STEP.id);
    expect(judged(steps, say('Ida', 'acknowledge'))).toBe('step recover was handed to Eve');
  });
});

function withoutDba(): Steps {
  const s = new Steps([STEP], { crew: crewOf(KEYS), absent: ['dba'] });
  s.open(STEP.id, { viewDigest: VIEW, instructionsDigest: 'i' }, 1);
  return s;
}

describe('a role that is absent', () => {
  it('does nothing, though it would have the key', () => {
    expect(judged(withoutDba(), say('Ada', 'acknowledge'))).toBe('step recover is for the role dba, which is absent');
  });
  it('is replaced by the roles that are called', () => {
    const s = withoutDba();
    expect([s.escalate(STEP.id), s.escalate(STEP.id)]).toEqual(['night', null]);
    expect(judged(s, say('Ada', 'acknowledge'))).toBe('step recover is for the role night, not dba');
    expect(judged(s, say('Ida', 'acknowledge'))).toBeNull();
  });
});

test('what several keys say of a person adds up', () => {
  const vouching: PublicKeyEntry = { id: 'web', publicKey: 'x', kind: 'console', people: [{ name: 'Ada', roles: ['lead'], rights: ['approver'] }] };
  expect(crewOf([...KEYS, vouching]).find((p) => p.name === 'Ada')).toEqual({ name: 'Ada', roles: ['dba', 'lead'], rights: ['responder', 'approver'] });
});
