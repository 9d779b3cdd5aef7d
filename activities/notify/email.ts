import { createTransport } from 'nodemailer';
import { DrillError, messageOf } from '../../core/errors.ts';
import { threadOf } from '../../core/notice.ts';
import type { Adapter } from './adapter.ts';
import { Unsent } from './http.ts';

const SMTP_MS = 10_000;
/** RFC 5321, 4.2.1: 5yz is permanent */
const PERMANENT = 500;

/** Plain text by SMTP; the route's secret is the server's address: `smtps://user:password@host:465`, `smtp://host:25`. Mails about one step make one thread. */
export const email: Adapter<'email'> = async (route, notice, { text, secret, delivery }) => {
  const transport = createTransport(secret(route.smtp), { connectionTimeout: SMTP_MS, greetingTimeout: SMTP_MS, socketTimeout: SMTP_MS } as never);
  const thread = `<${threadOf(notice).replaceAll(/[^A-Za-z0-9./-]/g, '-')}@drillbook>`;
  try {
    await transport.sendMail({
      from: route.from,
      to: route.to,
      subject: text.subject,
      text: notice.link === null ? text.body : `${text.body}\n\n${notice.link}\n`,
      messageId: `<${delivery}@drillbook>`,
      references: thread,
      inReplyTo: thread,
      disableUrlAccess: true,
      disableFileAccess: true,
    });
  } catch (cause) {
    const seen = `email ${route.name}: ${messageOf(cause)}`;
    if (((cause as { responseCode?: number }).responseCode ?? 0) >= PERMANENT)
      throw new DrillError('DRILL_NOTICE_REFUSED', seen, 'look at the server, the sender and the receivers of this route in the crew file', { cause });
    throw new Unsent(seen, { cause });
  } finally {
    transport.close();
  }
};
