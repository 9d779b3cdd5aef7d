/** The reader of binary logs: what it tells of sound ones, in pieces and within limits. */
import * as fc from 'fast-check';
import { EVENT, FLAG } from '../../../core/binlog/codes.ts';
import { LogReader } from '../../../core/binlog/log.ts';
import { nodeBytes } from '../../../targets/systems/mysql/binlog/bytes.ts';
import { LogBytes, UUID } from '../../support/binlog-bytes.ts';
import { big, broken, inside, manyRows, start, whole, withWindow } from '../../support/binlog-samples.ts';
import { kinds, record } from '../../support/log-recorder.ts';

test('a sound file', async () => {
  const { lines } = await record([whole().bytes()]);
  expect(lines).toEqual([
    'file log.1',
    'format 9.7.4 4',
    'previous ',
    `begin gtid ${UUID}:1 158`,
    `table test.t ${UUID}:1`,
    `insert test.t 1 ${UUID}:1 323`,
    `end ${UUID}:1 xid 1001  401 true`,
    `begin gtid ${UUID}:2 401`,
    `ddl CREATE TABLE x (i INT) ${UUID}:2`,
    `end ${UUID}:2 ddl null  536 true`,
    `begin gtid ${UUID}:3 536`,
    `insert test.t 1 ${UUID}:3 716`,
    `end ${UUID}:3 xa-prepare null 'a','',1 855 true`,
    `begin gtid ${UUID}:4 855`,
    `end ${UUID}:4 xa-commit null 'a','',1 989 true`,
    `begin gtid ${UUID}:5 989`,
    `insert test.t 3 ${UUID}:5 1061`,
    `end ${UUID}:5 xid 77  1215 true compressed`,
    'begin anonymous null 1215',
    'table test.t null',
    'insert test.t 1 null 1432',
    'end null commit null  1576 true',
    `begin gtid ${UUID}:7 1576`,
    `ddl CREATE TABLE \`y\` (\`i\` int) START TRANSACTION ${UUID}:7`,
    `table test.t ${UUID}:7`,
    `insert test.t 1 ${UUID}:7 1826`,
    `end ${UUID}:7 xid 9  1900 true`,
    `begin gtid ${UUID}:8 1900`,
    `insert test.t 2 ${UUID}:8 1972`,
    `end ${UUID}:8 xid 77  2176 true compressed`,
    'rotate log.2',
    'end of log.1 2212',
  ]);
});

test('any cut into chunks gives the same calls, whatever the limits', async () => {
  const bytes = whole()
    .gtid(9)
    .payload(inside(700, 'x'.repeat(60)))
    .stop()
    .bytes();
  const sets = [{}, { rows: 'skip', checksums: 'structure' }, { rows: 'skip' }, { eventBytesMax: 4096 }] as const;
  for (const options of sets) {
    const { lines } = await record([bytes], options);
    expect(lines.length).toBeGreaterThan(20);
    const property = fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 60 }), async (at) => {
      const cuts = [...at].sort((a, b) => a - b);
      expect((await record([bytes], options, cuts)).lines).toEqual(lines);
    });
    await fc.assert(property, { numRuns: 60 });
    const each = await record([bytes], options, [...bytes.keys()]);
    expect(each.lines).toEqual(lines);
  }
});

test('rows are skipped on purpose: the same transactions, and a note', async () => {
  const all = await record([whole().bytes()]);
  for (const checksums of ['structure', 'all'] as const) {
    const skipped = await record([whole().bytes()], { rows: 'skip', checksums });
    expect(skipped.sound).toEqual(all.sound);
    expect(skipped.findings.map((f) => f.kind)).toEqual(['rows-unverified', 'rows-unverified']);
    expect(skipped.lines.filter((l) => l.startsWith('insert'))).toEqual([]);
  }
});

test('a row event larger than the memory for it is checked and named, and the next transaction is sound', async () => {
  const seen = await record([big().bytes()], { eventBytesMax: 4096 });
  expect(kinds(seen)).toEqual(['too-large']);
  expect(seen.sound).toEqual([`${UUID}:1`, `${UUID}:3`]);
  const skipped = await record([big().bytes()], { eventBytesMax: 4096, rows: 'skip' });
  expect(kinds(skipped)).toEqual([]);
  const log = big();
  const flipped = broken(log, (b, o) => b.writeUInt8(b[o[10]! + 5000]! ^ 4, o[10]! + 5000));
  expect(kinds(await record([flipped], { eventBytesMax: 4096 }))).toEqual(['checksum']);
  expect(kinds(await record([flipped], { eventBytesMax: 4096, rows: 'skip', checksums: 'structure' }))).toEqual([]);
});

const file = () => start().transaction(1).gtid(2).payload(manyRows()).transaction(3).stop();

