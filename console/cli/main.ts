/** The command line's entry: the one place here that reads the environment. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { DrillError, isDrillError } from '../../core/errors.ts';
import { cacheFolder } from '../../setup/cache.mjs';
import { PACKAGED, ROOT } from '../../setup/entry.mjs';
import { createProgress } from '../../setup/progress.mjs';
import { ensureTools } from '../../setup/tools.mjs';
import { EXIT } from './context.ts';
import type { CliContext } from './context.ts';
import { sweepRuns } from '../rundir.ts';

/** Loaded when asked for: a command that does not talk to Temporal should not wait for its client to load. */
const COMMANDS: Record<string, (ctx: CliContext) => Promise<Command>> = {
  run: async (ctx) => (await import('./run.ts')).runCommand(ctx),
  list: async (ctx) => (await import('./people/list.ts')).listCommand(ctx),
  show: async (ctx) => (await import('./people/show.ts')).showCommand(ctx),
  watch: async (ctx) => (await import('./people/watch.ts')).watchCommand(ctx),
  ...Object.fromEntries(
    ['ack', 'done', 'approve', 'send-back', 'reject', 'skip', 'delegate', 'comment'].map((verb) => [
      verb,
      async (ctx: CliContext) => (await import('./people/act.ts')).actCommand(ctx, verb),
    ]),
  ),
  abort: async (ctx) => (await import('./people/act.ts')).abortCommand(ctx),
  key: async (ctx) => (await import('./key.ts')).keyCommand(ctx),
  token: async (ctx) => (await import('./token.ts')).tokenCommand(ctx),
  board: async (ctx) => (await import('./board.ts')).boardCommand(ctx),
  schedule: async (ctx) => (await import('./schedule.ts')).scheduleCommand(ctx),
  report: async (ctx) => (await import('./report.ts')).reportCommand(ctx),
  reconcile: async (ctx) => (await import('./reconcile.ts')).reconcileCommand(ctx),
  lint: async (ctx) => (await import('./lint.ts')).lintCommand(ctx, (await import('../../activities/catalogue.ts')).CATALOGUE),
  doctor: async (ctx) => (await import('./doctor.ts')).doctorCommand(ctx),
  binlog: async (ctx) => (await import('./binlog.ts')).binlogCommand(ctx),
  heal: async (ctx) => (await import('./heal.ts')).healCommand(ctx),
  lab: async (ctx) => (await import('./lab.ts')).labCommand(ctx),
  completion: async (ctx) => (await import('./completion.ts')).completionCommand(ctx),
  bench: async (ctx) => (PACKAGED ? noBench() : (await import('./bench.ts')).benchCommand(ctx)),
};

/** Hidden: what the completion of a shell asks. */
const COMPLETE = '__complete';

/** What a package answers: it has no test logs and no other readers to measure against. */
const noBench = (): Command =>
  new Command('bench')
    .description('only in a checkout: measure what Drillbook itself costs')
    .argument('[parts...]')
    .allowUnknownOption()
    .action(() => {
      throw new DrillError('DRILL_CHECKOUT_ONLY', 'the package has no benchmarks', 'run `npm run bench` in a checkout of the source');
    });

/** package.json is the one place that has it. */
const version = (): string => (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version;

function contextOf(env: NodeJS.ProcessEnv): CliContext {
  const cacheDir = cacheFolder(env);
  return {
    cwd: process.cwd(),
    root: ROOT,
    cacheDir,
    env,
    stdin: process.stdin,
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
  const name = process.argv[2] ?? '';
  if (name === COMPLETE) return (await import('./completion.ts')).answer(ctx, process.argv[3] ?? '', () => programOf(ctx, ''));
  sweepRuns(ctx.cacheDir);
  await (await programOf(ctx, name)).parseAsync();
}

/** With the one command that is asked for; with all of them when it is none of ours. */
async function programOf(ctx: CliContext, name: string): Promise<Command> {
  const program = new Command('drillbook')
    .description('Proves that a disaster-recovery manual works: breaks a real system, times the people, accounts for every acknowledged write.')
    .version(version())
    .showHelpAfterError('(drillbook --help shows what there is)')
    .exitOverride();
  const asked = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  for (const make of asked ? [asked] : Object.values(COMMANDS)) program.addCommand((await make(ctx)).exitOverride());
  return program;
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
