import { GtidSet } from '../../../core/gtid.ts';
import { findFork, lostSet } from '../../../core/reconcile/fork.ts';
import { SideLog } from '../../../core/reconcile/side.ts';
import type { RowChange } from '../../../core/reconcile/side.ts';

const O = 'aaaaaaaa-0000-0000-0000-000000000001';
const N = 'bbbbbbbb-0000-0000-0000-000000000002';
const row = (text: string): RowChange => ({ table: 't.x', op: 'insert', before: null, after: [text] });

/** A log of one file: Previous_gtids, then transactions as `gtid` or [gtid, row text, statement]. */
function side(previous: string, ...transactions: (string | [string, string | null, string?])[]): SideLog {
  const log = new SideLog();
  log.file('binlog.000001');
  log.previousGtids(GtidSet.parse(previous));
  for (const t of transactions) {
    const [gtid, text, statement] = typeof t === 'string' ? [t, t] : t;
    log.transaction({ gtid, commitUs: 0n, rows: text === null ? [] : [row(text)], statements: statement ? [statement] : [] });
  }
  return log;
}

test.each<[string, SideLog, SideLog, string | null, string]>([
  ['the sides share a prefix', side('', `${O}:1`, `${O}:2`, `${O}:3`), side('', `${O}:1`, `${N}:1`), `${O}:1`, `${O}:2-3`],
  ['the new side wrote nothing of its own yet', side('', `${O}:1`, `${O}:2`), side('', `${O}:1`), `${O}:1`, `${O}:2`],
  ['older transactions are in Previous_gtids', side(`${O}:1-5`, `${O}:6`), side(`${O}:1-5`, `${N}:1`), `${O}:1-5`, `${O}:6`],
  ['a replay after the fork changes nothing', side('', `${O}:1`, `${O}:2`), side('', `${O}:1`, `${N}:1`, `${O}:2`), `${O}:1`, `${O}:2`],
  ['every UUID and tag counts', side(`${O}:tag:1-2`, `${O}:1`), side(`${O}:tag:1-2`, `${N}:1`), `${O}:tag:1-2`, `${O}:1`],
  ['nothing was lost', side('', `${O}:1`), side('', `${O}:1`, `${N}:1`), `${O}:1`, ''],
])('%s', (_, old, fresh, fork, lost) => {
  const found = findFork(old, fresh);
  expect(found.set?.toString() ?? null).toBe(fork);
  expect(found.findings).toEqual([]);
  expect(lostSet(old, fresh, found.set!).lost.toString()).toBe(lost);
});

test('logs that begin after the fork do not tell it: unknown, unless it is known', () => {
  const old = side('', `${O}:1`, `${O}:2`);
  const fresh = side(`${O}:1,${N}:1-3`, `${N}:4`);
  const found = findFork(old, fresh);
  expect(found.set).toBeNull();
  expect(found.findings[0]).toMatchObject({ severity: 'unknown', text: expect.stringContaining(`${N}:1-3`) });
  const known = findFork(old, fresh, { set: GtidSet.parse(`${O}:1`), how: 'recorded' });
  expect(known).toMatchObject({ how: 'recorded', findings: [] });
  expect(lostSet(old, fresh, known.set!).lost.toString()).toBe(`${O}:2`);
});

test('lost transactions that are older than the oldest old log are named as a gap', () => {
  const found = findFork(side(`${O}:1-7`, `${O}:8`), side('', `${O}:1`, `${N}:1`), { set: GtidSet.parse(`${O}:1-4`), how: 'given' });
  expect(found.findings.filter((f) => f.severity === 'unknown').map((f) => f.text)).toEqual([expect.stringContaining(`${O}:5-7`)]);
});

test('a recorded fork that the logs contradict is a finding', () => {
  const found = findFork(side('', `${O}:1`, `${O}:2`), side('', `${O}:1`, `${N}:1`), { set: GtidSet.parse(`${O}:1-2`), how: 'recorded' });
  expect(found.findings).toEqual([{ severity: 'note', text: expect.stringContaining('the fork was recorded as') }]);
});

test.each<[string, [string, string | null, string?], [string, string | null, string?], 'late' | 'forced']>([
  ['equal rows', [`${O}:2`, 'a'], [`${O}:2`, 'a'], 'late'],
  ['other rows', [`${O}:2`, 'a'], [`${O}:2`, 'b'], 'forced'],
  ['empty in place of rows: what --force leaves', [`${O}:2`, 'a'], [`${O}:2`, null], 'forced'],
  ['empty both', [`${O}:2`, null], [`${O}:2`, null], 'late'],
  ['equal statements', [`${O}:2`, null, 'DROP TABLE x'], [`${O}:2`, null, 'DROP TABLE x'], 'late'],
  ['other statements', [`${O}:2`, null, 'DROP TABLE x'], [`${O}:2`, null, 'DROP TABLE y'], 'forced'],
])('a lost GTID on the new side with %s', (_, lost, replayed, as) => {
  const set = lostSet(side('', `${O}:1`, lost), side('', `${O}:1`, `${N}:1`, replayed), GtidSet.parse(`${O}:1`));
  expect({ late: set.late.toString(), forced: set.forced.toString() }).toEqual({ late: '', forced: '', [as]: `${O}:2` });
});

test('a relay log that begins in the middle: the numbers below were the old side’s too, and what the new side lacks of them is a gap', () => {
  const relay = (...transactions: string[]): SideLog => {
    const log = side('', ...transactions);
    log.version = '';
    log.server('9.7.4', true);
    return log;
  };
  const found = findFork(relay(`${O}:3`, `${O}:4`), side('', `${O}:1`, `${O}:2`, `${N}:1`));
  expect({ fork: found.set?.toString(), findings: found.findings }).toEqual({ fork: `${O}:1-2`, findings: [] });
  const short = findFork(relay(`${O}:3`, `${O}:4`), side('', `${O}:1`, `${N}:1`));
  expect(short.findings).toEqual([{ severity: 'unknown', text: expect.stringContaining(`${O}:2`) }]);
});
