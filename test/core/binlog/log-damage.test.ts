/** Binary logs that are not what a server wrote: which finding each disaster is, and what stays usable. */
import { zstdCompressSync } from 'node:zlib';
import { EVENT, FLAG } from '../../../core/binlog/codes.ts';
import { LogBytes, UUID } from '../../support/binlog-bytes.ts';
import { broken, inside, start, unsized, whole } from '../../support/binlog-samples.ts';
import { kinds, record } from '../../support/log-recorder.ts';

test('a file cut at any byte near its end is cut, and the transactions before it stay', async () => {
  const bytes = start().transaction(1).transaction(2).transaction(3).stop().bytes();
  for (let length = bytes.length - 300; length < bytes.length; length++) {
    const seen = await record([bytes.subarray(0, length)]);
    const atEnd = length === bytes.length - 23;
    expect([length, ...seen.findings.map((f) => f.kind)]).toEqual([length, atEnd ? 'unclosed' : seen.sound.length > 0 ? kindOfCut(bytes, length) : 'cut']);
    expect(seen.lines.at(-1)).toBe(`end of log.1 ${length}`);
    if (seen.findings[0]!.kind === 'cut') expect(seen.findings[0]!.text).toContain(`${UUID}:${seen.sound.length}`);
  }
});

/** Between two whole transactions nothing is cut: only the end is missing. */
const kindOfCut = (bytes: Uint8Array, length: number): string =>
  length < bytes.length && bytes[length + 4] === EVENT.GTID && bytes[length + 9] === 72 ? 'unclosed' : 'cut';

test('what stands behind the last whole transaction is counted', async () => {
  const log = start().transaction(1).gtid(2).query('BEGIN').tableMap();
  const seen = await record([log.bytes()]);
  expect(seen.lines.slice(-3)).toEqual([
    `damage cut ${log.length} ${UUID}:2 the file ends inside ${UUID}:2: the last whole transaction is ${UUID}:1, ${log.length - 401} bytes stand behind it`,
    `abandon ${UUID}:2`,
    `end of log.1 ${log.length}`,
  ]);
});

test('every flipped bit of a checksummed file is noticed, and no transaction that it hit is sound', async () => {
  const bytes = whole().bytes();
  const sound = await record([bytes]);
  for (let at = 0; at < bytes.length; at++) {
    const bit = (at * 5) % 8;
    bytes[at]! ^= 1 << bit;
    const seen = await record([bytes]);
    bytes[at]! ^= 1 << bit;
    if (kinds(seen).length === 0 && !(at === 4 + 17 && bit === 0)) throw new Error(`bit ${bit} of byte ${at} was not noticed`);
    for (const gtid of seen.sound) expect(sound.sound).toContain(gtid);
  }
}, 60_000);

const REFUSED = (bytes: number[]) => Buffer.from(bytes);
const three = () => start().transaction(1).transaction(2).transaction(3).stop();
const unfinished = (version: string) => new LogBytes().format({ checksums: false, version }).query('CREATE TABLE t (i INT)');
const unchecked = () => new LogBytes().format({ checksums: false }).transaction(1).transaction(2).transaction(3).stop();

