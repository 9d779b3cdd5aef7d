/** Types of events that only some servers write, in what real servers wrote: each is read, and none is damage. */
import { join } from 'node:path';
import { EVENT } from '../../../core/binlog/codes.ts';
import { listLogs } from '../../../targets/systems/mysql/binlog/read.ts';
import { decode } from '../../support/corpus/decode.ts';
import { ROOT } from '../../support/drill.ts';

test.each([
  ['mariadb', ['MARIA_GTID', 'MARIA_GTID_LIST', 'MARIA_BINLOG_CHECKPOINT', 'MARIA_QUERY_COMPRESSED', 'MARIA_ANNOTATE_ROWS']],
  ['payload', ['TRANSACTION_PAYLOAD', 'GTID_TAGGED', 'PREVIOUS_GTIDS']],
  ['partial', ['PARTIAL_UPDATE_ROWS', 'ROWS_QUERY']],
  ['statements', ['XA_PREPARE', 'QUERY']],
] as const)('%s: %j', async (fixture, types) => {
  const { files } = await listLogs([join(ROOT, 'test/fixtures/binlog', fixture)]);
  const { events, findings } = await decode(files);
  expect(types.filter((type) => !events.has(EVENT[type]))).toEqual([]);
  expect(findings.filter((f) => f.level === 'damage')).toEqual([]);
});
