/** Both logs, the ledger and the final rows → what was lost, what became of it, and the fate of every write. Pure. */
import type { Fate, FateLine, LostKey, ReconcileSummary } from '../bundle.ts';
import { GtidSet } from '../gtid.ts';
import { sha256Hex } from '../json.ts';
import type { LedgerAttempt } from '../ledger.ts';
import { CONFLICT_CLASSES } from '../plan.ts';
import type { ConflictClass, ReconcileRules } from '../plan.ts';
import { META_SCHEMA } from '../workload.ts';
import { fatesOf } from './fates.ts';
import type { FinalState } from './fates.ts';
import { findFork, lostSet, NOTHING_LOST } from './fork.ts';
import type { Fork, ForkFinding, LostSet } from './fork.ts';
import { KeyIds, rowOfKey } from './keys.ts';
import { inPlace, lostChanges, lostKeyLine, recoveredAt, recoveryOf, rekeyNote } from './lost.ts';
import type { FinalRows, KeyState, LostChanges, Shapes } from './lost.ts';
import { isHarmless, mentions } from './mentions.ts';
import { placesOf } from './places.ts';
import type { SideLog } from './side.ts';
import type { Sequence } from './spill.ts';
import { clientDigest, imageDigest } from './tables.ts';
import type { Row, Sha256 } from './tables.ts';

export interface Sides {
  old: SideLog;
  fresh: SideLog;
  known?: { set: GtidSet; how: 'given' | 'recorded' };
  rules: ReconcileRules;
  /** GTIDs of acknowledged writes, where a ledger tells them */
  clients: ReadonlySet<string>;
}

/** GTIDs of the acknowledged writes. */
export function clientGtids(attempts: readonly LedgerAttempt[] | null): Set<string> {
  return new Set(attempts?.flatMap((a) => (a.outcome === 'acked' && a.gtid ? [a.gtid.toLowerCase()] : [])));
}

/** What the logs alone tell; the keys say which rows must be read. */
export interface Divergence {
  fork: Fork;
  set: LostSet;
  changes: LostChanges;
}

/** `shapes`: tables as they are on the new source; needed for every table of the lost part and of the ledger. */
export function divergenceOf(sides: Sides, shapes: Shapes, ids: KeyIds = new KeyIds()): Divergence {
  const fork = findFork(sides.old, sides.fresh, sides.known);
  const set = fork.set ? lostSet(sides.old, sides.fresh, fork.set) : NOTHING_LOST;
  return { fork, set, changes: lostChanges(set, shapes, sides.rules, sides.clients, ids) };
}

export interface ReconcileInput extends Sides {
  shapes: Shapes;
  /** identities of the ledger's keys too; left out where no key folds */
  ids?: KeyIds;
  divergence: Divergence;
  finals: FinalRows;
  /** null: no ledger was given */
  attempts: readonly LedgerAttempt[] | null;
  logs: ReconcileSummary['logs'];
  /** a faster one than core's own */
  sha256?: Sha256;
  /** what foreign keys may have changed without a word in the log */
  cascades?: readonly ForkFinding[];
}

export interface Reconciled {
  summary: ReconcileSummary;
  lost: Sequence<LostKey>;
  fates: FateLine[];
  /** lost keys that are not in place, and those of which it cannot be told */
  out: number;
  open: number;
}

/** Counts over the lost keys, which may be judged in parts. */
export class Tally {
  lostKeys = 0;
  inPlace = 0;
  out = 0;
  open = 0;
  readonly conflicts = Object.fromEntries(CONFLICT_CLASSES.map((c) => [c, 0])) as Record<ConflictClass, number>;
  /** rows that could not be read, by table */
  readonly unread = new Map<string, number>();
  readonly tables = new Set<string>();
  /** epoch µs of the last commit on the new source that put any of them in place */
  recoveredUs: bigint | null = null;
  private readonly finals: FinalRows;
  private readonly rules: ReconcileRules;
  private readonly sha256: Sha256;

