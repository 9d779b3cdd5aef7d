/** MariaDB's names as sets: what two logs share, what of the old one is lost, and where neither can be told. */
import { MariaState, parseMariaGtids, upTo } from '../../../core/binlog/maria.ts';
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

test('of several files only the first one’s list is taken for transactions: the others would fill the holes', () => {
  const log = side('0-1-1', '0-1-2 0-2-3..5 0-1-6');
  log.file('binlog.000002');
  log.previousGtids(upTo(parseMariaGtids('0-2-5,0-1-6')));
  expect(log.set().toString()).toBe('0-1:1-2:6,0-2:3-5');
  // so that what another side has under such a name is its own
  expect(findFork(log, side('', '0-1-1..2 0-1-3')).set!.toString()).toBe('0-1:1-2');
});

test('a position at the end of what was purged, and one that the old side never had', () => {
  expect(forkOf('0-2-6', side('0-1-3,0-2-6', '0-2-7')).toString()).toBe('0-1:1-3,0-2:1-6');
  expect(() => forkOf('0-1-2', side('0-1-3,0-2-6', '0-2-7'))).toThrow(expect.objectContaining({ code: 'DRILL_FORK_UNKNOWN' }));
  expect(() => forkOf('0-1-99', side('', '0-1-1'))).toThrow(expect.objectContaining({ code: 'DRILL_FORK_UNKNOWN' }));
});

/** mulberry32 */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** A log without its first `purged` transactions: their list, and the rest. */
function purgedSide(log: readonly string[], purged: number): SideLog {
  const state = MariaState.of(log.slice(0, purged).flatMap((g) => parseMariaGtids(g)));
  return side(state.toString(), log.slice(purged).join(' '));
}

/** A past of failovers in some domains, then two sides that go on, each by itself. */
function disaster(seed: number): { past: string[]; old: string[]; fresh: string[] } {
  const below = random(seed);
  const domains = 1 + below(3);
  const goOn = (log: readonly string[], servers: readonly number[], count: number): string[] => {
    const last = new Map<number, number>();
    for (const g of log.flatMap((t) => parseMariaGtids(t))) last.set(g.domain, Math.max(last.get(g.domain) ?? 0, g.seq));
    const out = [...log];
    for (let i = 0; i < count; i++) {
      const domain = below(domains);
      const seq = (last.get(domain) ?? 0) + 1;
      last.set(domain, seq);
      out.push(`${domain}-${servers[below(servers.length)]!}-${seq}`);
    }
    return out;
  };
  let past: string[] = [];
  for (let lives = 1 + below(4); lives > 0; lives--) past = goOn(past, [1 + below(3)], below(6));
  return { past, old: goOn(past, [1], below(6)), fresh: goOn(past, [9], below(6)) };
}

test('2,000 random pasts of failovers, purged logs and replays: the fork is the truth, or it is said to be unknown', () => {
  const seen = { told: 0, unknown: 0, replayed: 0 };
  for (let seed = 1; seed <= 2_000; seed++) {
    const below = random(seed * 7919);
    const { past, old, fresh } = disaster(seed);
    const [oldPurged, freshPurged] = [below(old.length + 1), below(fresh.length + 1)];
    const lost = old.slice(past.length);
    // what the new side wrote keeps a replay from being taken for replication
    const replay = fresh.length > past.length ? lost.filter(() => below(3) === 0) : [];
    const sides = [purgedSide(old, below(2) === 0 ? 0 : oldPurged), purgedSide([...fresh, ...replay], below(2) === 0 ? 0 : freshPurged)] as const;
    const { set, findings } = findFork(...sides);
    const unknown = findings.some((f) => f.severity === 'unknown');
    seen[unknown ? 'unknown' : 'told']++;
    // a fork that stands: all that the files hold of the past is before it, all that was lost behind it
    if (unknown || set === null) continue;
    if (replay.length > 0) seen.replayed++;
    expect({ seed, early: lost.filter((g) => set.has(g)), lost: lostSet(...sides, set).lost.toString() }).toEqual({
      seed,
      early: [],
      lost: GtidSet.of(lost).toString(),
    });
  }
  expect([seen.told > 1_000, seen.unknown > 200, seen.replayed > 200]).toEqual([true, true, true]);
});
