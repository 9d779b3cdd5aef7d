/** The writer's process against a real mysqld: what the ledger says must be what the tables hold, whatever dies. */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { writerClient } from '../../../activities/workload/client.ts';
import { SQL_PASSWORD_VARIABLE, type WriterConfig, type WriterStatus } from '../../../activities/workload/config.ts';
import { parseChain } from '../../../core/history.ts';
import { foldAttempts, type LedgerAttempt, type LedgerRecord } from '../../../core/ledger.ts';
import { rowDigest, WORKLOAD_TABLES } from '../../../core/workload.ts';
import { ended, startServer, type TestServer } from './server.ts';

const ENTRY = join(import.meta.dirname, '../../../worker/writer.ts');
const HOT_KEYS = 64;

let server: TestServer;
let writer: ChildProcess | undefined;
let dir = '';
let log = '';

beforeAll(async () => {
  server = await startServer();
}, 60_000);
afterAll(() => server.stop());
afterEach(() => {
  writer?.kill('SIGKILL');
});

/** `through`: a program that starts the writer in its turn */
function start(name: string, more: Partial<WriterConfig['workload']> = {}, through: string[] = []): void {
  dir = join(server.dir, name);
  fs.mkdirSync(dir, { recursive: true });
  const { host: address, port, user } = server.endpoint;
  const config: WriterConfig = {
    drillId: name,
    dir,
    ledger: ledgerPath(),
    service: { address, port },
    user,
    workload: { rate: 200, concurrency: 8, payloadBytes: 60, hotKeys: HOT_KEYS, timeoutMs: 1000, ...more },
  };
  const [program, ...before] = [...through, process.execPath];
  const child = spawn(program, [...before, ENTRY, JSON.stringify(config)], {
    env: { [SQL_PASSWORD_VARIABLE]: server.endpoint.password },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  log = '';
  child.stderr.on('data', (text: Buffer) => (log += text.toString()));
  writer = child;
}
const ledgerPath = () => join(dir, 'ledger.jsonl');
const client = () => writerClient(join(dir, 'writer.sock'));

async function until(what: string, holds: (s: WriterStatus) => boolean, withinMs = 15_000): Promise<WriterStatus> {
  let last: unknown;
  for (const deadline = Date.now() + withinMs; Date.now() < deadline; await sleep(30)) {
    if (writer?.exitCode !== null) throw new Error(`the writer ended with ${writer?.exitCode}: ${log}`);
    const status = await client()
      .status()
      .catch((e: unknown) => void (last = e));
    if (status && holds(status)) return status;
    if (status) last = status;
  }
  throw new Error(`waited for: ${what}; last: ${JSON.stringify(last)} ${log}`);
}
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function ledger(): { records: LedgerRecord[]; attempts: LedgerAttempt[]; torn: boolean } {
  const { lines, torn } = parseChain<LedgerRecord>(fs.readFileSync(ledgerPath(), 'utf8'), 'ledger');
  return { records: lines, attempts: [...foldAttempts(lines)], torn };
}

/** Every disagreement between the ledger and the tables, in words; none may be there. */
async function disagreements(attempts: LedgerAttempt[]): Promise<string[]> {
  const out: string[] = [];
  for (const { name, clientColumns, identity } of WORKLOAD_TABLES) {
    const rows = await server.node.sql(`SELECT ${clientColumns.map((c) => `CAST(${c} AS CHAR) AS ${c}`).join(', ')} FROM ${name}`);
    const digests = new Map<string, string[]>();
    for (const row of rows as Record<string, string>[]) {
      const key = row[identity]!;
      if (name !== 'drill.acct' && !key.startsWith(prefixOf(attempts))) continue; // another test's
      digests.set(key, [...(digests.get(key) ?? []), rowDigest(row)]);
    }
    const byKey = Map.groupBy(
      attempts.filter((a) => a.table === name && a.outcome !== 'failed'),
      (a) => a.key,
    );
    for (const [key, writes] of byKey) {
      const lastAcked = writes.findLast((a) => a.outcome === 'acked');
      const allowed = new Set([...(lastAcked ? [lastAcked.digest] : ['']), ...writes.filter((a) => a.outcome === 'unknown').map((a) => a.digest)]);
      const there = digests.get(key) ?? [''];
      if (there.length > 1) out.push(`${name} ${key}: ${there.length} rows`);
      if (!there.every((d) => allowed.has(d))) out.push(`${name} ${key}: ${there.join()} instead of ${[...allowed].join()}`);
      digests.delete(key);
    }
    if (name !== 'drill.acct') for (const key of digests.keys()) out.push(`${name} ${key}: a row that no write could have made`);
  }
  return out;
}
const prefixOf = (attempts: LedgerAttempt[]) => attempts[0]!.writeId.split('-')[0]!;
const count = (attempts: LedgerAttempt[], outcome: string, error?: string | RegExp) =>
  attempts.filter((a) => a.outcome === outcome && (error === undefined || (typeof error === 'string' ? a.error === error : error.test(a.error ?? '')))).length;

async function stopAndRead(): Promise<ReturnType<typeof ledger>> {
  const child = writer!;
  await client().stop();
  expect(await ended(child, 5000)).toBe(0);
  expect(fs.existsSync(join(dir, 'writer.sock'))).toBe(false);
  return ledger();
}

describe('the writer', () => {
  test('a calm run: all acked, GTIDs and server known, tables equal the ledger, every conflict class by construction', async () => {
    start('calm');
    await until('baseline cycle', (s) => s.phase === 'baseline' && s.hot.done);
    await expect(client().phase('nonsense')).rejects.toMatchObject({ code: 'DRILL_PHASE_UNKNOWN' });
    const first = await client().phase('isolated');
    expect(await client().phase('isolated')).toEqual(first);
    await until('isolated cycle', (s) => s.phase === 'isolated' && s.hot.done);
    const there = async (rest: number) =>
      Number((await server.node.sql(`SELECT COUNT(*) AS n FROM drill.acct WHERE id <= ${HOT_KEYS} AND id % 4 = ${rest}`))[0]!['n']);
    expect([await there(0), await there(1), await there(2), await there(3)]).toEqual([16, 16, 0, 16]);
    await client().phase('promoted');
    const status = await until('promoted cycle', (s) => s.phase === 'promoted' && s.hot.done);
    expect([await there(0), await there(1), await there(2), await there(3)]).toEqual([16, 16, 16, 0]);
    expect(status.lastSecond.acked).toBeGreaterThan(100);
    const { records, attempts } = await stopAndRead();
    expect(await disagreements(attempts)).toEqual([]);
    expect(count(attempts, 'acked')).toBe(attempts.length);
    expect(new Set(attempts.map((a) => a.serverUuid)).size).toBe(1);
    const gtids = attempts.map((a) => a.gtid);
    expect(gtids.every((g) => /^[0-9a-f-]{36}:\d+$/.test(g ?? ''))).toBe(true);
    expect(new Set(gtids).size).toBe(gtids.length);
    expect(records.filter((r) => r.e === 'phase').map((r) => r.phase)).toEqual(['baseline', 'isolated', 'promoted']);
    expect(records.at(-1)).toMatchObject({ e: 'close' });
    const share = (table: string) => attempts.filter((a) => a.table === table).length / attempts.length;
    expect(share('drill.orders')).toBeCloseTo(0.45, 1);
    expect(share('drill.journal')).toBeCloseTo(0.15, 1);
    const heartbeat = await server.node.sql('SELECT server_uuid AS u, CAST(at_ns AS CHAR) AS at FROM drillbook_meta.heartbeat');
    expect(heartbeat).toHaveLength(1);
    expect(Number(process.hrtime.bigint() - BigInt(String(heartbeat[0]!['at']))) / 1e9).toBeLessThan(5);
  }, 40_000);

  test('kill -9 of mysqld in mid-load: acked rows are there, arrivals of the outage are failed before sending, the rest is unknown', async () => {
    start('mysqld-killed');
    await until('load', (s) => s.acked > 200);
    await server.node.kill();
    await until('refused', (s) => s.failed > 100);
    await server.node.start();
    const before = (await client().status()).acked;
    await until('back', (s) => s.acked > before + 300 && s.connections === 8);
    const { attempts } = await stopAndRead();
    expect(await disagreements(attempts)).toEqual([]);
    expect(count(attempts, 'failed')).toBe(count(attempts, 'failed', /^not sent: /));
    expect(count(attempts, 'unknown')).toBeLessThanOrEqual(20);
    // the schedule went on: no gap between intended times
    const intended = attempts.filter((a) => a.attempt === 1).map((a) => Number(a.intendedNs / 1000n));
    intended.sort((a, b) => a - b);
    expect(Math.max(...intended.slice(1).map((at, i) => at - intended[i]!))).toBeLessThanOrEqual(5001);
    expect(attempts.some((a) => a.attempt > 1 && a.outcome === 'acked')).toBe(true);
    expect(attempts.every((a) => a.attempt === 1 || a.table === 'drill.orders')).toBe(true);
  }, 60_000);

  test('kill -9 of the writer: a second writer is refused while it lives, the next one carries on and cuts a torn tail', async () => {
    start('writer-killed');
    await until('load', (s) => s.acked > 200 && s.hot.done);
    await client().phase('isolated');
    const first = writer!;
    const before = (await until('some', (s) => s.phase === 'isolated' && s.hot.acked > 10)).writes;
    start('writer-killed');
    expect(await ended(writer!, 5000)).toBe(1);
    expect(log).toContain('DRILL_FILE_LOCKED');
    first.kill('SIGKILL');
    await ended(first, 5000);
    fs.appendFileSync(ledgerPath(), '{"n":99999,"prev":"torn');
    start('writer-killed');
    const resumed = await until('carried on', (s) => s.writes > before + 100);
    expect(resumed.phase).toBe('isolated');
    expect(resumed.hot.acked).toBeGreaterThan(10);
    const { records, attempts } = await stopAndRead();
    expect(await disagreements(attempts)).toEqual([]);
    expect(records.filter((r) => r.e === 'open')).toMatchObject([{}, { tornBytes: 23 }]);
    expect(records.at(-1)).toMatchObject({ e: 'close', writes: new Set(attempts.map((a) => a.writeId)).size });
    expect(new Set(attempts.map((a) => `${a.writeId}#${a.attempt}`)).size).toBe(attempts.length);
    expect(count(attempts, 'unknown')).toBe(attempts.length - count(attempts, 'acked'));
  }, 60_000);

  test('super_read_only, then offline_mode: failed with the server’s number, nothing of it in the tables', async () => {
    start('read-only');
    await until('load', (s) => s.acked > 100);
    await server.node.sql('SET GLOBAL super_read_only = ON');
    await until('1290', (s) => s.failed > 100);
    await server.node.sql('SET GLOBAL super_read_only = OFF');
    await server.node.sql('SET GLOBAL read_only = OFF');
    const { acked, failed } = await client().status();
    await until('back', (s) => s.acked > acked + 100);
    await server.node.sql('SET GLOBAL offline_mode = ON');
    await until('3032', (s) => s.failed > failed + 100 && s.lastConnectError === '3032');
    await server.node.sql('SET GLOBAL offline_mode = OFF');
    await until('back', (s) => s.connections === 8);
    const { attempts } = await stopAndRead();
    expect(await disagreements(attempts)).toEqual([]);
    expect(count(attempts, 'failed', '1290')).toBeGreaterThan(50);
    expect(count(attempts, 'failed', 'not sent: 3032')).toBeGreaterThan(0);
  }, 60_000);

  test('a server that hangs: unknown after the time-out, arrivals wait with their intended times; orders come back as acked by 1062', async () => {
    start('hang', { timeoutMs: 600 });
    await until('load', (s) => s.acked > 100);
    const blocker = await server.node.connect();
    await blocker.query('FLUSH TABLES WITH READ LOCK');
    await until('timed out', (s) => s.unknown >= 8);
    await blocker.end();
    const { acked } = await client().status();
    await until('back', (s) => s.acked > acked + 300 && s.connections === 8);
    await sleep(2500);
    const { attempts } = await stopAndRead();
    expect(await disagreements(attempts)).toEqual([]);
    expect(count(attempts, 'unknown', 'DRILL_TIMEOUT')).toBeGreaterThanOrEqual(8);
    expect(count(attempts, 'acked', '1062')).toBeGreaterThan(0);
  }, 60_000);

  test('a full disk: DRILL_DISK, the writer ends, and what was written is whole but for a torn tail', async () => {
    const script = 'd="$0"; mount -t tmpfs -o size=256k none "$d" && "$@"; code=$?; cp "$d/ledger.jsonl" "$d.copy"; exit $code';
    start('disk-full', {}, ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', script, join(server.dir, 'disk-full')]);
    expect(await ended(writer!, 20_000)).toBe(1);
    expect(log).toContain('DRILL_DISK');
    const { lines } = parseChain<LedgerRecord>(fs.readFileSync(`${dir}.copy`, 'utf8'), 'ledger');
    expect(lines.length).toBeGreaterThan(100);
    expect(await disagreements([...foldAttempts(lines)])).toEqual([]);
  }, 40_000);

  test('SIGTERM stops in order', async () => {
    start('term');
    await until('load', (s) => s.acked > 50);
    writer!.kill('SIGTERM');
    expect(await ended(writer!, 5000)).toBe(0);
    expect(ledger().records.at(-1)).toMatchObject({ e: 'close' });
  }, 20_000);

  test('a service that refuses it: nothing is written and the status says why', async () => {
    const { endpoint } = server;
    const password = endpoint.password;
    endpoint.password = 'wrong';
    try {
      start('refused');
      const status = await until('refused', (s) => s.lastConnectError !== '');
      expect(status.lastConnectError).toBe('1045');
      expect(status.writes).toBe(0);
    } finally {
      endpoint.password = password;
    }
  }, 20_000);
});
