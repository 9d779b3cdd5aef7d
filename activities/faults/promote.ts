/** Opens a replica for writes and moves the service address to it, as a VIP manager does. It applies all it has received; what it never received is the loss. */
import { z } from 'zod';
import type { EffectInterval, Instant } from '../../core/time.ts';
import { nodeUp } from './nodes.ts';
import type { FaultModule } from './fault.ts';

const schema = z.strictObject({ node: z.string() });
/** What an attempt saved: when the first one began, and the position at promotion once it is known. */
interface Saved {
  before: Instant;
  gtidExecuted?: string;
}
interface Promoted extends Required<Saved> {
  moved: EffectInterval;
}

export const promote: FaultModule<z.infer<typeof schema>, { node: string; gtidBefore: string }> = {
  verb: 'promote',
  undo: 'one-way',
  schema,
  title: (a) => `promote ${a.node}`,
  prepare: async (t, a) => ({ node: (await nodeUp(t, a.node)).name, gtidBefore: (await t.system.position(a.node)).gtidExecuted }),
  async inject(t, r, how): Promise<Promoted> {
    const saved = (how.saved as Saved | null) ?? { before: await t.platform.now() };
    how.save(saved);
    const gtidExecuted = saved.gtidExecuted ?? (await t.system.promote(r.node)).gtidExecuted;
    how.save({ ...saved, gtidExecuted });
    return { ...saved, gtidExecuted, moved: await t.platform.moveService(r.node) };
  },
  async observe(t, r, _how, injected) {
    const p = injected as Promoted;
    const position = await t.system.position(r.node);
    const effect = { absent: p.before, present: p.moved.present, probe: 'positions read before and after; the service address answered on the new node' };
    return { effect, facts: { node: r.node, gtidExecuted: p.gtidExecuted, serverUuid: position.serverUuid } };
  },
};
