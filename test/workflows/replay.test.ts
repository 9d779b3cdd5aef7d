/** Recorded histories of real drills replay: a change of the workflow that would break drills under way turns this red (use `patched`). */
import { DeterminismViolationError } from '@temporalio/workflow';
import { Worker } from '@temporalio/worker';
import type { ReplayWorkerOptions } from '@temporalio/worker';
import { recordedHistory, recordedNames, replayer, textOf } from '../support/histories.ts';

/** What each is kept for: words that only such a drill has. */
const KEPT: Record<string, string[]> = {
  'absent-aborted': ['nobody has the role sre in this drill', '"transition":"abort"', 'transition-signal', 'refused-attempt'],
  default: ['"rehearsal":"default"', '"guard"', '"verdict":"pass"', 'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED'],
  'forced-replay': ['"rehearsal":"forced-replay"', 'DRILL_VERDICT_FAIL'],
  'handed-over-escalated': ['step-ended-to-all', 'unfinished-told', 'handed-over-watched', '"transition":"delegate"', 'to whom it was handed'],
  'lease-lapsed': ['DRILL_LEASE_LAPSED', 'engine-gap'],
  'no-checks': ['"ahead":true', 'steps-prepared'],
  plan: ['"rehearsal":"plan"', '"verdict":"pass"'],
  'rehearsal-rejected': ['"rehearsal":"default"', 'DRILL_STEP_REJECTED', 'refused-attempt'],
  'renewed-after': ['"carried"', 'EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW', '"name":"transition"', 'transition-signal'],
  'renewed-before': ['renewed-at-rest', 'EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW', '"name":"transition"', 'transition-signal'],
  'scheduled-failed': ['scheduledDrill', 'DRILL_VERDICT_FAIL', '"outcome":"fail"'],
  'scheduled-missed': ['scheduledDrill', '"outcome":"missed"'],
  'scheduled-passed': ['scheduledDrill', '"outcome":"pass"', 'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED'],
  'scheduled-skipped': ['scheduledDrill', '"outcome":"skipped"', 'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED'],
  'scheduled-unknown': ['scheduledDrill', 'DRILL_VERDICT_UNKNOWN'],
  'sent-back-skipped-rejected': ['"transition":"send-back"', '"transition":"skip"', '"transition":"reject"', 'DRILL_STEP_REJECTED'],
  'signals-and-updates': [
    'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED',
    'transition-signal',
    '"name":"transition"',
    '"transition":"delegate"',
    '"transition":"approve"',
    '"kind":"step-escalated"',
    '"kind":"message-refused","via":"signal"',
  ],
  // Temporal's own death leaves no word in it
  'temporal-killed': ['"rehearsal":"default"', '"verdict":"pass"'],
  'worker-killed': ['engine-gap', '"attempt":2', '"verdict":"pass"'],
};
let options: ReplayWorkerOptions;
beforeAll(async () => {
  options = await replayer();
}, 120_000);

test('there is one of each kind, and it is of that kind', () => {
  expect(recordedNames()).toEqual(Object.keys(KEPT));
  const without = Object.entries(KEPT).flatMap(([name, words]) => {
    const text = textOf(recordedHistory(name));
    return words.flatMap((w) => (text.includes(w) ? [] : [`${name}: ${w}`]));
  });
  expect(without).toEqual([]);
});

test('all of them replay', async () => {
  const histories = recordedNames().map((workflowId) => ({ workflowId, history: recordedHistory(workflowId) }));
  const failed: string[] = [];
  let replayed = 0;
  for await (const { workflowId, error } of Worker.runReplayHistories(options, histories)) {
    replayed++;
    if (error) failed.push(`${workflowId}: ${error.message}`);
  }
  expect([failed, replayed]).toEqual([[], Object.keys(KEPT).length]);
}, 300_000);

test('a history in which another fault came first does not replay', async () => {
  const changed = recordedHistory('default');
  const kill = changed.events.find((e) => e.activityTaskScheduledEventAttributes?.activityType.name === 'partition')!;
  kill.activityTaskScheduledEventAttributes!.activityType.name = 'kill-node';
  await expect(Worker.runReplayHistory(options, changed)).rejects.toThrow(DeterminismViolationError);
}, 120_000);

test('a firing of a schedule that began its drill a minute late does not replay: it would have been missed', async () => {
  const late = recordedHistory('scheduled-unknown');
  for (const e of late.events.filter((e) => e.workflowExecutionStartedEventAttributes === undefined))
    e.eventTime = new Date(new Date(e.eventTime).getTime() + 61_000).toISOString();
  await expect(Worker.runReplayHistory(options, late)).rejects.toThrow(DeterminismViolationError);
}, 120_000);

test('the activities are named as the manual names the faults', () => {
  const names = recordedHistory('default').events.flatMap((e) => e.activityTaskScheduledEventAttributes?.activityType.name ?? []);
  expect(names).toEqual(expect.arrayContaining(['partition', 'kill-node', 'promote', 'repoint', 'heal', 'guard']));
});
