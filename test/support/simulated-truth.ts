/**
 * What really became of every key of a simulated disaster (docs/semantics.md, 1): from the model's knowledge of who did what, where and when. Nothing of the code
 * under test: the model knows a recovery from a client's write, and a write that never happened from one whose reply was lost.
 */
import { givenLog, lostOf } from './simulated-disaster.ts';
import type { ModelWrite, World } from './simulated-disaster.ts';
import { keyIn, stateOf } from './simulated-world.ts';
import type { ModelRow, TableName, Tx } from './simulated-world.ts';

/** `table key` in each. What is in neither cannot be told from the logs and the ledger, by the rule's own words. */
export interface Told {
  bad: Set<string>;
  good: Set<string>;
}
export interface Truth {
  /** of what the lost part touched: is the state there that the rule demands? */
  rows: Told;
  /** of the ledger: is the last acknowledged write there? */
  writes: Told;
  /** transactions are missing from the logs as given, and nothing vouches for them: whatever else, no pass */
  blind: boolean;
}

type Answer = keyof Told | 'open';

/** A change of one key: the state that it left ('' = absence). */
interface Step {
  tx: Tx;
  state: string;
}

interface KeyHistory {
  table: TableName;
  key: string;
  /** on the new side before its promotion / in the lost part of the old side's log / on the new side since */
  shared: Step[];
  lost: Step[];
  since: Step[];
  writes: ModelWrite[];
  /** the rows that are there in the end */
  final: string[];
}

const nothingTold = (): Told => ({ bad: new Set(), good: new Set() });

export function truthOf(world: World): Truth {
  const { old, fresh, fork, ledger } = world;
  const truth: Truth = { rows: nothingTold(), writes: nothingTold(), blind: false };
  const known = new Set([...givenLog(old), ...fresh.log].map((t) => t.gtid));
  const had = new Set(fresh.log.slice(0, fork).map((t) => t.gtid));
  const gone = (t: Tx) => !had.has(t.gtid);
  const purged = new Set(
    old.server.log
      .slice(0, old.from)
      .filter(gone)
      .map((t) => t.gtid),
  );
  const tail = old.server.log.slice(old.server.log.length - old.cut).filter((t) => !known.has(t.gtid));
  truth.blind = purged.size > 0 || (tail.length > 0 && !ledger);
  for (const h of historiesOf(world)) {
    const at = `${h.table} ${h.key}`;
    const rows: Answer = h.lost.length > 0 ? lostTold(h, world) : 'open';
    if (rows !== 'open') truth.rows[rows].add(at);
    const gap = h.writes.some((w) => w.effects.some((t) => purged.has(t.gtid)));
    const writes: Answer = !ledger || gap ? 'open' : ledgerTold(h, world, known);
    if (writes !== 'open') truth.writes[writes].add(at);
  }
  return truth;
}

function historiesOf(world: World): KeyHistory[] {
  const { fresh, fork, writes } = world;
  const all = new Map<string, KeyHistory>();
  const of = (table: TableName, key: string): KeyHistory => {
    const at = `${table} ${key}`;
    const final = fresh.having(table, key).map((r) => stateOf(table, r));
    const h = all.get(at) ?? { table, key, shared: [], lost: [], since: [], writes: [], final };
    all.set(at, h);
    return h;
  };
  const note = (txs: readonly Tx[], where: 'shared' | 'lost' | 'since') => {
    for (const tx of txs) {
      for (const c of tx.changes) {
        const table = c.table as TableName;
        of(table, keyIn(table, (c.after ?? c.before) as ModelRow))[where].push({ tx, state: stateOf(table, c.after as ModelRow | null) });
      }
    }
  };
  note(fresh.log.slice(0, fork), 'shared');
  note(lostOf(world), 'lost');
  note(fresh.log.slice(fork), 'since');
  for (const w of writes) of(w.table, w.key).writes.push(w);
  return [...all.values()];
}

const finalOf = (h: KeyHistory): string => h.final[0] ?? '';
const isClient = (s: Step): boolean => s.tx.by === 'client';

/** Where the recovery put the lost part's last state; -1: nowhere. */
function recoveredIn({ lost, since }: KeyHistory): number {
  const wanted = lost.at(-1)?.state;
  return since.findLastIndex((s) => !isClient(s) && s.state === wanted);
}

