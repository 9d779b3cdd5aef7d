/**
 * Random disasters of a simulated asynchronous replication: clients with retries and lost replies, partitions, promotions of replicas that are behind, recoveries
 * of every quality. Each gives what the verifier gets (two logs, the ledger, the final rows) and, beside it, what really became of every write.
 */
import { hash } from 'node:crypto';
import { finding } from '../../core/binlog/finding.ts';
import type { Transaction } from '../../core/binlog/model.ts';
import { GtidSet } from '../../core/gtid.ts';
import type { LedgerAttempt, WriteKind, WriteOutcome } from '../../core/ledger.ts';
import type { ReconcileRules } from '../../core/plan.ts';
import { outcomeOf } from '../../core/reconcile/outcome.ts';
import type { Outcome } from '../../core/reconcile/outcome.ts';
import { clientGtids, divergenceOf, reconcileSides } from '../../core/reconcile/reconcile.ts';
import { SideLog } from '../../core/reconcile/side.ts';
import type { RowChange } from '../../core/reconcile/side.ts';
import { rowDigest, WORKLOAD_TABLES } from '../../core/workload.ts';
import { SHAPES } from './simulated-tables.ts';
import { truthOf } from './simulated-truth.ts';
import type { Told, Truth } from './simulated-truth.ts';
import { Dice, keyIn, Server, stateOf, TABLES } from './simulated-world.ts';
import type { ModelRow, TableName, Tx } from './simulated-world.ts';

/** A client's write as the model knows it. */
export interface ModelWrite {
  w: string;
  kind: Exclude<WriteKind, 'add'>;
  table: TableName;
  key: string;
  row: ModelRow | null;
  outcome: WriteOutcome;
  /** it changed nothing: a delete of nothing */
  noop: boolean;
  /** what it really did, wherever: its transactions on servers that took it from a client */
  effects: Tx[];
  sent: number;
  replied: number;
}

export type Recovery = 'none' | 'full' | 'partial' | 'replay' | 'forced' | 'overwrite' | 'resurrect' | 'duplicate';
const RECOVERIES: readonly Recovery[] = ['none', 'full', 'full', 'partial', 'replay', 'forced', 'overwrite', 'resurrect', 'duplicate'];

export interface World {
  seed: number;
  rule: ReconcileRules['conflict'];
  recovery: Recovery;
  /** the old side as given: of its server's log from `from`, without the last `cut` transactions */
  old: { server: Server; from: number; cut: number };
  fresh: Server;
  /** transactions of the new side's log that it had when it was promoted */
  fork: number;
  writes: ModelWrite[];
  /** what the verifier is told besides the logs: the ledger, the new side's GTIDs at its promotion */
  ledger: boolean;
  recorded: boolean;
}

const UUIDS = ['aaaaaaaa-0000-0000-0000-00000000000', 'bbbbbbbb-0000-0000-0000-00000000000', 'cccccccc-0000-0000-0000-00000000000'].map((u, i) => `${u}${i}`);

class Disaster {
  readonly dice: Dice;
  readonly writes: ModelWrite[] = [];
  readonly attempts: LedgerAttempt[] = [];
  private clock = 0;

  constructor(seed: number) {
    this.dice = new Dice(seed);
  }

  tick(): number {
    return (this.clock += 1);
  }

  /** One new write of a client. */
  write(server: Server): void {
    const { dice } = this;
    const table = dice.pick<TableName>(['drill.orders', 'drill.acct', 'drill.acct', 'drill.acct', 'drill.journal']);
    const w = `w${this.writes.length}`;
    const key = table === 'drill.acct' ? String(dice.of(1, 4)) : w;
    const kind = table === 'drill.acct' ? (dice.chance(0.25) ? 'delete' : 'set') : 'insert';
    const row = kind === 'delete' ? null : rowFor(table, key, w);
    const write: ModelWrite = { w, kind, table, key, row, outcome: 'unknown', noop: false, effects: [], sent: 0, replied: 0 };
    this.writes.push(write);
    this.attempt(write, server, 1);
  }

