import * as fc from 'fast-check';
import type { FateLine } from '../../../core/bundle.ts';
import type { LedgerAttempt, WriteKind, WriteOutcome } from '../../../core/ledger.ts';
import { fatesOf } from '../../../core/reconcile/fates.ts';
import type { FateInput } from '../../../core/reconcile/fates.ts';
import type { Place } from '../../../core/reconcile/places.ts';

const T = 'drill.acct';

/** A write on key k1 unless said otherwise. Time is its number: sent at n, answered at n + 0.5. */
interface W {
  w: string;
  kind?: WriteKind;
  key?: string;
  outcome?: WriteOutcome;
  matched?: number;
  /** where the logs hold it; none: in no log */
  at?: [side: 'shared' | 'lost' | 'new', index: number];
  /** the client does not know the GTID */
  nameless?: boolean;
  sent?: number;
  replied?: number;
}

function judge(writes: W[], rows: string[] | string, more: Partial<FateInput> & { deletes?: Place[] } = {}): Map<string, FateLine> {
  const places = new Map<string, Place>();
  const attempts: LedgerAttempt[] = writes.map((w, i) => {
    if (w.at) {
      const [side, index] = w.at;
      places.set(`g-${w.w}`, {
        side: side === 'new' ? 'new' : 'old',
        index,
        gtid: `g-${w.w}`,
        lost: side === 'lost',
        beforeFork: side === 'shared',
        inNew: side === 'lost' ? -1 : index,
      });
    }
    const outcome = w.outcome ?? 'acked';
    const kind = w.kind ?? 'set';
    const sent = w.sent ?? i;
    return {
      writeId: w.w,
      attempt: 1,
      kind,
      table: T,
      key: w.key ?? 'k1',
      digest: kind === 'delete' ? '' : `d-${w.w}`,
      intendedNs: BigInt(Math.round(sent * 10)),
      sentNs: BigInt(Math.round(sent * 10)),
      repliedNs: outcome === 'unknown' ? undefined : BigInt(Math.round((w.replied ?? sent + 0.5) * 10)),
      outcome,
      matched: outcome === 'acked' ? (w.matched ?? 1) : undefined,
      changed: undefined,
      serverUuid: undefined,
      gtid: outcome === 'acked' && w.at && !w.nameless ? `g-${w.w}` : undefined,
      error: undefined,
    };
  });
  const { deletes, ...input } = more;
  const lines = fatesOf({
    attempts,
    places: { ofGtid: (g) => places.get(g), ofWriteId: (_, w) => places.get(`g-${w}`), deletesOf: () => deletes ?? [] },
    final: () => (typeof rows === 'string' ? rows : { rows }),
    rule: 'new-wins',
    recoveredAt: () => null,
    logsWhole: true,
    ...input,
  });
  return new Map([...lines].map((l) => [l.w, l]));
}
const fates = (m: Map<string, FateLine>) => Object.fromEntries([...m].map(([w, l]) => [w, l.fate]));

const lostAt = (index: number): Place => ({ side: 'old', index, gtid: 'x', lost: true, beforeFork: false, inNew: -1 });
const OLD: W = { w: 'old', at: ['lost', 5] };
const NEW: W = { w: 'new', at: ['new', 9] };
const BASE: W = { w: 'base', at: ['shared', 1] };
const DELETE_OLD: W = { w: 'del', kind: 'delete', at: ['lost', 5] };
const DELETE_NEW: W = { w: 'del', kind: 'delete', at: ['new', 9] };

