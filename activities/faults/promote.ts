/** Opens a replica for writes and moves the service address to it, as a VIP manager does. It applies all it has received; what it never received is the loss. */
import { z } from 'zod';
import { DrillError } from '../../core/errors.ts';
import { GtidSet } from '../../core/gtid.ts';
import type { EffectInterval, Instant } from '../../core/time.ts';
import type { NodePosition } from '../../targets/port.ts';
import { nodeUp } from './nodes.ts';
import type { Target } from '../deps.ts';
import type { FaultModule } from './fault.ts';

const schema = z.strictObject({ node: z.string(), 'catch-up-from': z.array(z.string()).optional() });
interface Promotion {
  node: string;
  gtidBefore: string;
  /** what these have and the node does not have comes first */
  catchUpFrom?: string[];
}
/** What an attempt saved: when the first one began, and the position at promotion once it is known. */
interface Saved {
  before: Instant;
  gtidExecuted?: string;
}
interface Promoted extends Required<Saved> {
  moved: EffectInterval;
}

const CATCH_UP_MS = 30_000;

export const promote: FaultModule<z.infer<typeof schema>, Promotion> = {
  verb: 'promote',
  undo: 'one-way',
  schema,
  title: (a) => `promote ${a.node}${a['catch-up-from']?.length ? `, caught up from ${a['catch-up-from'].join(' and ')}` : ''}`,
  async prepare(t, { node, 'catch-up-from': catchUpFrom = [] }) {
    for (const other of catchUpFrom) await nodeUp(t, other);
    return { node: (await nodeUp(t, node)).name, gtidBefore: (await t.system.position(node)).gtidExecuted, catchUpFrom };
  },
  async inject(t, r, how): Promise<Promoted> {
    const saved = (how.saved as Saved | null) ?? { before: await t.platform.now() };
    how.save(saved);
    if (saved.gtidExecuted === undefined) for (const other of r.catchUpFrom ?? []) await catchUp(t, r.node, other);
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

/**
 * Two replicas that lose their source at one instant need not have received the same. Whoever had more could not follow whoever had less: what both write to the same rows
 * would collide.
 */
async function catchUp(t: Target, node: string, from: string): Promise<void> {
  const theirs = had(await t.system.position(from));
  if (had(await t.system.position(node)).contains(theirs)) return;
  await executed(t, from, theirs);
  await t.system.repoint(node, from);
  await executed(t, node, theirs);
}

/** Executed, or received and to be executed. */
const had = ({ gtidExecuted, source }: NodePosition): GtidSet => GtidSet.parse(gtidExecuted).union(GtidSet.parse(source?.retrieved ?? ''));

async function executed(t: Target, node: string, set: GtidSet): Promise<void> {
  if (await t.system.waitFor(node, set.toString(), CATCH_UP_MS)) return;
  throw new DrillError(
    'DRILL_APPLY_TIMEOUT',
    `${node} had not executed ${set.toString()} after ${CATCH_UP_MS / 1000} s`,
    'look at its replication and its error log',
  );
}
