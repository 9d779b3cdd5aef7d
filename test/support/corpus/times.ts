/** Dates and times at their extremes, with every number of fraction digits. Sessions run in UTC, so a TIMESTAMP is what it stores. */
import { DATE, DATETIME, TIME } from './kind.ts';
import type { Column, Stored } from './table.ts';

const quoted = (...texts: string[]): Stored[] => texts.map((t) => ({ sql: `'${t}'`, is: t }));
const fraction = (digits: string, n: number): string => (n === 0 ? '' : `.${digits.slice(0, n)}`);
const least = (n: number): string => (n === 0 ? '' : `.${'1'.padStart(n, '0')}`);

export function dates(): Column[] {
  return [
    {
      name: 'da',
      type: 'DATE',
      kind: DATE,
      values: quoted('1000-01-01', '9999-12-31', '0000-00-00', '2025-00-00', '2025-02-00', '0001-01-01', '2024-02-29', '1970-01-01'),
    },
  ];
}

export function datetimes(digits: readonly number[]): Column[] {
  return digits.map((n) => ({
    name: `dt${n}`,
    type: `DATETIME(${n})`,
    kind: DATETIME,
    values: quoted(
      `1000-01-01 00:00:00${fraction('000000', n)}`,
      `9999-12-31 23:59:59${fraction('999999', n)}`,
      `0000-00-00 00:00:00${fraction('000000', n)}`,
      `2025-00-00 01:02:03${fraction('456789', n)}`,
      `2025-11-22 13:14:15${fraction('123456', n)}`,
      `0001-01-01 00:00:00${least(n)}`,
      `1999-12-31 23:59:59${least(n)}`,
    ),
  }));
}

/** `last`: the server's last second. */
export function timestamps(digits: readonly number[], last = '2038-01-19 03:14:07'): Column[] {
  return digits.map((n) => ({
    name: `ts${n}`,
    type: `TIMESTAMP(${n}) NULL`,
    kind: DATETIME,
    values: quoted(
      `1970-01-01 00:00:01${fraction('000000', n)}`,
      `${last}${fraction('999999', n)}`,
      `0000-00-00 00:00:00${fraction('000000', n)}`,
      `2025-11-22 13:14:15${fraction('654321', n)}`,
      `2001-09-09 01:46:40${least(n)}`,
    ),
  }));
}

export function times(digits: readonly number[]): Column[] {
  return digits.map((n) => ({
    name: `ti${n}`,
    type: `TIME(${n})`,
    kind: TIME,
    values: quoted(
      `-838:59:59${fraction('000000', n)}`,
      `838:59:59${fraction('000000', n)}`,
      `00:00:00${fraction('000000', n)}`,
      ...(n > 0 ? [`-00:00:00${least(n)}`, `-00:00:01${fraction('999999', n)}`, `-00:00:00${fraction('500000', n)}`] : ['-00:00:01']),
      `-01:00:00${fraction('000000', n)}`,
      `12:34:56${fraction('789012', n)}`,
      `-837:59:59${fraction('999999', n)}`,
      `-12:34:56${fraction('000001', n)}`,
      `23:59:59${fraction('999999', n)}`,
    ),
  }));
}
