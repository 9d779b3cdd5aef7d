/** The processes of one run: Temporal (unless one is given), the lab, the worker, the rehearsal operator; all of them end with it, whatever happens. */
import { join } from 'node:path';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { Client, Connection } from '@temporalio/client';
import type { ConnectionOptions } from '@temporalio/client';
import { DrillError, messageOf } from '../../../core/errors.ts';
import { startLab } from '../../../targets/platforms/local/lab.ts';
import type { Lab } from '../../../targets/platforms/local/lab.ts';
import type { Tools } from '../../../targets/tools.ts';
import type { CliContext } from '../context.ts';
import type { OperatorConfig } from '../../operator/operator.ts';
import { Child, Supervised } from './children.ts';
import { choosePorts, startTemporal, startWorker } from './engine.ts';
import type { EngineOptions, Ports } from './engine.ts';
import type { Prepared } from './prepare.ts';
import { createRunDir } from './rundir.ts';
import type { RunDir } from './rundir.ts';

export interface SessionOptions {
  ctx: CliContext;
  tools: Tools;
  prepared: Prepared;
  ports: Partial<Ports>;
  note(line: string): void;
}

const END_MS = 3_000;

export class Session {
  readonly dir: RunDir;
  readonly lab: Lab;
  readonly client: Client;
  readonly uiUrl: string | null;
  readonly address: string;
  /** rejects when Temporal or the worker cannot be kept running */
  readonly failed: Promise<never>;
  readonly #stack: AsyncDisposableStack;
  readonly #options: SessionOptions;
  readonly #temporal: OperatorConfig['temporal'];

  private constructor(o: SessionOptions, stack: AsyncDisposableStack, dir: RunDir, lab: Lab, engine: Engine) {
    this.#options = o;
    this.#stack = stack;
    this.dir = dir;
    this.lab = lab;
    this.client = engine.client;
    this.uiUrl = engine.uiUrl;
    this.address = engine.address;
    this.failed = engine.failed;
    this.#temporal = engine.temporal;
  }

  /** Starts everything that can start at the same time. When one part fails the others are ended and the first error is thrown. */
  static async start(o: SessionOptions): Promise<Session> {
    const stack = new AsyncDisposableStack();
    try {
      const dir = createRunDir(o.ctx.cacheDir);
      stack.defer(() => dir.remove());
      const labDir = join(dir.path, 'lab');
      const labStarted = startLab({
        tools: o.tools,
        dir: labDir,
        cacheDir: o.ctx.cacheDir,
        nodes: o.prepared.plan.target.nodes.length,
        workDir: join(labDir, 'work'),
        owner: 'pipe',
        progress: (line) => o.note(line),
      });
      stack.defer(async () => (await labStarted.catch(() => null))?.stop());
      const engineStarted = startEngine(o, dir, join(labDir, 'lab.json'), stack);
      const [lab, engine] = await settled(labStarted, engineStarted);
      return new Session(o, stack, dir, lab, engine);
    } catch (e) {
      await stack.disposeAsync();
      throw e;
    }
  }

  startOperator(): void {
    const { ctx, tools, prepared } = this.#options;
    const config: OperatorConfig = {
      temporal: this.#temporal,
      drillId: prepared.drillId,
      bundle: prepared.bundle,
      signer: prepared.signer,
      binDir: tools.binDir,
      env: { ...definedOnly(ctx.env), DRILLBOOK_LAB: this.lab.stateFile },
      rehearsal: prepared.rehearsal,
    };
    const child = new Child({
      name: 'the rehearsal operator',
      argv: [tools.node, join(ctx.root, 'console', 'operator', 'main.ts')],
      env: ctx.env,
      logFile: join(prepared.logDir, 'operator.log'),
      input: JSON.stringify(config),
      setpriv: tools.setpriv,
    });
    this.#stack.defer(() => child.end(END_MS));
  }

  end(): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

interface Engine {
  client: Client;
  address: string;
  uiUrl: string | null;
  temporal: OperatorConfig['temporal'];
  failed: Promise<never>;
}

async function startEngine(o: SessionOptions, dir: RunDir, stateFile: string, stack: AsyncDisposableStack): Promise<Engine> {
  const { ctx, tools, prepared } = o;
  const options: EngineOptions = { tools, root: ctx.root, dir: dir.path, logDir: prepared.logDir, env: ctx.env };
  const env: Record<string, string> = { DRILLBOOK_LAB: stateFile, DRILLBOOK_TARGET: prepared.drillId };
  let uiUrl: string | null = null;
  const failures: Promise<never>[] = [];
  let connection: ConnectionOptions;
  let namespace = 'default';
  if (tools.temporal) {
    const ports = await choosePorts(o.ports);
    const server = await Supervised.start(
      () => startTemporal(options, ports),
      (line) => o.note(`Temporal ${line}`),
    );
    stack.defer(() => server.end(END_MS));
    failures.push(server.failed);
    connection = { address: `127.0.0.1:${ports.frontend}` };
    uiUrl = `http://127.0.0.1:${ports.ui}`;
    Object.assign(env, { TEMPORAL_ADDRESS: connection.address, TEMPORAL_NAMESPACE: namespace });
  } else {
    const config = loadClientConnectConfig({ overrideEnvVars: definedOnly(ctx.env) });
    connection = config.connectionOptions;
    namespace = config.namespace ?? 'default';
  }
  const connected = await connect(connection, ctx);
  stack.defer(() => connected.close());
  const worker = await Supervised.start(
    () => startWorker(options, env),
    (line) => o.note(`the worker ${line}`),
  );
  stack.defer(() => worker.end(END_MS));
  failures.push(worker.failed);
  const failed = Promise.race(failures);
  failed.catch(() => undefined);
  return { client: new Client({ connection: connected, namespace }), address: connection.address ?? '', uiUrl, temporal: { connection, namespace }, failed };
}

async function connect(options: ConnectionOptions, ctx: CliContext): Promise<Connection> {
  try {
    return await Connection.connect({ ...options, connectTimeout: 10_000 });
  } catch (e) {
    throw new DrillError(
      'DRILL_NO_TEMPORAL',
      `no Temporal server answers at ${options.address ?? ctx.env['TEMPORAL_ADDRESS'] ?? '?'}: ${messageOf(e)}`,
      'check TEMPORAL_ADDRESS, or unset it to use the built-in server',
      { cause: e },
    );
  }
}

/** Both results, or the first error once both have settled (so that clean-up never races a start). */
async function settled<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  const both = await Promise.allSettled([a, b]);
  for (const r of both) if (r.status === 'rejected') throw r.reason;
  return [(both[0] as PromiseFulfilledResult<A>).value, (both[1] as PromiseFulfilledResult<B>).value];
}

export function definedOnly(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((e): e is [string, string] => e[1] !== undefined));
}
