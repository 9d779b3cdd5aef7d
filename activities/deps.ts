/** What activities are handed by the worker's composition root. */
import type { Platform, System } from '../targets/port.ts';
import type { Tools } from '../targets/tools.ts';
import type { EvidenceStore } from '../evidence/store.ts';

/** A target under drill, as activities see it. */
export interface Target {
  name: string;
  platform: Platform;
  system: System;
  /** resolves when the target's control process is gone */
  lost: Promise<Error>;
  /** where its control process is found; its folder names the session queue, stable across worker restarts */
  stateFile: string;
}

export interface Deps {
  tools: Tools;
  /** root folder of this installation (entry files of helper processes) */
  root: string;
  target(name: string): Promise<Target>;
  store(bundle: string): EvidenceStore;
  /** A real call to Temporal; rejects when there is no answer within the deadline. */
  pingEngine(deadlineMs: number): Promise<void>;
  /** where references to secrets are looked up */
  secretEnv: Readonly<Record<string, string | undefined>>;
  /** this worker's session queue for its target */
  sessionQueue: string;
}
