import * as fc from 'fast-check';
import { uuidBytes } from '../../../core/gtid-bytes.ts';
import { GtidSet, GtidSetBuilder } from '../../../core/gtid.ts';

const A = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const B = '5d88ddb6-cff5-11e8-b0a3-02fc00000001';
const SOURCES = [A, `${A}:tag`, B, `${B}:other_1`];

/** A set as plain strings, the model that the real one must equal. */
const model = fc
  .array(fc.tuple(fc.constantFrom(...SOURCES), fc.integer({ min: 1, max: 30 })), { maxLength: 60 })
  .map((l) => new Set(l.map(([s, n]) => `${s}:${n}`)));
const setOf = (m: Iterable<string>) => GtidSet.of(m);
const flat = (s: GtidSet) => [...s.gtids()].sort();
const both = (m: Set<string>, o: Set<string>, keep: (g: string) => boolean) => [...new Set([...m, ...o])].filter(keep).sort();

test('the set algebra agrees with plain sets of GTIDs', () => {
  fc.assert(
    fc.property(model, model, (a, b) => {
      const [x, y] = [setOf(a), setOf(b)];
      expect(flat(x.union(y))).toEqual(both(a, b, () => true));
      expect(flat(x.subtract(y))).toEqual(both(a, b, (g) => a.has(g) && !b.has(g)));
      expect(flat(x.intersect(y))).toEqual(both(a, b, (g) => a.has(g) && b.has(g)));
      expect(x.contains(y)).toBe([...b].every((g) => a.has(g)));
      expect(x.count()).toBe(a.size);
      expect(x.isEmpty()).toBe(a.size === 0);
      for (const g of b) expect(x.has(g)).toBe(a.has(g));
    }),
  );
});

test('a builder holds what was added in any order, and knows what was there', () => {
  const step = fc.tuple(fc.constantFrom(A, B), fc.constantFrom('', 'tag', 'tag2'), fc.integer({ min: 1, max: 40 }));
  fc.assert(
    fc.property(model, fc.array(step, { maxLength: 200 }), (start, steps) => {
      const builder = new GtidSetBuilder();
      builder.addSet(setOf(start));
      const seen = new Set(start);
      for (const [uuid, tag, n] of steps) {
        const gtid = `${uuid}${tag === '' ? '' : `:${tag}`}:${n}`;
        // a buffer that is used again, as a reader's is
        const buf = Buffer.concat([Buffer.from('xyz'), uuidBytes(uuid)]);
        expect(builder.add(buf, tag, n, 3)).toBe(!seen.has(gtid));
        buf.fill(0);
        seen.add(gtid);
      }
      expect(builder.build().toString()).toBe(setOf(seen).toString());
    }),
  );
});

test('the binary form is read again, and any damage to it is refused by name', () => {
  fc.assert(
    fc.property(model, fc.nat(), fc.integer({ min: 1, max: 255 }), (m, at, flip) => {
      const set = setOf(m);
      const bytes = set.toBytes();
      expect(GtidSet.fromBytes(Buffer.concat([Buffer.from('ab'), bytes, Buffer.from('c')]), 2, 2 + bytes.length).equals(set)).toBe(true);
      const refusal = expect.objectContaining({ code: expect.stringMatching(/^DRILL_GTID_(INVALID|TOO_LARGE)$/) });
      for (const cut of [bytes.subarray(0, at % bytes.length), Buffer.concat([bytes, Buffer.from([0])])]) expect(() => GtidSet.fromBytes(cut)).toThrow(refusal);
      bytes[at % bytes.length]! ^= flip;
      try {
        GtidSet.fromBytes(bytes);
      } catch (e) {
        expect(e).toEqual(refusal);
      }
    }),
  );
});

test('intervals that touch are no binary form that a server writes', () => {
  const bytes = Buffer.from(GtidSet.parse(`${A}:1-3:5-7`).toBytes());
  expect(bytes.readBigUInt64LE(48)).toBe(5n);
  bytes.writeBigUInt64LE(4n, 48);
  expect(() => GtidSet.fromBytes(bytes)).toThrow(expect.objectContaining({ code: 'DRILL_GTID_INVALID' }));
});

test('what is printed is read again, and equal sets print equally', () => {
  fc.assert(
    fc.property(model, (m) => {
      const set = setOf(m);
      expect(GtidSet.parse(set.toString()).equals(set)).toBe(true);
      expect(setOf([...m].reverse()).toString()).toBe(set.toString());
    }),
  );
});

