/** `drillbook heal`: undoes what a drill left on a target, from the target's own journal. Needs no engine. */
import { Command } from 'commander';
import { DrillError } from '../../core/errors.ts';
import { clearLock, drillsInJournal, Journal, readLock } from '../../activities/journal.ts';
import { faultOf } from '../../activities/faults/index.ts';
import { residueOf } from '../../activities/target.ts';
import type { Target } from '../../activities/deps.ts';
import { connectLocal } from '../../targets/platforms/local/connect.ts';
import { mysqlSystem } from '../../targets/systems/mysql/system.ts';
import { EXIT } from './context.ts';
import type { CliContext } from './context.ts';

interface HealOptions {
  lab?: string;
  json?: boolean;
}

export function healCommand(ctx: CliContext): Command {
  return new Command('heal')
    .description('undo what a drill left on a target, from the target’s own journal; needs no engine')
    .option('--lab <lab.json>', 'state file of the lab (default: $DRILLBOOK_LAB)')
    .option('--json', 'print what was done and found as JSON')
    .addHelpText('after', '\nExit status: 0 the target is clean, 1 something is left (named), 2 usage or no such target.')
    .action(async (options: HealOptions) => ctx.exit(await heal(ctx, options)));
}

async function heal(ctx: CliContext, o: HealOptions): Promise<number> {
  const stateFile = o.lab ?? ctx.env['DRILLBOOK_LAB'];
  if (!stateFile)
    throw new DrillError(
      'DRILL_USAGE',
      'no target named',
      'drillbook heal --lab <lab.json>; a lab of `drillbook run` needs no healing: it ends with its command',
    );
  const platform = await connectLocal(stateFile);
  const target: Target = { name: 'local', platform, system: mysqlSystem(platform, { tools: await ctx.tools() }), lost: platform.lost, stateFile };
  const { workDir } = await platform.facts();
  const done: string[] = [];
  const found: string[] = [];
  for (const drillId of drillsInJournal(workDir)) {
    const journal = new Journal(workDir, drillId);
    for (const entry of journal.all().filter((e) => e.phase !== 'healed' && e.undo !== 'one-way')) {
      journal.update(entry.chainId, { phase: 'healing' });
      await faultOf(entry.verb).heal?.(target, entry.record);
      journal.update(entry.chainId, { phase: 'healed' });
      done.push(`healed ${entry.chainId} (${entry.verb}) of drill ${drillId}`);
    }
    for (const p of await platform.processes()) {
      if (!p.running || !['writer', 'reader'].includes(p.name)) continue;
      await platform.end(p.name, 3_000);
      done.push(`ended ${p.name}`);
    }
    for (const f of await residueOf(target, drillId)) if (!found.includes(f)) found.push(f);
  }
  if (found.length === 0 && readLock(workDir)) {
    clearLock(workDir);
    done.push('released the lock');
  }
  platform.close();
  if (o.json) ctx.stdout.write(`${JSON.stringify({ done, left: found })}\n`);
  else
    ctx.stdout.write(
      `${[...done, ...found.map((f) => `left: ${f}`), found.length === 0 ? 'the target is clean' : 'see to what is left, then run this again'].join('\n')}\n`,
    );
  return found.length === 0 ? EXIT.pass : EXIT.fail;
}
