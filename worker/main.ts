/**
 * The worker's entry and composition root: polls the workflow queue, the target's queue and the target's session queue (docs/semantics.md, 5).
 * Environment: TEMPORAL_* (the standard client configuration), DRILLBOOK_TOOLS (JSON), DRILLBOOK_LAB (state file of the local lab), DRILLBOOK_TARGET.
 * Ends cleanly on SIGTERM, and by itself when its owner's pipe (standard input) closes if DRILLBOOK_OWNED is set.
 */
import { dirname, resolve } from 'node:path';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { DefaultLogger, NativeConnection, Runtime, Worker, makeTelemetryFilterString } from '@temporalio/worker';
import { Client, Connection } from '@temporalio/client';
import { createActivities, dressed } from '../activities/index.ts';
import type { Deps, Target } from '../activities/deps.ts';
import { cacheFolder } from '../setup/cache.mjs';
import { sessionQueueOf } from '../activities/target.ts';
import { folderStore } from '../evidence/store.ts';
import { DrillError } from '../core/errors.ts';
import { connectLocal } from '../targets/platforms/local/connect.ts';
import { mysqlSystem } from '../targets/systems/mysql/system.ts';
import type { Tools } from '../targets/tools.ts';
import { targetQueue, WORKFLOW_QUEUE } from '../workflows/messages.ts';
import { workflowBundle } from './workflow-bundle.ts';

/**
 * Drills whose state is kept in memory: each takes about 0.7 MB (docs/bench.md). Of more that wait, one that was put out is replayed at the next word to it.
 */
const CACHED = 200;

const root = resolve(import.meta.dirname, '..');

function required(name: string): string {
  const value = process.env[name];
  if (!value)
    throw new DrillError('DRILL_WORKER_CONFIG', `${name} is not set`, 'start the worker through `drillbook run`, or set it (README, "Your own Temporal")');
  return value;
}

async function connectTarget(name: string, stateFile: string, tools: Tools): Promise<Target> {
  const platform = await connectLocal(stateFile);
  return { name, platform, system: mysqlSystem(platform, { tools }), lost: platform.lost, stateFile };
}

async function main(): Promise<void> {
  const tools = JSON.parse(required('DRILLBOOK_TOOLS')) as Tools;
  const name = required('DRILLBOOK_TARGET');
  const stateFile = required('DRILLBOOK_LAB');
  // on first use: the worker starts while the lab does
  let target: Promise<Target> | null = null;
  const connected = () => (target ??= connectTarget(name, stateFile, tools).catch((e: unknown) => ((target = null), Promise.reject(e))));
  const logger = new DefaultLogger('WARN');
  Runtime.install({
    logger,
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }) } },
  });
  const config = loadClientConnectConfig();
  const connection = await NativeConnection.connect(config.connectionOptions);
  const client = new Client({ connection: await Connection.connect(config.connectionOptions) });
  const namespace = config.namespace ?? 'default';
  const sessionQueue = sessionQueueOf('local', dirname(stateFile));
  const deps: Deps = {
    tools,
    root,
    target: (wanted) => (wanted === name ? connected() : Promise.reject(new DrillError('DRILL_TARGET_UNKNOWN', `this worker serves ${name}, not ${wanted}`))),
    store: folderStore,
    pingEngine: (deadlineMs) =>
      client.connection.withDeadline(Date.now() + deadlineMs, () => client.workflowService.describeNamespace({ namespace }).then(() => undefined)),
    sessionQueue,
    secretEnv: process.env,
  };
  const activities = dressed(createActivities(deps));
  const common = { connection, namespace, shutdownGraceTime: '2s' as const };
  const workers = await Promise.all([
    Worker.create({
      ...common,
      taskQueue: WORKFLOW_QUEUE,
      maxCachedWorkflows: CACHED,
      workflowBundle: { codePath: await workflowBundle(root, cacheFolder(process.env), logger) },
    }),
    Worker.create({ ...common, taskQueue: targetQueue(name), activities }),
    Worker.create({ ...common, taskQueue: sessionQueue, activities }),
  ]);
  const stop = () => workers.forEach((w) => w.getState() === 'RUNNING' && w.shutdown());
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  if (process.env['DRILLBOOK_OWNED']) process.stdin.on('end', () => process.exit(1)).resume();
  process.stdout.write('worker: polling\n');
  await Promise.all(workers.map((w) => w.run()));
  await connection.close();
  process.exit(0);
}

try {
  await main();
} catch (e) {
  process.stderr.write(`${e instanceof DrillError ? e.toText() : e instanceof Error ? (e.stack ?? e.message) : String(e)}\n`);
  process.exit(1);
}
