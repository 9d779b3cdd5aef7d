/** The command line's entry: the one place here that reads the environment. */
import { resolve } from 'node:path';
import { Command, CommanderError } from 'commander';
import { DrillError, isDrillError } from '../../core/errors.ts';
import { cacheFolder } from '../../setup/cache.mjs';
import { CATALOGUE } from '../../activities/catalogue.ts';
import { createProgress } from '../../setup/progress.mjs';
import { ensureTools } from '../../setup/tools.mjs';
import { EXIT } from './context.ts';
import type { CliContext } from './context.ts';
import { doctorCommand } from './doctor.ts';
import { labCommand } from './lab.ts';
import { lintCommand } from './lint.ts';
import { reconcileCommand } from './reconcile.ts';
import { reportCommand } from './report.ts';
import { runCommand } from './run.ts';
import { sweepRuns } from './run/rundir.ts';
import { healCommand } from './heal.ts';

function contextOf(env: NodeJS.ProcessEnv): CliContext {
  const cacheDir = cacheFolder(env);
  return {
    cwd: process.cwd(),
    root: resolve(import.meta.dirname, '../..'),
    cacheDir,
    env,
    stdout: process.stdout,
    stderr: process.stderr,
    colour: process.stdout.isTTY && !env['NO_COLOR'] && env['TERM'] !== 'dumb',
    tools: () => ensureTools({ env, cacheDir, progress: createProgress(process.stderr) }),
    exit: (code) => {
      process.exitCode = code;
    },
  };
}

async function main(): Promise<void> {
  const ctx = contextOf(process.env);
  sweepRuns(ctx.cacheDir);
  const program = new Command('drillbook')
    .description('Proves that a disaster-recovery manual works: breaks a real system, times the people, accounts for every acknowledged write.')
    .version('0.1.0')
    .showHelpAfterError('(drillbook --help shows what there is)')
    .exitOverride();
  for (const make of [runCommand, reportCommand, reconcileCommand, (c: CliContext) => lintCommand(c, CATALOGUE), doctorCommand, healCommand, labCommand]) {
    program.addCommand(make(ctx).exitOverride());
  }
  await program.parseAsync();
}

try {
  await main();
} catch (e) {
  if (e instanceof CommanderError) process.exitCode = e.exitCode === 0 ? 0 : EXIT.usage;
  else {
    process.stderr.write(
      isDrillError(e) ? `${DrillError.prototype.toText.call(e)}\n` : `DRILL_INTERNAL: ${e instanceof Error ? (e.stack ?? e.message) : String(e)}\n`,
    );
    process.exitCode = EXIT.usage;
  }
}
// everything was ended in order above; a timer or socket that a library keeps must not hold the terminal
process.exit();
