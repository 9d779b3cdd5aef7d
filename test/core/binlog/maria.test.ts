import { MariaPosition, MariaState, parseMariaGtids } from '../../../core/binlog/maria.ts';

test('a position knows how far each domain is, and prints as the server does', () => {
  const position = MariaPosition.parse(' 1-2-7, 0-1-5');
  expect(position.toString()).toBe('0-1-5,1-2-7');
  expect(position.contains({ domain: 0, server: 9, seq: 5 })).toBe(true);
  expect(position.contains({ domain: 0, server: 1, seq: 6 })).toBe(false);
  expect(position.contains({ domain: 2, server: 1, seq: 0 })).toBe(false);
  const further = position.advance({ domain: 0, server: 3, seq: 6 });
  expect([further.toString(), position.toString()]).toEqual(['0-3-6,1-2-7', '0-1-5,1-2-7']);
  expect(MariaPosition.parse('').equals(MariaPosition.empty)).toBe(true);
});

test('a state remembers every server; the one that wrote last stands last, and is the position', () => {
  const state = MariaState.of(parseMariaGtids('0-1-14,0-2-13,5-1-2'));
  expect(state.position().toString()).toBe('0-2-13,5-1-2');
  expect(state.advance(0, 2, 14)).toBe(true);
  expect(state.contains({ domain: 0, server: 1, seq: 14 })).toBe(true);
  expect(state.contains({ domain: 0, server: 2, seq: 15 })).toBe(false);
  // the number was given before: no server in strict mode writes it
  expect(state.advance(0, 1, 14)).toBe(false);
  expect(state.toString()).toBe('0-2-14,0-1-14,5-1-2');
  expect(MariaState.parse('0-1-14,5-1-2,0-2-13').position().toString()).toBe('0-1-14,5-1-2');
});

test.each([
  ['0-1', 'DRILL_GTID_INVALID'],
  ['0-1-5,', 'DRILL_GTID_INVALID'],
  ['0-1-5,0-2-6', 'DRILL_GTID_INVALID'],
  ['4294967296-1-5', 'DRILL_GTID_INVALID'],
  ['0-4294967296-5', 'DRILL_GTID_INVALID'],
  ['0-1-18446744073709551616', 'DRILL_GTID_INVALID'],
  ['0-1-9007199254740992', 'DRILL_GTID_TOO_LARGE'],
  ['3e11fa47-71ca-11e1-9e33-c80aa9429562:1', 'DRILL_GTID_INVALID'],
])('%j is refused: %s', (text, code) => {
  expect(() => MariaPosition.parse(text)).toThrow(expect.objectContaining({ code }));
});

test('a list keeps its order', () => {
  expect(parseMariaGtids('1-2-3,0-0-0')).toEqual([
    { domain: 1, server: 2, seq: 3 },
    { domain: 0, server: 0, seq: 0 },
  ]);
});
