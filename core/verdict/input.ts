/** What a verdict is a function of, and the small words its parts share. */
import type { Convergence, Fate, FateLine, LostKey, ReconcileSummary, RowLine, StalenessSample } from '../bundle.ts';
import type { HistoryEntry, HistoryEvent, Verdict } from '../history.ts';
import type { LedgerAttempt } from '../ledger.ts';
import type { Plan } from '../plan.ts';

/** The bundle, read and its chains verified. null or an empty list: the file was not there, which is never taken for a good sign. */
export interface VerdictInput {
  plan: Plan;
  history: readonly HistoryEntry[];
  attempts: readonly LedgerAttempt[];
  fates: readonly FateLine[];
  /** final reads of every node */
  rows: Iterable<RowLine>;
  lost: readonly LostKey[];
  reconcile: ReconcileSummary | null;
  convergence: Convergence | null;
  samples: readonly StalenessSample[];
  /** what the loader could not read or did not believe: a broken chain, a missing file, a digest that does not fit */
  findings: readonly { severity: 'note' | 'unknown' | 'fail'; text: string }[];
}

export interface Reason {
  verdict: Verdict;
  text: string;
  /** the disaster was not the one that was ordered */
  notReproduced?: true;
}

export const fail = (text: string): Reason => ({ verdict: 'fail', text });
export const unknown = (text: string): Reason => ({ verdict: 'unknown', text });
export const notReproduced = (text: string): Reason => ({ verdict: 'unknown', text, notReproduced: true });

export type EventOf<K extends HistoryEvent['kind']> = Extract<HistoryEntry, { kind: K }>;

export function eventsOf<K extends HistoryEvent['kind']>(history: readonly HistoryEntry[], kind: K): EventOf<K>[] {
  return history.filter((e): e is EventOf<K> => e.kind === kind);
}

/** The node that serves in the end: that of the last promotion; null when there was none. */
export function newSourceOf(history: readonly HistoryEntry[]): string | null {
  return eventsOf(history, 'fault-injected').findLast((e) => e.verb === 'promote')?.facts['node'] ?? null;
}

/** Writes whose effect is not as it must be: what RPO after recovery counts. */
export const BAD_FATES: readonly Fate[] = ['missing', 'altered', 'duplicated'];

export function countFates(fates: readonly FateLine[]): Record<Fate, number> {
  const counts: Record<Fate, number> = { present: 0, superseded: 0, missing: 0, altered: 0, duplicated: 0, 'no-op': 0, unknown: 0 };
  for (const { fate } of fates) if (fate) counts[fate] += 1;
  return counts;
}

export const badOf = (counts: Record<Fate, number>): number => BAD_FATES.reduce((sum, fate) => sum + counts[fate], 0);

/** 4,893 */
export const many = (n: number): string => String(n).replaceAll(/\B(?=(\d{3})+$)/g, ',');
/** "1 write", "545 writes" */
export const counted = (n: number, noun: string): string => `${many(n)} ${noun}${n === 1 ? '' : 's'}`;
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
