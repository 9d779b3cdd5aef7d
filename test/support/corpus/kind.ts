/** What a corpus needs to know of a column's type: how the server tells a value exactly, and how a decoded value is put into the same words. */
import { doubleBits, floatBits } from './bits.ts';
import { canonOfDecoded, canonOfServer } from './json.ts';

export interface Context {
  /** labels are logged (binlog_row_metadata FULL) */
  full: boolean;
  /** collations are logged */
  collations: boolean;
  /** signedness is logged */
  signs: boolean;
}

/** A canonical text says all there is about a value; two values are the same when their texts are. */
export interface Kind {
  name: string;
  /** expressions that give the value of `column` without loss */
  select(column: string): string[];
  /** canonical text of what these gave; none of them is NULL */
  ofServer(parts: readonly string[]): string;
  /** canonical text of the decoder's JSON token. `parts`: what the server holds, for forms that are bytes where text is not known. Throws when the token has not the documented form. */
  ofToken(token: unknown, parts: readonly string[], context: Context): string;
}

const string = (token: unknown): string => {
  if (typeof token !== 'string') throw new Error(`not a string: ${JSON.stringify(token)}`);
  return token;
};
const object = (token: unknown, ...names: string[]): Record<string, unknown> => {
  if (typeof token !== 'object' || token === null) throw new Error(`not an object: ${JSON.stringify(token)}`);
  if (Object.keys(token).join() !== names.join()) throw new Error(`not {${names.join()}}: ${JSON.stringify(token)}`);
  return token as Record<string, unknown>;
};
const asText = (column: string) => [`CAST(${column} AS CHAR)`];

const plain = (name: string, is: RegExp): Kind => ({
  name,
  select: asText,
  ofServer: (parts) => parts[0]!,
  ofToken(token) {
    const text = string(token);
    if (!is.test(text)) throw new Error(`${text} is not a ${name}`);
    return text;
  },
});

/** Where the log does not say whether a number has a sign, a set top bit is told in both ways: the true one must be among them. */
export const INT: Kind = {
  name: 'int',
  select: asText,
  ofServer: (parts) => parts[0]!,
  ofToken(token, parts, context) {
    if (typeof token === 'string') return token;
    if (context.signs) throw new Error(`the sign is known: ${JSON.stringify(token)}`);
    const { signed, unsigned } = object(token, 'signed', 'unsigned');
    return string(parts[0]!.startsWith('-') ? signed : unsigned);
  },
};
/** ZEROFILL: the server pads what it prints. */
export const padded = (kind: Kind): Kind => ({ ...kind, select: (column) => [`${column} + 0`] });
export const DECIMAL = plain('decimal', /^-?\d+(\.\d+)?$/);
export const YEAR = plain('year', /^\d{4}$/);
export const DATE = plain('date', /^\d{4}-\d\d-\d\d$/);
export const DATETIME = plain('datetime', /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?$/);
export const TIME = plain('time', /^-?\d{2,3}:\d\d:\d\d(\.\d{1,6})?$/);

const floating = (name: string, bits: (n: number) => string): Kind => ({
  name,
  // A DOUBLE comes as text that reads back to the same bits; a FLOAT only when it is made a DOUBLE. Not CAST(… AS CHAR): that cuts at 22 characters.
  select: (column) => [`CAST(${column} AS DOUBLE)`],
  ofServer: (parts) => bits(Number(parts[0])),
  ofToken: (token) => bits(Number(string(token))),
});
export const FLOAT = floating('float', floatBits);
export const DOUBLE = floating('double', doubleBits);

export const BIT: Kind = {
  name: 'bit',
  select: (column) => [`CAST(CAST(${column} AS UNSIGNED) AS CHAR)`],
  ofServer: (parts) => parts[0]!,
  ofToken: (token) => string(token),
};

