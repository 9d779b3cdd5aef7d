/** What the bench of people measures in: Temporal, the product's worker, a simulated target, the product's board, each a process of its own; and drills of many steps without checks. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { CATALOGUE } from '../activities/catalogue.ts';
import { Child } from '../console/cli/run/children.ts';
import { choosePorts, startTemporal, startWorker } from '../console/cli/run/engine.ts';
import { consoleEntry, ensureConsoleKey } from '../console/people/console-key.ts';
import type { ConsoleKey } from '../console/people/console-key.ts';
import { issueToken, tokenFolder } from '../console/people/tokens.ts';
import { createRunDir } from '../console/rundir.ts';
import { startDrill } from '../console/start-drill.ts';
import { builtInEnv, connectTemporal, namespaceOf } from '../console/temporal.ts';
import { ATTRIBUTES } from '../core/attributes.ts';
import { BUNDLE } from '../core/bundle.ts';
import { DrillError } from '../core/errors.ts';
import { canonicalJson, digestOf } from '../core/json.ts';
import { compilePlan } from '../core/runbook/plan-compile.ts';
import type { Inventory } from '../core/runbook/schema.ts';
import { loadRunbook } from '../evidence/load-runbook.ts';
import { folderStore, freshFolder } from '../evidence/store.ts';
import type { BenchOptions } from './options.ts';
import type { SimulatedTarget } from './people-target.ts';

export const PEOPLE = ['Ada', 'Grace'] as const;
export const STEPS = 26;
export const stepId = (i: number): string => `step-${i + 1}`;

const TARGET = 'simulated';
const START_MS = 60_000;
/** drills that are on their way to their manual at the same time */
const AT_ONCE = 32;
const DAY_MS = 86_400_000;

const INVENTORY: Inventory = {
  target: TARGET,
  platform: TARGET,
  system: 'mysql',
  site: 'here',
  nodes: ['db1', 'db2', 'db3'],
  disposable: true,
  drills: 'allowed',
};

const step = (i: number): string => `
  - id: ${stepId(i)}
    title: Step ${i + 1} of a long manual
    role: sre
    budget: 1h${i === 0 ? '' : `\n    needs: [${stepId(i - 1)}]`}
    instructions: |
      Look at {{nodes.db1.name}} on {{nodes.db1.address}}, and say so.

          mysql --host={{service.address}} -e 'SELECT @@hostname, @@gtid_executed'

      Nobody goes on before **all three nodes** have been looked at.`;

const RUNBOOK = `runbook: long-manual
title: A long manual without checks, on a simulated target
needs: { system: mysql, nodes: 3, disposable: true }
objectives:
  data-rto: { within: 100h }
  convergence: { within: 100h }
  rpo-after-recovery: { writes: 0 }
workload: { rate: 100, concurrency: 16, payload: 64, hot-keys: 64, timeout: 1s }
rules: { conflict: new-wins }
limits: { drill: 200h, session-lost: 10m, catch-up: 30s }
chain:
  - { id: baseline, do: baseline, with: { for: 1s } }
  - { id: kill-source, do: kill-node, with: { node: db1 } }
steps:${Array.from({ length: STEPS }, (_, i) => step(i)).join('')}
`;

export interface World {
  client: Client;
  /** with the TEMPORAL_ variables that lead to it */
  env: Record<string, string>;
  worker: Child;
  boardUrl: string;
  /** of PEOPLE, by name */
  token(name: string): string;
  /** Begun, each with its first step open; their ids. */
  begin(n: number): Promise<string[]>;
}

