/** `drillbook reconcile`: what a failover lost and what became of it, from binary logs and rows alone. Works in a real incident: no engine, no runbook. */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { applyRecovery, dropJournalOf, planRecovery } from '../../activities/reconcile/apply.ts';
import type { Applied, Planned } from '../../activities/reconcile/apply.ts';
import { readBase } from '../../activities/reconcile/converge-base.ts';
import { converge } from '../../activities/reconcile/converge.ts';
import type { ConvergeOptions } from '../../activities/reconcile/converge.ts';
import type { Method } from '../../activities/reconcile/converge-read.ts';
import { reconcile, writeDurably } from '../../activities/reconcile/run.ts';
import type { Reconciliation, ReconcileOptions } from '../../activities/reconcile/run.ts';
import type { Convergence } from '../../core/bundle.ts';
import { CONFLICT_CLASSES } from '../../core/plan.ts';
import type { ReconcileRules } from '../../core/plan.ts';
import { outcomeOf } from '../../core/reconcile/outcome.ts';
import type { Outcome } from '../../core/reconcile/outcome.ts';
import type { Reconciled } from '../../core/reconcile/reconcile.ts';
import { WORKLOAD_TABLES } from '../../core/workload.ts';
import { isDsn, parseDsn } from '../../targets/systems/mysql/dsn.ts';
import { addressOf } from './address.ts';
import { EXIT } from './context.ts';
import type { CliContext } from './context.ts';
import { isUtf8 } from './live.ts';
import { jsonText, writeAll } from './lines.ts';
import { pad, paint } from './live-text.ts';
import type { Line, Style } from './live-text.ts';
import { isGroup } from './option-file.ts';

interface Flags {
  old?: string;
  relay?: string[];
  new: string;
  fork?: string;
  ledger?: string;
  nodes?: string[];
  rule: ReconcileRules['conflict'];
  identity: Record<string, string>;
  out?: string;
  list?: boolean;
  plan?: string;
  apply?: boolean;
  dropJournal?: boolean;
  json?: boolean;
  catchUp: number;
  base?: string;
  method?: Method;
  lockMsMax?: number;
}

/** The workload's own tables are known; a person adds theirs. */
const KNOWN_IDENTITY = Object.fromEntries(WORKLOAD_TABLES.filter((t) => t.identity !== t.primaryKey).map((t) => [t.name, t.identity]));

/** `memory`: tests put rows aside that would fit. */
export function reconcileCommand(ctx: CliContext, memory?: ReconcileOptions['memory']): Command {
  return new Command('reconcile')
    .description('what a failover lost, row by row: old binary logs against the new source; --apply puts it back')
    .option('--old <folder|dsn>', 'folder with the old source’s binary logs, or the server itself')
    .option(
      '--relay <folder>',
      'relay logs that may hold what the old source’s own logs have lost (again for more folders)',
      (v: string, all: string[] | undefined) => [...(all ?? []), v],
    )
    .requiredOption('--new <dsn>', 'the new source: mysql://user:password@host:port, or a socket’s path')
    .option('--fork <gtid set>', 'what the new source had when it was promoted, of MariaDB also its position (default: derived from the logs)')
    .option('--ledger <file>', 'ledger.jsonl of a drill: the fate of every acknowledged write')
    .option('--nodes <dsn,dsn>', 'replicas that must equal the new source, row by row', (v: string) => v.split(',').filter(Boolean))
    .option('--catch-up <seconds>', 'how long --nodes may take to execute what the new source has', seconds, 10)
    .option('--base <file>', 'convergence.json of a former proof of the same servers: of --nodes, only what was written since is read')
    .addOption(
      new Option(
        '--method <method>',
        'how --nodes are compared: rows sends all of them, sha256 hashes of ranges; default auto: rows where the way is quick',
      ).choices(['rows', 'sha256', 'auto']),
    )
    .option('--lock-ms-max <ms>', 'how long writers may be made to wait for tables of --nodes of which no log tells (no key, DDL); default 0: not at all', ms)
    .addOption(new Option('--rule <rule>', 'who wins where both sides changed a row').choices(['new-wins', 'old-wins']).default('new-wins'))
    .option('--identity <table=column>', 'column that identifies a row better than its AUTO_INCREMENT id (again for more tables)', identity, KNOWN_IDENTITY)
    .option('--out <folder>', 'write reconcile.json, lost.jsonl, fates.jsonl, lost.gtids (with --nodes: rows.jsonl, convergence.json)')
    .option('--list', 'name every write and row that is not in place')
    .option('--plan <file>', 'write what the rule allows as a file of guarded SQL, with what only a person can decide')
    .option('--apply', 'put in place, on the new source, every lost row change that the rule allows')
    .option('--drop-journal', 'drop drillbook.journal on the new source, in which --apply and the file of --plan note what is done')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', HELP)
    .action(async (flags: Flags, command: Command) => {
      if (flags.old === undefined && !flags.dropJournal) command.error("error: required option '--old <folder|dsn>' not specified");
      const given = (['base', 'method', 'lockMsMax'] as const).find((name) => flags[name] !== undefined);
      if (given !== undefined && !flags.nodes) command.error(`error: option '${OF_NODES[given]}' says how --nodes are compared, and there are none`);
      ctx.exit(EXIT[await run(ctx, flags, memory)]);
    });
}

