import { expect, test } from '@jest/globals';
import { clock, count, duration, inert, limit, list, moment, plural, utc } from '../../../core/report/text.ts';

test.each([
  [0, '0 s'],
  [0.4, '0.4 ms'],
  [21, '21 ms'],
  [999.4, '999 ms'],
  [999.6, '1.0 s'],
  [9_400, '9.4 s'],
  [71_300, '71.3 s'],
  [119_949, '119.9 s'],
  [119_951, '2 min'],
  [125_000, '2 min 5 s'],
  [3_599_600, '1 h'],
  [5_040_000, '1 h 24 min'],
  [87_060_000, '24 h 11 min'],
  [-3_000, '−3.0 s'],
])('%d ms reads %s', (ms, says) => expect(duration(ms)).toBe(says));

test.each([
  [500, '500 ms'],
  [30_000, '30 s'],
  [90_000, '90 s'],
  [60_000, '1 min'],
  [300_000, '5 min'],
  [3_600_000, '1 h'],
])('a limit of %d ms reads %s', (ms, says) => expect(limit(ms)).toBe(says));

test.each([
  [0, '0:00.0'],
  [37_249, '0:37.2'],
  [71_300, '1:11.3'],
  [3_731_000, '1:02:11.0'],
])('the clock at %d ms shows %s', (ms, says) => expect(clock(ms)).toBe(says));

test('counts, plurals, lists, instants', () => {
  expect([count(4893), count(1_000_000), plural(1, 'write'), plural(545, 'write'), list(['a', 'b', 'c'])]).toEqual([
    '4,893',
    '1,000,000',
    '1 write',
    '545 writes',
    'a, b and c',
  ]);
  expect([moment(12_000), moment(-3_000), utc(Date.UTC(2026, 10, 2, 4, 3, 7))]).toEqual(['T+12.0 s', 'T−3.0 s', '2 Nov 2026 04:03:07 UTC']);
});

test.each([
  ['\u001b[2J', '‹U+001B›[2J'],
  ['\u009b31m', '‹U+009B›31m'],
  ['a\u0007b', 'a‹U+0007›b'],
  ['one\r\ntwo\tthree', 'one two three'],
  ['\u202eevil', '‹U+202E›evil'],
  ['zero\u200bwidth', 'zero‹U+200B›width'],
  ['\ud800', '‹U+D800›'],
  ['db1 – “ø” 漢字 👍', 'db1 – “ø” 漢字 👍'],
])('%j becomes %j', (text, says) => expect(inert(text)).toBe(says));
