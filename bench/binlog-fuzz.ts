/** The mutation fuzzer of the binary log reader (binlog-fuzz/fuzz.ts says what it promises), in threads that are watched. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { DrillError } from '../core/errors.ts';
import type { FuzzResult } from './binlog-fuzz/fuzz.ts';
import { measurement } from './measure.ts';
import type { Measurement } from './measure.ts';
import type { BenchOptions } from './options.ts';

const CASES = 1_000_000;
const CASES_PER_THREAD_RUN = 50_000;
const THREADS_MAX = 4;
/** A case takes less than a millisecond; the machine may be busy. */
const HANG_MS = 30_000;
const LOOK_MS = 1_000;

/** In a thread of its own. A case that hangs is a failure that names its seed. */
export async function fuzz(cases: number, seed: number): Promise<FuzzResult> {
  const at = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL('./binlog-fuzz/worker.ts', import.meta.url), { workerData: { cases, seed, at } });
  let seen = -1;
  let since = Date.now();
  try {
    return await new Promise<FuzzResult>((resolve, reject) => {
      const timer = setInterval(() => {
        const now = Atomics.load(at, 0);
        if (now !== seen) [seen, since] = [now, Date.now()];
        else if (Date.now() - since > HANG_MS) {
          const failure = { seed: (seed + now - 1) >>> 0, what: `case ${now}`, why: `hangs: no end after ${HANG_MS / 1000} s` };
          resolve({ cases: now, watched: 0, found: 0, failures: [failure] });
        }
      }, LOOK_MS);
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', () => {
        clearInterval(timer);
        reject(new DrillError('DRILL_BENCH', 'the thread ended by itself'));
      });
    });
  } finally {
    await worker.terminate();
  }
}

/** A million damaged logs. Throws DRILL_BENCH with the seeds of those that the reader did not bear. */
export async function benchBinlogFuzz(o: BenchOptions, cases = CASES): Promise<Measurement[]> {
  const seed = Date.now() % 2 ** 31;
  const threads = Math.min(THREADS_MAX, availableParallelism());
  o.say(`binlog-fuzz: ${cases} damaged logs from seed ${seed} on, ${threads} threads`);
  const total: FuzzResult = { cases: 0, watched: 0, found: 0, failures: [] };
  const begun = performance.now();
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < cases && total.failures.length === 0) {
      const from = next;
      next += CASES_PER_THREAD_RUN;
      const run = await fuzz(Math.min(CASES_PER_THREAD_RUN, cases - from), (seed + from) >>> 0);
      total.cases += run.cases;
      total.watched += run.watched;
      total.found += run.found;
      total.failures.push(...run.failures);
      o.say(`binlog-fuzz: ${total.cases} of ${cases}, ${total.failures.length} failures`);
    }
  };
  await Promise.all(Array.from({ length: threads }, one));
  if (total.failures.length > 0) {
    const told = total.failures.map((f) => `seed ${f.seed}, ${f.what}: ${f.why}`).join('\n');
    throw new DrillError(
      'DRILL_BENCH',
      `the reader did not bear ${total.failures.length} damaged logs:\n${told}`,
      'fuzz(1, seed) of bench/binlog-fuzz.ts does one again',
    );
  }
  const seconds = (performance.now() - begun) / 1000;
  const peakMb = process.resourceUsage().maxRSS / 1024;
  const note = `${total.cases} cases, seed ${seed}; ${total.watched} in logs with checksums, ${total.found} of them told by a finding, the others change nothing or are cut where a server could have stopped`;
  return [measurement('binlog-fuzz', 'damaged logs read, nothing thrown, nothing silent', 's', [seconds], { peakMb, note })];
}
