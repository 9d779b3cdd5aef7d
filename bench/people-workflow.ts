/** An update that carries and checks nothing: what Temporal itself takes for a word to a workflow and back. */
import { condition, defineUpdate, setHandler } from '@temporalio/workflow';

export const BARE_QUEUE = 'drillbook-bench-bare';
export const bare = defineUpdate<number>('bare');

export async function onlyAnswers(): Promise<void> {
  setHandler(bare, () => Date.now());
  await condition(() => false);
}
