/** Where the two sides parted, and what only the old side has (docs/semantics.md, 7). */
import { GtidSet } from '../gtid.ts';
import { sharedPrefix, uncovered } from './domains.ts';
import type { RowChange, SideLog, SideTransaction } from './side.ts';
import type { Row } from './tables.ts';

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
  const derived = deriveFork(old, fresh);
  const set = known?.set ?? (typeof derived === 'string' ? null : derived);
  if (known && typeof derived !== 'string' && !known.set.intersect(oldSet).equals(derived.intersect(oldSet)))
    findings.push({ severity: 'note', text: `the fork was ${known.how} as ${known.set.toString()}, the logs say ${derived.toString()}` });
  if (!known && typeof derived === 'string') findings.push({ severity: 'unknown', text: `the fork cannot be told from the logs: ${derived}` });
  const gap = set ? (old.mariadb ? uncovered(old.before(), set) : old.before().subtract(set).toString()) : '';
  if (gap !== '')
    findings.push({
      severity: 'unknown',
      text: `transactions after the fork are older than the oldest log of the old side, so their rows are not known: ${gap}`,
    });
  return { set, how: known?.how ?? 'derived', findings };
}

/** A GTID of the old side that the new one did not get by replication, but by a replay of a log's text, lies behind the fork, also when nothing else was written before it. */
function deriveFork(old: SideLog, fresh: SideLog): GtidSet | string {
  const oldSet = old.set();
  if (old.version !== '' && fresh.version !== '' && old.mariadb !== fresh.mariadb)
    return `one side is MariaDB and the other is not (${old.version}, ${fresh.version}): they have no GTID in common`;
  const first = fresh.files.find((f) => f.previous !== null);
  if (!first?.previous) return 'no log of the new side can be used';
  const more = first.previous.beyond(oldSet);
  if (!more.isEmpty()) return `the new side's oldest log begins after it (${first.file} has ${more.toString()} before it, which the old side never had)`;
  const unlogged = fresh.replicated.intersect(oldSet).subtract(fresh.set());
  if (!unlogged.isEmpty())
    return `the new side replicated up to ${unlogged.toString()} and has not logged it (log_slave_updates); name the position of the promotion (@@gtid_slave_pos)`;
  if (fresh.mariadb && old.previous === null) return 'the old side’s log does not say what came before it';
  if (fresh.mariadb) return first.previous.union(sharedPrefix(old, fresh, first.previous));
  return first.previous.union(fresh.order.prefix(oldSet.subtract(fresh.servers.differing(old.servers))));
}

export interface LostSet {
  lost: GtidSet;
  /** the lost transactions that the old log holds, in its order; a prepared branch's rows stand where it was committed */
  transactions: SideTransaction[];
  /** the new side's transactions after the fork, in its order, the same */
  after: SideTransaction[];
  /** branches of the lost part that were prepared, and that nothing says the end of */
  undecided: SideTransaction[];
  /** lost GTIDs that the new side executed after the fork, with equal effects / with anything else */
  late: GtidSet;
  forced: GtidSet;
}

export const NOTHING_LOST: LostSet = { lost: GtidSet.empty, transactions: [], after: [], undecided: [], late: GtidSet.empty, forced: GtidSet.empty };

/** Lost = old set − fork. What MariaDB's lists stand for is left out: they know no holes, and a gap before the first file is a finding. */
export const lostOf = (old: SideLog, fork: GtidSet): GtidSet => (old.mariadb ? old.order.set() : old.set()).subtract(fork);

/** A lost GTID on the new side is never proof of its rows: late or forced is told by its images. */
export function lostSet(old: SideLog, fresh: SideLog, fork: GtidSet): LostSet {
  const lost = lostOf(old, fork);
  const originals = old.transactions.filter((t) => lost.has(t.gtid));
  const byGtid = new Map(originals.map((t) => [t.gtid, t]));
  const late: string[] = [];
  const forced: string[] = [];
  for (const t of fresh.transactions) {
    const original = fork.has(t.gtid) ? undefined : byGtid.get(t.gtid);
    if (original) (sameEffect(original, t) ? late : forced).push(t.gtid);
  }
  const oldSide = decided(old.transactions, (t) => lost.has(t.gtid));
  const newSide = decided(fresh.transactions, (t) => !fork.has(t.gtid));
  return {
    lost,
    transactions: oldSide.transactions,
    after: newSide.transactions,
    undecided: oldSide.undecided,
    late: GtidSet.of(late),
    forced: GtidSet.of(forced),
  };
}

/** The lost transactions alone, as lostSet gives them. */
export const decidedOf = (old: SideLog, lost: GtidSet): SideTransaction[] => decided(old.transactions, (t) => lost.has(t.gtid)).transactions;

/** It prepares an XA branch, and does not commit it in one phase. */
export const isPrepare = (t: Pick<SideTransaction, 'branch' | 'statements'>): boolean => t.branch !== undefined && t.statements.includes('XA PREPARE');
const isXa = (statement: string): boolean => /^XA (PREPARE$|COMMIT |ROLLBACK )/.test(statement);

/** Rows of a prepared XA branch take effect where it is committed, and nowhere when it is rolled back; those of a branch that was committed in one phase where they stand. */
function decided(all: readonly SideTransaction[], wanted: (t: SideTransaction) => boolean): { transactions: SideTransaction[]; undecided: SideTransaction[] } {
  const open = new Map<string, SideTransaction>();
  const transactions: SideTransaction[] = [];
  for (const t of all) {
    if (t.branch === undefined) {
      if (wanted(t)) transactions.push(t);
      continue;
    }
    const prepared = open.get(t.branch);
    open.delete(t.branch);
    if (isPrepare(t)) open.set(t.branch, t);
    const commits = t.statements.some((s) => s.startsWith('XA COMMIT'));
    // without its prepare, what it committed is not known: its statement stays
    const statements = prepared || isPrepare(t) ? t.statements.filter((s) => !isXa(s)) : t.statements;
    const rows = commits ? (prepared?.rows ?? []) : isPrepare(t) ? [] : t.rows;
    if (wanted(t)) transactions.push({ ...t, rows, statements });
  }
  return { transactions, undecided: [...open.values()].filter((t) => wanted(t)) };
}

function sameEffect(a: SideTransaction, b: SideTransaction): boolean {
  if (a.rows.length !== b.rows.length || a.statements.length !== b.statements.length) return false;
  return a.rows.every((r, i) => sameChange(r, b.rows[i]!)) && a.statements.every((s, i) => s === b.statements[i]);
}

export function sameChange(a: RowChange, b: RowChange): boolean {
  return a.table === b.table && a.op === b.op && sameImage(a.before, b.before) && sameImage(a.after, b.after);
}

/** Servers may log fewer columns than each other: those that both have are compared. */
function sameImage(a: Row | null, b: Row | null): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((cell, i) => cell === undefined || b[i] === undefined || cell === b[i]);
}
