/**
 * A drill as it is seen from outside, by the clock of this process, to be held against the times of its report. What was seen is a bracket: at `fromMs` it was not so
 * yet, at `toMs` it was. The drill's state is asked for by query (whether a step is done, never when), the servers by their sockets: is db1 gone, is db2 written to.
 * An instant of the report fits when it lies in all brackets of its name, or at most TOLERANCE_MS outside.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import type { RowDataPacket } from 'mysql2/promise';
import { enterDrill } from '../../console/people/drills.ts';
import type { OpenDrill } from '../../console/people/drills.ts';
import { runningDrills } from '../../console/rundir.ts';
import type { RunningDrill } from '../../console/rundir.ts';
import { HEARTBEAT_TABLE } from '../../core/workload.ts';
import type { InstantRow, ReportModel, StepRow } from '../../core/report/model.ts';
import type { DrillState } from '../../workflows/messages.ts';
import type { StepStatus } from '../../workflows/steps.ts';
import { CACHE_DIR } from './tools.ts';

export const TOLERANCE_MS = 100;
const POLL_MS = 20;
interface Bracket {
  fromMs: number;
  toMs: number;
}
/** An instant of the report, epoch ms (a fault's effect: the two ends that its probes saw), beside what was seen; `off`: how far it lies outside, ms; null: nothing was seen of it */
export interface Held {
  what: string;
  reportedMs: number;
  untilMs: number;
  brackets: Bracket[];
  off: number | null;
}

const RANK: Record<StepStatus, number> = { pending: 0, active: 1, acknowledged: 2, done: 3, checked: 4, verified: 5, skipped: 5, rejected: 5 };
const MARKS = ['opened', 'acknowledged', 'done', 'checked', 'ended'] as const;

export class Outside {
  readonly #brackets = new Map<string, Bracket[]>();
  readonly #loops: Promise<void>[] = [];
  #drill: OpenDrill | null = null;
  #stopped = false;

  /** Waits for the run whose drill's name ends so, and looks until `stop`. */
  static watch(ending: string): Outside {
    const outside = new Outside();
    outside.#loops.push(outside.#run(ending));
    return outside;
  }

  /** A person of this test did it: not before `fromMs`, and it was seen to be so at `toMs`. */
  act(what: string, fromMs: number, toMs = Infinity): void {
    const known = this.#brackets.get(what);
    if (known) known.push({ fromMs, toMs });
    else this.#brackets.set(what, [{ fromMs, toMs }]);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled(this.#loops);
    await this.#drill?.close();
  }

  async #run(ending: string): Promise<void> {
    let running: RunningDrill | undefined;
    while (!running && !this.#stopped) {
      running = runningDrills(CACHE_DIR).find((d) => d.drillId.endsWith(ending));
      if (!running) await sleep(POLL_MS);
    }
    if (!running) return;
    const socket = (node: string) => join(running.dir, 'lab', `${node}.sock`);
    await Promise.allSettled([this.#state(running), this.#oldSide(socket('db1')), this.#newSide(socket('db2'))]);
  }

  async #state(running: RunningDrill): Promise<void> {
    const drill = (this.#drill = await enterDrill({ cacheDir: CACHE_DIR, env: process.env }, running));
    for (let before = Date.now(); !this.#stopped;) {
      const fromMs = Date.now();
      const state = await drill.state().catch(() => null);
      if (state) {
        this.#take(state, { fromMs: before, toMs: Date.now() });
        before = fromMs;
      }
      await sleep(POLL_MS);
    }
  }

  #take({ steps }: DrillState, seen: Bracket): void {
    const first = (what: string) => this.#seen.has(what) || (this.#seen.add(what), this.act(what, seen.fromMs, seen.toMs));
    for (const s of steps) {
      if (s.attempt > 1) for (const mark of MARKS) first(`${s.id}/${s.attempt - 1} ${mark}`);
      for (const [i, mark] of MARKS.entries()) if (RANK[s.status] > i) first(`${s.id}/${s.attempt} ${mark}`);
    }
  }
  readonly #seen = new Set<string>();

  /** db1, until it does not answer any more: its heartbeats too, each with when it was not there and when it was. */
  async #oldSide(socketPath: string): Promise<void> {
    const db = await createConnection({ socketPath, user: 'root' });
    db.on('error', () => undefined);
    for (let aliveMs = Date.now(); !this.#stopped; await sleep(5)) {
      const at = Date.now();
      try {
        const [rows] = await db.query<RowDataPacket[]>(`SELECT CAST(MAX(at_ns) AS CHAR) beat FROM ${HEARTBEAT_TABLE}`);
        const { beat } = rows[0] as { beat: string };
        if (this.#beats.at(-1)?.beat !== beat) this.#beats.push({ beat, fromMs: aliveMs, toMs: Date.now() });
        aliveMs = at;
      } catch {
        return this.act('db1 died', aliveMs, Date.now());
      }
    }
  }
  readonly #beats: (Bracket & { beat: string })[] = [];

