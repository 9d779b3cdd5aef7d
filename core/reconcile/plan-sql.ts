/**
 * The statements of a plan. Each transaction has one guard: a locking read of all its rows and unique keys, one character for each change (1: as the plan saw it, to
 * be done; 0: already as planned; x: neither, the plan is stale). The file that people run carries it in user variables, `--apply` reads it.
 */
import { equal, literal, quoteName, quoteTable, same } from './plan-literal.ts';
import { keysOf, tupleOf } from './plan-make.ts';
import { written } from './plan-model.ts';
import type { PlannedChange, PlannedTransaction, RecoveryPlan } from './plan-model.ts';
import type { Cells } from './schema.ts';

export const JOURNAL_SCHEMA = 'drillbook';
export const JOURNAL = 'drillbook.journal';
/** Names what is done: a plan's transactions, and the lost ones that each put in place. `changed`: rows, without those that were there already. */
export const JOURNAL_DDL: readonly string[] = [
  `CREATE DATABASE IF NOT EXISTS ${JOURNAL_SCHEMA}`,
  `CREATE TABLE IF NOT EXISTS ${JOURNAL} (plan CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, number INT NOT NULL, gtids MEDIUMTEXT CHARACTER SET ascii NOT NULL, changed INT NOT NULL, applied_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), PRIMARY KEY (plan, number)) ENGINE = InnoDB`,
];

export const JOURNAL_EXISTS = `EXISTS (SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = '${JOURNAL_SCHEMA}' AND TABLE_NAME = 'journal')`;

/** As the server prints it. Zero and impossible dates that were stored can be stored again; nothing is cut or rounded in silence. */
const SQL_MODE = 'NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION';

/** Without gap locks an absent key locks nothing of its neighbours; a row that comes in between is met by the unique key. */
export const SESSION: readonly string[] = [
  'SET NAMES utf8mb4',
  `SET SESSION time_zone = '+00:00', sql_mode = '${SQL_MODE}', sql_safe_updates = 0, foreign_key_checks = 1, unique_checks = 1`,
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
];

/** MariaDB has no server_uuid, and not all of its versions a server_uid. */
export const MARIADB_NAME = "CONCAT_WS('/', @@hostname, @@port, @@server_id)";

/** The server is the one that the plan is for. */
export function isSource({ source }: RecoveryPlan): string {
  const mariadb = source.includes('/');
  // a host's name holds no quote; nothing else comes into the text
  return `${mariadb ? MARIADB_NAME : '@@server_uuid'} = '${source.replaceAll(/['\\]/g, '')}'`;
}

/** The session is as the plan needs it, after a reconnection too. */
function sessionHolds(plan: RecoveryPlan): string {
  return `${isSource(plan)} AND @@session.time_zone = '+00:00' AND @@session.sql_mode = '${SQL_MODE}' AND @@session.character_set_client = 'utf8mb4'`;
}

/** The guard's read: `ok` and `todo`, one row. `into`: user variables that take them instead; `and`: what else must hold. */
export function guardOf(plan: RecoveryPlan, t: PlannedTransaction, file?: { into: string; and: string }): string {
  const freed = new Set<string>();
  for (const c of t.changes) {
    for (const key of keysOf(c.table)) {
      const was = tupleOf(key, c.seen);
      if (was !== null && !c.copies && tupleOf(key, c.target) !== was) freed.add(was);
    }
  }
  const states = t.changes.map((c) => stateOf(c, freed));
  const journal = `NOT EXISTS (SELECT 1 FROM ${JOURNAL} WHERE plan = '${plan.digest}' AND number = ${t.number} FOR UPDATE)`;
  return (
    `SELECT IF(${sessionHolds(plan)}${file ? ` AND ${file.and}` : ''} AND ${journal} AND INSTR(g.todo, 'x') = 0, 1, 0) AS ok, g.todo AS todo${file ? ` INTO ${file.into}` : ''}\n` +
    `  FROM (SELECT CONCAT(\n    ${states.join(',\n    ')}) AS todo LIMIT 1) AS g`
  );
}

