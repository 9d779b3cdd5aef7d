/** The reader's process against a real mysqld: staleness is the heartbeat's age, silence is null, never a number. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { SQL_PASSWORD_VARIABLE, type ReaderConfig } from '../../../activities/workload/config.ts';
import { Heartbeat } from '../../../activities/workload/heartbeat.ts';
import type { StalenessSample } from '../../../core/bundle.ts';
import { parseChain } from '../../../core/history.ts';
import { ended, startServer, type TestServer } from './server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
}, 60_000);
afterAll(() => server.stop());

test('fresh while the heart beats, growing when it stops, null from a dead node; TERM ends it with a whole file', async () => {
  const samples = join(server.dir, 'samples.jsonl');
  const { host, port, user, password } = server.endpoint;
  const config: ReaderConfig = {
    samples,
    nodes: [
      { node: 'db1', host, port },
      { node: 'nobody', host, port: 1 },
    ],
    user,
    everyMs: 50,
    timeoutMs: 500,
  };
  const heart = new Heartbeat(server.endpoint, 500);
  const reader = spawn(process.execPath, [join(import.meta.dirname, '../../../worker/reader.ts'), JSON.stringify(config)], {
    env: { [SQL_PASSWORD_VARIABLE]: password },
    stdio: 'ignore',
  });
  try {
    await sleep(2500);
    heart.stop();
    await sleep(1200);
    await server.node.kill();
    await sleep(600);
    reader.kill('SIGTERM');
    expect(await ended(reader, 5000)).toBe(0);
  } finally {
    heart.stop();
    reader.kill('SIGKILL');
  }
  const { lines, torn } = parseChain<StalenessSample>(fs.readFileSync(samples, 'utf8'), 'samples');
  expect(torn).toBe(false);
  const of = (node: string) => lines.filter((l) => l.node === node).map((l) => l.staleMs);
  expect(of('nobody').length).toBeGreaterThan(20);
  expect(of('nobody').every((ms) => ms === null)).toBe(true);
  const seen = of('db1').filter((ms) => ms !== null);
  expect(Math.min(...seen)).toBeLessThan(300);
  expect(Math.max(...seen)).toBeGreaterThan(900);
  expect(of('db1').at(-1)).toBeNull();
  const gaps = lines.filter((l) => l.node === 'db1').map((l) => BigInt(l.at));
  expect(gaps.every((at, i) => i === 0 || at > gaps[i - 1]!)).toBe(true);
  expect(lines.findLast((l) => l.source)?.source).toMatch(/^[0-9a-f-]{36}$/);
}, 30_000);

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
