/** What a schedule's firing does on the machine that drills: `drillbook run` as a child process, followed to its end. The child dies with this process, whatever happens. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ApplicationFailure, Context, activityInfo, heartbeat } from '@temporalio/activity';
import { z } from 'zod';
import { BUNDLE } from '../core/bundle.ts';
import type { Verdict } from '../core/history.ts';
import { sha256Hex } from '../core/json.ts';
import { Child } from '../console/cli/run/children.ts';
import { sealedReport } from '../console/people/listed.ts';
import { runningDrills } from '../console/rundir.ts';
import { entry } from '../setup/entry.mjs';
import type { Tools } from '../targets/tools.ts';
import type { Firing, ScheduledDrill } from '../workflows/messages.ts';
import type { DrillStarter } from '../workflows/scheduled.ts';

export interface StarterOptions {
  root: string;
  /** what `drillbook run` gets, with the TEMPORAL_ variables of the scheduler's own Temporal */
  env: Record<string, string | undefined>;
  cacheDir: string;
  /** what the child says is kept below it */
  logDir: string;
  tools: Tools;
}

/** Whoever may write to Temporal can say what is drilled, and no more than that: each is a word of its own on the command line, never a flag. */
const word = z.string().regex(/^[^-\0][^\0]*$/);
const wanted = z.strictObject({
  schedule: word,
  runbook: word,
  target: word,
  who: z.union([z.strictObject({ rehearse: word }), z.strictObject({ crew: word, unannounced: z.boolean() })]),
  out: word.startsWith('/'),
}) satisfies z.ZodType<ScheduledDrill>;

const LOOK_MS = 500;
/** An aborted drill undoes, checks and seals. */
const ABORT_MS = 150_000;
const LOGS_MAX = 200;

export function drillStarter(o: StarterOptions): DrillStarter {
  /** target → the schedule that drills it: the lock that holds across schedules. A drill ends with this process, so nothing else need remember. */
  const busy = new Map<string, string>();
  return {
    async drillOnce(asked) {
      const { data: drill, error } = wanted.safeParse(asked);
      if (!drill) throw ApplicationFailure.nonRetryable(`the schedule asks for no drill: ${z.prettifyError(error)}`, 'DRILL_USAGE');
      const other = busy.get(drill.target);
      if (other !== undefined)
        return {
          outcome: 'skipped',
          says: `target ${drill.target} was being drilled by schedule ${other} (DRILL_TARGET_IN_USE)`,
          drillId: null,
          bundle: null,
          digest: null,
        };
      busy.set(drill.target, drill.schedule);
      try {
        return await follow(o, drill);
      } finally {
        busy.delete(drill.target);
      }
    },
  };
}

async function follow(o: StarterOptions, drill: ScheduledDrill): Promise<Firing> {
  const logFile = logFor(o.logDir, activityInfo().workflowExecution!.workflowId);
  const who = 'crew' in drill.who ? ['--crew', drill.who.crew, ...(drill.who.unannounced ? ['--unannounced'] : [])] : ['--rehearse', drill.who.rehearse];
  const child = new Child({
    name: 'drillbook run',
    argv: [o.tools.node, entry(join(o.root, 'console', 'cli'), 'main'), 'run', drill.runbook, '--target', drill.target, ...who, '--out', drill.out],
    env: o.env,
    logFile,
    setpriv: o.tools.setpriv,
  });
  let begun: { drillId: string; bundle: string } | null = null;
  const looking = setInterval(() => {
    begun ??= runningDrills(o.cacheDir).find((d) => d.pid === child.process.pid) ?? null;
    heartbeat({ drillId: begun?.drillId ?? null });
  }, LOOK_MS);
  try {
    await Promise.race([child.exited, Context.current().cancelled]).catch(() => child.end(ABORT_MS));
    return firingOf(await child.exited, child.process.exitCode, begun, logFile);
  } finally {
    clearInterval(looking);
    await child.end(0);
  }
}

const VERDICTS: Record<number, Verdict> = { 0: 'pass', 1: 'fail' };

/** The exit status is the verdict, and the sealed report must agree: nothing passes without one. */
function firingOf(how: string, status: number | null, begun: { drillId: string; bundle: string } | null, logFile: string): Firing {
  const report = begun ? sealedReport(begun.bundle) : null;
  const verdict = VERDICTS[status ?? -1] ?? 'unknown';
  const manifest = begun ? join(begun.bundle, BUNDLE.manifest) : null;
  return {
    outcome: report?.verdict === verdict ? verdict : 'unknown',
    says: report?.sentence ?? lastError(logFile) ?? `drillbook run ended (${how}); what it said is in ${logFile}`,
    drillId: begun?.drillId ?? null,
    bundle: begun?.bundle ?? null,
    digest: manifest && existsSync(manifest) ? sha256Hex(readFileSync(manifest)) : null,
  };
}

function lastError(logFile: string): string | undefined {
  return readFileSync(logFile, 'utf8')
    .match(/^.*\bDRILL_[A-Z_]+: .*$/gm)
    ?.at(-1)
    ?.trim();
}

/** The oldest ones go. */
function logFor(logDir: string, firing: string): string {
  const dir = join(logDir, 'firings');
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const ages = readdirSync(dir).toSorted((a, b) => timeIn(a).localeCompare(timeIn(b)));
  for (const old of ages.slice(0, Math.max(0, ages.length - LOGS_MAX))) rmSync(join(dir, old), { force: true });
  return join(dir, `${firing.replaceAll('/', '_')}.log`);
}

/** Temporal ends the name of each firing with its time. */
const timeIn = (name: string): string => /\d{4}-\d\d-\d\dT[\d:]+Z/.exec(name)?.[0] ?? '';
