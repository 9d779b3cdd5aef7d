/** The engine of a run on this machine: a Temporal dev server with its database in a file, and a worker, each a process of its own. */
import { createServer } from 'node:net';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { ATTRIBUTE_TYPES } from '../../../core/attributes.ts';
import { DrillError, messageOf } from '../../../core/errors.ts';
import { entry } from '../../../setup/entry.mjs';
import { nodeFlags } from '../../../setup/node-env.mjs';
import type { Tools } from '../../../targets/tools.ts';
import { builtInEnv, definedOnly } from '../../temporal.ts';
import type { Env } from '../../temporal.ts';
import { Child, Supervised } from './children.ts';

export interface EngineOptions {
  tools: Tools;
  root: string;
  /** where the database lives */
  dir: string;
  logDir: string;
  env: Readonly<Record<string, string | undefined>>;
}
export interface Ports {
  frontend: number;
  ui: number;
}

const TEMPORAL_START_MS = 20_000;
const WORKER_START_MS = 60_000;

/** Free ports, or the asked ones: DRILL_PORT_TAKEN when somebody has them. */
export async function choosePorts(asked: Partial<Ports>): Promise<Ports> {
  return { frontend: await claim(asked.frontend), ui: await claim(asked.ui) };
}

function claim(port = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (e: NodeJS.ErrnoException) => {
      const taken = e.code === 'EADDRINUSE';
      reject(
        new DrillError(
          taken ? 'DRILL_PORT_TAKEN' : 'DRILL_PORT_REFUSED',
          `port ${port} on 127.0.0.1: ${taken ? 'another process listens there' : e.message}`,
          'name another port, or none: a free one is chosen',
        ),
      );
    });
    server.listen(port, '127.0.0.1', () => {
      const { port: got } = server.address() as { port: number };
      server.close(() => resolve(got));
    });
  });
}

/**
 * A task queue of four partitions, the server's default, is for thousands of pollers. With our handful a task can lie in one that nobody polls, and wait until a long poll
 * elsewhere ends and comes back to it: up to a minute in which nobody is answered.
 */
const ONE_PARTITION = ['Read', 'Write'].flatMap((way) => ['--dynamic-config-value', `matching.numTaskqueue${way}Partitions=1`]);

/** Besides its two ports it looks for free ones of its own, some ten; another process may be quicker. */
const STARTS = 3;

/** Answers when the server does. A restart on the same folder loses nothing. */
export async function startTemporal(o: EngineOptions, ports: Ports): Promise<Child> {
  const address = `127.0.0.1:${ports.frontend}`;
  for (let start = 1; ; start++) {
    const child = temporalServer(o, ports);
    try {
      await child.until(() => answers(address), TEMPORAL_START_MS, `it answered on ${address}`);
      return child;
    } catch (e) {
      await child.end(0);
      if (start === STARTS || !messageOf(e).includes('address already in use')) throw e;
    }
  }
}

function temporalServer(o: EngineOptions, ports: Ports): Child {
  const pragmas = ['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL'];
  return new Child({
    name: 'Temporal',
    argv: [
      o.tools.temporal!,
      'server',
      'start-dev',
      '--ip',
      '127.0.0.1',
      '--port',
      String(ports.frontend),
      '--ui-port',
      String(ports.ui),
      '--db-filename',
      join(o.dir, 'temporal.db'),
      '--log-level',
      'warn',
      ...pragmas,
      ...ONE_PARTITION,
      ...ATTRIBUTE_TYPES.flatMap(({ name, type }) => ['--search-attribute', `${name}=${type}`]),
    ],
    env: { ...o.env, HOME: o.env['HOME'] ?? o.dir },
    logFile: join(o.logDir, 'temporal.log'),
    setpriv: o.tools.setpriv,
  });
}

export interface KeptTemporal {
  /** the environment, with the TEMPORAL_ variables that lead to it */
  env: Env;
  /** null: one that was given */
  server: Supervised | null;
  uiUrl: string | null;
}

/** The Temporal that TEMPORAL_ADDRESS names; without it a built-in one, kept running until `stack` is disposed of. */
export async function keepTemporal(o: EngineOptions, asked: Partial<Ports>, stack: AsyncDisposableStack, note: (line: string) => void): Promise<KeptTemporal> {
  const env = definedOnly(o.env);
  if (!o.tools.temporal) return { env, server: null, uiUrl: null };
  const ports = await choosePorts(asked);
  const server = await Supervised.start(
    () => startTemporal(o, ports),
    (line) => note(`Temporal ${line}`),
  );
  stack.defer(() => server.end(0));
  return { env: builtInEnv(env, `127.0.0.1:${ports.frontend}`, o.dir), server, uiUrl: `http://127.0.0.1:${ports.ui}` };
}

async function answers(address: string): Promise<boolean> {
  try {
    const connection = await Connection.connect({ address, connectTimeout: 1_000 });
    await connection.close();
    return true;
  } catch {
    return false;
  }
}

/** Answers when the worker polls. `env` is its whole environment: it names Temporal and the target. `program`: of worker/. */
export async function startWorker(o: EngineOptions, env: Record<string, string>, program = 'main'): Promise<Child> {
  const logFile = join(o.logDir, 'worker.log');
  const marks = () => (readSafely(logFile).match(/^worker: polling$/gm) ?? []).length;
  const before = marks();
  const child = new Child({
    name: 'the worker',
    argv: [o.tools.node, ...nodeFlags('worker'), entry(join(o.root, 'worker'), program)],
    env: { ...env, DRILLBOOK_TOOLS: JSON.stringify(o.tools), DRILLBOOK_OWNED: '1' },
    logFile,
    setpriv: o.tools.setpriv,
  });
  await child.until(() => Promise.resolve(marks() > before), WORKER_START_MS, 'it polled Temporal');
  return child;
}

function readSafely(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
