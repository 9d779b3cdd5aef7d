/** The manual inside the workflow: steps open when what they need has ended, people act by messages, checks judge, failing checks send back. */
import { CancellationScope, condition, patched } from '@temporalio/workflow';
import { Ahead, checkedLater } from './ahead.ts';
import type { View } from './ahead.ts';
import type { DrillRun } from './run.ts';
import { tellPeople } from './tell.ts';

/** What is to be done while people are waited for and nothing else is under way. */
export interface AtRest {
  due(): boolean;
  /** never resolves well: the drill goes on elsewhere */
  go(): Promise<never>;
}

/** Resolves when every step has ended; a rejected step ends the drill as unknown. */
export async function runSteps(run: DrillRun, atRest: AtRest): Promise<void> {
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
  for (const { id, attempt } of run.steps.states.filter((s) => run.steps.isOpen(s.id, s.attempt))) watch(run, id, attempt);
  // drills that began before steps were prepared go on without
  const ahead = patched('steps-prepared') ? new Ahead(run) : null;
  if (ahead) run.advance = () => advance(run, ahead, busy);
  run.watch = (id, attempt) => void watchAcknowledged(run, id, attempt);
  for (;;) {
    run.advance?.();
    for (const step of run.steps.ready()) if (!busy.has(step.id)) start(step.id, () => openStep(run, step.id));
    for (const id of ahead?.wanted() ?? []) start(`${id}, ahead`, () => ahead!.prepare(id));
    for (const step of run.steps.states) if (step.status === 'done' && !busy.has(step.id)) start(step.id, () => checkStep(run, step.id));
    if (failure) throw failure;
    const rejected = run.steps.rejected;
    if (rejected)
      return run.stopWith({ code: 'DRILL_STEP_REJECTED', seen: `step ${rejected.id} was rejected by ${rejected.by}`, hint: 'the reason is in the history' });
    if (run.steps.allEnded) return;
    const resting = () => busy.size === 0 && atRest.due();
    if (resting()) await atRest.go();
    const more = () => work(run, busy) || (ahead?.wanted().length ?? 0) > 0;
    await condition(() => failure !== null || run.steps.rejected !== undefined || run.steps.allEnded || more() || resting());
  }
}

/** All that takes no activity: also while a message is being accepted, so that its answer can say where it led. */
function advance(run: DrillRun, ahead: Ahead, busy: ReadonlySet<string>): void {
  if (run.stop) return;
  for (const step of run.steps.states) if (step.status === 'done' && !checkedLater(run, step.id)) verified(run, step.id);
  for (const step of run.steps.ready()) {
    const prepared = busy.has(step.id) ? undefined : ahead.take(step.id);
    if (prepared) opened(run, step.id, prepared);
  }
}

const work = (run: DrillRun, busy: Set<string>): boolean =>
  run.steps.ready().some((s) => !busy.has(s.id)) || run.steps.states.some((s) => s.status === 'done' && !busy.has(s.id));

async function openStep(run: DrillRun, id: string): Promise<void> {
  const { attempt, sentBack } = run.steps.stateOf(id);
  const view = await run.act.openStep(run.ref, { stepId: id, attempt, sentBack, inputs: run.steps.inputs });
  opened(run, id, view!);
}

function opened(run: DrillRun, id: string, { viewDigest, instructionsDigest }: View): void {
  const { attempt, sentBack } = run.steps.stateOf(id);
  run.steps.open(id, { viewDigest, instructionsDigest }, Date.now());
  run.tell({ kind: 'step-opened', stepId: id, attempt, viewDigest, instructionsDigest });
  const { roles, role, budgetMs } = run.steps.stateOf(id);
  const again = sentBack.length > 0 ? `sent back (${sentBack.join('; ')}), open again` : 'open';
  tellPeople(run, 'step-opened', { stepId: id, roles: roles ?? [role], text: `${again}, budget ${budgetMs / 1000} s` });
  if (run.steps.stateOf(id).roles?.length === 0) escalate(run, id, `nobody has the role ${run.steps.stateOf(id).role} in this drill`);
  watch(run, id, attempt);
}

