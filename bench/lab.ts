/** The local lab's own times: bring-up, and how long a cut takes to take effect and to heal, as probes see it. */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DrillError } from '../core/errors.ts';
import { msBetween, nsOf } from '../core/time.ts';
import type { Pair } from '../targets/port.ts';
import { connectLocal } from '../targets/platforms/local/connect.ts';
import type { LocalPlatform } from '../targets/platforms/local/connect.ts';
import { startLab } from '../targets/platforms/local/lab.ts';
import type { Tools } from '../targets/tools.ts';

export const PAIRS: Pair[] = [
  ['db1', 'db2'],
  ['db2', 'db1'],
  ['db1', 'db3'],
  ['db3', 'db1'],
];

export interface LabBench {
  n: number;
  /** from the call to replication proven by a first row on both replicas */
  bringUpMs: number;
  /** from the call to the first datagram lost on every pair */
  cutEffectiveMs: number;
  /** from the call to the first datagram through on every pair */
  healEffectiveMs: number;
  stopMs: number;
  all: Record<'bringUpMs' | 'cutEffectiveMs' | 'healEffectiveMs' | 'stopMs', number[]>;
}

/** Medians of n labs, each cut and healed once. A first lab, not counted, makes the template and warms the caches, unless warm is false. */
export async function benchLab(o: { tools: Tools; cacheDir: string; n?: number; warm?: boolean }): Promise<LabBench> {
  const n = o.n ?? 5;
  const all: LabBench['all'] = { bringUpMs: [], cutEffectiveMs: [], healEffectiveMs: [], stopMs: [] };
  if (o.warm !== false) await once(o);
  for (let i = 0; i < n; i++) {
    const one = await once(o);
    for (const key of ['bringUpMs', 'cutEffectiveMs', 'healEffectiveMs', 'stopMs'] as const) all[key].push(one[key]);
  }
  return {
    n,
    bringUpMs: median(all.bringUpMs),
    cutEffectiveMs: median(all.cutEffectiveMs),
    healEffectiveMs: median(all.healEffectiveMs),
    stopMs: median(all.stopMs),
    all,
  };
}

async function once(o: { tools: Tools; cacheDir: string }): Promise<Record<keyof LabBench['all'], number>> {
  const dir = await mkdtemp(join(await realpath(tmpdir()), 'dbl-'));
  try {
    const started = performance.now();
    const lab = await startLab({ ...o, dir, workDir: join(dir, 'work'), owner: 'pipe' });
    const bringUpMs = performance.now() - started;
    const platform = await connectLocal(lab.stateFile);
    await platform.watch(PAIRS);
    await sleep(300);
    const cutEffectiveMs = await effectOf(platform, 'lost', () => platform.cut(PAIRS, 30_000));
    const healEffectiveMs = await effectOf(platform, 'ok', () => platform.healCut(PAIRS));
    platform.close();
    const stopping = performance.now();
    await lab.stop();
    return { bringUpMs, cutEffectiveMs, healEffectiveMs, stopMs: performance.now() - stopping };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** From the call to its effect on every pair, as probes see it. */
export async function effectOf(platform: LocalPlatform, to: 'lost' | 'ok', act: () => Promise<void>): Promise<number> {
  const before = await platform.now();
  await act();
  const deadline = Date.now() + 5_000;
  for (;;) {
    const seen = (await platform.transitions(PAIRS, to)).filter((e) => e !== null && nsOf(e.present) > nsOf(before));
    if (seen.length === PAIRS.length) return Math.max(...seen.map((e) => msBetween(before.monoNs, e!.present.monoNs)));
    if (Date.now() > deadline) throw new DrillError('DRILL_FAULT_NOT_SEEN', `no probe saw ${to} on every pair within 5 s`);
    await sleep(10);
  }
}

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
