/** Bodies of events made by hand after the servers' sources; logs of real servers are read in log.test.ts, fuzz.test.ts and the corpus. */
import * as fc from 'fast-check';
import { zstdCompressSync, constants } from 'node:zlib';
import {
  branchOfStatement,
  compressedPart,
  isDdl,
  parseFormat,
  parseGtid,
  parseGtidList,
  parseHeartbeat,
  parseIncident,
  parseMariaGtid,
  parsePayloadHead,
  parseQuery,
  parseRotate,
  parseTaggedGtid,
  parseXaPrepare,
  parseXid,
  queryKind,
  statementKind,
  zstdHead,
} from '../../../core/binlog/events.ts';
import { TxHeadState } from '../../../core/binlog/tx.ts';
import type { Format } from '../../../core/binlog/visitor.ts';
import { LogBytes } from '../../support/binlog-bytes.ts';

const UUID = '00112233-4455-6677-8899-aabbccddeeff';
const uuid = Buffer.from(UUID.replaceAll('-', ''), 'hex');
const u16 = (n: number): Buffer => Buffer.from(Uint16Array.of(n).buffer);
const u32 = (n: number): Buffer => Buffer.from(Uint32Array.of(n).buffer);
const u64 = (n: bigint | number): Buffer => Buffer.from(BigUint64Array.of(BigInt(n)).buffer);
const cat = (...parts: (Buffer | number | string)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.from([part]) : typeof part === 'string' ? Buffer.from(part) : part)));

/** With bytes around it that nobody may look at; and every shorter body must be refused or read, never overrun. */
function parsed<T>(body: Buffer, parse: (buf: Uint8Array, start: number, end: number) => T): T {
  const around = Buffer.concat([Buffer.alloc(7, 0xff), body, Buffer.alloc(32, 0xff)]);
  for (let end = 0; end < body.length; end++) {
    try {
      parse(around, 7, 7 + end);
    } catch (e) {
      expect(e).toEqual(expect.objectContaining({ name: 'BinlogDamage' }));
    }
  }
  return parse(around, 7, 7 + body.length);
}
const damage = (kind: string) => expect.objectContaining({ name: 'BinlogDamage', kind });
const kindOf = (e: () => unknown): string => {
  try {
    e();
    return 'read';
  } catch (error) {
    return (error as { kind: string }).kind;
  }
};

const format: Format = (() => {
  const log = new LogBytes().format().bytes();
  return parseFormat(log, 4, log.length);
})();

/** Of the head as it is now: it is refilled. */
const shown = (tx: TxHeadState) => {
  const { kind, gno, lastCommitted, sequenceNumber, immediateCommitUs, originalCommitUs, transactionBytes } = tx;
  return { kind, gtid: tx.gtid(), gno, lastCommitted, sequenceNumber, immediateCommitUs, originalCommitUs, transactionBytes };
};

const formatEvent = (how: Parameters<LogBytes['format']>[0], cut = 0): Buffer => {
  const bytes = new LogBytes().format(how).bytes();
  return Buffer.from(bytes.subarray(4, bytes.length - cut));
};
const readFormat = (bytes: Buffer) => parseFormat(bytes, 0, bytes.length);
const kindOfText = (text: string) => statementKind(Buffer.from(`>${text}<`), 1, 1 + Buffer.byteLength(text));
const isDdlText = (text: string) => isDdl(Buffer.from(text), 0, Buffer.byteLength(text));
const readQuery = (body: Buffer) => parsed(body, (buf, start, end) => parseQuery(buf, start, end, format));
const xaPrepare = (gtrid: string, bqual: Buffer, id: number) => cat(1, u32(id), u32(gtrid.length), u32(bqual.length), gtrid, bqual);