describe('a payload larger than the memory for it', () => {
  test('is decoded in pieces', async () => {
    const log = file();
    expect(log.length).toBeGreaterThan(20_000);
    for (const cuts of [[], [500, 501, 900, 4000], [...Array(400).keys()].map((i) => i * 37)]) {
      const seen = await record([log.bytes()], { eventBytesMax: 4096 }, cuts);
      expect(seen.findings).toEqual([]);
      expect(seen.sound.length).toBe(3);
      expect(seen.lines.filter((l) => l.startsWith('insert test.t 1')).length).toBe(42);
    }
  });
  test('with a wrong checksum is not sound', async () => {
    const log = file();
    const bytes = log.bytes();
    const payload = log.offsets[8]!;
    // in the last four bytes: the data itself is right
    const end = payload + bytes.readUInt32LE(payload + 9);
    bytes[end - 1]! ^= 1;
    const seen = await record([bytes], { eventBytesMax: 4096 });
    expect(kinds(seen)).toEqual(['checksum']);
    expect(seen.sound).toEqual([`${UUID}:1`, `${UUID}:3`]);
  });
  test('that is cut is abandoned, and its decompression closed', async () => {
    const log = file();
    let opened = 0;
    let closed = 0;
    const zstdStream = () => {
      opened++;
      const stream = nodeBytes.zstdStream();
      return { write: stream.write.bind(stream), end: stream.end.bind(stream), close: () => (closed++, stream.close()) };
    };
    const seen = await record([log.bytes().subarray(0, log.offsets[8]! + 6000)], { eventBytesMax: 4096, bytes: { ...nodeBytes, zstdStream } });
    expect(kinds(seen)).toEqual(['cut']);
    expect(seen.lines.at(-2)).toBe(`abandon ${UUID}:2`);
    expect([opened, closed]).toEqual([1, 1]);
  });
  test('that is cut does not hold what comes in the next file', async () => {
    const log = file();
    const seen = await record([log.bytes().subarray(0, log.offsets[8]! + 6000), start().transaction(4).stop().bytes()], { eventBytesMax: 4096 });
    expect(kinds(seen)).toEqual(['cut']);
    expect(seen.sound).toEqual([`${UUID}:1`, `${UUID}:4`]);
  });
  test('that gives more than it says is not sound', async () => {
    const frame = await withWindow(manyRows().bytes(), 17);
    const seen = await record([start().gtid(1).payload(manyRows(), { frame, size: 9000 }).transaction(2).stop().bytes()], { eventBytesMax: 4096 });
    expect(kinds(seen)).toEqual(['compression']);
    expect(seen.sound).toEqual([`${UUID}:2`]);
    expect(seen.lines.filter((l) => l.startsWith('insert')).length).toBeLessThan(20);
  });
  test('with an event inside that is too large is not sound', async () => {
    const seen = await record(
      [
        start()
          .gtid(1)
          .payload(inside(1, 'y'.repeat(9000)))
          .transaction(2)
          .stop()
          .bytes(),
      ],
      { eventBytesMax: 4096 },
    );
    expect(kinds(seen)).toEqual(['too-large']);
    expect(seen.sound).toEqual([`${UUID}:2`]);
  });
  test('with a window that is too large is refused by name', async () => {
    const log = start()
      .gtid(1)
      .payload(manyRows(), { frame: await withWindow(manyRows().bytes(), 24) })
      .transaction(2)
      .stop();
    const seen = await record([log.bytes()]);
    expect(kinds(seen)).toEqual(['too-large']);
    expect(seen.findings[0]!.text).toContain(`${2 ** 24}`);
    expect(kinds(await record([log.bytes()], { windowBytesMax: 2 ** 24 }))).toEqual([]);
  });
});

const relay = () => new LogBytes().format({ flags: FLAG.RELAY_LOG });

test('a binary log has one format description', async () => {
  const seen = await record([new LogBytes().format().transaction(1).format().stop().bytes()]);
  expect(seen.findings.map((f) => f.kind)).toEqual(['grammar']);
});

