/** `drillbook lint`: everything that is wrong with runbooks, with file, line and column. Touches nothing. Exit status 0 or 2. */
import { isAbsolute, join, resolve } from 'node:path';
import { Command } from 'commander';
import { isDrillError } from '../../core/errors.ts';
import type { Catalogue } from '../../core/runbook/lint.ts';
import { problemLine } from '../../core/runbook/problem.ts';
import type { LocatedProblem } from '../../core/runbook/problem.ts';
import { runbookJsonSchema } from '../../core/runbook/schema.ts';
import type { Inventory } from '../../core/runbook/schema.ts';
import { loadInventory } from '../../evidence/load-inventory.ts';
import { inspectRunbook, runbookFile } from '../../evidence/load-runbook.ts';
import { EXIT } from './context.ts';
import type { CliContext } from './context.ts';

interface Options {
  target?: string;
  json?: boolean;
  schema?: boolean;
}

/** `catalogue` is what this installation can inject and check. */
export function lintCommand(ctx: CliContext, catalogue: Catalogue): Command {
  return new Command('lint')
    .description('check runbooks: every problem as file:line:column, nothing is touched')
    .argument('[runbook...]', 'names in runbooks/, or files')
    .option('--target <name>', 'also check that it fits this target')
    .option('--json', 'problems as one JSON array')
    .option('--schema', 'print the JSON Schema of runbooks, for editors')
    .action((runbooks: string[], options: Options) => {
      if (options.schema) {
        ctx.stdout.write(`${JSON.stringify(runbookJsonSchema(), null, 2)}\n`);
        return ctx.exit(EXIT.pass);
      }
      ctx.exit(lint(ctx, catalogue, runbooks, options));
    });
}

function lint(ctx: CliContext, catalogue: Catalogue, runbooks: string[], { target, json }: Options): number {
  try {
    if (runbooks.length === 0) {
      ctx.stderr.write('name a runbook: drillbook lint mysql-stale-promotion\n');
      return EXIT.usage;
    }
    const dir = join(ctx.root, 'runbooks');
    const inventory = target === undefined ? undefined : loadInventory(join(dir, 'targets'), target);
    const problems = runbooks.flatMap((r) => inspect(ctx, dir, r, catalogue, inventory));
    if (json) ctx.stdout.write(`${JSON.stringify(problems, null, 2)}\n`);
    else for (const p of problems) ctx.stdout.write(`${problemLine(p)}\n`);
    if (!json && problems.length === 0) ctx.stdout.write(`${runbooks.join(', ')}: no problems\n`);
    return problems.length === 0 ? EXIT.pass : EXIT.usage;
  } catch (e) {
    if (!isDrillError(e)) throw e;
    ctx.stderr.write(`${e.toText()}\n`);
    return EXIT.usage;
  }
}

function inspect(ctx: CliContext, dir: string, runbook: string, catalogue: Catalogue, inventory: Inventory | undefined): LocatedProblem[] {
  const named = runbookFile(dir, runbook);
  return inspectRunbook(isAbsolute(named) ? named : resolve(ctx.cwd, named), catalogue, inventory).problems;
}
