/** Crews from their files. */
import { basename, dirname, join, resolve } from 'node:path';
import { DrillError } from '../core/errors.ts';
import { invalidError, located } from '../core/runbook/problem.ts';
import { NAME, crewSchema } from '../core/runbook/schema.ts';
import type { Crew } from '../core/runbook/schema.ts';
import { neighbours, readYaml } from './yaml-file.ts';

/** DRILL_CREW_UNKNOWN names the crews that exist; DRILL_CREW_INVALID lists every problem with its place. */
export function loadCrew(dir: string, name: string): Crew {
  const file = join(dir, `${name}.yaml`);
  if (!NAME.test(name))
    throw new DrillError('DRILL_CREW_UNKNOWN', `${JSON.stringify(name)} is no name of a crew`, `known crews: ${neighbours(join(dir, 'x')).join(', ')}`);
  const { value, syntax, shape, locate } = readYaml(file, crewSchema, 'DRILL_CREW_UNKNOWN');
  const problems = [...syntax, ...located(shape, file, locate)];
  if (!value || problems.length > 0) throw invalidError(problems.map((p) => ({ ...p, code: 'DRILL_CREW_INVALID' })));
  return value;
}

/** As people name it on a command line: a file in runbooks/crews, or a path. */
export function crewFile({ root, cwd }: { root: string; cwd: string }, name: string): string {
  return name.includes('/') || name.endsWith('.yaml') ? resolve(cwd, name) : join(root, 'runbooks', 'crews', `${name}.yaml`);
}
export const readCrew = (file: string): Crew => loadCrew(dirname(file), basename(file, '.yaml'));
