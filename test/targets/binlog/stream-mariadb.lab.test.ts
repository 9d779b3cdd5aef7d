/** MariaDB's binary log over the replication protocol: what arrives is what its files hold. */
import { LogReader } from '../../../core/binlog/log.ts';
import type { LogVisitor } from '../../../core/binlog/visitor.ts';
import { MariaPosition } from '../../../core/binlog/maria.ts';
import { nodeBytes } from '../../../targets/systems/mysql/binlog/bytes.ts';
import { listLogs, readFiles, readStream } from '../../../targets/systems/mysql/binlog/read.ts';
import type { StreamOptions } from '../../../targets/systems/mysql/binlog/read.ts';
import { ensureMariadb, TestMariadb } from '../../support/mariadb.ts';

let server: TestMariadb;

beforeAll(async () => {
  const found = await ensureMariadb();
  if (typeof found === 'string') throw new Error(`MariaDB cannot be had: ${found}`);
  server = await TestMariadb.start(found);
  const c = await server.connect();
  // the one system table that a position needs; the server was made without
  await c.query(
    'SET sql_log_bin = 0; CREATE DATABASE mysql; CREATE TABLE mysql.gtid_slave_pos (domain_id INT UNSIGNED NOT NULL, sub_id BIGINT UNSIGNED NOT NULL, server_id INT UNSIGNED NOT NULL, seq_no BIGINT UNSIGNED NOT NULL, PRIMARY KEY (domain_id, sub_id)); SET sql_log_bin = 1',
  );
  await c.query('CREATE DATABASE t; CREATE TABLE t.x (id INT PRIMARY KEY AUTO_INCREMENT, v LONGTEXT)');
  for (let i = 0; i < 20; i++) await c.query(`INSERT INTO t.x (v) VALUES (REPEAT('a', ${i * 1_000}))`);
  await c.query('FLUSH BINARY LOGS; SET GLOBAL log_bin_compress = 1');
  for (let i = 0; i < 20; i++) await c.query(`INSERT INTO t.x (v) VALUES (REPEAT('b', ${i * 1_000}))`);
  c.destroy();
}, 240_000);
afterAll(async () => server?.remove());

/** GTIDs of whole transactions, rows and findings. */
async function seen(read: (reader: LogReader) => Promise<unknown>) {
  const out = { files: [] as string[], gtids: [] as string[], rows: 0, findings: [] as string[] };
  const visitor: LogVisitor = {
    beginFile: (name) => void out.files.push(name),
    rows: (rows) => {
      while (rows.next()) out.rows++;
    },
    end: (tx) => void out.gtids.push(tx.gtid() ?? ''),
    finding: (f) => void (f.level !== 'note' && out.findings.push(`${f.kind}: ${f.text}`)),
  };
  await read(new LogReader(visitor, { bytes: nodeBytes, rows: 'visit', checksums: 'all' }));
  return out;
}
const stream = (options: Partial<StreamOptions> = {}) => seen((reader) => readStream(server.socket, reader, { until: 'end', ...options }));

test('the stream is what the files hold, compressed events included', async () => {
  const { files } = await listLogs([server.dataDir]);
  const local = await seen((reader) => readFiles(files, reader));
  expect(local).toMatchObject({ files: ['binlog.000001', 'binlog.000002'], rows: 40, findings: [] });
  expect(await stream()).toEqual(local);
});

test('it goes on behind a position', async () => {
  const all = await stream();
  const at = all.gtids.at(-6)!;
  expect((await stream({ executed: MariaPosition.parse(at) })).gtids).toEqual(all.gtids.slice(-5));
  expect((await stream({ executed: MariaPosition.parse(all.gtids.at(-1)!) })).gtids).toEqual([]);
});

test('a position that the server never had is refused', async () => {
  await expect(stream({ executed: MariaPosition.parse('0-1-9999') })).rejects.toMatchObject({
    code: 'DRILL_LOGS_UNREADABLE',
    message: expect.stringMatching(/0-1-9999/),
  });
});

test('heartbeats keep an idle stream alive', async () => {
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 2_500);
  await expect(stream({ until: 'never', silenceMsMax: 900, signal: stop.signal })).rejects.toMatchObject({ name: 'AbortError' });
});
