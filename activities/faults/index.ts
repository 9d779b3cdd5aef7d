/** Every fault Drillbook can inject. A new fault is one file and its line here. */
import type { FaultModule } from './fault.ts';
import { killNode } from './kill-node.ts';
import { partition } from './partition.ts';
import { promote } from './promote.ts';
import { repoint } from './repoint.ts';

export const FAULTS = { partition, 'kill-node': killNode, promote, repoint } as const;
export type Verb = keyof typeof FAULTS;

export function faultOf(verb: string): FaultModule {
  return FAULTS[verb as Verb] as unknown as FaultModule;
}
