/** Every check a runbook can name. A new check is one file and its line here. */
import type { CheckModule } from './check.ts';
import { fenced } from './fenced.ts';
import { logsCollected } from './logs-collected.ts';
import { lostListed } from './lost-listed.ts';
import { recovered } from './recovered.ts';
import { rejoined } from './rejoined.ts';

export const CHECKS: Readonly<Record<string, CheckModule>> = Object.fromEntries(
  [fenced, logsCollected, lostListed, recovered, rejoined].map((c) => [c.name, c as unknown as CheckModule]),
);
