/** Two thousand requests of all kinds to a board that is a process of its own; fuzz.full.test.ts sends a hundred thousand. */
import { FuzzedBoard } from '../../support/fuzz.ts';

test('no answer is a fault, shows its inside, gives back markup or lacks a header; nothing is taken that should not be', async () => {
  const board = await FuzzedBoard.start();
  try {
    expect(await board.abort('a control')).toBeLessThan(500);
    await board.send(20_261_129, 0, 2_000);
    expect(board.taken.filter((reason) => !board.sum.legitimate.has(reason))).toEqual(['a control']);
    // else nothing of what lies behind the form's checks was reached
    expect(board.taken.length).toBeGreaterThan(10);
    expect(/DRILL_INTERNAL|\bat file:|\p{Cc}/u.exec(board.said.replaceAll('\n', ' '))?.[0]).toBeUndefined();
  } finally {
    expect(await board.stop()).toBe(0);
  }
}, 300_000);
