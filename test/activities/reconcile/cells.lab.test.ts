/** A row image of a real server gives, for every type at its extremes, the very cell that a SELECT gives. */
import { LogReader } from '../../../core/binlog/log.ts';
import type { LogVisitor } from '../../../core/binlog/visitor.ts';
import { imageReader } from '../../../core/reconcile/cells.ts';
import type { ImageReader } from '../../../core/reconcile/cells.ts';
import type { RowImage } from '../../../core/binlog/rows.ts';
import type { Cell } from '../../../core/reconcile/schema.ts';
import { nodeBytes } from '../../../targets/systems/mysql/binlog/bytes.ts';
import { listLogs, readFiles } from '../../../targets/systems/mysql/binlog/read.ts';
import { withConnection } from '../../../targets/systems/mysql/dsn.ts';
import { quoteTable } from '../../../targets/systems/mysql/rows.ts';
import { cellExpression, cellOf, readTables } from '../../../targets/systems/mysql/schema.ts';
import { startServers } from '../../support/mysqld.ts';
import type { TestMysqld, TestServers } from '../../support/mysqld.ts';

let servers: TestServers;
let node: TestMysqld;

beforeAll(async () => {
  servers = await startServers(['a'], ['CREATE DATABASE t']);
  node = servers.nodes[0]!;
}, 120_000);
afterAll(async () => servers?.stop());

