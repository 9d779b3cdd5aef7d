/** Who may take a step that is open: its role and those that were called, or the person that it was handed to and those that were called since. */
export interface StepRoles {
  /** the manual's */
  role: string;
  /** its own unless that is absent, and those it was escalated to */
  roles?: string[];
  /** the one person it was handed to, until somebody else takes it */
  delegate?: string | null;
  /** how many of the roles had been called by then; left out by drills of old, in which nobody but that person could take it */
  calledBefore?: number;
}

export const rolesOf = ({ role, roles }: StepRoles): string[] => roles ?? [role];

/** Roles alone. */
export const rolesNow = (step: StepRoles): string[] => (step.delegate ? rolesOf(step).slice(step.calledBefore ?? Infinity) : rolesOf(step));

/** The person and the roles; nobody where its role is absent. */
export const mayTake = (step: StepRoles): string[] => [...(step.delegate ? [step.delegate] : []), ...rolesNow(step)];
