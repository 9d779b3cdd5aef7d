/** `drillbook bench`: what Drillbook itself costs on this machine. */
import { Argument, Command } from 'commander';
import { PARTS } from '../../bench/options.ts';
import type { Part } from '../../bench/options.ts';
import type { CliContext } from './context.ts';
import { EXIT } from './context.ts';
import { definedOnly } from './run/session.ts';

export function benchCommand(ctx: CliContext): Command {
  return new Command('bench')
    .description('measure lab, cut, sign-off, whole drill and memory on this machine')
    .addArgument(new Argument('[parts...]', 'which parts (default: all)').choices(PARTS))
    .option('--json', 'print every value as JSON')
    .addHelpText(
      'after',
      '\nTakes about four minutes; close what else runs. A ratio compares with a rival measured in the same run, in turns: below 1 is faster.',
    )
    .action(async (parts: Part[], options: { json?: boolean }) => {
      const { bench } = await import('../../bench/all.ts');
      const { machineText } = await import('../../bench/machine.ts');
      const { table } = await import('../../bench/measure.ts');
      const say = (line: string) => void ctx.stderr.write(`${line}\n`);
      const result = await bench(
        { tools: await ctx.tools(), cacheDir: ctx.cacheDir, root: ctx.root, env: definedOnly(ctx.env), say },
        parts.length > 0 ? parts : PARTS,
      );
      ctx.stdout.write(options.json ? `${JSON.stringify(result, null, 1)}\n` : `${machineText(result.machine)}\n\n${table(result.measurements)}\n`);
      ctx.exit(EXIT.pass);
    });
}
