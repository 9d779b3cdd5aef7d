/** Targets from their inventory files. */
import { join } from 'node:path';
import { DrillError } from '../core/errors.ts';
import { invalidError, located } from '../core/runbook/problem.ts';
import { NAME, inventorySchema } from '../core/runbook/schema.ts';
import type { Inventory } from '../core/runbook/schema.ts';
import { neighbours, readYaml } from './yaml-file.ts';

/** DRILL_TARGET_UNKNOWN names the targets that exist; DRILL_INVENTORY_INVALID lists every problem with its place. */
export function loadInventory(dir: string, name: string): Inventory {
  const file = join(dir, `${name}.yaml`);
  if (!NAME.test(name))
    throw new DrillError('DRILL_TARGET_UNKNOWN', `${JSON.stringify(name)} is no name of a target`, `known targets: ${neighbours(join(dir, 'x')).join(', ')}`);
  const { value, syntax, shape, locate } = readYaml(file, inventorySchema, 'DRILL_TARGET_UNKNOWN');
  const named = value && value.target !== name ? [{ path: ['target'], message: `the file is named ${name}, the target in it ${value.target}` }] : [];
  const problems = [...syntax, ...located([...shape, ...named.map((p) => ({ ...p, code: 'DRILL_INVENTORY_INVALID' as const }))], file, locate)];
  if (!value || problems.length > 0) throw invalidError(problems.map((p) => ({ ...p, code: 'DRILL_INVENTORY_INVALID' })));
  return value;
}
