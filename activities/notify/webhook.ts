import { createHmac } from 'node:crypto';
import type { Adapter } from './adapter.ts';
import { post } from './http.ts';

/**
 * The notice as JSON, signed: `x-drillbook-signature: sha256=<hex>` is the HMAC-SHA-256, with the route's secret, of `<x-drillbook-timestamp>.<body>`. A receiver
 * compares it in constant time and refuses what is older than it likes. `x-drillbook-delivery` is the same for a repeated delivery.
 */
export const webhook: Adapter<'webhook'> = async (route, notice, { text, secret, delivery, now }) => {
  const body = JSON.stringify({ ...notice, ...text });
  const timestamp = String(Math.floor(now / 1_000));
  const signature = createHmac('sha256', secret(route.secret)).update(`${timestamp}.${body}`).digest('hex');
  await post(`webhook ${route.name}`, secret(route.url), body, {
    'x-drillbook-timestamp': timestamp,
    'x-drillbook-signature': `sha256=${signature}`,
    'x-drillbook-delivery': delivery,
  });
};
