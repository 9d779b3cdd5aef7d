/**
 * The engine's own copy of the old source's binary logs, taken as soon as the chain is over: the manual may rebuild the node, and the verdict
 * must not depend on the copy that people made.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plan } from '../core/plan.ts';
import { BUNDLE } from '../core/bundle.ts';
import type { DrillRef } from '../workflows/messages.ts';
import type { LogFile } from '../targets/port.ts';
import type { Deps, Target } from './deps.ts';

export const drillDir = (workDir: string, drillId: string): string => join(workDir, drillId);
export const oldLogs = (dir: string) => ({ dir: join(dir, 'engine-old-logs'), list: join(dir, 'engine-old-logs.json') });

export function readPlan(ref: DrillRef): Plan {
  return JSON.parse(readFileSync(join(ref.bundle, BUNDLE.plan), 'utf8')) as Plan;
}

const name = (v: unknown): string | null => (typeof v === 'string' ? v : null);

/** Who was the source that died, and who was promoted, by the plan's chain. Null where the chain has no such fault. */
export function actors(plan: Plan): { old: string | null; promoted: string | null } {
  const nodeOf = (verbs: string[]) => plan.chain.findLast((e) => verbs.includes(e.do))?.with['node'];
  return { old: name(nodeOf(['kill-node', 'kill-process'])), promoted: name(nodeOf(['promote'])) };
}

/** Idempotent: a finished copy is kept. */
export async function collectOld(target: Target, ref: DrillRef): Promise<{ dir: string; files: LogFile[] } | null> {
  const { old } = actors(readPlan(ref));
  if (!old) return null;
  const paths = oldLogs(drillDir((await target.platform.facts()).workDir, ref.drillId));
  if (existsSync(paths.list)) return { dir: paths.dir, files: JSON.parse(readFileSync(paths.list, 'utf8')) as LogFile[] };
  rmSync(paths.dir, { recursive: true, force: true });
  mkdirSync(paths.dir, { recursive: true });
  const files = await target.system.collectLogs(old, paths.dir);
  writeFileSync(`${paths.list}.new`, JSON.stringify(files), { flush: true });
  renameSync(`${paths.list}.new`, paths.list);
  return { dir: paths.dir, files };
}

export function collectActivities(deps: Deps) {
  return {
    async collectOldLogs(ref: DrillRef): Promise<{ files: number; bytes: number }> {
      const collected = await collectOld(await deps.target(ref.target), ref);
      return { files: collected?.files.length ?? 0, bytes: collected?.files.reduce((n, f) => n + f.bytes, 0) ?? 0 };
    },
  };
}
