/** The tables of MariaDB's corpus: MySQL's, as far as MariaDB has them, and its own types. */
import { BYTES, fixedBytes, TEXT } from './kind.ts';
import type { Kind } from './kind.ts';
import { bits, COUNTER, decimals, floats, ID, integers } from './numbers.ts';
import { geometries } from './objects.ts';
import { text } from './table.ts';
import type { Column, Stored, Table } from './table.ts';
import { keyed, number, ODD_SCHEMA, SCHEMA, word } from './tables.ts';
import { charsets, labels, lengths, longest } from './texts.ts';
import { dates, datetimes, times, timestamps } from './times.ts';

const DIGITS = [0, 1, 2, 3, 4, 5, 6];

/** UUID, INET6 and INET4 are fixed bytes to the log, which has no word for their type; a UUID's in the order of its text. */
const fixed = (name: string, stored: (shown: string) => string): Kind => fixedBytes(name, (column) => `CAST(${column} AS CHAR)`, stored);
const uuidBytes = (shown: string): string => shown.replaceAll('-', '').toUpperCase();
const parts = (s: string) => (s === '' ? [] : s.split(':'));
/** `::1` and the like, written out. */
const inet6Bytes = (shown: string): string => {
  const dotted = shown.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...d: string[]) =>
    [0, 2].map((i) => (Number(d[i]) * 256 + Number(d[i + 1])).toString(16)).join(':'),
  );
  const [head = '', tail] = dotted.split('::');
  const middle = tail === undefined ? [] : Array.from({ length: 8 - parts(head).length - parts(tail).length }, () => '0');
  return [...parts(head), ...middle, ...parts(tail ?? '')]
    .map((p) => p.padStart(4, '0'))
    .join('')
    .toUpperCase();
};
const UUID = fixed('uuid', uuidBytes);
const INET6 = fixed('inet6', inet6Bytes);
const INET4 = fixed('inet4', (shown) => Buffer.from(shown.split('.').map(Number)).toString('hex').toUpperCase());

const own = (kind: Kind, stored: (shown: string) => string, ...shown: string[]): Pick<Column, 'kind' | 'values'> => ({
  kind,
  values: shown.map((s) => ({ sql: `'${s}'`, is: stored(s) })),
});

function fixedTypes(): Column[] {
  const uuids = [
    '6ccd780c-baba-1026-9564-5b8c656024db',
    '00000000-0000-4000-8000-000000000000',
    'ffffffff-ffff-5fff-bfff-ffffffffff00',
    '00000000-0000-0000-0000-000000000000',
    '018f0000-0000-7000-8000-0123456789ab',
  ];
  return [
    { name: 'u', type: 'UUID', ...own(UUID, uuidBytes, ...uuids) },
    {
      name: 'i6',
      type: 'INET6',
      ...own(INET6, inet6Bytes, '::', '::1', '2001:db8::ff00:42:8329', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '2001:db8::', '::ffff:192.0.2.1'),
    },
    { name: 'i4', type: 'INET4', kind: INET4, values: ['0.0.0.0', '255.255.255.255', '192.0.2.0'].map((s) => ({ sql: `'${s}'`, is: INET4.ofServer([s]) })) },
  ];
}

const textOf = (s: string): Stored => ({ sql: text(s), is: s });
const hex = (b: Buffer): Stored => ({ sql: b.length === 0 ? "''" : `X'${b.toString('hex')}'`, is: b.toString('hex').toUpperCase() });

