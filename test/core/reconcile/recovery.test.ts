/** Random two-sided histories against a model of ten lines: what the rule demands, before a recovery, after it, and after a forced replay. */
import * as fc from 'fast-check';
import { GtidSet } from '../../../core/gtid.ts';
import type { LedgerAttempt } from '../../../core/ledger.ts';
import type { ReconcileRules } from '../../../core/plan.ts';
import type { FinalRows } from '../../../core/reconcile/lost.ts';
import { clientGtids, divergenceOf, reconcileSides } from '../../../core/reconcile/reconcile.ts';
import type { Reconciled } from '../../../core/reconcile/reconcile.ts';
import { SideLog } from '../../../core/reconcile/side.ts';
import { shapeOf } from '../../../core/reconcile/tables.ts';
import type { ColumnInfo, Row, TableShape } from '../../../core/reconcile/tables.ts';
import { rowDigest } from '../../../core/workload.ts';

const O = 'aaaaaaaa-0000-0000-0000-000000000001';
const N = 'bbbbbbbb-0000-0000-0000-000000000002';
const column = (name: string, dataType: string): ColumnInfo => ({
  name,
  dataType,
  columnType: dataType,
  unsigned: false,
  nullable: false,
  charset: dataType === 'varchar' ? 'ascii' : null,
  collation: dataType === 'varchar' ? 'ascii_bin' : null,
  autoIncrement: false,
  generated: null,
  invisible: false,
});
const shape = shapeOf({
  name: 'drill.acct',
  engine: 'InnoDB',
  columns: [column('id', 'bigint'), column('balance', 'bigint'), column('owner', 'varchar'), column('write_id', 'varchar')],
  indexes: [{ name: 'PRIMARY', unique: true, parts: [{ column: 0, prefix: null }] }],
  triggers: [],
  foreignKeys: [],
  referencedBy: [],
}) as TableShape;
const shapes = new Map([[shape.name, shape]]);

/** One server: rows and its log. Every write is a transaction; a delete of nothing writes nothing. */
class Server {
  readonly log = new SideLog();
  readonly rows = new Map<string, Row>();
  private n: number;
  private readonly uuid: string;
  constructor(uuid: string, from?: Server) {
    this.uuid = uuid;
    this.n = 0;
    this.log.file('binlog.000001');
    this.log.previousGtids(GtidSet.empty);
    if (!from) return;
    for (const t of from.log.transactions) this.log.transaction(t);
    for (const [k, r] of from.rows) this.rows.set(k, r);
  }
  /** Puts a state; returns the GTID, "" when nothing changed. */
  put(key: string, after: Row | null, gtid?: string): string {
    const before = this.rows.get(key) ?? null;
    if (!before && !after) return '';
    if (after) this.rows.set(key, after);
    else this.rows.delete(key);
    const id = gtid ?? `${this.uuid}:${++this.n}`;
    const op = before ? (after ? 'update' : 'delete') : 'insert';
    this.log.transaction({ gtid: id, commitUs: 0n, rows: [{ table: shape.name, op, before, after }], statements: [] });
    return id;
  }
}

type Op = { key: string; kind: 'set' | 'delete' };
const ops = fc.array(fc.record({ key: fc.constantFrom('1', '2', '3'), kind: fc.constantFrom<Op['kind']>('set', 'set', 'delete') }), { maxLength: 6 });
const histories = fc.record({ shared: ops, old: ops, fresh: ops, conflict: fc.constantFrom<ReconcileRules['conflict']>('new-wins', 'old-wins') });

function play(h: { shared: Op[]; old: Op[]; fresh: Op[] }) {
  const attempts: LedgerAttempt[] = [];
  let clock = 0n;
  const write = (server: Server, { key, kind }: Op) => {
    const w = `w${attempts.length}`;
    const row: Row | null = kind === 'set' ? [key, '10', 'x', w] : null;
    const gtid = server.put(key, row);
    const digest = row ? rowDigest({ id: key, balance: '10', owner: 'x', write_id: w }) : '';
    clock += 2n;
    attempts.push({
      writeId: w,
      attempt: 1,
      kind,
      table: shape.name,
      key,
      digest,
      intendedNs: clock,
      sentNs: clock,
      repliedNs: clock + 1n,
      outcome: 'acked',
      matched: gtid ? 1 : 0,
      changed: 1,
      serverUuid: undefined,
      gtid,
      error: undefined,
    });
  };
  const old = new Server(O);
  for (const op of h.shared) write(old, op);
  const fork = old.log.set();
  const fresh = new Server(N, old);
  for (const op of h.old) write(old, op);
  for (const op of h.fresh) write(fresh, op);
  return { old, fresh, fork, attempts };
}
type Played = ReturnType<typeof play>;

