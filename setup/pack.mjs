/**
 * `npm pack` runs this before it packs, on any Node: makes dist/, which has what a checkout's root has, with JavaScript in place of TypeScript and the
 * workflows bundled. Node's own stripping leaves every character where it is, so a stack trace of a package names the lines of the source. Takes 5 s.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT } from './entry.mjs';
import { reportFailure } from './errors.mjs';
import { become, ensureModules, nodeOf } from './npm.mjs';
import { mustRun } from './process.mjs';
import { createProgress } from './progress.mjs';

const SHIPPED = ['activities', 'console', 'core', 'evidence', 'runbooks', 'setup', 'targets', 'worker', 'workflows'];
/** Of use in a checkout only. */
const LEFT_OUT = ['console/cli/bench.ts', 'setup/chromium.mjs', 'setup/pack.mjs', 'setup/test.mjs', 'worker/prebundle.ts'];
/** The specifier of an import of ours, static or dynamic. */
const SPECIFIER = /(\b(?:from|import)\s*\(?\s*')(\.{1,2}\/[^'\n]+)\.ts'/g;
const BUNDLE_DEADLINE_MS = 2 * 60_000;

/**
 * Writes all of dist but the workflow bundle. Needs Node 24.
 * @param {string} root of the checkout
 * @param {string} dist
 */
export function transpile(root, dist) {
  for (const folder of SHIPPED) {
    for (const found of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      const path = join(found.parentPath, found.name).slice(root.length + 1);
      if (!found.isFile() || LEFT_OUT.includes(path)) continue;
      mkdirSync(dirname(join(dist, path)), { recursive: true });
      if (path.endsWith('.ts')) writeFileSync(join(dist, path.replace(/\.ts$/, '.js')), stripped(readFileSync(join(root, path), 'utf8')));
      else cpSync(join(root, path), join(dist, path));
    }
  }
  const { name, version, type } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  writeFileSync(join(dist, 'package.json'), `${JSON.stringify({ name, version, type })}\n`);
}

/** @param {string} source */
const stripped = (source) => nodeModule.stripTypeScriptTypes(source).replace(SPECIFIER, "$1$2.js'");

async function main() {
  const { env } = process;
  await ensureModules(ROOT, { env, progress: createProgress(process.stderr) });
  const node = nodeOf(ROOT);
  const self = fileURLToPath(import.meta.url);
  if (realpathSync(node) !== realpathSync(process.execPath)) return become(node, ['--disable-warning=ExperimentalWarning', self], env);
  const dist = join(ROOT, 'dist');
  rmSync(dist, { recursive: true, force: true });
  transpile(ROOT, dist);
  await mustRun(node, [join(ROOT, 'worker', 'prebundle.ts'), dist], { deadlineMs: BUNDLE_DEADLINE_MS, cwd: ROOT, env });
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    await main();
  } catch (e) {
    process.exitCode = reportFailure(e);
  }
}
