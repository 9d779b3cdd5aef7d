import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CliContext } from '../../console/cli/context.ts';
import { lintCommand } from '../../console/cli/lint.ts';
import { runbookJsonSchema } from '../../core/runbook/schema.ts';
import { CATALOGUE, RUNBOOK } from '../support/runbook.ts';

const root = mkdtempSync(join(tmpdir(), 'drillbook-lint-'));
mkdirSync(join(root, 'runbooks/targets'), { recursive: true });
writeFileSync(join(root, 'runbooks/small.yaml'), RUNBOOK);
writeFileSync(join(root, 'bad.yaml'), RUNBOOK.replace('    role: dba\n', ''));
writeFileSync(
  join(root, 'runbooks/targets/tiny.yaml'),
  'target: tiny\nplatform: local\nsystem: mysql\nsite: here\nnodes: [db1]\ndisposable: true\ndrills: allowed\n',
);
afterAll(() => rmSync(root, { recursive: true }));

function lint(...args: string[]): { out: string; err: string; code: number | null } {
  const said = { out: '', err: '', code: null as number | null };
  const stream = (to: 'out' | 'err') => ({ write: (s: string) => ((said[to] += s), true) }) as unknown as NodeJS.WriteStream;
  const ctx: CliContext = {
    cwd: root,
    root,
    cacheDir: root,
    env: {},
    stdin: process.stdin,
    stdout: stream('out'),
    stderr: stream('err'),
    colour: false,
    tools: () => Promise.reject(new Error('lint needs no tools')),
    exit: (code) => (said.code = code),
  };
  lintCommand(ctx, CATALOGUE).parse(args, { from: 'user' });
  return said;
}

test('a right runbook, by name and by path', () => {
  expect(lint('small')).toEqual({ out: 'small: no problems\n', err: '', code: 0 });
  expect(lint('runbooks/small.yaml').code).toBe(0);
});

test('problems as file:line:column, for all files given, exit status 2', () => {
  const bad = join(root, 'bad.yaml');
  expect(lint('small', 'bad.yaml')).toEqual({ out: `${bad}:39:5: role is missing in steps[1]\n`, err: '', code: 2 });
});

test('problems as JSON', () => {
  const { out, code } = lint('bad.yaml', '--json');
  expect(JSON.parse(out)).toEqual([
    { file: join(root, 'bad.yaml'), line: 39, column: 5, code: 'DRILL_RUNBOOK_INVALID', message: 'role is missing in steps[1]' },
  ]);
  expect(code).toBe(2);
  expect(lint('small', '--json')).toMatchObject({ out: '[]\n', code: 0 });
});

test('against a target', () =>
  expect(lint('small', '--target', 'tiny').out).toContain('small.yaml:3:32: the runbook needs 3 nodes, target tiny has 1 [DRILL_TARGET_UNFIT]'));

test.each([
  [['none'], 'DRILL_RUNBOOK_UNKNOWN'],
  [['small', '--target', 'none'], 'DRILL_TARGET_UNKNOWN'],
  [[], 'name a runbook'],
])('%j is a usage error', (args, said) => expect(lint(...args)).toMatchObject({ out: '', err: expect.stringContaining(said) as string, code: 2 }));

test('the JSON Schema', () => expect(JSON.parse(lint('--schema').out)).toEqual(runbookJsonSchema()));
