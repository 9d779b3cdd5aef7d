/** The project's own laws, checked on its source: who may import whom, what reads the environment, what every fault must have, what a test file may not hold. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CATALOGUE } from '../activities/catalogue.ts';
import { CHECKS } from '../activities/checks/index.ts';
import type { FaultModule } from '../activities/faults/fault.ts';
import { FAULTS } from '../activities/faults/index.ts';
import { inspectRunbook } from '../evidence/load-runbook.ts';

const ROOT = join(import.meta.dirname, '..');
const FOLDERS = ['core', 'evidence', 'targets', 'workflows', 'activities', 'worker', 'console', 'setup', 'bin', 'bench', 'test'];
const LINES_MAX = 500;

interface Source {
  /** relative to the root, e.g. core/gtid.ts */
  path: string;
  text: string;
}
interface Import {
  from: string;
  typeOnly: boolean;
}
interface Law {
  /** own folders whose values may be imported; the file's own folder is always allowed */
  ours: string[];
  /** own folders or files of which only types may be imported */
  types: string[];
  /** packages and node modules that may be imported; null: any */
  packages: RegExp | null;
}

const ANYTHING = FOLDERS.filter((f) => f !== 'worker' && f !== 'test');
const LAWS: Record<string, Law> = {
  core: { ours: [], types: [], packages: /^(zod|@noble\/.+)$/ },
  evidence: { ours: ['core'], types: [], packages: null },
  targets: { ours: ['core', 'setup/entry.mjs'], types: [], packages: null },
  workflows: { ours: ['core'], types: ['activities', 'evidence', 'targets'], packages: /^@temporalio\/workflow$/ },
  activities: { ours: ['core', 'evidence', 'targets', 'setup/entry.mjs'], types: ['workflows'], packages: null },
  'console/cli': {
    ours: ['core', 'evidence', 'targets', 'activities', 'setup', 'console', 'bench', 'workflows/messages.ts'],
    types: ['workflows'],
    packages: null,
  },
  'console/web': {
    ours: [
      'core',
      'evidence',
      'workflows/messages.ts',
      'console/people',
      'console/door.ts',
      'console/rundir.ts',
      'console/live-model.ts',
      'console/live-state.ts',
      'console/target-now.ts',
    ],
    types: ['workflows'],
    packages: /^(node:.+|handlebars|openid-client|@temporalio\/.+)$/,
  },
  console: { ours: ['core', 'evidence', 'workflows/messages.ts'], types: ['workflows'], packages: null },
  setup: { ours: [], types: ['targets'], packages: /^node:/ },
  bin: { ours: ['setup'], types: [], packages: /^node:/ },
  worker: { ours: ANYTHING, types: [], packages: null },
  bench: { ours: ANYTHING, types: [], packages: null },
  test: { ours: ANYTHING, types: [], packages: null },
};
const READS_ENVIRONMENT = /^(worker|setup|bin|test)\/|^console\/cli\/main\.ts$/;

const lawOf = (path: string): Law | undefined => LAWS[Object.keys(LAWS).find((folder) => path.startsWith(`${folder}/`)) ?? ''];
/** Comment lines say what they like. */
const code = (text: string): string => text.replaceAll(/^\s*(\/\*\*|\*|\/\/).*$/gm, '');

