/** Rows found in wire bytes by their headers, however the bytes are cut. */
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { Reach } from '../../../targets/systems/mysql/compare/reach.ts';
import type { RawDifference } from '../../../targets/systems/mysql/compare/reach.ts';
import { Carry, Walker } from '../../../targets/systems/mysql/compare/walker.ts';

const LENGTH_MAX = 0xff_ff_ff;

/** A message in packets, numbered from `seq`. */
function packets(payload: Uint8Array, seq: number): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; ; at += LENGTH_MAX) {
    const part = payload.subarray(at, at + LENGTH_MAX);
    const header = Buffer.alloc(4);
    header.writeUIntLE(part.length, 0, 3);
    header[3] = (seq + parts.length / 2) & 0xff;
    parts.push(header, Buffer.from(part));
    if (part.length < LENGTH_MAX) return parts;
  }
}

const EOF = Uint8Array.of(0xfe, 0, 0, 2, 0);

function stream(rows: readonly Uint8Array[], seq = 7): Buffer {
  const parts: Buffer[] = [];
  for (const row of [...rows, EOF]) parts.push(...packets(row, seq + parts.length / 2));
  return Buffer.concat(parts);
}

/** Walks pieces between the cuts as the comparison does; gives what the carry holds at the end. */
function walk(walker: Walker, bytes: Uint8Array, cuts: readonly number[], step: (from: number, to: number) => void): Uint8Array {
  const carry = new Carry();
  const ends = [...new Set([...cuts.map((c) => c % bytes.length), bytes.length])].sort((a, b) => a - b);
  let from = 0;
  for (const to of ends) {
    if (walker.over) break;
    step(from, to);
    if (walker.whole >= 0) carry.clear();
    carry.add(bytes, walker.whole >= 0 ? walker.whole : from, to);
    from = to;
  }
  return carry.copy();
}

const row = fc.uint8Array({ minLength: 1, maxLength: 40 }).filter((r) => r[0]! < 0xfe);

test('rows are counted, the last packet is found, and what is not whole is carried, however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 30 }), fc.array(fc.nat(), { maxLength: 12 }), (rows, cuts) => {
      const bytes = stream(rows);
      const walker = new Walker();
      const carried = walk(walker, bytes, cuts, (from, to) => walker.walk(bytes, from, to));
      expect([walker.rows, walker.over]).toEqual([rows.length, true]);
      // a run may end inside the last packet, behind its first byte
      expect(Buffer.compare(carried, bytes.subarray(bytes.length - 9, bytes.length - 9 + carried.length))).toBe(0);
    }),
  );
});

test('numbers are shifted in every header, and taken back', () => {
  fc.assert(
    fc.property(
      fc.array(row, { minLength: 1, maxLength: 30 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      fc.integer({ min: 1, max: 255 }),
      (rows, cuts, shift) => {
        const bytes = stream(rows);
        const before = Buffer.from(bytes);
        const wanted = stream(rows, 7 + shift);
        const walker = new Walker();
        walker.begin(shift);
        const last = bytes.length - 9;
        const ends = [...new Set([...cuts.map((c) => c % last), last])].sort((a, b) => a - b);
        let from = 0;
        for (const to of ends) {
          walker.renumber(bytes, from, to);
          expect(Buffer.compare(bytes.subarray(from, to), wanted.subarray(from, to))).toBe(0);
          walker.undo(bytes, from, to);
          expect(Buffer.compare(bytes.subarray(from, to), before.subarray(from, to))).toBe(0);
          walker.renumber(bytes, from, to);
          from = to;
        }
      },
    ),
  );
});

test('a row of more than one packet is one row', () => {
  for (const length of [LENGTH_MAX - 1, LENGTH_MAX, LENGTH_MAX + 1]) {
    const bytes = stream([Uint8Array.of(1), new Uint8Array(length).fill(0xff, 1), Uint8Array.of(2)]);
    for (const cuts of [[], [3, 9, LENGTH_MAX + 7, LENGTH_MAX + 11]]) {
      const walker = new Walker();
      walk(walker, bytes, cuts, (from, to) => walker.walk(bytes, from, to));
      expect([walker.rows, walker.over]).toEqual([3, true]);
    }
  }
});

test('rows around a difference: what has a key on some servers only, and what differs under it', () => {
  const value = fc.nat({ max: 2 });
  const table = fc.uniqueArray(fc.tuple(fc.nat({ max: 12 }), value), { selector: ([k]) => k }).map((t) => t.sort((a, b) => a[0] - b[0]));
  fc.assert(
    fc.property(fc.array(table, { minLength: 2, maxLength: 3 }), (tables) => {
      const reach = new Reach(tables.length, 1);
      const told: RawDifference[] = [];
      for (let i = 0; i < 13; i++)
        for (const [n, t] of tables.entries()) if (t[i]) reach.add(n, Uint8Array.of(1, 65 + t[i]![0], 1, t[i]![1]), (d) => void told.push(d));
      reach.rest((d) => void told.push(d));
      const keys = [...new Set(tables.flatMap((t) => t.map(([k]) => k)))];
      const differing = keys.filter((k) => new Set(tables.map((t) => t.find(([key]) => key === k)?.[1])).size > 1);
      expect(told.map((d) => d.key[0]![0]! - 65).sort((x, y) => x - y)).toEqual(differing.sort((x, y) => x - y));
      for (const d of told) expect(d.nodes.map((n) => n !== null)).toEqual(tables.map((t) => t.some(([k]) => k === d.key[0]![0]! - 65)));
    }),
  );
});
