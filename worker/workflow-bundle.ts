/**
 * The workflow code as one file. A package brings it. A checkout makes it once per version of its sources and keeps it in the cache: bundling costs a
 * second or two of both cores at every start of a worker, also when one was killed in the middle of a drill.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';
import type { DefaultLogger } from '@temporalio/worker';

/** Returns the path of the bundle. Safe when two workers make it at once: the last rename wins, both made the same. */
export async function workflowBundle(root: string, cacheDir: string, logger: DefaultLogger): Promise<string> {
  const brought = packedBundle(root);
  if (existsSync(brought)) return brought;
  const dir = join(cacheDir, 'workflows');
  const file = join(dir, `${digestOfSources(root)}.js`);
  if (existsSync(file)) return file;
  const code = await bundleWorkflows(root, logger);
  mkdirSync(dir, { recursive: true });
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, code);
  renameSync(temporary, file);
  return file;
}

/** Where a package has it; a checkout never has. */
export const packedBundle = (root: string): string => join(root, 'workflows', 'bundle.js');

export async function bundleWorkflows(root: string, logger: DefaultLogger): Promise<string> {
  return (await bundleWorkflowCode({ workflowsPath: join(root, 'workflows', 'index.ts'), logger })).code;
}

/** Everything that the bundle is made of: our workflow and core code, and the versions of the packages. */
function digestOfSources(root: string): string {
  const hash = createHash('sha256').update(readFileSync(join(root, 'package-lock.json')));
  for (const folder of ['workflows', 'core']) {
    const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.ts'));
    for (const f of files.sort()) hash.update(f).update(readFileSync(join(root, folder, f)));
  }
  return hash.digest('hex').slice(0, 16);
}
