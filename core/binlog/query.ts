/**
 * QUERY events (2) and MariaDB's QUERY_COMPRESSED (165): thread 4, seconds 4, length of the schema 1, error 2, length of the status variables 2 (post-header: 13),
 * status variables, schema, NUL, statement. EXECUTE_LOAD_QUERY (18) has 13 bytes more in its post-header: file 4, where its name stands in the statement 4 and 4, duplicates 1. Source: libs/mysql/binlog/event/statement_events.h; MariaDB's sql/log_event.h.
 */
import { EVENT } from './codes.ts';
import { BinlogDamage } from './finding.ts';
import { latin1Of, nameOf, textOf } from './query-text.ts';
import type { Format } from './visitor.ts';
import { need, u16 } from './wire.ts';

/** What a QUERY event is to the grammar, told from its bytes without making a string. `other`: a statement of its own. */
export type QueryKind = 'begin' | 'commit' | 'rollback' | 'savepoint' | 'xa-start' | 'xa-end' | 'xa-commit' | 'xa-rollback' | 'other';

export interface Query {
  schema: string;
  text: string;
  /** false: bytes that are not valid in the client's character set */
  exact: boolean;
  /** client's collation id from the status variables; null: not in the event */
  collation: number | null;
  errorCode: number;
  /** DDL or administrative: a transaction of its own */
  ddl: boolean;
}

const POST_HEADER_MIN = 13;
const LOAD_POST_HEADER_MIN = 26;
const SCHEMA_LENGTH_AT = 8;
const ERROR_AT = 9;
const STATUS_LENGTH_AT = 11;

type StatementType = typeof EVENT.QUERY | typeof EVENT.EXECUTE_LOAD_QUERY;

const postHeaderOf = (format: Format, type: StatementType): number =>
  Math.max(type === EVENT.QUERY ? POST_HEADER_MIN : LOAD_POST_HEADER_MIN, format.postHeaderLengths[type - 1] ?? 0);

/** Where the statement begins (of QUERY_COMPRESSED: its compressed part). */
export function statementStart(buf: Uint8Array, start: number, end: number, format: Format, type: StatementType = EVENT.QUERY): number {
  const postHeader = postHeaderOf(format, type);
  need(start, postHeader, end, 'a QUERY event');
  const schemaBytes = buf[start + SCHEMA_LENGTH_AT]!;
  const at = start + postHeader + u16(buf, start + STATUS_LENGTH_AT) + schemaBytes;
  need(at, 1, end, 'the schema of a QUERY event');
  if (buf[at] !== 0) throw new BinlogDamage('structure', 'the schema of a QUERY event does not end with NUL');
  return at + 1;
}

export function queryKind(buf: Uint8Array, start: number, end: number, format: Format): QueryKind {
  return statementKind(buf, statementStart(buf, start, end, format), end);
}

/** The same of the bare statement, e.g. an inflated one. */
export function statementKind(buf: Uint8Array, start: number, end: number): QueryKind {
  // what the servers themselves write
  if (end - start === 5 && isWord(buf, start, end, 'BEGIN')) return 'begin';
  let pos = skipBlanks(buf, start, end);
  if (isWord(buf, pos, end, 'BEGIN')) return endsAfterWork(buf, pos + 5, end) ? 'begin' : 'other';
  if (isWord(buf, pos, end, 'COMMIT')) return endsAfterWork(buf, pos + 6, end) ? 'commit' : 'other';
  if (isWord(buf, pos, end, 'SAVEPOINT')) return 'savepoint';
  if (isWord(buf, pos, end, 'RELEASE')) return isWord(buf, skipBlanks(buf, pos + 7, end), end, 'SAVEPOINT') ? 'savepoint' : 'other';
  if (isWord(buf, pos, end, 'ROLLBACK')) return endsAfterWork(buf, pos + 8, end) ? 'rollback' : 'savepoint';
  if (isWord(buf, pos, end, 'START')) return isWord(buf, skipBlanks(buf, pos + 5, end), end, 'TRANSACTION') ? 'begin' : 'other';
  if (!isWord(buf, pos, end, 'XA')) return 'other';
  pos = skipBlanks(buf, pos + 2, end);
  if (isWord(buf, pos, end, 'START') || isWord(buf, pos, end, 'BEGIN')) return 'xa-start';
  if (isWord(buf, pos, end, 'END')) return 'xa-end';
  if (isWord(buf, pos, end, 'COMMIT')) return 'xa-commit';
  if (isWord(buf, pos, end, 'ROLLBACK')) return 'xa-rollback';
  return 'other';
}

