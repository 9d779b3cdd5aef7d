/** `drillbook schedule`: drills that start by themselves. */
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { DrillError } from '../../core/errors.ts';
import { NAME } from '../../core/runbook/schema.ts';
import type { ScheduledDrill } from '../../workflows/messages.ts';
import { consoleKey } from '../people/console-key.ts';
import { configFolder } from '../people/private.ts';
import { allSchedules, createPaused, openSchedule, triggerNow, viewOf } from '../schedules/schedules.ts';
import type { ScheduleView } from '../schedules/schedules.ts';
import { thisMachine, withScheduler } from '../schedules/scheduler.ts';
import type { OpenScheduler } from '../schedules/scheduler.ts';
import { whenOf } from '../schedules/when.ts';
import type { WhenFlags } from '../schedules/when.ts';
import { confirmed, interactive } from './ask.ts';
import { EXIT } from './context.ts';
import type { CliContext } from './context.ts';
import { isUtf8 } from './live.ts';
import { paint } from './live-text.ts';
import type { Line } from './live-text.ts';
import { planDrill } from './run/prepare.ts';
import { aboutLines, countsLine, firingLines, listLine, nextLines, stateLine } from './schedule/text.ts';
import { serveCommand } from './schedule/serve.ts';

interface Json {
  json?: boolean;
}
interface CreateFlags extends Json, WhenFlags {
  target: string;
  rehearse?: string;
  crew?: string;
  unannounced?: boolean;
  out: string;
  yes?: boolean;
  dryRun?: boolean;
}

const STATUSES = '\nExit status: 0 done, 1 it was not (the answer was no; a drill of it runs already), 2 usage or set-up error.';

export function scheduleCommand(ctx: CliContext): Command {
  const command = new Command('schedule').description('drills that start by themselves').addHelpText('after', STATUSES);
  command.addCommand(createCommand(ctx)).addCommand(serveCommand(ctx));
  const verb = (name: string, description: string, act: (s: OpenScheduler, schedule: string, flags: Json & { reason?: string }) => Promise<number>): Command =>
    command
      .command(name)
      .description(description)
      .argument('<schedule>', 'its name')
      .option('--json', 'print it as JSON')
      .addHelpText('after', STATUSES)
      .action(async (schedule: string, flags: Json) => ctx.exit(await withScheduler(ctx, (s) => act(s, schedule, flags))));

  command
    .command('list')
    .description('all schedules: what they drill, when next, how the last one ended')
    .option('--json', 'print them as JSON')
    .action(async ({ json }: Json) => ctx.exit(await withScheduler(ctx, (s) => list(ctx, s, json))));
  verb('show', 'one schedule: its firings, how they ended, what was skipped, and the next ten', async (s, name, { json }) => {
    const view = await look(s, name);
    print(ctx, json, { ...view, served: s.served }, [...aboutLines(view), stateLine(view), countsLine(view), ...firingLines(view), ...nextLines(view)]);
    unserved(ctx, s);
    return EXIT.pass;
  });
  verb('pause', 'start no drill until it is resumed; one that runs goes on', async (s, name, { json, reason }) => {
    const { handle } = await openSchedule(s.client, name);
    await handle.pause(`paused by ${thisMachine()}${reason ? `: ${reason}` : ''}`);
    return told(ctx, s, name, json);
  }).option('--reason <text>', 'why');
  verb('resume', 'go on with a schedule that was paused', async (s, name, { json }) => {
    const { handle } = await openSchedule(s.client, name);
    await handle.unpause(`resumed by ${thisMachine()}`);
    return told(ctx, s, name, json);
  });
  verb('trigger', 'start its drill now, paused or not, unless one of it runs', (s, name, { json }) => trigger(ctx, s, name, json));
  verb('delete', 'forget a schedule; a drill that runs goes on', async (s, name, { json }) => {
    const { handle } = await openSchedule(s.client, name);
    await handle.delete();
    print(ctx, json, { name, deleted: true }, [[[`deleted: ${name}`]]]);
    return EXIT.pass;
  });
  return command;
}

const again = (text: string, before: string[] = []): string[] => [...before, text];

function createCommand(ctx: CliContext): Command {
  return new Command('create')
    .description('make a schedule, after a look at its next ten firings')
    .argument('<name>', 'lower-case letters, digits and hyphens')
    .argument('[runbook]', 'name of a runbook, or path of a runbook file', 'mysql-stale-promotion')
    .option('--at <time>', 'time of day, as in 03:00 (again for more)', again)
    .option('--on <days>', 'days of the week or of the month, as in mon-fri or 1,15; with both, as in tue,1-7, both must be so (default: every day)')
    .option('--in <months>', 'as in jan,jul (default: every month)')
    .option('--cron <expression>', 'instead: a cron expression, or @every with a time, as in "@every 12h" (again for more)', again)
    .option('--zone <name>', "the time zone of all this (default: this machine's)")
    .option('--jitter <time>', 'move each firing by a random time up to this, as in 20m')
    .option('--target <name>', 'inventory name of the target', 'local')
    .option('--rehearse <name>', 'which rehearsal the operator (a script) performs in place of people (default: default)')
    .addOption(new Option('--crew <name|file>', 'people do it: who they are, and the keys they sign with').conflicts('rehearse'))
    .option('--unannounced', 'with --crew: nobody but coordinators and auditors knows of a drill until its first fault has taken effect')
    .option('--out <folder>', 'where evidence folders are made', 'drills')
    .option('--dry-run', 'show the next ten firings, and make nothing')
    .option('-y, --yes', 'do not ask (nor does it where there is no terminal)')
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      `\nOne drill at a time: a firing while the one before still drills, or while another schedule drills the same target, is skipped. One that nobody could start for a minute is
missed. A drill that does not pass pauses the schedule.
Days of month and days of week must both match, in --on and in --cron. A time of day that a change of clocks leaves out does not fire that day.
${STATUSES}
Examples:
  drillbook schedule create nightly --at 03:00 --zone Europe/Berlin
  drillbook schedule create first-tuesday --at 10:00 --on tue,1-7 --jitter 2h --crew ./on-call.yaml
  drillbook schedule create weekly my-manual --cron "30 4 * * SUN" --dry-run`,
    )
    .action(async (name: string, runbook: string, o: CreateFlags) => ctx.exit(await create(ctx, name, runbook, o)));
}