/** Which bytes; the kinds of findings that are not notes; how many transactions are sound. */
const DISASTERS: [name: string, bytes: () => Uint8Array, findings: string[], sound: number][] = [
  ['an empty file', () => REFUSED([]), ['format'], 0],
  ['half a magic', () => REFUSED([0xfe, 0x62]), ['cut'], 0],
  ['only the magic', () => REFUSED([0xfe, 0x62, 0x69, 0x6e]), ['cut'], 0],
  ['an encrypted file', () => REFUSED([0xfd, 0x62, 0x69, 0x6e, 1, 2, 3]), ['encrypted'], 0],
  ['another file', () => Buffer.from('hello, world'), ['format'], 0],
  ['no format description', () => new LogBytes().xid(1).bytes(), ['structure'], 0],
  ['START_V3', () => new LogBytes().event(EVENT.START_V3, new Uint8Array(56)).bytes(), ['format'], 0],
  ['binlog version 3', () => new LogBytes().format({ binlogVersion: 3 }).bytes(), ['format'], 0],
  ['START_ENCRYPTION', () => start().transaction(1).event(EVENT.MARIA_START_ENCRYPTION, new Uint8Array(17)).transaction(2).bytes(), ['encrypted'], 1],
  ['a format description with a wrong checksum', () => broken(three(), (b) => b.writeUInt8(b[30]! ^ 1, 30)), ['checksum'], 0],
  ['a wrong checksum in a row event', () => broken(three(), (b, o) => b.writeUInt8(b[o[5]! + 30]! ^ 1, o[5]! + 30)), ['checksum'], 2],
  ['a wrong checksum in a GTID event', () => broken(three(), (b, o) => b.writeUInt8(b[o[7]! + 30]! ^ 1, o[7]! + 30)), ['checksum', 'grammar'], 2],
  ['a wrong checksum in an XID event', () => broken(three(), (b, o) => b.writeUInt8(b[o[6]! + 20]! ^ 1, o[6]! + 20)), ['checksum'], 2],
  ['two wrong checksums', () => broken(three(), (b, o) => [5, 10].forEach((i) => b.writeUInt8(b[o[i]! + 30]! ^ 1, o[i]! + 30))), ['checksum'], 1],
  ['a length below 19', () => broken(three(), (b, o) => b.writeUInt32LE(3, o[7]! + 9)), ['length'], 1],
  ['a length below the checksum', () => broken(three(), (b, o) => b.writeUInt32LE(20, o[7]! + 9)), ['length'], 1],
  ['a GTID event of 1 GB', () => broken(three(), (b, o) => b.writeUInt32LE(2 ** 30, o[7]! + 9)), ['length'], 1],
  ['a row event of 1 GB', () => broken(three(), (b, o) => b.writeUInt32LE(2 ** 30, o[10]! + 9)), ['cut'], 1],
  ['a length one too long', () => broken(three(), (b, o) => b.writeUInt32LE(b.readUInt32LE(o[10]! + 9) + 1, o[10]! + 9)), ['checksum', 'length'], 1],
  ['the same, unchecked', () => broken(unchecked(), (b, o) => b.writeUInt32LE(b.readUInt32LE(o[9]! + 9) + 4, o[9]! + 9)), ['length'], 1],
  ['a tail of zeros', () => Buffer.concat([three().bytes(), Buffer.alloc(512)]), ['length'], 3],
  ['two events swapped', () => swapped(three(), 10, 11), ['grammar'], 2],
  ['an event missing', () => without(three(), 10), ['grammar'], 2],
  ['a transaction missing', () => without(three(), 7, 12), ['grammar'], 2],
  ['an event doubled', () => doubled(three(), 10), ['grammar'], 2],
  ['COMMIT without BEGIN', () => start().transaction(1).xid(4).xid(5).transaction(2).bytes(), ['grammar'], 2],
  ['XID behind a GTID', () => start().transaction(1).gtid(2).xid(5).stop().bytes(), ['grammar'], 1],
  [
    'rows without BEGIN',
    () =>
      start()
        .transaction(1)
        .gtid(2)
        .tableMap()
        .rows([[1, 'a']])
        .xid(5)
        .stop()
        .bytes(),
    ['grammar'],
    1,
  ],
  [
    'rows without a transaction',
    () =>
      start()
        .transaction(1)
        .tableMap()
        .rows([[1, 'a']])
        .stop()
        .bytes(),
    ['grammar'],
    1,
  ],
  ['a second BEGIN', () => start().gtid(1).query('BEGIN').query('BEGIN').xid(4).stop().bytes(), ['grammar'], 0],
  ['a GTID inside a transaction', () => start().gtid(1).query('BEGIN').transaction(2).stop().bytes(), ['grammar'], 1],
  ['a transaction without a GTID among others', () => start().transaction(1).query('BEGIN').xid(4).stop().bytes(), ['grammar'], 1],
  ['a sequence number missing', () => start().transaction(1).gtid(2, { sequence: 9 }).query('BEGIN').xid(4).stop().bytes(), ['grammar'], 2],
  ['the same sequence number', () => start().transaction(1).gtid(2, { sequence: 1 }).query('BEGIN').xid(4).stop().bytes(), ['grammar'], 2],
  ['XA PREPARE without XA END', () => start().gtid(1).query("XA START 'a'").event(EVENT.XA_PREPARE, new Uint8Array(13)).stop().bytes(), ['grammar'], 0],
  [
    'an unknown table',
    () =>
      start()
        .gtid(1)
        .query('BEGIN')
        .rows([[1, 'a']], 55)
        .xid(5)
        .transaction(2)
        .stop()
        .bytes(),
    ['structure'],
    1,
  ],
  [
    'an unknown event in a transaction',
    () => start().gtid(1).query('BEGIN').event(99, [1], { flags: FLAG.IGNORABLE }).xid(5).stop().bytes(),
    ['unknown-event'],
    0,
  ],
  ['an unknown event between two', () => start().transaction(1).event(99, [1]).transaction(2).stop().bytes(), ['unknown-event'], 2],
  ['one that can be ignored', () => start().transaction(1).event(99, [1], { flags: FLAG.IGNORABLE }).transaction(2).stop().bytes(), [], 2],
  ['row events of 5.1 before its release', () => start().gtid(1).query('BEGIN').event(EVENT.PRE_GA_WRITE_ROWS, [1]).xid(5).stop().bytes(), ['format'], 0],
  ['the same of such a server, outside of transactions', () => unfinished('5.1.17-beta-log').event(EVENT.PRE_GA_WRITE_ROWS, [1]).stop().bytes(), ['format'], 1],
  ['a table map of 5.1 before its release', () => unfinished('5.1.29-rc').event(EVENT.TABLE_MAP, [1]).stop().bytes(), ['format'], 1],
  ['one of its release', () => unfinished('5.1.30').event(EVENT.TABLE_MAP, [1]).stop().bytes(), ['grammar', 'structure'], 1],
  ['an incident', () => start().transaction(1).event(EVENT.INCIDENT, [1, 0, 2, 0x6f, 0x6f]).transaction(2).stop().bytes(), ['incident'], 2],
  ['DML as a statement', () => start().gtid(1).query('BEGIN').query('INSERT INTO t VALUES (1)').xid(5).stop().bytes(), ['statement'], 0],
  ['DML outside a transaction', () => start().gtid(1).query('INSERT INTO t VALUES (1)').stop().bytes(), ['statement'], 0],
  [
    'LOAD DATA as a statement',
    () => start().gtid(1).query('BEGIN').event(EVENT.EXECUTE_LOAD_QUERY, new Uint8Array(30)).xid(5).stop().bytes(),
    ['statement'],
    0,
  ],
  [
    'a payload that is no zstd',
    () =>
      start()
        .gtid(1)
        .payload(inside(), { frame: Buffer.from('nonsense') })
        .transaction(2)
        .stop()
        .bytes(),
    ['compression'],
    1,
  ],
  [
    'a payload cut short',
    () =>
      start()
        .gtid(1)
        .payload(inside(), { frame: zstdCompressSync(inside().bytes()).subarray(0, -5) })
        .transaction(2)
        .stop()
        .bytes(),
    ['compression'],
    1,
  ],
  [
    'a payload that gives less',
    () =>
      start()
        .gtid(1)
        .payload(inside(), { frame: unsized(inside().bytes()), size: 999 })
        .transaction(2)
        .stop()
        .bytes(),
    ['compression'],
    1,
  ],
  [
    'a payload that gives more',
    () =>
      start()
        .gtid(1)
        .payload(inside(), { frame: unsized(inside().bytes()), size: 99 })
        .transaction(2)
        .stop()
        .bytes(),
    ['compression'],
    1,
  ],
  ['a payload without an end', () => start().gtid(1).payload(new LogBytes(false).query('BEGIN').tableMap()).transaction(2).stop().bytes(), ['grammar'], 1],
  ['a payload with two transactions', () => start().gtid(1).payload(inside().query('BEGIN').xid(8)).transaction(2).stop().bytes(), ['grammar'], 1],
  ['a payload with half an event', () => start().gtid(1).payload(new HalfLog()).transaction(2).stop().bytes(), ['length'], 1],
  ['a payload in a payload', () => start().gtid(1).payload(new LogBytes(false).payload(inside())).transaction(2).stop().bytes(), ['grammar'], 1],
  ['a payload without a GTID', () => start().transaction(1).payload(inside()).stop().bytes(), ['grammar'], 1],
  ['a payload in an open transaction', () => start().gtid(1).query('BEGIN').payload(inside()).xid(4).transaction(2).stop().bytes(), ['grammar'], 1],
];