describe('format descriptions', () => {
  test('tell flavour, version and checksums', () => {
    expect(readFormat(formatEvent({}))).toMatchObject({
      flavour: 'mysql',
      serverVersion: '9.7.4',
      checksums: true,
      inUse: false,
      relay: false,
      serverId: 1,
      headerLength: 19,
    });
    expect(readFormat(formatEvent({ checksums: false, flags: 0x41 }))).toMatchObject({ checksums: false, inUse: true, relay: true });
    expect(readFormat(formatEvent({ maria: true }))).toMatchObject({ flavour: 'mariadb', serverVersion: '10.11.19-MariaDB-log' });
    // a MariaDB that was told to call itself otherwise
    expect(readFormat(formatEvent({ maria: true, version: '8.0.1' }))).toMatchObject({ flavour: 'mariadb' });
    // before 5.6.1: neither algorithm nor checksum
    expect(readFormat(formatEvent({ version: '5.5.17' }, 5))).toMatchObject({ serverVersion: '5.5.17', checksums: false });
    expect(readFormat(formatEvent({})).postHeaderLengths.length).toBe(42);
  });
  test('keep nothing of the buffer', () => {
    const bytes = formatEvent({});
    const { postHeaderLengths } = readFormat(bytes);
    bytes.fill(0);
    expect(postHeaderLengths[1]).toBe(13);
  });
  test('are refused by name where they are none', () => {
    for (const cut of [1, 4, 6, 40, 80]) expect(() => readFormat(formatEvent({}, cut))).toThrow(expect.objectContaining({ name: 'BinlogDamage' }));
    expect(() => readFormat(formatEvent({ binlogVersion: 3 }))).toThrow(damage('format'));
  });
});