test.each<[string, W[], string[], Record<string, string | null>]>([
  ['a lost write that is gone', [OLD], [], { old: 'missing' }],
  ['a lost write that was put back', [OLD], ['d-old'], { old: 'present' }],
  ['a lost update: the row of before is still there', [BASE, OLD], ['d-base'], { base: 'superseded', old: 'altered' }],
  ['the new side stands', [BASE, OLD, NEW], ['d-new'], { base: 'superseded', old: 'superseded', new: 'present' }],
  ['a replay overwrote the new side: one bad row, counted once', [BASE, OLD, NEW], ['d-old'], { base: 'superseded', old: 'superseded', new: 'altered' }],
  ['a replay resurrected a row that the new side deleted', [BASE, OLD, DELETE_NEW], ['d-old'], { base: 'superseded', old: 'superseded', del: 'altered' }],
  ['a delete holds', [BASE, DELETE_NEW], [], { base: 'superseded', del: 'present' }],
  ['a lost delete: the deleted row is there', [BASE, DELETE_OLD], ['d-base'], { base: 'superseded', del: 'altered' }],
  ['a replayed delete took the new side’s row', [DELETE_OLD, NEW], [], { del: 'superseded', new: 'missing' }],
  ['twice', [{ ...NEW, kind: 'insert' }], ['d-new', 'd-new'], { new: 'duplicated' }],
  ['nothing matched, nothing owed', [BASE, { ...DELETE_NEW, matched: 0 }], ['d-base'], { base: 'present', del: 'no-op' }],
  ['a failed write owes nothing', [BASE, { w: 'f', outcome: 'failed' }], ['d-base'], { base: 'present', f: null }],
  ['a failed write excuses nothing', [BASE, { w: 'f', outcome: 'failed' }], ['d-f'], { base: 'altered', f: null }],
  ['an unknown write may stand', [BASE, { w: 'u', outcome: 'unknown', at: ['lost', 7], nameless: true }], ['d-u'], { base: 'superseded', u: null }],
  ['an unknown write before the debtor may not', [{ w: 'u', outcome: 'unknown', at: ['lost', 3], nameless: true }, OLD], ['d-u'], { u: null, old: 'altered' }],
  [
    'an unknown write of the old side may not stand where the new side wrote',
    [{ w: 'u', outcome: 'unknown', at: ['lost', 7], nameless: true }, NEW],
    ['d-u'],
    { u: null, new: 'altered' },
  ],
  ['an unknown delete that is in no whole log never happened', [OLD, { w: 'u', kind: 'delete', outcome: 'unknown' }], [], { old: 'missing', u: null }],
  ['in no log, ordered by acknowledgement', [{ w: 'a' }, { w: 'b' }], ['d-b'], { a: 'superseded', b: 'present' }],
  [
    'in no log and overlapping: one in place is enough',
    [
      { w: 'a', sent: 1, replied: 5 },
      { w: 'b', sent: 2, replied: 4 },
    ],
    ['d-a'],
    { a: 'present', b: 'superseded' },
  ],
  [
    'in no log, overlapping, none in place: one bad row',
    [
      { w: 'a', sent: 1, replied: 5 },
      { w: 'b', sent: 2, replied: 4 },
    ],
    [],
    { a: 'superseded', b: 'missing' },
  ],
  [
    'the new side answered first, its log decides all the same',
    [
      { ...NEW, sent: 1 },
      { ...OLD, sent: 3 },
    ],
    ['d-new'],
    { new: 'present', old: 'superseded' },
  ],
  ['adds are not judged yet', [{ w: 'a', kind: 'add', at: ['shared', 1] }], ['d-a'], { a: 'unknown' }],
])('%s', (_, writes, rows, expected) => {
  expect(fates(judge(writes, rows))).toEqual(expected);
});

test('under old-wins the old side is the debtor, and clients may go on from its recovered state', () => {
  expect(fates(judge([OLD, NEW], ['d-new'], { rule: 'old-wins' }))).toEqual({ old: 'altered', new: 'superseded' });
  expect(fates(judge([OLD, NEW], ['d-old'], { rule: 'old-wins' }))).toEqual({ old: 'present', new: 'superseded' });
  const later: W = { w: 'later', at: ['new', 20] };
  expect(fates(judge([OLD, NEW, later], ['d-later'], { rule: 'old-wins', recoveredAt: () => 15 }))).toEqual({
    old: 'superseded',
    new: 'superseded',
    later: 'present',
  });
});

test('an unknown delete excuses an absent row only where a log may hold it after the debtor', () => {
  const writes: W[] = [OLD, { w: 'u', kind: 'delete', outcome: 'unknown' }];
  expect(fates(judge(writes, [], { deletes: [lostAt(8)] }))).toEqual({ old: 'superseded', u: null });
  expect(fates(judge(writes, [], { deletes: [lostAt(2)] }))).toEqual({ old: 'missing', u: null });
  expect(fates(judge(writes, [], { logsWhole: false }))).toEqual({ old: 'superseded', u: null });
});

