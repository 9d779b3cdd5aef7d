/**
 * What people wait for: from the click with which somebody signs a step without checks to the next step in the browser of somebody else, beside a bare update in turns;
 * then the same, and the list, while a thousand drills wait for people on one worker.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowIdReusePolicy } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { launchChromium } from './chromium.ts';
import { measurement, median } from './measure.ts';
import type { Measurement } from './measure.ts';
import type { BenchOptions } from './options.ts';
import { Pair } from './people-pages.ts';
import { bare, BARE_QUEUE } from './people-workflow.ts';
import type { onlyAnswers } from './people-workflow.ts';
import { startWorld, STEPS } from './people-world.ts';
import type { World } from './people-world.ts';

/** The goals of the project, in round trips of the same run; and their figures on a quiet machine. */
const [P50_MAX, P99_MAX, RSS_MB_MAX, LIST_MS_MAX] = [2.5, 5, 500, 100];
const WARM = 5;
/** One person may act twenty times in ten seconds: two acts a sign-off, in turns. */
const PACE_MS = 510;
const SETTLE_MS = 10_000;

const FULL = { signOffs: 200, waiting: 1_000, lists: 50 };
const QUICK = { signOffs: 40, waiting: 200, lists: 20 };

export async function benchPeople(o: BenchOptions): Promise<Measurement[]> {
  const n = o.quick ? QUICK : FULL;
  await using stack = new AsyncDisposableStack();
  o.say('people: Temporal, worker, simulated target, board, Chromium');
  const world = await startWorld(o, stack);
  const browser = await launchChromium(o.env, o.cacheDir);
  stack.defer(() => browser.close());
  const pair = await Pair.signIn(browser, world);
  const plain = await world.client.workflow.start<typeof onlyAnswers>('onlyAnswers', {
    taskQueue: BARE_QUEUE,
    workflowId: BARE_QUEUE,
    workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
  });
  stack.defer(() => plain.terminate('the bench is over').then(() => undefined));
  o.say(`people: ${n.signOffs} sign-offs`);
  const alone = await signOffs(world, pair, plain, n.signOffs);
  o.say(`people: ${n.waiting} drills that wait`);
  const began = performance.now();
  await world.begin(n.waiting);
  o.say(`people: they wait, after ${((performance.now() - began) / 1000).toFixed(0)} s`);
  await sleep(SETTLE_MS);
  const memory = memoryOf(world.worker.process.pid!);
  const among = await signOffs(world, pair, plain, n.signOffs);
  const after = memoryOf(world.worker.process.pid!);
  const lists = await listed(world.boardUrl, await pair.cookie(), n.lists);
  const crowd = `among ${n.waiting} drills that wait`;
  return [
    ...timed('sign-off, click to the next step in another browser', alone),
    ...timed(`the same, ${crowd}`, among),
    measurement('people', `worker, ${n.waiting} drills wait (resident)`, 'MB', [memory.nowMb, after.nowMb], { goal: RSS_MB_MAX }),
    measurement('people', 'worker, at most (resident)', 'MB', [after.mostMb], { goal: RSS_MB_MAX }),
    measurement('people', `list of drills, ${crowd}, as served`, 'ms', lists, { goal: LIST_MS_MAX }),
    measurement('people', 'the same, 99 of 100', 'ms', [quantile(lists, 0.99)]),
  ];
}

interface Timed {
  signed: number[];
  plain: number[];
}

function timed(name: string, { signed, plain }: Timed): Measurement[] {
  const trip = median(plain);
  return [
    measurement('people', name, 'ms', signed, { goal: round(P50_MAX * trip), rival: { name: 'a bare update', values: plain } }),
    measurement('people', `${name}, 99 of 100`, 'ms', [quantile(signed, 0.99)], {
      goal: round(P99_MAX * trip),
      rival: { name: 'a bare update, 99 of 100', values: [quantile(plain, 0.99)] },
    }),
  ];
}

/** n sign-offs in as many drills as that takes, each between two bare updates, after a few that are not counted. */
async function signOffs(world: World, pair: Pair, handle: WorkflowHandle<typeof onlyAnswers>, n: number): Promise<Timed> {
  const drills = await world.begin(Math.ceil((n + WARM) / (STEPS - 1)));
  const [signed, plain]: [number[], number[]] = [[], []];
  const update = async () => {
    const started = performance.now();
    await handle.executeUpdate(bare);
    plain.push(performance.now() - started);
  };
  for (const drill of drills) {
    await pair.open(world.boardUrl, drill);
    for (let i = 0; i < STEPS - 1 && signed.length < n + WARM; i++) {
      const next = sleep(PACE_MS);
      await update();
      signed.push(await pair.signOff(i));
      await update();
      await next;
    }
  }
  return { signed: signed.slice(WARM), plain: plain.slice(2 * WARM) };
}

async function listed(url: string, cookie: string, n: number): Promise<number[]> {
  const values: number[] = [];
  for (let i = 0; i < n + WARM; i++) {
    const started = performance.now();
    const answer = await fetch(url, { headers: { cookie }, redirect: 'error' });
    await answer.text();
    values.push(performance.now() - started);
    await sleep(50);
  }
  return values.slice(WARM);
}

/** The value that this share does not exceed. */
const quantile = (values: readonly number[], share: number): number => values.toSorted((a, b) => a - b)[Math.ceil(share * values.length) - 1]!;
const round = (ms: number): number => Math.round(ms * 10) / 10;

function memoryOf(pid: number): { nowMb: number; mostMb: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mb = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
  return { nowMb: mb('VmRSS'), mostMb: mb('VmHWM') };
}
