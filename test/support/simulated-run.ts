/** Plays and judges many simulated disasters. */
import { judgeDisaster, story } from './simulated-disaster.ts';

/** Fails at the first wrong answer, with its seed and its story; and when the disasters were not varied enough to prove anything. */
export function runDisasters(seed: number, count: number): void {
  const verdicts = { pass: 0, fail: 0, unknown: 0 };
  let [bad, withLedger] = [0, 0];
  for (let n = seed; n < seed + count; n++) {
    const judged = judgeDisaster(n);
    if (judged.faults.length > 0) throw new Error(story(judged));
    verdicts[judged.outcome.verdict]++;
    if (judged.truth.rows.bad.size + judged.truth.writes.bad.size > 0) bad++;
    if (judged.world.ledger) withLedger++;
  }
  process.stderr.write(`${count} disasters from seed ${seed}: ${JSON.stringify(verdicts)}, ${bad} with something truly bad, ${withLedger} with a ledger\n`);
  for (const n of [verdicts.pass, verdicts.fail, verdicts.unknown, bad, withLedger]) expect(n).toBeGreaterThan(count / 50);
}
