import { Judge } from '../../targets/platforms/local/judge.ts';
import type { Transition } from '../../targets/platforms/local/judge.ts';

const MS = 1e6;

/** Plays a link: a datagram every 10 ms, the receiver alive every 30 ms unless `stall` says otherwise. Returns the transitions in ms. */
function play(o: {
  untilMs: number;
  lost: (ms: number) => boolean;
  sent?: (ms: number) => boolean;
  stall?: (ms: number) => boolean;
  delivered?: (ms: number) => boolean;
}): [string, number, number][] {
  const seen: Transition[] = [];
  const judge = new Judge((t) => seen.push(t));
  let seq = 0;
  for (let ms = 1000; ms <= o.untilMs; ms += 10) {
    if (o.sent?.(ms) ?? true) {
      judge.sent(seq, ms * MS);
      if (!o.lost(ms)) judge.got(seq);
    }
    seq++;
    if (ms % 30 === 0 && !o.stall?.(ms)) judge.alive(ms * MS);
  }
  return seen.map((t) => [t.to, t.absentNs / MS, t.presentNs / MS]);
}

const between = (a: number, b: number) => (ms: number) => ms >= a && ms < b;

test.each<[string, Parameters<typeof play>[0], [string, number, number][]]>([
  ['nothing lost', { untilMs: 3000, lost: () => false }, []],
  [
    'a cut and its heal',
    { untilMs: 3000, lost: between(1500, 2000) },
    [
      ['lost', 1490, 1500],
      ['ok', 1990, 2000],
    ],
  ],
  ['one datagram lost is bad luck', { untilMs: 3000, lost: between(1500, 1510) }, []],
  ['a cut that has not ended', { untilMs: 3000, lost: between(1500, 9999) }, [['lost', 1490, 1500]]],
  ['a stalled sender sends nothing: no cut', { untilMs: 3000, lost: () => false, sent: (ms) => !between(1500, 2200)(ms) }, []],
  ['a stalled receiver that then reads everything: no cut', { untilMs: 3000, lost: () => false, stall: between(1500, 2400) }, []],
  ['a stalled receiver whose socket overflowed: not judged', { untilMs: 3000, lost: between(1900, 2300), stall: between(1500, 2400) }, []],
  ['lost but the receiver says nothing more: not judged', { untilMs: 3000, lost: between(1500, 9999), stall: between(1500, 9999) }, []],
  ['a link down at the sender sends nothing: no transition', { untilMs: 3000, lost: between(1500, 9999), sent: (ms) => ms < 1500 }, []],
])('%s', (_name, link, expected) => {
  expect(play(link)).toEqual(expected);
});

test('never open before: lost without a transition, since no probe saw it open', () => {
  expect(play({ untilMs: 2000, lost: () => true })).toEqual([]);
  expect(play({ untilMs: 3000, lost: (ms) => ms < 2000 })).toEqual([['ok', 1990, 2000]]);
});

test('a datagram that arrives after it was judged lost proves nothing', () => {
  const seen: Transition[] = [];
  const judge = new Judge((t) => seen.push(t));
  for (let seq = 0; seq < 4; seq++) judge.sent(seq, seq * 10 * MS);
  judge.got(0);
  judge.alive(200 * MS);
  judge.got(1);
  judge.alive(210 * MS);
  expect(seen.map((t) => t.to)).toEqual(['lost']);
});
