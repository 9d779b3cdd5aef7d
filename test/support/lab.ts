/** Labs for tests that need real servers. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectLocal } from '../../targets/platforms/local/connect.ts';
import type { LocalPlatform } from '../../targets/platforms/local/connect.ts';
import { startLab } from '../../targets/platforms/local/lab.ts';
import type { Lab, LabOptions } from '../../targets/platforms/local/lab.ts';
import { mysqlSystem } from '../../targets/systems/mysql/system.ts';
import type { MysqlSystem } from '../../targets/systems/mysql/system.ts';
import type { Tools } from '../../targets/tools.ts';
import { CACHE_DIR, testTools } from './tools.ts';

export interface TestLab extends AsyncDisposable {
  platform: LocalPlatform;
  system: MysqlSystem;
  tools: Tools;
  stateFile: string;
  workDir: string;
}

/** A folder with a path short enough for sockets. */
export const scratchDir = (): string => mkdtempSync(join(realpathSync(tmpdir()), 'dbl-'));

/** A lab of the caller's own, which it may break. `await using` ends it and removes its folder. */
export async function freshLab(options: Partial<LabOptions> = {}): Promise<TestLab & { lab: Lab }> {
  const dir = options.dir ?? scratchDir();
  const tools = testTools();
  const lab = await startLab({ tools, dir, cacheDir: CACHE_DIR, workDir: join(dir, 'work'), owner: 'pipe', ...options });
  const opened = await open(lab.stateFile, tools);
  return {
    ...opened,
    lab,
    async [Symbol.asyncDispose]() {
      opened.platform.close();
      await lab.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/**
 * The lab of this test process, started by the first who asks, in the hands of all: leave it as it was (cuts healed, no node killed
 * or promoted; rows are anybody's). It ends with the process, and its folder with it. `await using` only closes the connection.
 */
export async function sharedLab(): Promise<TestLab> {
  const dir = join(realpathSync(tmpdir()), `dbl-shared-${process.pid}`);
  const tools = testTools();
  const stateFile = join(dir, 'lab.json');
  const running = await open(stateFile, tools).catch(() => null);
  if (running !== null) return running;
  const lab = await startLab({ tools, dir, cacheDir: CACHE_DIR, workDir: join(dir, 'work'), owner: 'pipe', scratch: true });
  lab.unref();
  return open(stateFile, tools);
}

async function open(stateFile: string, tools: Tools): Promise<TestLab> {
  const platform = await connectLocal(stateFile);
  const { workDir } = await platform.facts();
  return { platform, system: mysqlSystem(platform, { tools }), tools, stateFile, workDir, [Symbol.asyncDispose]: async () => platform.close() };
}
