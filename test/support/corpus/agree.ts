/**
 * The decoder against mysqlbinlog -vv, value by value. Where that tool prints less than the log holds, or something else, an exception
 * says so by name, with its reason; nothing is left out without one.
 */
import type { PrintedImage, PrintedRow } from '../mysqlbinlog-text.ts';
import { canonOfServer, lossyOfDecoded } from './json.ts';
import type { Context, Kind } from './kind.ts';
import type { DecodedImage, DecodedRow } from './decode.ts';
import type { Cell, Change } from './write.ts';

export const EXCEPTIONS = {
  'float-6-digits': 'FLOAT is printed with %g: six digits. Compared: what ours gives when it is printed so.',
  'year-0': 'YEAR 0000 is printed as 1900. Compared: that ours is 0000 there, as stored.',
  geometry: 'A GEOMETRY column ends the printing of its event: the rest of the row and all rows behind it are missing. Compared: the columns before it.',
  'vector-5-digits': 'VECTOR is printed with %.5e. Compared: what ours gives when it is printed so.',
  'enum-by-number': 'ENUM is printed by its number. Compared: the number.',
  'set-in-byte-order': 'SET is printed as bits, its bytes in the order of the file (lowest first). Compared: the bits, bytes turned round.',
  'json-types-lost': 'JSON is printed as the server prints it: a decimal is a number, a date a string. Compared: ours with its types taken away.',
  'json-root-string': 'A document that is one string is printed without the quotes that make it JSON. Compared: the string.',
  'partial-json':
    'A partial update is printed as a call of JSON_SET and its like, not as a document. Not compared; the document is compared with what was stored.',
  'timestamp-epoch': 'TIMESTAMP is printed as seconds since 1970. Compared: that number.',
  'no-signs': 'A negative number is printed in both readings. Compared: one of them, by the sign that the table map gives.',
  'raw-bytes': 'Text is printed as the bytes that are stored, whatever their character set. Compared: the bytes.',
  'compressed-column': 'mariadb-binlog prints a COMPRESSED column as its compressed bytes. Not compared.',
  'stripped-zeros': 'BINARY is printed without its trailing zeros, as it is in the log. Compared: with the zeros put back.',
} as const;
export type Exception = keyof typeof EXCEPTIONS;

export interface Agreement {
  values: number;
  /** how often each was needed */
  exceptions: Map<Exception, number>;
  differences: string[];
}

const DIFFERENCES_MAX = 40;

/** `expected`: gives each text's stored bytes. All three lists are of one table. */
export function agree(expected: readonly Change[], decoded: readonly DecodedRow[], printed: readonly PrintedRow[], context: Context): Agreement {
  const agreement: Agreement = { values: 0, exceptions: new Map(), differences: [] };
  const say = (line: string) => {
    if (agreement.differences.length < DIFFERENCES_MAX) agreement.differences.push(line);
  };
  // The rows of a statement's events are printed behind the last of them, so they are told by their order; by their event only where rows are missing.
  const missing = printed.some((row) => row.broken);
  const [ours, theirs] = missing ? [byEvent(decoded), byEvent(printed)] : [[decoded], [printed]];
  if (ours.length !== theirs.length) say(`${expected[0]?.table.name}: ${ours.length} row events, mysqlbinlog has ${theirs.length}`);
  let r = 0;
  for (const [e, rows] of ours.entries()) {
    const its = theirs[e] ?? [];
    const broken = its.at(-1)?.broken ?? null;
    if (broken) note(agreement, 'geometry');
    else if (its.length !== rows.length) say(`${rows[0]?.table.name}: ${rows.length} rows, mysqlbinlog has ${its.length}`);
    for (const [i, row] of rows.entries()) {
      const change = expected[r++];
      if (its[i] && change) agreeRow(`${row.table.name} row ${r - 1} (${row.op})`, change, row, its[i], context, agreement, say);
    }
  }
  return agreement;
}

function byEvent<T extends { event: number }>(rows: readonly T[]): (readonly T[])[] {
  const groups: T[][] = [];
  for (const row of rows) {
    if (groups.at(-1)?.[0]!.event === row.event) groups.at(-1)!.push(row);
    else groups.push([row]);
  }
  return groups;
}

