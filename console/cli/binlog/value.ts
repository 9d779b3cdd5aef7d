/** Values for people, from the tokens of the JSON form: text in quotes, numbers and dates bare, binary as 0x… */
import { count } from '../../../core/report/text.ts';
import { COLUMN } from '../../../core/binlog/codes.ts';
import type { ColumnMeta } from '../../../core/binlog/table-map.ts';

const BINARY = 63;
const TEXT = new Set<number>([
  COLUMN.VARCHAR,
  COLUMN.VAR_STRING,
  COLUMN.STRING,
  COLUMN.TINY_BLOB,
  COLUMN.BLOB,
  COLUMN.MEDIUM_BLOB,
  COLUMN.LONG_BLOB,
  COLUMN.MARIA_BLOB_COMPRESSED,
  COLUMN.MARIA_VARCHAR_COMPRESSED,
]);

export type Kind = 'bare' | 'text' | 'binary' | 'set';
export const kindOf = (c: ColumnMeta): Kind => (c.type === COLUMN.SET ? 'set' : !TEXT.has(c.type) ? 'bare' : c.collation === BINARY ? 'binary' : 'text');

export type Token = null | string | Record<string, unknown>;

/** One line of text for a JSON token (docs/binlog.md). */
export function shownToken(token: Token, kind: Kind): string {
  if (token === null) return 'NULL';
  if (typeof token === 'string') return kind === 'bare' ? token : kind === 'text' ? quoted(token) : `0x${token}`;
  if ('signed' in token) return `${String(token['signed'])} or ${String(token['unsigned'])} (signedness not logged)`;
  if ('index' in token) return 'label' in token ? quoted(String(token['label'])) : `${String(token['index'])} (label not logged)`;
  if ('labels' in token) return quoted((token['labels'] as string[]).join(','));
  if ('bits' in token) return kind === 'set' ? `${String(token['bits'])} (labels not logged)` : `0x${String(token['bits'])} (no number)`;
  if ('utf8' in token) return quoted(String(token['utf8']));
  if ('hex' in token) return `0x${String(token['hex'])}${'charset' in token ? ` (${String(token['charset'])})` : ''}`;
  if ('wkb' in token) return `0x${String(token['wkb'])} (SRID ${String(token['srid'])})`;
  if ('vector' in token) return `[${(token['vector'] as string[]).join(', ')}]`;
  if ('underivable' in token) return `cannot be told: ${String(token['underivable'])}`;
  return JSON.stringify(token);
}

/** Of what is too long to be shown; undefined: its characters are counted. */
export function sizeOf(token: Token, kind: Kind): string | undefined {
  if (typeof token !== 'string' || kind === 'bare') return undefined;
  return kind === 'text' ? `${count(token.length)} characters` : `${count(token.length / 2)} bytes`;
}

/** Line breaks and tabs are written out, so that a value stays on its line and can be told from one with spaces. */
const ESCAPES: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\', "'": "\\'" };
const ESCAPED = /[\n\r\t\\']/;
const quoted = (text: string): string => `'${ESCAPED.test(text) ? text.replace(/[\n\r\t\\']/g, (c) => ESCAPES[c]!) : text}'`;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The JSON token in buf[start, end). A plain ASCII string, which most are, is not parsed. */
export function tokenOf(buf: Uint8Array, start: number, end: number): Token {
  const bytes = Buffer.from(buf.buffer, buf.byteOffset + start, end - start);
  if (buf[start] !== QUOTE) return JSON.parse(bytes.toString('utf8')) as Token;
  for (let i = start + 1; i < end - 1; i++) if (buf[i]! >= 0x80 || buf[i] === BACKSLASH) return JSON.parse(bytes.toString('utf8')) as Token;
  return bytes.toString('latin1', 1, end - start - 1);
}

/** buf[0, middle) equals buf[middle, end). */
export function sameBytes(buf: Uint8Array, middle: number, end: number): boolean {
  if (end !== 2 * middle) return false;
  for (let i = 0; i < middle; i++) if (buf[i] !== buf[middle + i]) return false;
  return true;
}
