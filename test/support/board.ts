/** Boards to test: without a drill in this process, and with one of the real command; and a browser of ours that is only HTTP with a cookie. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareDrill } from '../../console/cli/run/prepare.ts';
import { consoleKey, ensureConsoleKey } from '../../console/people/console-key.ts';
import { issueToken, tokenFolder } from '../../console/people/tokens.ts';
import { Board } from '../../console/web/board.ts';
import type { BoardOptions } from '../../console/web/board.ts';
import type { Seen } from '../../console/web/feed.ts';
import type { HistoryEvent } from '../../core/history.ts';
import { folderStore } from '../../evidence/store.ts';
import type { StepView } from '../../evidence/views.ts';
import { Steps } from '../../workflows/steps.ts';
import { tied } from '../../setup/process.mjs';

export const ROOT = join(import.meta.dirname, '../..');
const DAY_MS = 86_400_000;

export const CREW = `crew: crew
title: Three people
people:
  - { name: Ada, roles: [sre] }
  - { name: Edsger, roles: [dba, incident-commander], rights: [responder, approver] }
  - { name: Grace, roles: [incident-commander], rights: [responder, approver, coordinator] }
  - { name: Vera, roles: [sre], rights: [viewer] }
`;

export const boardDir = (): string => mkdtempSync(join(realpathSync(tmpdir()), 'dbb-'));
export const tokenFor = (config: string, name: string, forMs = DAY_MS, nowMs = Date.now()): { text: string; id: string } => {
  const { text, token } = issueToken(tokenFolder(config), name, forMs, nowMs);
  return { text, id: token.id };
};

/** On a free port, over the folders of `dir`; no drill runs there. */
export async function startBoard(dir: string, more: Partial<BoardOptions> = {}): Promise<{ board: Board; notes: string[] }> {
  const notes: string[] = [];
  const board = await Board.start({
    host: '127.0.0.1',
    port: 0,
    url: null,
    machine: { cacheDir: dir, env: {} },
    out: join(dir, 'drills'),
    key: ensureConsoleKey(dir, new Date()),
    tokens: tokenFolder(dir),
    outbox: join(dir, 'board', 'outbox.jsonl'),
    trust: null,
    oidc: null,
    anonymousRead: false,
    target: { writes: () => Promise.resolve(null), leases: () => Promise.resolve({}) },
    scheduled: () => [],
    note: (line) => void notes.push(line),
    ...more,
  });
  return { board, notes };
}

/** An evidence folder with the default runbook's plan, as three people would begin it; `change` makes it hostile. */
export function beginDrill(
  dir: string,
  change: (text: string) => string = (t) => t,
): { drillId: string; seen: Seen; tell: (...events: HistoryEvent[]) => void } {
  writeFileSync(join(dir, 'crew.yaml'), CREW);
  const who = { crew: './crew.yaml' };
  const {
    drillId,
    bundle,
    plan: real,
  } = prepareDrill({
    root: ROOT,
    cwd: dir,
    runbook: 'mysql-stale-promotion',
    target: 'local',
    who,
    board: consoleKey(dir) ?? ensureConsoleKey(dir, new Date()),
    out: 'drills',
    now: new Date(),
  });
  const store = folderStore(bundle);
  store.putFile('plan.json', change(store.readText('plan.json')));
  const plan = JSON.parse(store.readText('plan.json')) as typeof real;
  const steps = new Steps(plan.steps);
  const seen: Seen = {
    drillId,
    bundle,
    plan,
    store,
    history: [],
    live: null,
    silent: '',
    ended: false,
    state: {
      drillId,
      phase: 'manual',
      doing: steps.doing,
      chain: [],
      steps: steps.states,
      version: 'MySQL 9.7.4',
      clockOffsetMs: 0,
      problems: [],
      checks: [],
      result: null,
    },
  };
  let n = 0;
  const at = { wallMs: 1_700_000_000_000, monoNs: '0', boot: 'b', by: 'test' };
  const tell = (...events: HistoryEvent[]) =>
    store.append(
      'history.jsonl',
      events.map((e) => ({ ...e, n: ++n, at, recorded: at })),
    );
  return { drillId, seen, tell };
}

export interface Got {
  status: number;
  body: string;
  headers: Headers;
}
/** Keeps its cookie, sends forms as a browser does, follows nothing by itself. */
export class Browser {
  readonly #base: string;
  cookie = '';

  constructor(base: string) {
    this.#base = base.replace(/\/$/, '');
  }

