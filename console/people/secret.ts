/**
 * An unannounced drill is a secret until its first fault has taken effect: commands and board do as if there were none, for all but the coordinators and auditors of
 * its crew. One that ended before is a secret for good: it will be tried again. This keeps a surprise, not a secret from whoever reads this machine's files.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUNDLE } from '../../core/bundle.ts';
import { crewOf, hasRight } from '../../core/message.ts';
import type { Plan } from '../../core/plan.ts';
import { allKeys, keyFolder } from './keys.ts';

/** Bundles whose crew knows; what is known stays so, and a list asks often. */
const known = new Set<string>();

/** Whether these people (none: whoever asks) must not know of the drill yet. */
export function secretFrom(bundle: string, names: readonly string[]): boolean {
  if (known.has(bundle)) return false;
  const plan = planOf(bundle);
  if (plan === null) return false;
  if (plan.announce !== 'at-fault' || begun(bundle)) {
    known.add(bundle);
    return false;
  }
  return !crewOf(plan.keys).some((p) => names.includes(p.name) && p.rights !== undefined && hasRight(p, ['coordinator', 'auditor']));
}

/** null: there is none that can be read, and so no drill. */
function planOf(bundle: string): Plan | null {
  try {
    return JSON.parse(readFileSync(join(bundle, BUNDLE.plan), 'utf8')) as Plan;
  } catch {
    return null;
  }
}

/** On the command line: from those who have keys here. */
export function secretHere(env: Readonly<Record<string, string | undefined>>): (bundle: string) => boolean {
  let names: string[] | null = null;
  return (bundle) => secretFrom(bundle, []) && secretFrom(bundle, (names ??= allKeys(keyFolder(env)).map((k) => k.name)));
}

/** In a line of JSON no text of anybody has a quote of its own: this is the line's kind. */
function begun(bundle: string): boolean {
  const file = join(bundle, BUNDLE.history);
  return existsSync(file) && readFileSync(file, 'utf8').includes('"kind":"fault-injected"');
}
