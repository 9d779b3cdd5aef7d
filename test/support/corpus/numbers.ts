/** Numbers at their extremes. */
import { doubleBits, floatBits } from './bits.ts';
import { BIT, DECIMAL, DOUBLE, FLOAT, INT, padded, YEAR } from './kind.ts';
import type { Column, Stored } from './table.ts';

const same = (...texts: string[]): Stored[] => texts.map((t) => ({ sql: t, is: t }));

const big = (...n: bigint[]): Stored[] => same(...n.map(String));

export const ID: Column = { name: 'id', type: 'INT', kind: INT, values: [], nullable: false };
/** Every UPDATE changes it, so that every UPDATE writes a row. */
export const COUNTER: Column = { name: 'n', type: 'INT', kind: INT, values: [{ sql: '0', is: '0' }], nullable: false };

export function integers(): Column[] {
  return [
    ['TINYINT', 8],
    ['SMALLINT', 16],
    ['MEDIUMINT', 24],
    ['INT', 32],
    ['BIGINT', 64],
  ].flatMap(([type, bits]) => {
    const top = 1n << BigInt(bits!);
    const half = top / 2n;
    return [
      { name: `${type}_s`.toLowerCase(), type: String(type), kind: INT, values: big(-half, half - 1n, 0n, -1n, 1n, -half + 1n) },
      { name: `${type}_u`.toLowerCase(), type: `${type} UNSIGNED`, kind: INT, values: big(0n, top - 1n, half, half - 1n, 1n, top - 2n) },
      { name: `${type}_z`.toLowerCase(), type: `${type} ZEROFILL`, kind: padded(INT), values: big(0n, top - 1n, half, 1n) },
    ];
  });
}

/** Around the borders of DECIMAL's groups of nine digits. */
export const DECIMALS = [
  [1, 0],
  [5, 2],
  [9, 9],
  [9, 0],
  [10, 0],
  [18, 9],
  [19, 10],
  [30, 0],
  [38, 19],
  [65, 0],
  [65, 30],
] as const;

export function decimals(): Column[] {
  return DECIMALS.flatMap(([precision, scale]) => {
    const digits = (d: string) => {
      const whole = d.slice(0, precision - scale).replace(/^0+(?=\d)/, '') || '0';
      return scale > 0 ? `${whole}.${d.slice(precision - scale)}` : whole;
    };
    const max = digits('9'.repeat(precision));
    const one = digits('1'.padStart(precision, '0'));
    const counted = digits('1234567890'.repeat(7).slice(0, precision));
    const border = digits('1000000000'.repeat(7).slice(0, precision));
    const values = [max, `-${max}`, one, `-${one}`, digits('0'.repeat(precision)), counted, `-${counted}`, border, `-${border}`];
    const column = (suffix: string, more: string, stored: string[], kind = DECIMAL) => ({
      name: `d_${precision}_${scale}${suffix}`,
      type: `DECIMAL(${precision},${scale})${more}`,
      kind,
      values: same(...stored),
    });
    const positive = values.filter((v) => !v.startsWith('-'));
    return [column('', '', values), column('_u', ' UNSIGNED', positive), column('_z', ' ZEROFILL', positive, padded(DECIMAL))];
  });
}

const FLOATS = [
  0,
  -0,
  1,
  -1,
  0.1,
  1.5,
  16_777_216,
  16_777_217,
  804_924.6875,
  1.17549435e-38,
  1e-45,
  -1e-45,
  3.4028234663852886e38,
  -3.4028234663852886e38,
  1 / 3,
  123_456.789,
  5.877472e-39,
  1e10,
];
const DOUBLES = [
  0,
  -0,
  1,
  -1,
  0.1,
  0.2 + 0.1,
  1 / 3,
  5e-324,
  -5e-324,
  2.2250738585072014e-308,
  2.225073858507201e-308,
  1.7976931348623157e308,
  -1.7976931348623157e308,
  9_007_199_254_740_994,
  1e21,
  1e22,
  123_456_789.123_456_78,
  4.35,
  1e-7,
  2 ** 63,
  100,
];

const literal = (n: number): string => (Object.is(n, -0) ? '-0e0' : n.toExponential());

/** `signedZero`: the server prints -0 as such (MariaDB does not, so that what it holds cannot be told from what it prints). */
export function floats(signedZero = true): Column[] {
  const kept = (n: number) => signedZero || !Object.is(n, -0);
  return [
    {
      name: 'f',
      type: 'FLOAT',
      kind: FLOAT,
      values: FLOATS.filter(kept)
        .map(Math.fround)
        .map((n) => ({ sql: literal(n), is: floatBits(n) })),
    },
    { name: 'd', type: 'DOUBLE', kind: DOUBLE, values: DOUBLES.filter(kept).map((n) => ({ sql: literal(n), is: doubleBits(n) })) },
    { name: 'f_7_4', type: 'FLOAT(7,4)', kind: FLOAT, values: [-999.9999, 1.25].map((n) => ({ sql: String(n), is: floatBits(Math.fround(n)) })) },
    { name: 'd_10_3', type: 'DOUBLE(10,3)', kind: DOUBLE, values: [-1234567.125, 0.001].map((n) => ({ sql: String(n), is: doubleBits(n) })) },
    { name: 'y', type: 'YEAR', kind: YEAR, values: ["'0000'", '1901', '2155', '1970', '2000'].map((y) => ({ sql: y, is: y.replaceAll("'", '') })) },
  ];
}

/** BIT(1) to BIT(64). */
export function bits(): Column[] {
  return Array.from({ length: 64 }, (_, i) => {
    const max = (1n << BigInt(i + 1)) - 1n;
    const values = [max, 0n, 1n, max >> 1n, 0xa5a5_5a5a_dead_beefn & max].map(String);
    return { name: `b${i + 1}`, type: `BIT(${i + 1})`, kind: BIT, values: same(...values) };
  });
}
