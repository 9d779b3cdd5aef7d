/** The third rehearsal: the recovery plan as a file of SQL, run by `mysql --force`, twice. Conflicts are settled by the runbook's rule. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUNDLE } from '../../core/bundle.ts';
import type { ReconcileSummary } from '../../core/bundle.ts';
import { startDrill } from '../support/drill.ts';
import { recordHistory } from '../support/histories.ts';

test('recovery.sql under mysql --force brings every acknowledged write back, beside the service’s writers', async () => {
  await using d = await startDrill({ rehearse: 'plan' });
  const result = await d.result();
  expect([result.sentence, d.history().filter((e) => e.kind === 'problem')]).toEqual([result.sentence, []]);
  expect(result.verdict).toBe('pass');
  const summary = JSON.parse(readFileSync(join(d.bundle, BUNDLE.reconcile), 'utf8')) as ReconcileSummary;
  expect(Math.min(...Object.values(summary.conflicts))).toBeGreaterThan(0);
  expect(summary.lostCount).toBeGreaterThan(20);
  expect(summary.lostKeysInPlace).toBe(summary.lostKeys);
  await recordHistory('plan', d.handle);
}, 240_000);
