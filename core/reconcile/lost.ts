/** What the lost part did to each key, what the new side did to the same key meanwhile, and which state the rule demands (docs/semantics.md, 1 and 7). */
import type { LostKey } from '../bundle.ts';
import { GtidSet } from '../gtid.ts';
import type { ConflictClass, ReconcileRules } from '../plan.ts';
import type { LostSet } from './fork.ts';
import { KeyIds } from './keys.ts';
import { changesRows, mentions } from './mentions.ts';
import { alike, changesOf, idOf, stateAfter, States, takenOf } from './net.ts';
import type { ChangeOfKey, KeyChange, Shapes } from './net.ts';
import type { RowChange, SideTransaction } from './side.ts';
import { bodyDigest, holds, overlay, primaryOf, sameState } from './tables.ts';
import type { Row, Sha256, TableShape } from './tables.ts';

export type { KeyChange, Shapes } from './net.ts';

/** A change on the new side after the fork. `own`: a client's of the new side; otherwise it replays or recovers the lost part. */
export interface FreshChange extends KeyChange {
  own: boolean;
}

export interface KeyState {
  shape: TableShape;
  /** equal for rows that are the same to the server */
  id: string;
  /** for people */
  key: string;
  lost: KeyChange[];
  fresh: FreshChange[];
  /** net effect of the lost part: the state before it and after it; undefined cells were not logged, and owe nothing */
  before: Row | null;
  after: Row | null;
  /** unique indexes in which the lost part's state has a value that the new side gave to another row */
  taken: string[];
  /** of these, where the other row still has the value */
  held: string[];
  conflict: ConflictClass | null;
  /** the state that must be there; undefined: a person must decide */
  demanded: Row | null | undefined;
  /** the demanded state is the lost part's: recovery is owed */
  owed: boolean;
  /** a table without a key: equal rows that are owed, below 0 those that must go; null: the table has a key */
  copies: number | null;
  /** the same: equal rows that came, or went, beyond what was owed, and by no known client: a second replay, or somebody's own */
  excess: number;
}

/** Rows of the new source as read after the old log and before the end of the new one. */
export interface FinalRows {
  /** of KeyState.id; null: the table could not be read */
  rows(table: string, id: string): readonly Row[] | null;
  /** gtid_executed before the read: later transactions may or may not show */
  bound: GtidSet;
}

export interface LostChanges {
  keys: KeyState[];
  /** tables the lost part touched and that cannot be told, with the reason */
  unsupported: Map<string, string>;
}

/** A key of any table. */
const at = (c: ChangeOfKey): string => `${c.shape.name}\0${c.id}`;

/** The lost transactions by key, each with its net effect; nothing of the new side yet. */
export function netLost(set: Pick<LostSet, 'transactions'>, shapes: Shapes, ids: KeyIds): { keys: Map<string, KeyState>; unsupported: Map<string, string> } {
  const keys = new Map<string, KeyState>();
  const unsupported = new Map<string, string>();
  for (const tx of set.transactions) {
    if (tx.heartbeat) continue;
    for (const c of changesOf(tx, shapes, ids)) {
      if ('reason' in c) {
        unsupported.set(c.table, c.reason);
        continue;
      }
      const id = at(c);
      let state = keys.get(id);
      if (!state) keys.set(id, (state = newState(c)));
      state.lost.push(c.change);
      state.after = stateAfter(state.lost.length === 1 ? c.change.before : state.after, c.change);
      if (state.copies !== null) state.copies += stepOf(c.change);
    }
  }
  return { keys, unsupported };
}

/** Only weights or whole rows tell which of its rows are the same. */
export const folds = (shape: TableShape): boolean => !shape.key || [shape.key, ...shape.uniques].some((s) => s.parts.some((p) => p.how === 'weights'));

/** Whether a row change of the new side concerns a key or a unique value of the lost part; where only weights or whole rows could tell, it may. */
export function touchIndex(set: Pick<LostSet, 'transactions'>, shapes: Shapes, ids: KeyIds): (change: RowChange) => boolean {
  const touched = new Set<string>();
  const tables = new Set<string>();
  const folding = new Set<string>();
  for (const tx of set.transactions) {
    for (const c of changesOf(tx, shapes, ids)) {
      if ('reason' in c) continue;
      const { shape, change } = c;
      if (!tables.has(shape.name) && folds(shape)) folding.add(shape.name);
      tables.add(shape.name);
      touched.add(at(c));
      for (const { value } of takenOf(shape, change.after, ids)) touched.add(value);
    }
  }
  return (change) => {
    if (!tables.has(change.table)) return false;
    if (folding.has(change.table)) return true;
    const shape = shapes.get(change.table);
    if (!shape || typeof shape === 'string') return false;
    const row = (r: Row | null) => {
      const id = r && idOf(shape, r, ids);
      // it may be of any key: the table cannot be told
      if (id === null) return r !== null;
      return touched.has(`${shape.name}\0${id}`) || takenOf(shape, r, ids).some((t) => touched.has(t.value));
    };
    return row(change.before) || row(change.after && overlay(change.before, change.after));
  };
}

