/** The manual inside the workflow: steps open when what they need has ended, people act by messages, checks judge, failing checks send back. */
import { CancellationScope, condition } from '@temporalio/workflow';
import type { DrillRun } from './run.ts';

/** Resolves when every step has ended; a rejected step ends the drill as unknown. */
export async function runSteps(run: DrillRun, atRest: () => Promise<void>): Promise<void> {
  const busy = new Set<string>();
  let failure: unknown = null;
  const start = (id: string, job: () => Promise<void>) => {
    busy.add(id);
    job().then(
      () => busy.delete(id),
      (e: unknown) => {
        busy.delete(id);
        failure ??= e;
      },
    );
  };
  for (;;) {
    for (const step of run.steps.ready()) if (!busy.has(step.id)) start(step.id, () => openStep(run, step.id));
    for (const step of run.steps.states) if (step.status === 'done' && !busy.has(step.id)) start(step.id, () => checkStep(run, step.id));
    if (failure) throw failure;
    const rejected = run.steps.rejected;
    if (rejected)
      return run.stopWith({ code: 'DRILL_STEP_REJECTED', seen: `step ${rejected.id} was rejected by ${rejected.by}`, hint: 'the reason is in the history' });
    if (run.steps.allEnded) return;
    run.doing = doing(run);
    if (busy.size === 0) await atRest();
    await condition(() => failure !== null || run.steps.rejected !== undefined || run.steps.allEnded || work(run, busy));
  }
}

const work = (run: DrillRun, busy: Set<string>): boolean =>
  run.steps.ready().some((s) => !busy.has(s.id)) || run.steps.states.some((s) => s.status === 'done' && !busy.has(s.id));

function doing(run: DrillRun): string {
  const open = run.steps.states.filter((s) => ['active', 'acknowledged', 'done'].includes(s.status));
  return open.map((s) => `${s.title} (${s.status})`).join(', ');
}

async function openStep(run: DrillRun, id: string): Promise<void> {
  const { attempt, budgetMs, sentBack } = run.steps.stateOf(id);
  const opened = await run.act.openStep(run.ref, { stepId: id, attempt, sentBack, inputs: run.steps.inputs });
  run.steps.open(id, opened, Date.now());
  run.tell({ kind: 'step-opened', stepId: id, attempt, viewDigest: opened.viewDigest, instructionsDigest: opened.instructionsDigest });
  void watchBudget(run, id, attempt, budgetMs);
}

/** Marks a step overdue; it stays open. Ends with the step or with the drill. */
async function watchBudget(run: DrillRun, id: string, attempt: number, budgetMs: number): Promise<void> {
  const ended = () => run.steps.stateOf(id).attempt !== attempt || !['active', 'acknowledged'].includes(run.steps.stateOf(id).status);
  try {
    const inTime = await condition(() => ended() || run.stop !== null, budgetMs);
    if (inTime) return;
    run.steps.stateOf(id).overdue = true;
    run.tell({ kind: 'step-overdue', stepId: id, attempt, budgetMs });
  } catch {
    // cancelled with the drill: nothing is overdue any more
  }
}

async function checkStep(run: DrillRun, id: string): Promise<void> {
  const { attempt, done } = run.steps.stateOf(id);
  const step = run.steps.planOf(id);
  const checked = await CancellationScope.cancellable(() => run.long.checkStep(run.ref, { stepId: id, attempt, checks: step.checks, done }));
  run.tell({ kind: 'step-checked', stepId: id, attempt, viewDigest: checked.viewDigest, results: checked.results }, checked.at);
  run.checked(id, checked.results);
  if (checked.results.every((r) => r.verdict === 'pass')) {
    run.steps.verified(id, Date.now());
    run.tell({ kind: 'step-verified', stepId: id, attempt });
    return;
  }
  run.tell({ kind: 'step-sent-back', stepId: id, attempt, seen: run.steps.sendBack(id, checked.results) });
}
