/** JSON, geometry and vectors. */
import * as j from './json.ts';
import type { Doc } from './json.ts';
import { GEOMETRY, INT, JSON_KIND, TEXT, VECTOR } from './kind.ts';
import { text } from './table.ts';
import type { Column, Stored } from './table.ts';

/** What only a column can put into a document comes from the table `moments`: its one row. */
export const MOMENT = '2025-11-22 13:14:15.123456';

const nested = (depth: number, inside: Doc): Doc =>
  depth === 0 ? inside : depth % 2 === 0 ? j.arr(nested(depth - 1, inside)) : j.obj({ k: nested(depth - 1, inside) });

export function documents(): Doc[] {
  const many = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`key ${i}`, i % 3 === 0 ? j.int(String(i * 1_000_003)) : j.str('x'.repeat(i))]));
  return [
    j.NULL,
    j.TRUE,
    j.FALSE,
    j.int('0'),
    j.int('-1'),
    j.int('32767'),
    j.int('-32769'),
    j.int('65536'),
    j.int('2147483648'),
    j.int('9007199254740993'),
    j.int('-9223372036854775808'),
    j.int('18446744073709551615'),
    j.double(0.1),
    j.double(-0),
    j.double(5e-324),
    j.double(1.7976931348623157e308),
    j.double(1),
    j.double(1e22),
    j.dec('1.50'),
    j.dec('-99999999999999999999999999999999999.999999999999999999999999999999'),
    j.dec('0.000000000000000000000000000001'),
    j.str(''),
    j.str('text "quoted" \\ \n \u0001 漢 😀'),
    j.str('y'.repeat(200)),
    j.str('z'.repeat(70_000)),
    j.date('2025-11-22'),
    j.time('10:11:12.500000'),
    j.time('-838:59:59.000000'),
    j.time('-00:00:00.000001'),
    j.datetime('2025-11-22 13:14:15.123456'),
    j.datetime('0000-00-00 00:00:00.000000'),
    j.timestamp(MOMENT),
    j.opaque(15, '00ff10', "CAST(X'00ff10' AS JSON)"),
    j.opaque(15, 'ab'.repeat(300), `CAST(X'${'ab'.repeat(300)}' AS JSON)`),
    j.opaque(16, '05', '(SELECT CAST(b AS JSON) FROM corpus.moments)'),
    j.opaque(252, '00ff', '(SELECT CAST(bl AS JSON) FROM corpus.moments)'),
    j.arr(),
    j.obj({}),
    j.arr(
      j.NULL,
      j.TRUE,
      j.int('1'),
      j.double(1.5),
      j.dec('2.5'),
      j.str('s'),
      j.arr(),
      j.obj({}),
      j.date('1999-12-31'),
      j.opaque(15, 'ff', "CAST(X'ff' AS JSON)"),
    ),
    j.obj({ '': j.int('1'), ü: j.int('2'), 漢字: j.int('3'), '😀': j.NULL, 'a"b\\c': j.FALSE, aa: j.int('70000'), b: j.int('-2147483649') }),
    j.obj({ $decimal: j.str('1.50') }),
    j.obj({ $date: j.str('2025-11-22'), other: j.int('1') }),
    j.obj({ $x: j.obj({ $y: j.int('1') }) }),
    j.obj({ when: j.datetime('2025-11-22 00:00:00.000000'), at: j.timestamp(MOMENT), how: j.time('-10:11:12.500000'), price: j.dec('19.90') }),
    nested(99, j.int('1')),
    j.obj(many),
    j.arr(...Array.from({ length: 9_000 }, (_, i) => j.int(String(i * 70_001)))),
    j.obj({ big: j.str('q'.repeat(66_000)), small: j.int('1'), list: j.arr(j.int('65535'), j.int('65536'), j.NULL, j.TRUE) }),
  ];
}

export function json(): Column[] {
  return [{ name: 'j', type: 'JSON', kind: JSON_KIND, values: documents().map(storedDoc) }];
}
const storedDoc = (doc: Doc): Stored => ({ sql: j.rootSqlOf(doc), is: j.lossyOf(doc), exact: j.canonOf(doc) });