describe('relay logs', () => {
  test('groups span files, with their table maps', async () => {
    const one = relay().gtid(1).query('BEGIN').tableMap().rotate('log.2');
    const two = relay()
      .rows([[1, 'a']])
      .xid(5)
      .stop();
    const seen = await record([one.bytes(), two.bytes()]);
    expect(seen.findings).toEqual([]);
    expect(seen.sound).toEqual([`${UUID}:1`]);
  });
  test('in binary logs they never do', async () => {
    const one = start().gtid(1).query('BEGIN').tableMap();
    const two = start()
      .rows([[1, 'a']])
      .xid(5)
      .stop();
    const seen = await record([one.bytes(), two.bytes()]);
    expect(kinds(seen)).toEqual(['cut', 'grammar', 'structure']);
    expect(seen.sound).toEqual([]);
  });
  test('a group that begins again is a note', async () => {
    const seen = await record([relay().gtid(1).query('BEGIN').tableMap().transaction(1).stop().bytes()]);
    expect(seen.findings.map((f) => f.kind)).toEqual(['restarted-group']);
    const lost = await record([relay().gtid(1).query('BEGIN').tableMap().transaction(2).transaction(3).stop().bytes()]);
    expect(lost.findings.map((f) => f.kind)).toEqual(['restarted-group', 'grammar']);
    // the ones behind it are whole
    expect(lost.sound).toEqual([`${UUID}:2`, `${UUID}:3`]);
    expect(seen.sound).toEqual([`${UUID}:1`]);
    expect(seen.lines).toContain(`abandon ${UUID}:1`);
  });
  test('two formats in one file, with and without checksums; positions of another file', async () => {
    const log = relay().transaction(1).format({ checksums: false }).transaction(2).format().gtid(3, { logPos: 9999 }).query('BEGIN').xid(4).stop();
    const seen = await record([log.bytes()]);
    expect(seen.findings.map((f) => f.kind)).toEqual(['no-checksums']);
    expect(seen.sound.length).toBe(3);
    expect(seen.lines.filter((l) => l.startsWith('format'))).toEqual([
      'format 9.7.4 relay 4',
      'format 9.7.4 relay unchecked 370',
      `format 9.7.4 relay ${log.offsets[12]}`,
    ]);
  });
  test('a binary log behind it cuts what is open', async () => {
    const seen = await record([relay().gtid(1).query('BEGIN').bytes(), start().transaction(2).stop().bytes()]);
    expect(kinds(seen)).toEqual(['cut']);
    expect(seen.lines).toContain(`abandon ${UUID}:1`);
    expect(seen.sound).toEqual([`${UUID}:2`]);
  });
  test('a log that ends inside a group is cut', async () => {
    const seen = await record([relay().transaction(1).gtid(2).query('BEGIN').bytes()]);
    expect(kinds(seen)).toEqual(['cut']);
  });
});

test('the in-use flag is a note and not part of the checksum', async () => {
  const seen = await record([new LogBytes().format({ flags: FLAG.IN_USE }).transaction(1).bytes()]);
  expect(seen.findings.map((f) => f.kind)).toEqual(['in-use']);
  expect(seen.sound.length).toBe(1);
});

test('MariaDB: a GTID event opens its transaction, a standalone one names the next statement', async () => {
  const log = new LogBytes()
    .format({ maria: true })
    .event(EVENT.MARIA_GTID_LIST, [0, 0, 0, 0])
    .mariaGtid(1)
    .tableMap()
    .rows([[1, 'a']])
    .xid(2)
    .mariaGtid(2, 1)
    .query('CREATE TABLE x (i INT)')
    .mariaGtid(3)
    .tableMap()
    .query('COMMIT')
    .stop();
  const seen = await record([log.bytes()]);
  expect(seen.findings).toEqual([]);
  expect(seen.sound).toEqual(['0-1-1', '0-1-2', '0-1-3']);
});

test('a log without GTID events', async () => {
  const log = new LogBytes()
    .format({ version: '5.6.51-log' })
    .query('BEGIN')
    .tableMap()
    .rows([[1, 'a']])
    .xid(2)
    .query('CREATE TABLE x (i INT)')
    .stop();
  const seen = await record([log.bytes()]);
  expect(seen.findings).toEqual([]);
  expect(seen.lines.filter((l) => /^(begin|end) n/.test(l))).toEqual([
    'begin none null 127',
    'end null xid 2  294 true',
    'begin none null 294',
    'end null ddl null  357 true',
  ]);
});

const LOAD_HEAD = [7, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 14, 0, 0, 0, 0];
const loadQuery = Buffer.concat([Buffer.from(LOAD_HEAD), Buffer.from("test\0LOAD DATA INFILE 'x' INTO TABLE t")]);
const load = (log: LogBytes) => log.event(EVENT.BEGIN_LOAD_QUERY, [1, 0, 0, 0, 0x61]).event(EVENT.EXECUTE_LOAD_QUERY, loadQuery);

test('LOAD DATA as a statement is told as one; until 5.1 it is a transaction of its own', async () => {
  const inside = await record([load(start().gtid(1).query('BEGIN')).xid(1).stop().bytes()]);
  const alone = await record([
    load(new LogBytes().format({ version: '5.0.86-log' }))
      .stop()
      .bytes(),
  ]);
  const astray = await record([load(start().transaction(1)).stop().bytes()]);
  expect([inside, alone, astray].map((seen) => seen.findings.map((f) => f.kind))).toEqual([['statement'], ['statement'], ['grammar', 'statement']]);
  for (const seen of [inside, alone])
    expect(seen.lines.filter((l) => l.startsWith('statement '))).toEqual([expect.stringContaining("LOAD DATA INFILE 'x' INTO TABLE t")]);
  expect(alone.lines.filter((l) => l.startsWith('end null'))).toHaveLength(1);
});

test('nothing is damage but bytes: what the visitor throws comes out', async () => {
  const stop = new Error('stop');
  const visitor = {
    rows: () => {
      throw stop;
    },
    finding: () => {},
  };
  const read = async (bytes: Buffer) => {
    const reader = new LogReader(visitor, { bytes: nodeBytes, rows: 'visit', checksums: 'all', eventBytesMax: 4096 });
    reader.beginFile('log.1');
    await reader.push(bytes);
  };
  await expect(read(start().transaction(1).bytes())).rejects.toBe(stop);
  await expect(read(start().gtid(1).payload(manyRows()).bytes())).rejects.toBe(stop);
});
