import { BinlogDamage } from '../../../core/binlog/finding.ts';
import { RowHasher } from '../../../core/binlog/hash.ts';
import type { KeyColumns, RowHash } from '../../../core/binlog/hash.ts';
import { ABSENT, NULL } from '../../../core/binlog/rows.ts';
import type { RowImage, RowsEvent } from '../../../core/binlog/rows.ts';
import { TableMaps } from '../../../core/binlog/table-map.ts';
import type { TableMap } from '../../../core/binlog/table-map.ts';
import { eventsOf, flavourOf, newCursor } from '../../support/rows-read.ts';

const LONG = 3;
const LONGLONG = 8;
const VARCHAR = 15;
const column = (type: number, meta = 0) => ({ type, meta }) as TableMap['columns'][number];
const tableOf = (...columns: TableMap['columns'][number][]): TableMap => ({
  id: 1,
  schema: 'd',
  table: 't',
  name: 'd.t',
  flavour: 'mysql',
  columns,
  primaryKey: [{ column: 0, prefix: 0 }],
});

/** An image of one byte of null bitmap and the given values, `shift` bytes into a buffer full of `around`. */
function imageOf(values: readonly (readonly number[] | null)[], options: { shift?: number; around?: number; padding?: number } = {}): RowImage {
  const { shift = 0, around = 0, padding = 0 } = options;
  const nulls = values.reduce((bits, v, i) => bits | (v === null ? 1 << i : 0), padding & (0xff << values.length) & 0xff);
  const bytes = values.flatMap((v) => v ?? []);
  const buf = new Uint8Array(shift + 1 + bytes.length + 32).fill(around);
  buf[shift] = nulls;
  buf.set(bytes, shift + 1);
  let pos = shift + 1;
  const at = Int32Array.from(values, (v) => {
    if (v === null) return NULL;
    pos += v.length;
    return pos - v.length;
  });
  return { buf, start: shift, values: shift + 1, end: shift + 1 + bytes.length, columns: values.length, shape: 0, at, patched: null };
}

/** An event of one row; each hashing of it by hashNow() is as of another event. */
const event = (table: TableMap, before: RowImage | null, after: RowImage | null): RowsEvent => ({
  table,
  op: 'update',
  offset: 0,
  seconds: 0,
  before,
  after,
  serial: 0,
  pos: 0,
  full: null,
  end: (after ?? before!).buf.length,
  next: () => false,
});
let serials = 1_000_000_000;
function hashNow(hasher: RowHasher, rows: RowsEvent): void {
  rows.serial = ++serials;
  hasher.hash(rows);
}
const image = (h: RowHash): string => `${h.high} ${h.low}`;
const key = (h: RowHash): string => `${h.keyHigh} ${h.keyLow}`;
const hashOf = (table: TableMap, of: RowImage, keys?: KeyColumns): { image: string; key: string } => {
  const hasher = new RowHasher(keys);
  hashNow(hasher, event(table, null, of));
  return { image: image(hasher.after), key: key(hasher.after) };
};
const int = (n: number): number[] => [n & 255, (n >> 8) & 255, (n >> 16) & 255, (n >>> 24) & 255];
const text = (s: string): number[] => [s.length, ...Buffer.from(s)];
const TABLE = tableOf(column(LONG), column(VARCHAR, 200));
const shaped = (shape: number) => hashOf(TABLE, { ...imageOf([int(5), null]), shape });
const second: KeyColumns = () => [1];