const newState = ({ shape, id, key, change }: ChangeOfKey): KeyState => ({
  shape,
  id,
  key,
  lost: [],
  fresh: [],
  before: change.before,
  after: null,
  taken: [],
  held: [],
  conflict: null,
  demanded: null,
  owed: true,
  copies: shape.key ? null : 0,
  excess: 0,
});

/**
 * Nets the lost transactions by key, and sets the new side's changes of the same keys against them.
 * `clients`: GTIDs that a ledger knows as its clients' writes: no recovery, whatever they look like.
 */
export function lostChanges(set: LostSet, shapes: Shapes, rules: ReconcileRules, clients: ReadonlySet<string>, ids: KeyIds = new KeyIds()): LostChanges {
  const { keys, unsupported } = netLost(set, shapes, ids);
  const taken = new Taken();
  const touched = new Set([...keys.values()].map((k) => k.shape.name));
  const how = { lost: set.lost, rules, clients, ids, taken };
  for (const tx of set.after) {
    for (const c of changesOf(tx, shapes, ids)) {
      // a table that the lost part did not touch owes nothing; one that it did cannot be told any more
      if (!('reason' in c)) confront(keys.get(at(c)), c, how);
      else if (touched.has(c.table)) unsupported.set(c.table, c.reason);
    }
  }
  for (const [table, reason] of restated(set, touched)) unsupported.set(table, reason);
  settleKeys(keys.values(), taken, rules, ids);
  return { keys: [...keys.values()].filter((k) => !unsupported.has(k.shape.name)), unsupported };
}

interface Confront {
  lost: GtidSet;
  rules: ReconcileRules;
  clients: ReadonlySet<string>;
  ids: KeyIds;
  taken: Taken;
}

/** Sets one change of the new side against what the lost part did to its key, in the order of the new side's log. `state`: none, when it did nothing. */
function confront(state: KeyState | undefined, c: ChangeOfKey, { lost, rules, clients, ids, taken }: Confront): void {
  const { gtid } = c.change.tx;
  const after = stateAfter(state?.fresh.at(-1)?.after ?? c.change.before, c.change);
  const change = after === c.change.after ? c.change : { ...c.change, after };
  const own = lost.has(gtid) ? !(state && repeats(state, change)) : clients.has(gtid) || !(state && replays(state, change, rules));
  state?.fresh.push({ ...change, own });
  if (state && state.copies !== null) {
    if (!own) state.copies -= stepOf(change);
    else if (!clients.has(gtid)) state.excess += repeated(state, change);
  }
  taken.change(c, own, ids);
}

/** The same for whole transactions of which nothing is untold: keys of a part, see core/reconcile/parts.ts. */
export function confrontAll(keys: ReadonlyMap<string, KeyState>, after: readonly SideTransaction[], shapes: Shapes, how: Confront): void {
  for (const tx of after) for (const c of changesOf(tx, shapes, how.ids)) if (!('reason' in c)) confront(keys.get(at(c)), c, how);
}

/** Unique values and classes of conflicts, once the whole log of the new side is known. */
export function settleKeys(keys: Iterable<KeyState>, taken: Taken, rules: ReconcileRules, ids: KeyIds): void {
  for (const state of keys) {
    state.taken = takenFrom(state, taken.by, ids);
    state.held = takenFrom(state, taken.held, ids);
    if (state.copies === null) settle(state, rules);
    else settleCopies(state);
  }
}

/** Tables whose rows a statement without row images may have changed: what the images say of them is not all. */
export function restated(set: Pick<LostSet, 'transactions' | 'after'>, tables: ReadonlySet<string>): Map<string, string> {
  const found = new Map<string, string>();
  for (const [where, transactions] of [
    ['in the lost part', set.transactions],
    ['on the new side after the fork', set.after],
  ] as const) {
    for (const t of transactions) {
      for (const s of t.statements) {
        if (!changesRows(s)) continue;
        for (const table of tables)
          if (!found.has(table) && mentions(s, table)) found.set(table, `was changed by a statement without row images ${where} (${t.gtid})`);
      }
    }
  }
  return found;
}

/** Who took which unique value on the new side by a change of its own, and who has it. Memory: of those values that are wanted. */
export class Taken {
  readonly by = new Map<string, Set<string>>();
  readonly held = new Map<string, Set<string>>();
  private readonly wants: (value: string) => boolean;

  constructor(wants: (value: string) => boolean = () => true) {
    this.wants = wants;
  }

