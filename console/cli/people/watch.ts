/** `drillbook watch`: what the one who started a drill sees, for everybody else on this machine. Changes nothing; Ctrl-C ends the watching only. */
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Command } from 'commander';
import { BUNDLE } from '../../../core/bundle.ts';
import { messageOf } from '../../../core/errors.ts';
import { reportOf } from '../../../evidence/load.ts';
import { TargetEye } from '../../target-now.ts';
import { LocalTarget } from '../ask-target.ts';
import { EXIT } from '../context.ts';
import type { CliContext } from '../context.ts';
import { createLiveView, isUtf8 } from '../live.ts';
import type { LiveView } from '../live.ts';
import { LiveModel } from '../../live-model.ts';
import { runningDrills } from '../../rundir.ts';
import { openDrill } from '../../people/drills.ts';
import type { OpenDrill } from '../../people/drills.ts';

const POLL_MS = 250;
/** the report is written while the drill says that it is sealing */
const SEAL_MS = 30_000;

export function watchCommand(ctx: CliContext): Command {
  return new Command('watch')
    .description('follow a drill that runs on this machine until its verdict')
    .option('--drill <id>', 'which drill (default: the only one that runs here)')
    .addHelpText('after', '\nA view that is redrawn on a terminal, a line for each event elsewhere. Exit status: 0 pass, 1 fail, 2 no drill, 3 unknown.')
    .action(async (flags: { drill?: string }) => {
      const drill = await openDrill(ctx, flags.drill);
      const view = createLiveView({ stdout: ctx.stdout, colour: ctx.colour, unicode: isUtf8(ctx.env) });
      const target = new LocalTarget();
      try {
        await follow(ctx, drill, view, target);
        ctx.exit(finish(ctx, drill, view));
      } finally {
        view.close();
        target.close();
        await drill.close();
      }
    });
}

/** Until the drill has ended, or the command that runs it has. */
async function follow(ctx: CliContext, drill: OpenDrill, view: LiveView, target: LocalTarget): Promise<void> {
  const { drillId, bundle } = drill.running;
  const model = new LiveModel(drill.plan, Date.parse(drillId.slice(0, 20).replace(/T(\d\d)-(\d\d)-(\d\d)Z/, 'T$1:$2:$3Z')) || Date.now());
  const eye = new TargetEye(drill.running, target);
  const runs = () => runningDrills(ctx.cacheDir).some((d) => d.drillId === drillId);
  let silent = '';
  for (let sealedBy = Infinity; Date.now() < sealedBy && !existsSync(join(bundle, BUNDLE.manifest));) {
    if (sealedBy === Infinity && !runs()) sealedBy = Date.now() + SEAL_MS;
    const state = await drill.state().catch((e: unknown) => messageOf(e));
    if (typeof state === 'string') {
      if (state !== silent && runs()) view.note((silent = state));
    } else {
      silent = '';
      view.update(model.state(state, await eye.look(state, Date.now()), Date.now()));
      if (state.phase === 'ended') return;
    }
    await new Promise((r) => setTimeout(r, POLL_MS));
  }
}

function finish(ctx: CliContext, { running: { bundle } }: OpenDrill, view: LiveView): number {
  const short = relative(ctx.cwd, bundle);
  const folder = short.startsWith('..') ? bundle : short;
  try {
    const { report } = reportOf(bundle);
    view.finish(report, { report: join(folder, BUNDLE.reportHtml), folder });
    return EXIT[report.verdict];
  } catch (e) {
    view.note(`the drill has ended without a report: ${messageOf(e)}`);
    return EXIT.unknown;
  }
}