  /** Sends it. Its reply may get lost, with the write done or not; some are never sent. */
  attempt(write: ModelWrite, server: Server, attempt: number): void {
    const { dice } = this;
    const fortune = dice.next();
    const outcome: WriteOutcome = fortune < 0.82 ? 'acked' : fortune < 0.98 ? 'unknown' : 'failed';
    const happens = outcome === 'acked' || (outcome === 'unknown' && dice.chance(0.6));
    const sent = this.tick();
    const change = happens ? server.change(write.table, write.key, write.row) : null;
    const tx = change && server.commit([change], 'client', this.tick());
    if (tx) write.effects.push(tx);
    const replied = this.tick();
    if (attempt === 1) write.sent = sent;
    if (outcome === 'acked' || write.outcome !== 'acked') Object.assign(write, { outcome: outcome === 'failed' && attempt > 1 ? 'unknown' : outcome, replied });
    // a delete found nothing; an insert that its unique key refuses is acknowledged as done
    write.noop = outcome === 'acked' && !tx && write.kind === 'delete';
    this.attempts.push({
      writeId: write.w,
      attempt,
      kind: write.kind,
      table: write.table,
      key: write.key,
      digest: write.row ? digestOf(write.table, write.row) : '',
      intendedNs: BigInt(sent),
      sentNs: BigInt(sent),
      repliedNs: outcome === 'unknown' ? undefined : BigInt(replied),
      outcome,
      matched: outcome === 'acked' ? (write.noop ? 0 : 1) : undefined,
      changed: outcome === 'acked' ? (tx ? 1 : 0) : undefined,
      serverUuid: outcome === 'acked' ? server.uuid : undefined,
      gtid: outcome === 'acked' ? (tx?.gtid ?? '') : undefined,
      error: outcome === 'acked' && !tx && !write.noop ? '1062' : undefined,
    });
  }
}

function rowFor(table: TableName, key: string, w: string): ModelRow {
  if (table === 'drill.acct') return [key, '10', `by ${w}`, w];
  if (table === 'drill.orders') return ['', w, '7', '12.50', `by ${w}`];
  return ['', '1', '-5', `by ${w}`, w];
}

function digestOf(table: TableName, row: ModelRow): string {
  const shape = SHAPES.get(table)!;
  const client = WORKLOAD_TABLES.find((t) => t.name === table)!.clientColumns;
  return rowDigest(Object.fromEntries(shape.columns.flatMap((c, i) => (client.includes(c.name) ? [[c.name, row[i]!]] : []))));
}

/** What the recoverer puts for one key: the lost part's last state of it. */
function put(server: Server, table: TableName, lost: Tx[], key: string, at: number): void {
  const last = lost.flatMap((t) => t.changes).findLast((c) => c.table === table && keyIn(table, (c.after ?? c.before) as ModelRow) === key)!;
  const row = last.after as ModelRow | null;
  if (table !== 'drill.acct' && server.having(table, key).length > 0) return;
  if (table === 'drill.acct' && stateOf(table, server.rows[table].get(key) ?? null) === stateOf(table, row)) return;
  const change = server.change(table, key, row, row?.[0]);
  if (change) server.commit([change], 'recovery', at);
}

/** A recovery of that quality, by somebody who has the old side's log as given. */
function recover(d: Disaster, world: World, lost: Tx[]): void {
  const { fresh, recovery, rule } = world;
  const touched = new Map<string, [TableName, string]>();
  for (const c of lost.flatMap((t) => t.changes)) {
    const table = c.table as TableName;
    const key = keyIn(table, (c.after ?? c.before) as ModelRow);
    touched.set(`${table} ${key}`, [table, key]);
  }
  if (recovery === 'forced' || recovery === 'replay') {
    for (const t of lost) {
      const changes = t.changes.map((c) => fresh.forced(c));
      const refused = changes.includes(null);
      if (refused && recovery === 'replay') return;
      fresh.commit(refused ? [] : (changes as Tx['changes']), 'recovery', d.tick(), t.gtid);
    }
    return;
  }
  const own = new Set(
    fresh.log.slice(world.fork).flatMap((t) => t.changes.map((c) => `${c.table} ${keyIn(c.table as TableName, (c.after ?? c.before) as ModelRow)}`)),
  );
  for (const [at, [table, key]] of touched) {
    if (recovery === 'none' || (recovery === 'partial' && d.dice.chance(0.4))) continue;
    const deleted = own.has(at) && fresh.having(table, key).length === 0;
    const allowed = rule === 'old-wins' || !own.has(at) || recovery === 'overwrite' || (recovery === 'resurrect' && deleted);
    if (allowed) put(fresh, table, lost, key, d.tick());
    if (recovery === 'duplicate' && table === 'drill.journal') {
      const [row] = fresh.having(table, key);
      if (row) fresh.commit([fresh.change(table, key, row)!], 'recovery', d.tick());
    }
  }
}