describe('GTID events', () => {
  const tx = new TxHeadState();
  const gtid = (body: Buffer, anonymous = false) => parsed(body, (buf, start, end) => (parseGtid(buf, start, end, anonymous, tx), shown(tx)));
  const head = (n: bigint | number) => cat(1, uuid, u64(n));
  const clock = (last: number, sequence: number) => cat(2, u64(last), u64(sequence));
  const u56 = (n: number, flag = false) => {
    const bytes = u64(n).subarray(0, 7);
    if (flag) bytes[6]! |= 0x80;
    return bytes;
  };

  test.each([
    ['5.6', head(7), { gtid: `${UUID}:7`, gno: 7, lastCommitted: 0, sequenceNumber: 0, immediateCommitUs: 0, transactionBytes: 0 }],
    ['5.7', cat(head(7), clock(3, 4)), { lastCommitted: 3, sequenceNumber: 4, immediateCommitUs: 0 }],
    [
      '8.0.1, its own',
      cat(head(7), clock(3, 4), u56(1_795_338_836_070_919)),
      { immediateCommitUs: 1_795_338_836_070_919, originalCommitUs: 1_795_338_836_070_919 },
    ],
    ['8.0.1, of another', cat(head(7), clock(3, 4), u56(5, true), u56(6)), { immediateCommitUs: 5, originalCommitUs: 6, transactionBytes: 0 }],
    ['8.0.2', cat(head(7), clock(3, 4), u56(5), 0xfc, u16(40_000)), { transactionBytes: 40_000 }],
    ['a transaction of 5 GB', cat(head(7), clock(3, 4), u56(5), 0xfe, u64(5e9), u32(80_036)), { transactionBytes: 5e9 }],
    [
      '8.0.28, of another',
      cat(head(7), clock(3, 4), u56(5, true), u56(6), 0xfd, u32(70_000).subarray(0, 3), u32(0x8000_0000 + 80_036), u32(80_014), u64(99)),
      { transactionBytes: 70_000, originalCommitUs: 6 },
    ],
  ])('%s', (_, body, expected) => {
    expect(gtid(body)).toMatchObject(expected);
  });

  test('an anonymous one has no name, a refilled head nothing of the one before', () => {
    gtid(cat(head(7), clock(3, 4), u56(5), 40));
    expect(gtid(cat(0, Buffer.alloc(16), u64(0), clock(1, 2)), true)).toMatchObject({
      kind: 'anonymous',
      gtid: null,
      gno: 0,
      immediateCommitUs: 0,
      transactionBytes: 0,
    });
  });
  test('numbers that nobody gives', () => {
    expect(() => gtid(head(0))).toThrow(damage('structure'));
    expect(gtid(head(Number.MAX_SAFE_INTEGER))).toMatchObject({ gno: Number.MAX_SAFE_INTEGER });
    expect(() => gtid(head(2n ** 53n))).toThrow(damage('format'));
    expect(() => gtid(head(2n ** 53n + 1n))).toThrow(damage('format'));
  });

  /** mysql::serialization's variable-length integers, as its source writes them. */
  const varint = (value: bigint): Buffer => {
    let bytes = 1;
    while (bytes < 9 && value >> BigInt(7 * bytes) > 0n) bytes++;
    if (bytes === 9) return cat(0xff, u64(value));
    const filled = (value << BigInt(bytes)) | ((1n << BigInt(bytes - 1)) - 1n);
    return bytes === 8 ? cat(0x7f, u64(value).subarray(0, 7)) : u64(filled).subarray(0, bytes);
  };
  const signed = (value: bigint) => varint(value < 0n ? ((-value - 1n) << 1n) | 1n : value << 1n);
  type Field = readonly [id: number, ...values: Buffer[]];
  const message = (fields: readonly Field[], last = 0, version = 1n): Buffer => {
    const content = cat(varint(BigInt(last)), ...fields.flatMap(([id, ...values]) => [varint(BigInt(id)), ...values]));
    // its size counts the size's own bytes
    const size = BigInt(content.length + 1);
    const sized = size + BigInt(varint(size).length);
    return cat(varint(version), varint(sized), content);
  };
  const uuidField = [1, ...Array.from(uuid, (byte) => varint(BigInt(byte)))] as Field;
  const tagField = (tag: string) => [3, varint(BigInt(tag.length)), Buffer.from(tag)] as const;
  const tagged = (body: Buffer) => parsed(body, (buf, start, end) => (parseTaggedGtid(buf, start, end, tx), shown(tx)));

  test('tagged ones: any numbers, fields left out, fields of later servers', () => {
    const n = fc.bigInt({ min: 1n, max: BigInt(Number.MAX_SAFE_INTEGER) });
    fc.assert(
      fc.property(
        n,
        n,
        n,
        n,
        fc.option(n, { nil: null }),
        n,
        fc.stringMatching(/^[a-z_][a-z0-9_]{0,31}$/),
        fc.boolean(),
        (gno, last, sequence, us, original, bytes, tag, later) => {
          const fields: Field[] = [[0, varint(0n)], uuidField, [2, signed(gno)], tagField(tag), [4, signed(last)], [5, signed(sequence)], [6, varint(us)]];
          if (original !== null) fields.push([7, varint(original)]);
          fields.push([8, varint(bytes)], [9, varint(90_704n)], [11, varint(2n ** 64n - 2n)]);
          if (later) fields.push([12, Buffer.from('anything')]);
          expect(tagged(message(fields))).toMatchObject({
            kind: 'tagged',
            gtid: `${UUID}:${tag}:${gno}`,
            lastCommitted: Number(last),
            sequenceNumber: Number(sequence),
            immediateCommitUs: Number(us),
            originalCommitUs: Number(original ?? us),
            transactionBytes: Number(bytes),
          });
        },
      ),
      { numRuns: 60 },
    );
  });
  test.each<[string, Buffer, string]>([
    ['a field that must be known', message([uuidField, [2, signed(1n)], tagField('a')], 12), 'format'],
    ['another serialization', message([uuidField, [2, signed(1n)], tagField('a')], 0, 2n), 'format'],
    ['no number', message([uuidField, tagField('a')]), 'structure'],
    ['a negative number', message([uuidField, [2, signed(-1n)], tagField('a')]), 'structure'],
    ['number 0', message([uuidField, [2, signed(0n)], tagField('a')]), 'structure'],
    ['a number that is too large', message([uuidField, [2, signed(2n ** 53n)], tagField('a')]), 'format'],
    ['fields in disorder', message([[2, signed(1n)], uuidField, tagField('a')]), 'structure'],
    ['a tag with a capital', message([uuidField, [2, signed(1n)], tagField('A')]), 'structure'],
    ['a tag that is too long', message([uuidField, [2, signed(1n)], tagField('a'.repeat(33))]), 'structure'],
    ['a UUID with more than bytes', message([[1, ...Array.from({ length: 16 }, () => varint(256n))], [2, signed(1n)], tagField('a')]), 'structure'],
  ])('tagged: %s', (_, body, kind) => {
    expect(kindOf(() => tagged(body))).toBe(kind);
  });

  test("MariaDB's", () => {
    const read = (body: Buffer) => parsed(body, (buf, start, end) => ({ ...parseMariaGtid(buf, start, end, tx), seq: tx.gno, domain: tx.domain }));
    expect(read(cat(u64(9), u32(3), 1 | 32, Buffer.alloc(6)))).toEqual({
      standalone: true,
      ddl: true,
      prepared: false,
      completed: false,
      branch: '',
      seq: 9,
      domain: 3,
    });
    expect(read(cat(u64(9), u32(3), 64, u32(1), 2, 1, 'abc', 0))).toMatchObject({ standalone: false, prepared: true, branch: "'ab','c',1" });
    // with a commit id
    expect(read(cat(u64(9), u32(3), 2 | 128, u64(77), u32(0xffff_ffff), 1, 0, Buffer.from([0])))).toMatchObject({ completed: true, branch: "X'00','',-1" });
    expect(() => read(cat(u64(9), u32(3), 64, u32(1), 200, 1, Buffer.alloc(250)))).toThrow(damage('structure'));
    tx.serverId = 5;
    expect(tx.gtid()).toBe('3-5-9');
    expect(parsed(cat(u32(0x1000_0002), u32(0), u32(1), u64(7), u32(1), u32(2), u64(8)), parseGtidList)).toEqual([
      { domain: 0, server: 1, seq: 7 },
      { domain: 1, server: 2, seq: 8 },
    ]);
    expect(() => parsed(cat(u32(0x0fff_ffff), u32(0)), parseGtidList)).toThrow(damage('structure'));
  });
});

