/** A recovery plan: what is to change on the new source, in transactions whose order respects keys, and what only a person can decide. Pure. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { ConflictClass } from '../plan.ts';
import type { Cells, TableInfo } from './schema.ts';

export interface PlannedChange {
  table: TableInfo;
  /** the identity, for people */
  key: string;
  /** the identity's cells, undefined elsewhere; of a row without an identity: all its cells */
  where: Cells;
  /** the row the plan saw, all columns; null: none */
  seen: Cells | null;
  /** the row to have, undefined cells are left as they are (an INSERT leaves them to the server); null: none */
  target: Cells | null;
  /** rows without an identity: how many equal rows the plan saw, and how many there must be; `seen` and `target` are then both the row */
  copies?: { seen: number; target: number };
  /** the AUTO_INCREMENT id means nothing and no foreign key names it: where it is taken, the server gives another */
  rekey?: boolean;
  /** of the lost transactions it comes from */
  gtids: readonly string[];
  /** safe: nobody else changed the row; rule: a conflict that the rule settled; person: only a person can decide */
  kind: 'safe' | 'rule' | 'person';
  conflict: ConflictClass | null;
  note: string;
}

/** What is committed as one. */
export interface PlannedTransaction {
  /** from 1, its name in the journal */
  number: number;
  /** the lost transactions it puts in place */
  gtids: readonly string[];
  /** in the order in which they are made */
  changes: readonly PlannedChange[];
  /** row events instead of statements, which `--apply` sends; the reason in words, null: statements do */
  needsApply: string | null;
}

export interface RecoveryPlan {
  /** SHA-256 of everything below but the numbers */
  digest: string;
  /** what both sides had, as a GTID set; empty: not known */
  fork: string;
  /** what the new source had executed when its rows were read: a plan that is made again later has a journal of its own */
  read: string;
  /** names the new source, nowhere else does the plan change anything: server_uuid; of MariaDB what MARIADB_NAME gives */
  source: string;
  transactions: readonly PlannedTransaction[];
  /** kind person */
  decisions: readonly PlannedChange[];
}

export interface PlanCounts {
  safe: number;
  rule: number;
  person: number;
}

export function countsOf(plan: RecoveryPlan): PlanCounts {
  const counts: PlanCounts = { safe: 0, rule: 0, person: plan.decisions.length };
  for (const t of plan.transactions) for (const c of t.changes) counts[c.kind]++;
  return counts;
}

/** Two plans have one digest exactly when they would make the same changes in the same order on the same tables. */
export function planDigest(plan: Omit<RecoveryPlan, 'digest'>): string {
  const hash = sha256.create();
  const add = (value: unknown) => hash.update(utf8ToBytes(`${JSON.stringify(value)}\n`));
  const tables = new Map<TableInfo, number>();
  const addChange = (c: PlannedChange) => {
    if (!tables.has(c.table)) {
      tables.set(c.table, tables.size);
      add([c.table.name, c.table.columns.map((o) => [o.name, o.columnType, o.charset])]);
    }
    const { where, seen, target, copies, gtids, kind } = c;
    add([
      tables.get(c.table),
      left(where),
      seen && left(seen),
      target && left(target),
      copies ? [copies.seen, copies.target] : null,
      c.rekey === true,
      gtids,
      kind,
    ]);
  };
  add([plan.fork, plan.read, plan.source]);
  for (const t of plan.transactions) {
    for (const c of t.changes) addChange(c);
    add('commit');
  }
  for (const c of plan.decisions) addChange(c);
  return bytesToHex(hash.digest());
}

/** An absent cell and NULL are different things, and JSON arrays know only null. */
const left = (cells: Cells): unknown[] => cells.map((c) => (c === undefined ? 0 : c));

/** Columns that statements write: neither generated, nor left as they are. */
export const written = (c: PlannedChange): number[] => c.table.columns.flatMap((o, i) => (o.generated === null && c.target?.[i] !== undefined ? [i] : []));
