/**
 * The scheduler's entry and composition root: does what the schedules of one machine start (`drillbook schedule serve` keeps it running).
 * Environment: TEMPORAL_* (the standard client configuration), DRILLBOOK_TOOLS (JSON), DRILLBOOK_SCHEDULES (JSON {machine, folder}).
 * SIGTERM: drills that run are aborted in order, then it ends. It ends at once, and they with it, when its owner's pipe (standard input) closes.
 */
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { DefaultLogger, NativeConnection, Runtime, Worker, makeTelemetryFilterString } from '@temporalio/worker';
import { messageOf } from '../core/errors.ts';
import { cacheFolder } from '../setup/cache.mjs';
import { ROOT } from '../setup/entry.mjs';
import type { Tools } from '../targets/tools.ts';
import { scheduleQueue } from '../workflows/messages.ts';
import { drillStarter } from './drill-starter.ts';
import { workflowBundle } from './workflow-bundle.ts';

/** After its drill has ended, a firing's last workflow task still has this long; later it is done by the next start. */
const LAST_TASK_MS = 2_000;
/** As often as the heartbeat's details (which drill it is) and a cancel get through. */
const BEAT_MS = 2_000;

async function main(): Promise<void> {
  const { DRILLBOOK_TOOLS = '', DRILLBOOK_SCHEDULES = '', DRILLBOOK_OWNED: _, ...env } = process.env;
  const { machine, folder } = JSON.parse(DRILLBOOK_SCHEDULES) as { machine: string; folder: string };
  const logger = new DefaultLogger('WARN');
  Runtime.install({ logger, telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }) } } });
  const config = loadClientConnectConfig();
  const connection = await NativeConnection.connect(config.connectionOptions);
  const common = { connection, namespace: config.namespace ?? 'default', taskQueue: scheduleQueue(machine) };
  const starter = drillStarter({ root: ROOT, env, cacheDir: cacheFolder(env), logDir: folder, tools: JSON.parse(DRILLBOOK_TOOLS) as Tools });
  // two, so that firings can still end when no drill is begun any more
  const drills = await Worker.create({ ...common, activities: starter, maxHeartbeatThrottleInterval: BEAT_MS, shutdownGraceTime: 0 });
  const firings = await Worker.create({ ...common, workflowBundle: { codePath: await workflowBundle(ROOT, cacheFolder(env), logger) } });
  const stop = () => drills.getState() === 'RUNNING' && drills.shutdown();
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  process.stdin.on('end', () => process.exit(1)).resume();
  process.stdout.write('worker: polling\n');
  const ended = firings.run();
  await drills.run();
  await new Promise((r) => setTimeout(r, LAST_TASK_MS));
  firings.shutdown();
  await ended;
  await connection.close();
  process.exit(0);
}

try {
  await main();
} catch (e) {
  process.stderr.write(`${e instanceof Error ? (e.stack ?? messageOf(e)) : String(e)}\n`);
  process.exit(1);
}