const LONG = 'x'.repeat(300);
/** type → values as SQL */
const TYPES: readonly [string, readonly string[]][] = [
  ['TINYINT', ['-128', '127', '0', '-1']],
  ['TINYINT UNSIGNED', ['255', '128', '0']],
  ['TINYINT(3) ZEROFILL', ['7', '255']],
  ['SMALLINT', ['-32768', '32767']],
  ['SMALLINT UNSIGNED', ['65535', '32768']],
  ['MEDIUMINT', ['-8388608', '8388607', '-1']],
  ['MEDIUMINT UNSIGNED', ['16777215', '8388608']],
  ['INT', ['-2147483648', '2147483647', '-1']],
  ['INT UNSIGNED', ['4294967295', '2147483648']],
  ['BIGINT', ['-9223372036854775808', '9223372036854775807', '-1']],
  ['BIGINT UNSIGNED', ['18446744073709551615', '9223372036854775808', '9007199254740993']],
  ['BIGINT(20) UNSIGNED ZEROFILL', ['42']],
  ['YEAR', ['1901', '2155', '0', '2026']],
  ['BIT(1)', ["b'0'", "b'1'"]],
  ['BIT(13)', ["b'1111111111111'", "b'1'"]],
  ['BIT(64)', ["b'1111111111111111111111111111111111111111111111111111111111111111'", "b'0'"]],
  ["ENUM('a','b,c','d''e','ü')", ['1', '2', '3', '4', "'ü'"]],
  ["SET('a','b','c''d')", ['0', '1', '5', '7']],
  [`SET(${Array.from({ length: 64 }, (_, i) => `'m${i}'`).join()})`, ['18446744073709551615', '9223372036854775808', '1']],
  ['DECIMAL(65,30)', ['-99999999999999999999999999999999999.999999999999999999999999999999', '0', '0.000000000000000000000000000001', '-0.5']],
  ['DECIMAL(10,0)', ['-9999999999', '0', '12']],
  ['DECIMAL(12,2) UNSIGNED ZEROFILL', ['1.5', '0']],
  ['DECIMAL(5,5)', ['0.12345', '-0.00001']],
  ['FLOAT', ['0.1', '-0e0', '804924.6875', '16777216', '3.402823466e38', '1.17549435e-38', '1e-45', '1.401298464e-45', '-1e20', '123456789']],
  ['FLOAT(9,2)', ['1234567.89', '-0.01']],
  ['FLOAT ZEROFILL', ['1.5']],
  [
    'DOUBLE',
    [
      '0.1',
      '-0e0',
      '1.7976931348623157e308',
      '-2.2250738585072014e-308',
      '-1.2345678901234567e-100',
      '5e-324',
      '1e15',
      '1e16',
      '123456789012345678',
      '1e-7',
      '0.1e0+0.2e0',
      '1e21',
      '1e22',
      '-1e22',
    ],
  ],
  ['DOUBLE(20,3)', ['1234567.891', '-0.001', '-99999999999999999']],
  ['DATE', ["'0001-01-01'", "'9999-12-31'", "'2025-02-03'", "'0000-00-00'", "'2020-00-00'"]],
  ['TIME', ["'-838:59:59'", "'838:59:59'", "'00:00:00'"]],
  ['TIME(3)', ["'-00:00:00.001'", "'12:34:56.789'"]],
  ['TIME(6)', ["'-838:59:58.999999'", "'00:00:00.000001'"]],
  ['DATETIME', ["'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'", "'0000-00-00 00:00:00'"]],
  ['DATETIME(2)', ["'2025-01-02 03:04:05.67'"]],
  ['DATETIME(6)', ["'9999-12-31 23:59:59.999999'", "'2025-01-02 03:04:05'"]],
  ['TIMESTAMP NULL', ["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'0000-00-00 00:00:00'"]],
  ['TIMESTAMP(6) NULL', ["'2025-01-02 03:04:05.000001'", "'2038-01-19 03:14:07.999999'"]],
  ['CHAR(10) CHARACTER SET utf8mb4', ["'abc  '", "''", "'ü😀'"]],
  ['CHAR(255) CHARACTER SET utf8mb4', [`'${'😀'.repeat(255)}'`]],
  ['VARCHAR(400) CHARACTER SET utf8mb4', ["'abc  '", "''", "'ü😀\\n\\\\\\'\"\\0'", `'${LONG}'`]],
  ['VARCHAR(400) CHARACTER SET utf8mb3', ["'ü€'"]],
  ['VARCHAR(40) CHARACTER SET ascii', ["'abc'"]],
  ['VARCHAR(40) CHARACTER SET latin1', ["'üß€'", "X'818D8F909DFF80'"]],
  ['CHAR(40) CHARACTER SET latin1', ["'ü  '"]],
  ['VARCHAR(40) CHARACTER SET utf16', ["'aü😀 '"]],
  ['CHAR(5) CHARACTER SET utf16', ["'aü  '"]],
  ['CHAR(5) CHARACTER SET ucs2', ["'aü'"]],
  ['VARCHAR(40) CHARACTER SET gbk', ["'中文'"]],
  ['CHAR(10) CHARACTER SET sjis', ["'日本'"]],
  ['VARCHAR(300) CHARACTER SET cp1251', ["'Привет'"]],
  ['TEXT CHARACTER SET utf32', ["'aü😀'"]],
  ['TINYTEXT CHARACTER SET utf8mb4', ["'ü'"]],
  ['MEDIUMTEXT CHARACTER SET utf8mb4', ["REPEAT('ü😀x', 30000)"]],
  ['LONGTEXT CHARACTER SET latin1', ["'üx'"]],
  ['BINARY(8)', ["X'0001'", "X'00'", "X'FFFFFFFFFFFFFFFF'", "''"]],
  ['BINARY(255)', ["X'FF'"]],
  ['VARBINARY(300)', ["X'0001FF00'", "''"]],
  ['TINYBLOB', ["X'00FF'"]],
  ['BLOB', ["X'00FF'", "''"]],
  ['MEDIUMBLOB', ["REPEAT(X'00FF27', 30000)"]],
  ['LONGBLOB', ["X'DEADBEEF'"]],
  ['GEOMETRY', ["ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('LINESTRING(0 0,1 1)', 4326)"]],
  ['POINT', ["ST_GeomFromText('POINT(-0.1 1e300)')"]],
  ['VECTOR(3)', ["STRING_TO_VECTOR('[1.5,-0,3e38]')"]],
  [
    'JSON',
    [
      "'null'",
      "'true'",
      "'[]'",
      "'{}'",
      `'{"b": 1, "aa": [1, -1, 65535, 65536, -32769, 4294967296, 9007199254740993, 18446744073709551615], "": {"x": null}}'`,
      `'[1.0, -0.0, 0.1, 1e20, 1e15, 1e16, 123456789012345678.0, 1e-5, 1e-14, 1e-15, 1e-16, 1.5e300, 5e-324, 1.7976931348623157e308, 12345678901234567890123, 0.000001234, 1e21, 1.25e21, 3.0e14, 1.2345678901234567e16]'`,
      `'"ü😀 \\\\" \\\\\\\\ / \\\\u0000 \\\\u001f \\\\u007f \\\\b\\\\f\\\\n\\\\r\\\\t <>"'`,
      "JSON_ARRAY(CAST('2025-01-02' AS DATE), CAST('-10:11:12.5' AS TIME(6)), CAST('2025-01-02 03:04:05.12' AS DATETIME(6)), TIMESTAMP'2025-01-02 03:04:05', 1.50, -0.5, 123456789012345678901234567890.123)",
      "JSON_OBJECT('b', CAST(X'616263' AS BINARY), 'l', CAST(REPEAT(X'00FF', 100) AS BINARY), 'e', CAST('' AS BINARY), 'bit', b'101', 'y', CAST(2025 AS YEAR))",
      "JSON_OBJECT('g', REPEAT('x', 70000), 'h', JSON_ARRAY(1, 100000, 5000000000))",
      'CAST(0.1 + 0.2e0 AS JSON)',
      "JSON_ARRAY(CAST(1.50 AS DECIMAL(65,30)), ST_GeomFromText('POINT(1 2)'))",
    ],
  ],
];

/** The cells of an image; and what is called alike in it and the one before has the same cell, the id being alike with itself only. */
function told(reader: ImageReader, image: RowImage): (Cell | undefined)[] {
  const cells = reader.cells(image);
  const [former, was] = last ?? [null, []];
  if (former?.buf.length === image.buf.length && was.length === cells.length) {
    for (const [i, cell] of cells.entries()) if (reader.alike(former, image, [i])) expect([i, was[i]]).toEqual([i, cell]);
    expect([reader.alike(former, image, [0]), reader.alike(image, image, [0])]).toEqual([was[0] === cells[0], true]);
  }
  last = [{ ...image, buf: image.buf.slice(), at: image.at.slice() }, cells];
  return cells;
}
let last: [RowImage, (Cell | undefined)[]] | null = null;

