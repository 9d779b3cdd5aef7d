/**
 * The undo journal of a target: one fsynced file per (drill, fault), written before a fault is injected. It outlives the engine: a retry finds
 * it and never reads "before" again, and `drillbook heal` works from it alone. Beside it the exclusive lock of the drill on the target.
 */
import { closeSync, existsSync, linkSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DrillError } from '../core/errors.ts';
import type { EffectInterval } from '../core/time.ts';
import { syncFolder, writeDurably } from '../evidence/files.ts';

export type FaultPhase = 'prepared' | 'injected' | 'observed' | 'healing' | 'healed';
export interface JournalRecord {
  drillId: string;
  chainId: string;
  verb: string;
  phase: FaultPhase;
  undo: string;
  leaseMs: number | null;
  /** what prepare read: all that inject and heal need */
  record: unknown;
  /** what inject found, kept so that a retry does not do it again */
  injection: unknown;
  effect: EffectInterval | null;
  facts: Record<string, string>;
  preparedAtNs: string;
  /** what healing came to: a retry says the same */
  healed?: { how: 'drill' | 'lease' | 'vanished' | 'nothing'; effect: EffectInterval | null };
}

export class Journal {
  readonly #dir: string;
  readonly #drillId: string;

  constructor(workDir: string, drillId: string) {
    this.#dir = join(workDir, 'journal', drillId);
    this.#drillId = drillId;
  }

  get(chainId: string): JournalRecord | null {
    const file = join(this.#dir, `${chainId}.json`);
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as JournalRecord) : null;
  }
  put(record: Omit<JournalRecord, 'drillId'>): void {
    writeDurably(join(this.#dir, `${record.chainId}.json`), JSON.stringify({ drillId: this.#drillId, ...record }, null, 1));
  }
  update(chainId: string, change: Partial<JournalRecord>): JournalRecord {
    const next = { ...this.get(chainId)!, ...change };
    this.put(next);
    return next;
  }
  all(): JournalRecord[] {
    if (!existsSync(this.#dir)) return [];
    const files = readdirSync(this.#dir).filter((f) => f.endsWith('.json'));
    return files.map((f) => JSON.parse(readFileSync(join(this.#dir, f), 'utf8')) as JournalRecord);
  }

  /** The workflow asks the guard to end: it looks for this mark. */
  releaseGuard(): void {
    mkdirSync(this.#dir, { recursive: true });
    closeSync(openSync(join(this.#dir, 'guard-released'), 'w'));
  }
  get guardReleased(): boolean {
    return existsSync(join(this.#dir, 'guard-released'));
  }
}

/** Every journal on a target, for `drillbook heal`. */
export function drillsInJournal(workDir: string): string[] {
  const dir = join(workDir, 'journal');
  return existsSync(dir) ? readdirSync(dir) : [];
}

interface Lock {
  drillId: string;
  sinceWallMs: number;
  /** the residue check of the last drill did not come out clean: nobody drills here before `drillbook heal` */
  dirty: boolean;
}
const lockFile = (workDir: string) => join(workDir, 'lock.json');

export function readLock(workDir: string): Lock | null {
  return existsSync(lockFile(workDir)) ? (JSON.parse(readFileSync(lockFile(workDir), 'utf8')) as Lock) : null;
}

/**
 * Exclusive: DRILL_TARGET_IN_USE when another drill has it, DRILL_TARGET_DIRTY when one left residue. The same drill may take it again.
 * The lock appears whole or not at all: a file of the drill's own, linked to the lock's name.
 */
export function takeLock(workDir: string, drillId: string, nowMs: number): void {
  const own = `${lockFile(workDir)}.${drillId}`;
  try {
    writeDurably(own, JSON.stringify({ drillId, sinceWallMs: nowMs, dirty: false } satisfies Lock));
    linkSync(own, lockFile(workDir));
    syncFolder(workDir);
    return;
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== 'EEXIST') throw e;
  } finally {
    rmSync(own, { force: true });
  }
  const held = readLock(workDir);
  if (held?.drillId === drillId && !held.dirty) return;
  const since = new Date(held?.sinceWallMs ?? 0).toISOString();
  if (held?.dirty) throw new DrillError('DRILL_TARGET_DIRTY', `drill ${held.drillId} left residue on this target`, 'run `drillbook heal`, then start again');
  throw new DrillError(
    'DRILL_TARGET_IN_USE',
    `drill ${held?.drillId ?? '?'} has held this target since ${since}`,
    'wait for it, or abort it; if its engine is gone for good, run `drillbook heal`',
  );
}

export function releaseLock(workDir: string, drillId: string, clean: boolean): void {
  const held = readLock(workDir);
  if (held?.drillId !== drillId) return;
  if (clean) rmSync(lockFile(workDir), { force: true });
  else writeDurably(lockFile(workDir), JSON.stringify({ ...held, dirty: true } satisfies Lock));
}
/** After `drillbook heal` saw a clean target. */
export function clearLock(workDir: string): void {
  rmSync(lockFile(workDir), { force: true });
}
