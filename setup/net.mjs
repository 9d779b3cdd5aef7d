/** Finds the programs that make and cut a lab's network. Those a fresh Debian lacks are unpacked into the cache. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { canUnpack, hostSuite, loaderOf, unpack } from './debian.mjs';
import { SetupError } from './errors.mjs';
import { findProgram, run } from './process.mjs';

export const NET_COST = 'download 5 MB, 16 MB on disk, about 5 s';
const NET = {
  nft: { package: 'nftables', file: 'usr/sbin/nft', is: /^nftables v/ },
  arping: { package: 'iputils-arping', file: 'usr/bin/arping', is: /iputils/ },
  ip: { package: 'iproute2', file: 'usr/bin/ip', is: /iproute2/ },
};
/** Part of util-linux, which Debian and Ubuntu call essential. */
export const UTIL_LINUX = /** @type {const} */ (['unshare', 'nsenter', 'setpriv', 'flock']);

/** @typedef {import('./wrappers.mjs').Program & { from: string, version: string }} NetProgram */
/** @typedef {keyof typeof NET} NetName */
export const NET_NAMES = /** @type {NetName[]} */ (Object.keys(NET));

/**
 * @param {NetName} name
 * @param {{ env: Readonly<Record<string, string | undefined>>, cacheDir: string }} where
 * @returns {Promise<NetProgram | null>}
 */
export async function findNet(name, { env, cacheDir }) {
  const own = findProgram(name, env);
  const version = own && (await versionOf(name, [own]));
  if (own && version) return { name, path: own, root: null, from: 'PATH', version };
  const root = join(cacheDir, 'debian', 'net');
  const path = [NET[name].file, NET[name].file.replace('usr/', ''), NET[name].file.replace('usr/bin', 'usr/sbin')]
    .map((sub) => join(root, sub))
    .find((file) => existsSync(file));
  if (!path) return null;
  const unpacked = await versionOf(name, commandOf({ path, root }));
  return unpacked && { name, path, root, from: 'unpacked in the cache', version: unpacked };
}

/**
 * The command line that runs a found program without a wrapper.
 * @param {{ path: string, root: string | null }} program
 */
export function commandOf({ path, root }) {
  if (root === null) return [path];
  const { loader, libraryPath } = loaderOf(root);
  return [loader, '--library-path', libraryPath, path];
}

/**
 * Unpacks all three from the host's own suite. Call it under the cache's lock.
 * @param {string} cacheDir
 */
export async function fetchNet(cacheDir) {
  if (!canUnpack())
    throw new SetupError(
      'DRILL_NO_TOOL',
      'nft, iputils arping or ip is missing, and there is no apt-get to fetch it with.',
      'Install nftables, iputils-arping and iproute2.',
    );
  await unpack({ cacheDir, place: join(cacheDir, 'debian', 'net'), suite: await hostSuite(), packages: Object.values(NET).map((p) => p.package) });
}

/**
 * @param {NetName} name
 * @param {readonly string[]} command
 */
async function versionOf(name, [file = '', ...args]) {
  const { status, stdout, stderr } = await run(file, [...args, '-V'], { deadlineMs: 10_000 });
  const text = `${stdout}${stderr}`.trim();
  return status === 0 && NET[name].is.test(text) ? (/(?:v|iputils |iproute2-)([\w.]+)/.exec(text)?.[1] ?? 'unknown') : null;
}