describe('statements', () => {
  test.each([
    ['BEGIN', 'begin'],
    ['begin', 'begin'],
    [' /* app */ Begin -- so\n WORK ;', 'begin'],
    ['BEGIN NOT ATOMIC SELECT 1; END', 'other'],
    ['BEGINNING', 'other'],
    ['START TRANSACTION WITH CONSISTENT SNAPSHOT', 'begin'],
    ['START REPLICA', 'other'],
    ['COMMIT', 'commit'],
    ['/*!50000 COMMIT */', 'commit'],
    ['/*M!100000 commit work */', 'commit'],
    ['COMMIT_LOG', 'other'],
    ['COMMITé', 'other'],
    ['ROLLBACK', 'rollback'],
    ['ROLLBACK # why\n', 'rollback'],
    ['ROLLBACK TO `p`', 'savepoint'],
    ['rollback work to savepoint p', 'savepoint'],
    ['SAVEPOINT `p`', 'savepoint'],
    ['RELEASE SAVEPOINT p', 'savepoint'],
    ["XA START X'61',X'',1", 'xa-start'],
    ["xa begin 'a'", 'xa-start'],
    ["XA END X'61',X'',1", 'xa-end'],
    ["XA COMMIT X'61',X'',1", 'xa-commit'],
    ["XA/**/ROLLBACK X'61',X'',1", 'xa-rollback'],
    ["XA PREPARE 'a'", 'other'],
    ['INSERT INTO t VALUES (1)', 'other'],
    ['/* COMMIT', 'other'],
    ['', 'other'],
  ])('%j is %s', (text, expected) => {
    expect(kindOfText(text)).toBe(expected);
  });

  test.each([
    ['CREATE TABLE t (a INT)', true],
    ['CREATE TABLE t (\n a INT\n) START TRANSACTION', false],
    ['create table t (a INT COMMENT "START TRANSACTION")', true],
    ['/*!50003 CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET @a = 1 */', true],
    ['TRUNCATE t', true],
    ['ALTER USER u@h ACCOUNT LOCK', true],
    ['DROP TABLE `s2` /* generated by server */', true],
    ['GRANT SELECT ON *.* TO u', true],
    ['RENAME TABLE a TO b', true],
    ['ANALYZE TABLE t', true],
    ['FLUSH PRIVILEGES', true],
    ["SET PASSWORD FOR 'u'@'h' = 'x'", true],
    ['SET DEFAULT ROLE ALL TO u', true],
    ['SET STATEMENT max_statement_time = 1 FOR ALTER TABLE t ADD x INT', true],
    ['SET STATEMENT max_statement_time = 1 FOR INSERT INTO t VALUES (1)', false],
    ['SET @password = f()', false],
    ['/* create */ insert into t values (1)', false],
    ['-- drop table t\nUPDATE t SET a = 1', false],
    ['(SELECT f())', false],
    ['WITH x AS (SELECT 1) DELETE FROM t', false],
    ['REPLACE t VALUES (1)', false],
    ['CALL p()', false],
    ['DO f()', false],
    ['LOAD DATA INFILE "x" INTO TABLE t', false],
    ['', false],
    [')', false],
  ])('%j is DDL: %s', (text, expected) => {
    expect(isDdlText(text)).toBe(expected);
  });

  /** Status variables in the order of both servers. */
  const query = (text: Buffer, status: Buffer, schema = 'db'): Buffer =>
    cat(u32(7), u32(1), Buffer.byteLength(schema), u16(1053), u16(status.length), status, schema, 0, text);
  const charset = (id: number) => cat(0, u32(0), 1, u64(0), 6, 3, 'std', 3, u16(1), u16(1), 4, u16(id), u16(255), u16(255), 12, 1, 'db', 0);

  test.each<[string, number, Buffer, string, boolean]>([
    ['utf8mb4', 255, Buffer.from('SELECT "é✓"'), 'SELECT "é✓"', true],
    ['bytes that are not UTF-8', 45, Buffer.from('SELECT "\xe9"', 'latin1'), 'SELECT "é"', false],
    ['latin1', 8, Buffer.from('SELECT "\xe9\x80"', 'latin1'), 'SELECT "é€"', true],
    ['gbk', 28, cat('SELECT "', Buffer.from([0xd6, 0xd0]), '"'), 'SELECT "中"', true],
    ['sjis', 13, cat('SELECT "', Buffer.from([0x95, 0x5c]), '"'), 'SELECT "表"', true],
    ['koi8r', 7, cat('SELECT "', Buffer.from([0xc4]), '"'), 'SELECT "д"', true],
    ['cp850', 4, cat('SELECT "', Buffer.from([0x82]), '"'), 'SELECT "é"', true],
    ['swe7', 10, Buffer.from('SELECT "["'), 'SELECT "Ä"', true],
    ['bytes that are not ISO 8859-7', 25, cat('SELECT "', Buffer.from([0xd2]), '"'), 'SELECT "Ò"', false],
    ['bytes that are not gbk', 28, cat('SELECT "', Buffer.from([0xff]), '"'), 'SELECT "ÿ"', false],
    ['a collation that nobody knows', 999, Buffer.from('SELECT 1'), 'SELECT 1', false],
  ])('text in %s', (_, id, bytes, text, exact) => {
    expect(readQuery(query(bytes, charset(id)))).toEqual({ schema: 'db', text, exact, collation: id, errorCode: 1053, ddl: false });
  });
  test.each([1069, 2304])("MariaDB's utf8mb4, %i", (id) => {
    const body = query(Buffer.from('DO "é"'), charset(id));
    expect(parseQuery(body, 0, body.length, { ...format, flavour: 'mariadb' })).toMatchObject({ text: 'DO "é"', exact: true, collation: id });
  });
  test('without a character set, with a catalog of 5.0, and with one that is cut', () => {
    expect(readQuery(query(Buffer.from('DROP DATABASE x'), Buffer.alloc(0), ''))).toMatchObject({ collation: null, schema: '', ddl: true, exact: true });
    expect(readQuery(query(Buffer.from('DO 1'), cat(0, u32(0), 2, 3, 'std', 0, 4, u16(8), u16(8), u16(8))))).toMatchObject({ collation: 8 });
    expect(() => readQuery(query(Buffer.from('DO 1'), cat(0, u32(0), 4, u16(8))))).toThrow(damage('structure'));
    expect(() => readQuery(query(Buffer.from('DO 1'), cat(6, 200, 'std')))).toThrow(damage('structure'));
  });
  test('an inflated text takes the place of the compressed one', () => {
    const body = query(Buffer.from([0x81, 9, 0x78]), charset(255));
    expect(parseQuery(body, 0, body.length, format, Buffer.from('DROP TABLE x'))).toMatchObject({ text: 'DROP TABLE x', ddl: true });
    expect(queryKind(query(Buffer.from('COMMIT'), charset(255)), 0, query(Buffer.from('COMMIT'), charset(255)).length, format)).toBe('commit');
  });
});

