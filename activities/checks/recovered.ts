/** Every lost row change is in place on the new source, or settled by the runbook's rule: read from the rows, never from GTID sets. */
import { z } from 'zod';
import type { LostKey } from '../../core/bundle.ts';
import type { CheckResult } from '../../core/history.ts';
import type { Sequence } from '../../core/reconcile/spill.ts';
import { reconcileDrill } from '../reconciliation.ts';
import { forkUnknown } from './check.ts';
import type { CheckModule } from './check.ts';

const schema = z.strictObject({});

export const recovered: CheckModule<z.infer<typeof schema>> = {
  name: 'recovered',
  schema,
  async run({ target, ref }) {
    using result = await reconcileDrill(target, ref, 'check');
    const { summary, lost } = result;
    return forkUnknown(summary) ?? judgeRows(lost);
  },
};

const NAMED_MAX = 20;

export function judgeRows(lost: Sequence<LostKey>): Omit<CheckResult, 'check'> {
  const [open, untold]: [string[], string[]] = [[], []];
  const counts = { open: 0, untold: 0 };
  for (const k of lost) {
    if (k.inPlace === true) continue;
    const [named, text] = k.inPlace === null ? [untold, `cannot be told: ${k.note ?? ''}`] : [open, 'not in place'];
    counts[k.inPlace === null ? 'untold' : 'open']++;
    if (named.length < NAMED_MAX) named.push(`${k.table} ${k.key}: ${k.effect} ${text}`);
  }
  const details = [...open, ...untold].slice(0, NAMED_MAX);
  if (counts.open > 0) return { verdict: 'fail', seen: `${counts.open} of ${lost.length} lost rows are not in place`, details };
  if (counts.untold > 0) return { verdict: 'unknown', seen: `${counts.untold} of ${lost.length} lost rows cannot be told`, details };
  return { verdict: 'pass', seen: `all ${lost.length} lost rows are in place or settled by the rule`, details: [] };
}