test.each(DISASTERS)('%s', async (_name, bytes, findings, sound) => {
  for (const options of [{}, { eventBytesMax: 4096 }]) {
    const seen = await record([bytes()], options);
    expect([...new Set(kinds(seen)), seen.sound.length]).toEqual([...findings, sound]);
    const begun = seen.lines.filter((l) => l.startsWith('begin')).length;
    expect(seen.lines.filter((l) => l.startsWith('end ') && !l.startsWith('end of')).length + seen.lines.filter((l) => l.startsWith('abandon')).length).toBe(
      begun,
    );
  }
});

class HalfLog extends LogBytes {
  constructor() {
    super(false);
    this.query('BEGIN').tableMap();
  }
  override bytes(): Buffer {
    return super.bytes().subarray(0, -7);
  }
}

function pieces(log: LogBytes): Buffer[] {
  const bytes = log.bytes();
  return [bytes.subarray(0, 4), ...log.offsets.map((from, i) => bytes.subarray(from, log.offsets[i + 1] ?? bytes.length))];
}
function swapped(log: LogBytes, a: number, b: number): Buffer {
  const all = pieces(log);
  [all[a + 1], all[b + 1]] = [all[b + 1]!, all[a + 1]!];
  return Buffer.concat(all);
}
const without = (log: LogBytes, from: number, to = from + 1): Buffer => Buffer.concat(pieces(log).filter((_, i) => i - 1 < from || i - 1 >= to));
const doubled = (log: LogBytes, at: number): Buffer => Buffer.concat(pieces(log).flatMap((p, i) => (i - 1 === at ? [p, p] : [p])));