test.each([
  ['', ''],
  [` ${A.toUpperCase()}:1-3:5 ,\n${B}:7`, `${A}:1-3:5,${B}:7`],
  [`${A}:3:1-2:4-4`, `${A}:1-4`],
  [`${A}:1-3,${A}:2-9`, `${A}:1-9`],
  [`${A}:1-3:tag:8-20:other:9,${A}:Tag:21`, `${A}:1-3:other:9:tag:8-21`],
  [`${A}:tag:1`, `${A}:tag:1`],
])('%j is %j', (text, canonical) => {
  expect(GtidSet.parse(text).toString()).toBe(canonical);
});

test('numbers that a double cannot hold are refused by name', () => {
  const tooLarge = expect.objectContaining({ code: 'DRILL_GTID_TOO_LARGE' });
  const bytes = GtidSet.parse(`${A}:${Number.MAX_SAFE_INTEGER}`).toBytes();
  expect(GtidSet.fromBytes(bytes).toString()).toBe(`${A}:${Number.MAX_SAFE_INTEGER}`);
  bytes[bytes.length - 8]!++;
  expect(() => GtidSet.fromBytes(bytes)).toThrow(tooLarge);
  expect(() => GtidSet.parse(`${A}:9007199254740992`)).toThrow(tooLarge);
  expect(() => GtidSet.parse(`${A}:9223372036854775807`)).toThrow(expect.objectContaining({ code: 'DRILL_GTID_INVALID' }));
});

test.each([
  ['x:1'],
  [A],
  [`${A}:`],
  [`${A}:0`],
  [`${A}:5-3`],
  [`${A}:tag`],
  [`${A}:tag:other:1`],
  [`${A}:-3`],
  [`${A}:1;DROP`],
  [`${A}:1 2`],
  [`${A}:1-2-3`],
  [`${A.slice(0, 8)}-${A.slice(9).replaceAll('-', '')}:1`],
])('%j is refused with its code', (text) => {
  expect(() => GtidSet.parse(text)).toThrow(expect.objectContaining({ code: 'DRILL_GTID_INVALID' }));
});

describe('MariaDB', () => {
  test.each(['0-1:1-9', '0-1:1-3:7,0-2:4-6', '4294967295-4294967295:9007199254740991'])('%s reads back', (text) => {
    expect(GtidSet.parse(text).toString()).toBe(text);
  });

  test.each(['0-1', '0-1-9', '0-1:tag:3', '00-1:3', '0-1:0'])('"%s" is no set', (text) => {
    expect(() => GtidSet.parse(text)).toThrow(expect.objectContaining({ code: 'DRILL_GTID_INVALID' }));
  });

  test('single GTIDs', () => {
    const set = GtidSet.of(['0-1-9', '0-2-9', '0-1-10']);
    expect(set.toString()).toBe('0-1:9-10,0-2:9');
    expect([set.has('0-1-10'), set.has('0-2-10'), set.has('1-1-9')]).toEqual([true, false, false]);
    expect([...set.gtids()]).toEqual(['0-1-9', '0-1-10', '0-2-9']);
    expect(() => set.has('0-1')).toThrow(expect.objectContaining({ code: 'DRILL_GTID_INVALID' }));
  });

  test('how far one is beyond another: the last number of a server, whole sets of a UUID', () => {
    const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
    expect(GtidSet.parse('0-1:1-9').beyond(GtidSet.parse('0-1:1-3:7-12')).toString()).toBe('');
    expect(GtidSet.parse('0-1:1-9,0-2:1-5').beyond(GtidSet.parse('0-1:1-8')).toString()).toBe('0-1:9,0-2:5');
    expect(
      GtidSet.parse(`${uuid}:1-9`)
        .beyond(GtidSet.parse(`${uuid}:1-3:9`))
        .toString(),
    ).toBe(`${uuid}:4-8`);
  });
});

test('a set has names of MySQL’s or of MariaDB’s, never both', () => {
  expect(GtidSet.parse('17-27:25').toString()).toBe('17-27:25');
  expect(() => GtidSet.parse('3e11fa47-71ca-11e1-9e33-c80aa9429563:6,17-27:25')).toThrow(expect.objectContaining({ code: 'DRILL_GTID_INVALID' }) as Error);
});
