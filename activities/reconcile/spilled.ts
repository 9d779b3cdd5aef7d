/**
 * The reconciliation where the lost part does not fit into memory: the rows of both logs go to temporary files, by key into parts (core/reconcile/parts.ts), which are
 * judged one after the other. The answers are those of run.ts, to the byte.
 * Memory: a part at a time, the ledger, 13 bytes for each lost transaction, 2 for each lost row change and again for each unique index of its table, and in full the
 * conflicts on unique values and the rows that cascades may have changed.
 */
import { setImmediate } from 'node:timers/promises';
import type { Connection } from 'mysql2/promise';
import { DrillError } from '../../core/errors.ts';
import { GtidSet } from '../../core/gtid.ts';
import { findFork, lostOf, lostSet } from '../../core/reconcile/fork.ts';
import type { Fork, LostSet } from '../../core/reconcile/fork.ts';
import { judgeParts } from '../../core/reconcile/judge-parts.ts';
import { KeyIds } from '../../core/reconcile/keys.ts';
import { idOf } from '../../core/reconcile/net.ts';
import { Parts } from '../../core/reconcile/parts.ts';
import { clientGtids } from '../../core/reconcile/reconcile.ts';
import { Effects, SpilledRows, SpilledSide, SpillingReader, TableNumbers } from '../../core/reconcile/spill-rows.ts';
import { SpilledLines } from '../../core/reconcile/spill.ts';
import type { Row, TableShape } from '../../core/reconcile/tables.ts';
import type { LogFile } from '../../targets/port.ts';
import { nodeBytes } from '../../targets/systems/mysql/binlog/bytes.ts';
import { executedOf } from '../../targets/systems/mysql/dsn.ts';
import { readLogs } from '../../targets/systems/mysql/logs.ts';
import { readRowsLike } from '../../targets/systems/mysql/rows.ts';
import { ServerKeys } from '../../targets/systems/mysql/weights.ts';
import { cascadesOfParts } from './cascades.ts';
import { AGAIN, inMemory, logsOf, readLedgerRows, sha256 } from './run.ts';
import type { Reconciliation, ReconcileOptions, Surveyed } from './run.ts';
import { SpillFile } from './spill-file.ts';

/** of a part, so that its keys are about 40 MB in memory */
const ROWS_PER_PART = 20_000;
/** the new side may have many more changes of the same keys */
const PARTS_MIN = 512;
const PARTS_MAX = 8_192;

interface Lost {
  side: SpilledSide;
  rows: SpilledRows;
  effects: Effects;
}

type Fresh = Omit<Lost, 'effects'> & { files: LogFile[] };

export async function reconcileSpilled(connection: Connection, opts: ReconcileOptions, surveyed: Surveyed): Promise<Reconciliation> {
  const kept = new SpillFile();
  try {
    return await new Spilling(connection, opts, surveyed, kept).run();
  } catch (e) {
    kept[Symbol.dispose]();
    if (e !== UNKNOWN_FORK) throw e;
    // then nothing counts as lost, and all fits into memory
    return inMemory(connection, opts, { ...surveyed, fork: null, lost: GtidSet.empty });
  }
}

/** The whole of the new log does not tell the fork that its beginning seemed to tell. */
const UNKNOWN_FORK = new Error('the fork is not known');

class Spilling {
  private readonly connection: Connection;
  private readonly opts: ReconcileOptions;
  private readonly surveyed: Surveyed;
  /** what the result is read from */
  private readonly kept: SpillFile;
  private readonly tables = new TableNumbers();
  private readonly clients: ReadonlySet<string>;

  constructor(connection: Connection, opts: ReconcileOptions, surveyed: Surveyed, kept: SpillFile) {
    this.connection = connection;
    this.opts = opts;
    this.surveyed = surveyed;
    this.kept = kept;
    this.clients = clientGtids(surveyed.attempts);
  }

  private say(text: string): void {
    this.opts.progress?.(text);
  }

  async run(): Promise<Reconciliation> {
    const { old, attempts, shapes, known, files } = this.surveyed;
    // what is needed until the parts are judged
    using spill = new SpillFile();
    using stage = new SpillFile();
    const lost = await this.readOld(stage);
    this.say(`${lost.rows.rows} lost row changes do not fit into memory: they are put aside, and judged in parts`);
    const count = this.opts.memory?.parts ?? Math.min(PARTS_MAX, Math.max(PARTS_MIN, Math.ceil(lost.rows.rows / ROWS_PER_PART)));
    const keys = new ServerKeys(this.connection);
    const parts = new Parts({ spill, count, rows: lost.rows.rows, shapes, keys, tables: this.tables, ledger: this.surveyed.ledger, pause: setImmediate });
    await parts.takeOld(lost.rows);
    const { visible: bound } = await executedOf(this.connection);
    const ledgerIds = new KeyIds(keys);
    const ledgerRows = await readLedgerRows(this.connection, attempts, shapes, ledgerIds);
    const finals = await this.readFinals(parts, spill);
    const fresh = await this.readFresh(stage, parts, lost.effects);
    if (!findFork(old, fresh.side, known).set) throw UNKNOWN_FORK;
    this.say(`new side: ${fresh.side.order.count} transactions in ${fresh.files.length} log file${fresh.files.length === 1 ? '' : 's'}`);
    await parts.takeNew(fresh.rows);
    stage[Symbol.dispose]();
    old.writes.unshift(...parts.writes.old);
    fresh.side.writes.unshift(...parts.writes.new);
    const { fork, set } = this.divergence(fresh.side, lost.effects);
    const { heartbeats, acked } = lost.side;
    const judged = await judgeParts({
      old,
      fresh: fresh.side,
      ...(known ? { known } : {}),
      rules: this.opts.rules,
      clients: this.clients,
      shapes,
      attempts,
      sha256,
      parts,
      fork,
      set,
      counts: { heartbeats, acked },
      bound,
      spill: this.kept,
      plan: this.opts.plan === true,
      rowsOf: (n, ids) => this.finalsOf(finals[n]!, ids),
      cascades: (told) => cascadesOfParts(this.connection, parts, told, this.opts.rules.identity, new KeyIds(keys)),
      ledger: { ids: ledgerIds, ...ledgerRows },
      logs: logsOf(files, fresh.files),
    });
    return { ...judged, bound, [Symbol.dispose]: () => this.kept[Symbol.dispose]() };
  }

