/** Runbooks from files: read, checked as a whole, and only then handed on. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Catalogue } from '../core/runbook/lint.ts';
import { lintRunbook } from '../core/runbook/lint.ts';
import { INVALID, invalidError, located } from '../core/runbook/problem.ts';
import type { LocatedProblem, Locate, Problem } from '../core/runbook/problem.ts';
import { runbookSchema } from '../core/runbook/schema.ts';
import type { Inventory, Runbook } from '../core/runbook/schema.ts';
import { checkTemplate, variablesOf } from './instructions.ts';
import { readYaml } from './yaml-file.ts';

export interface LoadedRunbook {
  runbook: Runbook;
  /** SHA-256 of the file's bytes */
  runbookDigest: string;
  file: string;
  locate: Locate;
}

/** The file of a runbook that is given by its name in `dir`, or by its path. */
export function runbookFile(dir: string, nameOrPath: string): string {
  return nameOrPath.includes('/') || nameOrPath.endsWith('.yaml') || existsSync(nameOrPath) ? nameOrPath : join(dir, `${nameOrPath}.yaml`);
}

/** Throws one DrillError with every problem as `file:line:column: message`; DRILL_RUNBOOK_UNKNOWN when there is no such file. */
export function loadRunbook(file: string, catalogue: Catalogue): LoadedRunbook {
  const { loaded, problems } = inspectRunbook(file, catalogue);
  if (!loaded) throw invalidError(problems);
  return loaded;
}

/** Every problem of a runbook file at once; with an inventory also what does not fit that target. `loaded` is null when there are any. */
export function inspectRunbook(file: string, catalogue: Catalogue, inventory?: Inventory): { loaded: LoadedRunbook | null; problems: LocatedProblem[] } {
  const yaml = readYaml(file, runbookSchema, 'DRILL_RUNBOOK_UNKNOWN');
  const { value: runbook, locate } = yaml;
  const found = runbook ? [...lintRunbook(runbook, catalogue, inventory), ...templateProblems(runbook)] : yaml.shape;
  const problems = [...yaml.syntax, ...located(found, file, locate)];
  return { loaded: runbook && problems.length === 0 ? { runbook, runbookDigest: yaml.digest, file, locate } : null, problems };
}

function templateProblems(r: Runbook): Problem[] {
  const variables = variablesOf(r);
  return templatesOf(r).flatMap(({ path, text }) =>
    checkTemplate(text, variables).map(({ message, line, column }): Problem => ({ code: INVALID, path, within: { line, column }, message })),
  );
}

interface Template {
  path: PropertyKey[];
  text: string;
}

function templatesOf(r: Runbook): Template[] {
  const steps = r.steps.flatMap((s, i) => [{ path: ['steps', i, 'instructions'], text: s.instructions }, ...templatesIn(s.rehearse, ['steps', i, 'rehearse'])]);
  const overrides = Object.entries(r.rehearsals).flatMap(([name, rehearsal]) =>
    Object.entries(rehearsal.steps).flatMap(([id, o]) => templatesIn(o, ['rehearsals', name, 'steps', id])),
  );
  return [...steps, ...overrides];
}

function templatesIn(t: { script?: string | undefined; inputs?: Record<string, string> | undefined } | undefined, base: PropertyKey[]): Template[] {
  const inputs = Object.entries(t?.inputs ?? {}).map(([name, text]) => ({ path: [...base, 'inputs', name], text }));
  return t?.script === undefined ? inputs : [{ path: [...base, 'script'], text: t.script }, ...inputs];
}