describe('the hash of an image', () => {
  it.each([0, 1, 2, 3, 4, 7, 8, 9, 12, 15, 16, 17, 31, 32, 33, 100, 200])(
    'of %i characters is of its bytes, not of where they stand or what is around them',
    (n) => {
      const values = [int(5), text('x'.repeat(n))];
      const right = hashOf(TABLE, imageOf(values));
      for (let shift = 0; shift < 17; shift++) for (const around of [0, 0xff]) expect(hashOf(TABLE, imageOf(values, { shift, around }))).toEqual(right);
    },
  );

  it('does not see what a server leaves in the unused bits of the null bitmap', () => {
    expect(hashOf(TABLE, imageOf([int(5), null], { padding: 0xff }))).toEqual(hashOf(TABLE, imageOf([int(5), null])));
    expect(hashOf(TABLE, imageOf([int(5), null])).image).not.toBe(hashOf(TABLE, imageOf([int(5), text('')])).image);
  });

  it('tells which of two equal values is NULL', () => {
    const two = tableOf(column(LONG), column(LONG), column(LONG));
    expect(hashOf(two, imageOf([int(1), int(2), null])).image).not.toBe(hashOf(two, imageOf([int(1), null, int(2)])).image);
  });

  it('tells which columns are in the image', () => {
    expect(shaped(1).image).not.toBe(shaped(3).image);
    expect(shaped(1).key).toBe(shaped(3).key);
  });

  it('any bit changes it, half of its bits on average', () => {
    for (const n of [1, 6, 11, 20, 64, 127]) {
      const values = [int(77), text('abcdefgh'.repeat(16).slice(0, n))];
      const right = hashOf(TABLE, imageOf(values)).image;
      let changed = 0;
      const { start, end } = imageOf(values);
      for (let bit = (start + 1) * 8; bit < end * 8; bit++) {
        const other = imageOf(values);
        other.buf[bit >> 3]! ^= 1 << (bit & 7);
        const distance = bitsBetween(right, hashOf(TABLE, other, () => null).image);
        expect(distance).toBeGreaterThan(8);
        changed += distance;
      }
      expect(changed / ((end - start - 1) * 8)).toBeGreaterThan(29);
      expect(changed / ((end - start - 1) * 8)).toBeLessThan(35);
    }
  });

  it('more columns than one word has bits', () => {
    const { tables, cursor } = opened('wide', 0);
    expect(tables).toBeDefined();
    cursor.next();
    const { table, after } = cursor;
    const right = hashOf(table, after!);
    for (const byte of [0, 10, 40, 74]) {
      const buf = Uint8Array.from(after!.buf);
      buf[after!.start + byte]! ^= 2;
      expect(hashOf(table, { ...after!, buf }).image).not.toBe(right.image);
    }
    const buf = Uint8Array.from(after!.buf);
    buf[after!.values - 1]! ^= 0x80;
    expect(hashOf(table, { ...after!, buf })).toEqual(right);
  });
});

describe('a million rows that differ little', () => {
  /** (int, int, char, char), as sysbench makes them: numbers that count up, text with one digit changed. */
  it('have a million hashes, and each half is as good as chance', () => {
    const N = 1_000_000;
    const table = tableOf(column(LONG), column(LONG), column(VARCHAR, 200), column(VARCHAR, 200));
    const row = imageOf([int(0), int(0), text('0'.repeat(119)), text('0'.repeat(59))]);
    const view = new DataView(row.buf.buffer);
    const hasher = new RowHasher();
    const rows = event(table, null, row);
    const whole = new BigUint64Array(N);
    const keys = new BigUint64Array(N);
    const low = new Uint32Array(N);
    for (let i = 0; i < N; i++) {
      view.setInt32(1, i, true);
      view.setInt32(5, i & 7, true);
      row.buf[10 + (i % 119)] = 48 + (i % 10);
      row.buf[130 + (i % 59)] = 48 + (i % 7);
      hashNow(hasher, rows);
      whole[i] = (BigInt(hasher.after.high) << 32n) | BigInt(hasher.after.low);
      keys[i] = (BigInt(hasher.after.keyHigh) << 32n) | BigInt(hasher.after.keyLow);
      low[i] = hasher.after.low;
    }
    expect(duplicates(whole.sort())).toBe(0);
    expect(duplicates(keys.sort())).toBe(0);
    // n² / 2³³ = 116 by chance, standard deviation 11
    const high = Uint32Array.from(whole, (h) => Number(h >> 32n));
    for (const half of [low.sort(), high.sort()]) expect(Math.abs(duplicates(half) - 116)).toBeLessThan(60);
  }, 60_000);

  it('that differ in two words only have no more collisions than chance', () => {
    const row = imageOf([int(0), text('0'.repeat(60))]);
    const view = new DataView(row.buf.buffer);
    const hasher = new RowHasher(() => null);
    const rows = event(TABLE, null, row);
    for (const [first, second] of [
      [6, 10],
      [6, 14],
      [6, 22],
      [10, 30],
      // the same lane twice, each of the four
      [17, 33],
      [21, 37],
      [9, 25],
      [13, 29],
    ] as const) {
      const whole = new BigUint64Array(1 << 17);
      for (let i = 0; i < whole.length; i++) {
        view.setInt32(first, (i & 511) << 16, true);
        view.setInt32(second, (i >> 9) << 4, true);
        hashNow(hasher, rows);
        whole[i] = (BigInt(hasher.after.high) << 32n) | BigInt(hasher.after.low);
      }
      expect(duplicates(whole.sort())).toBe(0);
    }
  }, 60_000);
});

