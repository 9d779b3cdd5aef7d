/** What the lost part did to each key, what the new side did to the same key meanwhile, and which state the rule demands (docs/semantics.md, 1 and 7). */
import type { LostKey } from '../bundle.ts';
import type { RowChange } from '../binlog/model.ts';
import { GtidSet } from '../gtid.ts';
import type { ConflictClass, ReconcileRules } from '../plan.ts';
import type { LostSet } from './fork.ts';
import type { SideTransaction } from './side.ts';
import { bodyDigest, bodyOf, keyOf, primaryOf, rowOfImage } from './tables.ts';
import type { Row, TableShape } from './tables.ts';

export interface KeyChange {
  tx: SideTransaction;
  before: Row | null;
  after: Row | null;
}
/** A change on the new side after the fork. `own`: a client's of the new side; otherwise it replays or recovers the lost part. */
export interface FreshChange extends KeyChange {
  own: boolean;
}

export interface KeyState {
  shape: TableShape;
  key: string;
  lost: KeyChange[];
  fresh: FreshChange[];
  /** bodies of the rows the lost part left, one after the other */
  lostBodies: Set<string>;
  /** its AUTO_INCREMENT id was given to another row on the new side */
  idTaken: boolean;
  conflict: ConflictClass | null;
  /** the state that must be there; undefined: a person must decide */
  demanded: Row | null | undefined;
  /** the demanded state is the lost part's: recovery is owed */
  owed: boolean;
}

/** Rows of the new source as read after the old log and before the end of the new one. */
export interface FinalRows {
  /** null: the table could not be read */
  rows(table: string, key: string): readonly Row[] | null;
  /** gtid_executed before the read: later transactions may or may not show */
  bound: GtidSet;
}

export interface LostChanges {
  keys: KeyState[];
  /** tables the lost part touched and that are not supported, with the reason */
  unsupported: Map<string, string>;
}

export type Shapes = ReadonlyMap<string, TableShape | string>;

const id = (table: string, key: string) => `${table}\0${key}`;

/** Changes of one row image by key; an update that changes its key is a delete and an insert. A string: why it cannot be told. */
export function* changesOf(
  tx: SideTransaction,
  shapes: Shapes,
): Generator<{ shape: TableShape; key: string; change: KeyChange } | { table: string; reason: string }> {
  for (const r of tx.rows) {
    const shape = shapes.get(r.table) ?? 'is not on the new source';
    if (typeof shape === 'string') {
      yield { table: r.table, reason: shape };
      continue;
    }
    const rows = rowsOf(shape, r);
    if (typeof rows === 'string') {
      yield { table: r.table, reason: rows };
      continue;
    }
    const from = rows.before && keyOf(shape, rows.before);
    const to = rows.after && keyOf(shape, rows.after);
    if (from !== null && to !== null && from !== to) {
      yield { shape, key: from, change: { tx, before: rows.before, after: null } };
      yield { shape, key: to, change: { tx, before: null, after: rows.after } };
    } else yield { shape, key: from ?? to ?? '', change: { tx, ...rows } };
  }
}

function rowsOf(shape: TableShape, r: RowChange): { before: Row | null; after: Row | null } | string {
  const before = r.before && rowOfImage(shape, r.before);
  const after = r.after && rowOfImage(shape, r.after);
  if (typeof before === 'string') return before;
  return typeof after === 'string' ? after : { before, after };
}

/**
 * Nets the lost transactions by key, and sets the new side's changes of the same keys against them.
 * `clients`: GTIDs that a ledger knows as its clients' writes: no recovery, whatever they look like.
 */
