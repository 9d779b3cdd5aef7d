/** Disasters: a package without a file that it needs at run time; one that holds tests, or a path that ends in .ts, which Node does not run there; one that needs what only a checkout installs. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { transpile } from '../../setup/pack.mjs';
import { ROOT } from '../../setup/entry.mjs';

interface Manifest {
  dependencies: Record<string, string>;
}
const IMPORT = /^(?:import|export)\b[^;'"]*?\bfrom\s+'([^']+)'|^import\s+'([^']+)'|\bimport\(\s*'([^']+)'/gm;
const withoutComments = (text: string): string => text.replaceAll(/^\s*(\/\*\*|\*|\/\/).*$/gm, '');

let folder: string;
let code: { path: string; text: string; imports: string[] }[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drillbook-pack-'));
  transpile(ROOT, join(folder, 'dist'));
  for (const file of ['package.json', 'README.md', 'LICENSE', 'bin/drillbook.mjs', 'docs/semantics.md']) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    copyFileSync(join(ROOT, file), join(folder, file));
  }
  writeFileSync(join(folder, 'dist', 'workflows', 'bundle.js'), '');
  code = readdirSync(join(folder, 'dist'), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.m?js$/.test(path) && !path.includes('/static/'))
    .map((path) => ({ path, text: withoutComments(readFileSync(join(folder, 'dist', path), 'utf8')) }))
    .map((file) => ({ ...file, imports: [...file.text.matchAll(IMPORT)].map((m) => (m[1] ?? m[2] ?? m[3])!) }));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('every import of ours is there, and every other one is a dependency', () => {
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;
  const missing = code.flatMap(({ path, imports }) =>
    imports.filter((from) => {
      if (from.startsWith('.')) return !existsSync(join(folder, 'dist', dirname(path), from));
      return !from.startsWith('node:') && !Object.keys(dependencies).some((name) => from === name || from.startsWith(`${name}/`));
    }),
  );
  expect(code.length).toBeGreaterThan(300);
  // the one that a package never gets to (console/cli/main.ts)
  expect(missing).toEqual(['./bench.js']);
});

test('nothing names a file of TypeScript', () => {
  const named = code.flatMap(({ path, text }) => [...text.matchAll(/[\w/]\.ts['"`]/g)].map((m) => `${path}: …${text.slice(m.index - 30, m.index + 5)}`));
  // where it is told what a checkout is, and a checkout's own bundling
  expect(named.map((n) => n.split(':')[0])).toEqual(['setup/entry.mjs', 'worker/workflow-bundle.js']);
});

test('what is packed: programs, data, documentation; no tests, no benchmarks, no sources', () => {
  const out = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const files = (JSON.parse(out) as [{ files: { path: string }[] }])[0].files.map((f) => f.path);
  expect(files.filter((f) => !f.startsWith('dist/')).sort()).toEqual(['LICENSE', 'README.md', 'bin/drillbook.mjs', 'docs/semantics.md', 'package.json']);
  const data = ['console/web/static', 'console/web/templates', 'console/cli/completion', 'runbooks'].flatMap((below) =>
    readdirSync(join(ROOT, below), { recursive: true, withFileTypes: true })
      .filter((f) => f.isFile() && !f.name.endsWith('.ts'))
      .map((f) => join('dist', relative(ROOT, f.parentPath), f.name)),
  );
  expect(data.length).toBeGreaterThan(20);
  const programs = ['dist/package.json', 'dist/setup/start.mjs', 'dist/console/cli/main.js', 'dist/worker/main.js', 'dist/workflows/bundle.js'];
  expect([...data, ...programs].filter((f) => !files.includes(f))).toEqual([]);
  expect(files.filter((f) => /^dist\/(test|bench|bin|docs)\/|\.test\.|\.ts$|(test|pack)\.mjs$/.test(f))).toEqual([]);
});

test('every character stands where the source has it, so a stack trace of a package names lines and columns of the source', () => {
  const moved = code
    .filter(({ path }) => path.endsWith('.js') && path !== 'workflows/bundle.js')
    .filter(({ path }) => {
      const [packed, source] = [join(folder, 'dist', path), join(ROOT, path.replace(/js$/, 'ts'))].map((file) =>
        readFileSync(file, 'utf8').replaceAll(".js'", ".ts'").split(''),
      );
      return packed!.length !== source!.length || packed!.some((c, i) => c !== source![i] && !/[\s;]/.test(c));
    });
  expect(moved.map((f) => f.path)).toEqual([]);
});
