/** The undo journal and the lock survive whatever dies; nobody drills on a target that is in use or dirty. */
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clearLock, drillsInJournal, Journal, readLock, releaseLock, takeLock } from '../../activities/journal.ts';
import type { JournalRecord } from '../../activities/journal.ts';

let dir: string;
beforeEach(() => void (dir = mkdtempSync(join(realpathSync(tmpdir()), 'drillbook-journal-'))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const code = (act: () => unknown): string => {
  try {
    act();
    return 'none';
  } catch (e) {
    return (e as { code: string }).code;
  }
};
const entry = (chainId: string, more: Partial<JournalRecord> = {}): Omit<JournalRecord, 'drillId'> => ({
  chainId,
  verb: 'partition',
  phase: 'prepared',
  undo: 'leased',
  leaseMs: 30_000,
  record: { pairs: [['db1', 'db2']] },
  injection: null,
  effect: null,
  facts: {},
  preparedAtNs: '12345678901234567890',
  ...more,
});

const take = (drill: string) => code(() => takeLock(dir, drill, 1_700_000_000_000));

describe('the journal', () => {
  test('what was put is there for another process, changed where it was changed', () => {
    new Journal(dir, 'd1').put(entry('cut'));
    new Journal(dir, 'd1').update('cut', { phase: 'observed', facts: { dropped: '7' } });
    expect(new Journal(dir, 'd1').get('cut')).toEqual({ drillId: 'd1', ...entry('cut', { phase: 'observed', facts: { dropped: '7' } }) });
  });

  test('nothing is there where nothing was put; drills do not see each other', () => {
    expect([new Journal(dir, 'd1').get('cut'), new Journal(dir, 'd1').all(), drillsInJournal(dir)]).toEqual([null, [], []]);
    new Journal(dir, 'd1').put(entry('cut'));
    expect(new Journal(dir, 'd2').all()).toEqual([]);
    expect(drillsInJournal(dir)).toEqual(['d1']);
  });

  test('a write that a crash cut short leaves the entry of before, and is no entry itself', () => {
    const journal = new Journal(dir, 'd1');
    journal.put(entry('cut'));
    for (const torn of ['cut.json.new', 'cut.json.tmp-7', 'kill.json.tmp-7']) writeFileSync(join(dir, 'journal/d1', torn), '{"chainId":"cu');
    expect(journal.all().map((e) => [e.chainId, e.phase])).toEqual([['cut', 'prepared']]);
    expect(journal.update('cut', { phase: 'injected' }).phase).toBe('injected');
  });

  test('entries that cannot be written are an error, and the one of before stays', () => {
    const journal = new Journal(dir, 'd1');
    journal.put(entry('cut'));
    mkdirSync(join(dir, `journal/d1/kill.json/in-the-way`), { recursive: true });
    expect(() => journal.put(entry('kill'))).toThrow();
    rmSync(join(dir, 'journal/d1/kill.json'), { recursive: true });
    expect(readdirSync(join(dir, 'journal/d1'))).toEqual(['cut.json']);
  });

  test('the mark that releases the guard is no entry', () => {
    const journal = new Journal(dir, 'd1');
    expect(journal.guardReleased).toBe(false);
    journal.releaseGuard();
    journal.releaseGuard();
    expect([journal.guardReleased, journal.all(), new Journal(dir, 'd2').guardReleased]).toEqual([true, [], false]);
  });
});

describe('the lock', () => {
  test.each<[string, () => void, string, string]>([
    ['free', () => undefined, 'd1', 'none'],
    ['a folder that is not there yet', () => rmSync(dir, { recursive: true }), 'd1', 'none'],
    ['its own, again', () => takeLock(dir, 'd1', 1), 'd1', 'none'],
    ["another's", () => takeLock(dir, 'd2', 1), 'd1', 'DRILL_TARGET_IN_USE'],
    ['released clean', () => (takeLock(dir, 'd2', 1), releaseLock(dir, 'd2', true)), 'd1', 'none'],
    ['released dirty', () => (takeLock(dir, 'd2', 1), releaseLock(dir, 'd2', false)), 'd1', 'DRILL_TARGET_DIRTY'],
    ['its own, released dirty', () => (takeLock(dir, 'd1', 1), releaseLock(dir, 'd1', false)), 'd1', 'DRILL_TARGET_DIRTY'],
    ['released by somebody else', () => (takeLock(dir, 'd2', 1), releaseLock(dir, 'd3', true)), 'd1', 'DRILL_TARGET_IN_USE'],
    ['dirty, then healed', () => (takeLock(dir, 'd2', 1), releaseLock(dir, 'd2', false), clearLock(dir)), 'd1', 'none'],
    ['half made by a drill that died', () => writeFileSync(join(dir, 'lock.json.d2'), '{"drillId'), 'd1', 'none'],
    ['half made by itself before', () => writeFileSync(join(dir, 'lock.json.d1'), '{"drillId'), 'd1', 'none'],
  ])('%s', (_, before, drill, outcome) => {
    before();
    expect(take(drill)).toBe(outcome);
    if (outcome === 'none') expect(readLock(dir)).toMatchObject({ drillId: drill, dirty: false });
  });

  test('is never there without its owner in it', () => {
    take('d1');
    expect(readdirSync(dir)).toEqual(['lock.json']);
    take('d2');
    expect(readdirSync(dir)).toEqual(['lock.json']);
  });

  test('of many who want it, one gets it', () => {
    const outcomes = Array.from({ length: 20 }, (_, i) => take(`d${i}`));
    expect(outcomes.filter((o) => o === 'none').length).toBe(1);
  });

  test('an error says who has it, since when, and what to do', () => {
    take('d2');
    expect(() => takeLock(dir, 'd1', 2)).toThrow(
      expect.objectContaining({ message: 'drill d2 has held this target since 2023-11-14T22:13:20.000Z', hint: expect.stringContaining('drillbook heal') }),
    );
  });
});
