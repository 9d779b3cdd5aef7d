/** `drillbook list`: the drills that run on this machine or on the Temporal that is shared, and those that have ended, with their verdicts. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { BUNDLE } from '../../../core/bundle.ts';
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
import { saysOf, TemporalLists } from '../../people/visible.ts';
import type { Page, Visible } from '../../people/visible.ts';

const PAGE = 200;

export function listCommand(ctx: CliContext): Command {
  return new Command('list')
    .description('drills that run here or on the Temporal of TEMPORAL_ADDRESS, and those that have ended, with their verdicts')
    .option('--out <folder>', 'where evidence folders are', 'drills')
    .option('--json', 'print the list as JSON')
    .addHelpText('after', '\nA verdict is as it was sealed; `drillbook report <folder>` verifies it.')
    .action(async (flags: { out: string; json?: boolean }) => {
      const here = drillsHere(ctx);
      const folder = resolve(ctx.cwd, flags.out);
      const secret = secretHere(ctx.env);
      const listed = (await listedDrills(ctx)).filter((d) => !unknown(d, folder, secret));
      const shared = listed.filter((d) => !here.some((h) => h.drillId === d.drill)).map((d) => sharedOne(d, folder));
      const running = [...(await Promise.all(here.map((d) => runningOne(ctx, d.drillId, d.bundle)))), ...shared.filter((d) => d.phase !== null)];
      const ended = endedDrills(folder).filter((e) => !secret(e.bundle) && !running.some((r) => r.bundle === e.bundle));
      const all = [...running, ...ended, ...shared.filter((d) => d.phase === null && !ended.some((e) => e.bundle === d.bundle))];
      ctx.stdout.write(flags.json ? `${JSON.stringify(all)}\n` : text(ctx, all, flags.out));
      ctx.exit(EXIT.pass);
    });
}

/** All that run on the Temporal that TEMPORAL_ADDRESS names, and the newest that have ended there. */
async function listedDrills(ctx: CliContext): Promise<Visible[]> {
  const lists = await TemporalLists.of(ctx.env);
  if (!lists) return [];
  try {
    const running: Visible[] = [];
    for (let page: Page | null = null; page === null || page.next !== '';) {
      page = await lists.page('running', PAGE, page?.next);
      running.push(...page.drills);
    }
    return [...running, ...(await lists.page('ended', PAGE)).drills];
  } finally {
    await lists.close();
  }
}

/** An unannounced drill, of which nobody here is to know yet. */
function unknown(d: Visible, folder: string, secret: (bundle: string) => boolean): boolean {
  const bundle = join(folder, d.drill);
  return existsSync(join(bundle, BUNDLE.plan)) ? secret(bundle) : d.secret;
}

function sharedOne(d: Visible, folder: string): Listed {
  const bundle = join(folder, d.drill);
  const here = existsSync(join(bundle, BUNDLE.plan));
  return { drill: d.drill, phase: d.phase, verdict: d.verdict, says: saysOf(d, here), bundle: here ? bundle : d.evidence };
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
