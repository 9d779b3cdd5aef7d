/** The Platform of a local lab: each method is one command to its holder. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { DrillError } from '../../../core/errors.ts';
import type { Platform } from '../../port.ts';
import { readLabState } from './lab.ts';
import type { LabState } from './layout.ts';
import { connectHolder } from './protocol.ts';

export interface LocalPlatform extends Platform {
  /** Resolves when the lab is gone. */
  lost: Promise<DrillError>;
  state: LabState;
  /** Ends a killed source's safe state: its next start is an ordinary one. A restart alone never does; a person says so, after the node was rebuilt as a replica. */
  liftSafeState(node: string): Promise<void>;
}

/** Throws DRILL_LAB_GONE when the lab of this lab.json does not run. */
export async function connectLocal(stateFile: string): Promise<LocalPlatform> {
  const state = await readLabState(stateFile);
  const holder = await connectHolder(state.socket);
  const ask = <T>(command: string, args: object = {}, timeoutMs?: number): Promise<T> => holder.ask(command, args, timeoutMs) as Promise<T>;
  return {
    state,
    lost: holder.lost,
    facts: () => ask('facts'),
    start: (node) => ask('start', { node }, 70_000),
    stop: (node) => ask('stop', { node }, 30_000),
    kill: (node, what) => ask('kill', { node, what }),
    liftSafeState: (node) => ask('lift', { node }),
    cut: (pairs, leaseMs) => ask('cut', { pairs, leaseMs }),
    renewCut: (pairs, leaseMs) => ask('renew', { pairs, leaseMs }),
    healCut: (pairs) => ask('heal', { pairs }),
    cutState: () => ask('cut-state'),
    watch: (pairs) => ask('watch', { pairs }),
    transitions: (pairs, to) => ask('transitions', { pairs, to }),
    moveService: (node) => ask('move-service', { node }),
    async spawn(name, argv, env, logFile) {
      const r = await ask<{ pid: number; attached: boolean }>('spawn', { name, argv, env, logFile });
      return { pid: pidOutside(r.pid, state.namespaces.pid) ?? 0, attached: r.attached };
    },
    end: (name, graceMs) => ask('end', { name, graceMs }, graceMs + 15_000),
    processes: () => ask('processes'),
    keepAlive: (ms) => ask('keep-alive', { ms }),
    now: () => ask('now'),
    close: () => holder.close(),
  };
}

/** A pid of the lab's namespace, as the outside counts; null when it has ended. */
function pidOutside(inner: number, pidNamespace: string): number | null {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const ids = /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${entry}/status`, 'utf8'))?.[1]?.split(/\s+/) ?? [];
      if (ids.length > 1 && ids.at(-1) === String(inner) && readlinkSync(`/proc/${entry}/ns/pid`) === pidNamespace) return Number(entry);
    } catch {
      // It ended while we looked.
    }
  }
  return null;
}
