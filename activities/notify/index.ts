/** Telling people: one adapter for each kind of route, the texts from runbooks/templates/notice.txt.hbs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DrillError, messageOf } from '../../core/errors.ts';
import { sha256Hex } from '../../core/json.ts';
import { threadOf } from '../../core/notice.ts';
import type { Notice, Route, SecretRef } from '../../core/notice.ts';
import { renderNotice } from '../../evidence/render/notice.ts';
import type { Deps } from '../deps.ts';
import type { Adapter, Sending } from './adapter.ts';
import { email } from './email.ts';
import { pagerduty } from './pagerduty.ts';
import { slack } from './slack.ts';
import { webhook } from './webhook.ts';

const ADAPTERS: { [K in Route['kind']]: Adapter<K> } = { webhook, slack, pagerduty, email };

export function notifyActivities(deps: Pick<Deps, 'root' | 'secretEnv'>) {
  return {
    /** One notice over one route. Tried again by Temporal, so that a route that fails repeats nothing on another. */
    async notify(route: Route, notice: Notice): Promise<void> {
      const text = renderNotice(join(deps.root, 'runbooks/templates/notice.txt.hbs'), notice);
      const delivery = sha256Hex(`${threadOf(notice)} ${notice.kind} ${notice.at} ${route.name}`).slice(0, 32);
      await send(route, notice, { text, secret: (ref) => secretOf(ref, deps.secretEnv), delivery, now: Date.now() });
    },
  };
}

const send = <K extends Route['kind']>(route: Extract<Route, { kind: K }>, notice: Notice, sending: Sending): Promise<void> =>
  (ADAPTERS[route.kind] as Adapter<K>)(route, notice, sending);

/** DRILL_SECRET_MISSING names the reference, never the value. */
function secretOf(ref: SecretRef, env: Readonly<Record<string, string | undefined>>): string {
  if ('env' in ref) {
    const value = env[ref.env];
    if (value) return value;
    throw new DrillError('DRILL_SECRET_MISSING', `the worker's environment has no ${ref.env}`, 'set it where `drillbook run` (or the worker) is started');
  }
  try {
    return readFileSync(ref.file, 'utf8').trim();
  } catch (cause) {
    throw new DrillError('DRILL_SECRET_MISSING', `${ref.file} cannot be read: ${messageOf(cause)}`, 'make it readable for the worker', { cause });
  }
}
