/**
 * Makes the logs in test/fixtures/rows out of real servers, one file each: tables and images of every shape. Run it to make them anew:
 * `node test/support/rows-fixtures.ts`. Every table has its values between INT columns that say which they are (`k1` is 1001), so that a wrong size shows.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureMariadb, TestMariadb } from './mariadb.ts';
import { startServers } from './mysqld.ts';

const TARGET = join(import.meta.dirname, '../fixtures/rows');

/** Every type with a value; between them k1, k2, … */
export const TYPES: readonly (readonly [type: string, value: string])[] = [
  ['TINYINT', '-1'],
  ['SMALLINT UNSIGNED', '65535'],
  ['MEDIUMINT', '-2'],
  ['BIGINT UNSIGNED', '18446744073709551615'],
  ['DECIMAL(65,30)', "'-12345678901234567890.5'"],
  ['DECIMAL(1,0) UNSIGNED', '7'],
  ['DECIMAL(10,10)', '0.5'],
  ['FLOAT', '1.5'],
  ['DOUBLE', '-2.5e300'],
  ['BIT(1)', "b'1'"],
  ['BIT(17)', "b'10000000000000001'"],
  ['YEAR', '2024'],
  ['DATE', "'2024-02-29'"],
  ['TIME', "'-838:59:59'"],
  ['TIME(1)', "'01:02:03.4'"],
  ['TIME(6)', "'01:02:03.456789'"],
  ['DATETIME', "'2024-02-29 01:02:03'"],
  ['DATETIME(3)', "'2024-02-29 01:02:03.456'"],
  ['DATETIME(5)', "'2024-02-29 01:02:03.45678'"],
  ['TIMESTAMP NULL', "'2024-02-29 01:02:03'"],
  ['TIMESTAMP(4) NULL', "'2024-02-29 01:02:03.4567'"],
  ['CHAR(3) CHARACTER SET latin1', "'é'"],
  ['CHAR(255) CHARACTER SET utf8mb4', "REPEAT('✓', 200)"],
  ['BINARY(16)', "x'00ff'"],
  ['VARCHAR(255) CHARACTER SET latin1', "REPEAT('v', 255)"],
  ['VARCHAR(256) CHARACTER SET latin1', "REPEAT('w', 256)"],
  ['VARBINARY(5)', "x'0102'"],
  ['TINYTEXT', "'tiny'"],
  ['TEXT', "REPEAT('t', 300)"],
  ['MEDIUMBLOB', "'medium'"],
  ['LONGTEXT', "'long'"],
  ["ENUM('a','b')", "'b'"],
  [`ENUM(${Array.from({ length: 300 }, (_, i) => `'e${i}'`).join()})`, "'e299'"],
  [`SET(${Array.from({ length: 9 }, (_, i) => `'s${i}'`).join()})`, "'s0,s8'"],
  [`SET(${Array.from({ length: 33 }, (_, i) => `'s${i}'`).join()})`, "'s32'"],
  ['POINT', 'POINT(1, 2)'],
];
const MYSQL_TYPES: typeof TYPES = [...TYPES, ['JSON', `'{"a": 1}'`], ['VECTOR(2)', "TO_VECTOR('[1,2]')"]];
const MARIA_TYPES: typeof TYPES = [
  ...TYPES,
  ['JSON', `'{"a": 1}'`],
  ['VARCHAR(300) COMPRESSED', "REPEAT('c', 300)"],
  ['TEXT COMPRESSED', "REPEAT('d', 3000)"],
  ['UUID', 'UUID()'],
  ['INET6', "'::1'"],
];

function typesTable(types: typeof TYPES): string[] {
  const columns = types.map(([type], i) => `c${i} ${type}, k${i + 1} INT`).join(', ');
  const values = types.map(([, value], i) => `${value}, ${1001 + i}`).join(', ');
  const nulls = types.map((_, i) => `NULL, ${1001 + i}`).join(', ');
  const every = types.map(([, value], i) => `${i % 3 === 0 ? 'NULL' : value}, ${1001 + i}`).join(', ');
  return [
    `CREATE TABLE types (id INT PRIMARY KEY, ${columns}) ROW_FORMAT=DYNAMIC`,
    `INSERT INTO types VALUES (1, ${values}), (2, ${nulls}), (3, ${every})`,
    'UPDATE types SET id = id + 10',
    'DELETE FROM types',
    'CREATE TABLE medium (m MEDIUMTEXT, k INT)',
    `INSERT INTO medium VALUES (REPEAT('m', 66000), 1001)`,
  ];
}