export function lostChanges(set: LostSet, shapes: Shapes, rules: ReconcileRules, clients: ReadonlySet<string>): LostChanges {
  const keys = new Map<string, KeyState>();
  const unsupported = new Map<string, string>();
  for (const tx of set.transactions) {
    if (tx.heartbeat) continue;
    for (const c of changesOf(tx, shapes)) {
      if ('reason' in c) {
        unsupported.set(c.table, c.reason);
        continue;
      }
      const at = id(c.shape.name, c.key);
      const state = keys.get(at) ?? {
        shape: c.shape,
        key: c.key,
        lost: [],
        fresh: [],
        lostBodies: new Set<string>(),
        idTaken: false,
        conflict: null,
        demanded: null,
        owed: true,
      };
      state.lost.push(c.change);
      if (c.change.after) state.lostBodies.add(bodyOf(c.shape, c.change.after)!);
      keys.set(at, state);
    }
  }
  const takenBy = new Map<string, Set<string>>();
  const touched = new Set([...keys.values()].map((k) => k.shape.name));
  for (const tx of set.after) {
    for (const c of changesOf(tx, shapes)) {
      if ('reason' in c) {
        // a table that the lost part did not touch owes nothing; one that it did cannot be told any more
        if (touched.has(c.table)) unsupported.set(c.table, c.reason);
        continue;
      }
      const state = keys.get(id(c.shape.name, c.key));
      const own = !set.lost.has(tx.gtid) && (clients.has(tx.gtid) || !(state && replays(state, c.change, rules)));
      state?.fresh.push({ ...c.change, own });
      if (own && c.shape.rekeyable && c.change.before === null && c.change.after) {
        const taken = id(c.shape.name, primaryOf(c.shape, c.change.after));
        takenBy.set(taken, (takenBy.get(taken) ?? new Set()).add(c.key));
      }
    }
  }
  for (const state of keys.values()) settle(state, takenBy, rules);
  return { keys: [...keys.values()].filter((k) => !unsupported.has(k.shape.name)), unsupported };
}

/**
 * The change leaves a state that the lost part had: a recovery or a replay, whoever made it and by whatever tool. A delete leaves nothing to know it by: where the
 * old side's delete wins it is taken for the recovery, since the other guess would have --apply delete what a client wrote after it.
 */
function replays(state: KeyState, change: KeyChange, rules: ReconcileRules): boolean {
  if (change.after === null) return rules.conflict === 'old-wins' && state.lost.at(-1)!.after === null;
  return state.lostBodies.has(bodyOf(state.shape, change.after)!);
}

function settle(state: KeyState, takenBy: Map<string, Set<string>>, rules: ReconcileRules): void {
  const { shape, lost } = state;
  const inserted = lost[0]!.before === null ? (lost.find((l) => l.after)?.after ?? null) : null;
  const others = inserted && takenBy.get(id(shape.name, primaryOf(shape, inserted)));
  state.idTaken = others ? [...others].some((k) => k !== state.key) : false;
  state.conflict = conflictOf(state);
  const { demanded, owed } = demandOf(state, state.fresh, rules);
  const undecided = shape.autoIncrement && !shape.rekeyable && state.conflict === 'insert/insert';
  state.demanded = undecided ? undefined : demanded;
  state.owed = owed;
}

function conflictOf(state: KeyState): ConflictClass | null {
  const { shape, lost, fresh } = state;
  const firstReplay = fresh.findIndex((c) => !c.own);
  const own = firstReplay === -1 ? fresh : fresh.slice(0, firstReplay);
  const oldRow = lost.at(-1)!.after;
  const newEnd = own.at(-1);
  if (newEnd) {
    if (oldRow && newEnd.after) {
      if (bodyOf(shape, oldRow) === bodyOf(shape, newEnd.after)) return null;
      return lost[0]!.before === null ? 'insert/insert' : 'update/update';
    }
    if (oldRow) return 'update/delete';
    return newEnd.after ? 'delete/update' : null;
  }
  return state.idTaken && oldRow ? 'insert/insert' : null;
}

