/**
 * The drill workflow: one interpreter for every runbook. It holds the chain, opens the steps, hears people, undoes what was broken, and ends
 * Completed only on pass; fail and unknown end it as failed, after compensation and sealing (docs/semantics.md, 5).
 */
import {
  ApplicationFailure,
  CancellationScope,
  ContinueAsNew,
  allHandlersFinished,
  condition,
  continueAsNew,
  isCancellation,
  patched,
  proxyActivities,
  setHandler,
  sleep,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow';
import type { Envelope } from '../core/message.ts';
import { refusalOf } from '../core/message.ts';
import type { createActivities } from '../activities/index.ts';
import type { Accepted, DrillInput, DrillResult } from './messages.ts';
import { drillState, refusedAttempt, targetQueue, transition, transitionSignal } from './messages.ts';
import { runChain, healHeld } from './chain.ts';
import { keepListed } from './listed.ts';
import { DrillRun } from './run.ts';
import { runSteps } from './manual.ts';
import { tellPeople, tellUnfinished } from './tell.ts';

type Activities = ReturnType<typeof createActivities>;

export async function drill(input: DrillInput): Promise<DrillResult> {
  const run = new DrillRun(input);
  hear(run);
  const recorder = run.record();
  void keepListed(run);
  try {
    await lock(run);
    const main = new CancellationScope({ cancellable: true });
    const watch = watchForEnd(run, main);
    await main
      .run(() => body(run))
      .catch((e: unknown) => {
        if (e instanceof ContinueAsNew) throw e;
        run.failed(e);
      });
    run.mainEnded = true;
    await watch;
  } catch (e) {
    if (e instanceof ContinueAsNew) throw e;
    run.failed(e);
  }
  const result = await CancellationScope.nonCancellable(() => finish(run, recorder));
  if (result.verdict === 'pass') return result;
  throw ApplicationFailure.nonRetryable(result.sentence, result.verdict === 'fail' ? 'DRILL_VERDICT_FAIL' : 'DRILL_VERDICT_UNKNOWN', result);
}

/** Sets the handlers before the first await, so that no early message is lost. */
function hear(run: DrillRun): void {
  const refusal = (e: Envelope): string | null =>
    run.seen.has(e.messageId)
      ? null
      : (refusalOf(e, run.plan.keys, run.ref.drillId, run.plan.rehearsal !== null) ?? (run.phase === 'ended' ? 'the drill has ended' : run.steps.refusal(e)));
  setHandler(
    transition,
    (e): Accepted => {
      run.heard++;
      const repeated = run.seen.has(e.messageId);
      const now = repeated ? undefined : run.take(e);
      return { messageId: e.messageId, repeated, acceptedAt: Date.now(), ...(now ? { now } : {}) };
    },
    {
      validator: (e) => {
        const why = refusal(e);
        if (why !== null) throw ApplicationFailure.nonRetryable(why, 'DRILL_REFUSED');
      },
    },
  );
  setHandler(transitionSignal, (e) => {
    run.heard++;
    const why = refusal(e);
    if (why !== null) run.tell({ kind: 'message-refused', via: 'signal', messageId: e.messageId, by: e.by, reason: why });
    else if (!run.seen.has(e.messageId)) run.take(e);
  });
  setHandler(refusedAttempt, ({ messageId, by, stepId, transition: act, reason }) => {
    if (run.phase !== 'ended') run.tell({ kind: 'message-refused', via: 'update', messageId, by, reason: `${act} of ${stepId || 'the drill'}: ${reason}` });
  });
  setHandler(drillState, () => run.state());
}

/** Takes the target's lock and learns the session queue that all later target activities of this drill use. */
async function lock(run: DrillRun): Promise<void> {
  if (run.input.carried) return;
  const onTarget = proxyActivities<Activities>({
    taskQueue: targetQueue(run.ref.target),
    startToCloseTimeout: '30 seconds',
    scheduleToStartTimeout: run.plan.limits.sessionLostMs,
    retry: { maximumAttempts: 3 },
  });
  run.doing = 'locking the target';
  const locked = await onTarget.lockTarget(run.ref, run.plan.chain);
  run.locked(locked);
  run.tell(
    {
      kind: 'drill-started',
      drillId: run.ref.drillId,
      planDigest: run.input.planDigest,
      runbook: run.plan.runbook,
      target: run.plan.target.name,
      rehearsal: run.plan.rehearsal,
    },
    locked.at,
  );
  run.tell({ kind: 'target-locked', session: locked.session, version: locked.version, clock: locked.clock }, locked.at);
  if (run.plan.announce === 'at-start') tellPeople(run, 'drill-began', { text: 'a drill begins; nothing is broken yet' });
}

async function body(run: DrillRun): Promise<void> {
  if (!run.input.carried) {
    await runChain(run);
    await run.act.collectOldLogs(run.ref);
  }
  run.phase = 'manual';
  await runSteps(run, { due: () => renewalDue(run), go: () => renew(run) });
  run.phase = 'verifying';
  run.doing = 'proving the rows';
  const writes = await run.act.stopWorkload(run.ref);
  run.tell({ kind: 'workload-stopped', writes: writes.writes }, writes.at);
  const verified = await run.long.verify(run.ref);
  run.tell({ kind: 'verified', ...verified.result }, verified.at);
}

/** Cancels the body when the drill is aborted, a lease lapsed, its time is over, or Temporal cancels the workflow. */
async function watchForEnd(run: DrillRun, main: CancellationScope): Promise<void> {
  const limitMs = Math.max(1000, run.startedMs + run.plan.limits.drillMs - Date.now());
  try {
    const ended = await condition(() => run.mainEnded || run.stop !== null, limitMs);
    if (run.mainEnded) return;
    if (!ended)
      run.stopWith({
        code: 'DRILL_TIME_OVER',
        seen: `the drill did not end within ${run.plan.limits.drillMs / 1000} s`,
        hint: 'look at the step that was open',
      });
  } catch (e) {
    if (!isCancellation(e)) throw e;
    run.stopWith({ code: 'DRILL_CANCELLED', seen: 'Temporal cancelled the workflow (unsigned)', hint: 'run drillbook heal before the next drill' });
  }
  main.cancel();
}

/** Compensation, residue, unlock, verdict, report: runs whatever happened before, each part even when the one before failed. */
async function finish(run: DrillRun, recorder: Promise<void>): Promise<DrillResult> {
  run.phase = 'sealing';
  run.doing = 'undoing and sealing';
  const attempt = async <T>(part: () => Promise<T>): Promise<T | null> => {
    try {
      return await part();
    } catch (e) {
      run.failed(e);
      return null;
    }
  };
  if (run.session) {
    tellUnfinished(run);
    await attempt(() => healHeld(run));
    await attempt(() => run.endGuard());
    await attempt(() => run.act.stopWorkload(run.ref));
    const residue = await attempt(() => run.act.checkResidue(run.ref));
    run.tell({ kind: 'residue-checked', clean: residue?.clean ?? null, findings: residue?.findings ?? ['the target could not be asked'] });
    const unlocked = await attempt(() => run.act.unlockTarget(run.ref, residue?.clean === true));
    if (unlocked) run.tell({ kind: 'target-unlocked' }, unlocked.at);
  }
  if (run.telling > 0) await condition(() => run.telling === 0, TELL_MS);
  run.closeHistory();
  await attempt(() => recorder);
  const sealed = (await attempt(() => run.sealer().seal(run.ref))) ?? {
    verdict: 'unknown' as const,
    code: 'DRILL_NOT_SEALED',
    sentence: 'The evidence could not be sealed; nothing is proven.',
    bundle: run.ref.bundle,
    digest: '',
  };
  run.ended(sealed);
  upsertMemo({ verdict: sealed.verdict });
  if (run.known) tellPeople(run, 'drill-ended', { text: `${sealed.verdict.toUpperCase()}. ${sealed.sentence}` });
  if (run.telling > 0) await condition(() => run.telling === 0, TELL_MS);
  await condition(allHandlersFinished);
  // leaves readers (the command line, the board) a moment to fetch the last state by query before the run closes
  await sleep(1);
  return sealed;
}

/** What is still being told then is told without an entry in the history. */
const TELL_MS = 20_000;
const MAX_EVENTS = 5_000;
/** A worker that takes a drill over verifies all signatures of the run again, and has the 10 s of a workflow task for it: each takes 2 ms, ten times that on a machine in distress. */
const MAX_MESSAGES = 250;

/** Temporal keeps all that a run ever did: before that is too much, the drill goes on in a new one. `patched`: older drills waited on. */
function renewalDue(run: DrillRun): boolean {
  if (run.guarding || run.telling > 0 || run.stop) return false;
  const info = workflowInfo();
  return (info.continueAsNewSuggested || info.historyLength >= MAX_EVENTS || run.heard >= MAX_MESSAGES) && patched('renewed-at-rest');
}

/** Messages that come meanwhile are heard by this run or by the next: Temporal ends no run that has not heard all. */
async function renew(run: DrillRun): Promise<never> {
  run.resting = true;
  await condition(() => allHandlersFinished() && run.written && run.telling === 0);
  return continueAsNew<typeof drill>({ ...run.input, carried: run.carry() });
}
