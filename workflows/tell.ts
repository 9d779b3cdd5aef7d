/** Telling people over the crew's routes. Nothing waits for it but the end of the drill; a route that fails is told to the history and stops nobody. */
import { ActivityFailure, patched, proxyActivities } from '@temporalio/workflow';
import { reaches } from '../core/notice.ts';
import type { Notice, NoticeKind } from '../core/notice.ts';
import type { Activities, DrillRun } from './run.ts';
import type { StepState } from './steps.ts';

export interface Saying {
  stepId?: string;
  roles?: string[];
  text: string;
}

export function tellPeople(run: DrillRun, kind: NoticeKind, { stepId, roles = [], text }: Saying): void {
  const { plan, ref, session } = run;
  const step = stepId === undefined ? null : run.steps.stateOf(stepId);
  if (step && plan.routes?.length) roles = whom(step, kind, roles);
  const base = plan.board && `${plan.board.replace(/\/$/, '')}/drills/${ref.drillId}`;
  const notice: Notice = {
    kind,
    drillId: ref.drillId,
    runbook: plan.runbook,
    target: plan.target.name,
    step: step && { id: step.id, title: step.title, attempt: step.attempt },
    roles,
    text,
    link: base ? (step ? `${base}#${step.id}` : base) : null,
    at: Date.now(),
  };
  const wanted = (plan.routes ?? []).filter((r) => reaches(r, notice));
  if (wanted.length === 0) return;
  const { notify } = proxyActivities<Activities>({
    taskQueue: session,
    startToCloseTimeout: '40 seconds',
    scheduleToCloseTimeout: '5 minutes',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds', maximumAttempts: 6 },
  });
  for (const route of wanted) {
    run.telling++;
    notify(route, notice)
      .then(
        () => run.tell({ kind: 'people-told', route: route.name, notice: kind, stepId: stepId ?? '' }),
        (e: unknown) =>
          run.tell({
            kind: 'people-not-told',
            route: route.name,
            notice: kind,
            stepId: stepId ?? '',
            why: e instanceof ActivityFailure ? (e.cause?.message ?? e.message) : String(e),
          }),
      )
      .finally(() => run.telling--);
  }
}

/** Whoever was told of a step is told of its end, so that no pager stays open; in drills that began before, its own role alone. */
function whom(step: StepState, kind: NoticeKind, roles: string[]): string[] {
  const before = step.told ?? [];
  // no role is everybody
  const told = before === 'all' || roles.length === 0 ? 'all' : [...new Set([...before, ...roles])];
  if (kind !== 'step-ended') step.told = told;
  else if (patched('step-ended-to-all')) return told === 'all' ? [] : told;
  return roles;
}

/** Steps at which people still are when the drill ends. */
export function tellUnfinished(run: DrillRun): void {
  const open = run.plan.routes?.length ? run.steps.unfinished : [];
  if (open.length === 0 || !patched('unfinished-told')) return;
  for (const { id, role } of open) tellPeople(run, 'step-ended', { stepId: id, roles: [role], text: 'not finished: the drill is over' });
}