/** The new side's own steps that stand above the lost part, by the rule. */
function standing(h: KeyHistory, world: World): Step[] {
  if (world.rule === 'new-wins') return h.since.filter((s) => isClient(s));
  const at = recoveredIn(h);
  return at === -1 ? [] : h.since.slice(at + 1).filter((s) => isClient(s));
}

/** Is the state there that the rule demands for a key that the lost part touched? */
function lostTold(h: KeyHistory, world: World): Answer {
  if (h.final.length > 1) return 'bad';
  const wanted = (standing(h, world).at(-1) ?? h.lost.at(-1)!).state;
  if (undecidable(h, world)) return 'open';
  return finalOf(h) === wanted ? 'good' : 'bad';
}

/** A delete leaves nothing to know its maker by: a recovery's beside the clients' own, and under old-wins a client's that no ledger has as acknowledged. */
function undecidable(h: KeyHistory, world: World): boolean {
  const lostGtids = new Set(h.lost.map((s) => s.tx.gtid));
  const blind = h.since.some((s) => !isClient(s) && s.state === '' && !lostGtids.has(s.tx.gtid));
  return (blind && h.since.some((s) => isClient(s))) || silentDelete(h, world);
}

function silentDelete(h: KeyHistory, { rule, ledger, writes }: World): boolean {
  if (rule === 'new-wins' || h.lost.at(-1)?.state !== '') return false;
  const acked = new Set(ledger ? writes.filter((w) => w.outcome === 'acked').flatMap((w) => w.effects) : []);
  return h.since.some((s) => isClient(s) && s.state === '' && !acked.has(s.tx));
}

/** Is the last acknowledged write of the key there, or an unknown one that came after it? */
function ledgerTold(h: KeyHistory, world: World, known: ReadonlySet<string>): Answer {
  const owing = h.writes.filter((w) => w.outcome === 'acked' && !w.noop);
  if (owing.length === 0) return 'good';
  const order = orderOf(h, world);
  const placeOf = (w: ModelWrite) => order.findLastIndex((s) => w.effects.some((t) => t.gtid === s.tx.gtid));
  const logged = owing.filter((w) => placeOf(w) !== -1);
  const loose = owing.filter((w) => placeOf(w) === -1);
  const debtor = logged.reduce<ModelWrite | undefined>((a, b) => (a && placeOf(a) > placeOf(b) ? a : b), undefined);
  if (silentDelete(h, world)) return 'open';
  if (loose.length > 0) return looseTold(h, loose, debtor, logged);
  if (h.final.length > 1) return 'bad';
  const unknown = h.writes.filter((w) => w.outcome === 'unknown');
  const after = unknown.filter((w) => w.effects.some((t) => known.has(t.gtid)) && placeOf(w) > placeOf(debtor!));
  if ([debtor!, ...after].some((w) => stateOf(w.table, w.row) === finalOf(h))) return 'good';
  // a delete that was never answered and one that the recovery made look alike; so does one that never happened, where a log is not whole
  const nobodys =
    finalOf(h) === '' &&
    unknown.some((w) => w.kind === 'delete') &&
    (world.old.cut > 0 || world.old.from > 0 || h.since.some((s) => !isClient(s) && s.state === ''));
  return nobodys ? 'open' : 'bad';
}

/** The order of the key's states by the rule: what both sides had; then the sides, the winner last. */
function orderOf(h: KeyHistory, world: World): Step[] {
  const own = h.since.filter((s) => isClient(s));
  const above = standing(h, world);
  return [...h.shared, ...own.filter((s) => !above.includes(s)), ...h.lost, ...above];
}

/** Acknowledged writes that are in no log: only time orders them. */
function looseTold(h: KeyHistory, loose: ModelWrite[], debtor: ModelWrite | undefined, logged: ModelWrite[]): Answer {
  if (h.writes.some((w) => w.outcome === 'unknown') || h.final.length > 1) return 'open';
  const last = loose.reduce((a, b) => (b.sent > a.sent ? b : a));
  if (logged.every((w) => w.replied < last.sent)) return finalOf(h) === stateOf(last.table, last.row) ? 'open' : 'bad';
  return debtor && loose.every((w) => w.replied < debtor.sent) && finalOf(h) === stateOf(debtor.table, debtor.row) ? 'good' : 'open';
}
