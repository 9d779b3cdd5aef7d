/**
 * Makes a plan's changes on a live server, beside its clients: each transaction under the guard of core/reconcile/plan-sql.ts, every row read again before the
 * COMMIT, so that what is committed is what was planned, to the bit. Killed at any point and run again, it ends the same.
 */
import type { Connection, ResultSetHeader } from 'mysql2/promise';
import { DrillError, messageOf } from '../../../core/errors.ts';
import { eventsOf, formatDescription } from '../../../core/reconcile/plan-event.ts';
import { eventReason } from '../../../core/reconcile/plan-make.ts';
import type { PlannedChange, PlannedTransaction, RecoveryPlan } from '../../../core/reconcile/plan-model.ts';
import {
  freeId,
  guardOf,
  insertColumns,
  insertValues,
  isSource,
  JOURNAL,
  journalColumns,
  journalValues,
  SESSION,
  statementsOf,
} from '../../../core/reconcile/plan-sql.ts';
import { isMariadb } from './dsn.ts';
import { prepareJournal } from './apply-journal.ts';
import { quoteTable, rowsOf } from './rows.ts';

export interface RowOutcome {
  table: string;
  key: string;
  why: string;
}
export interface ApplyResult {
  /** changed now / found as planned */
  changed: number;
  already: number;
  /** inserted under a new AUTO_INCREMENT id */
  rekeyed: number;
  /** changed by someone since the plan: plan again */
  stale: RowOutcome[];
  /** the server refuses them (a unique key, a constraint): a person must decide */
  refused: RowOutcome[];
}

const ATTEMPTS_MAX = 6;
const LOCK_WAIT_S = 10;
/** deadlock, lock wait time-out; MariaDB: changed since the snapshot (innodb_snapshot_isolation) */
const TRANSIENT = new Set([1213, 1205, 1020]);
/** the row itself is refused: duplicate, NULL, range, length, character, value, foreign key, check, trigger */
const REFUSALS = new Set([
  1022, 1032, 1048, 1062, 1064, 1118, 1264, 1265, 1292, 1300, 1364, 1366, 1406, 1416, 1451, 1452, 1644, 1761, 1762, 3140, 3146, 3643, 3819, 4025,
]);

/** Rows that are not as planned any more. */
class Stale extends Error {
  readonly rows: readonly PlannedChange[];

  constructor(rows: readonly PlannedChange[], why: string) {
    super(why);
    this.rows = rows;
  }
}

/** Throws DRILL_APPLY_LOCKED, DRILL_READ_ONLY, DRILL_APPLY_FAILED; whole transactions before that stay. `progress`: changes settled so far. */
export async function applyPlan(connection: Connection, plan: RecoveryPlan, progress: (done: number) => void): Promise<ApplyResult> {
  const result: ApplyResult = { changed: 0, already: 0, rekeyed: 0, stale: [], refused: [] };
  if (plan.transactions.length === 0) return result;
  const mariadb = await isMariadb(connection);
  await prepareSession(connection, mariadb);
  try {
    await prepareJournal(connection);
    if (plan.transactions.some((t) => t.needsApply !== null)) {
      await connection.query(`BINLOG '${base64(formatDescription())}'`);
      // MySQL's BINLOG waits for GTIDs to come with the events
      if (!mariadb) await connection.query("SET SESSION gtid_next = 'AUTOMATIC'");
    }
    let done = 0;
    for (const t of plan.transactions) {
      await settle(connection, plan, t, result);
      progress((done += t.changes.length));
    }
  } finally {
    await connection.query("DO RELEASE_LOCK('drillbook.apply')").catch(() => {});
  }
  return result;
}

async function prepareSession(connection: Connection, mariadb: boolean): Promise<void> {
  const [[state]] = (await connection.query(mariadb ? 'SELECT @@read_only ro, 0 off' : 'SELECT @@super_read_only ro, @@offline_mode off')) as unknown as [
    [{ ro: number | string; off: number | string }],
  ];
  if (Number(state.ro) === 1 || Number(state.off) === 1)
    throw new DrillError(
      'DRILL_READ_ONLY',
      `the new source refuses writes (${mariadb ? 'read_only' : 'super_read_only or offline_mode'})`,
      'name the server that was promoted',
    );
  for (const s of SESSION) await connection.query(s);
  const [[lock]] = (await connection.query(`SELECT GET_LOCK('drillbook.apply', ${LOCK_WAIT_S}) l`)) as unknown as [[{ l: number | string | null }]];
  if (Number(lock.l) !== 1) throw new DrillError('DRILL_APPLY_LOCKED', 'another --apply works on this server', 'wait until it has ended');
}