/** One character, as the head of this file says. The rows are locked by this read. */
export function stateOf(c: PlannedChange, freed: ReadonlySet<string>): string {
  const table = quoteTable(c.table.name);
  if (c.copies)
    return `(SELECT CASE COUNT(*) WHEN ${c.copies.target} THEN '0' WHEN ${c.copies.seen} THEN '1' ELSE 'x' END FROM ${table} WHERE ${whereOf(c)} FOR UPDATE)`;
  const none = c.target === null ? '0' : c.seen === null ? '1' : 'x';
  const cases = [
    ...(c.target ? [`WHEN ${rowIs(c, c.target)} THEN '0'`] : []),
    // what is there as planned need not be looked at twice
    ...(c.seen ? [`WHEN ${rowIs(c, c.seen)} THEN '1'`] : []),
  ];
  const state = `(SELECT CASE COUNT(*) WHEN 0 THEN '${none}' WHEN 1 THEN MAX(CASE ${cases.join(' ')} ELSE 'x' END) ELSE 'x' END FROM ${table} WHERE ${whereOf(c)} FOR UPDATE)`;
  const taken = takenBy(c, freed);
  return taken.length === 0 ? state : `IF(${taken.join(' OR ')}, 'x', ${state})`;
}

function rowIs(c: PlannedChange, row: Cells): string {
  const seen = row === c.seen;
  const parts = c.table.columns.flatMap((o, i) => {
    const cell = row[i];
    return cell === undefined || o.generated !== null || (!seen && c.rekey === true && o.autoIncrement) ? [] : [same(o, cell)];
  });
  return parts.join(' AND ') || 'TRUE';
}

/** Other rows that hold a unique key of the target. A key that a change of the same transaction frees is left to the server. */
function takenBy(c: PlannedChange, freed: ReadonlySet<string>): string[] {
  const out: string[] = [];
  for (const key of keysOf(c.table)) {
    const is = key.unique ? tupleOf(key, c.target) : null;
    if (is === null || freed.has(is) || tupleOf(key, c.seen) === is) continue;
    const { columns } = c.table;
    if (c.rekey === true && key.columns.some((i) => columns[i]!.autoIncrement)) continue;
    // the identity itself: the row that has it is the row
    if (key.columns.every((i) => c.where[i] !== undefined) && key.columns.length === c.where.filter((w) => w !== undefined).length) continue;
    const has = key.columns.map((i) => equal(columns[i]!, c.target![i]!)).join(' AND ');
    out.push(`EXISTS (SELECT 1 FROM ${quoteTable(c.table.name)} WHERE ${has} AND NOT (${whereOf(c)}) FOR UPDATE)`);
  }
  return out;
}

/** Finds the row by its identity; one without an identity by all its bytes. */
export function whereOf(c: PlannedChange): string {
  const form = c.copies ? same : equal;
  return c.table.columns.flatMap((o, i) => (c.where[i] === undefined ? [] : [form(o, c.where[i])])).join(' AND ') || 'TRUE';
}

export interface Statement {
  sql: string;
  /** rows it changes */
  rows: number;
}

/** `guard`: a condition under which the statement does anything at all. `id`: stands for the AUTO_INCREMENT id, where it may be given anew. */
export function statementsOf(c: PlannedChange, guard?: string, id?: string): Statement[] {
  const table = quoteTable(c.table.name);
  const and = guard === undefined ? '' : ` AND ${guard}`;
  if (c.copies) {
    const more = c.copies.target - c.copies.seen;
    if (more < 0) return [{ sql: `DELETE FROM ${table} WHERE ${whereOf(c)}${and} LIMIT ${-more}`, rows: -more }];
    return Array.from({ length: more }, () => ({ sql: insertOf(c, guard, id), rows: 1 }));
  }
  if (!c.seen) return [{ sql: insertOf(c, guard, id), rows: 1 }];
  const where = `WHERE ${whereOf(c)}${childless(c)}${and}`;
  if (!c.target) return [{ sql: `DELETE FROM ${table} ${where}`, rows: 1 }];
  // a column with ON UPDATE CURRENT_TIMESTAMP stays as it is only when it is named
  const kept = c.table.columns.filter(
    (o, i) => c.target![i] === undefined && o.generated === null && (o.dataType === 'timestamp' || o.dataType === 'datetime'),
  );
  const sets = written(c).map((i) => `${quoteName(c.table.columns[i]!.name)} = ${literal(c.table.columns[i]!, c.target![i]!)}`);
  return [{ sql: `UPDATE ${table} SET ${[...sets, ...kept.map((o) => `${quoteName(o.name)} = ${quoteName(o.name)}`)].join(', ')} ${where}`, rows: 1 }];
}

