/** Disasters: old modules are run as if new; npm ci on every start; the command survives its own kill -9; its exit status is lost. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { modulesState, nodeOf } from '../../setup/npm.mjs';

const NPM = join(import.meta.dirname, '../../setup/npm.mjs');
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'drillbook-npm-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const A = { version: '1.0.0', integrity: 'sha512-a' };
const LOCK = { '': { name: 'x' }, 'node_modules/a': A, 'node_modules/b': { ...A, optional: true } };

test.each([
  ['nothing installed', null, 'missing'],
  ['all of it', { 'node_modules/a': A, 'node_modules/b': A }, 'fresh'],
  ['all but what is optional (another platform)', { 'node_modules/a': A }, 'fresh'],
  ['a needed package is not there', { 'node_modules/b': A }, 'old'],
  ['another version', { 'node_modules/a': { ...A, version: '0.9.0' } }, 'old'],
  ['the same version with other content', { 'node_modules/a': { ...A, integrity: 'sha512-b' } }, 'old'],
  ['an optional one of another version', { 'node_modules/a': A, 'node_modules/b': { ...A, version: '2.0.0' } }, 'old'],
])('%s', (_case, there, state) => {
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages: LOCK }));
  if (there) {
    mkdirSync(join(root, 'node_modules'));
    writeFileSync(join(root, 'node_modules', '.package-lock.json'), JSON.stringify({ packages: there }));
  }
  expect(modulesState(root)).toBe(state);
});

test('a stamp of another lock is not believed', () => {
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages: LOCK }));
  mkdirSync(join(root, 'node_modules'));
  writeFileSync(join(root, 'node_modules', '.package-lock.json'), JSON.stringify({ packages: {} }));
  writeFileSync(join(root, 'node_modules', '.drillbook-stamp'), 'of the lock before');
  expect(modulesState(root)).toBe('old');
});

test('without the brought Node the running one serves, being new enough', () => {
  expect(nodeOf(root)).toBe(process.execPath);
});

describe.each(['becomes it (Node 24)', 'a child in its place (Node 20)'])('going on as another program: %s', (way) => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  /** A process that goes on as `node -e code`. */
  function start(code: string): ChildProcess {
    const prelude = way.includes('20') ? 'delete process.execve;' : '';
    const script = `${prelude} const { become } = await import(${JSON.stringify(NPM)}); become(process.execPath, ['-e', ${JSON.stringify(code)}], { ...process.env, MARK: 'kept' });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    return child;
  }

  test('output, environment and exit status are the other program’s, and nothing else is printed', async () => {
    const child = start(`console.log(process.env.MARK); process.exit(7)`);
    let text = '';
    child.stdout?.on('data', (data: Buffer) => (text += data.toString()));
    child.stderr?.on('data', (data: Buffer) => (text += data.toString()));
    const [status] = await once(child, 'close');
    expect([status, text]).toEqual([7, 'kept\n']);
  });

  test('SIGTERM reaches it and its answer comes back', async () => {
    const child = start(`process.on('SIGTERM', () => process.exit(3)); setInterval(() => {}, 1000); console.log('up')`);
    await once(child.stdout!, 'data');
    child.kill('SIGTERM');
    expect((await once(child, 'close'))[0]).toBe(3);
  });

  test('kill -9 leaves nothing running', async () => {
    const child = start(`setInterval(() => {}, 1000); console.log(process.pid)`);
    const [data] = (await once(child.stdout!, 'data')) as [Buffer];
    const pid = Number(data.toString());
    child.kill('SIGKILL');
    const deadline = performance.now() + 2_000;
    while (isRunning(pid) && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
    const survived = isRunning(pid);
    if (survived) process.kill(pid, 'SIGKILL');
    expect(survived).toBe(false);
  });
});

function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}/stat`) && !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}
