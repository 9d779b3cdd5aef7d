/**
 * Programs out of Debian's (or Ubuntu's) packages, without installing anything and without being root: apt resolves and
 * verifies in folders of its own, dpkg-deb unpacks, and the program runs on the libraries that came with it, through their own
 * loader. The system's libraries and package database stay untouched.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installFolder } from './cache.mjs';
import { SetupError } from './errors.mjs';
import { findProgram, mustRun, run } from './process.mjs';

const DEBIAN_MIRROR = 'http://deb.debian.org/debian';
const DEBIAN_KEYRINGS = ['/usr/share/keyrings/debian-archive-keyring.pgp', '/usr/share/keyrings/debian-archive-keyring.gpg'];
const UPDATE_DEADLINE_MS = 120_000;
const DOWNLOAD_DEADLINE_MS = 600_000;
const UNPACK_DEADLINE_MS = 120_000;
/** In the closure by name, but nothing that we run loads them: scripting languages, character converters, configuration. */
const NOT_NEEDED =
  /^(perl|libperl|libgdbm|libdb5|libc-gconv|debianutils|mysql-common|libtirpc-common|gcc-\d+-base|debconf|cdebconf|tzdata|dpkg|tar|install-info)/;
/** Unpacked and then deleted. */
const NOT_KEPT = [
  'usr/share/doc',
  'usr/share/man',
  'usr/share/locale',
  'usr/share/lintian',
  'usr/share/bug',
  'usr/share/bash-completion',
  'usr/lib/systemd',
  'lib/systemd',
  'etc',
  'var',
];

/**
 * @typedef {object} Suite
 * @property {string} uri
 * @property {string} suite
 * @property {string} components
 * @property {string} keyring
 */

/** Whether this machine has what unpacking needs. */
export function canUnpack() {
  return findProgram('apt-get', {}) !== null && findProgram('dpkg-deb', {}) !== null;
}

/**
 * The suite that the host itself was installed from.
 * @returns {Promise<Suite>}
 */
export async function hostSuite() {
  const release = osRelease();
  const suite = release.VERSION_CODENAME ?? 'stable';
  const mirror = await hostMirror(suite);
  if (release.ID === 'ubuntu')
    return { uri: mirror ?? 'http://archive.ubuntu.com/ubuntu', suite, components: 'main universe', keyring: '/usr/share/keyrings/ubuntu-archive-keyring.gpg' };
  const keyring = DEBIAN_KEYRINGS.find((path) => existsSync(path));
  if (release.ID === 'debian' && keyring) return { uri: mirror ?? DEBIAN_MIRROR, suite, components: 'main', keyring };
  throw new SetupError(
    'DRILL_HOST_UNSUPPORTED',
    `This host calls itself ${release.ID ?? 'nothing known'}; packages can be unpacked on Debian and Ubuntu.`,
    'Install the missing program and put it on PATH.',
  );
}

/**
 * A suite of Debian, signed by Debian's keys: the host's, or on Ubuntu those that its own signed packages carry.
 * @param {string} suite
 * @param {string} cacheDir
 * @returns {Promise<Suite>}
 */
export async function debianSuite(suite, cacheDir) {
  const own = DEBIAN_KEYRINGS.find((path) => existsSync(path));
  if (own)
    return {
      uri: (osRelease().ID === 'debian' ? await hostMirror(osRelease().VERSION_CODENAME ?? '') : null) ?? DEBIAN_MIRROR,
      suite,
      components: 'main',
      keyring: own,
    };
  const place = join(cacheDir, 'debian', 'keyring');
  if (!existsSync(place)) await unpack({ cacheDir, place, suite: await hostSuite(), packages: ['debian-archive-keyring'] });
  const keyring = DEBIAN_KEYRINGS.map((path) => join(place, path)).find((path) => existsSync(path));
  if (keyring) return { uri: DEBIAN_MIRROR, suite, components: 'main', keyring };
  throw new SetupError(
    'DRILL_SETUP_FAILED',
    'The package debian-archive-keyring has no keyring where it used to be.',
    'Install debian-archive-keyring and try again.',
  );
}

/**
 * Unpacks packages and everything they depend on into `place`, whole or not at all. Call it under the cache's lock.
 * MySQL: 50 packages, 50 MB to download, 10 to 20 s.
 *
 * @param {{ cacheDir: string, place: string, suite: Suite, packages: readonly string[], alone?: readonly string[], check?: (root: string) => Promise<void> }} options
 *   alone: packages of which only the files are wanted, without what they depend on; check: refuses the folder by throwing, before it is moved into place
 */
