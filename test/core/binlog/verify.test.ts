/** Disasters: a missing file, a doubled or foreign stretch of log that passes for whole; a sound log called damaged. */
import { EVENT } from '../../../core/binlog/codes.ts';
import { Verify } from '../../../core/binlog/verify.ts';
import { GtidSet } from '../../../core/gtid.ts';
import { FLAG } from '../../../core/binlog/codes.ts';
import { LogBytes, UUID } from '../../support/binlog-bytes.ts';
import { readLog } from '../../support/binlog-read.ts';

const file = (previous = '', format: Parameters<LogBytes['format']>[0] = {}) =>
  new LogBytes().format(format).event(EVENT.PREVIOUS_GTIDS, GtidSet.parse(previous).toBytes());
const tx = (log: LogBytes, gno: number, xid: number) =>
  log
    .gtid(gno)
    .query('BEGIN')
    .tableMap()
    .rows([[gno, 'x']])
    .xid(xid);
const verify = (...files: LogBytes[]): Verify => {
  const pass = new Verify();
  readLog(pass, Object.fromEntries(files.map((f, i) => [`binlog.${i + 1}`, f.bytes()])));
  pass.finish();
  return pass;
};
/** `kind file#event`; the first transaction's events are 2 to 6, the second's 7 to 11 */
const found = (...files: LogBytes[]) =>
  verify(...files).inventory.findings.kept.map((f) => `${f.kind} ${f.file}#${files[Number(f.file.at(-1)) - 1]!.offsets.indexOf(f.offset)}`);

test('a whole log of several files has nothing to tell, and its rows are counted', () => {
  const pass = verify(file().transaction(1).transaction(2).rotate('binlog.2'), file(`${UUID}:1-2`).transaction(3).stop());
  expect([pass.inventory.findings.worst(), pass.inventory.findings.kept, pass.rowCount]).toEqual(['note', [], { insert: 3, update: 0, delete: 0 }]);
});

test.each<[string, () => LogBytes[], string[]]>([
  ['a file is missing', () => [file().transaction(1).stop(), file(`${UUID}:1-5`).transaction(6).stop()], ['gap binlog.2#1']],
  [
    'GTIDs of another server are missing',
    () => [file().transaction(1).stop(), file(`${UUID}:1,9e11fa47-71ca-11e1-9e33-c80aa9429562:1`).stop()],
    ['gap binlog.2#1'],
  ],
  ['a file of before comes after', () => [file().transaction(1).stop(), file().transaction(2).stop()], ['grammar binlog.2#1']],
  ['files in the wrong order', () => [file(`${UUID}:1`).transaction(2).stop(), file().transaction(1).stop()], ['grammar binlog.2#1']],
  ['a GTID comes twice', () => [tx(tx(file(), 1, 11), 1, 12).stop()], ['grammar binlog.1#7']],
  ['a GTID that the file says was executed before', () => [file(`${UUID}:1-4`).transaction(3).stop()], ['grammar binlog.1#2']],
  ['an XID comes twice', () => [tx(tx(file(), 1, 11), 2, 11).stop()], ['grammar binlog.1#7']],
  ['an XID comes twice, in the next file of the same run', () => [tx(file(), 1, 11).stop(), tx(file(`${UUID}:1`), 2, 11).stop()], ['grammar binlog.2#2']],
  ['an XID comes again after a restart: sound', () => [tx(file(), 1, 11).stop(), tx(file(`${UUID}:1`, { createdAt: 1 }), 2, 11).stop()], []],
  ['an XID comes again behind a hole: only the hole', () => [tx(file(), 1, 11).stop(), tx(file(`${UUID}:1-2`), 3, 11).stop()], ['gap binlog.2#1']],
])('%s', (_what, files, kinds) => {
  expect(found(...files())).toEqual(kinds);
});

test('relay logs may hold a transaction again, and begin where the replica asked', () => {
  const relay = { flags: FLAG.RELAY_LOG };
  expect(found(file('', relay).transaction(1), file('', relay).transaction(1))).toEqual([]);
});

const list = (log: LogBytes, ...seqs: [server: number, seq: number][]) =>
  log.event(EVENT.MARIA_GTID_LIST, [seqs.length, 0, 0, 0, ...seqs.flatMap(([server, seq]) => [0, 0, 0, 0, server, 0, 0, 0, seq, 0, 0, 0, 0, 0, 0, 0])]);
const maria = () => new LogBytes().format({ maria: true });

test('MariaDB: the list of a file must go on where the file before ended', () => {
  const one = () =>
    list(maria())
      .mariaGtid(5)
      .tableMap()
      .rows([[1, 'x']])
      .xid(1)
      .stop();
  expect(found(one(), list(maria(), [1, 5]).stop())).toEqual([]);
  expect(found(one(), list(maria(), [1, 6]).stop())).toEqual(['gap binlog.2#1']);
  expect(found(one(), list(maria(), [1, 4]).stop())).toEqual(['grammar binlog.2#1']);
  expect(found(one(), list(maria(), [1, 5], [2, 1]).stop())).toEqual(['gap binlog.2#1']);
});

test('an undecided XA branch is a note', () => {
  const log = file()
    .gtid(1)
    .query("XA START X'61',X'',1")
    .tableMap()
    .rows([[1, 'x']])
    .query("XA END X'61',X'',1");
  log.event(EVENT.XA_PREPARE, [0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x61]).stop();
  const pass = verify(log);
  expect(pass.inventory.findings.kept.map((f) => [f.kind, f.level, f.gtid])).toEqual([['xa-undecided', 'note', `${UUID}:1`]]);
});

test('every finding counts, also those beyond what is kept', () => {
  const log = file();
  for (let i = 0; i < 150; i++) tx(log, 1, i + 1);
  const { findings } = verify(log.stop()).inventory;
  expect([findings.counts.get('grammar'), findings.kept.length]).toEqual([149, 100]);
});
