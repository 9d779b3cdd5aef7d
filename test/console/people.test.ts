/** The parts of the people's command line that need no drill: keys, which drill, which step, whose key, in which role. */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signerFor } from '../../console/cli/people/act.ts';
import { chooseDrill, stepOf } from '../../console/people/drills.ts';
import { allKeys, keyFolder, makeKey } from '../../console/people/keys.ts';
import { roleFor, whoMay } from '../../console/people/who.ts';
import type { CrewMember } from '../../core/message.ts';
import type { Plan } from '../../core/plan.ts';
import type { DrillState } from '../../workflows/messages.ts';
import type { StepState } from '../../workflows/steps.ts';

const coded = (code: string, said: string) => expect.objectContaining({ code, message: expect.stringContaining(said) as string }) as Error;

describe('keys', () => {
  const dir = mkdtempSync(join(tmpdir(), 'dbk-'));
  afterAll(() => rmSync(dir, { recursive: true }));
  const folder = keyFolder({ XDG_CONFIG_HOME: dir });

  test('are in the user’s configuration folder', () => {
    expect(folder).toBe(join(dir, 'drillbook', 'keys'));
    expect(keyFolder({ HOME: '/home/ada', XDG_CONFIG_HOME: 'not absolute' })).toBe('/home/ada/.config/drillbook/keys');
    expect(allKeys(folder)).toEqual([]);
  });
  test('are made once, for their owner’s eyes only', () => {
    const { key, file } = makeKey(folder, 'Ada Lovelace', new Date(0));
    expect([statSync(file).mode & 0o777, statSync(folder).mode & 0o777]).toEqual([0o600, 0o700]);
    expect(readdirSync(folder)).toHaveLength(1);
    expect(() => makeKey(folder, 'Ada Lovelace', new Date())).toThrow(coded('DRILL_KEY_EXISTS', 'Ada Lovelace has a key here'));
    expect(allKeys(folder)).toEqual([key]);
  });
  test('of people whose names look alike in a file system are two', () => {
    makeKey(folder, 'ada-lovelace', new Date(0));
    makeKey(folder, '../../etc', new Date(0));
    expect(allKeys(folder).map((k) => k.name)).toEqual(expect.arrayContaining(['Ada Lovelace', 'ada-lovelace', '../../etc']));
  });
  test('that others can read, or that are none, are not used', () => {
    const [first] = readdirSync(folder).map((f) => join(folder, f));
    const text = readFileSync(first!, 'utf8');
    chmodSync(first!, 0o640);
    expect(() => allKeys(folder)).toThrow(coded('DRILL_KEY_UNSAFE', 'can be read by others'));
    chmodSync(first!, 0o600);
    writeFileSync(first!, text.slice(0, 20));
    expect(() => allKeys(folder)).toThrow(coded('DRILL_KEY_UNREADABLE', 'is no key'));
  });
});

describe('which drill', () => {
  const running = ['2026-01-01T00-00-00Z-one', '2026-01-01T00-00-01Z-two'].map((drillId) => ({ drillId, bundle: '', temporal: null, dir: '' }));
  test.each<[string, number, string | undefined, string]>([
    ['the only one', 1, undefined, 'one'],
    ['by its beginning', 2, '2026-01-01T00-00-01', 'two'],
    ['by its end', 2, 'one', 'one'],
  ])('%s', (_, n, wanted, ends) => expect(chooseDrill(running.slice(0, n), wanted).drillId.endsWith(ends)).toBe(true));
  test('none, several, or none of that name', () => {
    expect(() => chooseDrill([])).toThrow(coded('DRILL_NO_DRILL', 'no drill runs on this machine'));
    expect(() => chooseDrill(running)).toThrow(coded('DRILL_WHICH_DRILL', 'several drills run here'));
    expect(() => chooseDrill(running, '2026')).toThrow(coded('DRILL_WHICH_DRILL', 'several drills run here'));
    expect(() => chooseDrill(running, 'three')).toThrow(coded('DRILL_NO_DRILL', 'no drill three runs here'));
  });
});

const step = (id: string, status: StepState['status'], more: Partial<StepState> = {}): StepState =>
  ({ id, status, role: 'dba', roles: ['dba'], delegate: null, approver: 'lead', done: null, ...more }) as StepState;
const state = (...steps: StepState[]): DrillState => ({ steps, doing: 'waiting' }) as unknown as DrillState;