/** Of a step that has just opened, or that was open when the drill went on in a new run. */
function watch(run: DrillRun, id: string, attempt: number): void {
  void watchBudget(run, id, attempt);
  void watchAcknowledged(run, id, attempt);
}

/** What is left of a time that began then; a timer has at least 1 ms. */
const left = (since: number, ms: number): number => Math.max(1, since + ms - Date.now());

/** Marks a step overdue and calls the next role; it stays open. Ends with the step or with the drill. */
async function watchBudget(run: DrillRun, id: string, attempt: number): Promise<void> {
  const { budgetMs } = run.steps.planOf(id);
  if (run.steps.stateOf(id).overdue || (await closedWithin(run, id, attempt, left(run.steps.stateOf(id).openedAt!, budgetMs)))) return;
  run.steps.stateOf(id).overdue = true;
  run.tell({ kind: 'step-overdue', stepId: id, attempt, budgetMs });
  escalate(run, id, 'not done within its budget');
}

/** While nobody has acknowledged the step, or since it was handed over, the roles of the runbook's list are called one after the other. */
async function watchAcknowledged(run: DrillRun, id: string, attempt: number): Promise<void> {
  const { acknowledgeMs } = run.steps.planOf(id);
  const state = run.steps.stateOf(id);
  const handedAt = state.handedAt ?? null;
  if (acknowledgeMs === undefined || state.status !== 'active' || (state.acknowledgedAt !== null && handedAt === null)) return;
  // handed over again, it is watched anew
  const taken = () => state.status !== 'active' || (state.handedAt ?? null) !== handedAt;
  for (;;) {
    const afterMs = acknowledgeMs * ((state.missed ?? 0) + 1);
    if (await closedWithin(run, id, attempt, left(handedAt ?? state.openedAt!, afterMs), taken)) return;
    state.missed = (state.missed ?? 0) + 1;
    const handed = handedAt === null ? '' : ` by ${state.delegate}, to whom it was handed`;
    if (!escalate(run, id, `not acknowledged within ${afterMs / 1000} s${handed}`)) return;
  }
}

/** Whether the attempt ended (or `or` came true) in time; true also when the drill ends. */
async function closedWithin(run: DrillRun, id: string, attempt: number, ms: number, or: () => boolean = () => false): Promise<boolean> {
  try {
    return await condition(() => !run.steps.isOpen(id, attempt) || run.stop !== null || or(), ms);
  } catch {
    // cancelled with the drill: nothing is late any more
    return true;
  }
}

function escalate(run: DrillRun, id: string, why: string): boolean {
  const to = run.steps.escalate(id);
  if (to === null) return false;
  run.tell({ kind: 'step-escalated', stepId: id, attempt: run.steps.stateOf(id).attempt, to, why });
  tellPeople(run, 'step-escalated', { stepId: id, roles: [to], text: `escalated to ${to}: ${why}` });
  return true;
}

async function checkStep(run: DrillRun, id: string): Promise<void> {
  const { attempt, done } = run.steps.stateOf(id);
  const step = run.steps.planOf(id);
  const checked = await CancellationScope.cancellable(() => run.long.checkStep(run.ref, { stepId: id, attempt, checks: step.checks, done }));
  run.tell({ kind: 'step-checked', stepId: id, attempt, viewDigest: checked.viewDigest, results: checked.results }, checked.at);
  run.checked(id, checked.results);
  if (checked.results.every((r) => r.verdict === 'pass')) {
    if (step.approve !== undefined) {
      run.steps.checked(id, checked.viewDigest, Date.now());
      return tellPeople(run, 'approval-wanted', { stepId: id, roles: [step.approve], text: `done by ${done?.by} and checked; it waits for a second person` });
    }
    return verified(run, id);
  }
  run.tell({ kind: 'step-sent-back', stepId: id, attempt, seen: run.steps.sendBack(id, checked.results) });
}

function verified(run: DrillRun, id: string): void {
  const { attempt, role } = run.steps.stateOf(id);
  run.steps.verified(id, Date.now());
  run.tell({ kind: 'step-verified', stepId: id, attempt });
  tellPeople(run, 'step-ended', { stepId: id, roles: [role], text: 'verified' });
}
