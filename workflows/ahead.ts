/** Steps made ready while people work on the one before them. */
import type { StepPlan } from '../core/plan.ts';
import type { DrillRun } from './run.ts';

/** What a step that opens shows, in the evidence store. */
export interface View {
  viewDigest: string;
  instructionsDigest: string;
}

/** What the one who does it says ends the step: nothing checks it, and nobody else has a say. */
export const checkedLater = (run: Pick<DrillRun, 'steps'>, id: string): boolean => {
  const { checks, approve } = run.steps.planOf(id);
  return checks.length > 0 || approve !== undefined;
};

/**
 * Steps made ready while people work on the one before, so that a sign-off that needs no check opens the next step at once, without an activity in between. Only what cannot
 * come out otherwise is made ahead: nothing is checked, approved or filled in before it opens.
 */
export class Ahead {
  readonly #run: Pick<DrillRun, 'steps' | 'act' | 'ref'>;
  /** by step; `inputs`: those of earlier steps, with which it was rendered */
  readonly #prepared = new Map<string, { view: View | null; inputs: string } | 'coming'>();

  constructor(run: Pick<DrillRun, 'steps' | 'act' | 'ref'>) {
    this.#run = run;
  }

  /** Steps that the next sign-offs could open. */
  wanted(): string[] {
    const { steps } = this.#run;
    const sure = (id: string): boolean =>
      steps.over(id) || (steps.isOpen(id, steps.stateOf(id).attempt) && !checkedLater(this.#run, id) && steps.planOf(id).inputs.length === 0);
    const next = ({ needs }: StepPlan): boolean => needs.every(sure) && !needs.every((id) => steps.over(id));
    return steps.states.filter((s) => s.status === 'pending' && s.attempt === 1 && !this.#prepared.has(s.id) && next(steps.planOf(s.id))).map((s) => s.id);
  }

  async prepare(id: string): Promise<void> {
    this.#prepared.set(id, 'coming');
    const inputs = this.#inputs();
    const asked = { stepId: id, attempt: 1, sentBack: [], inputs: this.#run.steps.inputs, ahead: true };
    // what is wrong is said when it is the step's turn
    const view = await this.#run.act.openStep(this.#run.ref, asked).catch(() => null);
    this.#prepared.set(id, { view, inputs });
  }

  /** undefined: it is not there, or no longer what would be shown. */
  take(id: string): View | undefined {
    const prepared = this.#prepared.get(id);
    if (prepared === undefined || prepared === 'coming' || prepared.inputs !== this.#inputs() || this.#run.steps.stateOf(id).attempt > 1) return undefined;
    return prepared.view ?? undefined;
  }

  #inputs(): string {
    return JSON.stringify(Object.entries(this.#run.steps.inputs).filter(([, values]) => Object.keys(values).length > 0));
  }
}
