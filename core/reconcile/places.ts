/** Where the logs hold each write: by GTID where the client knew it, by the write id in the row images where it did not. */
import type { LogPlace } from '../bundle.ts';
import type { GtidSet } from '../gtid.ts';
import type { ReconcileRules } from '../plan.ts';
import type { KeyIds } from './keys.ts';
import { changesOf } from './net.ts';
import type { ChangeOfKey, Shapes } from './net.ts';
import type { LoggedWrite, SideLog } from './side.ts';
import { writeIdOf } from './tables.ts';

/** A place and whether both sides share it. */
export interface Place extends LogPlace {
  beforeFork: boolean;
  /** ordinal in the new side's log; -1: it is not there, which before the fork means older than that log */
  inNew: number;
}

export interface WritePlaces {
  ofGtid(gtid: string): Place | undefined;
  ofWriteId(table: string, writeId: string): Place | undefined;
  /** every transaction that deleted the key, each GTID once */
  deletesOf(table: string, key: string): readonly Place[];
}

/**
 * Finds places in both logs. A GTID that is in both has its place on the old side: a replay does not move it. Memory: one entry per write of the kept
 * transactions and of those that the logs' readers noted.
 */
export function placesOf(old: SideLog, fresh: SideLog, fork: GtidSet, lost: GtidSet, shapes: Shapes, ids: KeyIds): WritePlaces {
  const writes = new Map<string, Place>();
  const deletes = new Map<string, Place[]>();
  const place = (gtid: string): Place | undefined => {
    const [inOld, inNew] = [old.order.indexOf(gtid), fresh.order.indexOf(gtid)];
    if (inOld === -1 && inNew === -1) return undefined;
    const side = inOld === -1 ? 'new' : 'old';
    return { side, index: side === 'old' ? inOld : inNew, gtid, lost: lost.has(gtid), beforeFork: fork.has(gtid), inNew };
  };
  const note = (side: SideLog, { gtid, table, w, key }: LoggedWrite) => {
    const at = `${table}\0${w ?? key}`;
    const is = place(gtid);
    if (!is || (side === fresh && is.side === 'old')) return;
    if (w === null) {
      const list = deletes.get(at);
      if (!list) deletes.set(at, [is]);
      else if (list.every((p) => p.gtid !== gtid)) list.push(is);
    } else if (!writes.has(at)) writes.set(at, is);
  };
  for (const side of [old, fresh]) {
    for (const tx of side.transactions) if (!tx.heartbeat) for (const c of changesOf(tx, shapes, ids)) if (!('reason' in c)) note(side, loggedWrite(c));
    for (const w of side.writes) note(side, w);
  }
  return {
    ofGtid: (gtid) => place(gtid.toLowerCase()),
    ofWriteId: (table, w) => writes.get(`${table}\0${w}`),
    deletesOf: (table, key) => deletes.get(`${table}\0${key}`) ?? [],
  };
}

/** A change as the ledger would know it: by the write id in its row, or as a delete of its key. */
export function loggedWrite({ shape, key, change }: ChangeOfKey): LoggedWrite {
  const w = change.after && writeIdOf(shape, change.after);
  return { gtid: change.tx.gtid, table: shape.name, w: w ?? (change.after ? '' : null), key };
}

/**
 * Order of two places: before the fork by the new side's log (the old one may begin later or end earlier), after it by log within a side and by the rule between the sides.
 * Where the old side wins, the new side's writes after `recoveredAt` (the new log's ordinal that put the old state in place) come after it.
 */
export function comparePlaces(a: Place, b: Place, rule: ReconcileRules['conflict'], recoveredAt: number | null): number {
  return rank(a, rule, recoveredAt) - rank(b, rule, recoveredAt) || ordinalOf(a) - ordinalOf(b);
}

const ordinalOf = (p: Place): number => (p.beforeFork && p.inNew !== -1 ? p.inNew : p.index);

function rank(p: Place, rule: ReconcileRules['conflict'], recoveredAt: number | null): number {
  if (p.beforeFork) return p.inNew === -1 ? 0 : 1;
  if (p.side === 'old') return 3;
  if (rule === 'new-wins') return 4;
  return recoveredAt !== null && p.index > recoveredAt ? 4 : 2;
}