export async function unpack({ cacheDir, place, suite, packages, alone = [], check }) {
  await installFolder(cacheDir, place, async (folder) => {
    const work = join(folder, '.apt');
    const config = await aptFolders(work, suite);
    const apt = (/** @type {string[]} */ args, /** @type {number} */ deadlineMs) =>
      mustRun('apt-get', ['-c', config, ...args], {
        deadlineMs,
        cwd: join(work, 'debs'),
        env: { ...process.env, LC_ALL: 'C' },
        hint: `Check the network to ${suite.uri} and try again.`,
      });
    await apt(['update', '-qq'], UPDATE_DEADLINE_MS);
    await apt(['download', '-qq', ...(packages.length > 0 ? await closure(apt, packages) : []), ...alone], DOWNLOAD_DEADLINE_MS);
    for (const deb of await readdir(join(work, 'debs'))) await mustRun('dpkg-deb', ['-x', join(work, 'debs', deb), folder], { deadlineMs: UNPACK_DEADLINE_MS });
    for (const path of ['.apt', ...NOT_KEPT]) await rm(join(folder, path), { recursive: true, force: true });
    await check?.(folder);
  });
}

/**
 * @param {(args: string[], deadlineMs: number) => Promise<{ stdout: string }>} apt
 * @param {readonly string[]} packages
 */
async function closure(apt, packages) {
  const { stdout } = await apt(['install', '--yes', '--no-install-recommends', '--print-uris', '-qq', ...packages], UPDATE_DEADLINE_MS);
  const names = [...stdout.matchAll(/^'\S+' (\S+?)_\S+ \d+/gm)].map((m) => String(m[1]));
  return names.filter((name) => packages.includes(name) || !NOT_NEEDED.test(name));
}

/**
 * Folders and a configuration that keep apt away from the system's state; the host's own settings (its proxy) still hold.
 * The package database is empty, so that the resolver names the whole closure, libc included.
 * @param {string} work
 * @param {Suite} suite
 */
async function aptFolders(work, suite) {
  for (const sub of ['parts', 'lists/partial', 'cache/archives/partial', 'debs']) await mkdir(join(work, sub), { recursive: true });
  await writeFile(join(work, 'status'), '');
  await writeFile(
    join(work, 'parts', 'one.sources'),
    `Types: deb\nURIs: ${suite.uri}\nSuites: ${suite.suite}\nComponents: ${suite.components}\nSigned-By: ${suite.keyring}\n`,
  );
  const config = join(work, 'apt.conf');
  await writeFile(
    config,
    `#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "${work}/parts";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::lists "${work}/lists";
Dir::State::status "${work}/status";
Dir::Cache "${work}/cache";
APT::Sandbox::User "";
Debug::NoLocking "1";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::http::Timeout "30";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
`,
  );
  return config;
}

/** @param {string} suite */
async function hostMirror(suite) {
  const { stdout } = await run('apt-get', ['indextargets', '--format', '$(REPO_URI) $(RELEASE) $(CODENAME)', 'Created-By: Packages'], {
    deadlineMs: 20_000,
    env: { ...process.env, LC_ALL: 'C' },
  });
  const uris = stdout.split('\n').map((line) => line.split(' '));
  return uris.find(([uri, ...names]) => names.includes(suite) && /^https?:.*\/(debian|ubuntu)\/?$/.test(uri ?? ''))?.[0] ?? null;
}

/** @returns {Record<string, string | undefined>} */
function osRelease() {
  try {
    return Object.fromEntries([...readFileSync('/etc/os-release', 'utf8').matchAll(/^(\w+)="?([^"\n]*)"?$/gm)].map((m) => [m[1], m[2]]));
  } catch {
    return {};
  }
}

/** Names that differ between processor architectures. */
const ARCHITECTURES = {
  x64: { triplet: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2' },
  arm64: { triplet: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1' },
};

/**
 * How to run a program of an unpacked root: its loader and where its libraries are.
 * @param {string} root
 */
export function loaderOf(root) {
  const { arch, folders } = librariesOf(root);
  const loader = folders.map((folder) => join(folder, arch.loader)).find((path) => existsSync(path));
  if (!loader) throw new SetupError('DRILL_SETUP_FAILED', `No loader ${arch.loader} below ${root}.`, `Delete ${root} and try again.`);
  // libraries in folders of their own (private ones), one level down
  return { loader, libraryPath: folders.join(':') };
}

/** @param {string} root */
export function librariesOf(root) {
  const arch = process.arch === 'arm64' ? ARCHITECTURES.arm64 : ARCHITECTURES.x64;
  return { arch, folders: [`usr/lib/${arch.triplet}`, `lib/${arch.triplet}`].map((sub) => join(root, sub)).filter((path) => existsSync(path)) };
}
