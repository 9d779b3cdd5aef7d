import { BinlogDamage } from '../../../core/binlog/finding.ts';
import { TableMaps } from '../../../core/binlog/table-map.ts';
import type { ColumnMeta, TableMap } from '../../../core/binlog/table-map.ts';
import type { Flavour } from '../../../core/binlog/visitor.ts';
import { eventsOf, flavourOf, newCursor, tablesOf } from '../../support/rows-read.ts';

const table = (log: string, name: string, nth = 0): TableMap => tablesOf(log).filter((t) => t.table === name)[nth]!;
const texts = (t: TableMap): string[] => t.columns.map((c) => c.typeText);
const by = <T>(t: TableMap, pick: (c: ColumnMeta) => T): Record<string, T> => Object.fromEntries(t.columns.map((c) => [c.name, pick(c)]));
const mapsIn = (log: string) => eventsOf(log).filter((e) => e.type === 19);

/** A table map by hand: types with their metadata, all columns nullable. */
function mapBody(id: number, types: readonly number[], meta: readonly number[], optional: readonly number[] = [], table = 't'): Uint8Array {
  const name = Buffer.from(table);
  const nulls = Array.from({ length: (types.length + 7) >> 3 }, () => 0xff);
  const count = types.length < 251 ? [types.length] : [252, types.length & 255, types.length >> 8];
  const idBytes = [id & 255, (id >> 8) & 255, (id >> 16) & 255, 0, 0, 0, 1, 0];
  return Uint8Array.from([...idBytes, 1, 100, 0, name.length, ...name, 0, ...count, ...types, meta.length, ...meta, ...nulls, ...optional]);
}
const read = (body: Uint8Array, flavour: Flavour = 'mysql', tables = new TableMaps(flavour)): TableMap => tables.read(body, 0, body.length, 8);
const damageOf = (run: () => unknown): BinlogDamage => {
  try {
    run();
  } catch (e) {
    if (e instanceof BinlogDamage) return e;
    throw e;
  }
  throw new Error('read without a complaint');
};

