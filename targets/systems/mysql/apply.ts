/**
 * Puts planned rows in place on a live server, beside its clients. Each row is read FOR UPDATE inside the transaction that changes it and compared with what
 * the plan saw: already as planned → done; changed since → stale, and left alone. So running it again, or after a crash, changes nothing twice.
 */
import type { Connection, ResultSetHeader } from 'mysql2/promise';
import { DrillError, messageOf } from '../../../core/errors.ts';
import { bodyOf, keyOf, primaryOf } from '../../../core/reconcile/tables.ts';
import type { Row, TableShape } from '../../../core/reconcile/tables.ts';
import { literal, quoteName, quoteTable, rowsOf, selectList, whereIdentity } from './rows.ts';

export interface PlannedRow {
  shape: TableShape;
  key: string;
  /** the row to have; null: none */
  target: Row | null;
  /** the row the plan saw */
  seen: Row | null;
}

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

const ROWS_PER_TRANSACTION = 200;
const ATTEMPTS_MAX = 6;
const LOCK_WAIT_S = 10;
/** deadlock, lock wait time-out */
const TRANSIENT = new Set([1213, 1205]);
const DUPLICATE = 1062;
/** the row itself is refused: duplicate, NULL, range, length, character, foreign key, check, trigger */
const REFUSALS = new Set([DUPLICATE, 1048, 1264, 1366, 1406, 1451, 1452, 3819, 1644]);
const DUPLICATE_ATTEMPTS_MAX = 3;

class Stale extends Error {}

/** Applies the plan in small transactions, tables in order. Throws DRILL_APPLY_LOCKED, DRILL_READ_ONLY, DRILL_APPLY_FAILED; whole transactions before that stay. */
export async function applyRows(connection: Connection, plan: readonly PlannedRow[], progress: (done: number) => void): Promise<ApplyResult> {
  const result: ApplyResult = { changed: 0, already: 0, rekeyed: 0, stale: [], refused: [] };
  await prepareSession(connection);
  try {
    let done = 0;
    for (const batch of batches(plan)) {
      await applyBatch(connection, batch, result);
      progress((done += batch.length));
    }
  } finally {
    await connection.query("DO RELEASE_LOCK('drillbook.apply')").catch(() => {});
  }
  return result;
}

async function prepareSession(connection: Connection): Promise<void> {
  const [[state]] = (await connection.query('SELECT @@super_read_only ro, @@offline_mode off')) as unknown as [[{ ro: number | string; off: number | string }]];
  if (Number(state.ro) === 1 || Number(state.off) === 1)
    throw new DrillError('DRILL_READ_ONLY', 'the new source refuses writes (super_read_only or offline_mode)', 'name the server that was promoted');
  // without gap locks a missing key locks nothing of its neighbours; a row that comes in between is met by the unique key
  await connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
  const [[lock]] = (await connection.query(`SELECT GET_LOCK('drillbook.apply', ${LOCK_WAIT_S}) l`)) as unknown as [[{ l: number | string | null }]];
  if (Number(lock.l) !== 1) throw new DrillError('DRILL_APPLY_LOCKED', 'another --apply works on this server', 'wait until it has ended');
}

function* batches(plan: readonly PlannedRow[]): Generator<PlannedRow[]> {
  const tables = new Map<string, PlannedRow[]>();
  for (const p of plan) tables.set(p.shape.name, [...(tables.get(p.shape.name) ?? []), p]);
  for (const rows of tables.values()) for (let i = 0; i < rows.length; i += ROWS_PER_TRANSACTION) yield rows.slice(i, i + ROWS_PER_TRANSACTION);
}

/** One transaction for the batch; where the server refuses it as a whole, one for each row. */
async function applyBatch(connection: Connection, batch: PlannedRow[], result: ApplyResult): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await inTransaction(connection, batch, result);
      return;
    } catch (cause) {
      await connection.query('ROLLBACK').catch(() => {});
      const number = typeof cause === 'object' && cause !== null && 'errno' in cause ? Number(cause.errno) : 0;
      const attemptsMax = TRANSIENT.has(number) ? ATTEMPTS_MAX : number === DUPLICATE || cause instanceof Stale ? DUPLICATE_ATTEMPTS_MAX : 1;
      if (attempt < attemptsMax) {
        await new Promise((r) => setTimeout(r, 10 * attempt * attempt));
        continue;
      }
      if (!REFUSALS.has(number) && !(cause instanceof Stale))
        throw new DrillError(
          'DRILL_APPLY_FAILED',
          `the new source: ${messageOf(cause)}`,
          'run --apply again: what is in place stays, the rest is tried again',
          { cause },
        );
      const [only] = batch;
      if (batch.length > 1) for (const row of batch) await applyBatch(connection, [row], result);
      else if (only) (cause instanceof Stale ? result.stale : result.refused).push({ table: only.shape.name, key: only.key, why: messageOf(cause) });
      return;
    }
  }
}

