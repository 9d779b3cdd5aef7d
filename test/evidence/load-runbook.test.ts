import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspectRunbook, loadRunbook, runbookFile } from '../../evidence/load-runbook.ts';
import { CATALOGUE, INVENTORY, RUNBOOK } from '../support/runbook.ts';

const dir = mkdtempSync(join(tmpdir(), 'drillbook-runbook-'));
afterAll(() => rmSync(dir, { recursive: true }));
const file = join(dir, 'small.yaml');
const written = (text: string): string => {
  writeFileSync(file, text);
  return file;
};
/** The runbook with one thing changed; the place of `mark` in the new text is where a person must be sent. */
function broken(from: string, to: string): string {
  if (!RUNBOOK.includes(from)) throw new Error(`the fixture has no ${from}`);
  return RUNBOOK.replace(from, () => to);
}
function placeOf(text: string, mark: string): { line: number; column: number } {
  const at = text.indexOf(mark);
  const before = text.slice(0, at).split('\n');
  return { line: before.length, column: before.at(-1)!.length + 1 };
}
const INVALID = 'DRILL_RUNBOOK_INVALID';

test('the small runbook is right', () => {
  const { runbook, runbookDigest } = loadRunbook(written(RUNBOOK), CATALOGUE);
  expect(runbook.steps.map((s) => s.id)).toEqual(['fence', 'recover']);
  expect(runbookDigest).toMatch(/^[0-9a-f]{64}$/);
});

