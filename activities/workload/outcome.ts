/** What a reply means for the ledger (docs/semantics.md, 1). */
import type { WriteOutcome } from '../../core/ledger.ts';
import type { Write } from './mix.ts';
import type { Reply } from './session.ts';

/**
 * Server errors after which a single autocommit statement has certainly had no effect. A closed list: whatever is not in it
 * stays unknown. Each is provoked on a real server in test/activities/workload/outcome.lab.test.ts; one that can not be provoked there does not belong here
 * (tried in vain on 9.7: 1836 comes as 1015; 3032 comes only to a connect, and a statement under way loses its connection).
 */
export const ROLLED_BACK: ReadonlyMap<number, string> = new Map([
  [1062, 'duplicate key'],
  [1205, 'lock wait time-out'],
  [1213, 'deadlock'],
  [1290, 'super_read_only or read_only is on'],
]);

export interface Outcome {
  o: WriteOutcome;
  m?: number;
  c?: number;
  g?: string;
  err?: string;
}

export function outcomeOf(reply: Reply, write: Pick<Write, 'table' | 'kind' | 'retryable'>, attempt: number): Outcome {
  if (reply.is === 'timeout') return { o: 'unknown', err: 'DRILL_TIMEOUT' };
  if (reply.is === 'lost') return { o: 'unknown', err: reply.code };
  if (reply.is === 'ok') {
    // an upsert that found its row reports 2 (1 when it changed nothing): it matched and wrote one row
    const rows = write.kind === 'set' ? 1 : reply.affected;
    return { o: 'acked', m: rows, c: rows, g: reply.gtid };
  }
  // see LedgerReply: the write that an earlier attempt made is there, and the server just said so
  const saysItIsThere = reply.errno === 1062 && reply.message.endsWith("for key 'orders.write_id'");
  if (saysItIsThere && attempt > 1 && write.retryable) return { o: 'acked', m: 1, c: 0, err: '1062' };
  return { o: ROLLED_BACK.has(reply.errno) ? 'failed' : 'unknown', err: String(reply.errno) };
}
