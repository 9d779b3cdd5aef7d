/** `drillbook report <folder>`: reads the evidence again, computes the verdict anew and draws the report. Needs no engine and no target. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { Command } from 'commander';
import { BUNDLE } from '../../core/bundle.ts';
import { DrillError, messageOf } from '../../core/errors.ts';
import { canonicalJson } from '../../core/json.ts';
import type { ReportModel } from '../../core/report.ts';
import { reportOf } from '../../evidence/load.ts';
import { verifyManifest } from '../../evidence/manifest.ts';
import { renderHtml } from '../../evidence/render/html.ts';
import { EXIT } from './context.ts';
import type { CliContext } from './context.ts';
import { finaleText, isUtf8 } from './live.ts';
import { paint } from './live-text.ts';

interface ReportOptions {
  json?: boolean;
  out?: string;
}

export function reportCommand(ctx: CliContext): Command {
  return new Command('report')
    .description('verify an evidence folder, compute its verdict anew and draw its report')
    .argument('<folder>', 'evidence folder of a drill')
    .option('--json', 'print the report model instead (report.json, canonical)')
    .option('--out <file>', 'write the page to this file (default: report.html in the folder; beside the folder if what was sealed there differs)')
    .addHelpText('after', '\nExit status: 0 pass, 1 fail, 2 not a bundle, 3 unknown, also when the folder is not what was sealed.')
    .action((folder: string, options: ReportOptions) => report(ctx, folder, options));
}

async function report(ctx: CliContext, folder: string, options: ReportOptions): Promise<void> {
  const dir = resolve(ctx.cwd, folder);
  const model = reportOf(dir).report;
  const sealed = existsSync(join(dir, BUNDLE.manifest));
  const doubts = sealed ? (await verifyManifest(dir)).map((f) => `${f.file}: ${f.seen}`) : [];
  if (sealed && differs(join(dir, BUNDLE.report), canonicalJson(model)))
    doubts.push(`${BUNDLE.report}: the sealed one says something else than the evidence does`);
  ctx.exit(doubts.length > 0 ? EXIT.unknown : EXIT[model.verdict]);
  if (options.json) {
    ctx.stdout.write(`${canonicalJson(model)}\n`);
    return;
  }
  const file = place(dir, sealed, renderHtml(model), options.out && resolve(ctx.cwd, options.out));
  say(ctx, model, file, folder, sealed, doubts);
}

const differs = (file: string, text: string): boolean => !existsSync(file) || readFileSync(file, 'utf8') !== text;

/** Never overwrites a sealed page that differs: the seal would no longer fit. */
function place(dir: string, sealed: boolean, html: string, out: string | undefined): string {
  const inside = join(dir, BUNDLE.reportHtml);
  if (!out && !differs(inside, html)) return inside;
  const file = out ?? (sealed ? join(dirname(dir), `${basename(dir)}-report.html`) : inside);
  try {
    writeFileSync(file, html);
  } catch (cause) {
    throw new DrillError('DRILL_REPORT_UNWRITABLE', `${file}: ${messageOf(cause)}`, 'name another file with --out', { cause });
  }
  return file;
}

function say(ctx: CliContext, model: ReportModel, file: string, folder: string, sealed: boolean, doubts: string[]): void {
  const look = { width: Math.max(60, Math.min(ctx.stdout.columns ?? 100, 120)), colour: ctx.colour, unicode: isUtf8(ctx.env) };
  const line = (text: string, style?: 'fail' | 'pass' | 'dim') => ctx.stdout.write(`${paint([[text, style ?? 'plain']], { ...look, width: Infinity })}\n`);
  ctx.stdout.write(finaleText(model, { report: file, folder }, look));
  if (doubts.length > 0) {
    line('  ? this folder is not what was sealed:', 'fail');
    for (const d of doubts) line(`    ${d}`);
  } else
    line(
      sealed ? '  seal       every file is what was sealed; verdict and page computed anew are the same' : '  seal       none: the drill was never sealed',
      'dim',
    );
}
