/** Replication as a drill needs it: GTID positions, quick retries, and enough of them that a replica never gives up during a drill. */
import { setTimeout as sleep } from 'node:timers/promises';
import { DrillError } from '../../../core/errors.ts';
import { REPL } from './accounts.ts';
import { plainGtids } from './sql.ts';
import type { AdminSql, Row } from './sql.ts';

/** Without GET_SOURCE_PUBLIC_KEY the first connection after a source's restart fails (2061); the default RETRY_COUNT of 10 gives up. */
export function changeSourceSql(source: { address: string; port: number }): string {
  return `CHANGE REPLICATION SOURCE TO SOURCE_HOST='${source.address}', SOURCE_PORT=${source.port}, SOURCE_USER='${REPL.user}', SOURCE_PASSWORD='${REPL.password}', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1, SOURCE_CONNECT_RETRY=1, SOURCE_RETRY_COUNT=100000, SOURCE_HEARTBEAT_PERIOD=1`;
}

export interface ReplicaStatus {
  address: string;
  io: string;
  sql: string;
  ioError: string;
  sqlError: string;
  retrieved: string;
}

export async function replicaStatus(sql: AdminSql): Promise<ReplicaStatus | null> {
  const row: Row | undefined = (await sql.rows('SHOW REPLICA STATUS'))[0];
  if (row === undefined) return null;
  const text = (name: string): string => (typeof row[name] === 'string' ? row[name] : '');
  return {
    address: text('Source_Host'),
    io: text('Replica_IO_Running'),
    sql: text('Replica_SQL_Running'),
    ioError: text('Last_IO_Error'),
    sqlError: text('Last_SQL_Error'),
    retrieved: plainGtids(row['Retrieved_Gtid_Set']),
  };
}

/** Waits until everything received is applied. Throws DRILL_APPLIER_STOPPED when the applier cannot do it, DRILL_APPLY_TIMEOUT at the deadline. */
export async function applyReceived(name: string, sql: AdminSql, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const status = await replicaStatus(sql);
    if (status === null || status.retrieved === '') return;
    const left = deadline - Date.now();
    const slice = Math.max(0.05, Math.min(1, left / 1000));
    const done = await sql.one<{ rc: number }>('SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?) AS rc', [status.retrieved, slice]);
    if (done.rc === 0) return;
    if (status.sql !== 'Yes')
      throw new DrillError(
        'DRILL_APPLIER_STOPPED',
        `${name} has received transactions that it does not apply: ${status.sqlError || 'its SQL thread is stopped'}`,
        `START REPLICA SQL_THREAD on ${name}, or settle the error, then try again`,
      );
    if (left <= 0)
      throw new DrillError('DRILL_APPLY_TIMEOUT', `${name} did not apply what it received within ${timeoutMs} ms`, 'try again with a longer deadline');
  }
}

/** Points a node at a source and waits until both threads run. The node becomes read-only, as replicas are. */
export async function replicateFrom(name: string, sql: AdminSql, source: { address: string; port: number }, timeoutMs: number): Promise<void> {
  const before = await replicaStatus(sql);
  if (before !== null) {
    await sql.rows('STOP REPLICA IO_THREAD', [], 30_000);
    if (before.sql === 'Yes') await applyReceived(name, sql, timeoutMs);
    await sql.rows('STOP REPLICA', [], 30_000);
  }
  await sql.rows('SET GLOBAL super_read_only = ON');
  await sql.rows(changeSourceSql(source));
  await sql.rows('START REPLICA');
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const s = await replicaStatus(sql);
    if (s?.io === 'Yes' && s.sql === 'Yes') return;
    if (Date.now() > deadline) {
      throw new DrillError(
        'DRILL_REPLICATION_NOT_RUNNING',
        `${name} does not replicate from ${source.address} after ${timeoutMs} ms: IO ${s?.io}, SQL ${s?.sql} ${s?.ioError} ${s?.sqlError}`,
        `SHOW REPLICA STATUS on ${name}`,
      );
    }
    await sleep(10);
  }
}
