/** A drill of the real command with people on the real board, by HTTP: nobody has a key. Its processes can be killed, by their pids. */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDrill } from '../../console/people/drills.ts';
import { BUNDLE } from '../../core/bundle.ts';
import { parseChain } from '../../core/history.ts';
import type { HistoryEntry } from '../../core/history.ts';
import type { Envelope, Transition } from '../../core/message.ts';
import type { ReportModel } from '../../core/report/model.ts';
import { BoardProcess, Browser, csrfIn, fieldsOf, ROOT, tokenFor } from './board.ts';
import { runbookWith } from './drill.ts';
import { CACHE_DIR } from './tools.ts';
import { tied } from '../../setup/process.mjs';

export type Part = 'board' | 'worker' | 'temporal';
const COMMAND = { worker: 'worker/main.ts', temporal: 'server start-dev' };
const DRILLBOOK = join(ROOT, 'console/cli/main.ts');
const WAIT_MS = 120_000;
const JSON_PLEASE = { accept: 'application/json' };

/** An act that a person did on the page, as the board wrote it down before it answered. */
export interface Promised {
  messageId: string;
  says: string;
}

export class BoardDrill {
  readonly dir = mkdtempSync(join(realpathSync(tmpdir()), 'dbk-'));
  readonly runbook: string;
  readonly promised: Promised[] = [];
  drillId = '';
  readonly #config = join(this.dir, 'config', 'drillbook');
  readonly #env = { ...process.env, XDG_CONFIG_HOME: join(this.dir, 'config') };
  readonly #people = new Map<string, Browser>();
  readonly #name = `killed-${randomBytes(3).toString('hex')}`;
  #run!: ChildProcess;
  #board!: BoardProcess;
  #stdout = '';
  #stderr = '';
  #exit!: Promise<number | null>;

  private constructor(crew: string, changes: [string, string][]) {
    this.runbook = runbookWith(this.dir, [['runbook: mysql-stale-promotion', `runbook: ${this.#name}`], ...changes]);
    writeFileSync(join(this.dir, 'crew.yaml'), crew);
  }