const METADATA = [
  `CREATE TABLE meta (id INT UNSIGNED, b BIGINT, f FLOAT UNSIGNED, y YEAR, d DECIMAL(5,2) UNSIGNED, bits BIT(3), t TINYINT, a VARCHAR(50) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL, u CHAR(5) CHARACTER SET utf16,
     e ENUM('a','ä','ß') CHARACTER SET latin1, e2 ENUM('ж','я') CHARACTER SET ucs2, s SET('x','日本') CHARACTER SET utf8mb4, x TEXT CHARACTER SET latin2, z BLOB, g LINESTRING, g2 GEOMETRY, bi BINARY(16), inv INT INVISIBLE DEFAULT 9, PRIMARY KEY (a(10), id))`,
  `INSERT INTO meta (id, a, e) VALUES (1, 'a', 'ß')`,
];

const MYSQL: Readonly<Record<string, readonly string[]>> = {
  types: typesTable(MYSQL_TYPES),
  metadata: [
    'SET GLOBAL binlog_row_metadata = FULL',
    ...METADATA,
    'CREATE TABLE vectors (v VECTOR(3), j JSON, w VECTOR(5), n VARCHAR(9) CHARACTER SET gbk)',
    'INSERT INTO vectors VALUES (NULL, NULL, NULL, NULL)',
    'SET GLOBAL binlog_row_metadata = MINIMAL',
    'UPDATE meta SET b = 2',
  ],
  images: [
    'CREATE TABLE i (id INT PRIMARY KEY, a INT, t TEXT, b VARCHAR(20), n INT)',
    `INSERT INTO i VALUES (1, 10, 'text', 'b', NULL), (2, NULL, NULL, NULL, NULL)`,
    'SET binlog_row_image = MINIMAL',
    `INSERT INTO i (id, b) VALUES (3, 'new')`,
    'UPDATE i SET a = 11, n = NULL WHERE id = 1',
    'UPDATE i SET b = NULL, n = 5 WHERE id = 1',
    'UPDATE i SET id = 4 WHERE id = 3',
    'DELETE FROM i WHERE id = 2',
    'SET binlog_row_image = NOBLOB',
    `UPDATE i SET a = 12 WHERE id = 1`,
    `UPDATE i SET t = 'changed' WHERE id = 1`,
    'DELETE FROM i WHERE id = 1',
  ],
  partial: [
    'CREATE TABLE p (id INT PRIMARY KEY, a VARCHAR(10), j JSON, k JSON)',
    `INSERT INTO p VALUES (1, 'one', '{"a": 1, "long": "${'x'.repeat(60)}"}', '["k", "${'y'.repeat(60)}"]'), (2, 'two', NULL, '{"b": 2, "long": "${'z'.repeat(60)}"}')`,
    `SET binlog_row_value_options = PARTIAL_JSON`,
    `UPDATE p SET j = JSON_SET(j, '$.a', 'changed'), k = JSON_SET(k, '$[0]', 7, '$.b', 7)`,
    `UPDATE p SET a = 'other'`,
    `UPDATE p SET j = JSON_SET(j, '$.a', 3), k = NULL WHERE id = 1`,
    `SET binlog_row_image = MINIMAL`,
    `UPDATE p SET j = JSON_SET(j, '$.a', 4) WHERE id = 1`,
  ],
  wide: [
    `CREATE TABLE wide (id INT PRIMARY KEY, ${Array.from({ length: 600 }, (_, i) => `c${i} ${i % 2 === 0 ? 'SMALLINT' : 'VARCHAR(6) CHARACTER SET latin1'}`).join(', ')})`,
    `INSERT INTO wide VALUES (7, ${Array.from({ length: 600 }, (_, i) => (i % 7 === 0 ? 'NULL' : i % 2 === 0 ? String(i) : `'s${i}'`)).join(', ')})`,
    'SET binlog_row_image = MINIMAL',
    'UPDATE wide SET c599 = NULL, c400 = 1, c7 = 7',
  ],
  hidden: [
    'CREATE TABLE h (a INT, s INT GENERATED ALWAYS AS (a * 2) STORED, v INT GENERATED ALWAYS AS (a * 3) VIRTUAL, i INT INVISIBLE DEFAULT 4, KEY ((a + 5)))',
    'INSERT INTO h (a) VALUES (1), (2)',
    'SET sql_generate_invisible_primary_key = ON',
    'CREATE TABLE gipk (a INT)',
    'INSERT INTO gipk VALUES (5), (6)',
  ],
};