export const insertColumns = (c: PlannedChange): string =>
  written(c)
    .map((i) => quoteName(c.table.columns[i]!.name))
    .join(', ');
export const insertValues = (c: PlannedChange, id?: string): string =>
  written(c)
    .map((i) => (id !== undefined && c.table.columns[i]!.autoIncrement ? id : literal(c.table.columns[i]!, c.target![i]!)))
    .join(', ');

function insertOf(c: PlannedChange, guard?: string, id?: string): string {
  const head = `INSERT INTO ${quoteTable(c.table.name)} (${insertColumns(c)})`;
  return guard === undefined ? `${head} VALUES (${insertValues(c, id)})` : `${head} SELECT ${insertValues(c, id)} FROM DUAL WHERE ${guard}`;
}

/** Every byte is what the plan saw: the condition of a statement that a person runs by hand. */
export const whereSeen = (c: PlannedChange): string => (c.seen ? rowIs(c, c.seen) : 'TRUE');

/** The row beside the one that has its id. */
export function insertOfAnyId(c: PlannedChange): string {
  const target = c.target!.map((cell, i) => (c.table.columns[i]!.autoIncrement ? undefined : cell));
  return insertOf({ ...c, target });
}

/**
 * A parent whose children the server would change along: only when it has none. What of them is planned has been done before, and nothing else may be touched. The
 * parent is locked, so none can come. The derived table lets a table be its own parent.
 */
function childless(c: PlannedChange): string {
  let text = '';
  for (const key of c.table.referencedBy) {
    if (c.target ? RESTRICTS.has(key.onUpdate) : RESTRICTS.has(key.onDelete)) continue;
    const columns = key.parentColumns.map((n) => c.table.columns.findIndex((o) => o.name === n));
    const cells = columns.map((i) => c.seen![i]);
    if (
      cells.some((cell) => cell === null || cell === undefined) ||
      (c.target && columns.every((i) => c.target![i] === c.seen![i] || c.target![i] === undefined))
    )
      continue;
    const has = key.columns.map((n, i) => `${quoteName(n)} = ${literal(c.table.columns[columns[i]!]!, cells[i]!)}`).join(' AND ');
    text += ` AND NOT EXISTS (SELECT 1 FROM (SELECT 1 FROM ${quoteTable(key.table)} WHERE ${has} LIMIT 1) AS children)`;
  }
  return text;
}

const RESTRICTS = new Set(['RESTRICT', 'NO ACTION']);

/** The AUTO_INCREMENT id of a row that may be given another, as SQL: its old one where that is free, else NULL, for which the server gives one. */
export function freeId(c: PlannedChange): { column: string; value: string; taken: string } | null {
  const at = c.rekey === true && c.target && !c.seen ? c.table.columns.findIndex((o) => o.autoIncrement) : -1;
  const cell = at === -1 ? undefined : c.target![at];
  if (cell === undefined || cell === null) return null;
  const o = c.table.columns[at]!;
  const value = literal(o, cell);
  return { column: quoteName(o.name), value, taken: `EXISTS (SELECT 1 FROM ${quoteTable(c.table.name)} WHERE ${equal(o, cell)})` };
}

export const journalColumns = 'plan, number, gtids, changed';
export const journalValues = (plan: RecoveryPlan, t: PlannedTransaction, changed: string): string =>
  `'${plan.digest}', ${t.number}, '${gtidText(t.gtids)}', ${changed}`;

/** Digits, hex, tags: nothing that needs quoting; anything else is left out of the text. */
const gtidText = (gtids: readonly string[]): string => gtids.join(',').replace(/[^\w:,-]/g, '');
