/** The drills that a board shows: those of this machine that run, each with its feed, and those that have ended, from the folder of evidence. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BUNDLE } from '../../core/bundle.ts';
import type { HistoryEntry } from '../../core/history.ts';
import type { Plan } from '../../core/plan.ts';
import type { ReportModel } from '../../core/report/model.ts';
import { folderStore } from '../../evidence/store.ts';
import type { Machine } from '../people/drills.ts';
import { endedDrills, sealedReport } from '../people/listed.ts';
import { secretFrom } from '../people/secret.ts';
import { runningDrills } from '../rundir.ts';
import type { AskTarget } from '../target-now.ts';
import { Feed } from './feed.ts';
import type { Seen } from './feed.ts';

const SCAN_MS = 1_000;
const PAST_MAX = 100;
/** What may stand in an address of ours: no path, nothing hidden. */
const ID = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$/;

/** A drill that starts by itself. */
export interface Scheduled {
  name: string;
  /** what is drilled, and with whom */
  what: string;
  /** when next, or why not */
  says: string;
  paused: boolean;
}

export interface ListModel {
  running: { drill: string; title: string; target: string; phase: string; says: string }[];
  past: { drill: string; title: string; verdict: string | null; says: string }[];
  more: boolean;
  total: number;
}

/** The folder is made first, then the lab is started, then the run says where it is. What has not begun after this time never will. */
const STARTING_MS = 90_000;
const starting = (bundle: string): boolean =>
  !existsSync(join(bundle, BUNDLE.history)) && Date.now() - (statSync(join(bundle, BUNDLE.plan), { throwIfNoEntry: false })?.mtimeMs ?? 0) < STARTING_MS;

export class Drills {
  readonly #machine: Machine;
  readonly #out: string;
  readonly #ask: AskTarget;
  readonly #feeds = new Map<string, Feed>();
  /** evidence folders of drills that ran while this board did, wherever they are */
  readonly #bundles = new Map<string, string>();
  /** sealed reports do not change */
  readonly #reports = new Map<string, ReportModel>();
  readonly #timer: NodeJS.Timeout;

  constructor(machine: Machine, out: string, ask: AskTarget) {
    this.#machine = machine;
    this.#out = out;
    this.#ask = ask;
    this.scan();
    this.#timer = setInterval(() => this.scan(), SCAN_MS).unref();
  }

  scan(): void {
    const running = runningDrills(this.#machine.cacheDir);
    for (const d of running) {
      if (this.#feeds.has(d.drillId)) continue;
      this.#feeds.set(d.drillId, new Feed(this.#machine, d, this.#ask));
      this.#bundles.set(d.drillId, d.bundle);
    }
    for (const [id, feed] of this.#feeds) {
      if (running.some((d) => d.drillId === id)) continue;
      this.#feeds.delete(id);
      void feed.end();
    }
  }

  /** An unannounced drill of which this person must not know yet. */
  secret(id: string, name: string | null): boolean {
    const bundle = this.#feeds.get(id)?.running.bundle ?? this.#bundleOf(id);
    return bundle !== null && secretFrom(bundle, name === null ? [] : [name]);
  }

  feed(id: string): Feed | null {
    return this.#feeds.get(id) ?? null;
  }

  /** Running or over; null: no such drill. Throws the coded error of evidence that cannot be read. */
  seen(id: string): Seen | null {
    const feed = this.#feeds.get(id);
    if (feed?.seen) return feed.seen;
    const bundle = this.#bundleOf(id);
    if (bundle === null) return null;
    const store = folderStore(bundle);
    const plan = JSON.parse(store.readText(BUNDLE.plan)) as Plan;
    return {
      drillId: id,
      bundle,
      plan,
      store,
      state: null,
      live: null,
      history: store.readChain<HistoryEntry>(BUNDLE.history),
      silent: '',
      ended: !feed && !starting(bundle),
    };
  }

  report(bundle: string): ReportModel | null {
    const known = this.#reports.get(bundle);
    if (known) return known;
    // the report is written before the manifest that seals it
    const report = existsSync(join(bundle, BUNDLE.manifest)) ? sealedReport(bundle) : null;
    if (report) this.#reports.set(bundle, report);
    return report;
  }

  /** The sealed page; null: there is none. */
  reportFile(id: string): string | null {
    const bundle = this.#feeds.get(id)?.running.bundle ?? this.#bundleOf(id);
    const file = bundle === null ? '' : join(bundle, BUNDLE.reportHtml);
    return file !== '' && existsSync(join(bundle!, BUNDLE.manifest)) && existsSync(file) ? file : null;
  }

  /** For one person; null: somebody who has not signed in. */
  list(name: string | null): ListModel {
    const names = name === null ? [] : [name];
    const running = [...this.#feeds.values()].filter((f) => !f.seen?.ended);
    const others = endedDrills(this.#out).filter(
      (d) => ID.test(d.drill) && !running.some((f) => f.running.bundle === d.bundle) && !secretFrom(d.bundle, names),
    );
    const [begun, past] = [others.filter((d) => starting(d.bundle)), others.filter((d) => !starting(d.bundle))];
    return {
      running: [
        ...begun.map(({ drill }) => ({ drill, title: drill, target: '', phase: 'starting', says: '' })),
        ...running
          .filter((f) => !secretFrom(f.running.bundle, names))
          .map(({ running: { drillId }, seen }) => ({
            drill: drillId,
            title: seen?.plan.title ?? drillId,
            target: seen?.plan.target.name ?? '',
            phase: seen?.state?.phase ?? 'starting',
            says: seen?.state?.doing ?? '',
          })),
      ],
      past: past.slice(0, PAST_MAX).map(({ drill, bundle, verdict, says }) => ({ drill, title: this.report(bundle)?.meta.title ?? drill, verdict, says })),
      more: past.length > PAST_MAX,
      total: past.length,
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([...this.#feeds.values()].map((f) => f.end()));
  }

  #bundleOf(id: string): string | null {
    if (!ID.test(id)) return null;
    const bundle = this.#bundles.get(id) ?? join(this.#out, id);
    return existsSync(join(bundle, BUNDLE.plan)) ? bundle : null;
  }
}
