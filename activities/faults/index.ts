/** Every fault Drillbook can inject. A new fault is one file and its line here. */
import type { FaultModule } from './fault.ts';
import { killNode } from './kill-node.ts';
import { partition } from './partition.ts';
import { promote } from './promote.ts';
import { repoint } from './repoint.ts';

export const FAULTS = { partition, 'kill-node': killNode, promote, repoint } as const;

/** The module of a verb that the plan was compiled with. */
export function faultOf(verb: string): FaultModule {
  return (FAULTS as unknown as Record<string, FaultModule>)[verb]!;
}
