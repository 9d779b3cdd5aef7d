/** `drillbook binlog verify`: whether a log is whole and sound, as far as its bytes can say. */
import type { FindingLevel } from '../../../core/binlog/finding.ts';
import { Verify } from '../../../core/binlog/verify.ts';
import { plural } from '../../../core/report/text.ts';
import type { CliContext } from '../context.ts';
import type { Line, Style } from '../live-text.ts';
import { findingLines } from './findings.ts';
import { print, progressOf, put } from './print.ts';
import { readSource } from './source.ts';
import type { SourceFlags } from './source.ts';
import { bytesText } from './words.ts';

export interface VerifyFlags extends SourceFlags {
  json?: boolean;
}

const SAY: Record<FindingLevel, { mark: string; style: Style; text: string }> = {
  note: { mark: 'SOUND', style: 'pass', text: 'structure, checksums, order and GTID continuity hold, and every row image can be read' },
  unknown: { mark: 'CANNOT TELL', style: 'unknown', text: 'no damage was found, and part of the log could not be judged' },
  damage: { mark: 'DAMAGED', style: 'fail', text: 'these are not, or not all of, the bytes that the server wrote' },
};

export async function verify(ctx: CliContext, sources: readonly string[], flags: VerifyFlags): Promise<FindingLevel> {
  const pass = new Verify();
  const progress = progressOf(ctx);
  try {
    await readSource(ctx, sources, flags, { visitor: pass, rows: 'visit', checksums: 'all', ...progress.hooks });
  } finally {
    progress.end();
  }
  pass.finish();
  const level = pass.inventory.findings.worst();
  if (flags.json) put(ctx, `${JSON.stringify(asJson(pass, level), null, 2)}\n`);
  else print(ctx, lines(pass, level));
  return level;
}

function asJson({ inventory, rowCount }: Verify, level: FindingLevel): object {
  const { files, findings } = inventory;
  return {
    verdict: level === 'note' ? 'sound' : level,
    files: files.map(({ file, bytes, transactions, abandoned, last }) => ({ file, bytes, transactions, notWhole: abandoned, lastTransaction: last })),
    gtids: inventory.gtids().toString(),
    rows: rowCount,
    findings: findings.kept,
    findingCounts: Object.fromEntries(findings.counts),
  };
}

function lines({ inventory, rowCount }: Verify, level: FindingLevel): Line[] {
  const { files, findings } = inventory;
  const sum = (key: 'bytes' | 'transactions') => files.reduce((n, f) => n + f[key], 0);
  const rows = rowCount.insert + rowCount.update + rowCount.delete;
  const last = files.findLast((f) => f.last !== null);
  const { mark, style, text } = SAY[level];
  const unsummed = findings.counts.has('no-checksums') && level === 'note' ? '; contents unverifiable where there are no checksums' : '';
  return [
    [[`  ${plural(files.length, 'file')}, ${bytesText(sum('bytes'))}, ${plural(sum('transactions'), 'whole transaction')}, ${plural(rows, 'row')}`]],
    last?.last
      ? [['  last whole transaction  ', 'dim'], [last.last.gtid ?? 'without GTID'], [`  ends at ${last.file}:${last.last.endOffset}`, 'dim']]
      : [['  no whole transaction', 'dim']],
    ...(findings.counts.size > 0 ? [[], ...findingLines(findings)] : []),
    [],
    [[`  ${mark}`, style], [`  ${text}${unsummed}`]],
  ];
}