async function imagesOf(table: string): Promise<{ cells: (Cell | undefined)[][]; reasons: string[] }> {
  const infos = await withConnection(node.dsn, (c) => readTables(c, [table]));
  const cells: (Cell | undefined)[][] = [];
  const reasons: string[] = [];
  const visitor: LogVisitor = {
    rows(rows) {
      if (rows.table.name !== table) return;
      const reader = imageReader(rows.table, infos.get(table)!, nodeBytes);
      if (typeof reader === 'string') reasons.push(reader);
      else while (rows.next()) cells.push(told(reader, rows.after ?? rows.before!));
    },
    finding(f) {
      if (f.level !== 'note') throw new Error(f.text);
    },
  };
  const { files } = await listLogs([node.dataDir]);
  await readFiles(files, new LogReader(visitor, { bytes: nodeBytes, rows: 'visit', checksums: 'all' }));
  return { cells, reasons };
}

async function selectedOf(table: string): Promise<Cell[][]> {
  return withConnection(node.dsn, async (connection) => {
    const info = (await readTables(connection, [table])).get(table)!;
    const [rows] = await connection.query({
      sql: `SELECT ${info.columns.map((c) => cellExpression(c)).join(', ')} FROM ${quoteTable(table)} ORDER BY id`,
      rowsAsArray: true,
    });
    return (rows as unknown as (string | null)[][]).map((r) => r.map((text, i) => cellOf(info.columns[i]!, text)));
  });
}

test.each(['MINIMAL', 'FULL'])(
  'every type at its extremes, binlog_row_metadata %s',
  async (metadata) => {
    const table = `t.all_${metadata.toLowerCase()}`;
    const columns = TYPES.map(([type], i) => `c${i} ${type}`).join(', ');
    await node.sql(`SET GLOBAL binlog_row_metadata = ${metadata}`, "SET SESSION sql_mode = ''", `CREATE TABLE ${table} (id INT PRIMARY KEY, ${columns})`);
    const rows = Math.max(...TYPES.map(([, values]) => values.length));
    const c = await node.connect();
    await c.query("SET SESSION sql_mode = '', time_zone = '+00:00', NAMES utf8mb4".replace(', NAMES utf8mb4', ''));
    await c.query('SET NAMES utf8mb4');
    for (let r = 0; r < rows; r++) await c.query(`INSERT INTO ${table} VALUES (${r}, ${TYPES.map(([, values]) => values[r] ?? 'NULL').join(', ')})`);
    c.destroy();
    const { cells, reasons } = await imagesOf(table);
    expect(reasons).toEqual([]);
    const selected = await selectedOf(table);
    expect(cells).toHaveLength(rows);
    for (const [i, [type]] of TYPES.entries()) expect([type, cells.map((r) => r[i + 1])]).toEqual([type, selected.map((r) => r[i + 1])]);
  },
  60_000,
);

test.each<[string, string, string | null]>([
  ['DECIMAL(10,2)', 'DECIMAL(10,3)', 'DECIMAL(10,2)'],
  ['DECIMAL(10,2)', 'DECIMAL(12,2)', 'DECIMAL(10,2)'],
  ['DATETIME(2)', 'DATETIME(3)', 'DATETIME(2)'],
  ['INT', 'INT UNSIGNED', 'INT'],
  ['INT', 'BIGINT', 'INT'],
  ['BINARY(3)', 'BINARY(4)', 'BINARY(3)'],
  ['VARCHAR(9) CHARACTER SET latin1', 'VARCHAR(9) CHARACTER SET utf16', 'latin1'],
  ["ENUM('a','b')", "ENUM('b','a')", 'of other labels'],
  ["ENUM('a','b')", "ENUM('a','b','c')", null],
  ['VARCHAR(9) CHARACTER SET utf8mb4', 'VARCHAR(300) CHARACTER SET utf8mb4', null],
  ['TEXT', 'MEDIUMTEXT', null],
  ['INT', 'INT NULL COMMENT "x"', null],
])('a column that was %s and is %s', async (was, is, reason) => {
  const table = `t.was_${Math.random().toString(36).slice(2)}`;
  await node.sql("SET GLOBAL binlog_row_metadata = 'FULL'");
  await node.sql(
    `CREATE TABLE ${table} (id INT PRIMARY KEY, c ${was})`,
    `INSERT INTO ${table} VALUES (1, NULL)`,
    `TRUNCATE TABLE ${table}`,
    `ALTER TABLE ${table} MODIFY c ${is}`,
  );
  const { cells, reasons } = await imagesOf(table);
  if (reason === null) expect({ cells, reasons }).toEqual({ cells: [['1', null]], reasons: [] });
  else expect(reasons).toEqual([expect.stringContaining(`has changed since: c is`)]);
  expect(reasons[0] ?? '').toContain(reason ?? '');
});
