/** Recorded histories replay, of the default drill and of steps without checks: a change of the workflow that would break drills under way turns this red (use `patched`). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DeterminismViolationError } from '@temporalio/workflow';
import { DefaultLogger, Runtime, Worker, bundleWorkflowCode } from '@temporalio/worker';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';

const ROOT = join(import.meta.dirname, '../..');
const recorded = JSON.parse(readFileSync(join(ROOT, 'test/histories/default.json'), 'utf8')) as {
  events: { eventType: string | number; activityTaskScheduledEventAttributes?: { activityType: { name: string } } }[];
};
let workflowBundle: WorkflowBundleWithSourceMap;

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  workflowBundle = await bundleWorkflowCode({ workflowsPath: join(ROOT, 'workflows/index.ts'), logger: new DefaultLogger('ERROR') });
}, 60_000);

test.each(['default', 'no-checks'])(
  'the recorded drill %s replays',
  async (name) => {
    await Worker.runReplayHistory({ workflowBundle }, JSON.parse(readFileSync(join(ROOT, `test/histories/${name}.json`), 'utf8')));
  },
  60_000,
);

test('a history in which another fault came first does not replay', async () => {
  const changed = structuredClone(recorded);
  const kill = changed.events.find((e) => e.activityTaskScheduledEventAttributes?.activityType.name === 'partition')!;
  kill.activityTaskScheduledEventAttributes!.activityType.name = 'kill-node';
  await expect(Worker.runReplayHistory({ workflowBundle }, changed)).rejects.toThrow(DeterminismViolationError);
}, 60_000);

test('the activities are named as the manual names the faults', () => {
  const names = recorded.events.flatMap((e) => e.activityTaskScheduledEventAttributes?.activityType.name ?? []);
  expect(names).toEqual(expect.arrayContaining(['partition', 'kill-node', 'promote', 'repoint', 'heal', 'guard']));
});
