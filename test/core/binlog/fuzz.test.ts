/** Damaged real logs: nothing thrown, nothing told otherwise in silence. What is silent by right, bench/binlog-fuzz/fuzz.ts says; `npm run bench -- binlog-fuzz` reads a million of them. */
import { fuzz } from '../../../bench/binlog-fuzz.ts';

const CASES = 20_000;
/** Nothing may gather over the cases; what one of them asks for, the fuzzer's thread watches. The heap goes back to 8 MB; the rest is the allocator's. */
const RSS_GROWTH_MAX = 400 * 1024 * 1024;

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);

test(`${CASES} damaged logs (seed ${seed})`, async () => {
  const before = process.memoryUsage.rss();
  const { cases, watched, found, failures } = await fuzz(CASES, seed);
  expect(failures).toEqual([]);
  expect(cases).toBe(CASES);
  // most of what is watched is found out; the rest is cut between two transactions or changes nothing
  expect(watched).toBeGreaterThan(CASES / 3);
  expect(found).toBeGreaterThan(0.85 * watched);
  expect(process.memoryUsage.rss() - before).toBeLessThan(RSS_GROWTH_MAX);
}, 120_000);
