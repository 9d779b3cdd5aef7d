/** A real server's binary log over the replication protocol: what arrives is what its files hold, and an end is never mistaken for the end of the log. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import type { Finding } from '../../../core/binlog/finding.ts';
import { LogReader } from '../../../core/binlog/log.ts';
import type { ReadOptions } from '../../../core/binlog/log.ts';
import type { LogVisitor } from '../../../core/binlog/visitor.ts';
import { GtidSet } from '../../../core/gtid.ts';
import { nodeBytes } from '../../../targets/systems/mysql/binlog/bytes.ts';
import { listLogs, readFiles, readStream } from '../../../targets/systems/mysql/binlog/read.ts';
import type { StreamOptions } from '../../../targets/systems/mysql/binlog/read.ts';
import { withConnection } from '../../../targets/systems/mysql/dsn.ts';
import { startServers } from '../../support/mysqld.ts';
import type { TestMysqld, TestServers } from '../../support/mysqld.ts';

let servers: TestServers;
let a: TestMysqld;

beforeAll(async () => {
  servers = await startServers(['a'], ['CREATE DATABASE t', 'CREATE TABLE t.x (id INT PRIMARY KEY AUTO_INCREMENT, v LONGBLOB)']);
  a = servers.nodes[0]!;
  await a.sql(
    "CREATE USER reader@'%' IDENTIFIED BY 'p: w@1'",
    "GRANT REPLICATION SLAVE ON *.* TO reader@'%'",
    "CREATE USER tls@'%' IDENTIFIED BY 'x' REQUIRE SSL",
    "GRANT REPLICATION SLAVE ON *.* TO tls@'%'",
    "CREATE USER plain@'%' IDENTIFIED BY 'x'",
    'SET GLOBAL max_allowed_packet = 128 << 20',
  );
  for (let i = 0; i < 50; i++) await a.sql(`INSERT INTO t.x (v) VALUES (REPEAT('a', ${i * 1_000})), ('b')`);
  await a.sql(
    'FLUSH BINARY LOGS',
    "INSERT INTO t.x (v) VALUES ('c')",
    'FLUSH BINARY LOGS',
    "SET gtid_next = 'AUTOMATIC:tag'",
    "INSERT INTO t.x (v) VALUES ('d')",
  );
}, 120_000);
afterAll(async () => servers?.stop());

/** Whole transactions with their number of rows, files, and findings. */
class Seen implements LogVisitor {
  readonly files: string[] = [];
  readonly whole: string[] = [];
  readonly findings: Finding[] = [];
  private rowsOpen = 0;
  beginFile(name: string): void {
    this.files.push(name);
  }
  begin(): void {
    this.rowsOpen = 0;
  }
  rows(rows: Parameters<NonNullable<LogVisitor['rows']>>[0]): void {
    while (rows.next()) this.rowsOpen++;
  }
  end(tx: Parameters<NonNullable<LogVisitor['end']>>[0]): void {
    this.whole.push(`${tx.gtid()} ${this.rowsOpen}`);
  }
  finding(f: Finding): void {
    this.findings.push(f);
  }
  set(): GtidSet {
    return GtidSet.of(this.whole.map((w) => w.split(' ')[0]!));
  }
}

const OPTIONS: ReadOptions = { bytes: nodeBytes, rows: 'visit', checksums: 'all' };

async function stream(dsn: string, options: Partial<StreamOptions> = {}, read: Partial<ReadOptions> = {}): Promise<Seen> {
  const seen = new Seen();
  await readStream(dsn, new LogReader(seen, { ...OPTIONS, ...read }), { until: 'end', ...options });
  return seen;
}

async function filesOf(server: TestMysqld): Promise<Seen> {
  const seen = new Seen();
  await readFiles((await listLogs([server.dataDir])).files, new LogReader(seen, OPTIONS));
  return seen;
}

const tcp = (user: string, query = '') => `mysql://${user}@127.0.0.1:${a.port}/${query}`;
const repl = () => tcp(`reader:${encodeURIComponent('p: w@1')}`);

test('socket, TCP and TLS give what the files hold', async () => {
  const local = await filesOf(a);
  expect(local.whole.length).toBeGreaterThan(55);
  expect(local.whole.at(-1)).toMatch(/:tag:1 1$/);
  for (const dsn of [
    a.socket,
    repl(),
    tcp('tls:x', '?ssl-mode=required'),
    tcp('tls:x', `?ssl-mode=verify_ca&ssl-ca=${encodeURIComponent(join(a.dataDir, 'ca.pem'))}`),
  ]) {
    const seen = await stream(dsn);
    expect(seen.whole).toEqual(local.whole);
    expect(seen.files).toEqual(local.files);
    expect(seen.findings).toEqual([]);
  }
});

