/** Evidence views: the canonical bytes of one step attempt, which a sign-off is bound to. Page, command line and operator render from these bytes. */
import type { CheckResult } from '../core/history.ts';
import type { Envelope } from '../core/message.ts';
import type { TargetIdentity } from '../core/plan.ts';

export interface StepView {
  drillId: string;
  planDigest: string;
  target: TargetIdentity;
  stepId: string;
  attempt: number;
  instructionsDigest: string;
  /** what the instructions were rendered with: hosts, paths, GTID sets as the step opened, or, after steps without checks, as it was made ready before */
  values: Record<string, unknown>;
  /** what sent the step back before, if anything did */
  sentBack: string[];
  inputs: Record<string, string>;
  checks: CheckResult[];
  /** who did it: the signed envelope of `done`, once there is one */
  done: Envelope | null;
}
