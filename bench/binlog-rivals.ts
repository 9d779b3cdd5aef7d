/** Readers that ours is timed against: fetched and built into the cache, never into the project. What cannot be had is left out, and said. */
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../core/errors.ts';
import { runOk } from '../targets/platforms/local/run.ts';
import type { BenchOptions } from './options.ts';

const NPM = { '@powersync/mysql-zongji': '0.6.2', '@vlasky/zongji': '0.9.0' } as const;
export type NpmReader = keyof typeof NPM;
export const NPM_READERS = Object.keys(NPM) as NpmReader[];
/** Counts changes of binlog-peer/. */
const PEER = 1;
/** one build with link-time optimisation: a minute on a quiet machine */
const STEP_MS_MAX = 900_000;

export interface Rivals {
  /** folder with node_modules; null: npm could not bring them */
  npm: string | null;
  /** program of binlog-peer/; null: there is no cargo, or it could not build it */
  peer: string | null;
  /** why one is null */
  notes: string[];
}

export async function ensureRivals(o: Pick<BenchOptions, 'cacheDir' | 'say'>): Promise<Rivals> {
  const home = join(o.cacheDir, 'bench');
  await mkdir(home, { recursive: true });
  const notes: string[] = [];
  const got = async (what: string, name: string, make: (dir: string) => Promise<void>): Promise<string | null> => {
    const dir = join(home, name);
    if (existsSync(dir)) return dir;
    o.say(`binlog: ${what} (once)`);
    const making = await mkdtemp(join(home, 'making-'));
    try {
      await make(making);
      await rename(making, dir);
      return dir;
    } catch (e) {
      notes.push(`left out: ${what}: ${messageOf(e).split('\n')[0]}`);
      return null;
    } finally {
      await rm(making, { recursive: true, force: true });
    }
  };
  const versions = Object.entries(NPM).map(([name, version]) => `${name}@${version}`);
  const npm = await got('fetching the readers from npm', `npm-readers-${Object.values(NPM).join('-')}`, async (dir) => {
    await writeFile(join(dir, 'package.json'), JSON.stringify({ private: true }));
    await runOk(['npm', 'install', '--prefix', dir, '--ignore-scripts', '--no-audit', '--no-fund', ...versions], { timeoutMs: STEP_MS_MAX });
  });
  const peer = await got('building the native readers with cargo', `binlog-peer-${PEER}`, async (dir) => {
    await cp(join(import.meta.dirname, 'binlog-peer'), dir, { recursive: true });
    await runOk(['cargo', 'build', '--release', '--quiet', '--manifest-path', join(dir, 'Cargo.toml')], { timeoutMs: STEP_MS_MAX });
    await cp(join(dir, 'target/release/binlog-peer'), join(dir, 'binlog-peer'));
    await rm(join(dir, 'target'), { recursive: true });
  });
  return { npm, peer: peer && join(peer, 'binlog-peer'), notes };
}
