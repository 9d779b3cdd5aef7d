#!/usr/bin/env node
/** The command line's door. Runs on Node 20, makes sure that the modules are there, and goes on as Node 24 with console/cli/main.ts. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { reportFailure } from '../setup/errors.mjs';
import { nodeEnv, nodeFlags } from '../setup/node-env.mjs';
import { become, ensureModules, nodeOf } from '../setup/npm.mjs';
import { createProgress } from '../setup/progress.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { env } = process;
try {
  await ensureModules(root, { env, progress: createProgress(process.stderr) });
  const args = process.argv.slice(2);
  const command = args[0] ?? '';
  become(nodeOf(root), [...nodeFlags(command), join(root, 'console', 'cli', 'main.ts'), ...args], nodeEnv(env, command));
} catch (e) {
  process.exitCode = reportFailure(e);
}