function agreeRow(where: string, change: Change, row: DecodedRow, its: PrintedRow, context: Context, a: Agreement, say: (line: string) => void): void {
  if (its.op !== row.op) say(`${where}: mysqlbinlog says ${its.op}`);
  for (const side of ['before', 'after'] as const) {
    const [cells, image, printed] = [change[side], row[side], its[side]];
    // what follows the column that could not be printed is not printed either: the after-image too
    if (image && cells && (printed || its.broken)) agreeImage(`${where} ${side}`, cells, image, printed ?? [], its, change, context, a, say);
    else if (Boolean(image) !== Boolean(printed)) say(`${where}: one has a ${side}-image, the other not`);
  }
}

function note(a: Agreement, exception: Exception): void {
  a.exceptions.set(exception, (a.exceptions.get(exception) ?? 0) + 1);
}

function agreeImage(
  where: string,
  cells: readonly Cell[],
  decoded: DecodedImage,
  printed: PrintedImage,
  row: PrintedRow,
  change: Change,
  context: Context,
  a: Agreement,
  say: (line: string) => void,
): void {
  for (const [c, cell] of cells.entries()) {
    const [token, its] = [decoded[c], printed[c]];
    const column = change.table.columns[c]!;
    if (its === undefined && token !== undefined) {
      if (row.broken) note(a, 'geometry');
      else say(`${where} ${column.name}: mysqlbinlog has no such column`);
      continue;
    }
    if (token === undefined || token === null || its === null || its === undefined) {
      if ((token ?? undefined) !== (its ?? undefined) || (token === null) !== (its === null))
        say(`${where} ${column.name}: ${JSON.stringify(token)} and ${its?.raw}`);
      else a.values++;
      continue;
    }
    try {
      a.values++;
      const difference = differenceOf(column.kind, column.type, token, its, cell, context, (e) => note(a, e));
      if (difference) say(`${where} ${column.name}: ${difference}`);
    } catch (e) {
      say(`${where} ${column.name}: ${e instanceof Error ? e.message : String(e)} (printed ${its.raw.slice(0, 60)})`);
    }
  }
}

type Its = NonNullable<PrintedImage[number]>;

function differenceOf(kind: Kind, type: string, token: unknown, its: Its, cell: Cell, context: Context, except: (e: Exception) => void): string | null {
  if (/^'?JSON_(SET|REPLACE|REMOVE|INSERT|ARRAY_INSERT)\(/.test(its.raw) || its.raw.startsWith('@')) {
    except('partial-json');
    return null;
  }
  if (/\bCOMPRESSED\b/.test(type)) {
    except('compressed-column');
    return null;
  }
  const parts = cell.parts!;
  const ours = kind.ofToken(token, parts, context);
  const both = (mine: string, theirs: string) =>
    mine === theirs ? null : `ours ${mine.slice(0, 120)}, mysqlbinlog ${theirs.slice(0, 120)} (printed ${its.raw.slice(0, 60)})`;
  const rule = RULES[kind.name];
  return rule ? rule({ ours, its, type, parts, token, except, both }) : both(ours, its.bytes?.toString() ?? its.raw);
}

interface Given {
  ours: string;
  its: Its;
  type: string;
  parts: readonly string[];
  token: unknown;
  except: (e: Exception) => void;
  both: (mine: string, theirs: string) => string | null;
}
type Rule = (given: Given) => string | null;

const bitsOf = (raw: string): string => BigInt(`0b${raw.slice(2, -1)}`).toString();
const short = (s: string) => (s.includes('.') ? s.replace(/\.?0+$/, '') : s);
const g6 = (n: number): string => {
  if (n === 0) return Object.is(n, -0) ? '-0' : '0';
  const exponent = Number(n.toExponential(5).split('e')[1]);
  if (exponent >= -4 && exponent < 6) return short(n.toPrecision(6));
  const [m = '', e = ''] = n.toExponential(5).split('e');
  return `${short(m)}e${e[0]}${e.slice(1).padStart(2, '0')}`;
};

