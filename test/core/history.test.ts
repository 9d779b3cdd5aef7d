import * as fc from 'fast-check';
import { CHAIN_START, chainLine, parseChain } from '../../core/history.ts';

interface Line {
  n: number;
  prev: string;
  what?: string;
}

function chain(whats: string[]): string {
  let prev = CHAIN_START;
  return whats
    .map((what, i) => {
      const { line, digest } = chainLine(i + 1, prev, { what });
      prev = digest;
      return line;
    })
    .join('');
}
const TEXT = chain(['partition', 'kill', 'promote', 'fence']);
const broken = (text: string) => expect(() => parseChain<Line>(text, 'history.jsonl'));

test('what was written is read, with the head to go on from', () => {
  const { lines, torn, head } = parseChain<Line>(TEXT, 'h');
  expect(lines.map((l) => l.what)).toEqual(['partition', 'kill', 'promote', 'fence']);
  expect(torn).toBe(false);
  expect(parseChain<Line>(TEXT + chainLine(5, head, { what: 'more' }).line, 'h').lines).toHaveLength(5);
});

test('nothing is an empty chain', () => expect(parseChain('', 'h')).toEqual({ lines: [], torn: false, head: CHAIN_START }));

test('a torn last line is left out and said', () => {
  const { lines, torn } = parseChain<Line>(TEXT.slice(0, -1), 'h');
  expect([lines.length, torn]).toEqual([3, true]);
});

describe('broken chains name their line', () => {
  const raw = TEXT.split('\n');
  test('a line removed', () => broken([raw[0], ...raw.slice(2)].join('\n')).toThrow('history.jsonl line 2: number 3 where 2 belongs'));
  test('the first line removed', () => broken(raw.slice(1).join('\n')).toThrow('line 1'));
  test('two lines swapped', () => broken([raw[1], raw[0], ...raw.slice(2)].join('\n')).toThrow('line 1'));
  test('a line twice', () => broken([raw[0], raw[0], ...raw.slice(1)].join('\n')).toThrow('line 2: number 1'));
  test('a word changed', () => broken(TEXT.replace('kill', 'heal')).toThrow('line 3: the digest of the line before does not fit'));
  test('renumbered after a removal', () =>
    broken(
      TEXT.replace(/^.*kill.*\n/m, '')
        .replace('"n":3', '"n":2')
        .replace('"n":4', '"n":3'),
    ).toThrow('line 2: the digest'));
  test('no JSON in the middle', () => broken(TEXT.replace('{"n":2', 'x{"n":2')).toThrow('line 2: not JSON'));
  test('an empty line', () => broken(TEXT.replace('\n', '\n\n')).toThrow('line 2: not JSON'));
});

test('no single bit can be changed without the head, the lines or an error telling', () => {
  const { head } = parseChain(TEXT, 'h');
  fc.assert(
    fc.property(fc.nat(TEXT.length - 1), fc.nat(6), (at, bit) => {
      const bytes = Buffer.from(TEXT);
      bytes[at] = bytes[at]! ^ (1 << bit);
      try {
        const read = parseChain<Line>(bytes.toString('utf8'), 'h');
        return read.torn || read.head !== head;
      } catch (e) {
        return (e as { code?: string }).code === 'DRILL_CHAIN_BROKEN';
      }
    }),
    { numRuns: 500 },
  );
});