// from, to, where the person is sent, code, what is said
test.each<[string, string, string, string, string]>([
  ['title: A small', 'tilte: A small', 'tilte', INVALID, 'unknown key tilte in the file; did you mean title?'],
  ['lease: 30s', 'leese: 30s', 'leese', INVALID, 'unknown key leese in chain[1]; did you mean lease?'],
  ['budget: 2m', 'buget: 2m', 'buget', INVALID, 'unknown key buget in steps[1]; did you mean budget?'],
  ['insert/insert: 20', 'insert/udpate: 20', 'insert/udpate', INVALID, 'unknown key insert/udpate in expect.conflicts; known: insert/insert, '],
  ['    role: sre\n', '', 'id: fence', INVALID, 'role is missing in steps[0]'],
  ['within: 5m', 'within: 300', '300 }', INVALID, 'objectives.data-rto.within: a duration is a whole number and a unit'],
  ['within: 5m', 'within: 5 minutes', '5 minutes', INVALID, 'objectives.data-rto.within: a duration is a whole number and a unit'],
  ['drill: 10m', 'drill: 31d', '31d', INVALID, 'limits.drill: longer than 30 days'],
  ['timeout: 1s', 'timeout: 2m', '2m }\nrules', INVALID, 'between 50ms and 60s'],
  ['conflict: new-wins', 'conflict: newest', 'newest', INVALID, 'rules.conflict: Invalid option'],
  ['drill.orders: w', 'orders: w', 'orders: w', INVALID, 'a table is written schema.table'],
  ['type: choice', 'type: text', '{ name: how', INVALID, 'choices belong to an input of type choice'],
  ['- id: recover', '- id: fence', 'fence\n    title: Recover', INVALID, 'steps[0] has the id fence already'],
  ['id: isolated, do', 'id: cut, do', 'cut, do', INVALID, 'chain[1] has the id cut already'],
  [
    'do: partition',
    'do: partiton',
    'partiton',
    'DRILL_UNKNOWN_FAULT',
    'no fault partiton; did you mean partition? (known: baseline, writes, partition, kill-node, promote)',
  ],
  ['do: partition', 'do: earthquake', 'earthquake', 'DRILL_UNKNOWN_FAULT', 'no fault earthquake; known: baseline, writes, partition, kill-node, promote'],
  ['do: partition', 'do: constructor', 'constructor', 'DRILL_UNKNOWN_FAULT', 'no fault constructor'],
  ['{ node: db1, from', '{ nod: db1, from', 'nod:', INVALID, 'unknown key nod in chain[1].with; did you mean node?'],
  ['with: { for: 3s }', 'with: { for: soon }', 'soon', INVALID, 'chain[0].with.for: a duration like 3s'],
  ['phase: isolated', 'phase: later', 'later', INVALID, 'chain[2].with.phase: Invalid option'],
  ['    lease: 30s\n', '', 'id: cut', INVALID, 'cut: partition needs a lease'],
  ['lease: 30s', 'lease: 4s', '4s\n', INVALID, 'a lease is 5s to 1h, not 4s'],
  ['lease: 30s', 'lease: 61m', '61m', INVALID, 'a lease is 5s to 1h, not 61m'],
  ['{ node: db2 } }', '{ node: db2 }, lease: 30s }', 'lease: 30s }', INVALID, 'promote-db2: promote holds no lease'],
  ['held-until: kill-source', 'held-until: baseline', 'baseline\n  - { id: isolated', INVALID, 'no entry baseline after cut in the chain'],
  ['{ node: db2 } }', '{ node: db2 }, held-until: cut }', 'held-until: cut', INVALID, 'only a leased fault can be held'],
  ['from: kill-source', 'from: kil-source', 'kil-source', INVALID, 'no fault kil-source in the chain to count from; did you mean kill-source?'],
  ['from: kill-source', 'from: isolated', 'isolated }', INVALID, 'no fault isolated in the chain to count from'],
  ['needs: [fence]', 'needs: [fense]', 'fense', INVALID, 'step recover is unreachable: it needs fense, which is no step; did you mean fence?'],
  ['needs: [fence]', 'needs: [recover]', '[recover]', INVALID, 'steps wait for each other: recover → recover'],
  ['check: fenced', 'check: fencd', 'fencd', 'DRILL_UNKNOWN_CHECK', 'no check fencd; did you mean fenced?'],
  ['fenced, with: { node', 'fenced, with: { nodes', 'nodes: db1', INVALID, 'unknown key nodes in steps[0].checks[0].with; did you mean node?'],
  [
    'within: 5m',
    'within: 2m',
    '2m }',
    'DRILL_BUDGET_EXCEEDS_RTO',
    'the budgets of the longest way through the steps are 150s, the data RTO is 2m: fence 30s + recover 2m',
  ],
  ['steps: { recover', 'steps: { recovr', 'recovr', INVALID, 'no step recovr; did you mean recover?'],
  ['    rehearse: { script: "true" }\n', '', 'id: recover', INVALID, 'step recover has no script for the rehearsal default'],
  ['      inputs: { how: file }\n', '', 'script: |', INVALID, 'rehearsal default gives no input how for step fence'],
  ['inputs: { how: file }', 'inputs: { how: file, who: me }', 'who: me', INVALID, 'step fence asks for no input who'],
  ['Fence {{nodes.db1.name}}', 'Fence {{nodes.db1.nmae}}', 'nodes.db1.nmae', INVALID, 'no variable nodes.db1.nmae; did you mean'],
  ['- at {{nodes.db1.optionFile}}', '- at {{#if}', '- at', INVALID, 'the template does not parse'],
  ['- at {{nodes.db1.optionFile}}', '- at {{quote work}}', 'quote work', INVALID, 'no helper quote'],
  ['{{sh work}}', '{{sh wrok}}', 'wrok', INVALID, 'no variable wrok; did you mean work?'],
  ['{{inputs.fence.how}}', '{{inputs.fence.who}}', 'Recover what', INVALID, 'no variable inputs.fence.who'],
  ['title: A small disaster', 'title: [A small disaster', 'needs:', INVALID, ''],
  ['title: A small disaster', 'title: one\ntitle: two', 'title: two', INVALID, 'Map keys must be unique'],
])('%j → %j', (from, to, mark, code, said) => {
  const text = broken(from, to);
  const { loaded, problems } = inspectRunbook(written(text), CATALOGUE);
  expect(loaded).toBeNull();
  const [first] = problems;
  expect(first).toMatchObject({ file, code, message: expect.stringContaining(said) as string });
  expect({ line: first!.line, column: first!.column }).toEqual(placeOf(text, mark));
});

test('steps in a circle and those behind it are told apart', () => {
  const text = broken('budget: 30s', 'budget: 30s\n    needs: [recover]');
  const behind = text.replace(
    'rehearsals:',
    '  - { id: last, title: Last, role: dba, budget: 1s, needs: [recover], instructions: x, rehearse: { script: x } }\nrehearsals:',
  );
  expect(inspectRunbook(written(behind), CATALOGUE).problems.map((p) => p.message)).toEqual([
    'steps wait for each other: fence → recover → fence',
    'steps wait for each other: recover → fence → recover',
    'step last is unreachable: it waits for a circle (last → recover → fence → recover)',
  ]);
});

test('all problems come at once, in the order of the file, as one error that names what each is', () => {
  const text = broken('do: partition', 'do: earthquake').replace('check: fenced', 'check: fencd').replace('role: dba\n', 'role: DBA\n');
  expect(() => loadRunbook(written(text), CATALOGUE)).toThrow(
    expect.objectContaining({ code: INVALID, message: expect.stringMatching(/^\S+:41:11: steps\[1\].role/) as string }) as Error,
  );
  const both = broken('do: partition', 'do: earthquake').replace('check: fenced', 'check: fencd');
  expect(() => loadRunbook(written(both), CATALOGUE)).toThrow(
    expect.objectContaining({
      code: INVALID,
      message: expect.stringMatching(
        /^2 problems\n.*:15:9: no fault earthquake.* \[DRILL_UNKNOWN_FAULT\]\n.*: no check fencd.* \[DRILL_UNKNOWN_CHECK\]$/,
      ) as string,
    }) as Error,
  );
});

