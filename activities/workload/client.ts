/** Speaks to a running writer through its control socket; every call has a deadline and says DRILL_CONTROL_DOWN when nobody answers. */
import { basename, dirname } from 'node:path';
import type { WriterStatus } from './config.ts';
import { askControl } from './control.ts';

const ASK_MS = 3000;
/** Longer than any workload's timeoutMs, which is the most that a stop waits for. */
const STOP_MS = 65_000;

export interface WriterClient {
  status(): Promise<WriterStatus>;
  /** Idempotent. Returns when the phase began, monotonic ns. Throws DRILL_PHASE_UNKNOWN. */
  phase(phase: string): Promise<{ phase: string; sinceNs: string }>;
  /** Stops the arrivals; resolves with the number of logical writes when the ledger is closed and on disk. The process ends right after. */
  stop(): Promise<number>;
}

/** @param socketPath WRITER_SOCKET in the writer's `dir` */
export function writerClient(socketPath: string): WriterClient {
  const ask = (request: object, deadlineMs: number) => askControl(dirname(socketPath), basename(socketPath), request, deadlineMs);
  return {
    status: async () => (await ask({ op: 'status' }, ASK_MS)) as unknown as WriterStatus,
    phase: async (phase) => (await ask({ op: 'phase', phase }, ASK_MS)) as unknown as { phase: string; sinceNs: string },
    stop: async () => Number((await ask({ op: 'stop' }, STOP_MS))['writes']),
  };
}