  constructor({ finals, rules, sha256 }: Pick<ReconcileInput, 'finals' | 'rules' | 'sha256'>) {
    this.finals = finals;
    this.rules = rules;
    this.sha256 = sha256 ?? sha256Hex;
  }

  /** The key's line. */
  add(state: KeyState): LostKey {
    const { finals, rules } = this;
    const { name } = state.shape;
    const line = lostKeyLine(state, finals, rules, this.sha256);
    this.lostKeys++;
    if (line.inPlace === true) this.inPlace++;
    else if (line.inPlace === false) this.out++;
    else this.open++;
    if (line.conflict) this.conflicts[line.conflict]++;
    if (finals.rows(name, state.id) === null) this.unread.set(name, (this.unread.get(name) ?? 0) + 1);
    this.tables.add(name);
    const us = line.inPlace === true && state.owed ? recoveryOf(state)?.tx.commitUs : undefined;
    if (us !== undefined && (this.recoveredUs === null || us > this.recoveredUs)) this.recoveredUs = us;
    return line;
  }
}

export function reconcileSides(input: ReconcileInput): Reconciled & { lost: LostKey[] } {
  const { changes, set } = input.divergence;
  const tally = new Tally(input);
  const lost = changes.keys.map((k) => tally.add(k));
  const heartbeats = set.transactions.filter((t) => t.heartbeat).length;
  const acked = set.transactions.filter((t) => !t.heartbeat && input.clients.has(t.gtid)).length;
  return { ...conclude(input, tally, { heartbeats, acked }), lost };
}

/** What is told of the whole once each lost key is counted. `divergence`: its keys are needed only where the ledger has them. `counts`: of the lost transactions. */
export function conclude(input: ReconcileInput, tally: Tally, counts: { heartbeats: number; acked: number }): Omit<Reconciled, 'lost'> {
  const { divergence, finals, rules, attempts } = input;
  const { fork, set, changes } = divergence;
  const fates = attempts ? [...fatesOf(fateInput(input, attempts))] : [];
  const lostCount = set.lost.count();
  const recovered = attempts ? lastRecovery(changes.keys, fates, finals, rules) : tally.recoveredUs;
  const summary: ReconcileSummary = {
    version: 1,
    fork: { set: fork.set?.toString() ?? '', how: fork.how, findings: fork.findings.map((f) => f.text) },
    oldSet: input.old.set().toString(),
    newSet: input.fresh.set().toString(),
    lost: set.lost.toString(),
    lostCount,
    lostAcked: counts.acked,
    lostUnacked: lostCount - counts.acked - counts.heartbeats,
    lostHeartbeats: counts.heartbeats,
    late: set.late.toString(),
    forced: set.forced.toString(),
    conflicts: tally.conflicts,
    lostKeys: tally.lostKeys,
    lostKeysInPlace: tally.inPlace,
    fates: countFates(fates),
    acked: fates.filter((f) => f.outcome === 'acked').length,
    failed: fates.filter((f) => f.outcome === 'failed').length,
    unknownOutcome: fates.filter((f) => f.outcome === 'unknown').length,
    rpoAtPromotionS: rpoSeconds(attempts ?? [], set.lost, fork.set),
    lastRecoveryCommitUs: recovered === null ? null : String(recovered),
    findings: findingsOf(input, tally, fates),
    logs: input.logs,
  };
  return { summary, fates, out: tally.out, open: tally.open };
}

function countFates(fates: readonly FateLine[]): Record<Fate, number> {
  const counts: Record<Fate, number> = { present: 0, superseded: 0, missing: 0, altered: 0, duplicated: 0, 'no-op': 0, unknown: 0 };
  for (const f of fates) if (f.fate) counts[f.fate]++;
  return counts;
}

