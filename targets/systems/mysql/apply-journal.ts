/** The journal of what --apply and recovery.sql have done, on the server itself: schema `drillbook`. */
import type { Connection } from 'mysql2/promise';
import { JOURNAL, JOURNAL_DDL, JOURNAL_EXISTS, JOURNAL_SCHEMA } from '../../../core/reconcile/plan-sql.ts';
import { rowsOf } from './rows.ts';

/** Makes it where there is none: no statement, so no GTID, when it is there. */
export async function prepareJournal(connection: Connection): Promise<void> {
  if (await hasJournal(connection)) return;
  for (const s of JOURNAL_DDL) await connection.query(s);
}

export async function hasJournal(connection: Connection): Promise<boolean> {
  const [[is]] = (await rowsOf(connection, `SELECT ${JOURNAL_EXISTS}`)) as unknown as [[string | number]];
  return Number(is) === 1;
}

/** Drops it, and its schema when nothing else is in there. False: there was none. */
export async function dropJournal(connection: Connection): Promise<boolean> {
  if (!(await hasJournal(connection))) return false;
  await connection.query(`DROP TABLE ${JOURNAL}`);
  const others = await rowsOf(connection, `SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = '${JOURNAL_SCHEMA}' LIMIT 1`);
  if (others.length === 0) await connection.query(`DROP DATABASE ${JOURNAL_SCHEMA}`);
  return true;
}
