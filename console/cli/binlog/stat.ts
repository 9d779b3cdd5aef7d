/** `drillbook binlog stat`: which transactions files hold; with --rows what they changed. */
import type { Finding, FindingLevel } from '../../../core/binlog/finding.ts';
import { Inventory } from '../../../core/binlog/inventory.ts';
import type { FileInventory } from '../../../core/binlog/inventory.ts';
import { utcText } from '../../../core/binlog/jsonl.ts';
import { mariaGtidText } from '../../../core/binlog/maria.ts';
import { Statistics } from '../../../core/binlog/statistics.ts';
import { count, duration, plural } from '../../../core/report/text.ts';
import type { CliContext } from '../context.ts';
import { pad } from '../live-text.ts';
import type { Line } from '../live-text.ts';
import { findingLines } from './findings.ts';
import { print, progressOf, put } from './print.ts';
import { readSource } from './source.ts';
import type { SourceFlags } from './source.ts';
import { bytesText, gtidLines } from './words.ts';

export interface StatFlags extends SourceFlags {
  json?: boolean;
  rows?: boolean;
}

export async function statistics(ctx: CliContext, sources: readonly string[], flags: StatFlags): Promise<FindingLevel> {
  const stats = flags.rows ? new Statistics() : null;
  const inventory = stats?.inventory ?? new Inventory();
  const progress = progressOf(ctx);
  try {
    await readSource(ctx, sources, flags, {
      visitor: stats ?? inventory,
      rows: stats ? 'visit' : 'skip',
      checksums: stats ? 'all' : 'structure',
      ...progress.hooks,
    });
  } finally {
    progress.end();
  }
  if (flags.json) put(ctx, `${JSON.stringify(asJson(inventory, stats), null, 2)}\n`);
  else print(ctx, [...fileTable(inventory.files), [], ...summary(inventory), ...(stats ? rowTables(stats) : []), ...notes(inventory, stats)]);
  return inventory.findings.worst();
}

const time = (us: number): string | null => (us === 0 ? null : utcText(us));

function asJson(inventory: Inventory, stats: Statistics | null): object {
  const files = inventory.files.map((f) => ({
    file: f.file,
    bytes: f.bytes,
    ...(f.format ? { flavour: f.format.flavour, serverVersion: f.format.serverVersion, serverId: f.format.serverId } : {}),
    checksums: f.format?.checksums ?? null,
    inUse: f.format?.inUse ?? null,
    relay: f.format?.relay ?? null,
    previousGtids: f.previous?.toString() ?? f.previousList?.map(mariaGtidText) ?? null,
    gtids: f.format?.flavour === 'mariadb' ? f.maria.map(mariaGtidText) : f.gtids.toString(),
    transactions: f.transactions,
    withoutGtid: f.anonymous,
    notWhole: f.abandoned,
    ddl: f.ddl,
    statements: f.statements,
    first: time(f.firstUs),
    last: time(f.lastUs),
    lastTransaction: f.last,
    next: f.next,
    shutDown: f.stopped,
  }));
  const { findings } = inventory;
  return {
    rowsVerified: stats !== null,
    files,
    gtids: inventory.gtids().toString(),
    mariadb: inventory.maria().map(mariaGtidText),
    transactions: inventory.files.reduce((n, f) => n + f.transactions, 0),
    undecided: inventory.undecided(),
    ...(stats
      ? {
          tables: stats.tables(),
          largest: stats.largest,
          silences: stats.silences.map(({ us, sinceUs, ...s }) => ({ ...s, seconds: us / 1e6, since: utcText(sinceUs) })),
        }
      : {}),
    findings: findings.kept,
    findingCounts: Object.fromEntries(findings.counts),
  };
}

function fileTable(files: readonly FileInventory[]): Line[] {
  const width = Math.max(4, ...files.map((f) => f.file.length));
  const head = `  ${pad('file', width)}  ${pad('size', 8, true)}  ${pad('transactions', 12, true)}  committed (UTC)`;
  return [
    [[head, 'dim']],
    ...files.map((f): Line => [[`  ${pad(f.file, width)}  ${pad(bytesText(f.bytes), 8, true)}  ${pad(count(f.transactions), 12, true)}  ${spanText(f)}`]]),
  ];
}