function fateInput(input: ReconcileInput, attempts: Iterable<LedgerAttempt>): Parameters<typeof fatesOf>[0] {
  const { shapes, divergence, finals, rules } = input;
  const { fork, set, changes } = divergence;
  const ids = input.ids ?? new KeyIds();
  const sha256 = input.sha256 ?? sha256Hex;
  const states = new Map(changes.keys.map((k) => [`${k.shape.name}\0${k.id}`, k]));
  const stateOf = (table: string, key: string) => states.get(`${table}\0${ledgerId(shapes, ids, table, key)}`);
  return {
    attempts,
    rule: rules.conflict,
    logsWhole: ![...input.old.findings, ...input.fresh.findings].some((f) => f.kind !== 'in-use') && !fork.findings.some((f) => f.severity === 'unknown'),
    places: placesOf(input.old, input.fresh, fork.set ?? GtidSet.empty, set.lost, shapes, ids),
    recoveredAt: (table, key) => {
      const state = stateOf(table, key);
      return state ? recoveredAt(state) : null;
    },
    final: (table, key) => {
      if (!fork.set) return 'the fork is not known, so the sides cannot be ordered';
      const shape = shapes.get(table) ?? 'is not on the new source';
      if (typeof shape === 'string') return `${table} ${shape}`;
      if (!shape.key) return `${table} has no key: its rows cannot be told apart`;
      const reason = changes.unsupported.get(table);
      if (reason) return `${table} ${reason}`;
      const rows = finals.rows(table, ledgerId(shapes, ids, table, key));
      if (!rows) return `the rows of ${table} could not be read`;
      const state = stateOf(table, key);
      const digests = rows.map((r) => clientDigest(shape, r, sha256));
      return state ? { rows: digests, ...imagesOf(state, rows, sha256) } : { rows: digests };
    },
  };
}

/** Identity of a key as the ledger names it. */
export function ledgerId(shapes: Shapes, ids: KeyIds, table: string, key: string): string {
  const shape = shapes.get(table);
  if (!shape || typeof shape === 'string' || !shape.key) return key;
  return ids.idOf(shape.key, rowOfKey(shape.key, key, shape.columns.length)) ?? key;
}

/** The evidence beside a fate: what the row was on each side. */
function imagesOf(state: KeyState, rows: readonly Row[], sha256: Sha256): Omit<FinalState, 'rows'> {
  const { shape } = state;
  const digest = (r: Row | null) => (r ? imageDigest(shape, r, sha256) : null);
  const own = state.fresh.findLast((c) => c.own);
  const note = rekeyNote(state, rows);
  return { oldImage: digest(state.after), ...(own ? { newImage: digest(own.after) } : {}), ...(note ? { note } : {}) };
}

function rpoSeconds(attempts: readonly LedgerAttempt[], lost: GtidSet, fork: GtidSet | null): number | null {
  let lastLost: bigint | null = null;
  let lastKept: bigint | null = null;
  for (const a of attempts) {
    if (a.outcome !== 'acked' || !a.gtid || a.repliedNs === undefined) continue;
    if (lost.has(a.gtid)) lastLost = lastLost === null || a.repliedNs > lastLost ? a.repliedNs : lastLost;
    else if (fork?.has(a.gtid)) lastKept = lastKept === null || a.repliedNs > lastKept ? a.repliedNs : lastKept;
  }
  return lastLost === null || lastKept === null ? null : Number(lastLost - lastKept) / 1e9;
}

/** The last commit on the new source that put a lost acknowledged write in place which still owes its effect. */
function lastRecovery(keys: readonly KeyState[], fates: readonly FateLine[], finals: FinalRows, rules: ReconcileRules): bigint | null {
  const owing = new Set(fates.filter((f) => f.lost && f.fate === 'present').map((f) => `${f.table}\0${f.key}`));
  let last: bigint | null = null;
  for (const state of keys) {
    if (!state.owed || !owing.has(`${state.shape.name}\0${state.key}`) || inPlace(state, finals, rules) !== true) continue;
    const us = recoveryOf(state)?.tx.commitUs;
    if (us !== undefined && (last === null || us > last)) last = us;
  }
  return last;
}

