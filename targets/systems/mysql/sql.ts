/** One admin connection per piece of work, over the node's unix socket as root. Connecting costs 2 to 5 ms; nothing is left open that a killed node could hold up. */
import type { Connection } from 'mysql2/promise';
import { DrillError, messageOf } from '../../../core/errors.ts';

export type Row = Record<string, unknown>;

const CONNECT_MS_MAX = 5_000;

/** Runs work on one connection. Throws DRILL_NODE_DOWN when nothing answers on the socket. */
export async function withAdmin<T>(name: string, socketPath: string, work: (sql: AdminSql) => Promise<T>): Promise<T> {
  // Loaded at the first use: a lab's bring-up does that while its servers start.
  const { createConnection } = await import('mysql2/promise');
  let connection: Connection;
  try {
    connection = await createConnection({
      socketPath,
      user: 'root',
      connectTimeout: CONNECT_MS_MAX,
      supportBigNumbers: true,
      dateStrings: true,
    });
  } catch (cause) {
    throw new DrillError('DRILL_NODE_DOWN', `${name} does not answer on ${socketPath}: ${messageOf(cause)}`, `start it: drillbook lab start ${name}`, {
      cause,
    });
  }
  // A connection that breaks between two statements emits an error that nobody awaits; the next statement reports it.
  connection.on('error', () => {});
  try {
    return await work(new AdminSql(name, connection));
  } finally {
    connection.destroy();
  }
}

export class AdminSql {
  readonly #name: string;
  readonly #connection: Connection;

  constructor(name: string, connection: Connection) {
    this.#name = name;
    this.#connection = connection;
  }

  /** Rows of a statement; none for a statement without a result. Throws DRILL_SQL with the server's number and words. */
  async rows<T extends Row = Row>(sql: string, params: readonly unknown[] = [], timeoutMs = 10_000): Promise<T[]> {
    try {
      const [rows] = await this.#connection.query({ sql, values: [...params], timeout: timeoutMs });
      return Array.isArray(rows) ? (rows as T[]) : [];
    } catch (cause) {
      const number = typeof cause === 'object' && cause !== null && 'errno' in cause ? ` (${String(cause.errno)})` : '';
      throw new DrillError('DRILL_SQL', `${this.#name}${number}: ${messageOf(cause)} at: ${sql.slice(0, 200)}`, '', { cause });
    }
  }

  async one<T extends Row = Row>(sql: string, params: readonly unknown[] = [], timeoutMs = 10_000): Promise<T> {
    const row = (await this.rows<T>(sql, params, timeoutMs))[0];
    if (row === undefined) throw new DrillError('DRILL_SQL', `${this.#name}: no row from: ${sql.slice(0, 200)}`);
    return row;
  }
}

/** A GTID set as MySQL prints it, without its line breaks. */
export const plainGtids = (text: unknown): string => (typeof text === 'string' ? text.replace(/\s+/g, '') : '');