function judge({ old, fresh, fork, attempts }: Played, conflict: ReconcileRules['conflict']): Reconciled & { demanded: Map<string, Row | null | undefined> } {
  const sides = {
    old: old.log,
    fresh: fresh.log,
    known: { set: fork, how: 'recorded' as const },
    rules: { conflict, identity: {} },
    clients: clientGtids(attempts),
  };
  const divergence = divergenceOf(sides, shapes);
  const finals: FinalRows = { rows: (_, key) => (fresh.rows.has(key) ? [fresh.rows.get(key)!] : []), bound: fresh.log.set() };
  const result = reconcileSides({ ...sides, shapes, divergence, finals, attempts, logs: [] });
  return { ...result, demanded: new Map(divergence.changes.keys.map((k) => [k.key, k.demanded])) };
}

/** What must be there: the winner's last state where the winner touched the key after the fork, else the other side's. */
function model({ old, fresh, fork }: Played, conflict: ReconcileRules['conflict']): Map<string, Row | null> {
  const touched = (s: Server) => new Set(s.log.transactions.filter((t) => !fork.has(t.gtid)).map((t) => (t.rows[0]!.after ?? t.rows[0]!.before)![0]!));
  const [winner, other] = conflict === 'new-wins' ? [fresh, old] : [old, fresh];
  const of = new Map<string, Row | null>();
  for (const key of touched(old)) of.set(key, (touched(winner).has(key) ? winner : other).rows.get(key) ?? null);
  return of;
}
const bad = (r: Reconciled) => r.fates.filter((f) => f.fate === 'missing' || f.fate === 'altered' || f.fate === 'duplicated' || f.fate === 'unknown');
const classes = (r: Reconciled) => [...r.lost].map((l) => `${l.key} ${l.conflict}`);

test('what is demanded is what the rule says, and what is not there is named', () => {
  fc.assert(
    fc.property(histories, (h) => {
      const p = play(h);
      const wanted = model(p, h.conflict);
      const r = judge(p, h.conflict);
      expect(r.demanded).toEqual(wanted);
      for (const l of r.lost) expect(l.inPlace).toBe(JSON.stringify(p.fresh.rows.get(l.key) ?? null) === JSON.stringify(wanted.get(l.key)));
      // a key that is not in place has exactly one bad write, any other none
      expect(
        bad(r)
          .map((f) => f.key)
          .sort(),
      ).toEqual(
        [...r.lost]
          .filter((l) => !l.inPlace)
          .map((l) => l.key)
          .sort(),
      );
    }),
    { numRuns: 500 },
  );
});

test('after a recovery everything is in place, no write is bad, the classes stand, and clients may go on', () => {
  fc.assert(
    fc.property(histories, ops, (h, later) => {
      const p = play(h);
      const before = judge(p, h.conflict);
      for (const l of before.lost) if (!l.inPlace) p.fresh.put(l.key, before.demanded.get(l.key)!);
      const after = judge(p, h.conflict);
      expect([...after.lost].filter((l) => l.inPlace !== true)).toEqual([]);
      expect(bad(after)).toEqual([]);
      expect(classes(after)).toEqual(classes(before));
      if (h.conflict === 'old-wins') return;
      for (const op of later) p.fresh.put(op.key, op.kind === 'set' ? [op.key, '99', 'later', `later-${op.key}`] : null);
      expect([...judge(p, h.conflict).lost].filter((l) => l.inPlace !== true)).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test('a forced replay: every lost GTID counts as executed, and exactly the keys it spoilt are named', () => {
  fc.assert(
    fc.property(histories, (h) => {
      const p = play(h);
      const wanted = model(p, 'new-wins');
      const lost = p.old.log.transactions.filter((t) => !p.fork.has(t.gtid));
      for (const t of lost) {
        const { before, after, op } = t.rows[0]!;
        const key = (after ?? before)![0]!;
        const there = p.fresh.rows.has(key);
        // what mysql --force leaves: an insert on a taken key and a change of a missing row fail, and the empty rest is committed
        if (there === (op === 'insert')) p.fresh.log.transaction({ gtid: t.gtid, commitUs: 0n, rows: [], statements: [] });
        else p.fresh.put(key, after, t.gtid);
      }
      const r = judge(p, 'new-wins');
      expect(GtidSet.parse(r.summary.newSet).contains(GtidSet.parse(r.summary.lost))).toBe(true);
      expect(r.summary.lostCount).toBe(lost.length);
      for (const l of r.lost) expect(l.inPlace).toBe(JSON.stringify(p.fresh.rows.get(l.key) ?? null) === JSON.stringify(wanted.get(l.key)));
      expect(
        bad(r)
          .map((f) => f.key)
          .sort(),
      ).toEqual(
        [...r.lost]
          .filter((l) => !l.inPlace)
          .map((l) => l.key)
          .sort(),
      );
    }),
    { numRuns: 500 },
  );
});
