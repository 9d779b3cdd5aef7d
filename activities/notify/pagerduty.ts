import { threadOf } from '../../core/notice.ts';
import type { Notice } from '../../core/notice.ts';
import type { Adapter } from './adapter.ts';
import { post } from './http.ts';

const EVENTS_V2 = 'https://events.pagerduty.com/v2/enqueue';
/** of a summary, by their documentation */
const SUMMARY_CHARS = 1_024;

/** PagerDuty's Events API v2: one incident for each step, by its dedup_key; it is resolved when the step or the drill has ended. */
export const pagerduty: Adapter<'pagerduty'> = async (route, notice, { text, secret }) => {
  const event = {
    routing_key: secret(route.key),
    event_action: actionOf(notice),
    dedup_key: threadOf(notice),
    payload: {
      summary: text.subject.slice(0, SUMMARY_CHARS),
      source: notice.target,
      severity: notice.kind === 'step-escalated' ? 'critical' : 'warning',
      timestamp: new Date(notice.at).toISOString(),
      component: notice.runbook,
      group: notice.drillId,
      custom_details: { text: text.body },
    },
    ...(notice.link === null ? {} : { links: [{ href: notice.link, text: 'the step on the board' }] }),
  };
  await post(`pagerduty ${route.name}`, route.url ?? EVENTS_V2, JSON.stringify(event), {});
};

const actionOf = ({ kind }: Notice): 'trigger' | 'resolve' => (kind === 'step-ended' || kind === 'drill-ended' ? 'resolve' : 'trigger');