export function importsOf(text: string): Import[] {
  const statement = /^(?:import|export)\s+(?<what>[^;'"]*?)\s*from\s+'(?<from>[^']+)'|^import\s+'(?<bare>[^']+)'|\bimport\(\s*'(?<dynamic>[^']+)'/gm;
  return [...code(text).matchAll(statement)].map(({ groups }) => {
    const { what = '', from, bare, dynamic } = groups!;
    const names =
      /\{(.*)\}/s
        .exec(what)?.[1]
        ?.split(',')
        .filter((n) => n.trim() !== '') ?? [];
    const typeOnly = /^type\b/.test(what) || (names.length > 0 && what.startsWith('{') && names.every((n) => /^\s*type\s/.test(n)));
    return { from: (from ?? bare ?? dynamic)!, typeOnly };
  });
}

/** Everything in these files that breaks a law, as sentences. Pure, so that every law can be seen red on a planted file. */
export function violations(files: readonly Source[]): string[] {
  return files.flatMap(({ path, text }) => [...importViolations(path, text), ...textViolations(path, text)].map((what) => `${path} ${what}`));
}

const within = (target: string, places: string[]): boolean => places.some((p) => target === p || target.startsWith(`${p}/`));

function importViolations(path: string, text: string): string[] {
  const law = lawOf(path);
  if (!law) return ['is in a folder without a law'];
  const own = Object.keys(LAWS).find((folder) => path.startsWith(`${folder}/`))!;
  return importsOf(text).flatMap(({ from, typeOnly }) => {
    if (!from.startsWith('.')) return law.packages === null || law.packages.test(from) ? [] : [`imports ${from}`];
    const target = join(path, '..', from);
    if (target.startsWith('worker/') && own !== 'worker') return [`imports ${target}: nobody imports worker`];
    if (!/\.(ts|mjs|json)$/.test(from)) return [`imports ${from} without its ending`];
    return within(target, [own, ...law.ours]) || (typeOnly && within(target, law.types)) ? [] : [`imports ${target}`];
  });
}

function textViolations(path: string, text: string): string[] {
  const found: string[] = [];
  const lines = text.split('\n').length - 1;
  if (lines > LINES_MAX) found.push(`has ${lines} lines, more than ${LINES_MAX}`);
  if (path === 'test/laws.test.ts') return found;
  const bare = code(text);
  if (!READS_ENVIRONMENT.test(path) && /\bprocess\.env\b/.test(bare)) found.push('reads process.env');
  if (path.startsWith('core/') && /\bprocess\.|\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bperformance\.now\(/.test(bare)) found.push('is not pure');
  if (/\b(TODO|FIXME|XXX)\b/.test(text)) found.push('leaves a TODO');
  if (path.endsWith('.test.ts') && /\b(test|it|describe)\.(only|skip|todo|failing)\b|\b(xit|xtest|xdescribe|fit|fdescribe)\(/.test(bare))
    found.push('skips or focuses a test');
  if (!path.startsWith('test/') && /\bthrow new Error\(/.test(bare)) found.push('throws an error without a code');
  return found;
}

/** What a fault module lacks for its kind of undo. */
export function faultViolations(verb: string, fault: Partial<FaultModule>): string[] {
  const needed: (keyof FaultModule)[] = ['verb', 'title', 'schema', 'prepare', 'inject', 'observe', 'undo'];
  if (fault.undo === 'leased' || fault.undo === 'compensated') needed.push('heal');
  if (fault.undo === 'leased') needed.push('live', 'rest', 'renew', 'held');
  const found = needed.filter((part) => fault[part] === undefined).map((part) => `fault ${verb} has no ${part}`);
  if (fault.verb !== verb) found.push(`fault ${verb} calls itself ${fault.verb}`);
  if (fault.undo === 'one-way' && fault.heal) found.push(`fault ${verb} is one-way and has a heal`);
  return found;
}

/** Names that no test file holds in quotes. */
export const unnamed = (names: readonly string[], tests: readonly Source[]): string[] =>
  names.filter((name) => !tests.some(({ text }) => text.includes(`'${name}'`)));

function sources(): Source[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|mjs|css|js)$/.test(name))
      .map((name) => join(folder, name))
      .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') })),
  );
}

const all = sources();
const tests = all.filter((f) => f.path.endsWith('.test.ts') && f.path !== 'test/laws.test.ts');

test('the source keeps its laws', () => {
  expect(all.length).toBeGreaterThan(100);
  expect(violations(all)).toEqual([]);
});

test('every fault has what its undo needs', () => {
  expect(Object.entries(FAULTS).flatMap(([verb, fault]) => faultViolations(verb, fault as unknown as FaultModule))).toEqual([]);
});

test('every fault and every check is named in a test', () => expect(unnamed([...Object.keys(FAULTS), ...Object.keys(CHECKS)], tests)).toEqual([]));

const runbooks = readdirSync(join(ROOT, 'runbooks')).filter((f) => f.endsWith('.yaml'));
test.each(runbooks)('the runbook %s has no problem', (file) => expect(inspectRunbook(join(ROOT, 'runbooks', file), CATALOGUE).problems).toEqual([]));

describe('each law, broken', () => {
  test.each<[string, string, string | null]>([
    ['core/a.ts', `import { readFileSync } from 'node:fs';`, 'imports node:fs'],
    ['core/a.ts', `import yaml from 'yaml';`, 'imports yaml'],
    ['core/a.ts', `import type { Deps } from '../activities/deps.ts';`, 'imports activities/deps.ts'],
    ['core/a.ts', `const now = Date.now();`, 'is not pure'],
    ['core/a.ts', `const pid = process.pid;`, 'is not pure'],
    ['core/b/a.ts', `import { z } from 'zod';\nimport { sha } from '@noble/hashes/sha2.js';\nimport { x } from '../x.ts';`, null],
    ['evidence/a.ts', `import { run } from '../activities/run.ts';`, 'imports activities/run.ts'],
    ['targets/a/b.ts', `import { store } from '../../evidence/store.ts';`, 'imports evidence/store.ts'],
    ['workflows/a.ts', `import { createActivities } from '../activities/index.ts';`, 'imports activities/index.ts'],
    ['workflows/a.ts', `import {\n  createActivities,\n} from '../activities/index.ts';`, 'imports activities/index.ts'],
    ['workflows/a.ts', `import type { createActivities } from '../activities/index.ts';`, null],
    ['workflows/a.ts', `import { type createActivities } from '../activities/index.ts';`, null],
    ['workflows/a.ts', `import { type A, b } from '../activities/index.ts';`, 'imports activities/index.ts'],
    ['workflows/a.ts', `import Handlebars from 'handlebars';`, 'imports handlebars'],
    ['workflows/a.ts', `export * from '../activities/index.ts';`, 'imports activities/index.ts'],
    ['activities/a.ts', `import { transition } from '../workflows/messages.ts';`, 'imports workflows/messages.ts'],
    ['activities/a.ts', `const m = await import('../console/door.ts');`, 'imports console/door.ts'],
    ['console/web/a.ts', `import { FAULTS } from '../../activities/faults/index.ts';`, 'imports activities/faults/index.ts'],
    ['console/web/a.ts', `import { run } from '../cli/run.ts';`, 'imports console/cli/run.ts'],
    ['console/web/a.ts', `import { send } from '../door.ts';`, null],
    ['console/cli/a.ts', `import { FAULTS } from '../../activities/faults/index.ts';`, null],
    ['console/cli/a.ts', `import { drill } from '../../workflows/drill.ts';`, 'imports workflows/drill.ts'],
    ['console/cli/a.ts', `import type { Deps } from '../../worker/deps.ts';`, 'imports worker/deps.ts: nobody imports worker'],
    ['test/a.test.ts', `import '../worker/main.ts';`, 'imports worker/main.ts: nobody imports worker'],
    ['setup/a.mjs', `import { z } from 'zod';`, 'imports zod'],
    ['core/a.ts', `import { x } from './x';`, 'imports ./x without its ending'],
    ['scripts/a.ts', '', 'is in a folder without a law'],
    ['console/cli/run.ts', `const home = process.env['HOME'];`, 'reads process.env'],
    ['console/cli/main.ts', `const home = process.env['HOME'];`, null],
    ['core/a.ts', '\n'.repeat(501), 'has 501 lines, more than 500'],
    ['core/a.ts', '\n'.repeat(500), null],
    ['targets/a.ts', '// TODO later', 'leaves a TODO'],
    ['test/a.test.ts', `test.only('x', () => undefined);`, 'skips or focuses a test'],
    ['test/a.test.ts', `describe.skip('x', () => undefined);`, 'skips or focuses a test'],
    ['test/a.test.ts', `xit('x', () => undefined);`, 'skips or focuses a test'],
    ['activities/a.ts', `throw new Error('failed');`, 'throws an error without a code'],
  ])('%s: %j', (path, text, broken) => expect(violations([{ path, text }])).toEqual(broken === null ? [] : [`${path} ${broken}`]));

  test.each<[string, Partial<FaultModule>, string[]]>([
    [
      'nothing',
      {},
      ['verb', 'title', 'schema', 'prepare', 'inject', 'observe', 'undo']
        .map((p) => `fault partition has no ${p}`)
        .concat('fault partition calls itself undefined'),
    ],
    ['leased, no heal', { ...FAULTS['partition'], heal: undefined } as never, ['fault partition has no heal']],
    ['leased, no rest', { ...FAULTS['partition'], rest: undefined } as never, ['fault partition has no rest']],
    ['leased, no renew', { ...FAULTS['partition'], renew: undefined } as never, ['fault partition has no renew']],
    ['one-way with a heal', { ...FAULTS['partition'], undo: 'one-way' } as never, ['fault partition is one-way and has a heal']],
  ])('a fault with %s', (_, fault, broken) => expect(faultViolations('partition', fault)).toEqual(broken));

  test('a name that no test holds', () => expect(unnamed(['flood', 'partition'], [{ path: 'test/a.test.ts', text: `'partition'` }])).toEqual(['flood']));
});