describe('what a table map says', () => {
  it('MySQL, full metadata: names, signs, character sets, labels, keys, visibility', () => {
    const t = table('metadata', 'meta');
    expect([t.name, t.flavour]).toEqual(['d.meta', 'mysql']);
    expect(texts(t)).toEqual([
      'INT UNSIGNED',
      'BIGINT',
      'FLOAT UNSIGNED',
      'YEAR',
      'DECIMAL(5,2) UNSIGNED',
      'BIT(3)',
      'TINYINT',
      'VARCHAR(50 bytes)',
      'CHAR(20 bytes)',
      'ENUM',
      'ENUM',
      'SET',
      'TEXT',
      'BLOB',
      'LINESTRING',
      'GEOMETRY',
      'BINARY(16)',
      'INT',
    ]);
    expect(by(t, (c) => c.collation)).toMatchObject({ id: null, a: 47, u: 54, e: 8, e2: 35, s: 255, x: 9, z: 63, bi: 63 });
    expect(by(t, (c) => c.labels)).toMatchObject({ e: ['a', 'ä', 'ß'], e2: ['ж', 'я'], s: ['x', '日本'], a: null });
    expect(t.columns.filter((c) => c.visible !== true).map((c) => c.name)).toEqual(['inv']);
    expect(t.columns.filter((c) => !c.nullable).map((c) => c.name)).toEqual(['id', 'a']);
    expect(t.primaryKey).toEqual([
      { column: 7, prefix: 10 },
      { column: 0, prefix: 0 },
    ]);
  });

  it('MySQL: a VECTOR is listed among the columns with a character set', () => {
    const t = table('metadata', 'vectors');
    expect(texts(t)).toEqual(['VECTOR(3)', 'JSON', 'VECTOR(5)', 'VARCHAR(18 bytes)']);
    expect(t.columns.map((c) => c.collation)).toEqual([63, null, 63, 28]);
  });

  it('MySQL, minimal metadata: signs and character sets, no names', () => {
    const t = table('metadata', 'meta', 1);
    expect(t.columns.map((c) => [c.name, c.labels, c.visible])).toEqual(t.columns.map(() => [null, null, null]));
    expect(t.columns.map((c) => c.unsigned)).toEqual(table('metadata', 'meta').columns.map((c) => c.unsigned));
    expect(t.primaryKey).toBeNull();
  });

  it('MariaDB, full metadata: YEAR has a sign, geometries and compressed columns a character set', () => {
    const t = table('mariadb-metadata', 'meta');
    expect(by(t, (c) => c.unsigned)).toMatchObject({ id: true, b: false, f: true, y: null, d: true, bits: null, t: false, inv: false });
    expect(by(t, (c) => c.collation)).toMatchObject({ a: 47, u: 54, e: 8, e2: 35, s: 45, x: 9, z: 63, g: 63, bi: 63 });
    expect(by(t, (c) => c.labels)).toMatchObject({ e: ['a', 'ä', 'ß'], e2: ['ж', 'я'], s: ['x', '日本'] });
    const zipped = table('mariadb-metadata', 'zipped');
    expect(texts(zipped)).toEqual(['VARCHAR(51 bytes) COMPRESSED', 'TEXT COMPRESSED', 'VARCHAR(5 bytes)', 'POINT', 'BINARY(16)', 'TEXT']);
    expect(zipped.columns.map((c) => c.collation)).toEqual([8, 45, 9, 63, 63, 35]);
  });

  it('MariaDB without metadata: nothing is guessed', () => {
    const t = table('mariadb-metadata', 'meta', 1);
    for (const c of t.columns) expect([c.unsigned, c.name, c.collation, c.labels, c.visible]).toEqual([null, null, null, null, null]);
    expect(texts(t).slice(12, 14)).toEqual(['BLOB/TEXT', 'BLOB/TEXT']);
  });

  it.each([7, 8, 9, 16])('%i numeric columns: the byte that MySQL adds to a full list of signs', (n) => {
    const bits = Array.from({ length: (n >> 3) + 1 }, () => 0xff);
    const t = read(
      mapBody(
        1,
        Array.from({ length: n }, () => 3),
        [],
        [1, bits.length, ...bits],
      ),
    );
    expect(t.columns.map((c) => c.unsigned)).toEqual(Array.from({ length: n }, () => true));
  });

  it('fields that are not known are skipped', () => {
    expect(read(mapBody(1, [3], [], [99, 2, 1, 2, 4, 2, 1, 97])).columns[0]!.name).toBe('a');
  });

  it('lengths above 255 hide in the type byte of a CHAR', () => {
    const lengths = [255, 256, 511, 512, 765, 1020];
    const meta = lengths.flatMap((n) => [0xfe ^ ((n & 0x300) >> 4), n & 0xff]);
    const t = read(
      mapBody(
        1,
        lengths.map(() => 254),
        meta,
      ),
    );
    expect(t.columns.map((c) => [c.type, c.meta])).toEqual(lengths.map((n) => [254, n]));
  });
});

describe('maps that come again', () => {
  it('give the same object for the same bytes, wherever they stand', () => {
    const tables = new TableMaps('mysql');
    const body = mapBody(5, [3, 3], []);
    const first = read(body, 'mysql', tables);
    expect(tables.changed).toBe(true);
    const moved = Uint8Array.from([...Array.from({ length: 3 }, () => 7), ...body, 7]);
    expect(tables.read(moved, 3, 3 + body.length, 8)).toBe(first);
    expect(tables.changed).toBe(false);
    const other = read(mapBody(5, [3, 8], []), 'mysql', tables);
    expect(tables.changed).toBe(true);
    expect(other).not.toBe(first);
    expect(tables.get(5)).toBe(other);
  });

  it('keep their own copy of what they were read from', () => {
    const tables = new TableMaps('mysql');
    const body = mapBody(5, [3], []);
    const first = read(body, 'mysql', tables);
    const again = body.slice();
    body.fill(0);
    expect(read(again, 'mysql', tables)).toBe(first);
  });

  it('a map that cannot be read takes the place of the one before it', () => {
    const tables = new TableMaps('mysql');
    read(mapBody(5, [3], []), 'mysql', tables);
    const why = damageOf(() => read(mapBody(5, [20], []), 'mysql', tables));
    expect(why.kind).toBe('format');
    expect(why.message).toContain('TYPED_ARRAY');
    expect(damageOf(() => tables.get(5))).toBe(why);
    read(mapBody(5, [3], []), 'mysql', tables);
    expect(tables.get(5)!.columns).toHaveLength(1);
  });

  it('are forgotten when there are too many, the longest unread first', () => {
    const tables = new TableMaps('mysql');
    const wide = Array.from({ length: 200 }, () => 3);
    for (let id = 1; id <= 2000; id++) {
      read(mapBody(1, wide, []), 'mysql', tables);
      expect(tables.changed).toBe(id === 1);
      read(mapBody(id, wide, []), 'mysql', tables);
    }
    const kept = Array.from({ length: 2000 }, (_, i) => i + 1).filter((id) => tables.get(id) !== undefined);
    expect(kept.length).toBeLessThanOrEqual(330);
    expect(kept[0]).toBe(1);
    expect(kept.at(-1)).toBe(2000);
    tables.clear();
    expect(tables.get(2000)).toBeUndefined();
  });
});

