/** The rule by which a difference between nodes is one, or the same row at two moments. */
import { expect, test } from '@jest/globals';
import { settle } from '../../../activities/reconcile/converge-settle.ts';
import type { Touch } from '../../../activities/reconcile/converge-window.ts';

const row = (...cells: (string | null)[]) => cells;
const full = (before: (string | null)[] | null, after: (string | null)[] | null): Touch => ({ before, after });
/** As MINIMAL writes an update: the key, then what has changed. */
const minimal = (...after: (string | undefined)[]): Touch => ({ before: ['1', undefined, undefined], after: [undefined, ...after] });

test('a key that nobody touched differs', () => {
  expect(settle([row('1', 'a'), row('1', 'b')], [])).toBe('real');
  expect(settle([row('1', 'a'), null], [])).toBe('real');
});

test('with whole images each node must have one of the states', () => {
  const touches = [full(['1', 'a'], ['1', 'b']), full(['1', 'b'], ['1', 'c'])];
  for (const state of ['a', 'b', 'c']) expect(settle([row('1', 'c'), row('1', state)], touches)).toBe('settled');
  expect(settle([row('1', 'c'), row('1', 'x')], touches)).toBe('real');
  expect(settle([row('1', 'x'), row('1', 'c')], touches)).toBe('real');
  expect(settle([row('1', 'c'), null], touches)).toBe('real');
  expect(settle([row('1', null), row('1', 'c')], [full(['1', 'c'], ['1', null])])).toBe('settled');
});

test('absence is a state before an insert and after a delete', () => {
  expect(settle([row('1', 'a'), null], [full(null, ['1', 'a'])])).toBe('settled');
  expect(settle([null, row('1', 'a')], [full(['1', 'a'], null)])).toBe('settled');
  expect(settle([null, row('1', 'b')], [full(['1', 'a'], null)])).toBe('real');
  // deleted and written anew: what was before is no base of what is after
  expect(settle([row('1', 'b', 'z'), row('1', 'b', 'y')], [full(['1', 'a', 'y'], null), full(null, ['1', 'b', 'z'])])).toBe('real');
});

test('columns that no image has are compared directly', () => {
  const hot = [minimal('5', undefined), minimal('6', undefined), minimal('7', undefined)];
  expect(settle([row('1', '7', 'same'), row('1', '6', 'same')], hot)).toBe('settled');
  expect(settle([row('1', '7', 'same'), row('1', '6', 'planted')], hot)).toBe('real');
});

test('a column that a later image has is not known before it', () => {
  const touches = [minimal('5', undefined), minimal(undefined, 'new')];
  // the state before has an unknown second column: 4 may have been it
  expect(settle([row('1', '5', 'new'), row('1', '4', 'old')], touches)).toBe('open');
  expect(settle([row('1', '5', 'new'), row('1', '5', 'old')], touches)).toBe('open');
  expect(settle([row('1', '5', 'new'), row('1', '5', 'new')], touches)).toBe('settled');
  // the source has no row any more: nothing to compare with
  expect(settle([null, row('1', '5', 'old')], [minimal('5', undefined), { before: ['1', undefined, undefined], after: null }])).toBe('open');
});
