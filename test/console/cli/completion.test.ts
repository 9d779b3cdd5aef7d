/**
 * Disasters: a key press offers what the command does not take, or nothing; it installs, asks the network or shows an error in the middle of a command line; a
 * name with blanks or with code in it, from a crew file, falls apart or is run. Bash is a real one on a terminal, where keys are pressed.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answer } from '../../../console/cli/completion.ts';
import { takeApart } from '../../../console/cli/completion/line.ts';
import type { CliContext } from '../../../console/cli/context.ts';
import { createRunDir } from '../../../console/rundir.ts';
import { makeKey } from '../../../console/people/keys.ts';
import { issueToken } from '../../../console/people/tokens.ts';
import { findProgram } from '../../../setup/process.mjs';
import { ROOT } from '../../../setup/entry.mjs';

const DRILL = '2026-11-29T07-13-15Z-mysql-stale-promotion';
const HOSTILE = 'Eve $(touch owned) `touch owned`; "x"';
const SCRIPTS = join(ROOT, 'console/cli/completion');
const DEADLINE_MS = 60_000;

test.each<[string, string[], string]>([
  ['drillbook', [], ''],
  ['drillbook ', [], ''],
  ['drillbook sh', [], 'sh'],
  ['drillbook  show   fe', ['show'], 'fe'],
  [String.raw`drillbook done --as Ada\ Lo`, ['done', '--as'], 'Ada Lo'],
  ['drillbook done --as "Ada Lo', ['done', '--as'], 'Ada Lo'],
  [`drillbook done --as 'Ada Lovelace' --vi`, ['done', '--as', 'Ada Lovelace'], '--vi'],
  [String.raw`drillbook x "a\"b\\c\n" 'd\e'f\g `, ['x', String.raw`a"b\c\n`, String.raw`d\efg`], ''],
  ['drillbook x ""', ['x'], ''],
  ['drillbook x "" y', ['x', ''], 'y'],
  ['drillbook x a\\', ['x'], 'a'],
])('%j is taken apart', (line, words, current) => expect(takeApart(line)).toEqual({ words, current }));

let folder: string;
let env: Record<string, string>;

beforeAll(() => {
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'dbc-'));
  env = { PATH: `${join(folder, 'bin')}:${process.env['PATH']!}`, HOME: folder, XDG_CACHE_HOME: join(folder, 'cache'), LANG: 'C.UTF-8', TERM: 'dumb' };
  const bundle = join(folder, 'work/drills', DRILL);
  mkdirSync(bundle, { recursive: true });
  const people = [...['Ada Lovelace', HOSTILE, 'Bell\u0007'].entries()].map(([i, name]) => ({ name, roles: i === 0 ? ['dba'] : [], rights: [] }));
  const steps = [
    { id: 'fence', title: 'Fence it' },
    { id: 'recover', title: 'Recover\tit\u001B[31m' },
  ];
  writeFileSync(join(bundle, 'plan.json'), JSON.stringify({ title: 'A drill', steps, keys: [{ people }], target: { nodes: ['db1', 'db2'] } }));
  createRunDir(join(folder, 'cache/drillbook')).announce({ drillId: DRILL, bundle, temporal: null });
  const config = join(folder, '.config/drillbook');
  for (const name of ['Ada Lovelace', 'Somebody Else']) makeKey(join(config, 'keys'), name, new Date(0));
  const { token } = issueToken(join(config, 'tokens'), 'Ada Lovelace', 1_000, 0);
  env['TOKEN'] = token.id;
  writeFileSync(join(folder, 'work/my-manual.yaml'), 'rehearsals: { calm: { title: "No hurry" } }\n');
  mkdirSync(join(folder, 'work/old-logs'));
  mkdirSync(join(folder, 'bin'));
  // answers key presses as the real one; whatever is run only tells its arguments
  const real = `exec '${process.execPath}' '${join(ROOT, 'bin/drillbook.mjs')}' "$@"`;
  writeFileSync(join(folder, 'bin/drillbook'), `#!/bin/sh\n[ "$1" = __complete ] && ${real}\nprintf 'ran'\nprintf ' <%s>' "$@"\necho .\n`);
  chmodSync(join(folder, 'bin/drillbook'), 0o755);
});
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));

/** As a shell asks. */
const asked = (line: string): string[] =>
  execFileSync(join(folder, 'bin/drillbook'), ['__complete', line], { cwd: join(folder, 'work'), env, encoding: 'utf8', timeout: DEADLINE_MS })
    .split('\n')
    .filter(Boolean);

