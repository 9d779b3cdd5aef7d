/**
 * One connection to a MySQL server, for statements whose fate matters: every call has a deadline and ends in a word
 * (ok, error, lost, timeout), never in an exception, and after anything but a plain server error the connection is gone.
 */
import mysql from 'mysql2';
import { DrillError, messageOf } from '../../core/errors.ts';

export interface Endpoint {
  host: string;
  port: number;
  user: string;
  password: string;
}

export type Reply =
  | { is: 'ok'; affected: number; gtid: string; rows: Record<string, unknown>[] }
  /** the server answered with an error */
  | { is: 'error'; errno: number; message: string }
  /** the connection broke after the statement may have been sent */
  | { is: 'lost'; code: string }
  | { is: 'timeout' };

/** Server errors after which the server closes the connection; it is useless to send more on it. */
const FATAL_SERVER_ERRORS = new Set([1053, 3032, 4031]);

export class Session {
  readonly #connection: mysql.Connection;
  #alive = true;
  #onEnd: (code: string) => void = () => {};
  #waiting: ((code: string) => void) | null = null;
  serverUuid = '';

  private constructor(connection: mysql.Connection) {
    this.#connection = connection;
    connection.on('error', (e: Error) => this.#end(codeOf(e)));
    connection.on('end', () => this.#end('PROTOCOL_CONNECTION_LOST'));
  }

  /** Connects, asks for GTIDs in replies and reads the server's UUID, all before the deadline; throws DRILL_CONNECT with the reason as message. */
  static async open(endpoint: Endpoint, deadlineMs: number): Promise<Session> {
    const until = performance.now() + deadlineMs;
    const connection = mysql.createConnection({
      ...endpoint,
      connectTimeout: deadlineMs,
      charset: 'utf8mb4_bin',
      bigNumberStrings: true,
      supportBigNumbers: true,
    });
    const session = new Session(connection);
    try {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new DrillError('DRILL_CONNECT', 'ETIMEDOUT')), deadlineMs);
        session.#onEnd = (code) => reject(new DrillError('DRILL_CONNECT', code));
        connection.connect((e) => {
          clearTimeout(timer);
          if (e) reject(new DrillError('DRILL_CONNECT', codeOf(e)));
          else resolve();
        });
      });
      session.#onEnd = () => {};
      await session.#must('SET SESSION session_track_gtids = OWN_GTID', until);
      const { rows } = await session.#must('SELECT @@server_uuid AS u', until);
      session.serverUuid = String(rows[0]?.['u']);
      return session;
    } catch (e) {
      session.destroy();
      throw e instanceof DrillError ? e : new DrillError('DRILL_CONNECT', messageOf(e));
    }
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Told once, when the connection has ended by itself or by destroy. */
  onEnd(listener: (code: string) => void): void {
    this.#onEnd = listener;
  }

  /** One autocommit statement. The first byte is sent before this returns; a passed deadline destroys the connection. */
  run(sql: string, values: readonly (string | number)[], deadlineMs: number): Promise<Reply> {
    return new Promise((resolve) => {
      const done = (reply: Reply, keep: boolean): void => {
        clearTimeout(timer);
        this.#waiting = null;
        resolve(reply);
        if (!keep) this.destroy();
      };
      const timer = setTimeout(() => done({ is: 'timeout' }, false), deadlineMs);
      if (!this.#alive) {
        done({ is: 'lost', code: 'PROTOCOL_CONNECTION_LOST' }, false);
        return;
      }
      this.#waiting = (code) => done({ is: 'lost', code }, false);
      this.#connection.query(sql, [...values], (e: Error | null, result: unknown) => {
        if (!e) {
          done(okOf(result), true);
          return;
        }
        const errno = serverErrorOf(e);
        if (errno === null) done({ is: 'lost', code: codeOf(e) }, false);
        else done({ is: 'error', errno, message: e.message }, !FATAL_SERVER_ERRORS.has(errno));
      });
    });
  }

  destroy(): void {
    this.#connection.destroy();
    this.#end('destroyed');
  }

  #end(code: string): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#waiting?.(code);
    this.#onEnd(code);
  }

  async #must(sql: string, until: number): Promise<Extract<Reply, { is: 'ok' }>> {
    const reply = await this.run(sql, [], Math.max(1, until - performance.now()));
    if (reply.is === 'ok') return reply;
    throw new DrillError('DRILL_CONNECT', reply.is === 'error' ? String(reply.errno) : reply.is === 'lost' ? reply.code : 'ETIMEDOUT');
  }
}

/** The number of an error that the server sent; null for errors of the client or the network. */
function serverErrorOf(e: Error): number | null {
  const { errno, sqlState } = e as { errno?: number; sqlState?: string };
  return typeof sqlState === 'string' && typeof errno === 'number' && errno > 0 ? errno : null;
}

/** The server's error number, else the client's code (ECONNREFUSED, …). */
const codeOf = (e: Error): string => String(serverErrorOf(e) ?? (e as NodeJS.ErrnoException).code ?? e.message);

/** mysql2 counts found rows by default, so affectedRows is what a statement matched; GTIDs come with the OK packet's session state. */
function okOf(result: unknown): Reply {
  if (Array.isArray(result)) return { is: 'ok', affected: 0, gtid: '', rows: result as Record<string, unknown>[] };
  const { affectedRows, stateChanges } = result as { affectedRows: number; stateChanges?: { gtids?: string[] } };
  return { is: 'ok', affected: affectedRows, gtid: stateChanges?.gtids?.join(',') ?? '', rows: [] };
}
