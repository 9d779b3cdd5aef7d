/** Every lost row change is in place on the new source, or settled by the runbook's rule: read from the rows, never from GTID sets. */
import { z } from 'zod';
import type { LostKey } from '../../core/bundle.ts';
import type { CheckResult } from '../../core/history.ts';
import { reconcileDrill } from '../reconciliation.ts';
import { forkUnknown } from './check.ts';
import type { CheckModule } from './check.ts';

const schema = z.strictObject({});

export const recovered: CheckModule<z.infer<typeof schema>> = {
  name: 'recovered',
  schema,
  async run({ target, ref }) {
    const { summary, lost } = await reconcileDrill(target, ref, 'check');
    return forkUnknown(summary) ?? judgeRows(lost);
  },
};

export function judgeRows(lost: LostKey[]): Omit<CheckResult, 'check'> {
  const open = lost.filter((k) => k.inPlace === false);
  const untold = lost.filter((k) => k.inPlace === null);
  const details = [...open, ...untold]
    .slice(0, 20)
    .map((k) => `${k.table} ${k.key}: ${k.effect} ${k.inPlace === null ? `cannot be told: ${k.note ?? ''}` : 'not in place'}`);
  if (open.length > 0) return { verdict: 'fail', seen: `${open.length} of ${lost.length} lost rows are not in place`, details };
  if (untold.length > 0) return { verdict: 'unknown', seen: `${untold.length} of ${lost.length} lost rows cannot be told`, details };
  return { verdict: 'pass', seen: `all ${lost.length} lost rows are in place or settled by the rule`, details: [] };
}