/** The same in this process, from the tree that the first question left. */
async function answered(line: string): Promise<string[]> {
  let out = '';
  const stdout = { write: (text: string) => (out += text) };
  const ctx = { root: ROOT, cwd: join(folder, 'work'), env, cacheDir: join(folder, 'cache/drillbook'), stdout, exit: () => undefined };
  await answer(ctx as unknown as CliContext, line, () => Promise.reject(new Error('the tree was not kept')));
  return out.split('\n').filter(Boolean);
}
const values = (lines: string[]): string[] => lines.map((l) => l.split('\t')[0]!);

test('the first question makes the tree, and is answered', () => expect(values(asked('drillbook comp'))).toEqual(['completion']), DEADLINE_MS);

test.each<[string, string[]]>([
  ['drillbook __', []],
  ['drillbook key ', ['new', 'list', 'show', 'help']],
  ['drillbook key list x', []],
  ['drillbook show ', ['fence', 'recover']],
  ['drillbook done fence ', []],
  ['drillbook done fence --v', ['--view']],
  ['drillbook done --view abc --view', []],
  ['drillbook done --input a=b --inp', ['--input']],
  ['drillbook ack --drill ', [DRILL]],
  [`drillbook ack --drill ${DRILL} f`, ['fence']],
  ['drillbook ack --drill other ', []],
  ['drillbook done fence --as ', ['Ada Lovelace']],
  ['drillbook delegate fence --to ', ['Ada Lovelace', HOSTILE, 'Somebody Else']],
  ['drillbook delegate fence --to=S', ['--to=Somebody Else']],
  ['drillbook token issue S', ['Somebody Else']],
  ['drillbook key show ', ['Ada Lovelace', 'Somebody Else']],
  ['drillbook lab start ', ['db1', 'db2']],
  ['drillbook run ', ['mysql-stale-promotion']],
  ['drillbook run --rehearse f', ['forced-replay']],
  ['drillbook run my-manual.yaml --rehearse ', ['calm']],
  ['drillbook run --target ', ['local']],
  ['drillbook run --crew ', ['example']],
  ['drillbook run --crew ./', [':files']],
  ['drillbook lint mysql-stale-promotion my', ['mysql-stale-promotion']],
  ['drillbook lint my-', [':files']],
  ['drillbook report ', [`drills/${DRILL}`]],
  ['drillbook report /', [':folders']],
  ['drillbook reconcile --rule ', ['new-wins', 'old-wins']],
  ['drillbook reconcile --old ', [':folders']],
  ['drillbook reconcile --plan ', [':files']],
  ['drillbook reconcile --new ', []],
  ['drillbook binlog show ', [':files']],
  ['drillbook run -- --', [':files']],
  ['drillbook nonsense ', []],
])('%j may go on with %j', async (line, expected) => expect(values(await answered(line))).toEqual(expected));

test('a token that can be revoked', async () => expect(await answered('drillbook token revoke ')).toEqual([`${env['TOKEN']}\tAda Lovelace`]));

test('what comes from a runbook reaches the terminal without control characters', async () =>
  expect(await answered('drillbook show r')).toEqual(['recover\tRecover it [31m']));

test('every command and every one of its options is offered', async () => {
  const help = execFileSync(process.execPath, [join(ROOT, 'bin/drillbook.mjs'), '--help'], { env, encoding: 'utf8' });
  const commands = [...help.split('Commands:')[1]!.matchAll(/^ {2}([a-z-]+)/gm)].map((m) => m[1]!);
  expect(commands.length).toBeGreaterThan(20);
  expect(values(await answered('drillbook '))).toEqual(commands);
  const ofRun = execFileSync(process.execPath, [join(ROOT, 'bin/drillbook.mjs'), 'run', '--help'], { env, encoding: 'utf8' });
  const options = [
    ...ofRun
      .split('Options:')[1]!
      .split('\n\n')[0]!
      .matchAll(/^ {2}(?:-h, )?(--[a-z-]+)/gm),
  ].map((m) => m[1]!);
  expect(values(await answered('drillbook run --'))).toEqual(options);
});