/** New side wins: its own last state, else the lost part's. Old side wins: the lost part's, unless clients went on from it after it was put in place. */
function demandOf(state: KeyState, fresh: readonly FreshChange[], rules: ReconcileRules): { demanded: Row | null; owed: boolean } {
  const lastReplay = fresh.findLastIndex((c) => !c.own);
  const lastOwn = fresh.findLastIndex((c) => c.own);
  const newStands = rules.conflict === 'new-wins' ? lastOwn !== -1 : lastReplay !== -1 && lastOwn > lastReplay;
  return newStands ? { demanded: fresh[lastOwn]!.after, owed: false } : { demanded: state.lost.at(-1)!.after, owed: true };
}

/** True when the state that the rule demands is there, as of some moment between the read's bound and the end of the log. */
export function inPlace(state: KeyState, finals: FinalRows, rules: ReconcileRules): boolean | null {
  const { shape, demanded } = state;
  if (demanded === undefined) return false;
  const rows = finals.rows(shape.name, state.key);
  if (rows === null) return null;
  if (rows.length > 1) return false;
  const seen = bodyOf(shape, rows[0] ?? null);
  if (seen === bodyOf(shape, demanded)) return true;
  const sure = state.fresh.filter((c) => finals.bound.has(c.tx.gtid));
  if (sure.length === state.fresh.length) return false;
  const later = state.fresh.filter((c) => !finals.bound.has(c.tx.gtid)).map((c) => c.after);
  return [demandOf(state, sure, rules).demanded, ...later].some((r) => bodyOf(shape, r) === seen);
}

/** The new side's last change that put the lost part's state there: where the recovery of this key is to be found. A client's delete does it too. */
export function recoveryOf(state: KeyState): FreshChange | undefined {
  const owed = bodyOf(state.shape, state.lost.at(-1)!.after);
  return state.fresh.findLast((c) => (owed === null || !c.own) && bodyOf(state.shape, c.after) === owed);
}

/** Ordinal, in the new log, of the last replay or recovery that left the lost part's state; null: none did. */
export function recoveredAt(state: KeyState): number | null {
  const owed = bodyOf(state.shape, state.lost.at(-1)!.after);
  return state.fresh.findLast((c) => !c.own && bodyOf(state.shape, c.after) === owed)?.tx.index ?? null;
}

/** The line of lost.jsonl. */
export function lostKeyLine(state: KeyState, finals: FinalRows, rules: ReconcileRules): LostKey {
  const { shape, key, lost } = state;
  const before = lost[0]!.before;
  const after = lost.at(-1)!.after;
  const rows = finals.rows(shape.name, key);
  const note = noteOf(state, rows);
  return {
    table: shape.name,
    key,
    before: bodyDigest(shape, before),
    after: bodyDigest(shape, after),
    effect: bodyOf(shape, before) === bodyOf(shape, after) ? 'none' : before === null ? 'insert' : after === null ? 'delete' : 'update',
    conflict: state.conflict,
    gtids: GtidSet.of(lost.map((l) => l.tx.gtid)).toString(),
    inPlace: inPlace(state, finals, rules),
    ...(rows ? { seen: bodyDigest(shape, rows[0] ?? null) } : {}),
    ...(note ? { note } : {}),
  };
}

function noteOf(state: KeyState, rows: readonly Row[] | null): string {
  if (state.demanded === undefined)
    return 'two different rows were given this AUTO_INCREMENT id: a person must decide; with a declared identity column the old one can have a new id';
  if (rows && rows.length > 1) return `${rows.length} rows carry this identity`;
  const moved = rekeyNote(state, rows ?? []);
  if (moved) return moved;
  return state.conflict && !state.owed ? 'settled by the rule: the new side stands' : '';
}

/** Says so when the row is there under another AUTO_INCREMENT id than it had on the old side. */
export function rekeyNote({ shape, lost }: KeyState, rows: readonly Row[]): string {
  const was = lost.findLast((l) => l.after)?.after;
  const is = rows[0];
  if (!shape.rekeyable || !was || !is || primaryOf(shape, was) === primaryOf(shape, is)) return '';
  return `under AUTO_INCREMENT id ${primaryOf(shape, is)}, on the old side ${primaryOf(shape, was)}`;
}
