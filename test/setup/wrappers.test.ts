/** Disasters: mysqld ignores --no-defaults because ours stands before it; a word with a blank falls apart; a wrapper calls itself. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { wrap, wrapCommand } from '../../setup/wrappers.mjs';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "drillbook wrap's-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** An unpacked root whose "loader" prints the command line that it is given. */
function unpackedRoot(): string {
  const [triplet, name] = process.arch === 'arm64' ? ['aarch64-linux-gnu', 'ld-linux-aarch64.so.1'] : ['x86_64-linux-gnu', 'ld-linux-x86-64.so.2'];
  const libraries = join(folder, 'root', 'usr/lib', triplet);
  mkdirSync(libraries, { recursive: true });
  writeFileSync(join(libraries, name), '#!/bin/sh\nfor a do printf "%s\\n" "$a"; done\n', { mode: 0o755 });
  return join(folder, 'root');
}

test.each([
  ['nothing', [], ['--ours=1', '--more=a b']],
  ['plain options', ['--x', 'a b'], ['--ours=1', '--more=a b', '--x', 'a b']],
  ['--no-defaults first', ['--no-defaults', '--x'], ['--no-defaults', '--ours=1', '--more=a b', '--x']],
  [
    'two of the leading kind',
    ['--defaults-file=f', '--login-path=l', '-e', '1;'],
    ['--defaults-file=f', '--login-path=l', '--ours=1', '--more=a b', '-e', '1;'],
  ],
  ['only the leading kind', ['--print-defaults'], ['--print-defaults', '--ours=1', '--more=a b']],
  ['--no-defaults too late', ['--x', '--no-defaults'], ['--ours=1', '--more=a b', '--x', '--no-defaults']],
  ['an empty word and a glob', ['', '*', "it's"], ['--ours=1', '--more=a b', '', '*', "it's"]],
])('our options stand behind the leading ones and before the rest: %s', (_case, given, seen) => {
  const path = wrap(join(folder, 'bin'), { name: 'mysqld', path: '/opt/a b/mysqld', root: unpackedRoot() }, ['--ours=1', '--more=a b']);
  const lines = execFileSync(path, given, { encoding: 'utf8' }).replace(/\n$/, '').split('\n');
  expect(lines.slice(2, 5)).toEqual(['--argv0', 'mysqld', '/opt/a b/mysqld']);
  expect(lines.slice(5)).toEqual(seen);
});

test('a program of the system is a link, and what is unchanged is not written again', () => {
  const bin = join(folder, 'bin');
  const link = wrap(bin, { name: 'sh', path: '/bin/sh', root: null });
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  wrapCommand(bin, 'hello', ['/bin/echo', 'a b']);
  const before = [lstatSync(link).ino, statSync(join(bin, 'hello')).ino];
  wrap(bin, { name: 'sh', path: '/bin/sh', root: null });
  wrapCommand(bin, 'hello', ['/bin/echo', 'a b']);
  expect([lstatSync(link).ino, statSync(join(bin, 'hello')).ino]).toEqual(before);
  expect(execFileSync(join(bin, 'hello'), ['c'], { encoding: 'utf8' })).toBe('a b c\n');
});

test('a script that takes the place of a link does not write through it', () => {
  const bin = join(folder, 'bin');
  const target = join(folder, 'precious');
  writeFileSync(target, 'precious');
  chmodSync(target, 0o755);
  wrap(bin, { name: 'x', path: target, root: null });
  wrapCommand(bin, 'x', ['/bin/true']);
  expect(execFileSync('cat', [target], { encoding: 'utf8' })).toBe('precious');
  expect(existsSync(join(bin, 'x')) && lstatSync(join(bin, 'x')).isSymbolicLink()).toBe(false);
});
