/** Where the two sides parted, and what only the old side has (docs/semantics.md, 7). */
import type { RowChange } from '../binlog/model.ts';
import { GtidSet } from '../gtid.ts';
import type { SideLog, SideTransaction } from './side.ts';

export interface ForkFinding {
  severity: 'note' | 'unknown' | 'fail';
  text: string;
}

export interface Fork {
  /** null: it cannot be told, and `findings` say why */
  set: GtidSet | null;
  how: 'given' | 'recorded' | 'derived';
  findings: ForkFinding[];
}

/** The fork by the rule, unless it is known. A fork that was given or recorded is still compared with the derived one. */
export function findFork(old: SideLog, fresh: SideLog, known?: { set: GtidSet; how: 'given' | 'recorded' }): Fork {
  const oldSet = old.set();
  const findings: ForkFinding[] = [];
  const derived = deriveFork(oldSet, fresh);
  const set = known?.set ?? (typeof derived === 'string' ? null : derived);
  if (known && typeof derived !== 'string' && !known.set.intersect(oldSet).equals(derived.intersect(oldSet)))
    findings.push({ severity: 'note', text: `the fork was ${known.how} as ${known.set.toString()}, the logs say ${derived.toString()}` });
  if (!known && typeof derived === 'string') findings.push({ severity: 'unknown', text: `the fork cannot be told from the logs: ${derived}` });
  const purged = old.files[0]?.previous ?? GtidSet.empty;
  const gap = set ? purged.subtract(set) : GtidSet.empty;
  if (!gap.isEmpty())
    findings.push({
      severity: 'unknown',
      text: `transactions after the fork are older than the oldest log of the old side, so their rows are not known: ${gap.toString()}`,
    });
  return { set, how: known?.how ?? 'derived', findings };
}

function deriveFork(oldSet: GtidSet, fresh: SideLog): GtidSet | string {
  const first = fresh.files.find((f) => f.previous !== null);
  if (!first?.previous) return 'no log of the new side can be used';
  if (!oldSet.contains(first.previous))
    return `the new side's oldest log begins after it (${first.file} has ${first.previous.subtract(oldSet).toString()} before it, which the old side never had)`;
  const shared: string[] = [];
  for (const t of fresh.transactions) {
    if (!oldSet.has(t.gtid)) break;
    shared.push(t.gtid);
  }
  return first.previous.union(GtidSet.of(shared));
}

export interface LostSet {
  lost: GtidSet;
  /** the lost transactions that the old log holds, in its order */
  transactions: SideTransaction[];
  /** the new side's transactions after the fork, in its order */
  after: SideTransaction[];
  /** lost GTIDs that the new side executed after the fork, with equal effects / with anything else */
  late: GtidSet;
  forced: GtidSet;
}

/** Lost = old set − fork. A lost GTID on the new side is never proof of its rows: late or forced is told by its images. */
export function lostSet(old: SideLog, fresh: SideLog, fork: GtidSet): LostSet {
  const lost = old.set().subtract(fork);
  const transactions = old.transactions.filter((t) => lost.has(t.gtid));
  const after = fresh.transactions.filter((t) => !fork.has(t.gtid));
  const byGtid = new Map(transactions.map((t) => [t.gtid, t]));
  const late: string[] = [];
  const forced: string[] = [];
  for (const t of after) {
    const original = byGtid.get(t.gtid);
    if (original) (sameEffect(original, t) ? late : forced).push(t.gtid);
  }
  return { lost, transactions, after, late: GtidSet.of(late), forced: GtidSet.of(forced) };
}

function sameEffect(a: SideTransaction, b: SideTransaction): boolean {
  if (a.rows.length !== b.rows.length || a.statements.length !== b.statements.length) return false;
  return a.rows.every((r, i) => sameChange(r, b.rows[i]!)) && a.statements.every((s, i) => s === b.statements[i]);
}

function sameChange(a: RowChange, b: RowChange): boolean {
  return a.table === b.table && a.op === b.op && JSON.stringify([a.before, a.after]) === JSON.stringify([b.before, b.after]);
}
