/** The list of lost transactions that a person made is the one that the logs show: no more, no less. */
import { z } from 'zod';
import { GtidSet } from '../../core/gtid.ts';
import type { CheckResult } from '../../core/history.ts';
import { reconcileDrill } from '../reconciliation.ts';
import { forkUnknown } from './check.ts';
import type { CheckModule } from './check.ts';

const schema = z.strictObject({ input: z.string() });

export const lostListed: CheckModule<z.infer<typeof schema>> = {
  name: 'lost-listed',
  schema,
  async run({ target, ref, inputs }, { input }) {
    using result = await reconcileDrill(target, ref, 'check');
    const { summary } = result;
    return forkUnknown(summary) ?? judgeList(inputs[input] ?? '', summary);
  },
};

/** The signed list against the one that was found, as sets: how they are written does not matter. */
export function judgeList(signed: string, summary: { lost: string; lostCount: number }): Omit<CheckResult, 'check'> {
  const [given, found] = [GtidSet.parse(signed), GtidSet.parse(summary.lost)];
  const details = [`signed: ${given.toString() || '(none)'}`, `found in the logs: ${found.toString() || '(none)'}`];
  const [extra, missing] = [given.subtract(found), found.subtract(given)];
  if (extra.isEmpty() && missing.isEmpty()) return { verdict: 'pass', seen: `${summary.lostCount} lost transactions, as the logs show`, details };
  const parts = [missing.isEmpty() ? '' : `not listed: ${missing.toString()}`, extra.isEmpty() ? '' : `listed but not lost: ${extra.toString()}`];
  return { verdict: 'fail', seen: parts.filter(Boolean).join('; '), details };
}
