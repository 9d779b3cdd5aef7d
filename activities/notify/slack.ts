import type { Adapter } from './adapter.ts';
import { post } from './http.ts';

/** Slack's incoming webhooks (and what is compatible: Mattermost, Rocket.Chat): `{"text": …}` in mrkdwn, where `&`, `<` and `>` are escaped. */
export const slack: Adapter<'slack'> = async (route, notice, { text, secret }) => {
  const escaped = [`*${plain(text.subject)}*`, plain(text.body), ...(notice.link === null ? [] : [`<${plain(notice.link)}|open it>`])].join('\n');
  await post(`slack ${route.name}`, secret(route.url), JSON.stringify({ text: escaped }), {});
};

const plain = (s: string): string => s.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
