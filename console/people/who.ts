import { crewOf, hasRight } from '../../core/message.ts';
import type { CrewMember, Transition } from '../../core/message.ts';
import type { Plan } from '../../core/plan.ts';
import { RIGHTS_FOR } from '../../core/rights.ts';
import type { StepState } from '../../workflows/steps.ts';

/** Who may do this now, for people: names of the crew. */
export function whoMay(plan: Plan, step: StepState, transition: Transition): string[] {
  const roles = transition === 'approve' ? [step.approver ?? ''] : (step.roles ?? [step.role]);
  return crewOf(plan.keys)
    .filter((p) => (step.delegate && transition !== 'approve' ? p.name === step.delegate : p.roles.some((r) => roles.includes(r))))
    .filter((p) => hasRight(p, RIGHTS_FOR[transition]) && !(transition === 'approve' && p.name === step.done?.by))
    .map((p) => p.name);
}

/** In which of a person's roles an act is: one that the step is for, else the first; the drill judges. */
export function roleFor(person: CrewMember, step: StepState | null, transition: Transition): string {
  const second = transition === 'approve' || transition === 'send-back';
  const wanted = second ? [step?.approver ?? ''] : (step?.roles ?? [step?.role ?? '']);
  return person.roles.find((r) => wanted.includes(r)) ?? person.roles[0]!;
}
