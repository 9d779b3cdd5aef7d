/**
 * A Chromium for the tests of the web board: the machine's own, else Debian's, unpacked. No drill ever needs it. Chromium starts itself again under its own
 * name, so it cannot run through a loader of its own as the servers do: its packages are those of this machine's own suite, and use its libc.
 */
import { existsSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canUnpack, hostSuite, librariesOf, unpack } from './debian.mjs';
import { SetupError } from './errors.mjs';
import { findProgram, run } from './process.mjs';

export const CHROMIUM_COST = 'download 150 MB, 700 MB on disk, about 30 s';
const LIBC = /^(ld-linux.*|lib(c|m|pthread|dl|rt|resolv|util|anl|mvec|nss_\w+|thread_db|BrokenLocale)\.so\.\d+)$/;

/**
 * @typedef {object} Chromium
 * @property {string} program
 * @property {Record<string, string>} env beside the process's own
 */

/**
 * The first that starts; null: none here.
 * @param {Record<string, string | undefined>} env
 * @param {string} cacheDir
 * @returns {Promise<Chromium | null>}
 */
export async function findChromium(env, cacheDir) {
  const own = ['chromium', 'chromium-browser', 'google-chrome'].map((name) => findProgram(name, env)).find((path) => path !== null);
  if (own && (await starts({ program: own, env: {} }))) return { program: own, env: {} };
  const root = rootIn(cacheDir);
  if (!existsSync(join(root, 'fonts.conf'))) return null;
  const unpacked = { program: join(root, 'usr/lib/chromium/chromium'), env: { LD_LIBRARY_PATH: libraries(root), FONTCONFIG_FILE: join(root, 'fonts.conf') } };
  return (await starts(unpacked)) ? unpacked : null;
}

/**
 * Unpacks Chromium into the cache. Call it under the cache's lock.
 * @param {string} cacheDir
 */
export async function fetchChromium(cacheDir) {
  if (!canUnpack()) throw new SetupError('DRILL_NO_TOOL', 'There is no apt-get to fetch Chromium with.', 'Nothing but tests of the board needs it.');
  const root = rootIn(cacheDir);
  await unpack({ cacheDir, place: root, suite: await hostSuite(), packages: ['chromium', 'fonts-dejavu-core'], check: withoutLibc });
  await writeFile(
    join(root, 'fonts.conf'),
    `<fontconfig><dir>${root}/usr/share/fonts</dir><dir>/usr/share/fonts</dir><cachedir>${root}/fonts</cachedir></fontconfig>\n`,
  );
  const found = await findChromium({}, cacheDir);
  if (!found)
    throw new SetupError(
      'DRILL_SETUP_FAILED',
      `Chromium was unpacked into ${root} and does not start there.`,
      'Put one on PATH; nothing but tests of the board needs it.',
    );
  return found;
}

/** @param {string} cacheDir */
const rootIn = (cacheDir) => join(cacheDir, 'debian', 'chromium');

/** @param {string} root */
const libraries = (root) => `${join(root, 'usr/lib/chromium')}:${librariesOf(root).folders.join(':')}`;

/** @param {string} root */
async function withoutLibc(root) {
  for (const folder of librariesOf(root).folders) for (const name of await readdir(folder)) if (LIBC.test(name)) await rm(join(folder, name));
}

/** @param {Chromium} chromium */
async function starts({ program, env }) {
  const { status } = await run(program, ['--version'], { deadlineMs: 20_000, env: { ...process.env, ...env } });
  return status === 0;
}
