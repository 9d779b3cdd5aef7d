/** A real server's files: in the order of its index, over rotations, while it writes, through pipes; and the relay logs of its replica. */
import { spawn } from 'node:child_process';
import { appendFileSync, cpSync, createReadStream, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Finding } from '../../../core/binlog/finding.ts';
import { LogReader } from '../../../core/binlog/log.ts';
import type { LogVisitor } from '../../../core/binlog/visitor.ts';
import { nodeBytes } from '../../../targets/systems/mysql/binlog/bytes.ts';
import { listLogs, readFiles, readPipe } from '../../../targets/systems/mysql/binlog/read.ts';
import { startServers } from '../../support/mysqld.ts';
import type { TestMysqld, TestServers } from '../../support/mysqld.ts';

let servers: TestServers;
let a: TestMysqld;
let b: TestMysqld;

beforeAll(async () => {
  servers = await startServers(['a', 'b'], ['CREATE DATABASE t', 'CREATE TABLE t.x (id INT PRIMARY KEY AUTO_INCREMENT, v LONGBLOB)']);
  [a, b] = servers.nodes as [TestMysqld, TestMysqld];
  for (let i = 0; i < 3; i++) {
    for (let k = 0; k < 30; k++) await a.sql(`INSERT INTO t.x (v) VALUES (REPEAT('a', ${k * 5_000}))`);
    await a.sql('FLUSH BINARY LOGS');
  }
}, 120_000);
afterAll(async () => servers?.stop());

const reader = () => new LogReader(new Seen(), { bytes: nodeBytes, rows: 'visit', checksums: 'all' });

class Seen implements LogVisitor {
  readonly files: string[] = [];
  readonly gtids: string[] = [];
  readonly findings: Finding[] = [];
  beginFile(name: string): void {
    this.files.push(name);
  }
  end(tx: Parameters<NonNullable<LogVisitor['end']>>[0]): void {
    this.gtids.push(tx.gtid() ?? '');
  }
  finding(f: Finding): void {
    this.findings.push(f);
  }
  worst(): string[] {
    return this.findings.filter((f) => f.level !== 'note').map((f) => `${f.kind} ${f.file}`);
  }
}

async function read(paths: string[], options: { relay?: boolean } = {}): Promise<Seen> {
  const seen = new Seen();
  const { files, findings } = await listLogs(paths, options);
  for (const f of findings) seen.finding(f);
  await readFiles(files, new LogReader(seen, { bytes: nodeBytes, rows: 'visit', checksums: 'all' }));
  return seen;
}

const copyOf = (name: string, files: readonly string[]): string => {
  const dir = join(servers.dir, name);
  mkdirSync(dir, { recursive: true });
  for (const f of files) cpSync(join(a.dataDir, f), join(dir, f));
  return dir;
};

test('a data folder and a copy of it give the same, file after file', async () => {
  const live = await read([a.dataDir]);
  expect(live.files).toEqual(['binlog.000001', 'binlog.000002', 'binlog.000003', 'binlog.000004']);
  expect(live.gtids).toHaveLength(90);
  expect(live.worst()).toEqual([]);
  const copy = await read([copyOf('copy', ['binlog.index', ...live.files])]);
  expect(copy.gtids).toEqual(live.gtids);
});

test('a missing file, a foreign file', async () => {
  const gap = await read([copyOf('gap', ['binlog.000001', 'binlog.000003'])]);
  expect(gap.worst()).toContain('gap binlog.000003');
  await b.sql("INSERT INTO t.x (v) VALUES ('b')");
  const mixed = copyOf('mixed', ['binlog.000001', 'binlog.000003']);
  cpSync(join(b.dataDir, 'binlog.000001'), join(mixed, 'binlog.000002'));
  expect((await read([mixed])).worst()).toContain('foreign binlog.000002');
});

