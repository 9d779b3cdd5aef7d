/**
 * A simulated target, in a process of its own: nothing is broken and nothing stores rows. Where people are concerned it is the product's: opening and checking a step, the
 * evidence views and the history are the real activities, on disk. Beside them the bare update's workflow. Argument: JSON {target, tools, root}.
 */
import { join } from 'node:path';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { DefaultLogger, NativeConnection, Runtime, Worker, makeTelemetryFilterString } from '@temporalio/worker';
import { createActivities, dressed } from '../activities/index.ts';
import { localInstant } from '../activities/clock.ts';
import type { Target } from '../activities/deps.ts';
import { folderStore } from '../evidence/store.ts';
import type { NodeFacts } from '../targets/port.ts';
import type { Tools } from '../targets/tools.ts';
import { targetQueue } from '../workflows/messages.ts';
import { BARE_QUEUE } from './people-workflow.ts';

export interface SimulatedTarget {
  target: string;
  tools: Tools;
  root: string;
}

const node = (name: string, i: number): NodeFacts => ({
  name,
  address: `192.0.2.${i + 1}`,
  port: 3306,
  dataDir: `/simulated/${name}`,
  socket: `/simulated/${name}.sock`,
  optionFile: `/simulated/${name}.cnf`,
  running: true,
  safeState: false,
});
const facts = {
  id: 'simulated',
  nodes: ['db1', 'db2', 'db3'].map(node),
  service: { address: '192.0.2.10', port: 3306, holders: ['db1'] },
  workDir: '/simulated/work',
};
const now = () => localInstant('simulated');
const at = () => Promise.resolve({ at: now() });

export async function main({ target, tools, root }: SimulatedTarget): Promise<void> {
  Runtime.install({
    logger: new DefaultLogger('WARN'),
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }) } },
  });
  const config = loadClientConnectConfig();
  const connection = await NativeConnection.connect(config.connectionOptions);
  const namespace = config.namespace ?? 'default';
  const session = `drillbook-session-${target}`;
  const simulated = {
    name: target,
    platform: { facts: () => Promise.resolve(facts), now: () => Promise.resolve(now()) },
    system: { dsn: (n: string) => Promise.resolve(`mysql://drill@${n}:3306`), version: () => Promise.resolve('a simulated target') },
    lost: new Promise<Error>(() => undefined),
    stateFile: '/simulated/lab.json',
  } as unknown as Target;
  const real = createActivities({
    tools,
    root,
    target: () => Promise.resolve(simulated),
    store: folderStore,
    pingEngine: () => Promise.resolve(),
    secretEnv: {},
    sessionQueue: session,
  });
  const activities = {
    ...dressed(real),
    lockTarget: () => {
      const { wallMs, monoNs, boot } = now();
      return Promise.resolve({
        session,
        version: 'a simulated target',
        clock: { boot, wallMinusMonoMs: wallMs - Number(monoNs) / 1e6, errorMs: 1 },
        at: now(),
      });
    },
    startWorkload: at,
    baseline: () => Promise.resolve({ acked: 0, notAcked: 0, at: now() }),
    'kill-node': () => Promise.resolve({ effect: { absent: now(), present: now() }, facts: {} }),
    collectOldLogs: () => Promise.resolve({ files: 0, bytes: 0 }),
  };
  const common = { connection, namespace };
  const workers = await Promise.all([
    Worker.create({ ...common, taskQueue: BARE_QUEUE, workflowsPath: join(import.meta.dirname, 'people-workflow.ts') }),
    Worker.create({ ...common, taskQueue: targetQueue(target), activities }),
    Worker.create({ ...common, taskQueue: session, activities }),
  ]);
  process.stdin.on('end', () => process.exit(0)).resume();
  process.stdout.write('target: polling\n');
  await Promise.all(workers.map((w) => w.run()));
}

if (import.meta.main) await main(JSON.parse(process.argv[2]!) as SimulatedTarget);
