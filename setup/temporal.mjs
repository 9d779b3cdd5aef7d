/** Finds a Temporal server that can be embedded, or fetches one: by download where the network allows it, else by a build from source. */
import { existsSync } from 'node:fs';
import { chmod, mkdir, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { installFolder } from './cache.mjs';
import { SetupError } from './errors.mjs';
import { findProgram, mustRun, run } from './process.mjs';

/** The newest release that `go install` accepts; later ones replace a module by a local folder. */
export const TEMPORAL_VERSION = '1.5.1';
export const TEMPORAL_COST = 'download 60 MB, or a build from source with Go: 4 to 12 min on two cores, 3.5 GB of temporary space; 215 MB on disk';
const CONNECT_DEADLINE_MS = 8_000;
const DOWNLOAD_DEADLINE_MS = 300_000;
const BUILD_DEADLINE_MS = 30 * 60_000;
const BUILD_SPACE_BYTES = 4e9;
const GO_OLDEST = [1, 25];

/** @param {string} cacheDir */
const placeOf = (cacheDir) => join(cacheDir, 'temporal', TEMPORAL_VERSION);

/**
 * @param {{ env: Readonly<Record<string, string | undefined>>, cacheDir: string }} where
 * @returns {Promise<{ path: string, version: string, from: string } | null>}
 */
export async function findTemporal({ env, cacheDir }) {
  const own = findProgram('temporal', env);
  for (const [path, from] of [
    [own, 'PATH'],
    [join(placeOf(cacheDir), 'temporal'), 'cache'],
  ]) {
    const version = path && from && existsSync(path) ? await versionOf(path) : null;
    if (path && from && version) return { path, version, from };
  }
  return null;
}

/**
 * @param {Readonly<Record<string, string | undefined>>} env
 * @returns {Promise<{ path: string, version: string } | null>} a Go that is new enough
 */
export async function findGo(env) {
  const path = findProgram('go', { PATH: `${env.PATH ?? ''}:/usr/local/go/bin:${homedir()}/go/bin` });
  if (!path) return null;
  const { stdout } = await run(path, ['version'], { deadlineMs: 10_000, env: { ...env, GOTOOLCHAIN: 'local' } });
  const [, major, minor] = /go(\d+)\.(\d+)/.exec(stdout) ?? [];
  const newEnough = Number(major) > GO_OLDEST[0] || (Number(major) === GO_OLDEST[0] && Number(minor) >= GO_OLDEST[1]);
  return newEnough ? { path, version: /go[\d.]+/.exec(stdout)?.[0] ?? '' } : null;
}

/**
 * Puts the server into the cache. Call it under the cache's lock.
 * @param {{ env: Readonly<Record<string, string | undefined>>, cacheDir: string, progress: import('./progress.mjs').Progress }} options
 * @returns {Promise<string>} its path
 */
export async function fetchTemporal({ env, cacheDir, progress }) {
  const path = join(placeOf(cacheDir), 'temporal');
  const refused = await download(cacheDir, progress);
  if (refused === null) return path;
  progress.say(`The Temporal server can not be downloaded here (${refused}).`);
  const go = await findGo(env);
  if (!go) {
    throw new SetupError(
      'DRILL_NO_TEMPORAL',
      `There is no Temporal server: none on PATH, none in the cache, no download (${refused}), and no Go ${GO_OLDEST.join('.')} or newer to build one.`,
      'Install the Temporal CLI (https://temporal.io/setup/install-temporal-cli) so that `temporal` is on PATH, or Go, or set TEMPORAL_ADDRESS to a server that runs.',
    );
  }
  await progress.during(
    `Building the Temporal server ${TEMPORAL_VERSION} with ${go.version}, once (4 minutes on two idle cores)`,
    build(go.path, env, cacheDir),
  );
  return path;
}

/**
 * The way of Temporal's own SDKs: ask where the archive is, fetch it, take the one program out.
 * @param {string} cacheDir
 * @param {import('./progress.mjs').Progress} progress
 * @returns {Promise<string | null>} null when it is in place, else why not
 */
async function download(cacheDir, progress) {
  const query = new URLSearchParams({
    arch: process.arch === 'arm64' ? 'arm64' : 'amd64',
    platform: 'linux',
    format: 'tar.gz',
    'sdk-name': 'sdk-typescript',
    'sdk-version': '1.24.0',
  });
  let info;
  try {
    const answer = await fetch(`https://temporal.download/cli/v${TEMPORAL_VERSION}?${query.toString()}`, { signal: AbortSignal.timeout(CONNECT_DEADLINE_MS) });
    if (!answer.ok) return `temporal.download answers ${answer.status}`;
    info = /** @type {{ archiveUrl?: unknown, fileToExtract?: unknown }} */ (await answer.json());
  } catch (e) {
    return `temporal.download: ${causeOf(e)}`;
  }
  const { archiveUrl, fileToExtract } = info;
  if (typeof archiveUrl !== 'string' || typeof fileToExtract !== 'string') return 'temporal.download answers in an unknown way';
  try {
    await progress.during(`Downloading the Temporal server ${TEMPORAL_VERSION}`, unpackArchive(cacheDir, archiveUrl, fileToExtract));
    return null;
  } catch (e) {
    return causeOf(e);
  }
}

/**
 * @param {string} cacheDir
 * @param {string} url
 * @param {string} member
 */
async function unpackArchive(cacheDir, url, member) {
  await installFolder(cacheDir, placeOf(cacheDir), async (folder) => {
    const answer = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_DEADLINE_MS) });
    if (!answer.ok) throw new SetupError('DRILL_SETUP_FAILED', `${url} answers ${answer.status}`, 'Try again.');
    const archive = join(folder, 'archive.tar.gz');
    await writeFile(archive, Buffer.from(await answer.arrayBuffer()));
    await mustRun('tar', ['-xzf', archive, '-C', folder, member], { deadlineMs: 60_000 });
    await rename(join(folder, member), join(folder, 'temporal'));
    await rm(archive);
    await chmod(join(folder, 'temporal'), 0o755);
    await mustAnswer(join(folder, 'temporal'));
  });
}

