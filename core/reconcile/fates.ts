/** The fate of every write of the ledger (docs/semantics.md, 1). Pure: ledger, places in the logs and final rows in; one line per write out. */
import type { Fate, FateLine } from '../bundle.ts';
import type { LedgerAttempt, WriteKind, WriteOutcome } from '../ledger.ts';
import type { ReconcileRules } from '../plan.ts';
import { comparePlaces } from './places.ts';
import type { Place, WritePlaces } from './places.ts';

export interface FinalState {
  /** client digest of each row that has the key */
  rows: string[];
  note?: string;
  oldImage?: string | null;
  newImage?: string | null;
}

export interface FateInput {
  attempts: Iterable<LedgerAttempt>;
  places: WritePlaces;
  /** a string: why the final state is not known */
  final(table: string, key: string): FinalState | string;
  rule: ReconcileRules['conflict'];
  /** ordinal in the new log of the transaction that put the old side's state of the key in place */
  recoveredAt(table: string, key: string): number | null;
  /** both logs are whole: what is in neither never happened */
  logsWhole: boolean;
}

interface Write {
  w: string;
  kind: WriteKind;
  table: string;
  key: string;
  /** "" = absence */
  expected: string;
  outcome: WriteOutcome;
  gtid: string | undefined;
  matched: number | undefined;
  sentNs: bigint;
  repliedNs: bigint | undefined;
  place: Place | undefined;
}

interface Judged {
  fate: Fate;
  note?: string;
}

/**
 * Lines in the order of first attempts. Promise: every write gets exactly one line, and the same input gives the same lines.
 * Cost: all writes in memory, time linear in the writes (plus a sort on each key).
 */
export function* fatesOf(input: FateInput): Generator<FateLine> {
  const writes = foldWrites(input);
  const byKey = new Map<string, Write[]>();
  for (const w of writes) {
    const at = `${w.table}\0${w.key}`;
    const list = byKey.get(at);
    if (list) list.push(w);
    else byKey.set(at, [w]);
  }
  const finals = new Map<string, FinalState | string>();
  const judged = new Map<Write, Judged>();
  for (const [at, list] of byKey) {
    const final = input.final(list[0]!.table, list[0]!.key);
    finals.set(at, final);
    judgeKey(list, final, input, judged);
  }
  for (const w of writes) yield lineOf(w, finals.get(`${w.table}\0${w.key}`)!, judged.get(w));
}

function foldWrites(input: FateInput): Write[] {
  const writes = new Map<string, Write>();
  for (const a of input.attempts) {
    const w = writes.get(a.writeId);
    if (!w) {
      const expected = a.kind === 'delete' ? '' : a.digest;
      const { writeId, kind, table, key, outcome, gtid, matched, sentNs, repliedNs } = a;
      writes.set(writeId, { w: writeId, kind, table, key, expected, outcome, gtid, matched, sentNs, repliedNs, place: undefined });
    } else if (a.outcome === 'acked' || (a.outcome === 'unknown' && w.outcome === 'failed')) {
      // an earlier unknown attempt may be the one that took effect: the interval begins with it
      if (w.outcome === 'failed') w.sentNs = a.sentNs;
      Object.assign(w, { outcome: a.outcome, gtid: a.gtid, matched: a.matched, repliedNs: a.repliedNs });
    }
  }
  for (const w of writes.values())
    w.place = (w.gtid ? input.places.ofGtid(w.gtid) : undefined) ?? (w.kind === 'delete' ? undefined : input.places.ofWriteId(w.table, w.w));
  return [...writes.values()];
}

function judgeKey(list: Write[], final: FinalState | string, input: FateInput, judged: Map<Write, Judged>): void {
  const acked = list.filter((w) => w.outcome === 'acked');
  const owing = acked.filter((w) => w.matched !== 0);
  for (const w of acked) judged.set(w, w.matched === 0 ? { fate: 'no-op' } : { fate: 'superseded' });
  if (owing.length === 0) return;
  if (list.some((w) => w.kind === 'add')) {
    for (const w of owing) judged.set(w, { fate: 'unknown', note: 'sums of deltas are not judged yet' });
    return;
  }
  const { table, key } = list[0]!;
  const before = (a: Write, b: Write) => precedes(a, b, input.rule, input.recoveredAt(table, key));
  const debtors = debtorsOf(owing, before);
  if (debtors.length === 0) {
    for (const w of owing) judged.set(w, { fate: 'unknown', note: 'the logs and the acknowledgement times contradict each other: no write is the last one' });
  } else if (typeof final === 'string') {
    for (const w of debtors) judged.set(w, { fate: 'unknown', note: final });
  } else judgeDebtors(debtors, list, final, before, input, judged);
}