describe('the key', () => {
  const LONGER = tableOf(column(LONG), column(VARCHAR, 300));

  it('is of the value, however its length is stored', () => {
    const wide = imageOf([int(1), [3, 0, 97, 98, 99]]);
    expect(hashOf(LONGER, wide, second).key).toBe(hashOf(TABLE, imageOf([int(9), text('abc')]), second).key);
    expect(hashOf(LONGER, wide, second).image).not.toBe(hashOf(TABLE, imageOf([int(1), text('abc')]), second).image);
  });

  it('is that of the before-image where the after-image leaves it out', () => {
    const hasher = new RowHasher();
    const { cursor } = opened('images', 3);
    cursor.next();
    hasher.hash(withKey(cursor));
    expect(cursor.after!.at[0]).toBe(ABSENT);
    expect(key(hasher.after)).toBe(key(hasher.before));
    expect(key(hasher.after)).not.toBe('0 0');
    expect(image(hasher.after)).not.toBe(image(hasher.before));
  });

  it('is 0 where it is not known', () => {
    expect(hashOf({ ...TABLE, primaryKey: null }, imageOf([int(1), null])).key).toBe('0 0');
    const absent = imageOf([int(1), text('a')]);
    absent.at[0] = ABSENT;
    expect(hashOf({ ...TABLE, name: 'd.u' }, absent).key).toBe('0 0');
    expect(hashOf(TABLE, imageOf([int(1), null]), () => [2]).key).toBe('0 0');
  });

  it('of several columns tells them apart, and NULL from nothing', () => {
    const both = tableOf(column(VARCHAR, 9), column(VARCHAR, 9));
    const of = (...values: (number[] | null)[]) => hashOf(both, imageOf(values), () => [0, 1]).key;
    const keys = [
      of(text('a'), text('bc')),
      of(text('ab'), text('c')),
      of(text('abc'), text('')),
      of(text('abc'), null),
      of(null, text('abc')),
      of(null, null),
      of(text(''), text('')),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('the key of one integer column', () => {
  it('every bit of it counts', () => {
    for (const table of [TABLE, tableOf(column(LONGLONG), column(VARCHAR, 200))]) {
      const bytes = table === TABLE ? 4 : 8;
      const keys = new Set<string>();
      for (let bit = -1; bit < bytes * 8; bit++) {
        const value = Array.from({ length: bytes }, (_, i) => (bit >> 3 === i ? 1 << (bit & 7) : 0));
        keys.add(hashOf(table, imageOf([value, null])).key);
      }
      expect(keys.size).toBe(bytes * 8 + 1);
    }
  });

  it('a quarter of a million keys of eight bytes: no two are equal', () => {
    const table = tableOf(column(LONGLONG), column(VARCHAR, 200));
    const row = imageOf([[...int(0), ...int(0)], null]);
    const view = new DataView(row.buf.buffer);
    const hasher = new RowHasher();
    const rows = event(table, null, row);
    const keys = new BigUint64Array(1 << 18);
    for (let i = 0; i < keys.length; i++) {
      view.setInt32(1, (i & 511) << 16, true);
      view.setInt32(5, (i >> 9) << 4, true);
      hashNow(hasher, rows);
      keys[i] = (BigInt(hasher.after.keyHigh) << 32n) | BigInt(hasher.after.keyLow);
    }
    expect(duplicates(keys.sort())).toBe(0);
  });
});

describe('images of a recorded log', () => {
  it('an unchanged after-image has the hash of its before-image', () => {
    const { cursor } = opened('partial', 0);
    const hasher = new RowHasher();
    const inserted: string[] = [];
    while (cursor.next()) {
      hasher.hash(cursor);
      inserted.push(image(hasher.after));
    }
    const update = opened('partial', 1).cursor;
    const before: string[] = [];
    const after: string[] = [];
    while (update.next()) {
      hasher.hash(update);
      before.push(image(hasher.before));
      after.push(image(hasher.after));
    }
    expect(before).toEqual(inserted);
    expect(after).not.toEqual(inserted);
  });

  it('a partial update hashes like the whole image that follows from it', () => {
    const values = (doc: number[]) => [int(1), [...int(doc.length), ...doc]];
    const table = tableOf(column(LONG), column(245, 4));
    const doc = Array.from({ length: 40 }, (_, i) => i);
    const whole = imageOf(values(doc), { shift: 3 });
    const changes = { ...imageOf(values([1, 2, 3])), patched: [null, { doc: Uint8Array.from(doc) }] };
    expect(hashOf(table, changes)).toEqual(hashOf(table, whole));
    const tail = tableOf(column(LONG), column(245, 4), column(LONG));
    const more = { ...imageOf([...values([]), int(8)]), patched: [null, { doc: Uint8Array.from(doc) }, null] };
    expect(hashOf(tail, more)).toEqual(hashOf(tail, imageOf([...values(doc), int(8)])));
  });
});

describe('rows of one event', () => {
  const table = tableOf(column(LONG), column(252, 4));
  const MIB = 1 << 20;
  it.each([
    ['a few', [1, 2, 3, 40, 500], false],
    ['as many as are hashed at once, and more', Array.from({ length: 700 }, (_, i) => i), false],
    ['pairs', Array.from({ length: 600 }, (_, i) => 600 - i), true],
    ['more than there is room for', Array.from({ length: 60 }, (_, i) => 50_000 + i), true],
    ['of which one alone is', [5, MIB - 9, MIB - 8, 3 * MIB + 5, 9, 0, MIB, 0], true],
    ['that are all too large', [2 * MIB, 2 * MIB + 1, 2 * MIB + 2, MIB - 8], false],
  ] as const)('%s', (_, lengths, updates) => {
    const images = behindEachOther(lengths);
    const right = images.map((i) => hashOf(table, { ...i, buf: i.buf.slice(0, i.end) }));
    for (const keys of [undefined, second]) {
      const hasher = new RowHasher(keys);
      const seen: { image: string; key: string }[] = [];
      hasher.hashAll(eventOf(table, images, updates), () => {
        if (updates) seen.push({ image: image(hasher.before), key: key(hasher.before) });
        seen.push({ image: image(hasher.after), key: key(hasher.after) });
      });
      expect(seen).toEqual(keys ? images.map((i) => ({ ...hashOf(table, i, keys) })) : right);
      const rows = eventOf(table, images, updates);
      for (let i = updates ? 1 : 0; rows.next(); i += updates ? 2 : 1) {
        hasher.hash(rows);
        expect(image(hasher.after)).toBe(seen[i]!.image);
      }
    }
    expect(new Set(right.map((r) => r.image)).size).toBe(images.length);
  });

  it('of a damaged event, those before the damage', () => {
    const images = behindEachOther([100, 200, 300]);
    const rows = eventOf(table, images);
    const next = rows.next.bind(rows);
    let n = 0;
    rows.next = () => {
      if (n++ === 2) throw new BinlogDamage('structure', 'cut');
      return next();
    };
    const hasher = new RowHasher();
    const seen: string[] = [];
    expect(() => hasher.hashAll(rows, () => seen.push(image(hasher.after)))).toThrow('cut');
    expect(seen).toEqual(images.slice(0, 2).map((i) => hashOf(table, i).image));
  });

  it('two hashers take turns', () => {
    const images = behindEachOther([100, 200, 300]);
    const [a, b] = [new RowHasher(), new RowHasher()];
    const [of, others] = [eventOf(table, images), eventOf(table, behindEachOther([300, 200, 100]))];
    for (const one of images) {
      of.next();
      others.next();
      a.hash(of);
      b.hash(others);
      expect(image(a.after)).toBe(hashOf(table, one).image);
    }
  });
});

/** The row event with that number in a log, opened. */
function opened(log: string, nth: number): { tables: TableMaps; cursor: ReturnType<typeof newCursor> } {
  const tables = new TableMaps(flavourOf(log));
  let rows = 0;
  for (const { type, buf, start, end, postHeader } of eventsOf(log)) {
    if (type === 19) tables.read(buf, start, end, postHeader);
    else if (rows++ === nth) {
      const cursor = newCursor();
      cursor.open(type, buf, start, end, postHeader, tables);
      return { tables, cursor };
    }
  }
  throw new Error(`no row event ${nth} in ${log}`);
}

/** The same event of a table whose key is known. */
const withKey = (rows: RowsEvent): RowsEvent => ({
  ...event({ ...rows.table, name: rows.table.name, columns: rows.table.columns, primaryKey: [{ column: 0, prefix: 0 }] }, rows.before, rows.after),
});

/** An event of the given images, each a row; it has rows of two images where `updates`. */
function eventOf(table: TableMap, images: readonly RowImage[], updates = false): RowsEvent {
  let i = 0;
  const rows = event(table, updates ? { ...images[0]! } : null, { ...images[0]! });
  rows.serial = ++serials;
  rows.end = images.at(-1)!.end;
  rows.next = () => {
    if (i >= images.length) return false;
    if (updates) Object.assign(rows.before!, images[i++]);
    Object.assign(rows.after!, images[i++]);
    return true;
  };
  return rows;
}

/** Images of the given bytes of text, one behind the other in one buffer. */
function behindEachOther(lengths: readonly number[]): RowImage[] {
  const buf = new Uint8Array(lengths.reduce((n, l) => n + 9 + l, 7));
  let pos = 7;
  return lengths.map((length, i) => {
    const start = pos;
    const view = new DataView(buf.buffer);
    view.setInt32(start + 1, i, true);
    view.setInt32(start + 5, length, true);
    for (let k = 0; k < length; k += 1 + (length >> 8)) buf[start + 9 + k] = k * 31 + i;
    pos += 9 + length;
    return { buf, start, values: start + 1, end: pos, columns: 2, shape: 0, at: Int32Array.of(start + 1, start + 5), patched: null };
  });
}

function bitsBetween(a: string, b: string): number {
  const [x, y] = [a, b].map((s) => s.split(' ').map(Number));
  return [0, 1].reduce((n, i) => n + ((x![i]! ^ y![i]!) >>> 0).toString(2).replaceAll('0', '').length, 0);
}

function duplicates(sorted: BigUint64Array | Uint32Array): number {
  let n = 0;
  for (let i = 1; i < sorted.length; i++) if (sorted[i] === sorted[i - 1]) n++;
  return n;
}
