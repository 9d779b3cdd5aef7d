/**
 * HTTP as the board speaks it: every answer with the security headers, every body with a limit, every error as a page or as JSON with a code and a hint, and never
 * a stack trace.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { isDrillError } from '../../core/errors.ts';
import { Problem } from './problem.ts';
import { COOKIE } from './sessions.ts';

/** Enough for a form with several inputs of 10,000 characters each. */
const BODY_BYTES_MAX = 256 * 1024;

export const POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/** A sealed report is a page of its own, with styles in it and without any script; `sandbox` takes the board's origin away from it. */
export const REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox allow-popups";

export interface Answer {
  status?: number;
  type?: string;
  body?: string | Buffer;
  headers?: Record<string, string>;
}

export function headersFor(more: Record<string, string> = {}): Record<string, string> {
  return {
    'content-security-policy': POLICY,
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    // not no-referrer: browsers would then send forms with the origin "null"
    'referrer-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), microphone=(), geolocation=()',
    'cache-control': 'no-store',
    ...more,
  };
}

/** Node answers some things by itself, without our headers: a missing host and an expectation are for `serve`, what is no HTTP is answered here. */
export function serverFor(serve: RequestListener): Server {
  const server = createServer(
    {
      headersTimeout: 10_000,
      requestTimeout: 20_000,
      connectionsCheckingInterval: 5_000,
      keepAliveTimeout: 10_000,
      maxHeaderSize: 16_384,
      requireHostHeader: false,
    },
    serve,
  );
  server.maxConnections = 1_000;
  server.on('checkExpectation', serve);
  // Node puts its "100 Continue" of a request that waits for its turn behind that one's own headers, into the body (v24: OutgoingMessage._send): those do without
  server.on('checkContinue', (req, res: ServerResponse) => {
    if (res.socket) res.writeContinue();
    serve(req, res);
  });
  server.on('clientError', (e: NodeJS.ErrnoException, socket) => {
    const status = NO_HTTP[e.code ?? ''] ?? '400 Bad Request';
    const lines = Object.entries(headersFor({ connection: 'close', 'content-length': '0' })).map(([name, value]) => `${name}: ${value}\r\n`);
    if (!socket.writable) socket.destroy();
    else socket.end(`HTTP/1.1 ${status}\r\n${lines.join('')}\r\n`);
  });
  return server;
}
const NO_HTTP: Record<string, string> = { HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large', ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout' };

export function answer(res: ServerResponse, { status = 200, type = 'text/html; charset=utf-8', body = '', headers = {} }: Answer, head = false): void {
  if (res.headersSent || res.destroyed) return void res.destroy();
  const bytes = Buffer.from(body);
  res.writeHead(status, headersFor({ 'content-type': type, 'content-length': String(bytes.length), ...headers }));
  res.end(head ? undefined : bytes);
}

export const redirect = (to: string, headers: Record<string, string> = {}): Answer => ({ status: 303, headers: { location: to, ...headers } });

/** Lax, so that somebody who follows a link from a message is still signed in; what writes is a form, and a form needs more (board.ts). */
export const cookieHeader = (value: string, secure: boolean): Record<string, string> => ({
  'set-cookie': `${COOKIE}=${value}; Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`,
});

/** A form's fields. DRILL_WEB_FORM, DRILL_WEB_TOO_LARGE. */
export async function formOf(req: IncomingMessage): Promise<URLSearchParams> {
  if (!/^application\/x-www-form-urlencoded\b/i.test(req.headers['content-type'] ?? ''))
    throw new Problem(415, 'DRILL_WEB_FORM', 'this takes forms only', 'send application/x-www-form-urlencoded');
  const tooLarge = () => new Problem(413, 'DRILL_WEB_TOO_LARGE', `a form has at most ${BODY_BYTES_MAX / 1024} KB`, 'write less');
  if (Number(req.headers['content-length'] ?? 0) > BODY_BYTES_MAX) throw tooLarge();
  const parts: Buffer[] = [];
  let size = 0;
  // a request that is destroyed has no connection to be answered by
  for await (const part of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > BODY_BYTES_MAX) throw tooLarge();
    parts.push(part);
  }
  return new URLSearchParams(Buffer.concat(parts).toString('utf8'));
}

const STATUS: Partial<Record<string, number>> = { DRILL_REFUSED: 409, DRILL_LIST_PAGE: 400 };

/** What a visitor may know of an error: ours as they are, of others nothing. */
export function problemOf(e: unknown): Problem {
  if (e instanceof Problem) return e;
  if (isDrillError(e)) return new Problem(STATUS[e.code] ?? 503, e.code, e.message, e.hint);
  return new Problem(500, 'DRILL_INTERNAL', 'the board has a fault', 'its log says more; go back and try again');
}
