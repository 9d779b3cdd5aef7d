/** What the rehearsal operator does in place of people: per step a script and the inputs it signs with. */
import { DrillError } from '../errors.ts';
import type { CrewMember } from '../message.ts';
import type { Runbook } from './schema.ts';

export interface RehearsalStep {
  /** Handlebars, then bash */
  script: string;
  /** Handlebars */
  inputs: Record<string, string>;
}
export interface Rehearsal {
  name: string;
  title: string;
  /** what the operator does when a check sends its step back */
  onSentBack: 'stop' | 'skip';
  steps: Record<string, RehearsalStep>;
}

/** The named rehearsal with its overrides applied. DRILL_REHEARSAL_UNKNOWN names those that exist. */
export function rehearsalOf(r: Runbook, name: string): Rehearsal {
  const rehearsal = Object.hasOwn(r.rehearsals, name) ? r.rehearsals[name] : undefined;
  if (!rehearsal) {
    const known = Object.keys(r.rehearsals);
    throw new DrillError(
      'DRILL_REHEARSAL_UNKNOWN',
      `runbook ${r.runbook} has no rehearsal ${name}`,
      known.length > 0 ? `it has: ${known.join(', ')}` : 'it has none: people do it',
    );
  }
  const steps = r.steps.map((s): [string, RehearsalStep] => {
    const override = Object.hasOwn(rehearsal.steps, s.id) ? rehearsal.steps[s.id] : undefined;
    return [s.id, { script: override?.script ?? s.rehearse?.script ?? '', inputs: override?.inputs ?? s.rehearse?.inputs ?? {} }];
  });
  return { name, title: rehearsal.title, onSentBack: rehearsal['on-sent-back'], steps: Object.fromEntries(steps) };
}

export const OPERATOR = 'operator (script)';
/** Nobody approves an own step, a script neither. */
export const SECOND_OPERATOR = 'second operator (script)';

/** Who takes part in a rehearsal of this runbook: the operator in all roles, and a second one where a second person must approve. */
export function rehearsalCrew(r: Runbook): CrewMember[] {
  const roles = [...new Set(r.steps.flatMap((s) => [s.role, ...(s.escalate ?? [])]))];
  const approvers = [...new Set(r.steps.flatMap((s) => s.approve ?? []))];
  return [{ name: OPERATOR, roles }, ...(approvers.length > 0 ? [{ name: SECOND_OPERATOR, roles: approvers }] : [])];
}
