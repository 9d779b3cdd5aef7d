/** `drillbook schedule serve`: the process that drills when schedules fire. With no Temporal given it keeps one of its own, whose database stays. */
import { Command } from 'commander';
import { Client } from '@temporalio/client';
import { ensureKernel } from '../../../setup/kernel.mjs';
import { announced, connectTemporal, namespaceOf } from '../../temporal.ts';
import { becomeScheduler, schedulerFolder, thisMachine } from '../../schedules/scheduler.ts';
import { EXIT } from '../context.ts';
import type { CliContext } from '../context.ts';
import { Supervised } from '../run/children.ts';
import { keepTemporal, startWorker } from '../run/engine.ts';
import type { EngineOptions } from '../run/engine.ts';

/** A drill that runs is aborted, undone and sealed. */
const END_MS = 180_000;
/** How long the own Temporal keeps what came of a firing. */
const KEPT_S = 400 * 86_400;

export function serveCommand(ctx: CliContext): Command {
  return new Command('serve')
    .description('start drills when schedules of this machine fire; runs until Ctrl-C, best as a service')
    .option('--json', 'say as JSON where it is, once it is ready')
    .addHelpText(
      'after',
      '\nWith TEMPORAL_ADDRESS set it serves that Temporal; otherwise it keeps one of its own, whose database stays in ~/.local/state/drillbook/schedules (XDG_STATE_HOME).\nCtrl-C once: a drill that runs is aborted in order. Twice: everything ends at once.\nExit status: 0 stopped, 2 usage or set-up error, 3 ended at once.',
    )
    .action(async (flags: { json?: boolean }) => ctx.exit(await serve(ctx, flags.json === true)));
}

async function serve(ctx: CliContext, json: boolean): Promise<number> {
  const folder = schedulerFolder(ctx.env);
  const { promise: second, resolve: atOnce } = Promise.withResolvers<number>();
  const { promise: first, resolve: stop } = Promise.withResolvers<void>();
  let signals = 0;
  for (const s of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(s, () => (++signals === 1 ? stop() : atOnce(EXIT.unknown)));
  const note = (line: string) => void ctx.stderr.write(`${line}\n`);
  const stack = new AsyncDisposableStack();
  try {
    const me = becomeScheduler(folder);
    stack.defer(() => me.release());
    const tools = await ctx.tools();
    await ensureKernel({ env: ctx.env, nft: [tools.nft] });
    const options: EngineOptions = { tools, root: ctx.root, dir: folder, logDir: folder, env: ctx.env };
    const { env, server, uiUrl } = await keepTemporal(options, {}, stack, note);
    await ready(env, server !== null);
    const worker = await Supervised.start(
      () => startWorker(options, { ...env, DRILLBOOK_SCHEDULES: JSON.stringify({ machine: thisMachine(), folder }) }, 'schedules'),
      (line) => note(`the scheduler ${line}`),
    );
    stack.defer(() => worker.end(END_MS));
    me.announce(announced(env));
    const where = { machine: thisMachine(), temporal: env['TEMPORAL_ADDRESS'] ?? '', page: uiUrl, folder };
    const page = uiUrl ? `   page ${uiUrl}` : '';
    ctx.stdout.write(json ? `${JSON.stringify(where)}\n` : `serving    schedules of ${where.machine}\nTemporal   ${where.temporal}${page}   in ${folder}\n`);
    await Promise.race([first, worker.failed, ...(server ? [server.failed] : [])]);
    note('stopping: a drill that runs is aborted in order (again Ctrl-C: at once)');
  } catch (e) {
    await stack.disposeAsync();
    throw e;
  }
  return Promise.race([stack.disposeAsync().then(() => EXIT.pass), second]);
}

/** DRILL_NO_TEMPORAL. The own server's namespace keeps what came of firings for longer than its default of a day. */
async function ready(env: Record<string, string>, own: boolean): Promise<void> {
  const connection = await connectTemporal(env);
  try {
    const { workflowService } = new Client({ connection, namespace: namespaceOf(env) });
    const config = { workflowExecutionRetentionTtl: { seconds: KEPT_S } };
    if (own) await workflowService.updateNamespace({ namespace: namespaceOf(env), config } as never);
  } finally {
    await connection.close();
  }
}
