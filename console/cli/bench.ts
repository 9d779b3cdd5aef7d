/** `drillbook bench`: what Drillbook itself costs on this machine. */
import { Argument, Command } from 'commander';
import { PARTS, PARTS_DEFAULT } from '../../bench/options.ts';
import type { Part } from '../../bench/options.ts';
import type { CliContext } from './context.ts';
import { EXIT } from './context.ts';
import { definedOnly } from '../temporal.ts';

export function benchCommand(ctx: CliContext): Command {
  return new Command('bench')
    .description('measure lab, cut, sign-off, whole drill, memory, people on the board, the reader of binary logs and the reconciliation on this machine')
    .addArgument(new Argument('[parts...]', `which parts (default: ${PARTS_DEFAULT.join(', ')})`).choices(PARTS))
    .option('--quick', 'people: a few of everything, to see that it works')
    .option('--json', 'print every value as JSON')
    .addHelpText(
      'after',
      '\nTakes about four minutes; people takes about five more; binlog takes about five more, and two the first time; reconcile about three, and one the first time. Close what else runs.\nA ratio is ours ÷ a rival measured in the same run, in turns: below 1 is better for times, above 1 for speeds.',
    )
    .action(async (parts: Part[], options: { json?: boolean; quick?: boolean }) => {
      const { bench } = await import('../../bench/all.ts');
      const { machineText } = await import('../../bench/machine.ts');
      const { table } = await import('../../bench/measure.ts');
      const say = (line: string) => void ctx.stderr.write(`${line}\n`);
      const result = await bench(
        { tools: await ctx.tools(), cacheDir: ctx.cacheDir, root: ctx.root, env: definedOnly(ctx.env), quick: options.quick === true, say },
        parts.length > 0 ? parts : PARTS_DEFAULT,
      );
      ctx.stdout.write(options.json ? `${JSON.stringify(result, null, 1)}\n` : `${machineText(result.machine)}\n\n${table(result.measurements)}\n`);
      ctx.exit(EXIT.pass);
    });
}
