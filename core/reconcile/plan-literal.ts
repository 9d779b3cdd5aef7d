/**
 * Cells as SQL: literals that arrive to the bit, and comparisons that are equal exactly when the stored bytes are. The session must have the modes of
 * plan-sql.ts, time zone +00:00 and utf8mb4. Each form was tried on a real server: `-0e0 + 0e0` is 0, a SET of 64 members `+ 0` is signed.
 */
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { jsonLiteral } from './plan-json.ts';
import { cellForm } from './schema.ts';
import type { Cell, ColumnInfo } from './schema.ts';

export const quoteName = (name: string): string => `\`${name.replaceAll('`', '``')}\``;

/** `schema.table`, quoted. A schema's name may hold no dot here: the first one divides. */
export function quoteTable(table: string): string {
  const dot = table.indexOf('.');
  return `${quoteName(table.slice(0, dot))}.${quoteName(table.slice(dot + 1))}`;
}

const LABELLED = new Set(['enum', 'set', 'bit']);
const SPATIAL = new Set([
  'geometry',
  'point',
  'linestring',
  'polygon',
  'multipoint',
  'multilinestring',
  'multipolygon',
  'geomcollection',
  'geometrycollection',
]);
/** MariaDB's: fixed bytes, which only a cast makes */
const CAST = new Set(['uuid', 'inet4', 'inet6']);
/** reads as it stands whatever the client, the log or the eye does with it */
const PLAIN = /^[ !#-&(-[\]-~]*$/;
const DIGITS = /^-?\d+(\.\d+)?$/;
const FLOATING = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/;

/** Why no literal gives this cell; null: one does. The words follow the column's name. */
export function unwritable(c: ColumnInfo, cell: Cell): string | null {
  if (cell === null) return null;
  if (c.dataType === 'enum' && cell === '0') return 'holds the empty error value of an ENUM, which strict mode refuses';
  if (c.dataType === 'json' && cell.includes('"base64:type')) return 'holds an opaque value in a JSON document, which has no literal';
  return null;
}

/** A literal whose stored form is the cell's. Throws TypeError for a cell that is none of its column's. */
export function literal(c: ColumnInfo, cell: Cell): string {
  if (cell === null) return 'NULL';
  switch (cellForm(c)) {
    case 'digits':
    case 'decimal':
      return checked(DIGITS, c, cell);
    case 'float':
    case 'double':
      return doubleLiteral(c, cell);
    case 'temporal':
      return `'${checked(/^[-+:. \d]*$/, c, cell)}'`;
    case 'text':
      return textLiteral(c.charset === 'utf8' ? 'utf8mb3' : c.charset!, cell);
    case 'json':
      return jsonLiteral(cell, (text) => textLiteral('utf8mb4', text));
    case 'hex':
    default:
      if (CAST.has(c.dataType)) return `CAST(X'${checked(/^([0-9a-f]{2})+$/, c, cell)}' AS ${c.dataType.toUpperCase()})`;
      return `${c.charset === null ? '' : `_${c.charset} `}X'${checked(/^([0-9a-f]{2})*$/, c, cell)}'`;
  }
}

function checked(form: RegExp, c: ColumnInfo, cell: string): string {
  if (!form.test(cell)) throw new TypeError(`"${cell.slice(0, 80)}" is no value of ${c.name} ${c.columnType}`);
  return cell;
}

/** A float32 as the double it is: the shortest digits of a double read back to the same bits, then no rounding is left to be done. */
function doubleLiteral(c: ColumnInfo, cell: string): string {
  const n = Number(checked(FLOATING, c, cell));
  const text = Object.is(n, -0) ? '-0' : String(c.dataType === 'float' ? Math.fround(n) : n);
  return text.includes('e') ? text : `${text}e0`;
}

function textLiteral(charset: string, text: string): string {
  return PLAIN.test(text) ? `_${charset}'${text}'` : `_${charset} X'${bytesToHex(bytesIn(charset, text))}'`;
}

let latin1: Map<string, number> | undefined;

/** MySQL's latin1 is windows-1252, with its five holes as control characters. */
export function bytesIn(charset: string, text: string): Uint8Array {
  if (charset !== 'latin1') return utf8ToBytes(text);
  if (!latin1) {
    const all = new TextDecoder('windows-1252').decode(Uint8Array.from({ length: 256 }, (_, i) => i));
    latin1 = new Map(Array.from(all, (c, i) => [c, i]));
  }
  return Uint8Array.from(text, (c) => {
    const byte = latin1!.get(c);
    if (byte === undefined) throw new TypeError(`"${c}" is not in latin1`);
    return byte;
  });
}

/** True exactly when the column holds the cell's bytes; never NULL. */
export function same(c: ColumnInfo, cell: Cell): string {
  const name = quoteName(c.name);
  if (cell === null) return `${name} IS NULL`;
  switch (cellForm(c)) {
    case 'digits':
      return `${LABELLED.has(c.dataType) ? `CAST(${name} AS UNSIGNED)` : c.dataType === 'year' ? `${name} + 0` : name} <=> ${literal(c, cell)}`;
    case 'decimal':
      return `${name} <=> ${literal(c, cell)}`;
    case 'float':
    case 'double':
      // the two zeros compare as equal
      return Number(cell) === 0 ? `CAST(${name} - 0e0 AS CHAR) <=> '${cell}'` : `${name} - 0e0 <=> ${literal(c, cell)}`;
    case 'temporal':
      return `CAST(${name} AS CHAR) <=> ${literal(c, cell)}`;
    case 'text':
      return `CAST(${name} AS BINARY) <=> ${bytesLiteral(c.charset!, cell)}`;
    case 'json':
      return `CAST(CAST(${name} AS CHAR) AS BINARY) <=> ${bytesLiteral('utf8mb4', cell)}`;
    case 'hex':
    default:
      return SPATIAL.has(c.dataType) || CAST.has(c.dataType) || c.dataType === 'vector'
        ? `HEX(${name}) <=> '${cell.toUpperCase()}'`
        : `CAST(${name} AS BINARY) <=> X'${cell}'`;
  }
}

const bytesLiteral = (charset: string, text: string): string => (PLAIN.test(text) ? `'${text}'` : `X'${bytesToHex(bytesIn(charset, text))}'`);

/** Equality as the server's keys know it (collation, padding), by an index where there is one. */
export function equal(c: ColumnInfo, cell: Cell): string {
  const form = cellForm(c);
  const keyed = form === 'decimal' || form === 'temporal' || form === 'text' || (form === 'hex' && !SPATIAL.has(c.dataType) && c.dataType !== 'vector');
  if (cell === null || !(keyed || (form === 'digits' && !LABELLED.has(c.dataType) && c.dataType !== 'year'))) return same(c, cell);
  return `${quoteName(c.name)} = ${literal(c, cell)}`;
}
