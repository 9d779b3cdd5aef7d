/** Runs on Node 20, makes sure that the modules are there, and goes on as Node 24 with console/cli/main. */
import { join } from 'node:path';
import { PACKAGED, ROOT, entry } from './entry.mjs';
import { reportFailure } from './errors.mjs';
import { nodeEnv, nodeFlags } from './node-env.mjs';
import { become, ensureModules, modulesState, nodeOf } from './npm.mjs';
import { createProgress } from './progress.mjs';

const { env } = process;
try {
  const args = process.argv.slice(2);
  const command = args[0] ?? '';
  // a key press installs nothing
  if (command === '__complete' && !PACKAGED && modulesState(ROOT) !== 'fresh') process.exit(0);
  await ensureModules(ROOT, { env, progress: createProgress(process.stderr) });
  become(nodeOf(ROOT), [...nodeFlags(command), entry(join(ROOT, 'console', 'cli'), 'main'), ...args], nodeEnv(env, command));
} catch (e) {
  process.exitCode = reportFailure(e);
}