/** Below column_compression_threshold (100 bytes) a value stays as it is; above it is deflated if that helps. */
function compressed(): Column[] {
  const texts = ['', 'short', 'c'.repeat(99), 'c'.repeat(100), 'gr\u00fc\u00df \u6f22 '.repeat(90)].map(textOf);
  const noise = Buffer.from(Array.from({ length: 400 }, (_, i) => (i * i * 7919 + (i << 3)) & 0xff));
  const raw = ['', '00', 'ff'.repeat(99), '00ff'.repeat(2_000)].map((h) => hex(Buffer.from(h, 'hex')));
  return [
    { name: 'v', type: 'VARCHAR(1000) COMPRESSED', kind: TEXT, values: texts },
    { name: 'l', type: 'VARCHAR(1000) COMPRESSED CHARACTER SET latin1', kind: TEXT, values: ['', 'gr\u00fc\u00df'.repeat(100), 'x'].map(textOf) },
    { name: 'vb', type: 'VARBINARY(60000) COMPRESSED', kind: BYTES, values: [...raw, hex(noise)] },
    { name: 'tb', type: 'TINYBLOB COMPRESSED', kind: BYTES, values: ['', 'ab'.repeat(200)].map((h) => hex(Buffer.from(h, 'hex'))), blob: true },
    { name: 'b', type: 'BLOB COMPRESSED', kind: BYTES, values: [...raw, hex(noise)], blob: true },
    { name: 'mt', type: 'MEDIUMTEXT COMPRESSED', kind: TEXT, values: [...texts, textOf('long '.repeat(20_000))], blob: true },
    { name: 'lb', type: 'LONGBLOB COMPRESSED', kind: BYTES, values: [...raw, hex(Buffer.alloc(70_000, 0xa5))], blob: true },
    word('behind'),
  ];
}

function documents(): Column[] {
  const values = ['{"a": 1, "b": [9007199254740993, 1.50]}', 'null', '"text \\"quoted\\" \u6f22 \ud83d\ude00"', '[]', ' { "kept" : "as written" } '].map(
    textOf,
  );
  return [{ name: 'j', type: 'JSON', kind: TEXT, values, blob: true }];
}

/** `charsetNames`: those the server knows. */
export function mariaTables(charsetNames: readonly string[], leftOut: (what: string) => void): Table[] {
  return [
    keyed('integers', integers()),
    keyed('decimals', decimals()),
    keyed('floats', floats(false)),
    keyed('bits', bits()),
    keyed('moments_of_all_kinds', [...dates(), ...datetimes(DIGITS), ...timestamps(DIGITS), ...times(DIGITS)]),
    keyed('charsets', charsets(charsetNames, leftOut)),
    keyed('lengths', lengths(), { options: 'CHARACTER SET utf8mb4' }),
    { schema: SCHEMA, name: 'longest', columns: [ID, COUNTER, ...longest()], primaryKey: ['id'] },
    keyed('labels', labels(), { options: 'CHARACTER SET utf8mb4' }),
    keyed('documents', documents()),
    keyed('geometries', geometries(false)),
    keyed('fixed', fixedTypes()),
    keyed('compressed', compressed(), { options: 'CHARACTER SET utf8mb4' }),
    keyed('generated', [
      number('base'),
      number('hidden', { type: 'INT INVISIBLE', invisible: true }),
      number('virtual', { type: 'INT GENERATED ALWAYS AS (base * 2) VIRTUAL', values: [], from: ['base'] }),
      number('stored', { type: 'INT GENERATED ALWAYS AS (base + n) STORED', values: [], from: ['base', 'n'] }),
      word('last'),
    ]),
    keyed(
      'many',
      Array.from({ length: 320 }, (_, i) =>
        i % 5 === 4 ? word(`c${i}`, { type: 'VARCHAR(8)' }) : number(`c${i}`, { type: i % 2 === 0 ? 'SMALLINT' : 'BIGINT' }),
      ),
    ),
    keyed('t`a\'b"l e ü漢', [number('a`b'), word("c'd"), number('e"f'), word('g h'), word('ü漢'), number('select')], { schema: ODD_SCHEMA }),
  ];
}

/** Tables made with mysql56_temporal_format = OFF. */
export const OLD_MOMENTS: Table = keyed('old_moments', [...dates(), ...datetimes(DIGITS), ...timestamps(DIGITS), ...times(DIGITS)]);
