/** kill -9 of the engine in the middle of the partition: back in time, the drill goes on; away for twice the lease, the target heals itself. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUNDLE } from '../../core/bundle.ts';
import type { LedgerRecord } from '../../core/ledger.ts';
import { parseChain } from '../../core/history.ts';
import { nsOf } from '../../core/time.ts';
import { connectLocal } from '../../targets/platforms/local/connect.ts';
import { startDrill } from '../support/drill.ts';
import type { TestDrill } from '../support/drill.ts';
import { recordHistory } from '../support/histories.ts';

const DRILL_MS = 240_000;
const LEASE_MS = 9_000;
const SHORT_LEASE: [string, string][] = [['lease: 30s', `lease: ${LEASE_MS / 1000}s`]];
const LONG_ISOLATION: [string, string][] = [...SHORT_LEASE, ['{ phase: isolated, for: 4s }', '{ phase: isolated, for: 60s }']];

const COMMAND = { worker: 'worker/main.ts', temporal: 'server start-dev' };

/** Also one that has just been started again and has not answered yet. */
function childrenWith(text: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const parent = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1];
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return parent === String(process.pid) && command.includes(text) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

/** One entry per fault, one open record in the ledger: nothing was injected twice, nobody wrote beside the writer. */
function nothingTwice(d: TestDrill): void {
  const injected = d.history().flatMap((e) => (e.kind === 'fault-injected' ? [e.chainId] : []));
  expect(injected).toEqual([...new Set(injected)]);
  const { lines } = parseChain<LedgerRecord>(readFileSync(join(d.bundle, BUNDLE.ledger), 'utf8'), 'ledger');
  expect(lines.filter((r) => r.e === 'open')).toHaveLength(1);
}

test.each(['worker', 'temporal'] as const)(
  'kill -9 of the %s in the partition, back within a third of the lease: the drill goes on to a true verdict',
  async (part) => {
    await using d = await startDrill();
    await d.reached('isolated-writes', 'active');
    process.kill(d.session.pids()[part]!, 'SIGKILL');
    const result = await d.result();
    expect([result.verdict, result.sentence, d.history().filter((e) => e.kind === 'problem')]).toEqual(['pass', result.sentence, []]);
    nothingTwice(d);
    await recordHistory(`${part}-killed`, d.handle);
  },
  DRILL_MS,
);

test.each(['worker', 'temporal'] as const)(
  'the %s away for twice the lease: the partition heals by itself, the verdict is unknown',
  async (part) => {
    await using d = await startDrill({ changes: LONG_ISOLATION });
    await d.reached('isolated-writes', 'active');
    const platform = await connectLocal(d.session.lab.stateFile);
    const until = Date.now() + 2 * LEASE_MS;
    while (Date.now() < until) {
      for (const pid of childrenWith(COMMAND[part])) killQuietly(pid);
      await new Promise((r) => setTimeout(r, 10));
    }
    const healed = (await platform.transitions([['db1', 'db2']], 'ok'))[0]!;
    const cut = (await platform.transitions([['db1', 'db2']], 'lost'))[0]!;
    platform.close();
    expect(Number(nsOf(healed.absent) - nsOf(cut.present)) / 1e6).toBeGreaterThan(LEASE_MS - 1_000);
    expect(Number(nsOf(healed.present) - nsOf(cut.absent)) / 1e6).toBeLessThan(2 * LEASE_MS);
    const result = await d.result();
    expect([result.verdict, result.code]).toEqual(['unknown', 'DRILL_DISASTER_NOT_REPRODUCED']);
    nothingTwice(d);
    if (part === 'worker') await recordHistory('lease-lapsed', d.handle);
  },
  DRILL_MS,
);

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // gone already
  }
}