/** `inflated`: the statement of MariaDB's QUERY_COMPRESSED, already inflated by the caller with compressedPart. */
export function parseQuery(buf: Uint8Array, start: number, end: number, format: Format, inflated?: Uint8Array): Query {
  return parseStatement(buf, start, end, format, EVENT.QUERY, inflated);
}

export function parseLoadQuery(buf: Uint8Array, start: number, end: number, format: Format): Query {
  return parseStatement(buf, start, end, format, EVENT.EXECUTE_LOAD_QUERY);
}

function parseStatement(buf: Uint8Array, start: number, end: number, format: Format, type: StatementType, inflated?: Uint8Array): Query {
  const at = statementStart(buf, start, end, format, type);
  const statusStart = start + postHeaderOf(format, type);
  const statusEnd = statusStart + u16(buf, start + STATUS_LENGTH_AT);
  const collation = clientCollation(buf, statusStart, statusEnd);
  const [from, first, last] = inflated ? [inflated, 0, inflated.length] : [buf, at, end];
  return {
    schema: nameOf(buf, statusEnd, at - 1),
    ...textOf(from, first, last, collation, format.flavour),
    collation,
    errorCode: u16(buf, start + ERROR_AT),
    ddl: isDdl(from, first, last),
  };
}

/** Status variables before the character set, in the order in which both servers write them, with their bytes; -1: a length byte, then so many; -2: those and a NUL. */
const STATUS_BYTES: Record<number, number> = { 0: 4, 1: 8, 2: -2, 3: 4, 6: -1 };
const STATUS_CHARSET = 4;

function clientCollation(buf: Uint8Array, start: number, end: number): number | null {
  let pos = start;
  while (pos < end) {
    const code = buf[pos++]!;
    if (code === STATUS_CHARSET) {
      need(pos, 6, end, 'the character set of a QUERY event');
      return u16(buf, pos);
    }
    const bytes = STATUS_BYTES[code];
    if (bytes === undefined) return null;
    need(pos, 1, end, 'a status variable of a QUERY event');
    const skip = bytes >= 0 ? bytes : buf[pos]! - bytes;
    need(pos, skip, end, 'a status variable of a QUERY event');
    pos += skip;
  }
  return null;
}

const DML = new Set([
  'INSERT',
  'UPDATE',
  'DELETE',
  'REPLACE',
  'LOAD',
  'CALL',
  'SELECT',
  'WITH',
  'DO',
  'SET',
  'VALUES',
  'TABLE',
  'HANDLER',
  'EXECUTE',
  'BINLOG',
  'BEGIN',
  'START',
  'COMMIT',
  'ROLLBACK',
  'SAVEPOINT',
  'RELEASE',
  'XA',
]);
/** Statements that begin with SET and end the transaction like any DDL. */
const SET_ACCOUNT = /^(PASSWORD|DEFAULT\s+ROLE|RESOURCE)\b/i;
const WORD_BYTES_MAX = 16;
const SET_BYTES_MAX = 512;
const TAIL_BYTES_MAX = 64;

/**
 * Whether a statement commits implicitly and so is a transaction of its own, from its first words. CREATE TABLE … START TRANSACTION is not: its rows and their
 * commit follow. An empty statement is not.
 */