/** "2026-11-22 14:03:07 – 14:05:00". */
function spanText({ firstUs, lastUs }: FileInventory): string {
  if (lastUs === 0) return '–';
  const [from, to] = [utcText(firstUs), utcText(lastUs)].map((t) => t.slice(0, 19).replace('T', ' ')) as [string, string];
  return `${from} – ${from.slice(0, 10) === to.slice(0, 10) ? to.slice(11) : to}`;
}

const row = (name: string, text: string): Line => [[`  ${pad(name, 17)} `, 'dim'], [text]];

function summary(inventory: Inventory): Line[] {
  const { files } = inventory;
  const sum = (key: 'transactions' | 'anonymous' | 'abandoned' | 'ddl' | 'statements') => files.reduce((n, f) => n + f[key], 0);
  const whole = `${count(sum('transactions'))} whole${sum('anonymous') ? `, ${count(sum('anonymous'))} of them without GTID` : ''}${sum('abandoned') ? `, ${count(sum('abandoned'))} not whole` : ''}`;
  const maria = inventory.maria();
  const previous = files[0]?.previous?.toString() ?? files[0]?.previousList?.map(mariaGtidText).join(',');
  const last = files.findLast((f) => f.last !== null);
  return [
    row('transactions', whole),
    row('statements', `${plural(sum('ddl'), 'DDL or administrative one', 'DDL or administrative ones')}, ${count(sum('statements'))} instead of rows`),
    ...gtidLines('executed before', previous === '' ? 'nothing' : (previous ?? 'not said')),
    ...gtidLines('GTIDs', maria.length > 0 ? maria.map(mariaGtidText).join(',') : inventory.gtids().toString() || 'none'),
    ...(last?.last ? [row('last whole one', `${last.last.gtid ?? 'without GTID'}, ends at ${last.file}:${last.last.endOffset}`)] : []),
    ...inventory.undecided().map((b) => row('XA undecided', `${b.branch}, prepared at ${b.file}:${b.offset}`)),
  ];
}

const cells = (...texts: string[]): string => texts.map((t) => pad(t, 10, true)).join(' ');

function rowTables(stats: Statistics): Line[] {
  const tables = stats.tables();
  const width = Math.min(40, Math.max(5, ...tables.map((t) => t.table.length)));
  const lines: Line[] = [[], [[`  ${pad('table', width)} ${cells('inserts', 'updates', 'deletes', 'images')}`, 'dim']]];
  for (const t of tables) lines.push([[`  ${pad(t.table, width)} ${cells(count(t.insert), count(t.update), count(t.delete), bytesText(t.bytes))}`]]);
  lines.push([], [['  largest transactions', 'dim']]);
  for (const t of stats.largest)
    lines.push([
      ['  '],
      [`${pad(bytesText(t.bytes), 8, true)} ${pad(plural(t.rows, 'row'), 14, true)}  ${t.gtid ?? 'without GTID'}  `],
      [`${t.file}:${t.offset}`, 'dim'],
    ]);
  if (stats.silences.length > 0) lines.push([], [['  longest times without a commit', 'dim']]);
  for (const s of stats.silences)
    lines.push([['  '], [`${pad(duration(s.us / 1000), 8, true)} until ${s.gtid ?? 'a transaction without GTID'}  `], [`${s.file}:${s.offset}`, 'dim']]);
  return lines;
}

/** The others have lines of their own. */
const told = (f: Finding): boolean => f.kind !== 'rows-unverified' && f.kind !== 'xa-undecided';

function notes(inventory: Inventory, stats: Statistics | null): Line[] {
  return [
    [],
    ...(stats
      ? []
      : ([
          [
            ['  rows unverified', 'unknown'],
            [': row images and their checksums were not looked at; --rows does, verify does', 'dim'],
          ],
        ] satisfies Line[])),
    ...findingLines(inventory.findings, told),
  ];
}