test('TLS is TLS, and an authority that did not sign is refused', async () => {
  await withConnection(tcp('tls:x', '?ssl-mode=required'), async (c) => {
    const [rows] = await c.query("SHOW STATUS LIKE 'Ssl_cipher'");
    expect((rows as { Value: string }[])[0]!.Value).not.toBe('');
  });
  await expect(stream(tcp('tls:x'))).rejects.toMatchObject({ code: 'DRILL_NODE_DOWN' });
  await expect(stream(tcp('tls:x', '?ssl-mode=verify_ca'))).rejects.toMatchObject({ code: 'DRILL_NODE_DOWN' });
  await expect(stream(tcp('tls:x', '?ssl-mode=perhaps'))).rejects.toMatchObject({ code: 'DRILL_DSN_INVALID' });
});

test('digests are those of the files', async () => {
  const files = await readStream(a.socket, new LogReader(new Seen(), OPTIONS), { until: 'end', sha256: true });
  const { files: paths } = await listLogs([a.dataDir]);
  const local = await readFiles(paths, new LogReader(new Seen(), OPTIONS), { sha256: true });
  // the last one is in use: its flag is not sent
  expect(files.slice(0, -1)).toEqual(local.slice(0, -1).map(({ bytes, sha256 }) => ({ bytes, sha256 })));
  expect(files.at(-1)!.bytes).toBe(local.at(-1)!.bytes);
});

test('a stream goes on behind what the reader has, tags included', async () => {
  const before = await stream(a.socket);
  await a.sql("INSERT INTO t.x (v) VALUES ('e')", "SET gtid_next = 'AUTOMATIC:tag'", "INSERT INTO t.x (v) VALUES ('f')");
  const after = await stream(repl(), { executed: before.set() });
  expect(after.whole.map((w) => w.replace(/^[^:]+:/, ''))).toEqual([expect.stringMatching(/^\d+ 1$/), 'tag:2 1']);
  expect((await stream(repl(), { executed: before.set().union(after.set()) })).whole).toEqual([]);
});

test('events over packets, and larger ones than memory allows', async () => {
  const before = await stream(a.socket);
  await a.sql("INSERT INTO t.x (v) VALUES (REPEAT('z', 17 << 20))");
  await a.sql("INSERT INTO t.x (v) VALUES ('g')");
  const c = await a.connect();
  await c.query('SET SESSION binlog_transaction_compression = ON');
  await c.query('INSERT INTO t.x (v) SELECT CONCAT(v, RANDOM_BYTES(1000)) FROM t.x WHERE LENGTH(v) < 100000');
  c.destroy();
  const executed = before.set();
  const whole = await stream(a.socket, { executed });
  expect(whole.findings).toEqual([]);
  expect(whole.whole).toHaveLength(3);
  const small = await stream(a.socket, { executed }, { eventBytesMax: 70_000 });
  // the payload is larger than that too, and comes in pieces; the rows inside are not
  expect(small.findings.map((f) => f.kind)).toEqual(['too-large']);
  expect(small.whole.slice(1)).toEqual(whole.whole.slice(1));
  expect(Number(whole.whole[2]!.split(' ')[1])).toBeGreaterThan(100);
}, 30_000);

test('a slow consumer gets everything', async () => {
  let turns = 0;
  const seen = await stream(a.socket, { onBytes: async () => (turns++, await sleep(1)) });
  expect(turns).toBeGreaterThan(20);
  expect(seen.whole).toEqual((await filesOf(a)).whole);
});

test('it ends where the log ended when it began, however much is written meanwhile', async () => {
  const before = GtidSet.parse(String((await a.sql('SELECT @@global.gtid_executed g'))[0]!['g']));
  const end = new AbortController();
  const c = await a.connect();
  const writes = (async () => {
    while (!end.signal.aborted) await c.query("INSERT INTO t.x (v) VALUES (REPEAT('w', 100000))");
  })();
  // slower than the writer
  const seen = await stream(a.socket, { onBytes: () => sleep(50), signal: AbortSignal.timeout(20_000) });
  end.abort();
  await writes;
  c.destroy();
  const after = GtidSet.parse(String((await a.sql('SELECT @@global.gtid_executed g'))[0]!['g']));
  expect(seen.set().contains(before)).toBe(true);
  expect(after.subtract(seen.set()).count()).toBeGreaterThan(5);
  expect(seen.findings).toEqual([]);
}, 40_000);

test('a consumer that holds this process up is not the server’s silence, nor does the server give up on it', async () => {
  await a.sql('SET GLOBAL net_write_timeout = 1, GLOBAL net_retry_count = 1', "INSERT INTO t.x (v) VALUES (REPEAT('s', 12 << 20)), (REPEAT('s', 12 << 20))");
  const nap = new Int32Array(new SharedArrayBuffer(4));
  let naps = 0;
  const seen = await stream(a.socket, { silenceMsMax: 1_000, onBytes: () => void (naps++ === 0 && Atomics.wait(nap, 0, 0, 5_000)) });
  await a.sql('SET GLOBAL net_write_timeout = DEFAULT, GLOBAL net_retry_count = DEFAULT');
  expect(naps).toBeGreaterThan(2);
  expect(seen.whole).toEqual((await filesOf(a)).whole);
}, 20_000);