/** By the logs where they tell, by the acknowledgement intervals where they do not. */
function precedes(a: Write, b: Write, rule: ReconcileRules['conflict'], recoveredAt: number | null): boolean {
  if (a.place && b.place) return comparePlaces(a.place, b.place, rule, recoveredAt) < 0;
  return a.outcome === 'acked' && a.repliedNs !== undefined && a.repliedNs < b.sentNs;
}

/** The writes that no other is known to follow: one, or several that cannot be ordered. */
function debtorsOf(owing: Write[], before: (a: Write, b: Write) => boolean): Write[] {
  const placed = owing.filter((w) => w.place);
  let last = placed[0];
  let lastSent = last;
  for (const w of placed) {
    if (last && before(last, w)) last = w;
    if (lastSent && w.sentNs > lastSent.sentNs) lastSent = w;
  }
  const loose = owing.filter((w) => !w.place);
  const candidates = last ? [last, ...loose] : loose;
  // a placed write that follows a loose one puts the loose one before the last placed one too
  return candidates.filter((c) => !candidates.some((o) => before(c, o)) && !(!c.place && lastSent && before(c, lastSent)));
}

function judgeDebtors(
  debtors: Write[],
  list: Write[],
  final: FinalState,
  before: (a: Write, b: Write) => boolean,
  input: FateInput,
  judged: Map<Write, Judged>,
): void {
  const isThere = (w: Write) => (w.expected === '' ? final.rows.length === 0 : final.rows.includes(w.expected));
  const present = debtors.find((w) => isThere(w));
  if (present) {
    const times = final.rows.filter((r) => r === present.expected).length;
    if (times > 1) judged.set(present, { fate: 'duplicated', note: `${times} rows` });
    else if (final.rows.length > 1) judged.set(present, { fate: 'altered', note: `${final.rows.length} rows carry its key` });
    else judged.set(present, { fate: 'present', ...(final.note ? { note: final.note } : {}) });
    return;
  }
  const unknown = list.find((u) => u.outcome === 'unknown' && isThere(u) && debtors.some((d) => mayFollow(u, d, list, before, input)));
  if (unknown) {
    for (const w of debtors) judged.set(w, { fate: 'superseded', note: `by ${unknown.w}, whose outcome the client never learnt` });
    return;
  }
  const debtor = debtors.reduce((a, b) => (b.sentNs > a.sentNs ? b : a));
  judged.set(debtor, {
    fate: final.rows.length === 0 ? 'missing' : 'altered',
    ...(debtors.length > 1 ? { note: `${debtors.length} writes could not be ordered; none is there` } : {}),
  });
}

/**
 * Whether an unknown write can have taken effect after the debtor. A delete leaves no write id: its candidates are the deletes of the key that no
 * acknowledged write accounts for, and where whole logs have none, it never happened and excuses nothing.
 */
function mayFollow(u: Write, debtor: Write, list: Write[], before: (a: Write, b: Write) => boolean, input: FateInput): boolean {
  if (u.kind !== 'delete' || u.place) return !before(u, debtor);
  const accounted = new Set(list.filter((w) => w.outcome === 'acked' && w.gtid).map((w) => w.gtid!.toLowerCase()));
  const candidates = input.places.deletesOf(u.table, u.key).filter((p) => !accounted.has(p.gtid));
  return candidates.length === 0 ? !input.logsWhole : candidates.some((place) => !before({ ...u, place }, debtor));
}

function lineOf(w: Write, final: FinalState | string, judged: Judged | undefined): FateLine {
  const known = typeof final === 'string' ? undefined : final;
  return {
    w: w.w,
    kind: w.kind,
    table: w.table,
    key: w.key,
    outcome: w.outcome,
    fate: judged?.fate ?? null,
    lost: w.outcome === 'acked' && w.place?.lost === true,
    place: w.place ? { side: w.place.side, index: w.place.index, gtid: w.place.gtid, lost: w.place.lost } : null,
    expected: w.expected,
    seen: known && known.rows.length > 0 ? known.rows : null,
    ...(known?.oldImage === undefined ? {} : { oldImage: known.oldImage }),
    ...(known?.newImage === undefined ? {} : { newImage: known.newImage }),
    ...(judged?.note ? { note: judged.note } : {}),
  };
}
