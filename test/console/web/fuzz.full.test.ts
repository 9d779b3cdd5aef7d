/** A hundred thousand requests of all kinds to a board that is a process of its own, with people signed in. DRILLBOOK_FUZZ_SEED=<n> sends those of another run again. */
import { randomInt } from 'node:crypto';
import { FuzzedBoard } from '../../support/fuzz.ts';

const REQUESTS = 100_000;
const WARM = 5_000;
/** Its heap is at most 96 MB; the rest is code, buffers and what the allocator keeps. */
const RESIDENT_MB_MAX = 320;
const seed = Number(process.env['DRILLBOOK_FUZZ_SEED'] ?? randomInt(2 ** 31));

test(`a hundred thousand requests of seed ${seed}`, async () => {
  const board = await FuzzedBoard.start();
  try {
    expect(await board.abort('a control')).toBeLessThan(500);
    await board.send(seed, 0, WARM);
    const residentMb = [Math.round(board.residentMb)];
    for (let from = WARM; from < REQUESTS; from += (REQUESTS - WARM) / 5) {
      await board.send(seed, from, (REQUESTS - WARM) / 5);
      residentMb.push(Math.round(board.residentMb));
    }
    const { requests, answers, statuses, legitimate, held } = board.sum;
    const taken = board.taken;
    const kinds = [...statuses].toSorted((a, b) => a[0] - b[0]).map(([status, n]) => `${status}: ${n}`);
    console.info(
      `seed ${seed}: ${requests} requests, ${answers} answers (${kinds.join(', ')}), ${taken.length} acts taken; resident MB: ${residentMb.join(', ')}`,
    );
    expect(taken.filter((reason) => !legitimate.has(reason))).toEqual(['a control']);
    // else nothing of what lies behind the form's checks was reached
    expect(taken.length).toBeGreaterThan(10);
    expect(/DRILL_INTERNAL|\bat file:|\p{Cc}/u.exec(board.said.replaceAll('\n', ' '))?.[0]).toBeUndefined();
    expect(board.residentMb).toBeLessThan(RESIDENT_MB_MAX);
    // requests that were left half-sent do not stay
    for (const deadline = Date.now() + 60_000; held.some((s) => !s.closed) && Date.now() < deadline;) await new Promise((r) => setTimeout(r, 500));
    expect(held.filter((s) => !s.closed).length).toBe(0);
    expect(await board.abort('a control at the end')).toBeLessThan(500);
  } finally {
    expect(await board.stop()).toBe(0);
  }
}, 3_600_000);
