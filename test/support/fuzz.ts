/** Sends what fuzz-requests.ts makes to a board that is a process of its own, and holds each answer to what every answer of ours must be. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CSS, JS } from '../../console/web/assets.ts';
import type { Envelope } from '../../core/message.ts';
import { beginDrill, boardDir, BoardProcess, Browser, tokenFor } from './board.ts';
import { MARKUP, request } from './fuzz-requests.ts';
import type { Sent, Target } from './fuzz-requests.ts';
import { HostileProvider } from './hostile-provider.ts';

const DEADLINE_MS = 60_000;
const UNANSWERED_MS = 50;
/** Connections that are left half-sent, to be ended by the board. */
const HELD_MAX = 40;
const AT_ONCE = 16;
const HEAP_MB = 96;

export interface Reply {
  status: number;
  headers: Map<string, string>;
  body: string;
}
export interface Sum {
  requests: number;
  answers: number;
  statuses: Map<number, number>;
  /** reasons of acts that may be taken */
  legitimate: Set<string>;
  held: Socket[];
}

/**
 * A board to send to, with every way to sign in. It has two drills whose plans and people mean harm: one that is over, and one that begins and never does, whose acts
 * reach the outbox. Its heap is small, so that what it keeps of each request would end it.
 */
export class FuzzedBoard {
  readonly #dir: string;
  readonly #board: BoardProcess;
  readonly #provider: HostileProvider;
  readonly #target: Target;
  readonly sum: Sum = { requests: 0, answers: 0, statuses: new Map(), legitimate: new Set(), held: [] };

  private constructor(dir: string, board: BoardProcess, provider: HostileProvider, target: Target) {
    this.#dir = dir;
    this.#board = board;
    this.#provider = provider;
    this.#target = target;
  }

