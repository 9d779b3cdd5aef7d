/** The reader on a live stream: events one by one, whose places ROTATE and log_pos tell. */
import { EVENT, FLAG } from '../../../core/binlog/codes.ts';
import { LogReader } from '../../../core/binlog/log.ts';
import { nodeBytes } from '../../../targets/systems/mysql/binlog/bytes.ts';
import { LogBytes, UUID } from '../../support/binlog-bytes.ts';
import { start } from '../../support/binlog-samples.ts';
import { kinds, recorder } from '../../support/log-recorder.ts';

/** Events as a server sends them: the ROTATE it makes up, then those of the file, each for itself. */
const events = (log: LogBytes): Buffer[] => {
  const bytes = log.bytes();
  return log.offsets.map((at, i) => bytes.subarray(at, log.offsets[i + 1] ?? bytes.length));
};
const madeUp = (next: string, checksums: boolean) => {
  const log = new LogBytes(false);
  if (checksums) log.format();
  return events(log.rotate(next, { flags: FLAG.ARTIFICIAL, seconds: 0 })).at(-1)!;
};
const read = (sent: Buffer[]) => {
  const { visitor, recorded } = recorder();
  const reader = new LogReader(visitor, { bytes: nodeBytes, rows: 'visit', checksums: 'all' });
  // each behind a packet's header and before the next one's, which are not its own
  for (const e of sent) void reader.event(Buffer.concat([Buffer.alloc(5, 0xaa), e, Buffer.alloc(30, 0xaa)]), 5, 5 + e.length);
  reader.end();
  return recorded;
};
const first = start().transaction(1).rotate('b.2');
const second = new LogBytes().format({ checksums: false }).transaction(2);
const heartbeat = events(new LogBytes(false).event(EVENT.HEARTBEAT, Buffer.from('b.2'), {}, true))[0]!;

test('a stream has the places of its files, with and without checksums', () => {
  const seen = read([madeUp('b.1', false), ...events(first), madeUp('b.2', true), ...events(second), heartbeat]);
  expect(seen.lines).toEqual([
    'file b.1',
    'format 9.7.4 4',
    'previous ',
    `begin gtid ${UUID}:1 158`,
    `table test.t ${UUID}:1`,
    `insert test.t 1 ${UUID}:1 323`,
    `end ${UUID}:1 xid 1001  401 true`,
    'rotate b.2',
    `end of b.1 ${first.length}`,
    'file b.2',
    'format 9.7.4 unchecked 4',
    'note no-checksums 4  written without checksums: its contents cannot be verified, only its structure',
    `begin gtid ${UUID}:2 127`,
    `table test.t ${UUID}:2`,
    `insert test.t 1 ${UUID}:2 280`,
    `end ${UUID}:2 xid 1002  ${second.length} true`,
    `end of b.2 ${second.length}`,
  ]);
});
test('one that ends inside a transaction is cut; a flipped bit is noticed', () => {
  expect(kinds(read([madeUp('b.1', true), ...events(first).slice(0, 5)]))).toEqual(['cut']);
  const sent = [madeUp('b.1', true), ...events(first).map((e) => Buffer.from(e))];
  sent[6]![25]! ^= 1;
  expect(kinds(read(sent))).toEqual(['checksum']);
});
test('one that begins its group again says so', () => {
  const sent = events(first);
  const seen = read([madeUp('b.1', true), ...sent.slice(0, 5), madeUp('b.1', true), sent[0]!, ...sent.slice(2)]);
  expect(seen.findings.map((f) => f.kind)).toEqual(['restarted-group']);
  expect(seen.sound).toEqual([`${UUID}:1`]);
});
