/** One transaction larger than memory: the reader holds no more of it than of a small one. Disaster: a reader that gathers it. */
import { readHuge, rowsOf } from '../../support/binlog-huge.ts';

const PEAK_MB_MAX = 150;

test.each([
  ['plain', 200],
  ['compressed', 200],
] as const)(
  '%s, %i MB',
  (how, megabytes) => {
    const read = readHuge(how, megabytes);
    expect(read).toMatchObject({ transactions: 1, rows: rowsOf(megabytes), findings: [] });
    expect(read.peakMb).toBeLessThan(PEAK_MB_MAX);
  },
  60_000,
);
