/**
 * Histories as Temporal recorded them, of real drills: kept in test/histories, compressed, so that a change of workflow code that would break drills under way is seen.
 * `DRILLBOOK_RECORD=1 npm run test:full -- worker/` records all of them anew, on a machine that has nothing else to do.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { WorkflowHandle } from '@temporalio/client';
import type { History } from '@temporalio/common/lib/proto-utils.js';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import type { ReplayWorkerOptions } from '@temporalio/worker';
import { ROOT } from './drill.ts';

const FOLDER = join(ROOT, 'test/histories');
const SUFFIX = '.json.gz';
/** Enough for the longest, with a thousand signatures in it. */
const BYTES_MAX = 200_000;

/** Without the folders and the name of the machine that recorded it. */
const elsewhere = (text: string): string =>
  text
    .replaceAll(ROOT, '/home/somebody/drillbook')
    .replaceAll(homedir(), '/home/somebody')
    .replaceAll(/\/tmp\/db\w-\w+/g, '/home/somebody')
    // a bundle of the same text may have been made in another checkout
    .replaceAll(/\(\/[^\s()]*?\/(?=(?:node_modules|workflows|core)\/)/g, '(/home/somebody/drillbook/')
    .replaceAll(`"${hostname()}:`, '"somewhere:');
const anonymous = (json: string): string =>
  elsewhere(json).replaceAll(/"data": "([A-Za-z0-9+/=]+)"/g, (_, data: string) => {
    const text = elsewhere(Buffer.from(data, 'base64').toString('utf8'));
    return `"data": "${Buffer.from(text).toString('base64')}"`;
  });
/** Also names of who worked on it, and of the queues of its processes. */
const nobodys = (key: string, value: unknown): unknown =>
  key === 'identity' || (typeof value === 'string' && value.includes(`@${hostname()}`))
    ? 'somebody'
    : typeof value === 'string' && value.startsWith(`${hostname()}-`)
      ? 'somewhere'
      : value;

let made: Promise<ReplayWorkerOptions> | undefined;

/** The code of now, bundled once. */
export const replayer = (): Promise<ReplayWorkerOptions> => (made ??= bundled());

async function bundled(): Promise<ReplayWorkerOptions> {
  const logger = new DefaultLogger('ERROR');
  Runtime.install({ logger });
  return { workflowBundle: await bundleWorkflowCode({ workflowsPath: join(ROOT, 'workflows/index.ts'), logger }) };
}

/** It replays, by the code of now; kept when histories are recorded. `runId`: one of several runs. */
export async function recordHistory(name: string, { client, workflowId }: WorkflowHandle, runId?: string): Promise<History> {
  const history = await client.getHandle(workflowId, runId).fetchHistory();
  await Worker.runReplayHistory(await replayer(), history, workflowId);
  if (!process.env['DRILLBOOK_RECORD']) return history;
  const whole = JSON.parse(anonymous(historyToJSON(history))) as { events: { eventId: string }[] };
  const bytes = gzipSync(JSON.stringify(whole, nobodys), { level: 9 });
  if (bytes.length > BYTES_MAX) throw new Error(`history ${name} has ${bytes.length} bytes`);
  writeFileSync(join(FOLDER, `${name}${SUFFIX}`), bytes);
  return history;
}

export interface Recorded {
  events: {
    eventType: string | number;
    eventTime: string;
    workflowExecutionStartedEventAttributes?: object;
    activityTaskScheduledEventAttributes?: { activityType: { name: string } };
  }[];
}
/** With the payloads in words. */
export const textOf = (r: Recorded): string =>
  JSON.stringify(r).replaceAll(/"data":"([A-Za-z0-9+/=]+)"/g, (_, data: string) => Buffer.from(data, 'base64').toString('utf8'));

export const recordedNames = (): string[] =>
  readdirSync(FOLDER)
    .filter((f) => f.endsWith(SUFFIX))
    .map((f) => f.slice(0, -SUFFIX.length))
    .toSorted();
export const recordedHistory = (name: string): Recorded => JSON.parse(gunzipSync(readFileSync(join(FOLDER, name + SUFFIX))).toString('utf8')) as Recorded;