describe('XA', () => {
  test('a prepared branch and the statement about it have the same form', () => {
    expect(parsed(xaPrepare("it's", Buffer.from([0xff]), 7), parseXaPrepare)).toEqual({ onePhase: true, branch: "X'69742773',X'ff',7" });
    expect(branchOfStatement("XA COMMIT X'69742773',X'ff',7")).toBe("X'69742773',X'ff',7");
    expect(parsed(xaPrepare('abc', Buffer.alloc(0), 1), parseXaPrepare).branch).toBe("'abc','',1");
    expect(() => parsed(cat(0, u32(1), u32(0x7fff_ffff), u32(1)), parseXaPrepare)).toThrow(damage('structure'));
  });
  test.each([
    ["XA COMMIT X'616263',X'',1", "'abc','',1"],
    ["xa rollback 'abc'", "'abc','',1"],
    ["XA COMMIT 0x616263 , 'd' , 0x10 ONE PHASE", "'abc','d',16"],
    [`XA COMMIT "a""b"`, `'a"b','',1`],
    ['XA RECOVER', null],
    ["XA COMMIT X'6'", null],
    [`XA COMMIT '${'a'.repeat(65)}'`, null],
  ])('%j is about %j', (text, branch) => {
    expect(branchOfStatement(text)).toBe(branch);
  });
});

