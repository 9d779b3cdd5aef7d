/** The processes of one run: Temporal (unless one is given), the lab, the worker, the rehearsal operator; all of them end with it, whatever happens. */
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { entry } from '../../../setup/entry.mjs';
import { startLab } from '../../../targets/platforms/local/lab.ts';
import type { Lab } from '../../../targets/platforms/local/lab.ts';
import type { Tools } from '../../../targets/tools.ts';
import type { CliContext } from '../context.ts';
import type { OperatorConfig } from '../../operator/operator.ts';
import { announced, connectTemporal, namespaceOf } from '../../temporal.ts';
import type { Env } from '../../temporal.ts';
import { Child, Supervised } from './children.ts';
import { keepTemporal, startWorker } from './engine.ts';
import type { EngineOptions, Ports } from './engine.ts';
import type { Prepared } from './prepare.ts';
import { createRunDir } from '../../rundir.ts';
import type { RunDir } from '../../rundir.ts';

export interface SessionOptions {
  ctx: CliContext;
  tools: Tools;
  prepared: Prepared;
  ports: Partial<Ports>;
  note(line: string): void;
}

/** The drill has ended or is lost: what is asked to go has nothing left to finish, and Temporal's database goes with the run's folder. */
const END_MS = 500;

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
  readonly #env: Env;
  readonly #server: Supervised | null;
  readonly #worker: Supervised;

  private constructor(o: SessionOptions, stack: AsyncDisposableStack, dir: RunDir, lab: Lab, engine: Engine) {
    this.#options = o;
    this.#stack = stack;
    this.dir = dir;
    this.lab = lab;
    this.client = engine.client;
    this.uiUrl = engine.uiUrl;
    this.address = engine.address;
    this.failed = engine.failed;
    this.#env = engine.env;
    this.#server = engine.server;
    this.#worker = engine.worker;
  }

  /** Starts everything that can start at the same time. When one part fails the others are ended and the first error is thrown. */
  static async start(o: SessionOptions): Promise<Session> {
    const stack = new AsyncDisposableStack();
    try {
      const dir = createRunDir(o.ctx.cacheDir);
      let lost = false;
      stack.defer(() => {
        // the folder of a lab that died takes seconds to remove; nobody should wait for that then: the next command does it
        if (!lost) dir.remove();
      });
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
      void lab.exited.then(() => (lost = !stack.disposed));
      dir.announce({ drillId: o.prepared.drillId, bundle: o.prepared.bundle, temporal: announced(engine.env) });
      return new Session(o, stack, dir, lab, engine);
    } catch (e) {
      await stack.disposeAsync();
      throw e;
    }
  }

  /** Of a rehearsal; where people do it, nobody is started. */
  startOperator(): void {
    const { ctx, tools, prepared } = this.#options;
    if (!prepared.operator) return;
    const config: OperatorConfig = {
      drillId: prepared.drillId,
      bundle: prepared.bundle,
      ...prepared.operator,
      binDir: tools.binDir,
      env: { ...this.#env, DRILLBOOK_LAB: this.lab.stateFile },
    };
    const child = new Child({
      name: 'the rehearsal operator',
      argv: [tools.node, entry(join(ctx.root, 'console', 'operator'), 'main')],
      env: ctx.env,
      logFile: join(prepared.logDir, 'operator.log'),
      input: JSON.stringify(config),
      setpriv: tools.setpriv,
    });
    this.#stack.defer(() => child.end(END_MS));
  }

  /** Pids of the engine's processes as they are now; null: none on this machine, or being started again. */
  pids(): { temporal: number | null; worker: number | null } {
    return { temporal: this.#server?.child.process.pid ?? null, worker: this.#worker.child.process.pid ?? null };
  }

  end(): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

interface Engine {
  client: Client;
  address: string;
  uiUrl: string | null;
  /** the environment, with the TEMPORAL_ variables that lead to this engine */
  env: Env;
  failed: Promise<never>;
  server: Supervised | null;
  worker: Supervised;
}

async function startEngine(o: SessionOptions, dir: RunDir, stateFile: string, stack: AsyncDisposableStack): Promise<Engine> {
  const { ctx, tools, prepared } = o;
  const options: EngineOptions = { tools, root: ctx.root, dir: dir.path, logDir: prepared.logDir, env: ctx.env };
  const { env, server, uiUrl } = await keepTemporal(options, o.ports, stack, (line) => o.note(line));
  const connection = await connectTemporal(env);
  stack.defer(() => connection.close());
  const worker = await Supervised.start(
    () => startWorker(options, { ...env, DRILLBOOK_LAB: stateFile, DRILLBOOK_TARGET: prepared.drillId }),
    (line) => o.note(`the worker ${line}`),
  );
  stack.defer(() => worker.end(END_MS));
  const failed = Promise.race([worker.failed, ...(server ? [server.failed] : [])]);
  failed.catch(() => undefined);
  return { client: new Client({ connection, namespace: namespaceOf(env) }), address: env['TEMPORAL_ADDRESS'] ?? '', uiUrl, env, failed, server, worker };
}

/** Both results, or the first error once both have settled (so that clean-up never races a start). */
async function settled<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  const both = await Promise.allSettled([a, b]);
  for (const r of both) if (r.status === 'rejected') throw r.reason;
  return [(both[0] as PromiseFulfilledResult<A>).value, (both[1] as PromiseFulfilledResult<B>).value];
}