describe('which step', () => {
  const s = state(step('fence', 'verified'), step('collect', 'active'), step('list', 'acknowledged'));
  test('by id, by number, or the only one that waits for the act', () => {
    expect(stepOf(s, 'fence', () => false).id).toBe('fence');
    expect(stepOf(s, '3', () => false).id).toBe('list');
    expect(stepOf(s, undefined, ({ status }) => status === 'active').id).toBe('collect');
  });
  test('none, several, or no such step', () => {
    expect(() => stepOf(s, '4', () => true)).toThrow(coded('DRILL_WHICH_STEP', 'no step 4 in this drill'));
    expect(() => stepOf(s, undefined, () => false)).toThrow(coded('DRILL_WHICH_STEP', 'no step waits for that now (waiting)'));
    expect(() => stepOf(s, undefined, ({ status }) => status !== 'verified')).toThrow(coded('DRILL_WHICH_STEP', 'collect (active), list (acknowledged)'));
  });
});

const person = (name: string, roles: string[], rights: CrewMember['rights']): CrewMember => ({ name, roles, rights: rights! });
const PLAN = {
  keys: [
    { id: 'Ada', publicKey: 'a', kind: 'person', people: [person('Ada', ['dba', 'lead'], ['responder', 'approver'])] },
    { id: 'Ben', publicKey: 'b', kind: 'person', people: [person('Ben', ['dba'], ['responder'])] },
    { id: 'web', publicKey: 'c', kind: 'console', people: [person('Cleo', ['lead'], ['approver'])] },
    { id: 'Dan', publicKey: 'd', kind: 'person', people: [person('Dan', ['dba'], ['viewer'])] },
  ],
} as unknown as Plan;
const key = (publicKey: string) => ({ name: 'x', publicKey, secretKey: `secret ${publicKey}`, madeAt: '' });

describe('whose key', () => {
  test('the only one here that takes part, under the name that the crew has', () => {
    expect(signerFor(PLAN, [key('z'), key('b')]).signer).toEqual({ by: 'Ben', keyId: 'Ben', secretKey: 'secret b' });
    expect(signerFor(PLAN, [key('a'), key('b')], 'Ada').signer.secretKey).toBe('secret a');
  });
  test('none, several, or none of that name; a console’s key is nobody’s own', () => {
    expect(() => signerFor(PLAN, [key('z'), key('c')])).toThrow(coded('DRILL_NO_KEY', 'none of the keys here takes part'));
    expect(() => signerFor(PLAN, [key('a'), key('b')])).toThrow(coded('DRILL_WHICH_KEY', 'Ada, Ben'));
    expect(() => signerFor(PLAN, [key('a')], 'Ben')).toThrow(coded('DRILL_NO_KEY', 'no key of Ben here'));
  });
});

test('of a step that was handed over: who has it, and whoever was called since, in the role that was called', () => {
  const handed = step('s', 'active', { roles: ['dba', 'lead'], delegate: 'Ben', calledBefore: 1 });
  expect(whoMay(PLAN, { ...handed, roles: ['dba'] }, 'skip')).toEqual(['Ben']);
  expect(whoMay(PLAN, handed, 'skip')).toEqual(['Ada', 'Ben']);
  expect(roleFor(PLAN.keys[0]!.people[0]!, handed, 'acknowledge')).toBe('lead');
});

test('the role of an act is one that the step is for; of an approval the approver’s; else the drill judges', () => {
  const ada = PLAN.keys[0]!.people[0]!;
  expect(roleFor(ada, step('s', 'active'), 'acknowledge')).toBe('dba');
  expect(roleFor(ada, step('s', 'checked'), 'approve')).toBe('lead');
  expect(roleFor(ada, step('s', 'active', { roles: ['sre', 'lead'] }), 'done')).toBe('lead');
  expect(roleFor(ada, step('s', 'active', { roles: ['sre'] }), 'done')).toBe('dba');
  expect(roleFor(ada, null, 'abort')).toBe('dba');
});

test('who may take a step, and who may approve it', () => {
  expect(whoMay(PLAN, step('s', 'active'), 'acknowledge')).toEqual(['Ada', 'Ben']);
  expect(whoMay(PLAN, step('s', 'active', { delegate: 'Ben' }), 'acknowledge')).toEqual(['Ben']);
  expect(whoMay(PLAN, step('s', 'checked', { done: { by: 'Ada' } as never }), 'approve')).toEqual(['Cleo']);
});
