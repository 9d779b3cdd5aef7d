import { DrillError } from '../../core/errors.ts';
import type { NodeFacts } from '../../targets/port.ts';
import type { Target } from '../deps.ts';

/** The facts of a node that must be running before it can be broken or promoted. */
export async function nodeUp(t: Target, name: string): Promise<NodeFacts> {
  const { nodes } = await t.platform.facts();
  const node = nodes.find((n) => n.name === name);
  if (!node) throw new DrillError('DRILL_UNKNOWN_NODE', `no node ${name} on target ${t.name}`, `it has ${nodes.map((n) => n.name).join(', ')}`);
  if (!node.running) throw new DrillError('DRILL_NODE_DOWN', `${name} is not running before the fault`, 'the target was not in its steady state');
  return node;
}