  /** Other drills may run on this machine: this one has a name of its own. */
  static async start(crew: string, changes: [string, string][]): Promise<BoardDrill> {
    const d = new BoardDrill(crew, changes);
    try {
      // the first token makes the board's key: the run puts it into the plan
      const issued = spawnSync(process.execPath, [DRILLBOOK, 'token', 'issue', 'Nobody', '--json'], { env: d.#env, encoding: 'utf8' });
      if (issued.status !== 0) throw new Error(issued.stderr);
      d.#run = spawn(...tied(process.execPath, [DRILLBOOK, 'run', d.runbook, '--crew', './crew.yaml', '--json']), {
        cwd: d.dir,
        env: d.#env,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      d.#run.stdout!.on('data', (text: Buffer) => (d.#stdout += text.toString()));
      d.#run.stderr!.on('data', (text: Buffer) => (d.#stderr += text.toString()));
      d.#exit = new Promise((resolve) => d.#run.once('close', resolve));
      d.#board = await BoardProcess.start(d.dir, d.#env);
      await d.until('Ada', (html) => new RegExp(`/drills/([^"]*${d.#name})`).test(html), '/');
      d.drillId = readdirSync(join(d.dir, 'drills'))[0]!;
      return d;
    } catch (e) {
      await d[Symbol.asyncDispose]();
      throw e;
    }
  }

  /** Signs in where the board does not know the person (any more). */
  async page(who: string, path = `/drills/${this.drillId}`): Promise<string> {
    const browser = this.#people.get(who) ?? new Browser(this.#board.url);
    this.#people.set(who, browser);
    const deadline = Date.now() + WAIT_MS;
    for (;;) {
      const got = await browser.get(path).catch((e: unknown) => {
        // a board that was killed takes its connections along
        if (Date.now() > deadline) throw e;
      });
      if (!got) continue;
      if (got.status === 200) return got.body;
      if (got.status !== 303) throw new Error(`${path}: ${got.status} ${got.body}`);
      const signedIn = await browser.signIn(tokenFor(this.#config, who).text);
      if (signedIn.status !== 303) throw new Error(`${who} could not sign in: ${signedIn.status} ${signedIn.body}`);
    }
  }

  async until(who: string, so: (html: string) => boolean, path?: string): Promise<string> {
    const deadline = Date.now() + WAIT_MS;
    for (;;) {
      const html = await this.page(who, path);
      if (so(html)) return html;
      if (Date.now() > deadline || this.#run.exitCode !== null)
        throw new Error(`the page of ${who} did not become so: ${html.slice(html.indexOf('<main')).slice(0, 3_000)}\nthe command said:\n${this.#stderr}`);
      await new Promise((r) => setTimeout(r, 100));
    }
  }

  /** The form of that act on that step, when the page of that person offers it. */
  async form(who: string, step: string, transition: Transition): Promise<Record<string, string>> {
    const offered = (html: string): Record<string, string> | null => {
      const task = new RegExp(`<article class="task" id="step-${step}"[^]*?</article>`).exec(html)?.[0];
      return task?.includes(`name="transition" value="${transition}"`) ? fieldsOf(task, transition) : null;
    };
    return offered(await this.until(who, (html) => offered(html) !== null))!;
  }

  /** Sends it; what the board answered, and notes what it thereby promised. A board that dies meanwhile has answered nothing. */
  async post(who: string, fields: Record<string, string>): Promise<string> {
    const csrf = csrfIn(await this.page(who));
    const answered = await this.#people
      .get(who)!
      .post(`/drills/${this.drillId}/acts`, { ...fields, csrf }, JSON_PLEASE)
      .then(
        ({ body }) => (JSON.parse(body) as { state: string }).state,
        () => 'nothing',
      );
    if (answered !== 'nothing') await this.onDisk(who, fields);
    return answered;
  }

  /** Resolves when the act is in the outbox, which is all that a person is ever promised. */
  async onDisk(who: string, fields: Record<string, string>): Promise<Envelope> {
    const deadline = Date.now() + WAIT_MS;
    const isIt = (e: Envelope) =>
      e.drillId === this.drillId &&
      e.by === who &&
      e.stepId === fields['step'] &&
      String(e.attempt) === fields['attempt'] &&
      e.transition === fields['transition'];
    for (;;) {
      const found = this.outbox().filter(isIt);
      if (found.length > 1) throw new Error(`${found.length} messages for one act: ${JSON.stringify(found)}`);
      if (found[0]) {
        const { messageId, transition, stepId, by } = found[0];
        if (!this.promised.some((p) => p.messageId === messageId)) this.promised.push({ messageId, says: `${transition} ${stepId} ${by}` });
        return found[0];
      }
      if (Date.now() > deadline) throw new Error(`the ${fields['transition']} of ${who} is not in the outbox`);
      await new Promise((r) => setTimeout(r, 10));
    }
  }

  /** Resolves when the drill has answered it. */
  async settled({ messageId }: Envelope): Promise<void> {
    const deadline = Date.now() + WAIT_MS;
    // what was settled is dropped when a board starts
    while (this.outbox().some((e) => e.messageId === messageId) && !this.#lines().some((l) => l.settled === messageId)) {
      if (Date.now() > deadline) throw new Error(`message ${messageId} got no answer; the command said:\n${this.#stderr}`);
      await new Promise((r) => setTimeout(r, 20));
    }
  }

  outbox(): Envelope[] {
    return this.#lines().flatMap((l) => l.envelope ?? []);
  }
  #lines(): { envelope?: Envelope; settled?: string }[] {
    return readFileSync(join(this.#config, 'board', 'outbox.jsonl'), 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((l) => JSON.parse(l) as { envelope?: Envelope; settled?: string });
  }

  /** As far as it is written. */
  history(): HistoryEntry[] {
    const whole = readFileSync(join(this.dir, 'drills', this.drillId, BUNDLE.history), 'utf8');
    return parseChain<HistoryEntry>(whole, BUNDLE.history).lines;
  }
  async written(so: (e: HistoryEntry) => boolean): Promise<void> {
    const deadline = Date.now() + WAIT_MS;
    while (!this.history().some(so)) {
      if (Date.now() > deadline) throw new Error(`that is not in the history; the command said:\n${this.#stderr}`);
      await new Promise((r) => setTimeout(r, 20));
    }
  }

  /** Of the engine's process as it is now; null: it is being started again. */
  pid(part: keyof typeof COMMAND): number | null {
    const found = readdirSync('/proc').filter((pid) => {
      try {
        const parent = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[1];
        return parent === String(this.#run.pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').includes(COMMAND[part]);
      } catch {
        return false;
      }
    });
    return found[0] === undefined ? null : Number(found[0]);
  }

  /** Resolves when Temporal and the worker answer. */
  async ready(): Promise<void> {
    const deadline = Date.now() + WAIT_MS;
    while (!(await this.#answers())) {
      if (Date.now() > deadline) throw new Error(`the drill does not answer; the command said:\n${this.#stderr}`);
      await new Promise((r) => setTimeout(r, 100));
    }
  }

  async #answers(): Promise<boolean> {
    try {
      const open = await openDrill({ cacheDir: CACHE_DIR, env: this.#env }, this.drillId);
      try {
        await open.state();
      } finally {
        await open.close();
      }
      return true;
    } catch {
      return false;
    }
  }

  /** kill -9. The board is started again as a service manager would; the run does that for the others. */
  async kill(part: Part): Promise<void> {
    if (part !== 'board') return void process.kill(this.pid(part)!, 'SIGKILL');
    await this.#board.kill();
    this.#board = await BoardProcess.start(this.dir, this.#env, this.#board.port);
  }

  /** Until the command has ended: its exit status, its report, and the history as it was sealed (numbers and digests verified). */
  async ended(): Promise<{ code: number | null; report: ReportModel; history: HistoryEntry[]; notes: string }> {
    const code = await this.#exit;
    if (this.#stdout === '') throw new Error(`the command ended with ${code}: ${this.#stderr}`);
    const text = readFileSync(join(this.dir, 'drills', this.drillId, BUNDLE.history), 'utf8');
    const { lines, torn } = parseChain<HistoryEntry>(text, BUNDLE.history);
    if (torn) throw new Error('the history ends in the middle of a line');
    return { code, report: JSON.parse(this.#stdout) as ReportModel, history: lines, notes: this.#stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#board?.stop();
    // once: the drill is undone and sealed; twice: everything ends
    for (let asked = 0; asked < 2 && this.#run?.exitCode === null; asked++) {
      this.#run.kill('SIGTERM');
      await new Promise((r) => setTimeout(r, 500));
    }
    await this.#exit;
    if (!process.env['DRILLBOOK_KEEP_TESTS']) rmSync(this.dir, { recursive: true, force: true });
  }
}
