/** The schedules on a Temporal server, as this program keeps them: made, described, and what came of their firings. */
import { ScheduleAlreadyRunning, ScheduleNotFoundError, WorkflowNotFoundError, defaultPayloadConverter } from '@temporalio/client';
import type { Client, ScheduleDescription, ScheduleExecutionResult, ScheduleHandle } from '@temporalio/client';
import { DrillError } from '../../core/errors.ts';
import { scheduleQueue } from '../../workflows/messages.ts';
import type { Firing, ScheduledDrill } from '../../workflows/messages.ts';
import type { scheduledDrill } from '../../workflows/scheduled.ts';
import { zoneUnknown } from './when.ts';
import type { When } from './when.ts';

const WORKFLOW = 'scheduledDrill';
/** Where nobody could start the drill for longer, it is not started any more. (The server's own default is a year.) */
const CATCH_UP_MS = 60_000;

export interface FiringView extends Omit<Firing, 'outcome'> {
  /** when it was due */
  at: string;
  /** `forgotten`: Temporal keeps it no longer */
  outcome: Firing['outcome'] | 'running' | 'forgotten';
}
export interface ScheduleView {
  name: string;
  paused: boolean;
  /** who or what paused or resumed it; "" when nobody did */
  note: string;
  drill: Omit<ScheduledDrill, 'schedule'>;
  /** which machine drills */
  machine: string;
  when: string;
  zone: string;
  jitterMs: number;
  /** the next ten, jitter included; as they would be if it were not paused */
  next: string[];
  /** so far: how often it fired; did not because its drill before still ran; did not because Temporal was away */
  counts: { fired: number; overlapped: number; missed: number };
  /** the last ten, newest first */
  firings: FiringView[];
}

/** DRILL_SCHEDULE_EXISTS; what Temporal says of the times: DRILL_SCHEDULE_WHEN, DRILL_ZONE_UNKNOWN. It is paused, for its times to be looked at. */
export async function createPaused(client: Client, drill: ScheduledDrill, when: When, machine: string): Promise<ScheduleHandle> {
  try {
    return await client.schedule.create<typeof scheduledDrill>({
      scheduleId: drill.schedule,
      spec: { cronExpressions: when.cron, timezone: when.zone, jitter: when.jitterMs },
      action: {
        type: 'startWorkflow',
        workflowType: WORKFLOW,
        workflowId: `scheduled-${drill.schedule}`,
        taskQueue: scheduleQueue(machine),
        args: [drill],
      },
      policies: { overlap: 'SKIP', catchupWindow: CATCH_UP_MS, pauseOnFailure: true },
      state: { paused: true, note: 'not confirmed yet' },
      memo: { when: when.says, machine },
    });
  } catch (e) {
    if (e instanceof ScheduleAlreadyRunning)
      throw new DrillError('DRILL_SCHEDULE_EXISTS', `there is a schedule ${drill.schedule} already`, 'another name, or drillbook schedule delete it first');
    if (!(e instanceof TypeError)) throw e;
    if (/time zone/.test(e.message)) throw zoneUnknown(when.zone);
    throw new DrillError('DRILL_SCHEDULE_WHEN', `${when.says}: ${e.message}`, 'minute hour day-of-month month day-of-week, as in "0 3 * * TUE"', { cause: e });
  }
}

/** One of ours, by name. DRILL_NO_SCHEDULE tells which there are. */
export async function openSchedule(client: Client, name: string): Promise<{ handle: ScheduleHandle; is: ScheduleDescription }> {
  const handle = client.schedule.getHandle(name);
  const is = await handle.describe().catch((e: unknown) => {
    if (e instanceof ScheduleNotFoundError) return null;
    throw e;
  });
  if (is?.action.workflowType === WORKFLOW) return { handle, is };
  const known = await namesOf(client);
  throw new DrillError(
    'DRILL_NO_SCHEDULE',
    `there is no schedule ${name}`,
    known.length > 0 ? `there are: ${known.join(', ')}` : 'drillbook schedule create makes one',
  );
}

async function namesOf(client: Client): Promise<string[]> {
  const names: string[] = [];
  for await (const s of client.schedule.list()) if (s.action?.workflowType === WORKFLOW) names.push(s.scheduleId);
  return names.toSorted();
}

/** All of ours. A list may lag a moment behind what was just made or deleted. */
export async function allSchedules(client: Client): Promise<ScheduleView[]> {
  const views = await Promise.all(
    (await namesOf(client)).map((name) =>
      openSchedule(client, name).then(
        ({ is }) => viewOf(client, is),
        (e: unknown) => (e instanceof DrillError ? null : Promise.reject(e)),
      ),
    ),
  );
  return views.filter((v) => v !== null);
}

export async function viewOf(client: Client, is: ScheduleDescription): Promise<ScheduleView> {
  const [{ schedule: name, ...drill }] = is.action.args as [ScheduledDrill];
  const { info } = is;
  return {
    name,
    paused: is.state.paused,
    note: is.state.note ?? '',
    drill,
    machine: String(is.memo?.['machine']),
    when: String(is.memo?.['when']),
    zone: is.spec.timezone || 'UTC',
    jitterMs: is.spec.jitter ?? 0,
    next: info.nextActionTimes.map((t) => t.toISOString()),
    counts: { fired: info.numActionsTaken, overlapped: info.numActionsSkippedOverlap, missed: info.numActionsMissedCatchupWindow },
    firings: await Promise.all(info.recentActions.toReversed().map((r) => firingView(client, r))),
  };
}

async function firingView(client: Client, { scheduledAt, action }: ScheduleExecutionResult): Promise<FiringView> {
  const nothing = { at: scheduledAt.toISOString(), drillId: null, bundle: null, digest: null };
  try {
    const is = await client.workflow.getHandle(action.workflow.workflowId).describe();
    const firing = is.memo?.['firing'] as Firing | undefined;
    if (firing) return { ...nothing, ...firing };
    if (is.status.name !== 'RUNNING') return { ...nothing, outcome: 'unknown', says: `the firing was ended in Temporal (${is.status.name.toLowerCase()})` };
    const beat = is.raw.pendingActivities?.[0]?.heartbeatDetails?.payloads?.[0];
    const { drillId } = beat ? defaultPayloadConverter.fromPayload<{ drillId: string | null }>(beat) : { drillId: null };
    return { ...nothing, outcome: 'running', says: '', drillId };
  } catch (e) {
    if (e instanceof WorkflowNotFoundError) return { ...nothing, outcome: 'forgotten', says: 'Temporal keeps it no longer; drillbook list has its drill' };
    throw e;
  }
}

const TRIGGER_MS = 15_000;

/** Starts a drill now, paused or not, unless one of this schedule runs: then null. DRILL_NO_ENGINE when Temporal does neither. */
export async function triggerNow(client: Client, name: string): Promise<string | null> {
  const { handle, is } = await openSchedule(client, name);
  const known = new Set(is.info.recentActions.map((r) => r.action.workflow.workflowId));
  await handle.trigger('SKIP');
  for (const deadline = Date.now() + TRIGGER_MS; Date.now() < deadline; await new Promise((r) => setTimeout(r, 100))) {
    const { info } = await handle.describe();
    const begun = info.recentActions.map((r) => r.action.workflow.workflowId).find((id) => !known.has(id));
    if (begun !== undefined) return begun;
    if (info.numActionsSkippedOverlap > is.info.numActionsSkippedOverlap) return null;
  }
  throw new DrillError('DRILL_NO_ENGINE', `Temporal did not say within ${TRIGGER_MS / 1000} s what came of it`, 'drillbook schedule show tells');
}
