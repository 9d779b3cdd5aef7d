/** MariaDB's names as sets: what two logs share, what of the old one is lost, and where neither can be told. */
import { parseMariaGtids, upTo } from '../../../core/binlog/maria.ts';
import { GtidSet } from '../../../core/gtid.ts';
import { forkOf } from '../../../core/reconcile/domains.ts';
import { findFork, lostSet } from '../../../core/reconcile/fork.ts';
import { SideLog } from '../../../core/reconcile/side.ts';

/** A log whose first file has this GTID list, with transactions as `0-1-5`, runs as `0-1-5..9`; `!` behind one: it has another effect than elsewhere. */
function side(list: string, transactions: string): SideLog {
  const log = new SideLog();
  log.file('binlog.000001');
  log.server('10.11.18-MariaDB-log');
  log.previousGtids(upTo(parseMariaGtids(list)));
  for (const part of transactions.split(' ').filter(Boolean)) {
    const [, source, first, last, other] = /^(\d+-\d+)-(\d+)(?:\.\.(\d+))?(!?)$/.exec(part)!;
    for (let n = Number(first); n <= Number(last ?? first); n++) {
      const gtid = `${source}-${n}`;
      log.transaction({ gtid, commitUs: 0n, rows: [{ table: 't.x', op: 'insert', before: null, after: [gtid + other] }], statements: [] });
    }
  }
  return log;
}

/** name, old, new, fork, lost, late */
const FORKS: [string, SideLog, SideLog, string, string, string?][] = [
  ['the sides share a beginning', side('', '0-1-1..5'), side('', '0-1-1..3 0-2-4'), '0-1:1-3', '0-1:4-5'],
  ['one number, two servers: two transactions', side('', '0-1-1..9 0-1-10'), side('', '0-1-1..9 0-2-10'), '0-1:1-9', '0-1:10'],
  ['the new side wrote nothing of its own yet', side('', '0-1-1..2'), side('', '0-1-1'), '0-1:1', '0-1:2'],
  ['an earlier failover: numbers have holes', side('', '0-1-1..3 0-2-4..6 0-1-7..8'), side('', '0-1-1..3 0-2-4..6 0-1-7 0-3-8'), '0-1:1-3:7,0-2:4-6', '0-1:8'],
  [
    'what came before the first files is in their lists, which do not know the holes',
    side('0-2-6,0-1-7', '0-1-8..9'),
    side('0-2-6,0-1-8', '0-3-9'),
    '0-1:1-8,0-2:1-6',
    '0-1:9',
  ],
  ['the new log begins earlier', side('0-2-6,0-1-7', '0-1-8..9'), side('', '0-1-1..3 0-2-4..6 0-1-7..8 0-3-9'), '0-1:1-3:7-8,0-2:4-6', '0-1:9'],
  ['the new log begins later', side('', '0-1-1..9'), side('0-1-4', '0-1-5..6 0-2-7'), '0-1:1-6', '0-1:7-9'],
  ['several domains', side('', '0-1-1 7-1-1 0-1-2 7-1-2'), side('', '7-1-1 0-1-1 0-1-2 0-2-3'), '0-1:1-2,7-1:1', '7-1:2'],
  ['a replay that left one out was none by replication', side('', '0-1-1..5'), side('', '0-1-1..2 0-1-4..5'), '0-1:1-2', '0-1:3-5', '0-1:4-5'],
  ['a replay in another order', side('', '0-1-1..4'), side('', '0-1-1..2 0-1-4! 0-1-3'), '0-1:1-2', '0-1:3-4', '0-1:3'],
  ['a second life that counts the same numbers', side('', '0-1-1..5'), side('', '0-1-1..2 0-2-3 0-1-4..5!'), '0-1:1-2', '0-1:3-5'],
  ['nothing was lost', side('', '0-1-1..2'), side('', '0-1-1..2 0-2-3'), '0-1:1-2', ''],
];

test.each(FORKS.map((f) => ({ f, name: f[0] })))('$name', ({ f: [, old, fresh, fork, lost, late = ''] }) => {
  const found = findFork(old, fresh);
  expect({ fork: found.set?.toString(), findings: found.findings }).toEqual({ fork, findings: [] });
  const set = lostSet(old, fresh, found.set!);
  expect({ lost: set.lost.toString(), late: set.late.toString() }).toEqual({ lost, late });
  expect(GtidSet.of(set.transactions.map((t) => t.gtid)).toString()).toBe(lost);
});

test.each<[string, SideLog, SideLog, string | undefined, string]>([
  ['the new log begins after the fork', side('', '0-1-1..9'), side('0-1-4,0-2-7', '0-2-8'), undefined, '0-2:7'],
  ['purged numbers that the new side never had', side('0-1-9', '0-1-10'), side('', '0-1-1..4 0-2-5'), undefined, 'domain 0: 5-9'],
  ['a hole in what was purged', side('0-1-9', '0-1-10'), side('', '0-1-1..4 0-1-6..9 0-2-10'), undefined, 'domain 0: 5'],
  ['a fork given that lies before the old files', side('0-1-9', '0-1-10'), side('', '0-1-1..10'), '0-1:1-4', 'domain 0: 5-9'],
])('unknown: %s', (_, old, fresh, given, named) => {
  const { findings } = findFork(old, fresh, given === undefined ? undefined : { set: GtidSet.parse(given), how: 'given' });
  expect(findings).toContainEqual({ severity: 'unknown', text: expect.stringContaining(named) });
});

test('MySQL and MariaDB have no GTID in common: unknown, not everything lost', () => {
  const mysql = new SideLog();
  mysql.file('binlog.000001');
  mysql.server('9.7.4');
  mysql.previousGtids(GtidSet.empty);
  for (const found of [findFork(mysql, side('', '0-1-1')), findFork(side('', '0-1-1'), mysql)])
    expect(found).toMatchObject({ set: null, findings: [{ severity: 'unknown', text: expect.stringContaining('one side is MariaDB') }] });
});

test.each([
  ['0-1-3', '0-1:1-3'],
  [' 0-2-5 , 7-1-1', '0-1:1-3,0-2:4-5,7-1:1'],
  ['0-1:1-2', '0-1:1-2'],
  ['', ''],
])('a position is the old log up to there: %s', (text, set) => {
  expect(forkOf(text, side('', '0-1-1..3 7-1-1 0-2-4..6')).toString()).toBe(set);
});

test('a position at the end of what was purged, and one that the old side never had', () => {
  expect(forkOf('0-2-6', side('0-1-3,0-2-6', '0-2-7')).toString()).toBe('0-1:1-3,0-2:1-6');
  expect(() => forkOf('0-1-2', side('0-1-3,0-2-6', '0-2-7'))).toThrow(expect.objectContaining({ code: 'DRILL_FORK_UNKNOWN' }));
  expect(() => forkOf('0-1-99', side('', '0-1-1'))).toThrow(expect.objectContaining({ code: 'DRILL_FORK_UNKNOWN' }));
});