const MARIA: Readonly<Record<string, readonly string[]>> = {
  'mariadb-types': typesTable(MARIA_TYPES),
  'mariadb-metadata': [
    'SET GLOBAL binlog_row_metadata = FULL',
    ...METADATA,
    `CREATE TABLE zipped (a VARCHAR(50) COMPRESSED CHARACTER SET latin1, b TEXT COMPRESSED CHARACTER SET utf8mb4, c VARCHAR(5) CHARACTER SET latin2, g POINT, u UUID, d TEXT CHARACTER SET ucs2)`,
    'INSERT INTO zipped (a) VALUES (NULL)',
    'SET GLOBAL binlog_row_metadata = NO_LOG',
    'FLUSH TABLES',
    'UPDATE meta SET b = 2',
  ],
  'mariadb-compressed': [
    'SET GLOBAL log_bin_compress = ON',
    'CREATE TABLE c (id INT PRIMARY KEY, t TEXT)',
    `INSERT INTO c VALUES (1, REPEAT('a', 500)), (2, REPEAT('b', 500)), (3, NULL)`,
    `UPDATE c SET t = CONCAT(t, 'x')`,
    'DELETE FROM c WHERE id < 3',
    'SET GLOBAL log_bin_compress = OFF',
  ],
  'mariadb-temporals': [
    'SET GLOBAL mysql56_temporal_format = OFF',
    'CREATE TABLE old (id INT PRIMARY KEY, t TIMESTAMP(3) NULL, n INT)',
    `INSERT INTO old VALUES (1, '2024-02-29 01:02:03.456', 7)`,
  ],
};

async function make(): Promise<void> {
  await rm(TARGET, { recursive: true, force: true });
  await mkdir(TARGET, { recursive: true });
  const keep = async (name: string, dataDir: string, file: string) => writeFile(join(TARGET, `${name}.bin`), await readFile(join(dataDir, file)));
  const servers = await startServers(['a'], []);
  try {
    const node = servers.nodes[0]!;
    for (const [name, statements] of Object.entries(MYSQL)) {
      await node.sql('DROP DATABASE IF EXISTS d', 'RESET BINARY LOGS AND GTIDS');
      await node.sql('CREATE DATABASE d', 'USE d', 'SET NAMES utf8mb4', ...statements, 'FLUSH BINARY LOGS');
      await keep(name, node.dataDir, 'binlog.000001');
    }
  } finally {
    await servers.stop();
  }
  const mariadb = await ensureMariadb();
  if (typeof mariadb === 'string') throw new Error(mariadb);
  const server = await TestMariadb.start(mariadb, ['--log-bin=binlog', '--binlog-format=ROW', '--server-id=7']);
  const c = await server.connect();
  try {
    for (const [name, statements] of Object.entries(MARIA)) {
      for (const s of ['DROP DATABASE IF EXISTS d', 'RESET MASTER', 'CREATE DATABASE d', 'USE d', 'SET NAMES utf8mb4', ...statements, 'FLUSH BINARY LOGS'])
        await c.query(s);
      await keep(name, server.dataDir, 'binlog.000001');
    }
  } finally {
    c.destroy();
    await server.remove();
  }
}

if (import.meta.main) await make();
