/** Disasters: what was kept is believed after its files are gone; our own wrapper is found on PATH and wraps itself; an unpacked server does not start. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ensureTools } from '../../setup/tools.mjs';
import type { Tools } from '../../targets/tools.ts';

const given = JSON.parse(process.env['DRILLBOOK_TOOLS'] ?? 'null') as Tools | null;
const env = { PATH: process.env['PATH'], HOME: process.env['HOME'] };
let cacheDir: string;

const version = (path: string, ...args: string[]): string => execFileSync(path, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** A cache of its own that shares what was fetched, so that nothing is downloaded. */
beforeEach(() => {
  if (!given) throw new Error('DRILLBOOK_TOOLS is not set: run this by npm test');
  cacheDir = mkdtempSync(join(tmpdir(), 'drillbook-tools-'));
  const real = dirname(dirname(dirname(given.binDir)));
  for (const name of ['debian', 'temporal']) if (existsSync(join(real, name))) symlinkSync(join(real, name), join(cacheDir, name));
});
afterEach(() => rmSync(cacheDir, { recursive: true, force: true }));

test('warm, the answer is the same and takes less than 50 ms', async () => {
  const cold = await ensureTools({ env, cacheDir });
  const started = performance.now();
  const warm = await ensureTools({ env, cacheDir });
  expect(performance.now() - started).toBeLessThan(50);
  expect(warm).toEqual(cold);
});

test('a wrapper that was deleted comes back', async () => {
  const tools = await ensureTools({ env, cacheDir });
  rmSync(tools.mysqlbinlog);
  const again = await ensureTools({ env, cacheDir });
  expect(execFileSync(again.mysqlbinlog, ['--no-defaults', '--version'], { encoding: 'utf8' })).toContain('Ver ');
});

test('with our own bin first on PATH nothing wraps itself', async () => {
  const tools = await ensureTools({ env, cacheDir });
  rmSync(join(dirname(tools.binDir), 'kept.json'));
  const again = await ensureTools({ env: { ...env, PATH: `${tools.binDir}:${env.PATH ?? ''}` }, cacheDir });
  for (const name of ['mysqld', 'mysql', 'nft', 'ip'] as const) {
    let target = '';
    try {
      target = readlinkSync(again[name]);
    } catch {
      // a script
    }
    expect(target.startsWith(cacheDir)).toBe(false);
  }
  expect(execFileSync(again.ip, ['-V'], { encoding: 'utf8' })).toContain('iproute2');
});

test('TEMPORAL_ADDRESS takes the embedded server out, and only there', async () => {
  expect((await ensureTools({ env: { ...env, TEMPORAL_ADDRESS: 'there:7233' }, cacheDir })).temporal).toBeNull();
  expect((await ensureTools({ env, cacheDir })).temporal).not.toBeNull();
});

test('every tool answers, and mysqld finds its messages and character sets', async () => {
  const tools = await ensureTools({ env, cacheDir });
  for (const path of [tools.mysqld, tools.mysql, tools.mysqlbinlog, tools.mysqldump])
    expect(version(path, '--no-defaults', '--version')).toContain(`Ver ${tools.mysqldVersion}`);
  expect(version(tools.nft, '-V')).toContain('nftables');
  expect(version(tools.arping, '-V')).toContain('iputils');
  const data = join(cacheDir, 'data');
  execFileSync(
    tools.mysqld,
    ['--no-defaults', '--initialize-insecure', '--user=root', `--datadir=${data}`, '--secure-file-priv=NULL', `--log-error=${cacheDir}/err`],
    { stdio: 'pipe' },
  );
  expect(existsSync(join(data, 'ibdata1'))).toBe(true);
}, 60_000);
