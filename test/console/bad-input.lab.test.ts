/** What cannot be drilled is refused with a code before anything is touched, and leaves nothing. */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { readdirSync, rmSync } from 'node:fs';
import { folders, marked } from '../support/census.ts';
import { drillbook } from '../support/command.ts';
import { runbookWith } from '../support/drill.ts';
import { scratchDir } from '../support/lab.ts';

const scratch = scratchDir();
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const changed = (from: string, to: string) => runbookWith(scratch, [[from, to]]);

const CASES: [string, () => string[], string][] = [
  ['an unknown runbook key', () => [changed('\nworkload:', '\nworkloads:')], 'DRILL_RUNBOOK_INVALID'],
  ['an unknown fault', () => [changed('do: kill-node', 'do: kill-nodes')], 'DRILL_UNKNOWN_FAULT'],
  ['budgets beyond the data RTO', () => [changed('data-rto: { within: 5m }', 'data-rto: { within: 1m }')], 'DRILL_BUDGET_EXCEEDS_RTO'],
  ['a missing target', () => ['--target', 'nowhere'], 'DRILL_TARGET_UNKNOWN'],
  ['an unknown rehearsal', () => ['--rehearse', 'nothing'], 'DRILL_REHEARSAL_UNKNOWN'],
  ['no such runbook', () => ['no-such-book'], 'DRILL_RUNBOOK_UNKNOWN'],
  ['a port that is no port', () => ['--temporal-port', '70000'], 'DRILL_USAGE'],
];

test.each(CASES)(
  '%s',
  async (_what, args, code) => {
    const before = folders();
    await using c = drillbook('run', ...args());
    expect([(await c.ended).code, c.output()]).toEqual([2, expect.stringContaining(code)]);
    expect(c.output()).toMatch(/what to do/);
    expect(readdirSync(c.cwd)).toEqual([]);
    expect(folders()).toEqual(before);
  },
  60_000,
);

test('a taken port: refused, the lab that was starting beside it is gone', async () => {
  const before = folders();
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((r) => server.once('listening', r));
  try {
    await using c = drillbook('run', '--temporal-port', String((server.address() as AddressInfo).port));
    expect([(await c.ended).code, c.output()]).toEqual([2, expect.stringContaining('DRILL_PORT_TAKEN')]);
    expect(marked(c.mark)).toEqual([]);
    expect(folders()).toEqual(before);
  } finally {
    server.close();
  }
}, 60_000);
