/** The built-in Temporal on a bad day: a port that somebody else has taken meanwhile, and a server that dies while it is asked. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { choosePorts, startTemporal } from '../../console/cli/run/engine.ts';
import type { EngineOptions } from '../../console/cli/run/engine.ts';
import { builtInEnv, definedOnly } from '../../console/temporal.ts';
import { ROOT } from '../support/drill.ts';
import { testTools } from '../support/tools.ts';

const env = definedOnly(process.env);
let dir: string;
let options: EngineOptions;
beforeEach(() => {
  dir = mkdtempSync(join(realpathSync(tmpdir()), 'dbt-'));
  options = { tools: testTools(), root: ROOT, dir, logDir: dir, env };
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Fails as Temporal does the first `times` times it is started. */
function unlucky(times: number): EngineOptions {
  const [temporal, count] = [join(dir, 'unlucky'), join(dir, 'starts')];
  const says = 'failed listening for HTTP API on 127.0.0.1:41553: listen tcp 127.0.0.1:41553: bind: address already in use';
  const program = `#!/bin/sh\necho . >> ${count}\n[ $(wc -l < ${count}) -gt ${times} ] && exec ${options.tools.temporal} "$@"\necho '${says}' >&2\nexit 1\n`;
  writeFileSync(temporal, program, { mode: 0o755 });
  return { ...options, tools: { ...options.tools, temporal } };
}

test('one of its own ports was taken meanwhile: it is started again, and not for ever', async () => {
  const started = await startTemporal(unlucky(2), await choosePorts({}));
  expect(started.alive).toBe(true);
  await started.end(0);
  await expect(startTemporal(unlucky(99), await choosePorts({}))).rejects.toThrow(/address already in use/);
}, 60_000);

/** Asks, kills the server (pid in argv), asks again in vain, closes, and looks for some seconds whether a timer throws. */
const PROGRAM = `
import { setTimeout as sleep } from 'node:timers/promises';
const { connectTemporal } = await import(${JSON.stringify(join(ROOT, 'console/temporal.ts'))});
const connection = await connectTemporal(process.env);
const ask = () => connection.workflowService.describeNamespace({ namespace: 'default' });
await ask();
process.kill(Number(process.argv[1]), 'SIGKILL');
const asked = ask().catch((e) => e.message);
await sleep(1_500);
await connection.close();
process.stdout.write('closed\\n');
await sleep(4_000);
process.stdout.write(await asked);
`;

test('what would have been tried again is not, once the connection is closed, and nothing throws where nobody can catch it', async () => {
  const ports = await choosePorts({});
  const temporal = await startTemporal(options, ports);
  try {
    const asking = { env: builtInEnv(env, `127.0.0.1:${ports.frontend}`, dir), encoding: 'utf8', timeout: 30_000 } as const;
    const ran = spawnSync(process.execPath, ['--input-type=module', '-e', PROGRAM, String(temporal.process.pid)], asking);
    expect([ran.status, ran.stderr, ran.stdout]).toEqual([0, '', expect.stringMatching(/^closed\n.*(UNAVAILABLE|ECONNREFUSED)/)]);
  } finally {
    await temporal.end(0);
  }
}, 60_000);
