/** Where the logs hold each write: by GTID where the client knew it, by the write id in the row images where it did not. */
import type { LogPlace } from '../bundle.ts';
import type { GtidSet } from '../gtid.ts';
import type { ReconcileRules } from '../plan.ts';
import { changesOf } from './lost.ts';
import type { Shapes } from './lost.ts';
import type { SideLog } from './side.ts';
import { writeIdOf } from './tables.ts';

/** A place and whether both sides share it. */
export interface Place extends LogPlace {
  beforeFork: boolean;
}

export interface WritePlaces {
  ofGtid(gtid: string): Place | undefined;
  ofWriteId(table: string, writeId: string): Place | undefined;
  /** every transaction that deleted the key, each GTID once */
  deletesOf(table: string, key: string): readonly Place[];
}

/** Indexes both logs. A GTID that is in both has its place on the old side: a replay does not move it. Memory: one entry per transaction and write. */
export function placesOf(old: SideLog, fresh: SideLog, fork: GtidSet, lost: GtidSet, shapes: Shapes): WritePlaces {
  const gtids = new Map<string, Place>();
  const writes = new Map<string, Place>();
  const deletes = new Map<string, Place[]>();
  for (const [side, log] of [
    ['old', old],
    ['new', fresh],
  ] as const) {
    for (const tx of log.transactions) {
      const seen = gtids.get(tx.gtid);
      const place = seen ?? { side, index: tx.index, gtid: tx.gtid, lost: lost.has(tx.gtid), beforeFork: fork.has(tx.gtid) };
      gtids.set(tx.gtid, place);
      if (seen || tx.heartbeat) continue;
      for (const c of changesOf(tx, shapes)) {
        if ('reason' in c) continue;
        const w = c.change.after && writeIdOf(c.shape, c.change.after);
        const at = `${c.shape.name}\0${w ?? c.key}`;
        if (w && !writes.has(at)) writes.set(at, place);
        else if (c.change.after === null) deletes.set(at, [...(deletes.get(at) ?? []), place]);
      }
    }
  }
  return {
    ofGtid: (gtid) => gtids.get(gtid.toLowerCase()),
    ofWriteId: (table, w) => writes.get(`${table}\0${w}`),
    deletesOf: (table, key) => deletes.get(`${table}\0${key}`) ?? [],
  };
}

/**
 * Order of two places: before the fork by log, after it by log within a side and by the rule between the sides.
 * Where the old side wins, the new side's writes after `recoveredAt` (the new log's ordinal that put the old state in place) come after it.
 */
export function comparePlaces(a: Place, b: Place, rule: ReconcileRules['conflict'], recoveredAt: number | null): number {
  return rank(a, rule, recoveredAt) - rank(b, rule, recoveredAt) || a.index - b.index;
}

function rank(p: Place, rule: ReconcileRules['conflict'], recoveredAt: number | null): number {
  // shared and only in the new log: older than the oldest log of the old side
  if (p.beforeFork) return p.side === 'new' ? 0 : 1;
  if (p.side === 'old') return 3;
  if (rule === 'new-wins') return 4;
  return recoveredAt !== null && p.index > recoveredAt ? 4 : 2;
}