test('a final state that could not be read leaves the debtor unknown, with the reason', () => {
  const lines = judge([BASE, OLD], 'the table is gone');
  expect(fates(lines)).toEqual({ base: 'superseded', old: 'unknown' });
  expect(lines.get('old')!.note).toBe('the table is gone');
});

test('logs and acknowledgements that contradict each other are unknown, not a guess', () => {
  const lines = judge(
    [
      { w: 'a', at: ['new', 1], sent: 1, replied: 2 },
      { w: 'b', at: ['new', 2], sent: 0, replied: 0.5 },
      { w: 'loose', sent: 3, replied: 4 },
      { w: 'c', at: ['lost', 1], sent: 6, replied: 7 },
    ],
    ['d-b'],
  );
  expect([...lines.values()].every((l) => l.fate === 'unknown')).toBe(true);
});

const attempt = (n: number, outcome: WriteOutcome): LedgerAttempt => ({
  writeId: 'w',
  attempt: n,
  kind: 'insert',
  table: 'drill.orders',
  key: 'w',
  digest: 'd',
  intendedNs: BigInt(n),
  sentNs: BigInt(n),
  repliedNs: outcome === 'unknown' ? undefined : BigInt(n + 1),
  outcome,
  matched: outcome === 'acked' ? 1 : undefined,
  changed: undefined,
  serverUuid: undefined,
  gtid: undefined,
  error: undefined,
});
function run(attempts: LedgerAttempt[], rows: string[]): unknown {
  const places = { ofGtid: () => undefined, ofWriteId: () => undefined, deletesOf: () => [] };
  return [...fatesOf({ attempts, places, final: () => ({ rows }), rule: 'new-wins', recoveredAt: () => null, logsWhole: true })].map((l) => [
    l.outcome,
    l.fate,
  ]);
}

test('a retry counts as one write, from its first attempt that may have taken effect', () => {
  expect(run([attempt(1, 'unknown'), attempt(2, 'acked')], ['d'])).toEqual([['acked', 'present']]);
  expect(run([attempt(1, 'unknown'), attempt(2, 'failed')], ['d'])).toEqual([['unknown', null]]);
  expect(run([attempt(1, 'failed'), attempt(2, 'failed')], [])).toEqual([['failed', null]]);
});

/** A history of one key that really happened, under new-wins: shared writes, then each side's. */
const history = fc.record({
  shared: fc.array(fc.constantFrom<WriteKind>('set', 'delete'), { maxLength: 3 }),
  lost: fc.array(fc.constantFrom<WriteKind>('set', 'delete'), { maxLength: 3 }),
  fresh: fc.array(fc.constantFrom<WriteKind>('set', 'delete'), { maxLength: 3 }),
});
const writesOf = (h: { shared: WriteKind[]; lost: WriteKind[]; fresh: WriteKind[] }): W[] => [
  ...h.shared.map((kind, i): W => ({ w: `s${i}`, kind, at: ['shared', i] })),
  ...h.lost.map((kind, i): W => ({ w: `l${i}`, kind, at: ['lost', h.shared.length + i] })),
  ...h.fresh.map((kind, i): W => ({ w: `n${i}`, kind, at: ['new', h.shared.length + i] })),
];

test('after a right recovery no write is bad, and exactly one is present', () => {
  fc.assert(
    fc.property(history, (h) => {
      const writes = writesOf(h);
      fc.pre(writes.length > 0);
      const last = writes.at(-1)!;
      const found = Object.values(fates(judge(writes, last.kind === 'delete' ? [] : [`d-${last.w}`])));
      expect(found.filter((f) => f === 'present')).toHaveLength(1);
      expect(found.every((f) => f === 'present' || f === 'superseded')).toBe(true);
    }),
  );
});

test('any other final state makes exactly one write bad: the last one in order', () => {
  fc.assert(
    fc.property(history, fc.nat(), (h, pick) => {
      const writes = writesOf(h);
      fc.pre(writes.length > 0);
      const last = writes.at(-1)!;
      const states = [[], ...writes.map((w) => [`d-${w.w}`]), ['d-stranger']].filter(
        (s) => JSON.stringify(s) !== JSON.stringify(last.kind === 'delete' ? [] : [`d-${last.w}`]),
      );
      const found = fates(judge(writes, states[pick % states.length]!));
      expect(Object.entries(found).filter(([, f]) => f === 'missing' || f === 'altered')).toEqual([[last.w, expect.anything()]]);
    }),
  );
});