test('an alias is followed to where it stands', () => {
  const text = broken('{ within: 5m }', '&rto { within: 5m, form: cut }').replace('convergence: { within: 6m }', 'convergence: *rto');
  expect(inspectRunbook(written(text), CATALOGUE).problems.map((p) => [p.line, p.message])).toEqual([
    [6, 'unknown key form in objectives.data-rto; did you mean from?'],
    [6, 'unknown key form in objectives.convergence; did you mean from?'],
  ]);
});

test('a chain that breaks nothing has no instant to count from', () => {
  const text = RUNBOOK.replace(/chain:[^]*expect:/, 'chain:\n  - { id: baseline, do: baseline, with: { for: 3s } }\nexpect:').replace(
    ', from: kill-source',
    '',
  );
  expect(inspectRunbook(written(text), CATALOGUE).problems[0]?.message).toBe('the chain breaks nothing: no objective has an instant to count from');
});

test('a file over 1 MB is not read, one with over 500 steps not followed', () => {
  writeFileSync(file, `# ${'x'.repeat(1_000_001)}`);
  expect(() => loadRunbook(file, CATALOGUE)).toThrow(expect.objectContaining({ code: 'DRILL_RUNBOOK_TOO_LARGE' }) as Error);
  const steps = Array.from({ length: 501 }, (_, i) => `  - { id: s${i}, title: S, role: dba, budget: 1s, instructions: x }\n`).join('');
  expect(inspectRunbook(written(RUNBOOK.replace(/^steps:[^]*/m, `steps:\n${steps}`)), CATALOGUE).problems[0]?.message).toContain('<=500 items');
});

test('aliases that multiply are refused, not expanded', () => {
  const bomb = [
    'a: &a [x, x, x, x, x, x, x, x, x]',
    ...'bcdefgh'.split('').map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefg'[i]}`).join(', ')}]`),
  ].join('\n');
  expect(inspectRunbook(written(bomb), CATALOGUE).problems[0]?.message).toContain('alias');
});

test('the digest is that of the bytes; what is not UTF-8 is not read', () => {
  const { runbookDigest } = loadRunbook(written(`\uFEFF${RUNBOOK}`), CATALOGUE);
  expect(runbookDigest).toBe(createHash('sha256').update(readFileSync(file)).digest('hex'));
  writeFileSync(file, Buffer.from(RUNBOOK.replace('small disaster', 'sm\u00e4ll disaster'), 'latin1'));
  expect(() => loadRunbook(file, CATALOGUE)).toThrow(expect.objectContaining({ code: 'DRILL_FILE_UNREADABLE' }) as Error);
});

test('a missing file names its neighbours', () => {
  written(RUNBOOK);
  expect(() => loadRunbook(runbookFile(dir, 'smal'), CATALOGUE)).toThrow(
    expect.objectContaining({ code: 'DRILL_RUNBOOK_UNKNOWN', hint: 'that folder has: small' }) as Error,
  );
});

/** Where the runbook does not fit a target, changed so. */
const codes = (change: object, text = RUNBOOK) =>
  inspectRunbook(written(text), CATALOGUE, { ...INVENTORY, ...change }).problems.map((p) => `${p.line}:${p.column} ${p.code}`);
describe('against a target', () => {
  test('it fits', () => expect(codes({})).toEqual([]));
  test('too few nodes, of another system', () =>
    expect(codes({ nodes: ['db1', 'db2'], system: 'etcd' })).toEqual(['3:18 DRILL_TARGET_UNFIT', '3:32 DRILL_TARGET_UNFIT', '16:36 DRILL_UNKNOWN_NODE']));
  test('not disposable', () =>
    expect(codes({ disposable: false })).toEqual([
      '3:47 DRILL_TARGET_NOT_DISPOSABLE',
      '20:28 DRILL_TARGET_NOT_DISPOSABLE',
      '21:28 DRILL_TARGET_NOT_DISPOSABLE',
    ]));
  test('without the mark of its owner', () => expect(codes({ drills: 'forbidden' })).toEqual(['3:8 DRILL_TARGET_FORBIDDEN']));
  test('a node that is not there, in a fault and in a check', () =>
    expect(codes({}, RUNBOOK.replace('[db2, db3]', '[db2, db4]').replace('fenced, with: { node: db1', 'fenced, with: { node: db9'))).toEqual([
      '16:36 DRILL_UNKNOWN_NODE',
      '34:45 DRILL_UNKNOWN_NODE',
    ]));
});