/**
 * Go's module and build caches are in the temporary folder and go with it; the person's own are neither read nor filled.
 * @param {string} go
 * @param {Readonly<Record<string, string | undefined>>} env
 * @param {string} cacheDir
 */
async function build(go, env, cacheDir) {
  const { bavail, bsize } = await statfs(cacheDir);
  if (bavail * bsize < BUILD_SPACE_BYTES) {
    throw new SetupError(
      'DRILL_DISK_FULL',
      `Building the Temporal server needs 4 GB for a while; ${cacheDir} has ${((bavail * bsize) / 1e9).toFixed(1)} GB.`,
      'Make room, set XDG_CACHE_HOME to a larger disk, or put `temporal` on PATH.',
    );
  }
  await installFolder(cacheDir, placeOf(cacheDir), async (folder) => {
    const work = `${folder}.build`;
    await mkdir(work);
    const goEnv = {
      ...env,
      GOBIN: folder,
      GOPATH: join(work, 'path'),
      GOMODCACHE: join(work, 'mod'),
      GOCACHE: join(work, 'build'),
      GOTMPDIR: work,
      GOFLAGS: '-modcacherw',
      CGO_ENABLED: '0',
    };
    try {
      await mustRun(go, ['install', '-ldflags', '-s -w', `github.com/temporalio/cli/cmd/temporal@v${TEMPORAL_VERSION}`], {
        deadlineMs: BUILD_DEADLINE_MS,
        cwd: folder,
        env: goEnv,
        hint: 'Check the network to the Go module proxy, or install the Temporal CLI so that `temporal` is on PATH.',
      });
    } finally {
      // 3 GB in small files; on a slow disk this takes a minute. What stays is swept by the next set-up.
      await rm(work, { recursive: true, force: true }).catch(() => undefined);
    }
    await mustAnswer(join(folder, 'temporal'));
  });
}

/** @param {string} path */
async function mustAnswer(path) {
  if ((await versionOf(path)) === null)
    throw new SetupError('DRILL_NO_TEMPORAL', `${path} --version does not answer as Temporal does.`, 'Install the Temporal CLI so that `temporal` is on PATH.');
}

/** @param {string} path */
async function versionOf(path) {
  const { status, stdout } = await run(path, ['--version'], { deadlineMs: 20_000 });
  return status === 0 ? (/temporal version .*Server ([\d.]+)/.exec(stdout)?.[1] ?? null) : null;
}

/** @param {unknown} e */
function causeOf(e) {
  if (!(e instanceof Error)) return String(e);
  if (e.name === 'TimeoutError') return 'no answer in time';
  return e.cause instanceof Error ? e.cause.message : e.message;
}
