/** Boards to test: without a drill in this process, and with one of the real command; and a browser of ours that is only HTTP with a cookie. */
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
import { Steps } from '../../workflows/steps.ts';

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
    anonymousRead: false,
    writes: () => Promise.resolve(null),
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

  async #send(path: string, init: { method?: string; body?: URLSearchParams; headers: Record<string, string> }): Promise<Got> {
    const res = await fetch(this.#base + path, { ...init, redirect: 'manual', headers: { ...(this.cookie ? { cookie: this.cookie } : {}), ...init.headers } });
    const set = res.headers.get('set-cookie');
    if (set) this.cookie = set.split(';')[0]!;
    return { status: res.status, body: await res.text(), headers: res.headers };
  }
}
export const csrfIn = (html: string): string => /name="csrf" value="([^"]*)"/.exec(html)?.[1] ?? '';
