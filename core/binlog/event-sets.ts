/** Sets of event types, as tables by type: 1 is in. */
import { EVENT } from './codes.ts';
import { isRows } from './dispatch.ts';
import type { FindingKind } from './finding.ts';
import type { ReadOptions } from './log.ts';
import type { LogVisitor } from './visitor.ts';

const typesThat = (is: (type: number) => boolean): Uint8Array => Uint8Array.from({ length: 256 }, (_, type) => (is(type) ? 1 : 0));

/** Those whose checksum `structure` leaves out. */
export const BULK = typesThat((type) => isRows(type) || type === EVENT.TRANSACTION_PAYLOAD || type === EVENT.APPEND_BLOCK || type === EVENT.BEGIN_LOAD_QUERY);

/** Those that are hopped over unseen inside transactions. */
export function hopTypes(visitor: LogVisitor, options: ReadOptions): Uint8Array {
  if (options.rows === 'visit' || options.checksums === 'all' || visitor.event) return new Uint8Array(256);
  const hop = typesThat(isRows);
  if (!visitor.table) hop[EVENT.TABLE_MAP] = 1;
  if (!visitor.rowsQuery) hop[EVENT.ROWS_QUERY] = hop[EVENT.MARIA_ANNOTATE_ROWS] = 1;
  return hop;
}

/** 5.1 was finished with 5.1.30: before it rows have another format (until 5.1.17), or stand outside of transactions. */
const ROWS_UNFINISHED = /^5\.1\.[12]?\d\b/;
const REFUSED = typesThat((type) => type === EVENT.START_V3 || type === EVENT.MARIA_START_ENCRYPTION);
const REFUSED_UNFINISHED = typesThat(
  (type) => REFUSED[type] === 1 || type === EVENT.TABLE_MAP || (type >= EVENT.PRE_GA_WRITE_ROWS && type <= EVENT.PRE_GA_DELETE_ROWS),
);

/** Those behind which nothing of a file is read: what follows is encrypted, or of a server that is too old. */
export const refusedTypes = (serverVersion: string): Uint8Array => (ROWS_UNFINISHED.test(serverVersion) ? REFUSED_UNFINISHED : REFUSED);

export function refusal(type: number, serverVersion: string): [FindingKind, string] {
  if (type === EVENT.MARIA_START_ENCRYPTION) return ['encrypted', 'the rest of the file is encrypted by its server (encrypt_binlog)'];
  if (type === EVENT.START_V3) return ['format', 'the file is of a server before 5.0 (START_V3)'];
  return ['format', `rows of MySQL ${serverVersion}, from before 5.1 was finished (5.1.30), are not read, nor what stands behind them`];
}
