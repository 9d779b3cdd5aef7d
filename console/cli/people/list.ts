/** `drillbook list`: the drills that run on this machine, and those that have ended, with their verdicts. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { messageOf } from '../../../core/errors.ts';
import { inert } from '../../../core/report/text.ts';
import { EXIT } from '../context.ts';
import type { CliContext } from '../context.ts';
import { isUtf8 } from '../live.ts';
import { paint } from '../live-text.ts';
import type { Line } from '../live-text.ts';
import { drillsHere, openDrill } from '../../people/drills.ts';
import { endedDrills } from '../../people/listed.ts';
import type { Listed } from '../../people/listed.ts';
import { secretHere } from '../../people/secret.ts';

export function listCommand(ctx: CliContext): Command {
  return new Command('list')
    .description('drills that run here, and those that have ended, with their verdicts')
    .option('--out <folder>', 'where evidence folders are', 'drills')
    .option('--json', 'print the list as JSON')
    .addHelpText('after', '\nA verdict is as it was sealed; `drillbook report <folder>` verifies it.')
    .action(async (flags: { out: string; json?: boolean }) => {
      const running = await Promise.all(drillsHere(ctx).map((d) => runningOne(ctx, d.drillId, d.bundle)));
      const secret = secretHere(ctx.env);
      const ended = endedDrills(resolve(ctx.cwd, flags.out)).filter((e) => !secret(e.bundle) && !running.some((r) => r.bundle === e.bundle));
      const all = [...running, ...ended];
      ctx.stdout.write(flags.json ? `${JSON.stringify(all)}\n` : text(ctx, all, flags.out));
      ctx.exit(EXIT.pass);
    });
}

async function runningOne(ctx: CliContext, drill: string, bundle: string): Promise<Listed> {
  const listed = { drill, verdict: null, bundle };
  try {
    const open = await openDrill(ctx, drill);
    try {
      const { phase, doing } = await open.state();
      return { ...listed, phase, says: doing };
    } finally {
      await open.close();
    }
  } catch (e) {
    return { ...listed, phase: 'starting or ending', says: messageOf(e) };
  }
}

function text(ctx: CliContext, all: readonly Listed[], out: string): string {
  if (all.length === 0) return `no drill runs here, and there are none in ${out}\n`;
  const look = { width: Infinity, colour: ctx.colour, unicode: isUtf8(ctx.env) };
  const lines = all.map((d): Line => {
    const word = d.phase ?? d.verdict?.toUpperCase() ?? 'no verdict';
    return [[`${inert(d.drill)}  `, d.phase ? 'bold' : 'plain'], [word.padEnd(10), d.verdict ?? (d.phase ? 'bold' : 'dim')], [`  ${inert(d.says)}`]];
  });
  return lines.map((l) => `${paint(l, look)}\n`).join('');
}