test('nor is something else that holds it up', async () => {
  const nap = new Int32Array(new SharedArrayBuffer(4));
  const stop = new AbortController();
  const idle = readStream(a.socket, new LogReader(new Seen(), OPTIONS), { until: 'never', silenceMsMax: 1_000, signal: stop.signal });
  const ended = expect(idle).rejects.toMatchObject({ name: 'AbortError' });
  for (let i = 0; i < 5; i++) {
    await sleep(265 + 10 * i);
    await turn();
    // timers come next, and the socket after them
    Atomics.wait(nap, 0, 0, 1_100);
  }
  await sleep(300);
  stop.abort();
  await ended;
}, 30_000);

test.each<[string, () => Promise<unknown>, string, RegExp]>([
  ['an account without the privilege', () => stream(tcp('plain:x')), 'DRILL_LOGS_UNREADABLE', /REPLICATION SLAVE/],
  ['a wrong password', () => stream(tcp('reader:wrong')), 'DRILL_NODE_DOWN', /denied/],
  [
    'logs that are gone',
    async () => {
      await a.sql('PURGE BINARY LOGS TO "binlog.000002"');
      return stream(a.socket, { executed: GtidSet.empty });
    },
    'DRILL_LOGS_UNREADABLE',
    /purged/,
  ],
])('%s: the server’s refusal is told', async (_name, run, code, message) => {
  await expect(run()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

test('what is purged is not asked for without a set', async () => {
  const seen = await stream(a.socket);
  expect(seen.files[0]).toBe('binlog.000002');
  expect(seen.findings).toEqual([]);
});

const pidOf = () => Number(readFileSync(`${a.dataDir}.pid`, 'utf8'));

test('heartbeats keep an idle stream alive; a frozen server does not go unnoticed', async () => {
  const stop = new AbortController();
  const seen = new Seen();
  const idle = readStream(a.socket, new LogReader(seen, OPTIONS), { until: 'never', silenceMsMax: 900, signal: stop.signal });
  const ended = expect(idle).rejects.toMatchObject({ name: 'AbortError' });
  await sleep(2_500);
  await a.sql("INSERT INTO t.x (v) VALUES ('h')");
  await sleep(300);
  stop.abort();
  await ended;
  expect(seen.set().contains(GtidSet.parse(String((await a.sql('SELECT @@global.gtid_executed g'))[0]!['g'])).subtract(await purged()))).toBe(true);

  const frozen = readStream(a.socket, new LogReader(new Seen(), OPTIONS), { until: 'never', silenceMsMax: 900 });
  const refused = expect(frozen).rejects.toMatchObject({ code: 'DRILL_STREAM_SILENT', message: expect.stringMatching(/heartbeat after \d+ bytes/) });
  await sleep(500);
  process.kill(pidOf(), 'SIGSTOP');
  try {
    await refused;
  } finally {
    process.kill(pidOf(), 'SIGCONT');
  }
}, 20_000);

const purged = async () => GtidSet.parse(String((await a.sql('SELECT @@global.gtid_purged g'))[0]!['g']));

test('a killed server is a cut stream; who can tell whole transactions apart goes on behind them', async () => {
  const seen = new Seen();
  const stop = new AbortController();
  const executed = await purged();
  const cut = readStream(repl(), new LogReader(new Seen(), OPTIONS), { until: 'never' });
  const told = expect(cut).rejects.toMatchObject({ code: 'DRILL_STREAM_CUT' });
  const on = readStream(repl(), new LogReader(seen, OPTIONS), { until: 'never', executed: () => executed.union(seen.set()), signal: stop.signal });
  const ended = expect(on).rejects.toMatchObject({ name: 'AbortError' });
  const c = await a.connect();
  const writes = (async () => {
    for (;;) await c.query("INSERT INTO t.x (v) VALUES (REPEAT('i', 100000))");
  })().catch(() => {});
  await sleep(700);
  await a.kill();
  await told;
  await writes;
  await a.start();
  await a.sql("INSERT INTO t.x (v) VALUES ('j')");
  const all = GtidSet.parse(String((await a.sql('SELECT @@global.gtid_executed g'))[0]!['g']));
  for (let i = 0; i < 200 && !executed.union(seen.set()).contains(all); i++) await sleep(50);
  stop.abort();
  await ended;
  expect(executed.union(seen.set()).toString()).toBe(all.toString());
  expect(new Set(seen.whole).size).toBe(seen.whole.length);
  expect(seen.findings.filter((f) => f.level !== 'note')).toEqual([]);
}, 60_000);
