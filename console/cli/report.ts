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

export function reportCommand(ctx: CliContext): Command {
  return new Command('report')
    .description('verify an evidence folder, compute its verdict anew and draw its report')
    .argument('<folder>', 'evidence folder of a drill')
    .option('--json', 'print the report model instead (report.json, canonical)')
    .option('--out <file>', 'write the page to this file (default: report.html in the folder; beside the folder if what was sealed there differs)')
    .addHelpText('after', '\nExit status: 0 pass, 1 fail, 2 not a bundle, 3 unknown, also when the folder is not what was sealed.')
    .action(async (folder: string, options: { json?: boolean; out?: string }) => {
      const dir = resolve(ctx.cwd, folder);
      const { report } = reportOf(dir);
      const sealed = existsSync(join(dir, BUNDLE.manifest));
      const findings = sealed ? await verifyManifest(dir) : [];
      const doubts = findings.map((f) => `${f.file}: ${f.seen}`);
      if (sealed && differs(join(dir, BUNDLE.report), canonicalJson(report)))
        doubts.push(`${BUNDLE.report}: the sealed one says something else than the evidence does`);
      ctx.exit(doubts.length > 0 ? EXIT.unknown : EXIT[report.verdict]);
      if (options.json) return void ctx.stdout.write(`${canonicalJson(report)}\n`);
      const file = place(dir, sealed, renderHtml(report), options.out && resolve(ctx.cwd, options.out));
      say(ctx, report, file, folder, sealed, doubts);
    });
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

function say(ctx: CliContext, report: ReportModel, file: string, folder: string, sealed: boolean, doubts: string[]): void {
  const look = { width: Math.max(60, Math.min(ctx.stdout.columns ?? 100, 120)), colour: ctx.colour, unicode: isUtf8(ctx.env) };
  const line = (text: string, style?: 'fail' | 'pass' | 'dim') => ctx.stdout.write(`${paint([[text, style ?? 'plain']], { ...look, width: Infinity })}\n`);
  ctx.stdout.write(finaleText(report, { report: file, folder }, look));
  if (doubts.length > 0) {
    line('  ? this folder is not what was sealed:', 'fail');
    for (const d of doubts) line(`    ${d}`);
  } else
    line(
      sealed ? '  seal       every file is what was sealed; verdict and page computed anew are the same' : '  seal       none: the drill was never sealed',
      'dim',
    );
}
