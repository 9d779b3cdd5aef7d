/**
 * The guard: one long activity per drill beside the target. It renews every lease at least every L/3, and before each renewal it makes a real
 * call to Temporal: without an answer it skips the renewal and asks again, until the target heals the fault by itself. So a fault never
 * outlives the engine by more than its lease, whoever is dead.
 */
import { activityInfo, heartbeat, cancellationSignal } from '@temporalio/activity';
import { isDrillError, messageOf } from '../core/errors.ts';
import type { DrillRef } from '../workflows/messages.ts';
import type { Deps, Target } from './deps.ts';
import { faultOf } from './faults/index.ts';
import { Journal } from './journal.ts';

export interface GuardReport {
  renewals: number;
  renewed: string[];
  lapsed: string[];
  seen: string;
  /** times without an engine or without this worker */
  gaps: { fromWallMs: number; toWallMs: number; seen: string }[];
}
interface Beat {
  lastWallMs: number;
  report: GuardReport;
}

export function guardActivities(deps: Deps) {
  return {
    async guard(ref: DrillRef, { leaseMs }: { leaseMs: number }): Promise<GuardReport> {
      const t = await deps.target(ref.target);
      const journal = new Journal((await t.platform.facts()).workDir, ref.drillId);
      return new Guard(deps, t, journal, leaseMs).run();
    },
    async releaseGuard(ref: DrillRef): Promise<void> {
      const t = await deps.target(ref.target);
      new Journal((await t.platform.facts()).workDir, ref.drillId).releaseGuard();
    },
  };
}

class Guard {
  readonly #deps: Deps;
  readonly #target: Target;
  readonly #journal: Journal;
  readonly #leaseMs: number;
  readonly #report: GuardReport;
  #lastAnswerMs = Date.now();

  constructor(deps: Deps, target: Target, journal: Journal, leaseMs: number) {
    this.#deps = deps;
    this.#target = target;
    this.#journal = journal;
    this.#leaseMs = leaseMs;
    const before = activityInfo().heartbeatDetails as Beat | undefined;
    this.#report = before?.report ?? { renewals: 0, renewed: [], lapsed: [], seen: '', gaps: [] };
    if (activityInfo().attempt > 1 && before)
      this.#report.gaps.push({ fromWallMs: before.lastWallMs, toWallMs: Date.now(), seen: 'the worker beside the target was away' });
  }

  async run(): Promise<GuardReport> {
    const signal = cancellationSignal();
    const lost = this.#target.lost.then((e) => {
      throw e;
    });
    lost.catch(() => undefined);
    const beatMs = Math.max(100, Math.floor(this.#leaseMs / 18));
    let renewAt = 0;
    while (!signal.aborted && !this.#journal.guardReleased) {
      heartbeat({ lastWallMs: Date.now(), report: this.#report } satisfies Beat);
      if (Date.now() >= renewAt && (await this.#engineAnswers())) {
        await this.#renew();
        if (this.#report.lapsed.length > 0) return this.#report;
        renewAt = Date.now() + this.#leaseMs / 4;
      }
      await Promise.race([new Promise((r) => setTimeout(r, beatMs)), lost]);
    }
    return this.#report;
  }

  async #engineAnswers(): Promise<boolean> {
    try {
      await this.#deps.pingEngine(Math.max(300, Math.floor(this.#leaseMs / 12)));
    } catch {
      return false;
    }
    const now = Date.now();
    if (now - this.#lastAnswerMs > this.#leaseMs / 2)
      this.#report.gaps.push({ fromWallMs: this.#lastAnswerMs, toWallMs: now, seen: 'Temporal did not answer' });
    this.#lastAnswerMs = now;
    return true;
  }

  async #renew(): Promise<void> {
    for (const entry of this.#journal.all().filter((e) => e.phase === 'observed' && e.undo === 'leased')) {
      try {
        await faultOf(entry.verb).renew?.(this.#target, entry.record, this.#leaseMs);
        this.#report.renewals++;
        if (!this.#report.renewed.includes(entry.chainId)) this.#report.renewed.push(entry.chainId);
      } catch (e) {
        if (!isDrillError(e) || e.code !== 'DRILL_LEASE_LAPSED') throw e;
        const now = this.#journal.get(entry.chainId)!.phase;
        if (now === 'healing' || now === 'healed') continue;
        this.#report.lapsed.push(entry.chainId);
        this.#report.seen = `the lease of ${entry.chainId} lapsed and the target healed it by itself (${messageOf(e)})`;
      }
    }
  }
}