test('the kept tree is made again when it is of other files, and a broken one', () => {
  const file = join(folder, 'cache/drillbook/completion');
  const kept = execFileSync('ls', [file], { encoding: 'utf8' }).trim();
  for (const text of ['{"key":"other","tree":{"name":"x","options":[],"args":[],"commands":[]}}', '{']) {
    writeFileSync(join(file, kept), text);
    expect(values(asked('drillbook comp'))).toEqual(['completion']);
  }
});

test('the script that is printed is the one that was tested', () => {
  const printed = execFileSync(process.execPath, [join(ROOT, 'bin/drillbook.mjs'), 'completion', 'bash'], { env, encoding: 'utf8' });
  expect(printed).toBe(readFileSync(join(SCRIPTS, 'drillbook.bash'), 'utf8'));
});

test(
  'keys pressed in bash',
  async () => {
    const rows: [string, string][] = [
      ['drillbook comple\tba\t', '<completion> <bash>'],
      ['drillbook run --reh\tfo\t', '<run> <--rehearse> <forced-replay>'],
      ['drillbook run --rehearse=fo\t', '<run> <--rehearse=forced-replay>'],
      ['drillbook run --rehearse=\t\x15drillbook x', '<x>'],
      ['X=1 drillbook done fe\t--as A\t', '<done> <fence> <--as> <Ada Lovelace>'],
      ['drillbook done fence --as "Ada L\t', '<done> <fence> <--as> <Ada Lovelace>'],
      ['drillbook delegate fence --to=A\t', '<delegate> <fence> <--to=Ada Lovelace>'],
      ['drillbook delegate fence --to E\t', `<delegate> <fence> <--to> <${HOSTILE}>`],
      ['drillbook lint my-\t', '<lint> <my-manual.yaml>'],
      ['drillbook reconcile --new mysql://u@h:3306 --old ol\t', '<reconcile> <--new> <mysql://u@h:3306> <--old> <old-logs/>'],
      ['drillbook report dr\t', `<report> <drills/${DRILL}>`],
      ['true; drillbook show rec\t', '<show> <recover>'],
    ];
    const shell = spawn('script', ['-qec', 'bash --norc --noprofile -i', '/dev/null'], { cwd: join(folder, 'work'), env, stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      let screen = '';
      shell.stdout.setEncoding('utf8').on('data', (text: string) => (screen += text));
      const seen: string[] = [];
      shell.stdin.write(`bind 'set bell-style none'; stty cols 1000; source '${join(SCRIPTS, 'drillbook.bash')}'; drillbook ready\n`);
      for (const [keys] of [['', ''], ...rows] as [string, string][]) {
        if (keys !== '') shell.stdin.write(`${keys}\n`);
        const deadline = Date.now() + DEADLINE_MS;
        const ran = (): string[] => [...screen.matchAll(/ran (<.*>)\.\r/g)].map((m) => m[1]!);
        while (ran().length <= seen.length) {
          if (Date.now() > deadline || shell.exitCode !== null) throw new Error(`after ${JSON.stringify(keys)}:\n${screen}`);
          await new Promise((r) => setTimeout(r, 20));
        }
        seen.push(ran()[seen.length]!);
      }
      expect(seen).toEqual(['<ready>', ...rows.map(([, args]) => args)]);
      expect(existsSync(join(folder, 'work/owned'))).toBe(false);
    } finally {
      // in order; a terminal that hangs is not waited for
      shell.stdin.end('exit\n');
      const late = setTimeout(() => shell.kill('SIGKILL'), 10_000);
      await once(shell, 'close');
      clearTimeout(late);
    }
  },
  5 * DEADLINE_MS,
);

// zsh and fish are not on every machine: where one is, it reads its script without running it
test.each(['bash', 'zsh', 'fish'])('%s, where it is, can read its script', (shell) => {
  if (findProgram(shell, process.env)) execFileSync(shell, ['-n', join(SCRIPTS, `drillbook.${shell}`)], { stdio: 'pipe' });
});
