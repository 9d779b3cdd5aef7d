/**
 * The board: one HTTP server for the people of this machine's drills. Complete without JavaScript; live by server-sent events. Nobody writes who is not signed in,
 * nobody reads either unless the board is told so. It holds no truth of its own: what it shows is read from the drill and its evidence, what it sends is in the outbox.
 */
import { readFileSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { DrillError } from '../../core/errors.ts';
import { inert } from '../../core/report/text.ts';
import type { ConsoleKey } from '../people/console-key.ts';
import type { Machine } from '../people/drills.ts';
import type { AskTarget } from '../target-now.ts';
import { Acts } from './acts.ts';
import { CSS, JS } from './assets.ts';
import { Drills } from './drills.ts';
import type { Scheduled } from './drills.ts';
import type { Seen } from './feed.ts';
import { answer, cookieHeader, formOf, headersFor, problemOf, redirect, REPORT_POLICY, serverFor } from './http.ts';
import type { Answer } from './http.ts';
import { RateLimit } from './limits.ts';
import { reasonsOf } from './oidc.ts';
import type { Oidc } from './oidc.ts';
import { pageModel, phaseSays } from './page.ts';
import type { PageModel, Viewer } from './page.ts';
import { Problem } from './problem.ts';
import { drillPage, firstOf, fragmentsOf, othersOf, page } from './render.ts';
import type { Frame } from './render.ts';
import { Sessions } from './sessions.ts';
import type { Trust, Visitor } from './sessions.ts';
import { Streams } from './streams.ts';

export interface BoardOptions {
  host: string;
  /** 0: any that is free */
  port: number;
  /** how people reach it, when that is not the address it listens on */
  url: URL | null;
  machine: Machine;
  /** folder of evidence folders */
  out: string;
  key: ConsoleKey;
  tokens: string;
  outbox: string;
  trust: Trust | null;
  /** an identity provider, and whose its logins are */
  oidc: { provider: Oidc; nameOf: (login: string) => string | null } | null;
  anonymousRead: boolean;
  target: AskTarget;
  /** as it was last known: a page waits for no other server */
  scheduled: () => readonly Scheduled[];
  /** one line for whoever runs the board */
  note(line: string): void;
}

interface Ask {
  req: IncomingMessage;
  path: string;
  query: URLSearchParams;
  visitor: Visitor;
}
interface Route {
  method: 'GET' | 'POST';
  path: RegExp;
  /** for people who are not signed in too */
  open?: true;
  /** answers by itself when it returns null */
  run(ask: Ask, id: string, res: ServerResponse): Answer | null | Promise<Answer | null>;
}

const WRONG_TOKENS = { most: 10, overMs: 60_000 };
const REFUSALS = { most: 20, overMs: 60_000 };
const ACTS = { most: 20, overMs: 10_000 };
/** What is wrong with a token: for the one who has it, and for whoever runs the board. */
const WRONG = {
  none: { page: 'That is no token of this board.', log: 'no such token' },
  expired: { page: 'That token has expired. Ask for a new one.', log: 'expired' },
  revoked: { page: 'That token was revoked. Ask for a new one.', log: 'revoked' },
  unusable: {
    page: 'That is no token that this board can use. There are some that it cannot use now, and yours may be one of them: ask whoever runs it.',
    log: 'no such token, or one that cannot be used: drillbook doctor says which and why',
  },
};
const LOOPBACK: readonly string[] = ['127.0.0.1', 'localhost', '[::1]'];
const NEXT = /^\/drills\/[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$/;
const FOREVER = { 'cache-control': 'public, max-age=31536000, immutable' };

export class Board {
  readonly #o: BoardOptions;
  readonly #server: Server;
  readonly #drills: Drills;
  readonly #acts: Acts;
  readonly #sessions: Sessions;
  readonly #streams = new Streams();
  /** only wrong ones count: nobody can lock a crew out that comes from the same address */
  readonly #wrongTokens = new RateLimit(WRONG_TOKENS);
  /** lines of the log that anybody can cause */
  readonly #refusals = new RateLimit(REFUSALS);
  readonly #actsLimit = new RateLimit(ACTS);
  readonly #routes: readonly Route[];
  /** hosts by which it may be called: another name that leads here is somebody's trick */
  #hosts: readonly string[] = [];
  url = '';
  port = 0;

  private constructor(o: BoardOptions) {
    this.#o = o;
    this.#sessions = new Sessions({ tokens: o.tokens, trust: o.trust, ...(o.oidc ? { nameOf: o.oidc.nameOf } : {}) });
    this.#drills = new Drills(o.machine, o.out, o.target);
    this.#acts = new Acts(this.#drills, o.key, o.outbox);
    this.#routes = this.#routeTable();
    this.#server = serverFor((req, res) => void this.#serve(req, res));
  }

  /** DRILL_PORT_TAKEN, DRILL_BOARD_ADDRESS. */
  static async start(o: BoardOptions): Promise<Board> {
    const board = new Board(o);
    const listening = once(board.#server, 'listening');
    board.#server.listen(o.port, o.host.replace(/^\[|\]$/g, ''));
    try {
      await listening;
    } catch (cause) {
      await board.close();
      const taken = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
      throw new DrillError(
        taken ? 'DRILL_PORT_TAKEN' : 'DRILL_BOARD_ADDRESS',
        `the board cannot listen on ${o.host}:${o.port}`,
        'name another with --listen host:port',
        { cause },
      );
    }
    const { port } = board.#server.address() as AddressInfo;
    board.#hosts = [...[...LOOPBACK, o.host].map((h) => `${h}:${port}`), ...(o.url ? [o.url.host] : [])];
    board.port = port;
    board.url = o.url?.href ?? `http://${o.host}:${port}/`;
    return board;
  }

  async close(): Promise<void> {
    this.#streams.close();
    this.#server.close();
    this.#server.closeAllConnections();
    this.#acts.close();
    await this.#drills.close();
  }

  #routeTable(): readonly Route[] {
    return [
      { method: 'GET', path: /^\/$/, run: (a) => this.#list(a) },
      { method: 'GET', path: /^\/drills\/([^/]+)$/, run: (a, id) => this.#drill(a, id) },
      { method: 'GET', path: /^\/drills\/([^/]+)\/live$/, run: (a, id, res) => this.#live(a, id, res) },
      { method: 'GET', path: /^\/drills\/([^/]+)\/report$/, run: (_, id) => this.#report(id) },
      { method: 'POST', path: /^\/drills\/([^/]+)\/acts$/, run: (a, id) => this.#act(a, id) },
      { method: 'GET', path: /^\/sign-in$/, open: true, run: (a) => this.#signInPage(a, a.query.get('next') ?? '', '') },
      { method: 'POST', path: /^\/sign-in$/, open: true, run: (a) => this.#signIn(a) },
      { method: 'POST', path: /^\/sign-out$/, open: true, run: (a) => this.#signOut(a) },
      ...this.#oidcRoutes(),
      { method: 'GET', path: /^\/favicon\.ico$/, open: true, run: () => ({ status: 204, headers: FOREVER }) },
      ...[CSS, JS].map((asset): Route => ({
        method: 'GET',
        path: new RegExp(`^${asset.path.replaceAll('.', '\\.')}$`),
        open: true,
        run: () => ({ ...asset, headers: FOREVER }),
      })),
    ];
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    let visitor: Visitor | null = null;
    try {
      const { pathname, searchParams } = pathOf(req);
      this.#rightHost(req);
      visitor = this.#sessions.visitor(req.headers, req.socket.remoteAddress ?? '');
      const ask: Ask = { req, path: pathname, query: searchParams, visitor };
      const given = await this.#routed(ask, res);
      if (!given) return;
      const fresh =
        visitor.fresh && !given.headers?.['set-cookie'] && given.headers?.['cache-control'] === undefined ? cookieHeader(visitor.cookie, this.#secure) : {};
      answer(res, { ...given, headers: { ...fresh, ...given.headers } }, req.method === 'HEAD');
    } catch (e) {
      this.#failed(req, res, visitor, e);
    }
  }

  #routed(ask: Ask, res: ServerResponse): Answer | null | Promise<Answer | null> {
    const method = ask.req.method === 'HEAD' ? 'GET' : ask.req.method;
    const here = this.#routes.filter((r) => r.path.test(ask.path));
    const route = here.find((r) => r.method === method);
    if (here.length === 0) throw new Problem(404, 'DRILL_WEB_NOT_FOUND', 'there is no such page', 'the list of drills leads to all there are');
    if (!route) throw new Problem(405, 'DRILL_WEB_METHOD', `this page does not take ${method}`, 'go back, and load the page again');
    if (!route.open && ask.visitor.name === null && !(this.#o.anonymousRead && route.method === 'GET')) return this.#mustSignIn(ask);
    const id = route.path.exec(ask.path)![1] ?? '';
    // of an unannounced drill one learns what one would learn of none
    return route.run(ask, this.#drills.secret(id, ask.visitor.name) ? '' : id, res);
  }

  #mustSignIn({ req, path }: Ask): Answer {
    if (req.method === 'POST' || wantsJson(req) || path.endsWith('/live'))
      throw new Problem(401, 'DRILL_WEB_SIGN_IN', 'you are not signed in, or not any more', 'sign in, and do it again');
    return redirect(NEXT.test(path) ? `/sign-in?next=${encodeURIComponent(path)}` : '/sign-in');
  }

  #failed(req: IncomingMessage, res: ServerResponse, visitor: Visitor | null, e: unknown): void {
    const p = problemOf(e);
    if (p.status === 500) this.#o.note(`${req.method} ${JSON.stringify(req.url)}: ${e instanceof Error ? (e.stack ?? e.message) : String(e)}`);
    // what is left of a body that nobody wants is thrown away, until the request's time is over: who still sends when the connection ends does not see the answer
    req.resume();
    const headers: Record<string, string> = p.retryAfter === null ? {} : { 'retry-after': String(p.retryAfter) };
    if (wantsJson(req))
      return answer(res, {
        status: p.status,
        type: 'application/json',
        body: JSON.stringify({ state: 'refused', code: p.code, says: [p.message, p.hint].filter(Boolean).join('. ') }),
        headers,
      });
    const nobody: Visitor = { name: null, cookie: '', fresh: false, csrf: '' };
    const body = page(this.#frame(visitor ?? nobody, p.message), 'problem', { code: p.code, seen: p.message, hint: p.hint });
    answer(res, { status: p.status, body, headers }, req.method === 'HEAD');
  }

  get #secure(): boolean {
    return this.#o.url?.protocol === 'https:';
  }

  #frame(visitor: Visitor, title: string, next = ''): Frame {
    return { title: `${title} · Drillbook`, visitor, next, css: CSS.path, js: JS.path };
  }

  /** DRILL_WEB_HOST: a name that somebody else's page made lead to this machine. */
  #rightHost(req: IncomingMessage): void {
    if (!this.#hosts.includes((req.headers.host ?? '').toLowerCase()))
      throw new Problem(421, 'DRILL_WEB_HOST', 'this board is not called by that name', 'whoever runs it names the right one with --url');
  }

  /** A form of this site (Origin), from a page that this visitor was shown (token). DRILL_WEB_ORIGIN, DRILL_WEB_CSRF. */
  async #form({ req, visitor }: Ask): Promise<URLSearchParams> {
    const origin = req.headers.origin ?? '';
    const ours = URL.canParse(origin) && this.#hosts.includes(new URL(origin).host) && origin !== 'null';
    if (!ours) throw new Problem(403, 'DRILL_WEB_ORIGIN', 'this form was sent from another site', 'open the board itself, and do it there');
    const form = await formOf(req);
    if (!this.#sessions.fits(visitor, form.get('csrf') ?? ''))
      throw new Problem(403, 'DRILL_WEB_CSRF', 'this form is not one that you were shown, or you have signed in again since', 'load the page again');
    return form;
  }

  async #list({ visitor, query }: Ask): Promise<Answer> {
    this.#drills.scan();
    const list = { ...(await this.#drills.list(visitor.name, query.get('page') ?? '')), scheduled: this.#o.scheduled() };
    return { body: page(this.#frame(visitor, 'Drills'), 'list', list) };
  }

  async #drill({ visitor, path }: Ask, id: string): Promise<Answer> {
    const seen = await this.#found(id);
    if (!seen) return this.#elsewhere(visitor, id);
    return { body: drillPage(this.#frame(visitor, seen.plan.title, path), this.#model(seen, visitor), Date.now()) };
  }

  async #found(id: string): Promise<Seen | null> {
    await this.#drills.find(id);
    return this.#drills.seen(id);
  }

  async #seen(id: string): Promise<Seen> {
    return (await this.#found(id)) ?? noDrill();
  }

  /** Its evidence is on another machine: people see how far it is, and act there. */
  async #elsewhere(visitor: Visitor, id: string): Promise<Answer> {
    const state = (await this.#drills.elsewhere(id)) ?? noDrill();
    return { body: page(this.#frame(visitor, id), 'elsewhere', { drill: id, phase: phaseSays(state.phase), doing: state.doing, steps: state.steps }) };
  }

  #model(seen: Seen, visitor: Visitor): PageModel {
    const viewer: Viewer = {
      name: visitor.name,
      csrf: visitor.csrf,
      vouched: this.#acts.vouched(seen),
      outcomes: this.#acts.outcomes(seen.drillId, visitor.name),
    };
    return pageModel(seen, viewer, seen.ended ? this.#drills.report(seen.bundle) : null);
  }

  /** All parts at once when a page connects, or connects again; then those that changed. */
  async #live({ req, visitor }: Ask, id: string, res: ServerResponse): Promise<null> {
    const first = await this.#seen(id);
    const feed = this.#drills.feed(id);
    if (!feed) throw new Problem(404, 'DRILL_NO_DRILL', 'that drill is over', 'load the page again');
    const same = () => this.#sessions.visitor(req.headers, req.socket.remoteAddress ?? '', false).name === visitor.name;
    const stream = this.#streams.open(
      res,
      visitor.name ?? req.socket.remoteAddress ?? '',
      headersFor({ 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' }),
      same,
    );
    let rest: NodeJS.Immediate | null = null;
    const watch = feed.watch(() => {
      const { seen } = feed;
      if (!seen) return;
      const model = this.#model(seen, visitor);
      // to everybody before anybody gets the others
      stream.fragments(firstOf(model));
      if (rest) clearImmediate(rest);
      rest = setImmediate(() => {
        stream.fragments(othersOf(model));
        if (seen.ended) stream.over();
      });
    });
    res.once('close', watch.stop);
    stream.fragments(fragmentsOf(this.#model(feed.seen ?? first, visitor)));
    return null;
  }

  #report(id: string): Answer {
    const file = this.#drills.reportFile(id);
    if (file === null) throw new Problem(404, 'DRILL_NO_REPORT', 'this drill has no sealed report', 'it is written when the drill is over');
    return { body: readFileSync(file), headers: { 'content-security-policy': REPORT_POLICY } };
  }

  async #act(ask: Ask, id: string): Promise<Answer> {
    const form = await this.#form(ask);
    const name = ask.visitor.name!;
    const wait = this.#actsLimit.take(name, Date.now());
    if (wait > 0) throw new Problem(429, 'DRILL_WEB_TOO_OFTEN', 'that was very many acts in a short time', `try again in ${wait} s`, wait);
    const seen = await this.#seen(id);
    if (seen.ended) throw new Problem(409, 'DRILL_REFUSED', 'the drill is over', 'its report tells how it went');
    const given = await this.#acts.post(seen, name, form);
    if (!wantsJson(ask.req)) {
      // the page that follows shows what the act did
      if (given?.state === 'accepted') await this.#drills.feed(id)?.look();
      return redirect(`/drills/${id}${form.get('step') ? `#step-${encodeURIComponent(form.get('step')!)}` : ''}`);
    }
    const says =
      given === null ? 'On its way: it is safe here, and is sent until the drill answers.' : given.state === 'accepted' ? 'Accepted.' : `Refused: ${given.why}`;
    return { status: given?.state === 'refused' ? 409 : 200, type: 'application/json', body: JSON.stringify({ state: given?.state ?? 'sending', says }) };
  }

  async #signInPage({ visitor, query }: Ask, next: string, wrong: string, status = 200): Promise<Answer> {
    if (visitor.name !== null) return redirect('/');
    const provider = this.#o.oidc?.provider;
    const model = {
      wrong,
      next: NEXT.test(next) ? next : '',
      csrf: visitor.csrf,
      provider: provider?.name,
      endThere: query.has('ended') ? (await provider?.endSession())?.href : undefined,
    };
    return { status, body: page(this.#frame(visitor, 'Sign in'), 'sign-in', model) };
  }

  async #signIn(ask: Ask): Promise<Answer> {
    const form = await this.#form(ask);
    const next = form.get('next') ?? '';
    const done = this.#sessions.signIn((form.get('token') ?? '').trim(), ask.visitor.cookie);
    if ('wrong' in done) {
      const wait = this.#wrongTokens.take(ask.req.socket.remoteAddress ?? '', Date.now());
      if (wait > 0) throw new Problem(429, 'DRILL_WEB_TOO_OFTEN', 'that was very many wrong tokens', `try again in ${wait} s`, wait);
      this.#o.note(`a sign-in was refused: ${WRONG[done.wrong].log}, from ${ask.req.socket.remoteAddress}`);
      return this.#signInPage(ask, next, WRONG[done.wrong].page, 403);
    }
    return redirect(NEXT.test(next) ? next : '/', cookieHeader(done.cookie, this.#secure));
  }

  #oidcRoutes(): readonly Route[] {
    const { oidc } = this.#o;
    if (!oidc) return [];
    return [
      { method: 'GET', path: /^\/sign-in\/oidc$/, open: true, run: (a) => this.#toProvider(oidc.provider, a) },
      { method: 'GET', path: /^\/sign-in\/oidc\/back$/, open: true, run: (a) => this.#fromProvider(oidc.provider, a) },
    ];
  }

  /** Of the address that was configured, whatever the request calls this board. */
  #back(query = ''): URL {
    return new URL(`sign-in/oidc/back${query}`, this.url);
  }

  async #toProvider(provider: Oidc, { req, query, visitor }: Ask): Promise<Answer> {
    const given = query.get('next') ?? '';
    const next = NEXT.test(given) ? given : '/';
    if (visitor.name !== null) return redirect(next);
    // on loopback it has several names; the browser must have the cookie of the one that it comes back to
    const here = new URL(this.url);
    if (!this.#o.url && req.headers.host !== here.host) return redirect(new URL(`sign-in/oidc?next=${encodeURIComponent(next)}`, here).href);
    return this.#told(req, async () => redirect((await provider.begin(this.#back(), visitor.cookie, next)).href));
  }

  #fromProvider(provider: Oidc, { req, query, visitor }: Ask): Promise<Answer> {
    return this.#told(req, async () => {
      const { login, next } = await provider.finish(this.#back(`?${query.toString()}`), visitor.cookie);
      const cookie = this.#sessions.signInAs(login, visitor.cookie);
      if (cookie !== null) return redirect(next, cookieHeader(cookie, this.#secure));
      throw new Problem(403, 'DRILL_OIDC_PERSON', `nobody of the crew has the login ${login}`, 'whoever keeps the crew file writes it there, as login');
    });
  }

  /** What goes wrong is told to whoever runs the board, with its reasons. */
  async #told(req: IncomingMessage, signIn: () => Promise<Answer>): Promise<Answer> {
    try {
      return await signIn();
    } catch (e) {
      const from = req.socket.remoteAddress ?? '';
      if (this.#refusals.take(from, Date.now()) === 0) this.#o.note(`a sign-in was refused: ${inert(reasonsOf(e))}, from ${from}`);
      throw e;
    }
  }

  async #signOut(ask: Ask): Promise<Answer> {
    await this.#form(ask);
    const ended = this.#sessions.signOut(ask.visitor.cookie);
    return redirect(ended === 'login' ? '/sign-in?ended' : '/sign-in', { 'set-cookie': `${cookieHeader('', this.#secure)['set-cookie']}; Max-Age=0` });
  }
}

function noDrill(): never {
  throw new Problem(404, 'DRILL_NO_DRILL', 'there is no such drill here', 'the list of drills leads to all there are');
}

const wantsJson = (req: IncomingMessage): boolean => (req.headers.accept ?? '').includes('application/json');

/** DRILL_WEB_ADDRESS: what is no path. */
function pathOf(req: IncomingMessage): URL {
  const url = req.url ?? '';
  if (!url.startsWith('/') || url.startsWith('//') || !URL.canParse(url, 'http://board'))
    throw new Problem(400, 'DRILL_WEB_ADDRESS', 'that is no address of this board', 'begin at the list of drills');
  return new URL(url, 'http://board');
}