/** Plays one disaster. The same seed gives the same one. */
export function playDisaster(seed: number): { world: World; attempts: LedgerAttempt[] } {
  const d = new Disaster(seed);
  const { dice } = d;
  const [a, b, c] = UUIDS.map((u, i) => new Server(u, i + 1)) as [Server, Server, Server];
  const received = new Map([
    [b, 0],
    [c, 0],
  ]);
  const cutOff = new Set<Server>();
  const follow = (replica: Server, source: Server) => {
    if (!cutOff.has(replica) && dice.chance(0.8)) received.set(replica, source.log.length);
    // the applier is behind the receiver now and then
    const until = received.get(replica)! - (dice.chance(0.3) ? dice.of(0, 2) : 0);
    while (replica.log.length < until) replica.take(source.log[replica.log.length]!);
  };
  for (let i = dice.of(4, 14); i > 0; i--) {
    d.write(a);
    for (const r of [b, c]) {
      follow(r, a);
      if (dice.chance(0.04)) cutOff.add(r);
    }
  }
  const [fresh, other] = dice.chance(0.5) ? [b, c] : [c, b];
  cutOff.add(fresh);
  if (dice.chance(0.6)) cutOff.add(other);
  for (let i = dice.of(0, 8); i > 0; i--) {
    d.write(a);
    follow(other, a);
  }
  // what was received is applied, or dropped; a replica that is ahead may be asked first
  if (dice.chance(0.7)) while (fresh.log.length < received.get(fresh)!) fresh.take(a.log[fresh.log.length]!);
  if (dice.chance(0.3)) while (fresh.log.length < other.log.length) fresh.take(other.log[fresh.log.length]!);
  const fork = fresh.log.length;
  for (let i = dice.of(0, 8); i > 0; i--) d.write(dice.chance(0.2) ? a : fresh);
  for (const w of d.writes.filter((o) => o.outcome === 'unknown' && o.table === 'drill.orders')) if (dice.chance(0.5)) d.attempt(w, fresh, 2);
  const server = dice.chance(0.8) ? a : other;
  const damage = dice.next();
  const cut = damage < 0.1 ? Math.min(server.log.length, dice.of(1, 3)) : 0;
  const from = damage > 0.93 ? dice.of(1, server.log.length) : 0;
  const world: World = {
    seed,
    rule: dice.chance(0.6) ? 'new-wins' : 'old-wins',
    recovery: dice.pick(RECOVERIES),
    old: { server, from, cut },
    fresh,
    fork,
    writes: d.writes,
    ledger: dice.chance(0.75),
    recorded: dice.chance(0.3),
  };
  recover(d, world, lostOf(world));
  for (let i = dice.of(0, 4); i > 0; i--) d.write(fresh);
  return { world, attempts: d.attempts };
}

/** Transactions of the old side's log as given that the new side did not have when it was promoted. */
export function lostOf({ old, fresh, fork }: World): Tx[] {
  const had = new Set(fresh.log.slice(0, fork).map((t) => t.gtid));
  return givenLog(old).filter((t) => !had.has(t.gtid));
}

export const givenLog = ({ server, from, cut }: World['old']): Tx[] => server.log.slice(from, server.log.length - cut);

/** Tells `log` what the side's log holds; `row`: takes the rows one by one. */
export function tell<L extends SideLog>(log: L, all: readonly Tx[], from: number, row?: (change: RowChange, tx: Transaction<RowChange>) => void): L {
  log.file('binlog.000001');
  log.previousGtids(GtidSet.of(all.slice(0, from).map((t) => t.gtid)));
  for (const { gtid, serverId, at, changes } of all.slice(from)) {
    const t: Transaction<RowChange> = { gtid, serverId, commitUs: BigInt(at), rows: row ? [] : changes, statements: [] };
    if (row) for (const change of changes) row(change, t);
    log.transaction(t);
  }
  return log;
}

export const oldLogOf = ({ old }: World): Tx[] => old.server.log.slice(0, old.server.log.length - old.cut);
export const cutFinding = finding('cut', 'binlog.000001', 0, 'the file ends inside an event');

const sha256 = (text: string): string => hash('sha256', text);

/** What the verifier is given. */
export function inputOf({ world, attempts }: ReturnType<typeof playDisaster>) {
  const { old, fresh } = world;
  const oldSide = tell(new SideLog(), oldLogOf(world), old.from);
  if (old.cut > 0) oldSide.finding(cutFinding);
  const recorded = { set: GtidSet.of(fresh.log.slice(0, world.fork).map((t) => t.gtid)), how: 'recorded' as const };
  const sides = {
    ...(world.recorded ? { known: recorded } : {}),
    old: oldSide,
    fresh: tell(new SideLog(), fresh.log, 0),
    rules: { conflict: world.rule, identity: { 'drill.orders': 'write_id', 'drill.journal': 'write_id' } },
    clients: clientGtids(world.ledger ? attempts : null),
  };
  const divergence = divergenceOf(sides, SHAPES);
  const finals = { rows: (table: string, id: string) => fresh.having(table as TableName, id), bound: sides.fresh.set() };
  return { ...sides, shapes: SHAPES, divergence, finals, attempts: world.ledger ? attempts : null, logs: [], sha256 };
}