  /** db2, until it is written to: when it was opened, and which heartbeat of db1 was the last that it got. */
  async #newSide(socketPath: string): Promise<void> {
    const db = await createConnection({ socketPath, user: 'root' });
    db.on('error', () => undefined);
    const rows = '(SELECT COUNT(*) FROM drill.orders) + (SELECT COUNT(*) FROM drill.journal) + (SELECT COUNT(*) FROM drill.acct)';
    const beat = `SELECT CAST(MAX(at_ns) AS CHAR) FROM ${HEARTBEAT_TABLE} WHERE server_uuid <> @@server_uuid`;
    const ask = async (): Promise<{ beat: string; ro: number; n: number }> =>
      (await db.query<RowDataPacket[]>(`SELECT (${beat}) beat, @@GLOBAL.read_only ro, ${rows} n`))[0][0] as { beat: string; ro: number; n: number };
    let last = await ask();
    for (let askedMs = Date.now(); !this.#stopped; await sleep(5)) {
      const at = Date.now();
      const now = await ask();
      if (last.ro === 1 && now.ro === 0) this.act('db2 open', askedMs, Date.now());
      if (now.ro === 0 && now.n > last.n) {
        this.act('db2 written', askedMs, Date.now());
        return this.#cutBetween(now.beat);
      }
      [last, askedMs] = [now, at];
    }
  }

  /** The last heartbeat that came was written before the cut, the next one at the cut or after it. */
  #cutBetween(lastBeat: string): void {
    const i = this.#beats.findIndex((b) => b.beat === lastBeat);
    const next = this.#beats[i + 1];
    if (i >= 0 && next) this.act('cut', this.#beats[i]!.fromMs, next.toMs);
  }

  /** Every time of the report. `first`: which act was the first of all, and which the first that was signed. */
  held(report: ReportModel, stepIds: readonly string[], first: { taken: string; signed: string }): Held[] {
    const zero = report.timeline.zeroWallMs!;
    const figure = (id: string) => [...report.figures, ...report.people.figures].find((f) => f.id === id)!;
    const instant = (what: string) => report.belief.instants.find((i) => i.what.startsWith(what))!;
    const rows = report.people.rows.filter((r) => r.openedMs !== null).flatMap((r) => timesOf(r, stepIds));
    const kill = instant('kill');
    const effect = (what: string, i: InstantRow): [string, number, number] => [what, zero + i.atMs, zero + i.atMs + i.errorMs];
    const others: [string, number, number?][] = [
      effect('cut', instant('partition')),
      effect('db1 died', kill),
      effect('db2 open', instant('promote')),
      ['db2 written', zero + kill.atMs + figure('service-rto').value!],
      ['recovered', zero + figure('data-rto').value!],
      ['converged', zero + figure('convergence').value!],
      [first.taken, zero + figure('detection').value!],
      [first.taken, zero + figure('acknowledgement').value!],
      [first.signed, zero + figure('decision').value!],
      ['ended', report.meta.startedWallMs! + report.meta.tookMs!],
      ...report.people.comments.map((c, i): [string, number] => [`comment ${i + 1}`, zero + c.atMs]),
      ...report.people.refused.map((r, i): [string, number] => [`refused ${i + 1}`, zero + r.atMs]),
    ];
    return [...rows.map(([what, ms]): [string, number, number?] => [what, zero + ms]), ...others].map(([what, reportedMs, untilMs = reportedMs]) => {
      const brackets = this.#brackets.get(what) ?? [];
      const off = Math.max(0, ...brackets.flatMap((b) => [b.fromMs - untilMs, reportedMs - b.toMs]));
      return { what, reportedMs, untilMs, brackets, off: brackets.length === 0 ? null : Math.round(off) };
    });
  }
}

function timesOf(r: StepRow, stepIds: readonly string[]): [string, number][] {
  const [number, attempt] = [Number.parseInt(r.number, 10), Number(/attempt (\d+)/.exec(r.number)?.[1] ?? 1)];
  const name = `${stepIds[number - 1]}/${attempt}`;
  const times: Record<(typeof MARKS)[number], number | null> = {
    opened: r.openedMs,
    acknowledged: r.acknowledgedMs,
    done: r.doneMs,
    checked: r.checkedMs,
    ended: r.endedMs,
  };
  return MARKS.flatMap((mark): [string, number][] => (times[mark] === null ? [] : [[`${name} ${mark}`, times[mark]]]));
}

/** Those that do not fit, as sentences; and a line for each that does, for whoever reads the test's output. */
export function misfits(held: readonly Held[]): { wrong: string[]; table: string } {
  const line = (h: Held) =>
    `${h.what}: ${h.off === null ? 'not seen' : h.off === 0 ? 'fits' : `${h.off} ms outside`} (${h.brackets.map((b) => width(b)).join(', ')})`;
  return { wrong: held.filter((h) => h.off === null || h.off > TOLERANCE_MS).map(line), table: held.map(line).join('\n') };
}
const width = (b: Bracket): string => (b.toMs === Infinity ? 'not before' : `seen to ${Math.round(b.toMs - b.fromMs)} ms`);
