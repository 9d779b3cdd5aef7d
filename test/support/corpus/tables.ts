/** The tables of MySQL's corpus. */
import { COUNTER, ID, bits, decimals, floats, integers } from './numbers.ts';
import { arr, canonOf, int, lossyOf, rootSqlOf } from './json.ts';
import { INT, JSON_KIND, TEXT } from './kind.ts';
import { geometries, json, patches, sridGeometries, vectors } from './objects.ts';
import { text } from './table.ts';
import type { Column, Table } from './table.ts';
import { charsets, labels, lengths, longest } from './texts.ts';
import { dates, datetimes, times, timestamps } from './times.ts';

export const SCHEMA = 'corpus';
/** A name with everything that a name may hold. */
export const ODD_SCHEMA = 'c`o\'r"p ü漢';
const DIGITS = [0, 1, 2, 3, 4, 5, 6];

export const keyed = (name: string, columns: readonly Column[], more: Partial<Table> = {}): Table => ({
  schema: SCHEMA,
  name,
  columns: [ID, COUNTER, ...columns.map((c) => ({ nullable: true, ...c }))],
  primaryKey: ['id'],
  ...more,
});
export const word = (name: string, more: Partial<Column> = {}): Column => ({
  name,
  type: 'VARCHAR(20)',
  kind: TEXT,
  values: ['a', 'b', ''].map((s) => ({ sql: text(s), is: s })),
  ...more,
});
export const number = (name: string, more: Partial<Column> = {}): Column => ({
  name,
  type: 'INT',
  kind: INT,
  values: ['7', '-7', '0'].map((s) => ({ sql: s, is: s })),
  ...more,
});

/** Its multi-valued index is a hidden column of a type of its own, which the log leaves out. */
const list = (): Column => ({
  name: 'l',
  type: 'JSON',
  kind: JSON_KIND,
  values: [arr(int('1'), int('2')), arr(), arr(int('18446744073709551615'))].map((doc) => ({ sql: rootSqlOf(doc), is: lossyOf(doc), exact: canonOf(doc) })),
});

/** `charsetNames`: those the server knows. */
export function mysqlTables(charsetNames: readonly string[], leftOut: (what: string) => void): Table[] {
  return [
    keyed('integers', integers()),
    keyed('decimals', decimals()),
    keyed('floats', floats()),
    keyed('bits', bits()),
    keyed('moments_of_all_kinds', [...dates(), ...datetimes(DIGITS), ...timestamps(DIGITS), ...times(DIGITS)]),
    keyed('charsets', charsets(charsetNames, leftOut), { options: 'ROW_FORMAT=DYNAMIC' }),
    keyed('lengths', lengths(), { options: 'CHARACTER SET utf8mb4' }),
    { schema: SCHEMA, name: 'longest', columns: [ID, COUNTER, ...longest()], primaryKey: ['id'] },
    keyed('labels', labels(), { options: 'CHARACTER SET utf8mb4' }),
    keyed('documents', json()),
    keyed('patches', patches()),
    keyed('geometries', geometries()),
    keyed('srid', sridGeometries()),
    keyed('vectors', vectors()),
    keyed('generated', [
      number('base'),
      number('hidden', { type: 'INT INVISIBLE', invisible: true }),
      number('virtual', { type: 'INT GENERATED ALWAYS AS (base * 2) VIRTUAL', values: [], from: ['base'] }),
      number('stored', { type: 'INT GENERATED ALWAYS AS (base + n) STORED', values: [], from: ['base', 'n'] }),
      number('both', { type: 'INT GENERATED ALWAYS AS (base - 1) STORED INVISIBLE', values: [], from: ['base'], invisible: true }),
      word('last'),
    ]),
    {
      schema: SCHEMA,
      name: 'no_key_of_its_own',
      // BIGINT UNSIGNED, made by the server (sql_generate_invisible_primary_key)
      columns: [{ name: 'my_row_id', type: '', kind: INT, values: [], nullable: false, invisible: true }, COUNTER, word('v', { nullable: true })],
      primaryKey: ['my_row_id'],
      implied: ['my_row_id'],
    },
    keyed('functional', [number('x'), word('y'), list()], {
      more: ['KEY k ((ABS(x)))', 'KEY l ((UPPER(y)))', 'KEY m ((CAST(l AS UNSIGNED ARRAY)))'],
    }),
    keyed('prefix', [word('a', { type: 'VARCHAR(200)' })], {
      columns: [ID, COUNTER, word('a', { type: 'VARCHAR(200)', nullable: false }), word('b', { nullable: true })],
      primaryKey: ['id', 'a'],
      keyPrefix: { a: 10 },
    }),
    keyed(
      'many',
      Array.from({ length: 320 }, (_, i) =>
        i % 5 === 4 ? word(`c${i}`, { type: 'VARCHAR(8)' }) : number(`c${i}`, { type: i % 2 === 0 ? 'SMALLINT' : 'BIGINT' }),
      ),
    ),
    keyed('t`a\'b"l e ü漢', [number('a`b'), word("c'd"), number('e"f'), word('g h'), word('ü漢'), number('select')], { schema: ODD_SCHEMA }),
  ];
}

/** Table without any key: the whole row is its before-image whatever binlog_row_image says. */
export const KEYLESS: Table = {
  schema: SCHEMA,
  name: 'keyless',
  columns: [COUNTER, word('v', { nullable: true }), number('w', { nullable: true })],
  primaryKey: [],
};

/** Table without a primary key, whose rows a unique key identifies. */
export const UNIQUE: Table = {
  schema: SCHEMA,
  name: 'unique_key',
  columns: [COUNTER, word('v', { nullable: true }), ID, number('w', { nullable: true }), word('x', { nullable: true })],
  primaryKey: [],
  unique: ['id'],
};