/** Both logs, ledger and rows → the verifier's outcome. */
export function verify(played: ReturnType<typeof playDisaster>): Outcome & { reasons: string[] } {
  const result = reconcileSides(inputOf(played));
  const reasons = result.summary.findings.filter((f) => f.severity !== 'note').map((f) => f.text);
  return { ...outcomeOf(result, null), reasons };
}

export interface Judged {
  world: World;
  truth: Truth;
  outcome: ReturnType<typeof verify>;
  /** what is wrong with the verifier's answer; empty: nothing */
  faults: string[];
}

interface Named {
  table: string;
  key: string;
}
const BAD = new Set(['missing', 'altered', 'duplicated']);

/** The verifier against the truth, key by key: the lost rows and the acknowledged writes each for themselves. */
export function judgeDisaster(seed: number): Judged {
  const played = playDisaster(seed);
  const { world } = played;
  const truth = truthOf(world);
  const outcome = verify(played);
  const { verdict, writes, rows, reasons } = outcome;
  const faults = [
    ...faultsOf(
      'row',
      truth.rows,
      [...rows].filter((r) => r.inPlace === false),
      [...rows].filter((r) => r.inPlace === null),
    ),
    ...faultsOf(
      'write',
      truth.writes,
      writes.filter((w) => BAD.has(w.fate ?? '')),
      writes.filter((w) => w.fate === 'unknown'),
    ),
  ];
  const bad = truth.rows.bad.size + truth.writes.bad.size;
  if (verdict === 'pass' && bad > 0) faults.push('false PASS');
  if (verdict === 'pass' && truth.blind) faults.push('false PASS: the logs lack transactions');
  if (verdict === 'unknown' && reasons.length === 0 && ![...writes, ...rows].some((n) => ('fate' in n ? n.fate === 'unknown' : n.inPlace === null)))
    faults.push('unknown without a reason');
  return { world, truth, outcome, faults };
}

/** `open`: named, as not to be told. */
function faultsOf(what: string, truth: Told, named: Named[], open: Named[]): string[] {
  const keys = (list: Named[]) => new Set(list.map((n) => `${n.table} ${n.key}`));
  const [bad, untold] = [keys(named), keys(open)];
  return [
    ...[...truth.bad].filter((k) => !bad.has(k) && !untold.has(k)).map((k) => `${what} not named: ${k}`),
    ...[...bad].filter((k) => truth.good.has(k)).map((k) => `false FAIL, ${what}: ${k}`),
  ];
}

const logText = (log: readonly Tx[]): string =>
  log
    .map(
      (t) =>
        `  ${t.gtid.slice(0, 1)}${t.gtid.slice(t.gtid.lastIndexOf(':'))} @${t.at} ${t.by} ${t.changes.map((c) => `${c.op} ${c.table} ${(c.after ?? c.before)!.join('|')}`).join('; ')}`,
    )
    .join('\n');

/** For a person who looks into a seed. */
export function story({ world, truth, outcome, faults }: Judged): string {
  const { old, fresh, fork, rule, recovery, ledger, recorded, seed } = world;
  return [
    `seed ${seed}: ${faults.join('; ')}`,
    `${rule}, recovery ${recovery}, ledger ${ledger}, fork ${recorded ? 'recorded' : 'derived'}, old ${old.server.uuid.slice(0, 1)} from ${old.from} cut ${old.cut}, fork ${fork}`,
    `old log\n${logText(old.server.log)}`,
    `new log\n${logText(fresh.log)}`,
    `writes\n${world.writes.map((w) => `  ${w.w} ${w.kind} ${w.table} ${w.key} ${w.outcome}${w.noop ? ' no-op' : ''} sent ${w.sent} replied ${w.replied}: ${w.effects.map((t) => t.gtid.slice(0, 1) + t.gtid.slice(t.gtid.lastIndexOf(':'))).join(' ')}`).join('\n')}`,
    `final\n${TABLES.flatMap((t) => [...fresh.rows[t].values()].map((r) => `  ${t} ${r.join('|')}`)).join('\n')}`,
    `truth: bad rows ${[...truth.rows.bad].join(', ')}; bad writes ${[...truth.writes.bad].join(', ')}`,
    `${outcome.verdict}: ${outcome.sentence}; ${outcome.writes.map((w) => `${w.w} ${w.fate}`).join(', ')}; ${[...outcome.rows].map((r) => `${r.table} ${r.key} ${r.inPlace} ${r.conflict} ${r.note ?? ''}`).join(', ')}`,
  ].join('\n');
}