const HELP = `
A lost transaction never counts as recovered by its GTID, only by its rows. Rows that both sides changed are settled by --rule.
--apply works beside the service's own writers, can be run again, and never overwrites a row that changed since it was read. So does the file of --plan:
mysql --force < recovery.sql. Tables with triggers need --apply: it sends row events, on which triggers do not fire.
A connection string without a password takes the environment's MYSQL_PWD; @name takes user, password, host of the group [name] of MySQL's option files (~/.my.cnf).
The account on --new needs SELECT, TRIGGER (to see that a table has triggers), REPLICATION SLAVE; with --apply also INSERT, UPDATE, DELETE, CREATE and all of them on drillbook.* (for tables with triggers BINLOG_ADMIN; on MariaDB BINLOG REPLAY); with --nodes REPLICATION CLIENT too, there and on each node, with --lock-ms-max LOCK TABLES on it.
?ssl-mode=required (or verify_ca, verify_identity, with &ssl-ca=file) behind a connection string makes it TLS.
Exit status: 0 nothing lost or all in place, 1 something is not in place, 2 usage or unreachable, 3 cannot be told.
Examples:
  drillbook reconcile --old ./old-binlogs --new mysql://dba:secret@db2:3306 --list
  drillbook reconcile --old ./old-binlogs --relay ./db3-relay-logs --new /run/mysqld/mysqld.sock --list
  drillbook reconcile --old ./old-binlogs --new /run/mysqld/mysqld.sock --apply
  drillbook reconcile --old ./old-binlogs --new /run/mysqld/mysqld.sock --plan recovery.sql
  drillbook reconcile --old ./old-binlogs --new mysql://dba@db2 --nodes mysql://dba@db3 --base proof/convergence.json --lock-ms-max 500 --out proof
  drillbook reconcile --new /run/mysqld/mysqld.sock --drop-journal`;

const OF_NODES = { base: '--base', method: '--method', lockMsMax: '--lock-ms-max' } as const;

function ms(text: string): number {
  const n = Number(text);
  if (!(Number.isInteger(n) && n >= 0 && n <= 600_000)) throw new InvalidArgumentError('milliseconds, 0 to 600000');
  return n;
}

function seconds(text: string): number {
  const n = Number(text);
  if (!(n >= 0 && n <= 86_400)) throw new InvalidArgumentError('seconds, 0 to 86400');
  return n;
}

function identity(text: string, before: Record<string, string>): Record<string, string> {
  const match = /^([^=]+\.[^=]+)=([^=]+)$/.exec(text);
  if (!match) throw new InvalidArgumentError('the form is schema.table=column');
  return { ...before, [match[1]!]: match[2]! };
}