describe('maps that are refused', () => {
  it.each<[string, Flavour, number[], number[], string]>([
    ['a type without a name', 'mysql', [99], [], 'format'],
    ['DECIMAL of before 5.0', 'mysql', [0], [], 'format'],
    ['MariaDB temporals without their digits', 'mariadb', [7], [], 'format'],
    ['a BIT of 65 bits', 'mysql', [16], [1, 8], 'structure'],
    ['DECIMAL(66,0)', 'mysql', [246], [66, 0], 'structure'],
    ['DECIMAL(2,3)', 'mysql', [246], [2, 3], 'structure'],
    ['DATETIME(7)', 'mysql', [18], [7], 'structure'],
    ['a blob with 5 bytes of length', 'mysql', [252], [5], 'structure'],
    ['an ENUM of 3 bytes', 'mysql', [254], [247, 3], 'structure'],
    ['a STRING that is none', 'mysql', [254], [0x31, 3], 'structure'],
    ['metadata that are too short', 'mysql', [15], [1], 'structure'],
    ['metadata that are too long', 'mysql', [3], [1], 'structure'],
    ['no columns', 'mysql', [], [], 'structure'],
    ['4097 columns', 'mysql', Array.from({ length: 4097 }, () => 3), [], 'structure'],
  ])('%s', (_, flavour, types, meta, kind) => {
    expect(damageOf(() => read(mapBody(1, types, meta), flavour)).kind).toBe(kind);
  });

  it.each<[string, number[]]>([
    ['a field beyond the event', [4, 9, 1, 97]],
    ['a name beyond its field', [4, 2, 5, 97]],
    ['a name too many', [4, 4, 1, 97, 1, 98]],
    ['a key of a column that is not there', [8, 1, 3]],
    ['signs for no column', [1, 0]],
    ['signs for too many', [1, 2, 0, 0]],
  ])('%s', (_, optional) => {
    expect(damageOf(() => read(mapBody(1, [3], [], optional))).kind).toBe('structure');
  });

  it('rows of a refused map are refused for the same reason', () => {
    const tables = new TableMaps('mariadb');
    const [map, rows] = eventsOf('mariadb-temporals');
    const why = damageOf(() => tables.read(map!.buf, map!.start, map!.end, map!.postHeader));
    expect(why.message).toContain('fractional digits');
    expect(damageOf(() => newCursor().open(rows!.type, rows!.buf, rows!.start, rows!.end, rows!.postHeader, tables))).toBe(why);
  });
});

describe.each(['metadata', 'types', 'mariadb-metadata', 'mariadb-types'])('damaged bytes of %s', (log) => {
  const maps = mapsIn(log).slice(0, 3);

  it('cut anywhere: damage, and nothing behind the cut is read', () => {
    for (const { buf, start, end, postHeader } of maps) {
      for (let cut = start; cut < end; cut++) {
        const outcomes = [0, 0xff].map((fill) => {
          const copy = Uint8Array.from(buf.subarray(start, end + 16)).fill(fill, cut - start);
          return outcome(() => new TableMaps(flavourOf(log)).read(copy, 0, cut - start, postHeader));
        });
        expect(outcomes[0]).toBe(outcomes[1]);
      }
    }
  });

  it('any byte changed: a table or damage, never anything else', () => {
    for (const { buf, start, end, postHeader } of maps) {
      for (let at = start; at < end; at++) {
        for (const flip of [1, 0x80, 0xff]) {
          const copy = Uint8Array.from(buf.subarray(start, end));
          copy[at - start]! ^= flip;
          outcome(() => new TableMaps(flavourOf(log)).read(copy, 0, copy.length, postHeader));
        }
      }
    }
  });
});

/** Its columns, or the damage; any other error goes through. */
function outcome(run: () => TableMap): string {
  try {
    return JSON.stringify(run().columns);
  } catch (e) {
    if (e instanceof BinlogDamage) return `${e.kind}: ${e.message}`;
    throw e;
  }
}