async function inTransaction(connection: Connection, batch: PlannedRow[], result: ApplyResult): Promise<void> {
  const { shape } = batch[0]!;
  const outcome: ApplyResult = { changed: 0, already: 0, rekeyed: 0, stale: [], refused: [] };
  const inserts: PlannedRow[] = [];
  await connection.query('START TRANSACTION');
  const now = await lockedRows(connection, shape, batch);
  for (const planned of batch) {
    const rows = now.get(planned.key) ?? [];
    const is = bodyOf(shape, rows[0] ?? null);
    const refuse = (list: RowOutcome[], why: string) => list.push({ table: shape.name, key: planned.key, why });
    if (rows.length > 1) refuse(outcome.refused, `${rows.length} rows carry this identity`);
    else if (is === bodyOf(shape, planned.target)) outcome.already++;
    else if (is !== bodyOf(shape, planned.seen)) refuse(outcome.stale, 'changed since it was read');
    else if (!rows[0]) inserts.push(planned);
    else {
      await changeRow(connection, planned, rows[0]);
      outcome.changed++;
    }
  }
  if (inserts.length > 0) outcome.rekeyed += await insertRows(connection, shape, inserts);
  outcome.changed += inserts.length;
  await connection.query('COMMIT');
  result.changed += outcome.changed;
  result.already += outcome.already;
  result.rekeyed += outcome.rekeyed;
  result.stale.push(...outcome.stale);
  result.refused.push(...outcome.refused);
}

async function lockedRows(connection: Connection, shape: TableShape, batch: PlannedRow[]): Promise<Map<string, Row[]>> {
  const keys = batch.map((p) => p.key);
  const found = new Map<string, Row[]>();
  for (const row of await rowsOf(connection, `SELECT ${selectList(shape)} FROM ${quoteTable(shape.name)} WHERE ${whereIdentity(shape, keys)} FOR UPDATE`)) {
    const key = keyOf(shape, row);
    found.set(key, [...(found.get(key) ?? []), row]);
  }
  return found;
}

/** Deletes or overwrites exactly the row that was locked. */
async function changeRow(connection: Connection, { shape, target }: PlannedRow, row: Row): Promise<void> {
  const primary = shape.columns[shape.primary]!;
  const where = `${quoteName(primary.name)} = ${literal(primary, row[shape.primary] ?? null)}`;
  const sets = shape.columns.map((c, i) => ({ c, i })).filter(({ i }) => i !== shape.primary);
  const sql = target
    ? `UPDATE ${quoteTable(shape.name)} SET ${sets.map(({ c, i }) => `${quoteName(c.name)} = ${literal(c, target[i] ?? null)}`).join(', ')} WHERE ${where}`
    : `DELETE FROM ${quoteTable(shape.name)} WHERE ${where}`;
  const [done] = await connection.query<ResultSetHeader>(sql);
  if (done.affectedRows !== 1) throw new Stale(`${done.affectedRows} rows where one was expected`);
}

/** Inserts with the old ids where they are free, without ids (the server gives new ones) where they are taken and mean nothing. Returns how many got a new id. */
async function insertRows(connection: Connection, shape: TableShape, inserts: readonly PlannedRow[]): Promise<number> {
  const primary = shape.columns[shape.primary]!;
  const ids = inserts.map((p) => literal(primary, p.target![shape.primary] ?? null));
  const taken = new Set(
    shape.rekeyable
      ? (await rowsOf(connection, `SELECT ${selectList(shape)} FROM ${quoteTable(shape.name)} WHERE ${quoteName(primary.name)} IN (${ids.join(', ')})`)).map(
          (r) => primaryOf(shape, r),
        )
      : [],
  );
  const keep = inserts.filter((p) => !taken.has(primaryOf(shape, p.target!)));
  const rekey = inserts.filter((p) => taken.has(primaryOf(shape, p.target!)));
  for (const [rows, withId] of [
    [keep, true],
    [rekey, false],
  ] as const) {
    if (rows.length === 0) continue;
    const columns = shape.columns.map((c, i) => ({ c, i })).filter(({ i }) => withId || i !== shape.primary);
    const values = rows.map((p) => `(${columns.map(({ c, i }) => literal(c, p.target![i] ?? null)).join(', ')})`);
    const [done] = await connection.query<ResultSetHeader>(
      `INSERT INTO ${quoteTable(shape.name)} (${columns.map(({ c }) => quoteName(c.name)).join(', ')}) VALUES ${values.join(', ')}`,
    );
    if (done.affectedRows !== rows.length) throw new Stale(`${done.affectedRows} rows inserted where ${rows.length} were expected`);
  }
  return rekey.length;
}
