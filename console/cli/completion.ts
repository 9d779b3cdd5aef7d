/** `drillbook completion bash | zsh | fish`: the script that a shell loads; it asks `drillbook __complete` at each key press. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, Command } from 'commander';
import { complete } from './completion/complete.ts';
import { takeApart } from './completion/line.ts';
import { machineOf } from './completion/machine.ts';
import { treeOf } from './completion/tree.ts';
import { EXIT } from './context.ts';
import type { CliContext } from './context.ts';

const SHELLS = ['bash', 'zsh', 'fish'];
const UNFIT = /^:|[\p{Cc}\p{Cf}\u2028\u2029]/u;
const CONTROL = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu;

export function completionCommand(ctx: CliContext): Command {
  return new Command('completion')
    .description('print the script that completes commands, options, steps, drills and names in your shell')
    .addArgument(new Argument('<shell>', 'for which shell').choices(SHELLS))
    .addHelpText(
      'after',
      `
  drillbook completion bash > ~/.local/share/bash-completion/completions/drillbook   # or: source <(drillbook completion bash)
  drillbook completion zsh > "\${fpath[1]}/_drillbook"
  drillbook completion fish > ~/.config/fish/completions/drillbook.fish
Once is enough: the script asks the drillbook on PATH, of whatever version.`,
    )
    .action((shell: string) => {
      ctx.stdout.write(readFileSync(join(import.meta.dirname, 'completion', `drillbook.${shell}`), 'utf8'));
      ctx.exit(EXIT.pass);
    });
}

/**
 * What may come next on a command line, up to the cursor: a line for each candidate, with a tab and what it is; or `:files`, `:folders`, which the shell
 * knows better. Names that come from runbooks and crews reach a terminal here: one with control characters is left out. Warm: 0.2 s, most of it Node's start.
 */
export async function answer(ctx: CliContext, line: string, make: () => Promise<Command>): Promise<void> {
  const { candidates, paths } = await complete(await treeOf(ctx.root, ctx.cacheDir, make), takeApart(line), machineOf(ctx));
  const lines = candidates.filter((c) => c.value !== '' && !UNFIT.test(c.value)).map((c) => `${c.value}\t${c.about.replaceAll(CONTROL, ' ')}\n`);
  ctx.stdout.write(lines.length === 0 && paths !== null ? `:${paths}\n` : lines.join(''));
  ctx.exit(EXIT.pass);
}
