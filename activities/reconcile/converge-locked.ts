/** Tables of which a log cannot tell, compared at one moment: the source's writers to them wait until a snapshot of it is open on every node. */
import { DrillError } from '../../core/errors.ts';
import { connect, gtidExecuted, parseDsn } from '../../targets/systems/mysql/dsn.ts';
import { quoteTable } from '../../targets/systems/mysql/rows.ts';
import { openSnapshots, waitFor } from './converge-nodes.ts';
import type { ProofNode } from './converge-nodes.ts';

/**
 * Opens snapshots that have the same transactions on these tables. Needs LOCK TABLES on the source. Gives how long they were locked, waiting for the lock
 * included, ms; null when that would have been longer than allowed, or a replica was not there by then: the snapshots say nothing.
 */
export async function openLocked(nodes: readonly ProofNode[], tables: readonly string[], lockMsMax: number): Promise<number | null> {
  const source = nodes[0]!;
  const lock = await connect(parseDsn(source.dsn));
  const [[{ id }]] = (await lock.query('SELECT CONNECTION_ID() id')) as unknown as [[{ id: number | string }]];
  const started = performance.now();
  let expired = false;
  const timer = setTimeout(() => {
    expired = true;
    // closing the connection alone would not end its wait for the lock
    source.admin.query(`KILL ${id}`).catch(() => lock.destroy());
  }, lockMsMax);
  const left = () => Math.max(1, lockMsMax - (performance.now() - started));
  try {
    await lock.query(`LOCK TABLES ${tables.map((t) => `${quoteTable(t)} READ`).join(', ')}`);
    const executed = await gtidExecuted(source.admin);
    const there = await Promise.all(nodes.slice(1).map((n) => waitFor(n.admin, executed, left())));
    if (!there.every(Boolean)) return null;
    await openSnapshots(nodes);
    return expired ? null : performance.now() - started;
  } catch (cause) {
    if (expired) return null;
    throw new DrillError('DRILL_LOCK_REFUSED', `${source.name} does not lock ${tables.join(', ')}: ${String(cause)}`, 'the account needs LOCK TABLES', {
      cause,
    });
  } finally {
    clearTimeout(timer);
    await lock.query('UNLOCK TABLES').catch(() => {});
    lock.destroy();
  }
}
