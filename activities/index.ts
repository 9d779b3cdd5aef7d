/** All activities, built from what the composition root hands in. Workflow code sees their types only. */
import { activityInfo, Context, heartbeat } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { isDrillError } from '../core/errors.ts';
import { chainActivities } from './chain.ts';
import { collectActivities } from './collect.ts';
import type { Deps } from './deps.ts';
import { guardActivities } from './guard.ts';
import { historyActivities } from './history.ts';
import { notifyActivities } from './notify/index.ts';
import { sealActivities } from './seal.ts';
import { stepActivities } from './steps.ts';
import { targetActivities } from './target.ts';
import { verifyActivities } from './verify.ts';
import { workloadActivities } from './workload.ts';

export function createActivities(deps: Deps) {
  return {
    ...targetActivities(deps),
    ...historyActivities(deps),
    ...workloadActivities(deps),
    ...chainActivities(deps),
    ...guardActivities(deps),
    ...collectActivities(deps),
    ...stepActivities(deps),
    ...verifyActivities(deps),
    ...sealActivities(deps),
    ...notifyActivities(deps),
  };
}

const BEAT_MS = 1_000;
type AnyActivity = (...args: never[]) => Promise<unknown>;

/**
 * What every activity gets around it: heartbeats while it runs, so that a dead worker is noticed within seconds, and coded errors turned
 * into failures that carry code and hint and are not tried again.
 */
export function dressed<T extends Record<string, AnyActivity>>(activities: T): T {
  const dress = (name: string, run: AnyActivity): AnyActivity => {
    const wrapped = async (...args: never[]) => {
      const beating = name === 'guard' || activityInfo().heartbeatTimeoutMs === undefined ? null : setInterval(() => heartbeat(), BEAT_MS);
      try {
        return await Promise.race([run(...args), Context.current().cancelled]);
      } catch (e) {
        if (!isDrillError(e)) throw e;
        throw ApplicationFailure.create({ type: e.code, message: e.message, nonRetryable: true, details: [e.hint], cause: e });
      } finally {
        if (beating) clearInterval(beating);
      }
    };
    return wrapped;
  };
  return Object.fromEntries(Object.entries(activities).map(([name, run]) => [name, dress(name, run)])) as T;
}
