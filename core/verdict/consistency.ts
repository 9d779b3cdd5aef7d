/**
 * Whether the evidence agrees with itself. The fates were computed by somebody else (a reconciliation with the logs at hand); a verdict
 * takes none of them on trust: the ledger says which writes owe a fate, and rows.jsonl must show what every fate claims. What does not fit is unknown.
 */
import type { FateLine, RowLine } from '../bundle.ts';
import type { LedgerAttempt, WriteOutcome } from '../ledger.ts';
import { badOf, counted, countFates, eventsOf, newSourceOf, unknown, type Reason, type VerdictInput } from './input.ts';

/** A write of the ledger, its attempts joined: acked if one attempt was, else unknown if one was. */
export interface LedgerWrite {
  w: string;
  table: string;
  key: string;
  kind: LedgerAttempt['kind'];
  digest: string;
  outcome: WriteOutcome;
  matched: number | undefined;
}

const RANK: Record<WriteOutcome, number> = { failed: 0, unknown: 1, acked: 2 };

export function writesOf(attempts: readonly LedgerAttempt[]): Map<string, LedgerWrite> {
  const writes = new Map<string, LedgerWrite>();
  for (const a of attempts) {
    const known = writes.get(a.writeId);
    if (known && RANK[known.outcome] >= RANK[a.outcome]) continue;
    writes.set(a.writeId, { w: a.writeId, table: a.table, key: a.key, kind: a.kind, digest: a.digest, outcome: a.outcome, matched: a.matched });
  }
  return writes;
}

export function consistencyReasons(input: VerdictInput, writes: ReadonlyMap<string, LedgerWrite>): Reason[] {
  const source = newSourceOf(input.history);
  const disagreements = new Disagreements();
  const rows = readRows(input, source, disagreements);
  checkFates(input.fates, writes, rows, disagreements);
  const reasons = disagreements.reasons();
  if (source === null) reasons.push(unknown('which node is the new source is not recorded'));
  else if (rows.count === 0 && writes.size > 0) reasons.push(unknown(`rows.jsonl has no final read of ${source}`));
  return [...reasons, ...countReasons(input, writes)];
}

/** Collects by kind, so that ten thousand disagreements make one sentence with an example. */
class Disagreements {
  readonly #kinds = new Map<string, { count: number; first: string }>();

  add(kind: string, example: string): void {
    const known = this.#kinds.get(kind);
    if (known) known.count += 1;
    else this.#kinds.set(kind, { count: 1, first: example });
  }

  reasons(): Reason[] {
    return [...this.#kinds].map(([kind, { count, first }]) => unknown(`evidence inconsistent: ${kind} (${counted(count, 'time')}; first ${first})`));
  }
}

/** Final rows of the new source: client digests by the client's key, whether that is the row's key or its write id. */
class FinalRows {
  readonly #byKey = new Map<string, string[]>();
  count = 0;

  add(row: RowLine): void {
    this.count += 1;
    this.#put(row.table, row.key, row.client);
    if (row.w !== undefined && row.w !== row.key) this.#put(row.table, row.w, row.client);
  }

  of(table: string, key: string): readonly string[] {
    return this.#byKey.get(`${table}\0${key}`) ?? [];
  }

  #put(table: string, key: string, client: string): void {
    const at = `${table}\0${key}`;
    const known = this.#byKey.get(at);
    if (known) known.push(client);
    else this.#byKey.set(at, [client]);
  }
}

/** Hex digits of an image that go into the sum: it stays an exact number. */
const SUM_DIGITS = 12;

/** One pass: keeps the new source's rows; the other nodes' only as a count and an order-free sum of their images. */
function readRows(input: VerdictInput, source: string | null, disagreements: Disagreements): FinalRows {
  const rows = new FinalRows();
  const sums = new Map(input.plan.target.nodes.map((node) => [node, { rows: 0, sum: 0 }]));
  for (const row of input.rows) {
    if (row.node === source) rows.add(row);
    const sum = sums.get(row.node);
    if (!sum) {
      disagreements.add('rows.jsonl names a node that is not of this target', row.node);
      continue;
    }
    sum.rows += 1;
    sum.sum = (sum.sum + Number.parseInt(row.image.slice(0, SUM_DIGITS), 16)) % 16 ** SUM_DIGITS;
  }
  const [first, ...others] = [...sums.values()];
  const equal = others.every((o) => o.rows === first?.rows && o.sum === first.sum);
  if (input.convergence?.equal === true && !equal)
    disagreements.add(
      'convergence.json says that all nodes are equal, rows.jsonl that they are not',
      [...sums].map(([node, s]) => `${node}: ${s.rows} rows`).join(', '),
    );
  return rows;
}

