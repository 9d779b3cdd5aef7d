/** A POST that either was taken or says why not. */
import { DrillError, messageOf } from '../../core/errors.ts';

const POST_MS = 10_000;
const SHOWN_CHARS = 200;

/** Throws DRILL_NOTICE_REFUSED (a 4xx but 408 and 429: trying again will not help) or an error that is worth another try. The address is a secret and is not told. */
export async function post(what: string, url: string, body: string, headers: Record<string, string>): Promise<void> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
      redirect: 'error',
      signal: AbortSignal.timeout(POST_MS),
    });
  } catch (cause) {
    throw new Unsent(`${what} cannot be reached: ${messageOf((cause as Error).cause ?? cause)}`, { cause });
  }
  const said = (await response.text().catch(() => '')).slice(0, SHOWN_CHARS);
  if (response.ok) return;
  const seen = `${what} answered ${response.status} ${said}`;
  if (response.status >= 400 && response.status < 500 && ![408, 429].includes(response.status))
    throw new DrillError('DRILL_NOTICE_REFUSED', seen, 'look at the address and the key of this route in the crew file');
  throw new Unsent(seen);
}

/** Not sent; another try may do it. */
export class Unsent extends Error {
  override readonly name = 'Unsent';
}