async function create(ctx: CliContext, name: string, runbook: string, o: CreateFlags): Promise<number> {
  const when = whenOf(o, new Intl.DateTimeFormat().resolvedOptions().timeZone);
  const drill = drillOf(ctx, name, runbook, o);
  return withScheduler(ctx, async (s) => {
    const handle = await createPaused(s.client, drill, when, thisMachine());
    let kept = false;
    try {
      const view = await viewOf(s.client, await handle.describe());
      if (view.next.length === 0)
        throw new DrillError('DRILL_SCHEDULE_WHEN', `${when.says}: there is no such time`, 'days of month and of week must both match');
      if (o.json !== true) print(ctx, false, {}, [...aboutLines(view), ...nextLines({ ...view, paused: false })]);
      const wanted = o.dryRun !== true && (o.yes === true || o.json === true || !interactive(ctx) || (await confirmed(ctx, 'Make this schedule?')));
      if (wanted) await handle.unpause(`created by ${thisMachine()}`);
      kept = wanted;
      const made = { ...(kept ? await look(s, name) : { ...view, paused: false, note: '' }), created: kept };
      print(ctx, o.json, made, [[[kept ? `created: ${name}` : 'nothing was made', kept ? 'plain' : 'bold']]]);
      if (kept) unserved(ctx, s);
      return kept || o.dryRun ? EXIT.pass : EXIT.fail;
    } finally {
      if (!kept) await handle.delete();
    }
  });
}

/** Everything that can be refused now and not in the middle of the night. Paths become absolute: nobody knows from where it will be started. */
function drillOf(ctx: CliContext, name: string, runbook: string, o: CreateFlags): ScheduledDrill {
  if (!NAME.test(name))
    throw new DrillError('DRILL_USAGE', `${JSON.stringify(name)} is no name of a schedule`, 'lower-case letters, digits and hyphens, at most 64');
  const file = (text: string): string => (text.includes('/') || text.endsWith('.yaml') ? resolve(ctx.cwd, text) : text);
  const unannounced = o.unannounced === true;
  if (unannounced && o.crew === undefined)
    throw new DrillError('DRILL_USAGE', '--unannounced without --crew: a script is never surprised', 'name the crew that should be');
  const who = o.crew === undefined ? { rehearse: o.rehearse ?? 'default' } : { crew: file(o.crew), unannounced };
  const drill = { schedule: name, runbook: file(runbook), target: o.target, who, out: resolve(ctx.cwd, o.out) };
  planDrill({ root: ctx.root, cwd: ctx.cwd, ...drill, unannounced, board: o.crew === undefined ? null : consoleKey(configFolder(ctx.env)) });
  return drill;
}

const look = async ({ client }: OpenScheduler, name: string): Promise<ScheduleView> => viewOf(client, (await openSchedule(client, name)).is);

async function list(ctx: CliContext, s: OpenScheduler, json: boolean | undefined): Promise<number> {
  const views = await allSchedules(s.client);
  const width = Math.max(...views.map((v) => v.name.length));
  print(ctx, json, views, views.length > 0 ? views.map((v) => listLine(v, width)) : [[['no schedules; drillbook schedule create makes one']]]);
  if (views.length > 0) unserved(ctx, s);
  return EXIT.pass;
}

async function told(ctx: CliContext, s: OpenScheduler, name: string, json: boolean | undefined): Promise<number> {
  const view = await look(s, name);
  print(ctx, json, view, [[[name, 'bold']], stateLine(view), ...nextLines(view).slice(0, 1)]);
  return EXIT.pass;
}

async function trigger(ctx: CliContext, s: OpenScheduler, name: string, json: boolean | undefined): Promise<number> {
  const firing = await triggerNow(s.client, name);
  const says = firing === null ? 'skipped: a drill of this schedule still runs' : `started: ${firing}; drillbook watch follows its drill`;
  print(ctx, json, { name, firing, skipped: firing === null }, [[[says, firing === null ? 'unknown' : 'plain']]]);
  unserved(ctx, s);
  return firing === null ? EXIT.fail : EXIT.pass;
}

function print(ctx: CliContext, json: boolean | undefined, value: object, lines: readonly Line[]): void {
  const look = { width: Infinity, colour: ctx.colour, unicode: isUtf8(ctx.env) };
  ctx.stdout.write(json === true ? `${JSON.stringify(value)}\n` : lines.map((l) => `${paint(l, look)}\n`).join(''));
}

function unserved(ctx: CliContext, { served }: OpenScheduler): void {
  if (!served) ctx.stderr.write('note: drillbook schedule serve does not run here; firings for this machine are missed until it does\n');
}
