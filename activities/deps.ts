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
  /** folder id that is stable across worker restarts: names the session queue */
  dataFolderId: string;
}

export interface Deps {
  tools: Tools;
  /** root folder of this installation (entry files of helper processes) */
  root: string;
  target(name: string): Promise<Target>;
  store(bundle: string): EvidenceStore;
  /** A real call to Temporal; rejects when there is no answer within the deadline. */
  pingEngine(deadlineMs: number): Promise<void>;
  /** this worker's session queue for a target */
  sessionQueue(dataFolderId: string): string;
}