/** The transaction, several times where its neighbours are in the way; where it is refused, again without the lost transactions of the rows that are to blame. */
async function settle(connection: Connection, plan: RecoveryPlan, t: PlannedTransaction, result: ApplyResult): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      const made = await make(connection, plan, t);
      result.changed += made.changed;
      result.already += made.already;
      result.rekeyed += made.rekeyed;
      return;
    } catch (cause) {
      await connection.query('ROLLBACK').catch(() => {});
      const number = typeof cause === 'object' && cause !== null && 'errno' in cause ? Number(cause.errno) : 0;
      if (TRANSIENT.has(number) && attempt < ATTEMPTS_MAX) {
        await new Promise((r) => setTimeout(r, 10 * attempt * attempt));
        continue;
      }
      // a row that came in between is seen by the guard of the next attempt
      if (number === 1062 && attempt < 3) continue;
      if (!REFUSALS.has(number) && !(cause instanceof Stale))
        throw new DrillError(
          'DRILL_APPLY_FAILED',
          `the new source: ${messageOf(cause)}`,
          'run --apply again: what is in place stays, the rest is tried again',
          { cause },
        );
      await withoutCulprits(connection, plan, t, cause, result);
      return;
    }
  }
}

/** number 0 stands in no journal: only what was settled whole does */
const part = (t: PlannedTransaction, changes: readonly PlannedChange[]): PlannedTransaction => ({ ...t, number: 0, changes });

async function withoutCulprits(connection: Connection, plan: RecoveryPlan, t: PlannedTransaction, cause: unknown, result: ApplyResult): Promise<void> {
  const why = messageOf(cause);
  const groups = together(t.changes);
  const named = cause instanceof Stale && cause.rows.length > 0 ? new Set(cause.rows) : null;
  const guilty = named ? groups.filter((g) => g.some((c) => named.has(c))) : groups;
  if (!named && groups.length > 1) {
    // the server names no row: one lost transaction at a time
    for (const g of groups) await settle(connection, plan, part(t, g), result);
    return;
  }
  const list = cause instanceof Stale ? result.stale : result.refused;
  for (const c of guilty.flat()) {
    const along = named !== null && !named.has(c);
    list.push({ table: c.table.name, key: c.key, why: along ? 'belongs to a lost transaction of which another row was changed' : why });
  }
  const rest = groups.filter((g) => !guilty.includes(g)).flat();
  if (rest.length > 0) await settle(connection, plan, part(t, rest), result);
}

/** Changes that share lost transactions, in the order of the plan. */
function together(changes: readonly PlannedChange[]): PlannedChange[][] {
  const groupOf = new Map<string, PlannedChange[]>();
  const groups = new Set<PlannedChange[]>();
  for (const c of changes) {
    const [group = [], ...others] = new Set(c.gtids.flatMap((g) => [groupOf.get(g) ?? []].filter((m) => m.length > 0)));
    for (const o of others) {
      group.push(...o);
      groups.delete(o);
      for (const m of o) for (const g of m.gtids) groupOf.set(g, group);
    }
    group.push(c);
    groups.add(group);
    for (const g of c.gtids) groupOf.set(g, group);
  }
  const place = new Map(changes.map((c, i) => [c, i]));
  return [...groups].map((g) => g.sort((a, b) => place.get(a)! - place.get(b)!));
}

type Made = Pick<ApplyResult, 'changed' | 'already' | 'rekeyed'>;

