/** One lab, cut and healed n times: from the call to the effect on every pair, as probes of every 10 ms see it. */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectLocal } from '../targets/platforms/local/connect.ts';
import { startLab } from '../targets/platforms/local/lab.ts';
import { effectOf, PAIRS } from './lab.ts';
import type { Measurement } from './measure.ts';
import { measurement } from './measure.ts';
import type { BenchOptions } from './options.ts';

const SETTLE_MS = 300;

export async function benchCut(o: BenchOptions, n = 10): Promise<Measurement[]> {
  const dir = await mkdtemp(join(await realpath(tmpdir()), 'dbl-'));
  const [cut, heal]: [number[], number[]] = [[], []];
  try {
    const lab = await startLab({ tools: o.tools, cacheDir: o.cacheDir, dir, workDir: join(dir, 'work'), owner: 'pipe' });
    const platform = await connectLocal(lab.stateFile);
    try {
      await platform.watch(PAIRS);
      for (let i = 0; i < n; i++) {
        await sleep(SETTLE_MS);
        cut.push(await effectOf(platform, 'lost', () => platform.cut(PAIRS, 30_000)));
        await sleep(SETTLE_MS);
        heal.push(await effectOf(platform, 'ok', () => platform.healCut(PAIRS)));
      }
    } finally {
      platform.close();
      await lab.stop();
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  return [measurement('cut', 'from the call to a cut on every pair', 'ms', cut), measurement('cut', 'from the call to healed on every pair', 'ms', heal)];
}