export function isDdl(buf: Uint8Array, start: number, end: number): boolean {
  let pos = skipBlanks(buf, start, end);
  while (pos < end && buf[pos] === 0x28) pos = skipBlanks(buf, pos + 1, end);
  const word = /^[a-z]+/i.exec(latin1Of(buf, pos, Math.min(end, pos + WORD_BYTES_MAX)))?.[0].toUpperCase();
  if (word === undefined) return false;
  if (word === 'CREATE') return !/\bSTART\s+TRANSACTION\s*;?\s*$/i.test(latin1Of(buf, Math.max(pos, end - TAIL_BYTES_MAX), end));
  if (word !== 'SET') return !DML.has(word);
  const what = skipBlanks(buf, pos + word.length, end);
  const rest = latin1Of(buf, what, Math.min(end, what + SET_BYTES_MAX));
  // MariaDB's SET STATEMENT variable = value FOR statement
  const inner = /^STATEMENT\b.*?\bFOR\s+([a-z]+)/is.exec(rest)?.[1];
  return inner === undefined ? SET_ACCOUNT.test(rest) : !DML.has(inner.toUpperCase());
}

const SPACE = (c: number): boolean => c === 0x20 || (c >= 0x09 && c <= 0x0d);
/** Letters, digits, underscore, dollar and everything above ASCII can go on a word. */
const IN_WORD = (c: number): boolean => c >= 0x80 || c === 0x24 || c === 0x5f || (c >= 0x30 && c <= 0x39) || ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x7a);

/** `upper` stands at pos, in any case, and ends there. */
function isWord(buf: Uint8Array, pos: number, end: number, upper: string): boolean {
  const after = pos + upper.length;
  if (after > end) return false;
  for (let i = 0; i < upper.length; i++) if ((buf[pos + i]! & 0xdf) !== upper.charCodeAt(i)) return false;
  return after === end || !IN_WORD(buf[after]!);
}

/** Nothing but WORK, blanks and a semicolon is left. */
function endsAfterWork(buf: Uint8Array, start: number, end: number): boolean {
  let pos = skipBlanks(buf, start, end);
  if (isWord(buf, pos, end, 'WORK')) pos = skipBlanks(buf, pos + 4, end);
  while (pos < end && buf[pos] === 0x3b) pos = skipBlanks(buf, pos + 1, end);
  return pos === end;
}

/** Spaces and comments; a comment that servers execute (/*! and /*M!) is entered behind its version, and its end is a blank too. */
function skipBlanks(buf: Uint8Array, start: number, end: number): number {
  let pos = start;
  while (pos < end) {
    const c = buf[pos]!;
    const next = pos + 1 < end ? buf[pos + 1]! : 0;
    if (SPACE(c)) pos++;
    else if (c === 0x23 || (c === 0x2d && next === 0x2d && (pos + 2 === end || SPACE(buf[pos + 2]!)))) pos = endOfLine(buf, pos, end);
    else if (c === 0x2a && next === 0x2f) pos += 2;
    else if (c === 0x2f && next === 0x2a) pos = endOfComment(buf, pos + 2, end);
    else break;
  }
  return pos;
}

function endOfLine(buf: Uint8Array, start: number, end: number): number {
  let pos = start;
  while (pos < end && buf[pos] !== 0x0a) pos++;
  return pos;
}

function endOfComment(buf: Uint8Array, start: number, end: number): number {
  let pos = start;
  if (pos < end && buf[pos] === 0x4d && buf[pos + 1] === 0x21) pos++;
  if (pos < end && buf[pos] === 0x21) {
    pos++;
    while (pos < end && buf[pos]! >= 0x30 && buf[pos]! <= 0x39) pos++;
    return pos;
  }
  while (pos < end && !(buf[pos] === 0x2a && pos + 1 < end && buf[pos + 1] === 0x2f)) pos++;
  return Math.min(end, pos + 2);
}