/** Everything ends with the stack. */
export async function startWorld(o: BenchOptions, stack: AsyncDisposableStack): Promise<World> {
  const dir = createRunDir(o.cacheDir);
  stack.defer(() => dir.remove());
  const home = dir.path;
  const options = { tools: o.tools, root: o.root, dir: home, logDir: home, env: o.env };
  let env = o.env;
  if (o.tools.temporal) {
    const ports = await choosePorts({});
    const server = await startTemporal(options, ports);
    stack.defer(() => server.end(3_000));
    env = builtInEnv(env, `127.0.0.1:${ports.frontend}`, home);
  }
  const connection = await connectTemporal(env);
  stack.defer(() => connection.close());
  const client = new Client({ connection, namespace: namespaceOf(env) });
  const worker = await startWorker(options, { ...env, DRILLBOOK_LAB: join(home, 'none', 'lab.json'), DRILLBOOK_TARGET: 'nobody' });
  stack.defer(() => worker.end(3_000));
  const simulated: SimulatedTarget = { target: TARGET, tools: o.tools, root: o.root };
  const child = (name: string, argv: string[], more: Record<string, string> = {}) => {
    const started = new Child({
      name,
      argv: [o.tools.node, ...argv],
      env: { ...env, ...more },
      logFile: join(home, `${name}.log`),
      setpriv: o.tools.setpriv,
    });
    stack.defer(() => started.end(3_000));
    return started;
  };
  const said = (name: string, what: RegExp): string | undefined => {
    const file = join(home, `${name}.log`);
    return existsSync(file) ? (what.exec(readFileSync(file, 'utf8'))?.[1] ?? undefined) : undefined;
  };
  const target = child('target', [join(import.meta.dirname, 'people-target.ts'), JSON.stringify(simulated)]);
  await target.until(() => Promise.resolve(said('target', /^target: (polling)$/m) !== undefined), START_MS, 'it polled Temporal');

  const config = join(home, 'config', 'drillbook');
  const key = ensureConsoleKey(config, new Date());
  const out = join(home, 'drills');
  const board = child('board', [join(o.root, 'console/cli/main.ts'), 'board', '--listen', '127.0.0.1:0', '--out', out], {
    XDG_CONFIG_HOME: join(home, 'config'),
  });
  await board.until(() => Promise.resolve(said('board', /^board +(\S+)$/m) !== undefined), START_MS, 'it listened');
  return {
    client,
    env,
    worker,
    boardUrl: said('board', /^board +(\S+)$/m)!,
    token: (name) => issueToken(tokenFolder(config), name, DAY_MS, Date.now()).text,
    begin: (n) => begin(client, out, key, n),
  };
}

/** One after another as they come to their manual, AT_ONCE on their way: what is measured is that they wait, and not how many faults a worker injects at once. */
async function begin(client: Client, out: string, key: ConsoleKey, n: number): Promise<string[]> {
  const ids: string[] = [];
  const waiting = async () => (await client.workflow.count(`${ATTRIBUTES.waits.name} = 'sre' AND ExecutionStatus = 'Running'`)).count;
  const before = await waiting();
  const deadline = Date.now() + START_MS + n * 300;
  for (let there = 0; there < n; there = (await waiting()) - before) {
    if (Date.now() > deadline) throw new DrillError('DRILL_BENCH', `of ${n} drills ${there} came to their manual`, 'look at the worker’s log');
    const more = Math.min(n, there + AT_ONCE) - ids.length;
    await Promise.all(Array.from({ length: more }, () => beginOne(client, out, key, (id) => ids.push(id))));
    await sleep(100);
  }
  return ids;
}

async function beginOne(client: Client, out: string, key: ConsoleKey, named: (id: string) => void): Promise<void> {
  const drillId = prepare(out, key, named);
  const bundle = join(out, drillId);
  const plan = JSON.parse(folderStore(bundle).readText(BUNDLE.plan)) as ReturnType<typeof compilePlan>;
  await startDrill(client, { ref: { drillId, bundle, target: TARGET }, plan, planDigest: digestOf(plan) }, () => undefined);
}

function prepare(out: string, key: ConsoleKey, named: (id: string) => void): string {
  const bundle = freshFolder(out, 'long-manual', Date.now());
  named(basename(bundle));
  mkdirSync(join(bundle, 'engine'), { recursive: true });
  const file = join(bundle, BUNDLE.runbook);
  writeFileSync(file, RUNBOOK);
  const loaded = loadRunbook(file, CATALOGUE);
  const people = PEOPLE.map((name) => ({ name, roles: ['sre'], rights: ['responder' as const] }));
  const plan = compilePlan({ ...loaded, ...CATALOGUE, inventory: INVENTORY, keys: [consoleEntry(key, people)], rehearsal: null });
  folderStore(bundle).putFile(BUNDLE.plan, canonicalJson(plan));
  return basename(bundle);
}
