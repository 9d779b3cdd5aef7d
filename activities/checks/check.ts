/** A check runs after a person says "done": it gathers evidence near the target and judges it. An exception is unknown, never pass. */
import type { ZodType } from 'zod';
import type { ReconcileSummary } from '../../core/bundle.ts';
import type { CheckResult } from '../../core/history.ts';
import type { DrillRef } from '../../workflows/messages.ts';
import type { Deps, Target } from '../deps.ts';

export interface CheckContext {
  deps: Deps;
  ref: DrillRef;
  target: Target;
  /** folder of this drill on the target: collected logs, lists */
  workDir: string;
  /** what the person filled in */
  inputs: Record<string, string>;
}

export interface CheckModule<A = unknown> {
  name: string;
  schema: ZodType<A>;
  run(c: CheckContext, args: A): Promise<Omit<CheckResult, 'check'>>;
}

/** Where the histories parted decides what was lost: while that is not known, an empty list of lost rows proves nothing. */
export function forkUnknown({ fork }: Pick<ReconcileSummary, 'fork'>): Omit<CheckResult, 'check'> | null {
  return fork.set === '' ? { verdict: 'unknown', seen: 'where the histories parted is not known, so what was lost is not', details: fork.findings } : null;
}
