/**
 * One drill as the board sees it: one poller, however many people watch. While somebody watches it asks every 150 ms, and at once after an act was accepted; else once a
 * second, so that the clocks of a drill that nobody watched are right when somebody comes. Whoever watches is told that something changed, never what.
 */
import { statSync } from 'node:fs';
import type { WorkflowHandle } from '@temporalio/client';
import { BUNDLE } from '../../core/bundle.ts';
import { messageOf } from '../../core/errors.ts';
import type { HistoryEntry } from '../../core/history.ts';
import type { Plan } from '../../core/plan.ts';
import { folderStore } from '../../evidence/store.ts';
import type { EvidenceStore } from '../../evidence/store.ts';
import type { DrillState, Moved } from '../../workflows/messages.ts';
import { LiveModel } from '../live-model.ts';
import type { LiveState } from '../live-state.ts';
import { enterDrill } from '../people/drills.ts';
import type { Machine, OpenDrill } from '../people/drills.ts';
import type { RunningDrill } from '../rundir.ts';
import { TargetEye } from '../target-now.ts';
import type { AskTarget } from '../target-now.ts';

const WATCHED_MS = 150;
const IDLE_MS = 1_000;
/** By then the history of an act is mostly written. */
const SOON_MS = 40;

/** What the feed knows; null where it does not know yet. */
export interface Seen {
  drillId: string;
  bundle: string;
  plan: Plan;
  store: EvidenceStore;
  state: DrillState | null;
  live: LiveState | null;
  history: readonly HistoryEntry[];
  /** why the state is not of now; "" when it is */
  silent: string;
  /** the drill does not run any more */
  ended: boolean;
}

export class Feed {
  readonly running: RunningDrill;
  readonly #machine: Machine;
  readonly #eye: TargetEye;
  readonly #watchers = new Set<() => void>();
  #open: OpenDrill | null = null;
  #model: LiveModel | null = null;
  #seen: Seen | null = null;
  #print = '';
  #historyBytes = -1;
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;
  #moves = 0;
  #closed = false;

  constructor(machine: Machine, running: RunningDrill, ask: AskTarget) {
    this.#machine = machine;
    this.running = running;
    this.#eye = new TargetEye(running, ask);
    void this.look();
  }

  get seen(): Seen | null {
    return this.#seen;
  }

  /** The way into the drill; DRILL_NO_TEMPORAL while there is none. */
  async handle(): Promise<WorkflowHandle> {
    return (await this.#opened()).handle;
  }

  get watched(): boolean {
    return this.#watchers.size > 0;
  }

  /** Told after each change until `stop` is called. */
  watch(changed: () => void): { stop: () => void } {
    this.#watchers.add(changed);
    void this.look();
    return { stop: () => void this.#watchers.delete(changed) };
  }

  /** Looks now; one look at a time, and one more when it was asked for meanwhile. */
  async look(): Promise<void> {
    if (this.#looking) await this.#looking;
    if (this.#looking) return this.#looking;
    this.#looking = this.#once().finally(() => (this.#looking = null));
    return this.#looking;
  }

  /** What an accepted act changed, as the drill itself answered: people see it at once, and the rest (the history, what else is under way) at the look that follows. */
  moved({ steps, doing }: Moved): void {
    this.#moves++;
    const state = this.#seen?.state;
    if (!state || !this.#model || this.#closed) return void this.look();
    const now = { ...state, doing, steps: state.steps.map((s) => steps.find((m) => m.id === s.id) ?? s) };
    this.#tell({ ...this.#seen!, state: now, live: this.#model.state(now, this.#eye.now, Date.now()) });
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.look(), SOON_MS).unref();
  }

  /** Something beside the drill's state changed that a page shows. */
  poke(): void {
    for (const w of this.#watchers) w();
  }

  /** The run's command has ended, or goes: what was seen last stays, and is marked so. */
  async end(): Promise<void> {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#looking?.catch(() => undefined);
    this.#readHistory();
    if (this.#seen) this.#tell({ ...this.#seen, ended: true });
    await this.#open?.close();
  }

  async #opened(): Promise<OpenDrill> {
    this.#open ??= await enterDrill(this.#machine, this.running);
    return this.#open;
  }

  async #once(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    try {
      await this.#see();
    } catch (e) {
      if (this.#seen) this.#tell({ ...this.#seen, silent: messageOf(e) });
    }
    if (this.#closed || this.#seen?.ended) return;
    this.#timer = setTimeout(() => void this.look(), this.#watchers.size > 0 ? WATCHED_MS : IDLE_MS).unref();
  }

  async #see(): Promise<void> {
    const open = await this.#opened();
    const { plan, store } = open;
    const { drillId, bundle } = this.running;
    this.#seen ??= { drillId, bundle, plan, store, state: null, live: null, history: [], silent: '', ended: false };
    this.#model ??= new LiveModel(plan, Date.now());
    let [moves, state] = [this.#moves, await open.state()];
    // what was asked before an act was accepted may be of before it
    while (moves !== this.#moves) [moves, state] = [this.#moves, await open.state()];
    // never waited for: what people do is shown at once, however slow the target is
    this.#eye.look(state, Date.now()).catch(() => undefined);
    this.#readHistory();
    this.#tell({ ...this.#seen, state, live: this.#model.state(state, this.#eye.now, Date.now()), silent: '', ended: state.phase === 'ended' });
  }

  #readHistory(): void {
    const bytes = statSync(folderStore(this.running.bundle).path(BUNDLE.history), { throwIfNoEntry: false })?.size ?? 0;
    if (!this.#seen || bytes === this.#historyBytes) return;
    try {
      this.#seen = { ...this.#seen, history: this.#seen.store.readChain<HistoryEntry>(BUNDLE.history) };
      this.#historyBytes = bytes;
    } catch {
      // it is being written: the next look reads it
    }
  }

  #tell(seen: Seen): void {
    this.#seen = seen;
    const { state, history, silent, ended, live } = seen;
    const print = JSON.stringify([
      state,
      history.length,
      silent,
      ended,
      live?.writes,
      live?.curves,
      live?.chain.map((c) => c.lease?.lapsesAtMs),
      live?.serviceRto.state,
      live?.dataRto.state,
    ]);
    if (print === this.#print) return;
    this.#print = print;
    for (const w of this.#watchers) w();
  }
}
