/** A recorded firing of a schedule, whose drill was unknown, replays: a change of the workflow that would break drills under way turns this red (use `patched`). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DeterminismViolationError } from '@temporalio/workflow';
import { DefaultLogger, Runtime, Worker, bundleWorkflowCode } from '@temporalio/worker';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';

const ROOT = join(import.meta.dirname, '../..');
interface Recorded {
  events: { workflowExecutionStartedEventAttributes?: object; eventTime: string }[];
}
const recorded = JSON.parse(readFileSync(join(ROOT, 'test/histories/scheduled-unknown.json'), 'utf8')) as Recorded;
let workflowBundle: WorkflowBundleWithSourceMap;

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  workflowBundle = await bundleWorkflowCode({ workflowsPath: join(ROOT, 'workflows/index.ts'), logger: new DefaultLogger('ERROR') });
}, 60_000);

test('the recorded firing replays', async () => {
  await Worker.runReplayHistory({ workflowBundle }, recorded);
}, 60_000);

test('a firing that began its drill a minute late does not replay: it would have been missed', async () => {
  const late = structuredClone(recorded);
  for (const e of late.events.filter((e) => e.workflowExecutionStartedEventAttributes === undefined))
    e.eventTime = new Date(new Date(e.eventTime).getTime() + 61_000).toISOString();
  await expect(Worker.runReplayHistory({ workflowBundle }, late)).rejects.toThrow(DeterminismViolationError);
}, 60_000);