  get origin(): string {
    return this.#base;
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<Got> {
    return this.#send(path, { headers });
  }

  async post(path: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Got> {
    return this.#send(path, { method: 'POST', body: new URLSearchParams(fields), headers: { origin: this.#base, ...headers } });
  }

  async csrf(path: string): Promise<string> {
    return csrfIn((await this.get(path)).body);
  }

  async signIn(token: string): Promise<Got> {
    return this.post('/sign-in', { csrf: await this.csrf('/sign-in'), token });
  }

  /** Server-sent events, until closed. */
  stream(path: string): Stream {
    return new Stream(this.#base + path, this.cookie);
  }

  async #send(path: string, init: { method?: string; body?: URLSearchParams; headers: Record<string, string> }): Promise<Got> {
    const res = await fetch(this.#base + path, { ...init, redirect: 'manual', headers: { ...(this.cookie ? { cookie: this.cookie } : {}), ...init.headers } });
    const set = res.headers.get('set-cookie');
    if (set) this.cookie = set.split(';')[0]!;
    return { status: res.status, body: await res.text(), headers: res.headers };
  }
}
/** What the form of an act would send, as it stands. */
export function fieldsOf(html: string, transition: string): Record<string, string> {
  const form = [...html.matchAll(/<form [^]*?<\/form>/g)].map(([f]) => f).find((f) => f.includes(`name="transition" value="${transition}"`));
  if (!form) throw new Error(`the page has no form to ${transition}`);
  return Object.fromEntries([...form.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)].map((m) => [m[1]!, m[2]!]));
}
/** The evidence, word for word, as the page shows it. */
export function shownView(html: string): StepView {
  const [, text] = /aria-label="The evidence">([^]*?)<\/pre>/.exec(html) ?? [];
  const plain = text!
    .replaceAll('&quot;', '"')
    .replaceAll('&#x27;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&#x3D;', '=')
    .replaceAll('&#x60;', '`')
    .replaceAll('&amp;', '&');
  return JSON.parse(plain) as StepView;
}
export const csrfIn = (html: string): string => /name="csrf" value="([^"]*)"/.exec(html)?.[1] ?? '';

/** All that a page would show by now. */
export class Stream {
  readonly #abort = new AbortController();
  readonly #parts = new Map<string, string>();
  #told: () => void = () => undefined;

  constructor(url: string, cookie: string) {
    void this.#read(url, cookie).catch(() => undefined);
  }

  /** When the parts became so, epoch ms. */
  async until(so: (html: string) => boolean, deadlineMs = 30_000): Promise<number> {
    const deadline = Date.now() + deadlineMs;
    while (!so([...this.#parts.values()].join('\n'))) {
      if (Date.now() > deadline) throw new Error(`the stream did not become so: ${[...this.#parts.values()].join('\n').slice(0, 2_000)}`);
      await new Promise<void>((r) => {
        this.#told = r;
        setTimeout(r, 500);
      });
    }
    return Date.now();
  }
  close(): void {
    this.#abort.abort();
  }

  async #read(url: string, cookie: string): Promise<void> {
    const res = await fetch(url, { headers: { cookie }, signal: this.#abort.signal });
    let text = '';
    for await (const chunk of res.body!.pipeThrough(new TextDecoderStream())) {
      const events = (text += chunk).split('\n\n');
      text = events.pop()!;
      for (const event of events) {
        const data = /^event: fragments\ndata: (.*)$/m.exec(event)?.[1];
        if (!data) continue;
        for (const [name, html] of Object.entries((JSON.parse(data) as { fragments: Record<string, string> }).fragments)) this.#parts.set(name, html);
        this.#told();
      }
    }
  }
}

/** The real command. It ends with the test that started it, at the latest. */
export class BoardProcess {
  readonly #child: ChildProcess;
  readonly #said: () => string;
  readonly url: string;

  private constructor(child: ChildProcess, url: string, said: () => string) {
    this.#child = child;
    this.url = url;
    this.#said = said;
  }
  get pid(): number {
    return this.#child.pid!;
  }
  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }
  /** What it printed. */
  get said(): string {
    return this.#said();
  }
  get port(): string {
    return new URL(this.url).port;
  }

  static async start(cwd: string, env: NodeJS.ProcessEnv, port = '0', args: readonly string[] = []): Promise<BoardProcess> {
    const child = spawn(...tied(process.execPath, [join(ROOT, 'console/cli/main.ts'), 'board', '--listen', `127.0.0.1:${port}`, ...args]), {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (d: Buffer) => (said += d.toString()));
    const late = setTimeout(() => child.kill('SIGKILL'), 60_000);
    const url = await new Promise<string>((resolve, reject) => {
      child.stdout.on('data', (d: Buffer) => {
        const found = /^board +(\S+)/m.exec((said += d.toString()))?.[1];
        if (found) resolve(found);
      });
      child.once('close', () => reject(new Error(`the board did not start: ${said}`)));
    }).finally(() => clearTimeout(late));
    return new BoardProcess(child, url, () => said);
  }

  /** kill -9 */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }
  /** In order: its exit status. */
  async stop(): Promise<number | null> {
    return this.#end('SIGTERM');
  }
  async #end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode;
    const closed = new Promise<number | null>((r) => this.#child.once('close', r));
    this.#child.kill(signal);
    return closed;
  }
}