/** Updates that the server logs as differences when binlog_row_value_options says PARTIAL_JSON. */
export function patches(): Column[] {
  const pad = j.str('p'.repeat(300));
  const base = j.obj({ a: j.int('1'), b: j.arr(j.int('1'), j.int('2'), j.int('3')), c: j.obj({ d: j.str('x') }), pad });
  const step = (from: Doc, sql: string, to: Doc): Stored => ({ ...storedDoc(from), next: { ...storedDoc(to), sql } });
  const members = (over: Record<string, Doc>): Doc =>
    j.obj({ a: j.int('1'), b: j.arr(j.int('1'), j.int('2'), j.int('3')), c: j.obj({ d: j.str('x') }), pad, ...over });
  const long = j.str('l'.repeat(70_000));
  const values = [
    step(base, `JSON_SET(j, '$.a', 2)`, members({ a: j.int('2') })),
    step(base, `JSON_SET(j, '$.a', 9007199254740993)`, members({ a: j.int('9007199254740993') })),
    step(base, `JSON_SET(j, '$.new', CAST('1.5' AS DECIMAL(5,2)))`, members({ new: j.dec('1.50') })),
    step(base, `JSON_REPLACE(j, '$.b[1]', 'two')`, members({ b: j.arr(j.int('1'), j.str('two'), j.int('3')) })),
    step(base, `JSON_REMOVE(j, '$.b[0]', '$.c.d')`, members({ b: j.arr(j.int('2'), j.int('3')), c: j.obj({}) })),
    step(
      base,
      `JSON_SET(j, '$.b[3]', TRUE, '$.c.e', CAST('2025-11-22' AS DATE))`,
      members({ b: j.arr(j.int('1'), j.int('2'), j.int('3'), j.TRUE), c: j.obj({ d: j.str('x'), e: j.date('2025-11-22') }) }),
    ),
    step(base, `JSON_SET(j, '$.pad', REPEAT('l', 70000))`, members({ pad: long })),
    step(members({ pad: long }), `JSON_SET(j, '$.a', 5)`, members({ a: j.int('5'), pad: long })),
    step(
      members({ pad: long }),
      `JSON_REMOVE(j, '$.pad')`,
      j.obj({ a: j.int('1'), b: j.arr(j.int('1'), j.int('2'), j.int('3')), c: j.obj({ d: j.str('x') }) }),
    ),
    step(base, `JSON_SET(j, '$', 7)`, j.int('7')),
    step(base, `JSON_REPLACE(j, '$.missing', 7)`, base),
    step(base, `JSON_SET(j, '$."odd key ü"', 'v')`, members({ 'odd key ü': j.str('v') })),
    { ...storedDoc(base), next: { sql: 'NULL', is: '', exact: '' } },
  ];
  return [{ name: 'j', type: 'JSON', kind: JSON_KIND, values }];
}

const u32 = (n: number): string => Buffer.from(new Uint32Array([n]).buffer).toString('hex');
const f64 = (...n: number[]): string => Buffer.from(new Float64Array(n).buffer).toString('hex');
const wkb = (type: number, body: string): string => `01${u32(type)}${body}`;
const point = (x: number, y: number): string => wkb(1, f64(x, y));
const points = (...p: [number, number][]): string => u32(p.length) + p.map((c) => f64(...c)).join('');
const line = (...p: [number, number][]): string => wkb(2, points(...p));
const polygon = (...rings: [number, number][][]): string => wkb(3, u32(rings.length) + rings.map((r) => points(...r)).join(''));
const group = (type: number, ...parts: string[]): string => wkb(type, u32(parts.length) + parts.join(''));
const SQUARE: [number, number][] = [
  [0, 0],
  [10, 0],
  [10, 10],
  [0, 10],
  [0, 0],
];
const HOLE: [number, number][] = [
  [2, 2],
  [2, 4],
  [4, 4],
  [4, 2],
  [2, 2],
];

/** Stored as SRID and WKB with x before y; for 4326 that is longitude before latitude. */
const geometry = (body: string, srid = 0, axes = true): Stored => ({
  sql: `ST_GeomFromWKB(X'${body}', ${srid}${srid > 0 && axes ? ", 'axis-order=long-lat'" : ''})`,
  is: `${srid} ${body.toUpperCase()}`,
});

/** `axes`: the server knows geographic axes (MySQL 8); MariaDB does not. */
export function geometries(axes = true): Column[] {
  const shapes = [
    point(1.5, -2.25),
    point(-0, 5e-324),
    line([0, 0], [1, 1], [2, -3.5]),
    polygon(SQUARE, HOLE),
    group(4, point(1, 2), point(3, 4)),
    group(5, line([0, 0], [1, 1]), line([5, 5], [6, 7])),
    group(
      6,
      polygon(SQUARE),
      polygon([
        [20, 20],
        [30, 20],
        [30, 30],
        [20, 20],
      ]),
    ),
    group(7, point(1, 2), line([0, 0], [1, 1]), polygon(SQUARE)),
  ];
  const all = [...shapes.map((s) => geometry(s)), geometry(point(13.4, 52.5), 4326, axes), geometry(line([13.4, 52.5], [-179.5, -89]), 4326, axes)];
  return [
    { name: 'g', type: 'GEOMETRY', kind: GEOMETRY, values: all },
    { name: 'p', type: 'POINT', kind: GEOMETRY, values: [geometry(point(7, 8)), geometry(point(-1e300, 1e-300))] },
    // behind the geometries: readers that stumble over them lose it
    { name: 'after', type: 'VARCHAR(20)', kind: TEXT, values: ['behind', ''].map((s) => ({ sql: text(s), is: s })) },
  ];
}
export function sridGeometries(): Column[] {
  return [{ name: 'w', type: 'POINT SRID 4326', kind: GEOMETRY, values: [geometry(point(13.4, 52.5), 4326)] }];
}

function vector(...n: number[]): Stored {
  const hex = Buffer.from(new Float32Array(n).buffer).toString('hex').toUpperCase();
  return { sql: `X'${hex}'`, is: hex };
}

export function vectors(): Column[] {
  return [
    {
      name: 'v3',
      type: 'VECTOR(3)',
      kind: VECTOR,
      values: [vector(1, 2, 3), vector(-0, 1e-45, 3.4028234663852886e38), vector(0.1, 1 / 3, 16_777_217), vector(0.5)],
    },
    { name: 'v2000', type: 'VECTOR(2000)', kind: VECTOR, values: [vector(...Array.from({ length: 2000 }, (_, i) => i / 7)), vector(1)] },
    { name: 'behind', type: 'INT', kind: INT, values: [{ sql: '7', is: '7' }] },
  ];
}