async function make(connection: Connection, plan: RecoveryPlan, t: PlannedTransaction): Promise<Made> {
  await connection.query('START TRANSACTION');
  const guard = await readGuard(connection, plan, t);
  if (guard === null) {
    // the journal has it
    await connection.query('ROLLBACK');
    return { changed: 0, already: t.changes.length, rekeyed: 0 };
  }
  const stale = t.changes.filter((_, i) => guard[i] === 'x');
  if (stale.length > 0) throw new Stale(stale, 'changed since it was read');
  const todo = t.changes.filter((_, i) => guard[i] === '1');
  const rekeyed = await changeRows(connection, todo);
  if (todo.length > 0) {
    const after = await readGuard(connection, plan, t);
    const missed = t.changes.filter((_, i) => after?.[i] !== '0');
    if (missed.length > 0) throw new Stale(missed, 'did not arrive as planned, or was changed meanwhile');
  }
  if (t.number > 0) {
    await expect(connection, `INSERT INTO ${JOURNAL} (${journalColumns}) VALUES (${journalValues(plan, t, String(todo.length))})`, 1);
  }
  await connection.query('COMMIT');
  return { changed: todo.length, already: t.changes.length - todo.length, rekeyed };
}

/** One character for each change; null: it is in the journal. Throws DRILL_APPLY_FAILED when the session or the server is another. */
async function readGuard(connection: Connection, plan: RecoveryPlan, t: PlannedTransaction): Promise<string | null> {
  const [[ok, todo]] = (await rowsOf(connection, guardOf(plan, t))) as [[string | number, string]];
  if (Number(ok) === 1 || todo.includes('x')) return todo;
  const sql = `SELECT ${isSource(plan)}, EXISTS (SELECT 1 FROM ${JOURNAL} WHERE plan = '${plan.digest}' AND number = ${t.number})`;
  const [[server, done]] = (await rowsOf(connection, sql)) as unknown as [[string | number, string | number]];
  if (Number(done) === 1) return null;
  const why = Number(server) === 1 ? 'the session is not as the plan needs it' : `the plan was made for another server (${plan.source})`;
  throw new DrillError('DRILL_APPLY_FAILED', why, 'plan again on this server');
}

/** In the plan's order; neighbouring inserts into one table go together. Returns how many rows got a new id. */
async function changeRows(connection: Connection, todo: readonly PlannedChange[]): Promise<number> {
  let rekeyed = 0;
  for (let i = 0; i < todo.length;) {
    const c = todo[i]!;
    if (eventReason(c) !== null) {
      // a table map and its rows: one statement each
      const events = eventsOf(c);
      for (let e = 0; e < events.length; e += 2) await connection.query(`BINLOG '${base64(events[e]!)}\n${base64(events[e + 1]!)}'`);
      i++;
    } else if (c.seen || c.copies) {
      for (const s of statementsOf(c)) await expect(connection, s.sql, s.rows);
      i++;
    } else {
      const columns = insertColumns(c);
      let end = i + 1;
      while (end < todo.length && todo[end]!.table === c.table && insertsPlainly(todo[end]!) && insertColumns(todo[end]!) === columns) end++;
      rekeyed += await insertRows(connection, todo.slice(i, end), columns);
      i = end;
    }
  }
  return rekeyed;
}

const insertsPlainly = (c: PlannedChange): boolean => !c.seen && !c.copies && eventReason(c) === null;

async function insertRows(connection: Connection, rows: readonly PlannedChange[], columns: string): Promise<number> {
  const table = quoteTable(rows[0]!.table.name);
  const ids = rows.map((c) => freeId(c));
  const free = ids.filter((id) => id !== null);
  const taken = new Set<string>();
  if (free.length > 0) {
    const sql = `SELECT CAST(${free[0]!.column} AS CHAR) FROM ${table} WHERE ${free[0]!.column} IN (${free.map((id) => id.value).join(', ')})`;
    for (const [id] of await rowsOf(connection, sql)) taken.add(id!);
  }
  const isTaken = (_: PlannedChange, i: number) => ids[i] !== null && taken.has(ids[i]!.value);
  const anew = rows.filter(isTaken);
  // first those that keep their ids: the server must not give one of these away. NULL: it gives one.
  const values = [...rows.filter((c, i) => !isTaken(c, i)).map((c) => `(${insertValues(c)})`), ...anew.map((c) => `(${insertValues(c, 'NULL')})`)];
  await expect(connection, `INSERT INTO ${table} (${columns}) VALUES ${values.join(', ')}`, rows.length);
  return anew.length;
}

async function expect(connection: Connection, sql: string, rows: number): Promise<void> {
  const [{ affectedRows }] = await connection.query<ResultSetHeader>(sql);
  if (affectedRows !== rows) throw new Stale([], `${affectedRows} rows where ${rows} were expected`);
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