test('small events', () => {
  expect(parsed(u64(2n ** 64n - 1n), parseXid)).toBe(2n ** 64n - 1n);
  expect(parsed(cat(u64(4), 'binlog.000002'), parseRotate)).toEqual({ next: 'binlog.000002', position: 4 });
  expect(parsed(cat(u16(1), 4, 'lost'), parseIncident)).toEqual({ code: 1, text: 'lost' });
  expect(parsed(Buffer.from('binlog.000002'), (b, s, e) => parseHeartbeat(b, s, e, false))).toEqual({ file: 'binlog.000002', position: null });
  expect(parsed(cat(1, 8, 'binlog.1', 2, 9, 0xfe, u64(5e9), 0), (b, s, e) => parseHeartbeat(b, s, e, true))).toEqual({ file: 'binlog.1', position: 5e9 });
});

describe('compression', () => {
  test('heads of payloads', () => {
    const field = (type: number, value: Buffer) => cat(type, value.length, value);
    const data = zstdCompressSync(Buffer.alloc(300, 'x'));
    const body = cat(field(2, Buffer.from([0])), field(3, cat(0xfc, u16(300))), field(1, Buffer.from([data.length])), 0, data);
    const head = parsePayloadHead(body, 0, Math.min(body.length, 64));
    expect(head).toEqual({ compression: 'zstd', size: 300, dataStart: body.length - data.length, dataLength: data.length });
    expect(zstdHead(body, head.dataStart, body.length)).toEqual({ windowBytes: 300, contentBytes: 300 });
    const plain = cat(field(2, cat(0xfc, u16(255))), field(1, Buffer.from([5])), 0, 'plain');
    expect(parsed(plain, parsePayloadHead)).toEqual({ compression: 'none', size: 5, dataStart: 7 + plain.length - 5, dataLength: 5 });
    expect(kindOf(() => parsePayloadHead(cat(field(2, Buffer.from([7])), field(1, Buffer.from([5])), 0), 0, 7))).toBe('format');
    expect(kindOf(() => parsePayloadHead(cat(field(2, Buffer.from([0])), 0), 0, 4))).toBe('structure');
    expect(kindOf(() => parsePayloadHead(cat(2, 2, 0, 0, 0), 0, 5))).toBe('structure');
  });
  test('heads of zstd frames are what zstd was told', () => {
    for (const windowLog of [10, 17, 21]) {
      const frame = zstdCompressSync(Buffer.alloc(3 << 20, 'abc'), {
        params: { [constants.ZSTD_c_windowLog]: windowLog, [constants.ZSTD_c_contentSizeFlag]: 0 },
      });
      expect(zstdHead(frame, 0, 18)).toEqual({ windowBytes: 2 ** windowLog, contentBytes: null });
    }
    expect(zstdHead(zstdCompressSync(Buffer.alloc(100_000)), 0, 18).contentBytes).toBe(100_000);
    expect(kindOf(() => zstdHead(Buffer.from('no frame at all'), 0, 15))).toBe('compression');
  });
  test("MariaDB's sizes are big-endian", () => {
    expect(parsed(Buffer.from([0x82, 0x01, 0x02, 0x78]), compressedPart)).toEqual({ size: 0x102, dataStart: 7 + 3 });
    for (const [head, kind] of [
      [0x02, 'structure'],
      [0x80, 'structure'],
      [0x85, 'structure'],
      [0x92, 'format'],
    ] as const)
      expect(kindOf(() => compressedPart(Buffer.from([head, 0, 0, 0, 0, 0, 0]), 0, 7))).toBe(kind);
  });
});