  /** Of a new row everything it has, of a changed one what it had not before. What it had and has no more, others may have. */
  change({ shape, id, change }: ChangeOfKey, own: boolean, ids: KeyIds): void {
    if (shape.uniques.length === 0) return;
    const had = new Set(takenOf(shape, change.before, ids).map((t) => t.value));
    const has = new Set(takenOf(shape, change.after, ids).map((t) => t.value));
    for (const value of had) if (!has.has(value)) this.held.get(value)?.delete(id);
    if (!own) return;
    for (const value of has) {
      if (had.has(value) || !this.wants(value)) continue;
      for (const map of [this.by, this.held]) {
        const by = map.get(value);
        if (by) by.add(id);
        else map.set(value, new Set([id]));
      }
    }
  }
}

function takenFrom({ shape, id, lost, before }: KeyState, takenBy: Map<string, Set<string>>, ids: KeyIds): string[] {
  const left = lost.findLast((l) => l.after)?.after ?? null;
  const had = new Set(takenOf(shape, before, ids).map((t) => t.value));
  return takenOf(shape, left, ids)
    .filter(({ value }) => !had.has(value) && [...(takenBy.get(value) ?? [])].some((other) => other !== id))
    .map((t) => t.index);
}

/**
 * The change leaves a state that the lost part had: a recovery or a replay, whoever made it and by whatever tool. A delete leaves nothing to know it by: where the
 * old side's delete wins it is taken for the recovery, since the other guess would have --apply delete what a client wrote after it.
 */
function replays(state: KeyState, change: KeyChange, rules: ReconcileRules): boolean {
  // as many as are still owed; what comes on top is somebody's own
  if (state.copies !== null) return Math.sign(stepOf(change)) === Math.sign(state.copies);
  if (change.after === null) return rules.conflict === 'old-wins' && state.after === null;
  return statesOf(state).has(change.after);
}

/** Of keys that both sides touched only: the states that the lost part left, one after the other. */
const lostStates = new WeakMap<KeyState, States>();
function statesOf(state: KeyState): States {
  const known = lostStates.get(state);
  if (known) return known;
  const states = new States(state.shape);
  let row = state.before;
  for (const change of state.lost) {
    row = stateAfter(row, change);
    if (row) states.add(row);
  }
  lostStates.set(state, states);
  return states;
}

/** A lost GTID on the new side does what it did on the old one; if it does not, a server gave its number again, and a client of the new side wrote this. */
function repeats({ shape, lost }: KeyState, change: KeyChange): boolean {
  return lost.some((l) => l.tx.gtid === change.tx.gtid && (l.after && change.after ? alike(shape, l.after, change.after) : l.after === change.after));
}

/** Of a row without a key: one more, one less. */
const stepOf = (c: Pick<KeyChange, 'before' | 'after'>): number => (c.after ? 1 : 0) - (c.before ? 1 : 0);

/** Of a row without a key, when nothing is owed any more: 1 where the change does once more what the lost part did. */
const repeated = ({ lost }: KeyState, change: KeyChange): number =>
  Math.sign(stepOf(change)) === Math.sign(lost.reduce((sum, l) => sum + stepOf(l), 0)) && stepOf(change) !== 0 ? 1 : 0;

function settle(state: KeyState, rules: ReconcileRules): void {
  const { shape } = state;
  state.conflict = conflictOf(state);
  const { demanded, owed } = demandOf(state, state.fresh, rules);
  const other = state.held.some((index) => !(shape.rekeyable && index === 'PRIMARY'));
  const undecided = state.conflict === 'insert/insert' && state.after !== null && (other || (shape.autoIncrement && !shape.rekeyable));
  state.demanded = undecided ? undefined : demanded;
  state.owed = owed;
}

/** Without a key both sides' changes add up: what the lost part did and no replay has done since is owed. */
function settleCopies(state: KeyState): void {
  const lost = state.lost.reduce((sum, l) => sum + stepOf(l), 0);
  state.demanded = lost > 0 ? (state.lost.find((l) => l.after)?.after ?? null) : null;
  state.after = state.demanded;
  state.before = lost < 0 ? (state.lost.find((l) => l.before)?.before ?? null) : null;
}

function conflictOf(state: KeyState): ConflictClass | null {
  const { shape, lost, fresh } = state;
  const firstReplay = fresh.findIndex((c) => !c.own);
  const own = firstReplay === -1 ? fresh : fresh.slice(0, firstReplay);
  const oldRow = state.after;
  const newEnd = own.at(-1);
  if (newEnd) {
    if (oldRow && newEnd.after) {
      if (sameState(shape, oldRow, newEnd.after)) return null;
      return lost[0]!.before === null ? 'insert/insert' : 'update/update';
    }
    if (oldRow) return 'update/delete';
    return newEnd.after ? 'delete/update' : null;
  }
  return state.taken.length > 0 && oldRow ? 'insert/insert' : null;
}

