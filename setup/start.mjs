/** Runs on Node 20, makes sure that the modules are there, and goes on as Node 24 with console/cli/main. */
import { join } from 'node:path';
import { ROOT, entry } from './entry.mjs';
import { reportFailure } from './errors.mjs';
import { nodeEnv, nodeFlags } from './node-env.mjs';
import { become, ensureModules, nodeOf } from './npm.mjs';
import { createProgress } from './progress.mjs';

const { env } = process;
try {
  await ensureModules(ROOT, { env, progress: createProgress(process.stderr) });
  const args = process.argv.slice(2);
  const command = args[0] ?? '';
  become(nodeOf(ROOT), [...nodeFlags(command), entry(join(ROOT, 'console', 'cli'), 'main'), ...args], nodeEnv(env, command));
} catch (e) {
  process.exitCode = reportFailure(e);
}