test('a file that grows is read to the size it had', async () => {
  const dir = copyOf('growing', ['binlog.000001']);
  const path = join(dir, 'binlog.000001');
  const { size } = statSync(path);
  let grown = 0;
  const seen = new Seen();
  const [file] = await readFiles([path], new LogReader(seen, { bytes: nodeBytes, rows: 'visit', checksums: 'all' }), {
    sha256: true,
    onBytes: (n) => {
      grown += n;
      appendFileSync(path, 'more');
    },
  });
  expect(file!.bytes).toBe(size);
  expect(grown).toBe(size);
  expect(seen.worst()).toEqual([]);
});

test('a signal stops between chunks, with its reason', async () => {
  const dir = copyOf('stopped', ['binlog.000001']);
  const stop = new AbortController();
  const reason = new Error('enough');
  let chunks = 0;
  const reading = readFiles([join(dir, 'binlog.000001')], reader(), {
    signal: stop.signal,
    onBytes: () => {
      chunks++;
      stop.abort(reason);
    },
  });
  await expect(reading).rejects.toBe(reason);
  expect(chunks).toBe(1);
});

test('pipes, with a name and without', async () => {
  const path = join(a.dataDir, 'binlog.000001');
  const whole = await read([path]);
  const piped = new Seen();
  await readPipe(createReadStream(path, { highWaterMark: 4_097 }), '-', new LogReader(piped, { bytes: nodeBytes, rows: 'visit', checksums: 'all' }));
  expect(piped.gtids).toEqual(whole.gtids);
  expect(piped.files).toEqual(['-']);
  const fifo = join(servers.dir, 'fifo.000001');
  await new Promise((done) => spawn('mkfifo', [fifo]).once('close', done));
  const cat = spawn('sh', ['-c', `cat '${path}' > '${fifo}'`]);
  expect((await read([fifo])).gtids).toEqual(whole.gtids);
  await new Promise((done) => (cat.exitCode === null ? cat.once('close', done) : done(null)));
});

test('a pipe that breaks is an error, not an end', async () => {
  const pipe = createReadStream(join(a.dataDir, 'binlog.000001'));
  pipe.once('data', () => setImmediate(() => pipe.destroy(new Error('broken'))));
  await expect(readPipe(pipe, '-', reader())).rejects.toMatchObject({ code: 'DRILL_LOGS_UNREADABLE', message: expect.stringMatching(/broken/) });
});

test('no file at all, a folder in its place', async () => {
  await expect(readFiles([join(servers.dir, 'none.000001')], reader())).rejects.toMatchObject({ code: 'DRILL_LOGS_UNREADABLE' });
  await expect(readFiles([servers.dir], reader())).rejects.toMatchObject({ code: 'DRILL_LOGS_UNREADABLE' });
});

test('the relay logs of a replica hold the source’s transactions', async () => {
  await a.sql("CREATE USER relay@'%' IDENTIFIED BY 'x'", "GRANT REPLICATION SLAVE ON *.* TO relay@'%'");
  await b.sql(
    `CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=${a.port}, SOURCE_USER='relay', SOURCE_PASSWORD='x', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1`,
    'SET GLOBAL max_relay_log_size = 1048576',
    'START REPLICA IO_THREAD',
  );
  const all = await read([a.dataDir]);
  for (let i = 0; i < 200; i++) {
    const [status] = await b.sql('SHOW REPLICA STATUS');
    if (String(status!['Retrieved_Gtid_Set']).endsWith(`-${all.gtids.length}`)) break;
    await sleep(50);
  }
  await b.sql('STOP REPLICA IO_THREAD');
  const relay = await read([b.dataDir], { relay: true });
  expect(relay.files.length).toBeGreaterThan(1);
  expect(relay.files.every((f) => f.startsWith('relay.'))).toBe(true);
  expect(relay.gtids).toEqual(all.gtids);
  expect(relay.worst()).toEqual([]);
  // its data folder without being asked: its own binary log
  expect((await read([b.dataDir])).files.every((f) => f.startsWith('binlog.'))).toBe(true);
}, 30_000);
