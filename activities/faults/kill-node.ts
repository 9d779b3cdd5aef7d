/** A node dies whole: process killed, link down, addresses gone. One-way: it comes back only in its safe state (read-only, offline, no service address). */
import { z } from 'zod';
import { nodeUp } from './nodes.ts';
import type { EffectInterval, Instant } from '../../core/time.ts';
import type { FaultModule } from './fault.ts';

const schema = z.strictObject({ node: z.string() });

export const killNode: FaultModule<z.infer<typeof schema>, { node: string }> = {
  verb: 'kill-node',
  undo: 'one-way',
  schema,
  title: (a) => `kill ${a.node}`,
  prepare: async (t, a) => ({ node: (await nodeUp(t, a.node)).name }),
  /** After a crash the node may be dead already: then it died between the first attempt's beginning and now. */
  async inject(t, r, how) {
    const earlier = how.saved as Instant | null;
    if (!earlier) how.save(await t.platform.now());
    const effect = await t.platform.kill(r.node, 'node');
    return earlier ? { ...effect, absent: earlier } : effect;
  },
  observe: async (t, r, _how, injected) => {
    const { service } = await t.platform.facts();
    return { effect: injected as EffectInterval, facts: { node: r.node, serviceHolders: service.holders.join(', ') || 'none' } };
  },
};