function checkFates(fates: readonly FateLine[], writes: ReadonlyMap<string, LedgerWrite>, rows: FinalRows, disagreements: Disagreements): void {
  const seen = new Set<string>();
  const keys = new Map<string, { settled: boolean; superseded: string | null; may: Set<string> }>();
  for (const line of fates) {
    const write = writes.get(line.w);
    if (seen.has(line.w)) disagreements.add('a write has two fates', line.w);
    else if (!write) disagreements.add('a fate of a write that is not in the ledger', line.w);
    else checkLine(line, write, rows, disagreements);
    seen.add(line.w);
    if (line.fate === 'present' || line.fate === 'unknown' || line.fate === 'missing' || line.fate === 'altered' || line.fate === 'duplicated')
      keyOf(keys, line).settled = true;
    if (line.fate === 'superseded') keyOf(keys, line).superseded ??= line.w;
  }
  for (const write of writes.values()) {
    if (write.outcome === 'acked' && !seen.has(write.w)) disagreements.add('an acknowledged write has no fate', write.w);
    if (write.outcome === 'unknown') keyOf(keys, write).may.add(effectOf(write));
  }
  // a key whose acked writes are all superseded must show the effect of a write whose outcome the client never learnt
  for (const [at, { settled, superseded, may }] of keys) {
    const [table = '', key = ''] = at.split('\0');
    const there = rows.of(table, key);
    if (superseded !== null && !settled && !(there.length <= 1 && may.has(there[0] ?? '')))
      disagreements.add('all acknowledged writes of a key are superseded, but not by what is there', superseded);
  }
}

function keyOf<T extends { settled: boolean; superseded: string | null; may: Set<string> }>(keys: Map<string, T>, of: { table: string; key: string }): T {
  const at = `${of.table}\0${of.key}`;
  const known = keys.get(at);
  if (known) return known;
  const fresh = { settled: false, superseded: null, may: new Set<string>() } as T;
  keys.set(at, fresh);
  return fresh;
}

/** What the write puts there: a digest, or "" for absence. */
const effectOf = (write: LedgerWrite): string => (write.kind === 'delete' ? '' : write.digest);

function checkLine(line: FateLine, write: LedgerWrite, rows: FinalRows, disagreements: Disagreements): void {
  if (line.outcome !== write.outcome || line.kind !== write.kind || line.table !== write.table || line.key !== write.key || line.expected !== effectOf(write)) {
    disagreements.add('a fate describes its write otherwise than the ledger', line.w);
    return;
  }
  if ((line.fate !== null) !== (write.outcome === 'acked')) disagreements.add('a fate where none is due, or none where one is', line.w);
  if (line.fate === 'no-op' && write.matched !== 0) disagreements.add('a no-op that matched a row', line.w);
  if (line.fate !== 'present') return;
  const there = rows.of(line.table, line.key);
  if (write.kind === 'add') disagreements.add('a sum of deltas that the rows cannot show', line.w);
  else if (write.kind === 'delete' && there.length > 0) disagreements.add('present (deleted) by fates.jsonl, but rows.jsonl has the row', line.w);
  else if (write.kind !== 'delete' && (there.length !== 1 || there[0] !== write.digest))
    disagreements.add('present by fates.jsonl, but rows.jsonl does not show it', line.w);
}

/** The same number told twice must be the same number. */
function countReasons(input: VerdictInput, writes: ReadonlyMap<string, LedgerWrite>): Reason[] {
  const counts = countFates(input.fates);
  const acked = [...writes.values()].filter((w) => w.outcome === 'acked').length;
  const reasons: Reason[] = [];
  const same = (what: string, a: unknown, b: unknown): void => {
    if (a !== b) reasons.push(unknown(`evidence inconsistent: ${what} is ${String(a)} in one place and ${String(b)} in another`));
  };
  const { reconcile, convergence } = input;
  if (reconcile) {
    same('the number of acknowledged writes', reconcile.acked, acked);
    same('the number of lost keys', reconcile.lostKeys, input.lost.length);
    for (const fate of Object.keys(counts) as (keyof typeof counts)[]) same(`the number of ${fate} writes`, reconcile.fates[fate], counts[fate]);
  }
  const verified = eventsOf(input.history, 'verified').at(-1);
  if (verified) {
    same('convergence', verified.converged, convergence?.equal ?? null);
    same('the number of bad writes', verified.bad, badOf(counts));
  }
  const stopped = eventsOf(input.history, 'workload-stopped').at(-1);
  if (stopped && stopped.writes > 0) same('the number of writes', stopped.writes, writes.size);
  return reasons;
}
