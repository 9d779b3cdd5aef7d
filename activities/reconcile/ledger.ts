import { hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { AttemptFold, ChainReader } from '../../core/ledger.ts';
import type { LedgerAttempt, LedgerRecord } from '../../core/ledger.ts';
import { DrillError, messageOf, isDrillError } from '../../core/errors.ts';

/** All attempts of a ledger file, its chain verified. A torn last line is left out: its write is unknown. Throws DRILL_LEDGER_UNREADABLE, DRILL_CHAIN_BROKEN. */
export async function readAttempts(path: string): Promise<LedgerAttempt[]> {
  const reader = new ChainReader<LedgerRecord>(path, (line) => hash('sha256', line));
  const fold = new AttemptFold();
  const attempts: LedgerAttempt[] = [];
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
      for (const record of reader.push(chunk)) attempts.push(...fold.push(record));
    }
  } catch (cause) {
    if (isDrillError(cause)) throw cause;
    throw new DrillError('DRILL_LEDGER_UNREADABLE', `${path}: ${messageOf(cause)}`, 'name the ledger.jsonl of the drill', { cause });
  }
  attempts.push(...fold.end());
  return attempts;
}
