import { crewOf, hasRight } from '../../core/message.ts';
import type { CrewMember, Transition } from '../../core/message.ts';
import type { Plan } from '../../core/plan.ts';
import { RIGHTS_FOR } from '../../core/rights.ts';
import { rolesNow, rolesOf } from '../../core/step-roles.ts';
import type { StepState } from '../../workflows/steps.ts';

/** Who may do this now, for people: names of the crew. */
export function whoMay(plan: Plan, step: StepState, transition: Transition): string[] {
  const roles = transition === 'approve' ? [step.approver ?? ''] : rolesNow(step);
  return crewOf(plan.keys)
    .filter((p) => (transition !== 'approve' && p.name === step.delegate) || p.roles.some((r) => roles.includes(r)))
    .filter((p) => hasRight(p, RIGHTS_FOR[transition]) && !(transition === 'approve' && p.name === step.done?.by))
    .map((p) => p.name);
}

/** In which of a person's roles an act is: one that the step is for, else the first; the drill judges. */
export function roleFor(person: CrewMember, step: StepState | null, transition: Transition): string {
  const second = transition === 'approve' || transition === 'send-back';
  const wanted = second ? [step?.approver ?? ''] : step ? [...rolesNow(step), ...rolesOf(step)] : [];
  return wanted.find((r) => person.roles.includes(r)) ?? person.roles[0]!;
}

/** Whether the drill would hear this from this person now, so that a page offers nothing that is refused. The drill judges. */
export function may(plan: Plan, person: CrewMember, step: StepState, transition: Transition): boolean {
  if (!hasRight(person, RIGHTS_FOR[transition])) return false;
  const steers = person.rights !== undefined && hasRight(person, ['coordinator']);
  const theirs = whoMay(plan, step, transition).includes(person.name);
  const open = step.status === 'active' || step.status === 'acknowledged';
  switch (transition) {
    case 'acknowledge':
      return theirs && (step.status === 'active' || (step.status === 'acknowledged' && step.by !== person.name));
    case 'done':
      return theirs && step.status === 'acknowledged' && step.by === person.name;
    case 'approve':
    case 'send-back':
      return step.status === 'checked' && whoMay(plan, step, 'approve').includes(person.name);
    case 'skip':
      return (theirs && open) || (steers && (open || step.status === 'checked'));
    case 'delegate':
      return open && (theirs || steers);
    case 'reject':
      return open && theirs;
    case 'comment':
      return step.status !== 'pending';
    case 'abort':
      return true;
    default:
      return transition satisfies never;
  }
}
