/** The fate of the writes, the conflicts and how they were settled, and whether the disaster was the one that was asked for. */
import { CONFLICT_CLASSES } from '../plan.ts';
import type { Fate, FateLine, LostKey } from '../bundle.ts';
import type { Plan } from '../plan.ts';
import type { Axis } from './axis.ts';
import { entries } from './axis.ts';
import type { BadWrite, ConflictRow, DataModel, ExpectationRow, ReportInput } from './model.ts';
import { count, plural } from './text.ts';

export const SHOWN_MAX = 50;
const OF_EACH = 10;
/** Good first, then bad, then what cannot be told. */
export const FATES: readonly { fate: Fate; bad: boolean; means: string }[] = [
  { fate: 'present', bad: false, means: 'there, with the right value' },
  { fate: 'superseded', bad: false, means: 'rightly replaced by a later write' },
  { fate: 'no-op', bad: false, means: 'changed nothing, owes nothing' },
  { fate: 'missing', bad: true, means: 'the row is not there' },
  { fate: 'altered', bad: true, means: 'a row is there, with a wrong value' },
  { fate: 'duplicated', bad: true, means: 'its effect is there more than once' },
  { fate: 'unknown', bad: false, means: 'cannot be told' },
];

const rank = (f: FateLine): number => ['missing', 'altered', 'duplicated', 'unknown'].indexOf(f.fate ?? '');

export function dataOf(input: ReportInput, axis: Axis): DataModel {
  const bad = input.fates.filter((f) => rank(f) >= 0).sort((a, b) => rank(a) - rank(b));
  const shown = pick(bad);
  const ids = new Set(shown.map((f) => f.w));
  const acked = new Map(
    input.attempts.flatMap((a) =>
      ids.has(a.writeId) && a.outcome === 'acked' && a.repliedNs !== undefined ? [[a.writeId, axis.ns(a.repliedNs)] as const] : [],
    ),
  );
  const out = input.lost.filter((l) => l.inPlace !== true);
  return {
    reconciled: input.reconcile !== null,
    acked: input.verdict.acked,
    fates: FATES.map((f) => ({ ...f, count: input.verdict.fates[f.fate] })),
    bad: { total: bad.length, shown: shown.map((f) => badWrite(f, acked.get(f.w) ?? null)) },
    conflicts: conflictsOf(input.lost, input.plan),
    notInPlace: {
      total: out.length,
      shown: out.slice(0, SHOWN_MAX).map((l) => ({
        table: l.table,
        key: l.key,
        conflict: l.conflict ?? 'old side only',
        effect: l.effect,
        gtids: l.gtids,
        note: l.note ?? (l.inPlace === null ? 'cannot be told' : ''),
      })),
    },
  };
}

/** The first of each kind of bad fate, so that few altered writes are not hidden by many missing ones; then the first of all. */
function pick(bad: FateLine[]): FateLine[] {
  const seen = new Map<string, number>();
  const [some, rest]: [FateLine[], FateLine[]] = [[], []];
  for (const f of bad) {
    const n = (seen.get(f.fate!) ?? 0) + 1;
    seen.set(f.fate!, n);
    (n <= OF_EACH ? some : rest).push(f);
  }
  return [...some, ...rest.slice(0, SHOWN_MAX - some.length)].sort((a, b) => rank(a) - rank(b));
}

function badWrite(f: FateLine, ackedMs: number | null): BadWrite {
  const seen = f.seen === null ? 'no row' : f.seen.length > 1 ? `${f.seen.length} rows` : `saw ${f.seen[0]?.slice(0, 12) || 'no row'}`;
  const wanted = f.expected === '' ? 'absence' : f.expected.slice(0, 12);
  return {
    w: f.w,
    fate: f.fate!,
    kind: f.kind,
    table: f.table,
    key: f.key,
    ackedMs,
    lost: f.lost,
    gtid: f.place?.gtid ?? '',
    note: f.note ?? `${seen}, should be ${wanted}`,
  };
}

const order = (r: ConflictRow): number => (CONFLICT_CLASSES as readonly string[]).indexOf(r.conflict);

function conflictsOf(lost: readonly LostKey[], plan: Plan): ConflictRow[] {
  const rows = new Map<string, ConflictRow>();
  for (const l of lost) {
    const conflict = l.conflict ?? 'old side only';
    const id = `${l.table}\n${conflict}`;
    const row = rows.get(id) ?? { conflict, table: l.table, keys: 0, inPlace: 0, notInPlace: 0, unknown: 0, settledBy: ruleFor(l, plan) };
    rows.set(id, row);
    row.keys++;
    row[l.inPlace === null ? 'unknown' : l.inPlace ? 'inPlace' : 'notInPlace']++;
  }
  return [...rows.values()].sort((a, b) => order(a) - order(b) || (a.table < b.table ? -1 : 1));
}

function ruleFor(l: LostKey, plan: Plan): string {
  if (l.conflict === null) return 'nothing to settle: the lost change is put back';
  const identity = plan.rules.identity[l.table];
  if (l.conflict === 'insert/insert' && identity) return `both rows stay: the lost one is found by ${identity} and gets a new id`;
  return plan.rules.conflict === 'new-wins' ? 'the new side wins' : 'the old side wins';
}

/** What the runbook demanded of the disaster, against what was seen. */
export function expectationsOf(input: ReportInput): ExpectationRow[] {
  const { plan, history, reconcile: r } = input;
  const rows: ExpectationRow[] = [];
  const atLeast = (what: string, want: number, got: number | undefined) =>
    rows.push({
      expected: `at least ${plural(want, what, pluralOf(what))}`,
      seen: got === undefined ? 'not known: no reconciliation in the bundle' : count(got),
      held: got === undefined ? null : got >= want,
    });
  for (const e of plan.chain.filter((c) => c.do !== 'baseline' && c.do !== 'writes')) {
    const seen = entries(history, 'fault-injected').find((f) => f.chainId === e.id);
    rows.push({ expected: `“${e.title}” takes effect`, seen: seen?.effect.probe ?? 'no probe saw it', held: seen !== undefined });
  }
  for (const e of plan.chain.filter((c) => c.heldUntil !== undefined)) {
    const held = entries(history, 'fault-held').find((h) => h.chainId === e.id);
    const until = plan.chain.find((c) => c.id === e.heldUntil)?.title ?? e.heldUntil;
    rows.push({ expected: `“${e.title}” stays unbroken until “${until}”`, seen: held?.seen ?? 'not checked', held: held?.held ?? null });
  }
  if (plan.expect.lostTransactions !== undefined) atLeast('acknowledged transaction lost', plan.expect.lostTransactions, r?.lostAcked);
  for (const c of CONFLICT_CLASSES) {
    const want = plan.expect.conflicts?.[c];
    if (want !== undefined) atLeast(`${c} conflict`, want, r?.conflicts[c]);
  }
  for (const l of entries(history, 'lease-lapsed')) rows.push({ expected: 'no lease lapses', seen: l.seen, held: false });
  return rows;
}

const pluralOf = (what: string) => (what.includes(' lost') ? what.replace('transaction ', 'transactions ') : `${what}s`);
