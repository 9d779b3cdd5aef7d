/** Temporal's own lists of drills, kept true while a drill goes on. A drill that was started without the attributes (the server does not know them) sets none. */
import { CancellationScope, condition, upsertSearchAttributes } from '@temporalio/workflow';
import { ATTRIBUTES } from '../core/attributes.ts';
import type { DrillRun } from './run.ts';

/**
 * Ends with the drill, also with one that Temporal cancels. Each renewal is an event and a write to the list's database, so there is none between two steps: a list may say for that moment what the step
 * before waited for.
 */
export async function keepListed(run: DrillRun): Promise<void> {
  if (run.input.listed) await CancellationScope.nonCancellable(() => keep(run));
}

async function keep(run: DrillRun): Promise<void> {
  let [phase, waits] = ['', ''];
  const now = () => (run.phase === 'manual' ? run.steps.waits.join('\n') || waits : '');
  for (;;) {
    await condition(() => run.phase !== phase || now() !== waits);
    [phase, waits] = [run.phase, now()];
    upsertSearchAttributes([
      { key: ATTRIBUTES.phase, value: phase },
      { key: ATTRIBUTES.waits, value: waits === '' ? null : waits.split('\n') },
      ...(run.phase === 'ended' ? [{ key: ATTRIBUTES.verdict, value: run.verdict }] : []),
    ]);
    if (phase === 'ended') return;
  }
}