function findingsOf(input: ReconcileInput, tally: Tally, fates: readonly FateLine[]): ForkFinding[] {
  const { divergence, attempts } = input;
  const { fork, set, changes } = divergence;
  const out: ForkFinding[] = [
    ...fork.findings,
    ...logFindings(input, fates),
    ...statementFindings(set, tally.tables),
    ...undecidedFindings(set),
    ...(input.cascades ?? []),
  ];
  for (const [table, reason] of changes.unsupported)
    if (!table.startsWith(`${META_SCHEMA}.`)) out.push({ severity: 'unknown', text: `${table} ${reason}: its lost rows are unknown` });
  for (const [table, count] of tally.unread) out.push({ severity: 'unknown', text: `${table}: ${count} rows could not be read` });
  if (!set.forced.isEmpty())
    out.push({
      severity: 'note',
      text: `${set.forced.count()} lost transactions count as executed on the new side, with another effect than they had on the old one: ${set.forced.toString()}`,
    });
  const relayed = input.old.relayed.intersect(set.lost);
  if (!relayed.isEmpty()) out.push({ severity: 'note', text: `${relayed.count()} lost transactions are in relay logs only: ${relayed.toString()}` });
  if (attempts === null) out.push({ severity: 'note', text: 'no ledger was given: which lost writes had been acknowledged is not known' });
  return out;
}

/** Damage of the logs. With a ledger, what was cut off is harmless when every acknowledged write is in a log: then it had not been acknowledged. */
function logFindings({ old, fresh, attempts }: ReconcileInput, fates: readonly FateLine[]): ForkFinding[] {
  const out: ForkFinding[] = [];
  const known = old.set().union(fresh.set());
  const unlogged = (attempts ?? []).filter((a) => a.outcome === 'acked' && a.gtid && !known.has(a.gtid));
  const gone = fates.some((f) => f.place === null && (f.fate === 'missing' || f.fate === 'altered'));
  if (unlogged.length > 0) {
    const text = `${unlogged.length} acknowledged writes are in no log, the first one ${unlogged[0]!.writeId} (${unlogged[0]!.gtid})`;
    out.push({ severity: gone ? 'fail' : 'note', text });
  }
  for (const [side, log] of [
    ['old', old],
    ['new', fresh],
  ] as const) {
    for (const f of log.findings) {
      if (f.kind === 'in-use' && side === 'new') continue;
      const harmless = f.level === 'note' || (f.kind === 'cut' && attempts !== null && unlogged.length === 0);
      out.push({ severity: harmless ? 'note' : 'unknown', text: `${side} side, ${f.file}: ${f.text}` });
    }
  }
  return out;
}

/** What changed without row images, on the old side's lost part and on the new side after the fork. */
function statementFindings(set: LostSet, touched: ReadonlySet<string>): ForkFinding[] {
  const out: ForkFinding[] = [];
  for (const t of set.transactions)
    for (const s of t.statements)
      out.push({ severity: isHarmless(s) ? 'note' : 'unknown', text: `lost transaction ${t.gtid} is a statement without row images: ${s.slice(0, 120)}` });
  for (const t of set.after) {
    for (const s of t.statements) {
      const about = !isHarmless(s) && [...touched].some((name) => mentions(s, name));
      out.push({
        severity: about ? 'unknown' : 'note',
        text: `the new side ran a statement without row images after the fork (${t.gtid}): ${s.slice(0, 120)}`,
      });
    }
  }
  return out;
}

/** Branches that were prepared: whether their rows were lost is not in the log. */
function undecidedFindings({ undecided }: LostSet): ForkFinding[] {
  return undecided.map((t) => {
    const tables = [...new Set(t.rows.map((r) => r.table))].join(', ');
    return {
      severity: 'unknown',
      text: `lost transaction ${t.gtid} prepared the XA branch ${t.branch}, and nothing says whether it was committed: its rows of ${tables} are unknown`,
    };
  });
}
