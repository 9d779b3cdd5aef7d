/** The verdicts of reconcile.ts on keys that are judged part by part. */
import type { LostKey, ReconcileSummary } from '../bundle.ts';
import type { GtidSet } from '../gtid.ts';
import type { LedgerAttempt } from '../ledger.ts';
import type { Fork, ForkFinding, LostSet } from './fork.ts';
import type { KeyIds } from './keys.ts';
import { confrontAll, restated, settleKeys, Taken } from './lost.ts';
import type { FinalRows, KeyState, Shapes } from './lost.ts';
import type { Parts } from './parts.ts';
import { plannedOf, revivedChange, storedChange } from './plan-changes.ts';
import type { PlannedChange } from './plan-model.ts';
import { conclude, Tally } from './reconcile.ts';
import type { Reconciled, Sides } from './reconcile.ts';
import { RankedLines } from './spill.ts';
import type { Sequence, Spill } from './spill.ts';
import type { Row, Sha256, TableShape } from './tables.ts';

/** By table and identity. */
export type RowsByKey = ReadonlyMap<string, ReadonlyMap<string, readonly Row[]>>;

export interface PartsInput extends Sides {
  parts: Parts;
  shapes: Shapes;
  fork: Fork;
  /** its transactions are those that have statements */
  set: LostSet;
  /** of all lost transactions */
  counts: { heartbeats: number; acked: number };
  /** the rows of the new source that have the keys of a part, whose weights `ids` is to learn; gtid_executed before they were read */
  rowsOf(part: number, ids: KeyIds): Promise<RowsByKey>;
  bound: GtidSet;
  attempts: readonly LedgerAttempt[] | null;
  /** the ledger's keys as `table`, a zero, an identity, and the rows that have them */
  ledger: { ids: KeyIds; keys: readonly string[]; rows: RowsByKey };
  /** of these tables */
  cascades(told: readonly TableShape[]): Promise<readonly ForkFinding[]>;
  logs: ReconcileSummary['logs'];
  sha256: Sha256;
  /** what is told of each lost key is put there */
  spill: Spill;
  /** the changes that a plan is made of are wanted too */
  plan: boolean;
}

export interface JudgedParts extends Reconciled {
  changes: Sequence<PlannedChange> | null;
  tables: string[];
}

/** Memory: a part, the ledger, and the conflicts on unique values. */
export async function judgeParts(input: PartsInput): Promise<JudgedParts> {
  const { parts, set, bound, ledger } = input;
  const { unsupported } = parts;
  for (const [table, reason] of restated(set, new Set(parts.touched.keys()))) unsupported.set(table, reason);
  const told = [...parts.touched.values()].filter((s) => !unsupported.has(s.name));
  const lines = await linesOf(input, await takenIn(input, told));
  const finals: FinalRows = { rows: (table, id) => ledger.rows.get(table)?.get(id) ?? (ledger.rows.has(table) ? [] : null), bound };
  const divergence = { fork: input.fork, set, changes: { keys: lines.ofLedger, unsupported } };
  const concluded = conclude({ ...input, ids: ledger.ids, cascades: await input.cascades(told), finals, divergence }, lines.tally, input.counts);
  const { lost, changes } = lines;
  return { ...concluded, lost, changes, tables: [...told.map((s) => s.name), ...unsupported.keys()] };
}

/** Values of unique indexes that the lost part wants and the new side took: of all parts, before any is judged. */
async function takenIn({ parts, set, shapes, rules, clients }: PartsInput, told: readonly TableShape[]): Promise<Taken> {
  const taken = new Taken((value) => parts.wanted.has(value));
  if (told.every((s) => s.uniques.length === 0)) return taken;
  for (let n = 0; n < parts.count; n++) {
    const { ids, states, after } = await parts.open(n, 'new');
    confrontAll(states, after, shapes, { lost: set.lost, rules, clients, ids, taken });
  }
  return taken;
}

interface Lines {
  tally: Tally;
  lost: RankedLines<LostKey>;
  changes: RankedLines<PlannedChange> | null;
  /** keys that the ledger has too */
  ofLedger: KeyState[];
}

async function linesOf(input: PartsInput, taken: Taken): Promise<Lines> {
  const { parts, set, shapes, rules, clients, spill, bound } = input;
  let rows: RowsByKey = new Map();
  const finals: FinalRows = { rows: (table, id) => rows.get(table)?.get(id) ?? [], bound };
  const tally = new Tally({ finals, rules, sha256: input.sha256 });
  const lost = new RankedLines<LostKey>(spill);
  const changes = input.plan ? new RankedLines<PlannedChange>(spill, (json) => revivedChange(json, shapes)) : null;
  const ofLedger: KeyState[] = [];
  const ledgerKeys = new Set(input.ledger.keys);
  const take = (state: KeyState, at: string) => {
    const nth = state.lost[0]!.nth!;
    lost.add(nth, tally.add(state));
    const change = changes && plannedOf(state, finals, rules);
    if (change) changes.add(nth, storedChange(change));
    if (ledgerKeys.has(at)) ofLedger.push(state);
  };
  for (let n = 0; n < parts.count; n++) {
    const { ids, states, after } = await parts.open(n, 'new');
    confrontAll(states, after, shapes, { lost: set.lost, rules, clients, ids, taken: new Taken() });
    settleKeys(states.values(), taken, rules, ids);
    rows = await input.rowsOf(n, ids);
    lost.next();
    changes?.next();
    for (const [at, state] of states) if (!parts.unsupported.has(state.shape.name)) take(state, at);
  }
  lost.close();
  changes?.close();
  return { tally, lost, changes, ofLedger };
}