const skipping = (bytes: Uint8Array) => record([bytes], { rows: 'skip', checksums: 'structure' });

test('skipped row events that are missing, doubled or moved are noticed by position', async () => {
  for (const bytes of [without(three(), 10), doubled(three(), 10), swapped(three(), 9, 10)]) expect(kinds(await skipping(bytes))).toContain('grammar');
  // not even a length that swallows the next event whole
  const swallowed = broken(three(), (b, o) => b.writeUInt32LE(o[12]! - o[10]!, o[10]! + 9));
  expect(kinds(await skipping(swallowed))).toContain('checksum');
});

test('where two events in a row are wrong, nothing behind them is guessed at', async () => {
  // the row event says a length that ends before a text that looks like an event
  const fake = new LogBytes(false).event(EVENT.XID, Buffer.alloc(8)).bytes().toString('latin1');
  const log = start()
    .transaction(1)
    .gtid(2)
    .query('BEGIN')
    .tableMap()
    .rows([[1, `${'z'.repeat(40)}${fake.repeat(3)}`]])
    .xid(4)
    .transaction(3)
    .stop();
  const at = log.offsets[10]!;
  const bytes = broken(log, (b) => b.writeUInt32LE(b.indexOf(Buffer.from(fake, 'latin1'), at) - at, at + 9));
  const seen = await record([bytes]);
  expect(kinds(seen)).toEqual(['checksum', 'length']);
  expect(seen.sound).toEqual([`${UUID}:1`]);
  expect(seen.lines.at(-1)).toBe(`end of log.1 ${bytes.length}`);
});

const said = (bytes: number) =>
  start()
    .gtid(1, { bytes })
    .query('BEGIN')
    .tableMap()
    .rows([[1, 'a']])
    .xid(5)
    .stop();
const length = said(240).offsets[7]! - said(240).offsets[2]!;
const relayed = (bytes: number) => [
  new LogBytes().format({ flags: FLAG.RELAY_LOG }).gtid(1, { bytes }).query('BEGIN').rotate('relay.2'),
  new LogBytes()
    .format({ flags: FLAG.RELAY_LOG })
    .previousGtids()
    .rotate('binlog.1', { flags: FLAG.ARTIFICIAL })
    .format()
    .tableMap()
    .rows([[1, 'a']])
    .xid(5),
];

describe('a transaction that says how many bytes it has', () => {
  test('has them', async () => {
    expect(kinds(await record([said(length).bytes()]))).toEqual([]);
    expect(kinds(await record([said(length - 1).bytes()]))).toEqual(['grammar']);
    expect((await record([said(length + 1).bytes()])).sound).toEqual([]);
  });
  test('has them in relay logs, less what stands between the files', async () => {
    expect(kinds(await record(relayed(length).map((l) => l.bytes())))).toEqual([]);
    expect(kinds(await record(relayed(length + 1).map((l) => l.bytes())))).toEqual(['grammar']);
  });
});
