/** `drillbook binlog`: shows, counts and verifies binary logs of MySQL and MariaDB. Needs no engine, no runbook and, for files, no server. */
import { Command, InvalidArgumentError } from 'commander';
import type { FindingLevel } from '../../core/binlog/finding.ts';
import { EXIT } from './context.ts';
import type { CliContext } from './context.ts';
import type { ShowFlags } from './binlog/show.ts';
import type { StatFlags } from './binlog/stat.ts';
import type { VerifyFlags } from './binlog/verify.ts';

const STATUS: Record<FindingLevel, number> = { note: EXIT.pass, damage: EXIT.fail, unknown: EXIT.unknown };
const MEMORY_MIB_MAX = 16_384;
const JOBS_MAX = 64;

const LOGS = `
<logs…>: files in their order; a folder (a data folder, or copies; the order of its index file); mysql://user:password@host:port or a socket’s path, read to the
end of the server’s log (needs REPLICATION SLAVE; without a password MYSQL_PWD is taken); or - for one log on standard input.
Exit status: 0 sound, 1 damage, 2 usage or unreadable, 3 cannot tell (encrypted, a format that is not read, files missing in between, statements instead of rows).`;

export function binlogCommand(ctx: CliContext): Command {
  return new Command('binlog')
    .description('binary logs of MySQL and MariaDB: show, stat, verify')
    .addCommand(showCommand(ctx).exitOverride())
    .addCommand(statCommand(ctx).exitOverride())
    .addCommand(verifyCommand(ctx).exitOverride());
}

function showCommand(ctx: CliContext): Command {
  return logCommand('show', 'what the log says: transactions, row images, statements, findings')
    .option('--json', 'JSON Lines, every value lossless (docs/schema/binlog-jsonl.schema.json)')
    .option('--gtid <set>', 'only these transactions: uuid:1-5,uuid:tag:7, or MariaDB’s 0-1-5,0-1-6')
    .option('--table <schema.table>', 'only rows of this table (again for more; schema.* for all of a schema), and statements that name it', tables)
    .option('--since <time>', 'committed at or after: 2026-11-22T14:03:07.25 (UTC unless a zone is named), or seconds since 1970')
    .option('--until <time>', 'committed at or before')
    .option('--full', 'do not shorten long values')
    .option('--jobs <n>', 'decode files in n threads, for --json', jobs)
    .addHelpText(
      'after',
      `${LOGS}
Examples:
  drillbook binlog show /var/lib/mysql --table shop.orders --since 2026-11-22T14:00
  drillbook binlog show binlog.000007 --json | jq 'select(.type == "delete")'`,
    )
    .action(async (logs: string[], flags: ShowFlags) => ctx.exit(STATUS[await (await import('./binlog/show.ts')).show(ctx, logs, flags)]));
}

function statCommand(ctx: CliContext): Command {
  return logCommand('stat', 'which transactions the files hold, quickly; --rows what they changed')
    .option('--rows', 'counts per table, the largest transactions, the longest times without a commit')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', `${LOGS}\nWithout --rows row events are hopped over: their contents and checksums are unverified, and the result says so.`)
    .action(async (logs: string[], flags: StatFlags) => ctx.exit(STATUS[await (await import('./binlog/stat.ts')).statistics(ctx, logs, flags)]));
}

function verifyCommand(ctx: CliContext): Command {
  return logCommand('verify', 'whether the log is whole and sound: structure, checksums, order of events, GTID continuity')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', `${LOGS}\nA dead server’s last file is marked as in use: that is a note, not damage.`)
    .action(async (logs: string[], flags: VerifyFlags) => ctx.exit(STATUS[await (await import('./binlog/verify.ts')).verify(ctx, logs, flags)]));
}

const logCommand = (name: string, description: string): Command =>
  new Command(name)
    .description(description)
    .argument('<logs...>', 'files, a folder, a running server, or -')
    .option('--relay', 'a folder’s relay logs instead of its binary logs')
    .option('--memory <MiB>', 'for one event, one compressed payload and its window (default 24, window 8)', memory);

function memory(text: string): number {
  const n = Number(text);
  if (!(Number.isInteger(n) && n >= 1 && n <= MEMORY_MIB_MAX)) throw new InvalidArgumentError(`MiB, 1 to ${MEMORY_MIB_MAX}`);
  return n;
}

function jobs(text: string): number {
  const n = Number(text);
  if (!(Number.isInteger(n) && n >= 1 && n <= JOBS_MAX)) throw new InvalidArgumentError(`threads, 1 to ${JOBS_MAX}`);
  return n;
}

function tables(text: string, before: string[] = []): string[] {
  if (!/^[^.]+\../.test(text)) throw new InvalidArgumentError('the form is schema.table, or schema.*');
  return [...before, text];
}
