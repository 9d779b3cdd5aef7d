/** A check runs after a person says "done": it gathers evidence near the target and judges it. An exception is unknown, never pass. */
import type { ZodType } from 'zod';
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
