import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { CHAIN_START, chainLine } from '../../core/history.ts';
import { ChainReader, foldAttempts, type LedgerRecord } from '../../core/ledger.ts';

type Body = Record<string, unknown>;

function chained(bodies: Body[]): { bytes: Uint8Array; head: string } {
  let head = CHAIN_START;
  let text = '';
  for (const [i, body] of bodies.entries()) {
    const { line, digest } = chainLine(i + 1, head, body);
    text += line;
    head = digest;
  }
  return { bytes: new TextEncoder().encode(text), head };
}

/** All records of the bytes, handed over in pieces of the given sizes. */
function read(bytes: Uint8Array, sizes: number[]): { records: Body[]; reader: ChainReader<never> } {
  const reader = new ChainReader<never>('ledger');
  const records: Body[] = [];
  for (let at = 0, i = 0; at < bytes.length; i += 1) {
    const size = sizes[i % sizes.length] ?? bytes.length;
    records.push(...(reader.push(bytes.subarray(at, at + size)) as Body[]));
    at += size;
  }
  return { records, reader };
}

describe('ChainReader', () => {
  const bodies = fc.array(fc.record({ e: fc.constant('x'), text: fc.string({ unit: 'grapheme' }) }), { maxLength: 20 });
  const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 });

  test('however the bytes are cut, the same records come out, and the head is the writer’s', () => {
    fc.assert(
      fc.property(bodies, sizes, (list, cuts) => {
        const { bytes, head } = chained(list);
        const { records, reader } = read(bytes, cuts);
        expect(records).toMatchObject(list);
        expect(reader).toMatchObject({ head, lines: list.length, bytes: bytes.length, tornBytes: 0 });
      }),
    );
  });

  test('a torn last line is left out and measured', () => {
    fc.assert(
      fc.property(bodies, sizes, fc.nat(), (list, cuts, n) => {
        const whole = chained(list);
        const { bytes } = chained([...list, { e: 'last' }]);
        const torn = n % (bytes.length - whole.bytes.length);
        const { records, reader } = read(bytes.subarray(0, whole.bytes.length + torn), cuts);
        expect(records).toHaveLength(list.length);
        expect(reader).toMatchObject({ head: whole.head, bytes: whole.bytes.length, tornBytes: torn });
      }),
    );
  });

  test('one changed byte anywhere but in the last line is found', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ e: fc.constant('x'), text: fc.string() }), { minLength: 2, maxLength: 8 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (list, n, flip) => {
          const { bytes } = chained(list);
          const lastLine = bytes.lastIndexOf(0x0a, bytes.length - 2) + 1;
          const changed = Uint8Array.from(bytes);
          changed[n % lastLine]! ^= flip;
          expect(() => read(changed, [7])).toThrow(expect.objectContaining({ code: 'DRILL_CHAIN_BROKEN' }));
        },
      ),
    );
  });

  test.each([
    ['a line taken out', (lines: string[]) => lines.toSpliced(1, 1), 'line 2: number 3 where 2 belongs'],
    ['two lines exchanged', (lines: string[]) => [lines[1], lines[0], ...lines.slice(2)], 'line 1: number 2 where 1 belongs'],
    ['a line doubled', (lines: string[]) => lines.toSpliced(1, 0, lines[0]!), 'line 2: number 1 where 2 belongs'],
    ['an empty line', (lines: string[]) => lines.toSpliced(1, 0, ''), 'line 2: not JSON'],
  ])('%s', (_, harm, says) => {
    const lines = new TextDecoder().decode(chained([{ e: 'a' }, { e: 'b' }, { e: 'c' }]).bytes).split('\n');
    expect(() => read(new TextEncoder().encode(harm(lines).join('\n')), [1000])).toThrow(says);
  });
});

const intent = (w: string, a = 1) => ({ e: 'intent', w, a, k: 'insert', t: 'drill.orders', key: w, d: 'digest', i: '5', s: '7' });
const reply = (w: string, o: string, a = 1) => ({ e: 'reply', w, a, o, r: '9', m: 1, c: 1, u: 'uuid', g: 'uuid:1' });

describe('foldAttempts', () => {
  const open = { e: 'open', version: 1, drillId: 'd', boot: 'b', wallMs: 0, monoNs: '0', rate: 1, concurrency: 1, payloadBytes: 1 };
  const fold = (bodies: Body[]) =>
    [...foldAttempts(bodies.map((b, i) => ({ n: i + 1, prev: '', ...b }) as unknown as LedgerRecord))].map((a) => `${a.writeId}#${a.attempt} ${a.outcome}`);

  test.each<[string, Body[], string[]]>([
    ['intent and reply', [open, intent('a'), reply('a', 'acked')], ['a#1 acked']],
    ['in the order of replies', [intent('a'), intent('b'), reply('b', 'acked'), reply('a', 'failed')], ['b#1 acked', 'a#1 failed']],
    ['an intent without a reply', [intent('a')], ['a#1 unknown']],
    ['the writer died in between', [open, intent('a'), open, intent('b'), reply('b', 'acked')], ['a#1 unknown', 'b#1 acked']],
    ['a retry', [intent('a'), reply('a', 'unknown'), intent('a', 2), reply('a', 'acked', 2)], ['a#1 unknown', 'a#2 acked']],
    ['phases and the end say nothing of writes', [open, { e: 'phase', phase: 'isolated', r: '1' }, { e: 'close', r: '2', writes: 0 }], []],
  ])('%s', (_, bodies, outcome) => {
    expect(fold(bodies)).toEqual(outcome);
  });

  test.each<[string, Body[]]>([
    ['a reply without an intent', [reply('a', 'acked')]],
    ['two replies', [intent('a'), reply('a', 'acked'), reply('a', 'acked')]],
    ['two intents of one attempt', [intent('a'), intent('a')]],
    ['a reply after the writer that waited for it died', [open, intent('a'), open, reply('a', 'acked')]],
  ])('refused: %s', (_, bodies) => {
    expect(() => fold(bodies)).toThrow(expect.objectContaining({ code: 'DRILL_LEDGER_INCONSISTENT' }));
  });

  test('all fields are joined', () => {
    const [attempt] = foldAttempts([intent('a'), reply('a', 'acked')] as unknown as LedgerRecord[]);
    expect(attempt).toEqual({
      writeId: 'a',
      attempt: 1,
      kind: 'insert',
      table: 'drill.orders',
      key: 'a',
      digest: 'digest',
      intendedNs: 5n,
      sentNs: 7n,
      repliedNs: 9n,
      outcome: 'acked',
      matched: 1,
      changed: 1,
      serverUuid: 'uuid',
      gtid: 'uuid:1',
      error: undefined,
    });
  });
});