/** Text is told as text where the character set is known and its mapping exact, else as bytes; canonical is the text. */
export const TEXT: Kind = {
  name: 'text',
  select: (column) => [`HEX(CONVERT(${column} USING utf8mb4))`, `HEX(${column})`, `CHARSET(${column})`],
  ofServer: (parts) => Buffer.from(parts[0]!, 'hex').toString(),
  ofToken(token, parts, context) {
    const text = Buffer.from(parts[0]!, 'hex').toString();
    if (typeof token === 'string') return token;
    if (typeof token !== 'object' || token === null) throw new Error(`not text: ${JSON.stringify(token)}`);
    const { hex, charset, utf8, ...rest } = token as Record<string, unknown>;
    if (Object.keys(rest).length > 0) throw new Error(`unknown members: ${JSON.stringify(token)}`);
    if (charset !== parts[2] && (context.collations || charset !== undefined))
      throw new Error(`character set ${JSON.stringify(charset)}, the column's is ${parts[2]}`);
    if (utf8 !== undefined && Buffer.from(string(utf8)).toString('hex') !== hex) throw new Error(`utf8 and hex differ: ${JSON.stringify(token)}`);
    return string(hex).toUpperCase() === parts[1] ? text : `bytes ${string(hex)}`;
  },
};
/** Bytes have no character set; where collations are not logged they may be told with a reading as UTF-8. */
export const BYTES: Kind = {
  name: 'bytes',
  select: (column) => [`HEX(${column})`],
  ofServer: (parts) => parts[0]!,
  ofToken(token, _parts, context) {
    if (typeof token === 'string') return token.toUpperCase();
    if (context.collations) throw new Error(`not hex: ${JSON.stringify(token)}`);
    return string((token as { hex?: unknown } | null)?.hex).toUpperCase();
  },
};

/** Fixed bytes, of which the log leaves out the trailing zeros. Where it does not say that a column is binary, they cannot be put back. `stored`: the bytes, in hex, of what the server shows. */
export const fixedBytes = (name: string, select: (column: string) => string, stored: (shown: string) => string): Kind => ({
  name,
  select: (column) => [select(column)],
  ofServer: (parts) => stored(parts[0]!),
  ofToken(token, parts, context) {
    const hex = BYTES.ofToken(token, parts, context);
    const whole = stored(parts[0]!);
    return !context.collations && /^0*$/.test(whole.slice(hex.length)) && whole.startsWith(hex) ? whole : hex;
  },
});
export const BINARY = fixedBytes(
  'bytes',
  (column) => `HEX(${column})`,
  (shown) => shown,
);

/** canonical: index and label, `2 b`; the index alone says nothing about what was stored once the table is altered, so the label is checked where it is logged */
export const ENUM: Kind = {
  name: 'enum',
  select: (column) => [`CAST(${column} AS UNSIGNED)`, `HEX(CONVERT(${column} USING utf8mb4))`],
  ofServer: (parts) => `${parts[0]} ${Buffer.from(parts[1]!, 'hex').toString()}`,
  ofToken(token, parts, context) {
    const label = Buffer.from(parts[1]!, 'hex').toString();
    if (!context.full) return `${string(object(token, 'index').index)} ${label}`;
    const { index, label: told } = object(token, 'index', 'label');
    return `${string(index)} ${string(told)}`;
  },
};
/** Its labels are logged in a character set that the decoder need not read: right where they are told. */
export const ENUM_UNREAD: Kind = {
  ...ENUM,
  ofToken: (token, parts, context) => ENUM.ofToken(token, parts, { ...context, full: typeof token === 'object' && token !== null && 'label' in token }),
};
export const SET: Kind = {
  name: 'set',
  select: (column) => [`CAST(${column} AS UNSIGNED)`, `HEX(CONVERT(${column} USING utf8mb4))`],
  ofServer: (parts) => `${parts[0]} ${Buffer.from(parts[1]!, 'hex').toString()}`,
  ofToken(token, parts, context) {
    const labels = Buffer.from(parts[1]!, 'hex').toString();
    if (!context.full) return `${string(object(token, 'bits').bits)} ${labels}`;
    const { bits, labels: told } = object(token, 'bits', 'labels');
    return `${string(bits)} ${(told as unknown[]).map(string).join()}`;
  },
};

export const JSON_KIND: Kind = {
  name: 'json',
  select: asText,
  ofServer: (parts) => canonOfServer(parts[0]!),
  ofToken: (token) => canonOfDecoded(string(token)),
};

export const GEOMETRY: Kind = {
  name: 'geometry',
  select: (column) => [`HEX(${column})`],
  ofServer: (parts) => `${Buffer.from(parts[0]!, 'hex').readUInt32LE(0)} ${parts[0]!.slice(8)}`,
  ofToken(token) {
    const { srid, wkb } = object(token, 'srid', 'wkb');
    return `${string(srid)} ${string(wkb).toUpperCase()}`;
  },
};
export const VECTOR: Kind = {
  name: 'vector',
  select: (column) => [`HEX(${column})`],
  ofServer: (parts) => parts[0]!,
  ofToken(token) {
    const { vector } = object(token, 'vector');
    const out = Buffer.alloc((vector as unknown[]).length * 4);
    for (const [i, n] of (vector as unknown[]).entries()) out.writeFloatLE(Number(string(n)), i * 4);
    return out.toString('hex').toUpperCase();
  },
};
