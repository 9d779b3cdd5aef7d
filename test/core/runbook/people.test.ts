/** What a runbook says of people: who is called when it is late, who approves, who is absent. */
import { parse } from 'yaml';
import type { CrewMember, PublicKeyEntry } from '../../../core/message.ts';
import { lintRunbook } from '../../../core/runbook/lint.ts';
import { compilePlan } from '../../../core/runbook/plan-compile.ts';
import { runbookSchema } from '../../../core/runbook/schema.ts';
import type { Runbook } from '../../../core/runbook/schema.ts';
import { CATALOGUE, INVENTORY as inventory, RUNBOOK } from '../../support/runbook.ts';

type Step = Runbook['steps'][number];
/** The small runbook (steps for sre and dba), its first step changed. */
const runbook = (first: Partial<Step>, more: Partial<Runbook> = {}): Runbook => {
  const r = runbookSchema.parse(parse(RUNBOOK));
  return { ...r, ...more, steps: r.steps.map((s, i) => (i === 0 ? { ...s, ...first } : s)) };
};
const problems = (r: Runbook): string[] => lintRunbook(r, CATALOGUE).map((p) => `${p.path.join('.')}: ${p.message}`);

test.each<[string, Partial<Step>, Partial<Runbook>, string[]]>([
  ['called, one after the other', { acknowledge: '10s', escalate: ['dba', 'lead'] }, {}, []],
  ['approved', { approve: 'lead' }, {}, []],
  ['absent, with somebody in its place', { escalate: ['dba'] }, { absent: ['sre'] }, []],
  ['called twice', { escalate: ['dba', 'dba'] }, {}, ['steps.0.escalate.1: step fence is for the role dba already']],
  ['called though it is theirs', { escalate: ['sre'] }, {}, ['steps.0.escalate.0: step fence is for the role sre already']],
  ['late, and nobody is called', { acknowledge: '10s' }, {}, ['steps.0.acknowledge: step fence: nobody is called when it is late (escalate)']],
  ['late after its budget', { acknowledge: '1m', escalate: ['dba'] }, {}, ['steps.0.acknowledge: step fence: 1m is longer than the budget of 30s']],
  [
    'absent, and nobody in its place',
    {},
    { absent: ['sre'] },
    ['steps.0.role: step fence: the role sre is absent and nobody is called in its place (escalate)'],
  ],
  [
    'absent, and so are those in its place',
    { escalate: ['lead'] },
    { absent: ['sre', 'lead'] },
    ['steps.0.role: step fence: the role sre is absent and nobody is called in its place (escalate)'],
  ],
  ['approved by nobody', { approve: 'lead' }, { absent: ['lead'] }, ['steps.0.approve: step fence: the role lead is absent']],
  ['absent, and in no step', {}, { absent: ['cook'] }, ['absent.0: no step is for the role cook']],
])('%s', (_, first, more, said) => expect(problems(runbook(first, more))).toEqual(said));

const crew = (...people: CrewMember[]): PublicKeyEntry[] => people.map((p) => ({ id: p.name, publicKey: 'a'.repeat(64), kind: 'person', people: [p] }));
const compiled = (r: Runbook, keys: PublicKeyEntry[]) => compilePlan({ ...CATALOGUE, runbook: r, runbookDigest: '', inventory, keys, rehearsal: null });
const ann: CrewMember = { name: 'Ann', roles: ['sre', 'dba', 'lead'], rights: ['responder', 'approver'] };
const ben: CrewMember = { name: 'Ben', roles: ['dba'], rights: ['responder'] };

test('the plan has what the runbook says of people, and nothing where it is silent', () => {
  const plan = compiled(runbook({ acknowledge: '10s', escalate: ['dba'], approve: 'lead' }, { absent: ['sre'] }), crew(ann, ben));
  expect(plan).toMatchObject({ absent: ['sre'], steps: [{ acknowledgeMs: 10_000, escalate: ['dba'], approve: 'lead' }, {}] });
  expect(Object.keys(plan.steps[1]!)).toEqual(['id', 'title', 'role', 'budgetMs', 'needs', 'inputs', 'checks']);
  expect(compiled(runbook({}), crew(ann))).not.toHaveProperty('absent');
});

test.each<[string, Runbook, PublicKeyEntry[], string | null]>([
  ['a viewer does no step', runbook({}), crew({ ...ann, rights: ['viewer'] }, ben), 'nobody in the crew has the role sre'],
  ['nobody is called', runbook({ escalate: ['lead'] }), crew({ ...ann, roles: ['sre', 'dba'] }), 'nobody in the crew has the role lead'],
  ['an absent role needs nobody', runbook({ escalate: ['dba'] }, { absent: ['sre'] }), crew(ben), null],
  [
    'one person cannot approve what only that person does',
    runbook({ approve: 'lead' }),
    crew(ann),
    'nobody in the crew has the role lead with the right to approve step fence, beside the one who does it',
  ],
  [
    'an approver without the right',
    runbook({ approve: 'dba' }),
    crew(ann, ben),
    'nobody in the crew has the role dba with the right to approve step fence, beside the one who does it',
  ],
  ['two people can', runbook({ approve: 'dba' }), crew(ann, { ...ben, rights: ['approver'] }), null],
])('a crew: %s', (_, r, keys, why) => {
  if (why === null) expect(compiled(r, keys).steps).toHaveLength(2);
  else expect(() => compiled(r, keys)).toThrow(expect.objectContaining({ code: 'DRILL_ROLE_UNFILLED', message: why }) as Error);
});