async function run(ctx: CliContext, flags: Flags, memory: ReconcileOptions['memory']): Promise<Outcome['verdict']> {
  const path = (text: string) => addressOf(ctx, text);
  const outDir = flags.out === undefined ? undefined : resolve(ctx.cwd, flags.out);
  const nodes = flags.nodes && [flags.new, ...flags.nodes].map((text) => ({ name: parseDsn(path(text)).name, dsn: path(text) }));
  parseDsn(path(flags.new));
  if (flags.old === undefined) {
    await dropJournal(ctx, path(flags.new));
    return 'pass';
  }
  // before anything is written: --out may name the folder that it is in
  const base = flags.base === undefined ? undefined : await readBase(resolve(ctx.cwd, flags.base), nodes!);
  if (outDir) await mkdir(outDir, { recursive: true });
  const opts: ReconcileOptions = {
    old: isDsn(flags.old) || isGroup(flags.old) ? path(flags.old) : resolve(ctx.cwd, flags.old),
    ...(flags.relay ? { relays: flags.relay.map((dir) => resolve(ctx.cwd, dir)) } : {}),
    new: path(flags.new),
    ...(flags.fork === undefined ? {} : { fork: { set: flags.fork, how: 'given' as const } }),
    ...(flags.ledger === undefined ? {} : { ledger: resolve(ctx.cwd, flags.ledger) }),
    rules: { conflict: flags.rule, identity: flags.identity },
    ...(outDir ? { outDir } : {}),
    ...(flags.plan === undefined ? {} : { plan: true }),
    ...(memory ? { memory } : {}),
    progress: (text) => void ctx.stderr.write(`  ${text}\n`),
  };
  const file = flags.plan === undefined ? undefined : resolve(ctx.cwd, flags.plan);
  const applied = flags.apply ? await applyRecovery(opts, file) : null;
  const result = applied?.after ?? (await reconcile(opts));
  const planned = applied ?? (file === undefined ? null : await planRecovery(result, opts, file));
  if (flags.dropJournal) await dropJournal(ctx, opts.new);
  const convergence = nodes ? await convergeNodes(flags, { nodes, ...(base ? { base } : {}), tables: touchedBy(result) }, opts) : null;
  if (outDir) await writeDurably(join(outDir, 'lost.gtids'), [`${result.summary.lost}\n`]);
  const outcome = withApply(outcomeOf(result, convergence), applied);
  if (flags.json) {
    const { verdict, sentence, writes, rows } = outcome;
    const plan = planned && { digest: planned.plan.digest, transactions: planned.plan.transactions.length, ...planned.counts, ...(file ? { file } : {}) };
    const apply = applied && { planned: applied.planned, ...applied.result, decisions: applied.decisions };
    const [head, tail] = [
      { verdict, sentence, summary: result.summary, ...(plan ? { plan } : {}), ...(apply ? { apply } : {}), writes },
      convergence ? { convergence } : {},
    ];
    await writeAll(ctx.stdout, jsonText(head, 'rows', rows, tail));
  } else await writeAll(ctx.stdout, show(ctx, flags, result, outcome, { planned, applied }, convergence));
  return outcome.verdict;
}

async function convergeNodes(
  { method, lockMsMax, ...flags }: Flags,
  what: Pick<ConvergeOptions, 'nodes' | 'base' | 'tables'>,
  { outDir, progress }: ReconcileOptions,
): Promise<Convergence> {
  return converge({
    ...what,
    identity: flags.identity,
    catchUpMs: flags.catchUp * 1_000,
    ...(method ? { method } : {}),
    ...(lockMsMax === undefined ? {} : { lockMsMax }),
    ...(outDir ? { outDir } : {}),
    ...(progress ? { progress } : {}),
  });
}

const touchedBy = (r: Reconciliation): string[] => [...new Set([...r.tables, ...r.fates.map((f) => f.table)])];

/** What --apply had to leave is not in place, whatever the rows say meanwhile. */
function withApply(outcome: Outcome, applied: Applied | null): Outcome {
  const left = applied ? [...applied.result.stale, ...applied.result.refused] : [];
  if (left.length === 0) return outcome;
  const sentence = `${left.length} rows were left alone, the first one ${left[0]!.table} ${left[0]!.key}: ${left[0]!.why}${outcome.verdict === 'pass' ? '' : `; ${outcome.sentence}`}`;
  return { ...outcome, verdict: 'fail', sentence };
}

async function dropJournal(ctx: CliContext, dsn: string): Promise<void> {
  ctx.stderr.write(`  ${(await dropJournalOf(dsn)) ? 'dropped the journal of applied plans' : 'there is no journal of applied plans'}\n`);
}

const MARK = { pass: 'PASS', fail: 'FAIL', unknown: 'UNKNOWN' } as const;

interface Recovery {
  planned: Planned | null;
  applied: Applied | null;
}

