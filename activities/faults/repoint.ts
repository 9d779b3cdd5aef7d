/** Makes another replica follow the promoted one. */
import { z } from 'zod';
import { DrillError } from '../../core/errors.ts';
import { GtidSet } from '../../core/gtid.ts';
import type { Instant } from '../../core/time.ts';
import { nodeUp } from './nodes.ts';
import type { Target } from '../deps.ts';
import type { FaultModule } from './fault.ts';

const schema = z.strictObject({ node: z.string(), to: z.string() });
type Args = z.infer<typeof schema>;
const OBSERVE_MS = 10_000;

export const repoint: FaultModule<Args, Args> = {
  verb: 'repoint',
  undo: 'one-way',
  schema,
  title: (a) => `repoint ${a.node} to ${a.to}`,
  async prepare(t, a) {
    await nodeUp(t, a.to);
    await nodeUp(t, a.node);
    return a;
  },
  async inject(t, r, how) {
    const before = (how.saved as Instant | null) ?? (await t.platform.now());
    how.save(before);
    await t.system.repoint(r.node, r.to);
    return before;
  },
  async observe(t, r, _how, injected) {
    const deadline = Date.now() + OBSERVE_MS;
    for (;;) {
      const { source, gtidExecuted } = await t.system.position(r.node);
      if (source && [source.io, source.sql].every((s) => /^(on|yes)$/i.test(s))) {
        return {
          effect: { absent: injected as Instant, present: await t.platform.now(), probe: 'replication threads of the node' },
          facts: { node: r.node, source: r.to },
        };
      }
      if (Date.now() > deadline)
        throw new DrillError(
          'DRILL_FAULT_NOT_SEEN',
          `${r.node} does not follow ${r.to}: io ${source?.io}, sql ${source?.sql}, ${source?.lastError ?? ''}${await ahead(t, r, gtidExecuted)}`,
          `look at its error log; if it was ahead, promote with catch-up-from: [${r.node}]`,
        );
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  },
};

/** A replica that had received more when it was cut off cannot follow one that had received less: what both write to the same rows collides. */
async function ahead(t: Target, { node, to }: Args, executed: string): Promise<string> {
  const more = GtidSet.parse(executed).subtract(GtidSet.parse((await t.system.position(to)).gtidExecuted));
  return more.isEmpty() ? '' : `; ${node} was ahead of ${to} by ${more.toString()} when it was cut off`;
}
