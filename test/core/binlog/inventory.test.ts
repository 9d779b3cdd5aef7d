/** Disasters: a transaction counts that is not whole; one that is whole does not; rows nobody looked at pass for proven. */
import { zstdCompressSync } from 'node:zlib';
import { EVENT } from '../../../core/binlog/codes.ts';
import { Inventory } from '../../../core/binlog/inventory.ts';
import { GtidSet } from '../../../core/gtid.ts';
import { LogBytes, UUID } from '../../support/binlog-bytes.ts';
import { readLog } from '../../support/binlog-read.ts';

const file = (previous = '', createdAt = 0) => new LogBytes().format({ createdAt }).event(EVENT.PREVIOUS_GTIDS, GtidSet.parse(previous).toBytes());
const inventoryOf = (files: Record<string, LogBytes | Uint8Array>): Inventory => {
  const inventory = new Inventory();
  const bytes = Object.entries(files).map(([name, f]) => [name, f instanceof LogBytes ? f.bytes() : f] as const);
  readLog(inventory, Object.fromEntries(bytes), { rows: 'skip', checksums: 'structure' });
  return inventory;
};
const xaPrepare = (log: LogBytes, name: string) => log.event(EVENT.XA_PREPARE, [0, 1, 0, 0, 0, name.length, 0, 0, 0, 0, 0, 0, 0, ...Buffer.from(name)]);

test('whole transactions by file and in all, with what stands around them', () => {
  const one = file().transaction(1).transaction(2).gtid(3).query('CREATE TABLE u (a INT)').rotate('binlog.000002');
  const two = file(`${UUID}:1-3`)
    .transaction(4)
    .gtid(7, { sequence: 2 })
    .query('BEGIN')
    .tableMap()
    .rows([[1, 'x']])
    .xid(9)
    .stop();
  const inventory = inventoryOf({ 'binlog.000001': one, 'binlog.000002': two });
  expect(inventory.files).toMatchObject([
    { file: 'binlog.000001', bytes: one.length, transactions: 3, ddl: 1, next: 'binlog.000002', stopped: false },
    {
      file: 'binlog.000002',
      bytes: two.length,
      transactions: 2,
      ddl: 0,
      next: null,
      stopped: true,
      last: { gtid: `${UUID}:7`, endOffset: two.offsets.at(-1) },
    },
  ]);
  expect(inventory.files.map((f) => [f.previous?.toString(), f.gtids.toString()])).toEqual([
    ['', `${UUID}:1-3`],
    [`${UUID}:1-3`, `${UUID}:4:7`],
  ]);
  expect(inventory.gtids().toString()).toBe(`${UUID}:1-4:7`);
  expect(inventory.files[0]!.firstUs).toBe(1_700_000_000_000_000);
  expect([...inventory.findings.counts]).toEqual([['rows-unverified', 2]]);
});

test('cut anywhere: only what is whole counts, and the cut is told', () => {
  const log = file().transaction(1).transaction(2);
  const bytes = log.bytes();
  const [begin, end] = [log.offsets[7]!, bytes.length];
  for (let cut = begin + 1; cut < end; cut++) {
    const inventory = inventoryOf({ 'binlog.000001': bytes.subarray(0, cut) });
    expect([cut, inventory.gtids().toString(), inventory.findings.counts.get('cut')]).toEqual([cut, `${UUID}:1`, 1]);
    expect(inventory.files[0]).toMatchObject({ transactions: 1, last: { gtid: `${UUID}:1`, endOffset: begin } });
  }
  expect(inventoryOf({ 'binlog.000001': bytes }).gtids().toString()).toBe(`${UUID}:1-2`);
});

test('a compressed transaction counts without being opened; a payload that does not look like one is damage', () => {
  const inside = new LogBytes(false)
    .query('BEGIN')
    .tableMap()
    .rows([[1, 'x']])
    .xid(1);
  const sound = zstdCompressSync(inside.bytes());
  const inventoryWith = (frame: Buffer) => inventoryOf({ f: file().gtid(5).payload(inside, { frame }).stop() });
  // what is behind the frame's header is not looked at
  expect(
    inventoryWith(Buffer.concat([sound.subarray(0, 18), Buffer.alloc(9)]))
      .gtids()
      .toString(),
  ).toBe(`${UUID}:5`);
  const inventory = inventoryWith(Buffer.from('no zstd frame'));
  expect(inventory.gtids().toString()).toBe('');
  expect(inventory.findings.counts.get('compression')).toBe(1);
});

test('a statement whose type has become that of a payload, whose checksum is not looked at, is damage', () => {
  const log = file().gtid(1).query('CREATE TABLE u (a INT)').transaction(2).stop();
  const bytes = log.bytes();
  bytes[log.offsets[3]! + 4] = EVENT.TRANSACTION_PAYLOAD;
  const inventory = inventoryOf({ f: bytes });
  expect(inventory.gtids().toString()).toBe(`${UUID}:2`);
  expect(inventory.findings.worst()).not.toBe('note');
});

test('XA: prepared branches are undecided until they are decided, also in a later file', () => {
  const one = file();
  for (const [i, name] of ['a', 'b', 'c'].entries()) {
    one
      .gtid(i + 1)
      .query(`XA START X'6${i + 1}',X'',1`)
      .tableMap()
      .rows([[i, name]])
      .query(`XA END X'6${i + 1}',X'',1`);
    xaPrepare(one, name);
  }
  one.gtid(4).query("XA COMMIT X'61',X'',1");
  const two = file(`${UUID}:1-4`).gtid(5).query("XA ROLLBACK X'63',X'',1");
  expect(inventoryOf({ one, two }).undecided()).toEqual([{ branch: "'b','',1", gtid: `${UUID}:2`, file: 'one', offset: one.offsets[8] }]);
  expect(
    inventoryOf({ one })
      .undecided()
      .map((b) => b.branch),
  ).toEqual(["'b','',1", "'c','',1"]);
});

test('MariaDB: the last number of each domain and server', () => {
  const log = new LogBytes().format({ maria: true });
  for (const seq of [5, 6])
    log
      .mariaGtid(seq)
      .tableMap()
      .rows([[1, 'x']])
      .xid(seq);
  log
    .mariaGtid(7, 0, { serverId: 3 })
    .tableMap()
    .rows([[1, 'x']])
    .xid(7)
    .stop();
  const inventory = inventoryOf({ f: log });
  expect(inventory.maria()).toEqual([
    { domain: 0, server: 1, seq: 6 },
    { domain: 0, server: 3, seq: 7 },
  ]);
  expect(inventory.files[0]!.last!.gtid).toBe('0-3-7');
});
