/** A person's round trip: signed, sent through the door, verified by the workflow, accepted. Compared with an update that carries and checks nothing. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { DefaultLogger, NativeConnection, Runtime, Worker, makeTelemetryFilterString } from '@temporalio/worker';
import { choosePorts, startTemporal } from '../console/cli/run/engine.ts';
import { createRunDir } from '../console/rundir.ts';
import { builtInEnv, connectTemporal, namespaceOf } from '../console/temporal.ts';
import { send } from '../console/door.ts';
import { newKeyPair } from '../core/message.ts';
import type { StepPlan } from '../core/plan.ts';
import type { Measurement } from './measure.ts';
import { measurement } from './measure.ts';
import type { BenchOptions } from './options.ts';
import { bare, over, VIEW } from './signoff-workflow.ts';
import type { oneStep } from './signoff-workflow.ts';

const STEP: StepPlan = { id: 'declare', title: 'Declare', role: 'sre', budgetMs: 60_000, needs: [], inputs: [], checks: [] };
const SEND_MS = 20_000;
const WARM = 6;

async function timed(into: number[], act: () => Promise<unknown>): Promise<void> {
  const started = performance.now();
  await act();
  into.push(performance.now() - started);
}

/** n sign-offs and n bare updates, in turns, after a few of each that are not counted. */
export async function benchSignoff(o: BenchOptions, n = 40): Promise<Measurement[]> {
  await using stack = new AsyncDisposableStack();
  const { client, connection, namespace } = await engine(o, stack);
  const taskQueue = `drillbook-bench-${randomUUID()}`;
  const worker = await Worker.create({ connection, namespace, taskQueue, workflowsPath: join(import.meta.dirname, 'signoff-workflow.ts') });
  const running = worker.run();
  stack.defer(async () => {
    worker.shutdown();
    await running;
  });
  const { secretKey, publicKey } = newKeyPair();
  const keys = [{ id: 'ada', publicKey, kind: 'person' as const, people: [{ name: 'Ada', roles: ['sre'] }] }];
  const drillId = taskQueue;
  const handle = await client.workflow.start<typeof oneStep>('oneStep', { taskQueue, workflowId: drillId, args: [drillId, STEP, keys] });
  const signer = { by: 'Ada', keyId: 'ada', secretKey };
  const [signed, plain]: [number[], number[]] = [[], []];
  for (let i = 0; i < n + WARM; i++) {
    const act = { drillId, stepId: STEP.id, attempt: 1 + Math.floor(i / 2), role: STEP.role, ...VIEW };
    await timed(signed, () => send(handle, signer, { ...act, transition: i % 2 === 0 ? 'acknowledge' : 'done' }, SEND_MS));
    await timed(plain, () => handle.executeUpdate(bare));
  }
  await handle.signal(over);
  await handle.result();
  const rival = { name: 'a bare update', values: plain.slice(WARM) };
  return [measurement('signoff', 'sign-off, from the click to accepted', 'ms', signed.slice(WARM), { rival })];
}

/** The built-in Temporal in a folder of its own, or the one that the environment names. */
async function engine(o: BenchOptions, stack: AsyncDisposableStack): Promise<{ client: Client; connection: NativeConnection; namespace: string }> {
  const dir = createRunDir(o.cacheDir);
  stack.defer(() => dir.remove());
  let env = o.env;
  if (o.tools.temporal) {
    const ports = await choosePorts({});
    const server = await startTemporal({ tools: o.tools, root: o.root, dir: dir.path, logDir: dir.path, env }, ports);
    stack.defer(() => server.end(3_000));
    env = builtInEnv(env, `127.0.0.1:${ports.frontend}`, dir.path);
  }
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }) } },
  });
  const connected = await connectTemporal(env);
  stack.defer(() => connected.close());
  const namespace = namespaceOf(env);
  const connection = await NativeConnection.connect(loadClientConnectConfig({ overrideEnvVars: env }).connectionOptions);
  stack.defer(() => connection.close());
  return { client: new Client({ connection: connected, namespace }), connection, namespace };
}
