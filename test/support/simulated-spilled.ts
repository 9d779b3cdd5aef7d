/** A simulated disaster judged in parts, as activities/reconcile/spilled.ts does with real logs: what does not fit is put into an array of bytes. */
import type { Transaction } from '../../core/binlog/model.ts';
import type { LedgerAttempt } from '../../core/ledger.ts';
import type { LedgerInterest } from '../../core/reconcile/collect.ts';
import { lostSet } from '../../core/reconcile/fork.ts';
import { judgeParts } from '../../core/reconcile/judge-parts.ts';
import type { JudgedParts } from '../../core/reconcile/judge-parts.ts';
import { KeyIds } from '../../core/reconcile/keys.ts';
import { changesOf } from '../../core/reconcile/net.ts';
import { Parts } from '../../core/reconcile/parts.ts';
import { loggedWrite } from '../../core/reconcile/places.ts';
import { SideLog } from '../../core/reconcile/side.ts';
import type { RowChange } from '../../core/reconcile/side.ts';
import { Effects, SpilledRows, SpilledSide, TableNumbers } from '../../core/reconcile/spill-rows.ts';
import type { Spill } from '../../core/reconcile/spill.ts';
import type { Row } from '../../core/reconcile/tables.ts';
import { cutFinding, inputOf, oldLogOf, tell } from './simulated-disaster.ts';
import type { playDisaster } from './simulated-disaster.ts';
import { SHAPES } from './simulated-tables.ts';

export class MemorySpill implements Spill {
  private bytes = new Uint8Array(1 << 16);
  private size = 0;

  append(bytes: Uint8Array): number {
    while (this.size + bytes.length > this.bytes.length) {
      const more = new Uint8Array(this.bytes.length * 2);
      more.set(this.bytes);
      this.bytes = more;
    }
    this.bytes.set(bytes, this.size);
    this.size += bytes.length;
    return this.size - bytes.length;
  }

  read(at: number, into: Uint8Array): void {
    into.set(this.bytes.subarray(at, at + into.length));
  }
}

const KEYS = { weights: async (_: unknown, __: unknown, texts: readonly string[]) => [...texts] };

/** The logs are read as often, and in the order, as the real thing reads them. */
export async function judgeInParts(played: ReturnType<typeof playDisaster>, count: number): Promise<JudgedParts> {
  const { world } = played;
  const input = inputOf(played);
  const { attempts, clients, finals } = input;
  const { fork, set } = input.divergence;
  const [spill, tables, ledger] = [new MemorySpill(), new TableNumbers(), interestOf(attempts)];
  const old = tell(new SideLog(() => false), oldLogOf(world), world.old.from, () => {});
  if (world.old.cut > 0) old.finding(cutFinding);
  const effects = new Effects(new SpilledRows(spill, tables), (gtid) => old.order.indexOf(gtid), Math.max(0, old.order.firstOf(set.lost)));
  const lost = new SpilledSide({
    rows: effects.old,
    clients,
    counts: (gtid) => set.lost.has(gtid),
    ordinal: (gtid) => old.order.indexOf(gtid),
    ended: (t, index, place) => effects.note(t, index, place),
  });
  tell(
    lost,
    oldLogOf(world),
    world.old.from,
    reader(lost, (t) => set.lost.has(t.gtid), ledger),
  );
  old.adopt(lost);
  const parts = new Parts({ spill, count, rows: lost.rows.rows, shapes: SHAPES, keys: KEYS, tables, ledger, pause: async () => {} });
  await parts.takeOld(lost.rows);
  const after = (gtid: string) => fork.set !== null && !fork.set.has(gtid);
  const again = (gtid: string) => after(gtid) && set.lost.has(gtid);
  const fresh = new SpilledSide({
    rows: new SpilledRows(spill, tables),
    clients,
    counts: after,
    ordinal: (_, index) => index,
    seen: (change, t) => again(t.gtid) && effects.row(change, t),
    ended: (t) => again(t.gtid) && effects.end(t),
  });
  const wanted = ({ gtid }: Transaction<RowChange>, change: RowChange) => after(gtid) && (set.lost.has(gtid) || parts.mayTouch(change));
  tell(fresh, world.fresh.log, 0, reader(fresh, wanted, ledger));
  await parts.takeNew(fresh.rows);
  old.writes.unshift(...parts.writes.old);
  fresh.writes.unshift(...parts.writes.new);
  const rowsOf = (keys: Iterable<readonly [string, string]>) => {
    const found = new Map<string, Map<string, readonly Row[]>>();
    for (const [table, id] of keys) found.set(table, (found.get(table) ?? new Map<string, readonly Row[]>()).set(id, finals.rows(table, id) ?? []));
    return found;
  };
  const ledgerKeys = (attempts ?? []).map((a) => [a.table, a.key] as const);
  return judgeParts({
    ...input,
    old,
    fresh,
    parts,
    fork,
    set: fork.set ? { ...lostSet(old, fresh, fork.set), late: effects.late.set(), forced: effects.forced.set() } : set,
    counts: { heartbeats: lost.heartbeats, acked: lost.acked },
    bound: finals.bound,
    rowsOf: async (n) => rowsOf([...(await parts.open(n, 'old')).states.values()].map((s) => [s.shape.name, s.id] as const)),
    ledger: { ids: new KeyIds(), keys: ledgerKeys.map((k) => k.join('\0')), rows: rowsOf(ledgerKeys) },
    cascades: async () => [],
    spill,
    plan: true,
  });
}

function interestOf(attempts: readonly LedgerAttempt[] | null): LedgerInterest | null {
  if (!attempts) return null;
  const wanted = new Set(attempts.flatMap((a) => [`${a.table}\0${a.writeId}`, `${a.table}\0${a.key}`]));
  return { tables: new Set(SHAPES.keys()), wants: (at) => wanted.has(at) };
}

/** Does with a row what RowsReader does. */
function reader(side: SpilledSide, wanted: (t: Transaction<RowChange>, change: RowChange) => boolean, ledger: LedgerInterest | null) {
  return (change: RowChange, t: Transaction<RowChange>): void => {
    if (wanted(t, change)) return side.put(change, t);
    if (!ledger) return;
    for (const c of changesOf({ ...t, rows: [change], index: 0, heartbeat: false }, SHAPES, new KeyIds())) {
      const write = 'reason' in c ? null : loggedWrite(c);
      if (write && ledger.wants(`${write.table}\0${write.w ?? write.key}`)) side.writes.push(write);
    }
  };
}