const e5 = (n: number) =>
  n
    .toExponential(5)
    .replace(/e([+-])(\d)$/, 'e$10$2')
    .replace(/^0/, Object.is(n, -0) ? '-0' : '0');

function fixedBytes({ ours, its, except, both }: Given): string | null {
  if (its.bytes!.length * 2 < ours.length) except('stripped-zeros');
  return both(
    ours,
    Buffer.concat([its.bytes!], ours.length / 2)
      .toString('hex')
      .toUpperCase(),
  );
}

const RULES: Record<string, Rule> = {
  int({ ours, its, except, both }) {
    const two = /^(-\d+) \((\d+)\)$/.exec(its.raw);
    if (!two) return both(ours, its.raw);
    except('no-signs');
    return both(ours, ours.startsWith('-') ? two[1]! : two[2]!);
  },
  float({ ours, its, except, both }) {
    except('float-6-digits');
    return both(g6(Buffer.from(ours, 'hex').readFloatBE(0)), its.raw);
  },
  double({ ours, its, both }) {
    const b = Buffer.alloc(8);
    b.writeDoubleBE(Number(its.raw));
    return both(ours, b.toString('hex'));
  },
  year({ ours, its, except, both }) {
    if (ours !== '0000') return both(ours, its.raw);
    except('year-0');
    return both('1900', its.raw);
  },
  bit: ({ ours, its, both }) => both(ours, bitsOf(its.raw)),
  date: ({ ours, its, both }) => both(ours, its.bytes!.toString().replaceAll(':', '-')),
  datetime({ ours, its, type, except, both }) {
    if (!type.startsWith('TIMESTAMP')) return both(ours, its.bytes!.toString());
    except('timestamp-epoch');
    const [second = '', fraction = ''] = ours.split('.');
    const zero = second.startsWith('0000-00-00');
    return both(`${zero ? 0 : Date.parse(`${second.replace(' ', 'T')}Z`) / 1000}${fraction === '' ? '' : `.${fraction}`}`, its.raw);
  },
  text({ ours, its, parts, except, both }) {
    // that ours is the stored text was shown by its own test; here its bytes
    const stored = Buffer.from(parts[1]!, 'hex');
    if (ours !== Buffer.from(parts[0]!, 'hex').toString()) return `ours ${ours.slice(0, 80)} is not what was stored`;
    except('raw-bytes');
    return both(stored.toString('hex'), its.bytes!.toString('hex'));
  },
  bytes({ ours, its, type, except, both }) {
    const n = /^BINARY\((\d+)\)/.exec(type)?.[1];
    if (n === undefined) return both(ours, its.bytes!.toString('hex').toUpperCase());
    if (its.bytes!.length < Number(n)) except('stripped-zeros');
    return both(ours, Buffer.concat([its.bytes!], Number(n)).toString('hex').toUpperCase());
  },
  // mariadb-binlog prints it as its bytes
  geometry: ({ ours, its, both }) => both(ours, `${its.bytes!.readUInt32LE(0)} ${its.bytes!.toString('hex', 4).toUpperCase()}`),
  uuid: (given) => fixedBytes(given),
  inet6: (given) => fixedBytes(given),
  inet4: (given) => fixedBytes(given),
  enum({ ours, its, except, both }) {
    except('enum-by-number');
    return both(ours.split(' ')[0]!, its.raw);
  },
  set({ ours, its, except, both }) {
    except('set-in-byte-order');
    const bytes = its.raw.slice(2, -1).match(/.{8}/g) ?? [];
    return both(ours.split(' ')[0]!, BigInt(`0b${bytes.toReversed().join('')}`).toString());
  },
  json({ its, token, except, both }) {
    const lossy = lossyOfDecoded(token as string);
    except(lossy.startsWith('"') ? 'json-root-string' : 'json-types-lost');
    if (lossy.startsWith('"')) return both(JSON.parse(lossy) as string, its.bytes!.toString());
    return both(lossy, canonOfServer(its.bytes!.toString()));
  },
  vector({ token, its, except, both }) {
    except('vector-5-digits');
    return both(`[${(token as { vector: string[] }).vector.map((t) => e5(Math.fround(Number(t)))).join()}]`, its.raw);
  },
};
