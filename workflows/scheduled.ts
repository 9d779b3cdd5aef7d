/**
 * One firing of a schedule: a drill begun and followed by an activity on the machine that drills. It ends Completed when the drill passed, or when none was begun;
 * otherwise as failed, so that the schedule pauses. A firing is never tried again: one firing, one drill at most.
 */
import { ActivityCancellationType, ActivityFailure, ApplicationFailure, TimeoutFailure, proxyActivities, upsertMemo, workflowInfo } from '@temporalio/workflow';
import type { Firing, ScheduledDrill } from './messages.ts';

export interface DrillStarter {
  /** Heartbeats tell {drillId} as soon as it is known. A cancel, and the end of its worker, abort the drill in order. */
  drillOnce(drill: ScheduledDrill): Promise<Firing>;
}

/** As a schedule's catch-up window: a drill hours late would come when nobody expects it. */
const LATE_MS_MAX = 60_000;

const { drillOnce } = proxyActivities<DrillStarter>({
  // a drill ends by its own limit; this is for a starter that is there and answers nothing
  startToCloseTimeout: '7 days',
  scheduleToStartTimeout: LATE_MS_MAX,
  heartbeatTimeout: '30 seconds',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { maximumAttempts: 1 },
});

export async function scheduledDrill(drill: ScheduledDrill): Promise<Firing> {
  const lateMs = Date.now() - workflowInfo().startTime.getTime();
  const firing = lateMs > LATE_MS_MAX ? missed(lateMs) : await drillOnce(drill).catch(gone);
  upsertMemo({ firing });
  if (firing.outcome === 'fail') throw ApplicationFailure.nonRetryable(firing.says, 'DRILL_VERDICT_FAIL', firing);
  if (firing.outcome === 'unknown') throw ApplicationFailure.nonRetryable(firing.says, 'DRILL_VERDICT_UNKNOWN', firing);
  return firing;
}

const nothing = { drillId: null, bundle: null, digest: null };

const missed = (lateMs: number): Firing => ({
  ...nothing,
  outcome: 'missed',
  says: `drillbook schedule serve was not there until ${Math.round(lateMs / 1000)} s later`,
});

/** Nobody can tell how it ended: the starter's process died, or its machine; or it could not even begin. */
function gone(e: unknown): Firing {
  const cause = e instanceof ActivityFailure ? e.cause : e;
  const why = cause instanceof Error ? cause.message : String(cause);
  return { ...nothing, outcome: 'unknown', says: cause instanceof TimeoutFailure ? `drillbook schedule serve went away while it drilled (${why})` : why };
}