  private async readOld(stage: SpillFile): Promise<Lost> {
    const { old, logs, lost, shapes, ledger } = this.surveyed;
    const rows = new SpilledRows(stage, this.tables);
    const indexOf = (gtid: string) => old.order.indexOf(gtid);
    const effects = new Effects(rows, indexOf, Math.max(0, old.order.firstOf(lost)));
    const side = new SpilledSide({
      rows,
      clients: this.clients,
      prepared: old.prepared,
      counts: (gtid) => lost.has(gtid),
      ordinal: indexOf,
      ended: (t, index, place) => effects.note(t, index, place),
    });
    const of = (gtid: string) => (lost.has(gtid) ? ('all' as const) : ('none' as const));
    await logs.read(side, new SpillingReader(side, { bytes: nodeBytes, shapes, ledger, touches: () => true, of }), AGAIN);
    rows.close();
    old.adopt(side);
    return { side, rows, effects };
  }

  private async readFresh(stage: SpillFile, parts: Parts, effects: Effects): Promise<Fresh> {
    const { old, replicated, fork, lost, shapes, ledger } = this.surveyed;
    const rows = new SpilledRows(stage, this.tables);
    const after = (gtid: string) => !!fork && !fork.has(gtid);
    const again = (gtid: string) => after(gtid) && lost.has(gtid);
    const side = new SpilledSide({
      rows,
      clients: this.clients,
      prepared: old.prepared,
      counts: after,
      ordinal: (_, index) => index,
      seen: (change, t) => again(t.gtid) && effects.row(change, t),
      ended: (t) => again(t.gtid) && effects.end(t),
    });
    side.replicated = replicated;
    const of = (gtid: string) => (!after(gtid) ? ('none' as const) : lost.has(gtid) ? ('all' as const) : ('touched' as const));
    const reader = new SpillingReader(side, { bytes: nodeBytes, shapes, ledger, touches: parts.mayTouch, of });
    const files = await readLogs(this.opts.new, side, reader);
    rows.close();
    return { side, rows, files };
  }

  /** The rows that have the keys of each part, as they are now. */
  private async readFinals(parts: Parts, spill: SpillFile): Promise<SpilledLines[]> {
    const finals: SpilledLines[] = [];
    let keys = 0;
    for (let n = 0; n < parts.count; n++) {
      const lines = new SpilledLines(spill);
      const { states } = await parts.open(n, 'old');
      const wanted = new Map<TableShape, Row[]>();
      for (const { shape, lost } of states.values()) {
        if (parts.unsupported.has(shape.name)) continue;
        const row = (lost[0]!.after ?? lost[0]!.before)!;
        const rows = wanted.get(shape);
        if (rows) rows.push(row);
        else wanted.set(shape, [row]);
      }
      for (const [shape, some] of wanted) {
        for await (const rows of readRowsLike(this.connection, shape, some))
          for (const row of rows) lines.add(JSON.stringify([this.tables.of(shape.name), row]));
      }
      lines.close();
      finals.push(lines);
      keys += states.size;
    }
    this.say(`rows: ${keys} lost keys compared`);
    return finals;
  }

  private divergence(fresh: SpilledSide, effects: Effects): { fork: Fork; set: LostSet } {
    const { old, fork: before, lost, known } = this.surveyed;
    const fork = findFork(old, fresh, known);
    if (!fork.set || !before || !lostOf(old, fork.set).equals(lost))
      throw new DrillError('DRILL_LOGS_UNREADABLE', 'the new side’s oldest logs went away while they were read', 'run it again');
    return { fork, set: { ...lostSet(old, fresh, fork.set), late: effects.late.set(), forced: effects.forced.set() } };
  }

  private async finalsOf(lines: SpilledLines, ids: KeyIds): Promise<Map<string, Map<string, Row[]>>> {
    const found = new Map<TableShape, Row[]>();
    for (const line of lines) {
      const [table, row] = JSON.parse(line) as [number, Row];
      const shape = this.surveyed.shapes.get(this.tables.names[table]!) as TableShape;
      const rows = found.get(shape);
      if (rows) rows.push(row);
      else found.set(shape, [row]);
    }
    const byTable = new Map<string, Map<string, Row[]>>();
    for (const [shape, rows] of found) {
      if (shape.key) await ids.learn(shape.key, rows);
      byTable.set(
        shape.name,
        Map.groupBy(rows, (row) => idOf(shape, row, ids)!),
      );
    }
    return byTable;
  }
}