function* show(
  ctx: CliContext,
  flags: Flags,
  r: Reconciled,
  outcome: Outcome,
  { planned, applied }: Recovery,
  convergence: Convergence | null,
): Generator<string> {
  const { summary: s } = r;
  const lines: Line[] = [];
  const row = (name: string, text: string, style: Style = 'plain') => lines.push([[`  ${pad(name, 18)}`], [text, style]]);
  row('fork', `${s.fork.set || 'not known'} (${s.fork.how === 'derived' ? 'derived from the logs' : s.fork.how})`);
  const told = flags.ledger ? `, ${s.lostAcked} acknowledged, ${s.lostUnacked} not` : '';
  row('lost', s.lostCount === 0 ? 'nothing' : `${s.lostCount} transactions${told}, ${s.lostHeartbeats} only our heartbeat`);
  if (s.lostCount > 0) {
    row('', s.lost);
    row('lost rows', `${s.lostKeys} by net effect, ${s.lostKeysInPlace} in place or settled by the rule (${flags.rule})`);
    row('conflicts', CONFLICT_CLASSES.map((c) => `${c} ${s.conflicts[c]}`).join(' · '));
  }
  if (s.late) row('replayed', `with equal effect: ${s.late}`);
  if (s.forced) row('replayed', `counted as executed without the same effect: ${s.forced}`, 'fail');
  if (s.rpoAtPromotionS !== null) row('RPO at promotion', `${s.rpoAtPromotionS.toFixed(2)} s of acknowledged writes`);
  if (flags.ledger) row('acknowledged', `${s.acked}: ${fatesText(s.fates)}`);
  if (planned)
    row(
      'plan',
      `${planned.counts.safe} safe, ${planned.counts.rule} settled by the rule, ${planned.counts.person} for a person${flags.plan ? `: ${flags.plan}` : ''}`,
    );
  if (applied)
    row(
      'applied',
      `${applied.result.changed} rows put in place (${applied.result.rekeyed} under a new id), ${applied.result.already} were there already, ${applied.decisions.length} for a person to decide`,
    );
  if (convergence) row('nodes', convergence.nodes.map((n) => `${n.node} ${n.rows} rows`).join(' · '), convergence.equal === true ? 'pass' : 'fail');
  for (const f of s.findings) row(f.severity === 'note' ? 'note' : 'finding', f.text, f.severity === 'note' ? 'dim' : f.severity);
  lines.push([], [[`  ${MARK[outcome.verdict]}`, outcome.verdict], [`  ${outcome.sentence}`]]);
  if (!flags.list && outcome.verdict === 'fail')
    lines.push([[`  --list names them${applied ? '' : '; --apply puts in place what the rule allows, --plan writes it down'}`, 'dim']]);
  const look = { width: Infinity, colour: ctx.colour, unicode: isUtf8(ctx.env) };
  for (const line of lines) yield `${paint(line, look)}\n`;
  if (flags.list) for (const line of listing(outcome, applied, convergence)) yield `${paint(line, look)}\n`;
}

function fatesText(fates: Reconciled['summary']['fates']): string {
  return Object.entries(fates)
    .filter(([, n]) => n > 0)
    .map(([fate, n]) => `${n} ${fate}`)
    .join(', ');
}

function* listing(outcome: Outcome, applied: Applied | null, convergence: Convergence | null): Generator<Line> {
  if (outcome.writes.length > 0) yield [['']];
  for (const f of outcome.writes) {
    const origin = f.lost ? `lost in ${f.place?.gtid ?? ''}` : f.place ? `${f.place.side} side, ${f.place.gtid}` : 'in no log';
    yield [
      [`  ${pad(f.fate ?? '', 11)}`, f.fate === 'unknown' ? 'unknown' : 'fail'],
      [`${f.w}  ${f.kind} ${f.table} ${f.key}  (${origin})${f.note ? `: ${f.note}` : ''}`],
    ];
  }
  if (outcome.rows.length > 0) yield [['']];
  for (const l of outcome.rows) {
    const what = l.inPlace === null ? 'not known' : 'not in place';
    yield [
      [`  ${pad(what, 14)}`, l.inPlace === null ? 'unknown' : 'fail'],
      [`${l.table} ${l.key}  ${l.effect}${l.conflict ? `, conflict ${l.conflict}` : ''}  (${l.gtids})${l.note ? `: ${l.note}` : ''}`],
    ];
  }
  for (const d of applied ? [...applied.decisions, ...applied.result.stale, ...applied.result.refused] : [])
    yield [['  left alone    ', 'fail'], [`${d.table} ${d.key}: ${d.why}`]];
  for (const d of convergence?.differences ?? []) {
    const nodes = Object.entries(d.nodes).map(([n, image]) => `${n} ${image ? image.slice(0, 12) : 'absent'}`);
    yield [['  differs       ', 'fail'], [`${d.table} ${d.key}: ${nodes.join(', ')}`]];
  }
}
