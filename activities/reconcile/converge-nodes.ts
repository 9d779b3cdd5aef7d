/** The nodes of a proof: their connections, snapshots and positions. */
import type { Connection } from 'mysql2/promise';
import { GtidSet } from '../../core/gtid.ts';
import { connect, gtidExecuted, isMariadb, parseDsn } from '../../targets/systems/mysql/dsn.ts';
import { openWire } from '../../targets/systems/mysql/compare/wire.ts';
import type { WireNode } from '../../targets/systems/mysql/compare/wire.ts';

export interface ProofNode {
  name: string;
  dsn: string;
  /** the server's own: an address may be given to another server */
  uuid: string;
  /** reads rows, in its snapshot */
  wire: WireNode;
  /** everything else */
  admin: Connection;
  applier: string;
  /** the applier stopped with an error */
  broken: boolean;
}

/** Those that answer go into the list, which the caller closes, whatever becomes of the others. Gives the name of one that is MariaDB. */
export async function openNodes(list: readonly { name: string; dsn: string }[], into: ProofNode[]): Promise<string | null> {
  const opened = await Promise.allSettled(list.map(openNode));
  for (const o of opened) if (o.status === 'fulfilled' && o.value) into.push(o.value);
  for (const o of opened) if (o.status === 'rejected') throw o.reason;
  return list.find((_, i) => (opened[i] as PromiseFulfilledResult<ProofNode | null>).value === null)?.name ?? null;
}

/** null: it is MariaDB. */
async function openNode({ name, dsn }: { name: string; dsn: string }): Promise<ProofNode | null> {
  const opening = [connect(parseDsn(dsn)), openWire(name, dsn)] as const;
  const close = async () => {
    const [admin, wire] = await Promise.allSettled(opening);
    if (admin.status === 'fulfilled') admin.value.destroy();
    if (wire.status === 'fulfilled') wire.value.connection.destroy();
  };
  try {
    const [admin, wire] = await Promise.all(opening);
    if (!(await isMariadb(admin))) return { name, dsn, uuid: await serverUuid(admin), ...(await applierOf(admin)), admin, wire };
    await close();
    return null;
  } catch (e) {
    await close();
    throw e;
  }
}

export async function serverUuid(connection: Connection): Promise<string> {
  const [[{ uuid }]] = (await connection.query('SELECT @@server_uuid uuid')) as unknown as [[{ uuid: string }]];
  return uuid;
}

export function closeNodes(nodes: readonly ProofNode[]): void {
  for (const n of nodes) {
    n.admin.destroy();
    n.wire.connection.destroy();
  }
}

export async function applierOf(connection: Connection): Promise<{ applier: string; broken: boolean }> {
  const [rows] = await connection.query('SHOW REPLICA STATUS');
  const status = (rows as { Replica_SQL_Running: string; Last_SQL_Error: string }[])[0];
  if (!status) return { applier: 'source', broken: false };
  const error = status.Last_SQL_Error;
  if (status.Replica_SQL_Running === 'Yes') return { applier: 'running', broken: false };
  return { applier: error ? `stopped: ${error}` : 'stopped', broken: error !== '' };
}

/** Whether a node has executed a set, waiting for at most so long. To the server 0 is for ever. */
export async function waitFor(connection: Connection, set: string, timeoutMs: number): Promise<boolean> {
  const [rows] = await connection.query('SELECT CAST(WAIT_FOR_EXECUTED_GTID_SET(?, ?) AS CHAR) w', [set, Math.max(1, timeoutMs) / 1000]);
  return (rows as { w: string }[])[0]!.w === '0';
}

export const positions = (nodes: readonly ProofNode[]): Promise<string[]> => Promise.all(nodes.map((n) => gtidExecuted(n.admin)));

/** Opens a snapshot on each node. What they had executed before: everything of it is in the snapshot. */
export async function openSnapshots(nodes: readonly ProofNode[]): Promise<string[]> {
  const lower = await positions(nodes);
  await Promise.all(
    nodes.map(async ({ wire: { connection } }) => {
      await connection.query('ROLLBACK');
      await connection.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
      await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
    }),
  );
  return lower;
}

/** Reading broke off in the middle of rows: new connections, and new snapshots. */
export async function reopen(nodes: readonly ProofNode[]): Promise<void> {
  for (const n of nodes) {
    n.wire.connection.destroy();
    n.wire = await openWire(n.name, n.dsn);
  }
  await openSnapshots(nodes);
}

export async function closeSnapshots(nodes: readonly ProofNode[]): Promise<void> {
  await Promise.all(nodes.map((n) => n.wire.connection.query('ROLLBACK')));
}

/** Nothing was written meanwhile, and every replica has what the source has. */
export const stoodStill = (before: readonly string[], after: readonly string[]): boolean =>
  before.every((b, i) => b === after[i] && GtidSet.parse(b).contains(GtidSet.parse(before[0]!)));

export const common = (sets: readonly string[]): GtidSet => sets.map((s) => GtidSet.parse(s)).reduce((a, b) => a.intersect(b));