  static async start(): Promise<FuzzedBoard> {
    const root = boardDir();
    const dir = join(root, 'drillbook');
    mkdirSync(dir);
    const over = beginDrill(dir, hostile);
    over.tell({ kind: 'comment', stepId: 'fence', envelope: { by: MARKUP, reason: MARKUP } as never });
    const begins = beginDrill(dir, hostile);
    const later = new Date(Date.now() + 86_400_000);
    utimesSync(join(dir, 'drills', begins.drillId, 'plan.json'), later, later);
    for (const file of ['report.html', 'manifest.json']) writeFileSync(join(dir, 'drills', over.drillId, file), '{}');
    const provider = await HostileProvider.start();
    writeFileSync(join(dir, 'people.yaml'), 'crew: crew\ntitle: One\npeople: [{ name: Ada, roles: [sre], login: ada@example.com }]\n');
    const ways = ['--oidc-issuer', provider.issuer.origin, '--oidc-client-id', 'board', '--crew', './people.yaml'];
    const proxy = ['--trusted-header', 'X-User', '--trusted-from', '192.0.2.1'];
    const env = { ...process.env, XDG_CONFIG_HOME: root, XDG_CACHE_HOME: root, NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}` };
    const board = await BoardProcess.start(dir, env, '0', [...ways, ...proxy]);
    const sessions = await Promise.all(['Ada', 'Edsger', 'Grace', 'Vera'].map((name) => signedIn(board, dir, name)));
    const target = { host: new URL(board.url).host, drills: [over.drillId, begins.drillId, 'none'], assets: [CSS.path, JS.path], sessions };
    return new FuzzedBoard(dir, board, provider, target);
  }

  get residentMb(): number {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.#board.pid}/status`, 'utf8'))![1]) / 1024;
  }
  get said(): string {
    return this.#board.said;
  }

  /** Reasons of the acts that were taken. */
  get taken(): string[] {
    const lines = readFileSync(join(this.#dir, 'board', 'outbox.jsonl'), 'utf8')
      .split('\n')
      .slice(0, -1);
    return lines.flatMap((l) => (JSON.parse(l) as { envelope?: Envelope }).envelope?.reason ?? []);
  }

  /** Requests `from` to `from + count` of a seed. Throws at the first answer that is not as it must be, with what makes it again. */
  async send(seed: number, from: number, count: number): Promise<void> {
    let n = from;
    const line = async () => {
      while (n < from + count) {
        const mine = n++;
        const sent = request(seed, mine, this.#target);
        if (sent.legitimate !== null) this.sum.legitimate.add(sent.legitimate);
        const wrong = await one(sent, Number(new URL(this.#board.url).port), this.sum);
        if (!this.#board.alive) wrong.push(`the board ended: ${this.#board.said.slice(-2_000)}`);
        if (wrong.length > 0) throw new Error(`seed ${seed}, request ${mine} (${sent.kind}): ${wrong.join('; ')}\nsent: ${shown(sent)}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, line));
  }

  /** As somebody who is signed in and means well; the status. */
  async abort(reason: string): Promise<number> {
    const b = new Browser(this.#board.url);
    const { cookie, csrf } = this.#target.sessions[3]!;
    b.cookie = cookie;
    return (await b.post(`/drills/${this.#target.drills[1]}/acts`, { csrf, transition: 'abort', reason })).status;
  }

  /** Its exit status. */
  async stop(): Promise<number | null> {
    for (const s of this.sum.held) s.destroy();
    const status = await this.#board.stop();
    await this.#provider.close();
    rmSync(join(this.#dir, '..'), { recursive: true });
    return status;
  }
}

const hostile = (plan: string): string => plan.replace(/"title":"A stale[^"]*"/, `"title":${JSON.stringify(MARKUP)}`);

async function signedIn(board: BoardProcess, dir: string, name: string): Promise<Target['sessions'][number]> {
  const b = new Browser(board.url);
  await b.signIn(tokenFor(dir, name).text);
  return { name, cookie: b.cookie, csrf: await b.csrf('/') };
}
const shown = ({ parts }: Sent): string => JSON.stringify(parts.map((p) => p.toString('latin1').slice(0, 2_000)));

/** What is wrong with the answers to it. */
async function one(sent: Sent, port: number, sum: Sum): Promise<string[]> {
  sum.requests++;
  const wire = new Wire(port);
  for (const part of sent.parts) {
    wire.socket.write(part);
    if (sent.parts.length > 1) await pause(5);
  }
  if (sent.kind === 'half') {
    if (sum.held.length < HELD_MAX) sum.held.push(wire.socket);
    else wire.socket.destroySoon();
    return [];
  }
  const asked = sent.methods.length;
  const replies = await wire.replies(sent.methods);
  wire.socket.destroy();
  if (typeof replies === 'string') return [replies];
  for (const { status } of replies) sum.statuses.set(status, (sum.statuses.get(status) ?? 0) + 1);
  sum.answers += replies.length;
  // after a refusal the connection may end: what came behind it in the pipe was not read
  const closed = wire.socket.closed && replies.at(-1)?.headers.get('connection') === 'close';
  const missing = replies.length < asked && !closed ? [`${replies.length} answers to ${asked} requests`] : [];
  return [...missing, ...replies.flatMap(faultsOf)];
}

const pause = (ms: number): Promise<void> => new Promise((r) => setTimeout(r, ms));

/** A connection without a client that would tidy what is sent. */
class Wire {
  readonly socket: Socket;
  readonly #chunks: Buffer[] = [];
  #news: () => void = () => undefined;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (d) => {
      this.#chunks.push(d);
      this.#news();
    });
    this.socket.on('error', () => undefined).on('close', () => this.#news());
  }

  /** One for each request; nobody must answer what is no request. */
  async replies(methods: readonly string[]): Promise<Reply[] | string> {
    const deadline = Date.now() + (methods.length > 0 ? DEADLINE_MS : UNANSWERED_MS);
    for (;;) {
      const { closed } = this.socket;
      const replies = parse(Buffer.concat(this.#chunks).toString('latin1'), methods);
      if (closed || typeof replies === 'string' || replies.length >= Math.max(1, methods.length) || Date.now() > deadline) return replies;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, UNANSWERED_MS);
        this.#news = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

/** Whole answers; a text says what is no answer. */
function parse(text: string, methods: readonly string[]): Reply[] | string {
  const replies: Reply[] = [];
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\r\n\r\n', at);
    if (end < 0) return replies;
    const [start, ...lines] = text.slice(at, end).split('\r\n');
    const [, digits] = /^HTTP\/1\.1 (\d{3}) /.exec(start!) ?? [];
    if (!digits) return `no status line: ${start}`;
    const status = Number(digits);
    const headers = new Map(lines.map((l) => [l.slice(0, l.indexOf(':')).toLowerCase(), l.slice(l.indexOf(':') + 2)]));
    at = end + 4;
    if (status === 100) continue;
    const bodiless = methods[replies.length] === 'HEAD' || status === 204 || status === 304;
    const length = bodiless ? 0 : Number(headers.get('content-length') ?? Number.NaN);
    if (Number.isNaN(length)) return `no length: ${text.slice(at - 300, at)}`;
    if (text.length < at + length) return replies;
    replies.push({ status, headers, body: text.slice(at, at + length) });
    at += length;
  }
  return replies;
}

const INSIDE = /\bat (?:async )?(?:file:|\S+ \((?:file:|node:|\/))|node:internal|node_modules|\.ts:\d+|DRILL_INTERNAL/;
/** Of every answer; a sealed report has a stricter policy of its own. */
const HEADERS: Record<string, RegExp> = {
  'content-security-policy': /^default-src 'none'; (?!.*unsafe-(eval|inline'; script)).*frame-ancestors 'none'/,
  'x-content-type-options': /^nosniff$/,
  'x-frame-options': /^DENY$/,
  'referrer-policy': /^same-origin$/,
  'cross-origin-opener-policy': /^same-origin$/,
  'cross-origin-resource-policy': /^same-origin$/,
  'permissions-policy': /^camera=\(\)/,
  'cache-control': /^(no-store|public, max-age=31536000, immutable)$/,
};
/** A script's and a style sheet's bytes are ours. */
const OURS = /^text\/(css|javascript)/;

/** What is wrong with an answer. */
export function faultsOf({ status, headers, body }: Reply): string[] {
  const faults: string[] = [];
  if (status >= 500 && status !== 503) faults.push(`status ${status}`);
  for (const [name, right] of Object.entries(HEADERS)) if (!right.test(headers.get(name) ?? '')) faults.push(`header ${name}: ${headers.get(name)}`);
  const type = headers.get('content-type') ?? '';
  if (INSIDE.test(body) && !OURS.test(type)) faults.push(`its inside: ${INSIDE.exec(body)![0]}`);
  // JSON is no page, and says so
  if (body.includes('<fz') && type !== 'application/json') faults.push('markup comes back as it was sent');
  if (
    /\p{Cc}/u.test(
      Buffer.from(body, 'latin1')
        .toString()
        .replaceAll(/[\t\r\n]/g, ' '),
    ) &&
    !OURS.test(type)
  )
    faults.push('control characters');
  for (const [name, value] of headers) if (value.includes('fz"') || value.includes('evil.example/')) faults.push(`header ${name}: ${value}`);
  return faults;
}