/** New side wins: its own last state, else the lost part's. Old side wins: the lost part's, unless clients went on from it after it was put in place. */
function demandOf(state: KeyState, fresh: readonly FreshChange[], rules: ReconcileRules): { demanded: Row | null; owed: boolean } {
  // a replay that left an earlier state of the lost part did not put it in place
  const lastReplay = fresh.findLastIndex((c) => !c.own && holds(state.shape, c.after, state.after));
  const lastOwn = fresh.findLastIndex((c) => c.own);
  const newStands = rules.conflict === 'new-wins' ? lastOwn !== -1 : lastReplay !== -1 && lastOwn > lastReplay;
  return newStands ? { demanded: fresh[lastOwn]!.after, owed: false } : { demanded: state.after, owed: true };
}

/** True when the state that the rule demands is there, as of some moment between the read's bound and the end of the log. */
export function inPlace(state: KeyState, finals: FinalRows, rules: ReconcileRules): boolean | null {
  const { shape, demanded } = state;
  const rows = finals.rows(shape.name, state.id);
  if (rows === null) return null;
  if (state.copies !== null) return state.copies !== 0 || rows.length < copiesThere(state) ? false : state.excess > 0 ? null : true;
  if (demanded === undefined || rows.length > 1) return false;
  const seen = rows[0] ?? null;
  if (holds(shape, seen, demanded)) return true;
  const sure = state.fresh.filter((c) => finals.bound.has(c.tx.gtid));
  if (sure.length === state.fresh.length) return false;
  const later = state.fresh.filter((c) => !finals.bound.has(c.tx.gtid)).map((c) => c.after);
  return [demandOf(state, sure, rules).demanded, ...later].some((r) => holds(shape, seen, r));
}

/** Equal rows without a key that must be there at least: those that the lost part left over, less those that the new side took away itself. */
function copiesThere(state: KeyState): number {
  const lost = state.lost.reduce((sum, l) => sum + stepOf(l), 0);
  return lost + state.fresh.reduce((sum, f) => sum + (f.own ? Math.min(0, stepOf(f)) : 0), 0);
}

/** The new side's last change that put the lost part's state there: where the recovery of this key is to be found. A client's delete does it too. */
export function recoveryOf(state: KeyState): FreshChange | undefined {
  return state.fresh.findLast((c) => (state.after === null || !c.own) && holds(state.shape, c.after, state.after));
}

/** Ordinal, in the new log, of the last replay or recovery that left the lost part's state; null: none did. */
export function recoveredAt(state: KeyState): number | null {
  return state.fresh.findLast((c) => !c.own && holds(state.shape, c.after, state.after))?.tx.index ?? null;
}

/** The line of lost.jsonl. */
export function lostKeyLine(state: KeyState, finals: FinalRows, rules: ReconcileRules, sha256: Sha256): LostKey {
  const { shape, key, lost, before, after } = state;
  const rows = finals.rows(shape.name, state.id);
  const note = noteOf(state, rows);
  const unchanged = sameState(shape, before, after);
  return {
    table: shape.name,
    key,
    before: bodyDigest(shape, before, sha256),
    after: bodyDigest(shape, after, sha256),
    effect: unchanged ? 'none' : before === null ? 'insert' : after === null ? 'delete' : 'update',
    conflict: state.conflict,
    gtids: lost.length === 1 ? lost[0]!.tx.gtid : GtidSet.of(new Set(lost.map((l) => l.tx.gtid))).toString(),
    inPlace: inPlace(state, finals, rules),
    ...(rows ? { seen: bodyDigest(shape, rows[0] ?? null, sha256) } : {}),
    ...(note ? { note } : {}),
  };
}

function noteOf(state: KeyState, rows: readonly Row[] | null): string {
  const { shape, copies, taken } = state;
  if (copies !== null && copies !== 0)
    return `the table has no key: ${Math.abs(copies)} equal row${Math.abs(copies) === 1 ? '' : 's'} ${copies > 0 ? 'missing' : 'too many'}`;
  if (copies !== null && state.excess > 0)
    return `the table has no key, and ${state.excess} equal row${state.excess === 1 ? '' : 's'} ${state.demanded ? 'came' : 'went'} beyond what was owed: a second replay, or somebody's own`;
  if (state.demanded === undefined && shape.autoIncrement)
    return 'two different rows were given this AUTO_INCREMENT id: a person must decide; with a declared identity column the old one can have a new id';
  if (state.demanded === undefined) return `its value in ${taken.join(', ')} was given to another row on the new side: a person must decide`;
  if (copies === null && rows && rows.length > 1) return `${rows.length} rows carry this identity`;
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
