/** The drills that a board shows: those of this machine that run, each with its feed, and those that have ended, from the folder of evidence. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BUNDLE } from '../../core/bundle.ts';
import { isDrillError, messageOf } from '../../core/errors.ts';
import type { HistoryEntry } from '../../core/history.ts';
import type { Plan } from '../../core/plan.ts';
import type { ReportModel } from '../../core/report/model.ts';
import { folderStore } from '../../evidence/store.ts';
import type { DrillState } from '../../workflows/messages.ts';
import type { Machine } from '../people/drills.ts';
import { drillFolders, sealedReport } from '../people/listed.ts';
import { secretFrom } from '../people/secret.ts';
import { saysOf, TemporalLists } from '../people/visible.ts';
import type { Visible } from '../people/visible.ts';
import { runningDrills } from '../rundir.ts';
import type { AskTarget } from '../target-now.ts';
import { Feed } from './feed.ts';
import type { Seen } from './feed.ts';

const SCAN_MS = 1_000;
const PAST_MAX = 100;
/** of those that run, on one page */
const PAGE = 50;
/** A drill that somebody opened, and that no command of this machine runs, is asked for this long after the last page of it was closed. */
const VISITED_MS = 60_000;
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
  /** of those that have ended, there are more than are shown */
  more: boolean;
  /** page after this one of those that run; "" when there is none */
  next: string;
  /** this is not the first page */
  later: boolean;
  /** how many run, where that is more than are shown; null */
  total: number | null;
  /** why nothing is known of drills elsewhere; "" when something is, or there is nothing to know */
  silent: string;
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
  /** evidence folders that have a plan */
  readonly #planned = new Set<string>();
  /** sealed reports do not change */
  readonly #reports = new Map<string, ReportModel>();
  readonly #timer: NodeJS.Timeout;
  /** of another machine's command, with their evidence here: only those that somebody opened */
  readonly #visited = new Map<string, { feed: Feed; usedMs: number }>();
  #lists: Promise<TemporalLists | null> | null = null;

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
    this.#leaveVisited();
  }

  /** An unannounced drill of which this person must not know yet. */
  secret(id: string, name: string | null): boolean {
    const bundle = this.#feeds.get(id)?.running.bundle ?? this.#bundleOf(id);
    return bundle !== null && secretFrom(bundle, name === null ? [] : [name]);
  }

  /** Of a drill that runs and was looked for. */
  feed(id: string): Feed | null {
    return this.#feeds.get(id) ?? this.#visited.get(id)?.feed ?? null;
  }

  /** The feed of a drill that runs: by a command of this machine, or elsewhere with its evidence here; null: it does not run, or not so. DRILL_NO_TEMPORAL, DRILL_NO_ENGINE. */
  async find(id: string): Promise<Feed | null> {
    const visited = this.#visited.get(id);
    if (visited) visited.usedMs = Date.now();
    if (!this.feed(id)) this.scan();
    const known = this.feed(id);
    const bundle = known ? null : this.#bundleOf(id);
    if (known || bundle === null || existsSync(join(bundle, BUNDLE.manifest))) return known;
    if (!(await (await this.#temporal())?.runs(id))) return null;
    const feed = this.feed(id) ?? new Feed(this.#machine, { drillId: id, bundle, temporal: null, dir: '' }, this.#ask);
    this.#visited.set(id, { feed, usedMs: Date.now() });
    return feed;
  }

  /** Of a drill whose evidence is not here: where it is, as it says itself; null: there is none. */
  async elsewhere(id: string): Promise<DrillState | null> {
    const lists = ID.test(id) ? await this.#temporal() : null;
    return (await lists?.runs(id)) && !(await lists!.secret(id)) ? lists!.state(id) : null;
  }

  #leaveVisited(): void {
    for (const [id, { feed, usedMs }] of this.#visited) {
      if (!feed.seen?.ended && (feed.watched || Date.now() - usedMs < VISITED_MS)) continue;
      this.#visited.delete(id);
      void feed.end();
    }
  }

  /** Connected when it is first needed, and again when that did not work. */
  #temporal(): Promise<TemporalLists | null> {
    return (this.#lists ??= TemporalLists.of(this.#machine.env).catch((e: unknown) => {
      this.#lists = null;
      throw e;
    }));
  }

  /** Running or over; null: no such drill. Throws the coded error of evidence that cannot be read. */
  seen(id: string): Seen | null {
    const feed = this.feed(id);
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

  /** For one person; null: somebody who has not signed in. `page`: as the page before named it; "" is the first. */
  async list(name: string | null, page = ''): Promise<ListModel> {
    const names = name === null ? [] : [name];
    const secret = (d: string) => secretFrom(join(this.#out, d), names);
    const feeds = [...this.#feeds.values()].filter((f) => !f.seen?.ended);
    const fed = new Set(feeds.map((f) => f.running.bundle));
    const all = new Set(drillFolders(this.#out, this.#planned).filter((d) => ID.test(d) && !fed.has(join(this.#out, d))));
    const folders = [...all].filter((d) => !secret(d));
    const told = (d: Visible) => (all.has(d.drill) ? !secret(d.drill) : !d.secret);
    const { sealed = [], unsealed = [] } = Object.groupBy(folders, (d) => (this.#sealed(d) ? 'sealed' : 'unsealed'));
    const open = unsealed.slice(0, PAST_MAX);
    const there = await this.#asListed(page, open);
    const here =
      page === ''
        ? [
            ...open.filter((d) => !there.runs.has(d) && starting(join(this.#out, d))).map(beginning),
            ...feeds.filter((f) => !secretFrom(f.running.bundle, names)).map(goingOn),
          ]
        : [];
    const running = new Set(feeds.map((f) => f.running.drillId));
    const shown = new Set(here.map((d) => d.drill));
    const past = [...sealed, ...open.filter((d) => !shown.has(d) && !there.runs.has(d))].toSorted().toReversed();
    const ended = there.ended.filter((d) => told(d) && !all.has(d.drill) && !running.has(d.drill) && !shown.has(d.drill));
    return {
      running: [
        ...here,
        ...there.running
          .filter((d) => told(d) && !running.has(d.drill) && !shown.has(d.drill))
          .map((d) => ({ ...d, says: saysOf(d, folders.includes(d.drill)) })),
      ],
      past: [...past.slice(0, PAST_MAX).map((d) => this.#past(d)), ...ended.map((d) => ({ ...d, says: saysOf(d, false) }))],
      more: past.length > PAST_MAX,
      next: there.next,
      later: page !== '',
      total: there.total,
      silent: there.silent,
    };
  }

  #past(drill: string): ListModel['past'][number] {
    const bundle = join(this.#out, drill);
    const report = this.report(bundle);
    return { drill, title: report?.meta.title ?? drill, verdict: report?.verdict ?? null, says: report?.sentence ?? 'was never sealed' };
  }

  /** What was sealed stays so. */
  #sealed(drill: string): boolean {
    const bundle = join(this.#out, drill);
    return this.#reports.has(bundle) || existsSync(join(bundle, BUNDLE.manifest));
  }

  /** By the lists of the Temporal that is shared: a page of what runs, what has ended last, and which of `open` run. */
  async #asListed(page: string, open: readonly string[]): Promise<Listing> {
    const nothing: Listing = { running: [], next: '', ended: [], total: null, runs: new Set(), silent: '' };
    try {
      const lists = await this.#temporal();
      if (!lists) return nothing;
      const asked = [lists.page('running', PAGE, page), lists.page('ended', PAST_MAX), lists.runningOf(open), lists.count()] as const;
      const [running, ended, runs, count] = await Promise.all(asked);
      const total = running.next === '' && page === '' ? null : count;
      const phased = running.drills.map((d) => ({ ...d, phase: d.phase ?? 'over' }));
      return { running: phased, next: running.next, ended: ended.drills, total, runs, silent: '' };
    } catch (e) {
      if (isDrillError(e) && e.code === 'DRILL_LIST_PAGE') throw e;
      return { ...nothing, silent: messageOf(e) };
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([...this.#feeds.values(), ...[...this.#visited.values()].map((v) => v.feed)].map((f) => f.end()));
    await (await this.#lists?.catch(() => null))?.close();
  }

  #bundleOf(id: string): string | null {
    if (!ID.test(id)) return null;
    const bundle = this.#bundles.get(id) ?? join(this.#out, id);
    return existsSync(join(bundle, BUNDLE.plan)) ? bundle : null;
  }
}

interface Listing {
  running: (Visible & { phase: string })[];
  next: string;
  ended: Visible[];
  total: number | null;
  runs: ReadonlySet<string>;
  silent: string;
}

const beginning = (drill: string): ListModel['running'][number] => ({ drill, title: drill, target: '', phase: 'starting', says: '' });
const goingOn = ({ running: { drillId }, seen }: Feed): ListModel['running'][number] => ({
  drill: drillId,
  title: seen?.plan.title ?? drillId,
  target: seen?.plan.target.name ?? '',
  phase: seen?.state?.phase ?? 'starting',
  says: seen?.state?.doing ?? '',
});
