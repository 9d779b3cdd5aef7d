/** A drill inside the test process: the same session as `drillbook run`, with the lab, the client and the processes at the test's hand. */
import { mkdtempSync, realpathSync, rmSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { WorkflowFailedError } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';
import { BUNDLE } from '../../core/bundle.ts';
import { parseChain } from '../../core/history.ts';
import type { HistoryEntry } from '../../core/history.ts';
import type { CliContext } from '../../console/cli/context.ts';
import { prepareDrill } from '../../console/cli/run/prepare.ts';
import type { Prepared, Wanted } from '../../console/cli/run/prepare.ts';
import { startDrill as startWorkflow } from '../../console/start-drill.ts';
import { Session } from '../../console/cli/run/session.ts';
import { drillState } from '../../workflows/messages.ts';
import type { DrillInput, DrillResult, DrillState } from '../../workflows/messages.ts';
import { CACHE_DIR, testTools } from './tools.ts';

export const ROOT = resolve(import.meta.dirname, '../..');

export interface TestDrill extends AsyncDisposable {
  dir: string;
  session: Session;
  prepared: Prepared;
  handle: WorkflowHandle;
  bundle: string;
  /** its file */
  runbook: string;
  result(): Promise<DrillResult>;
  state(): Promise<DrillState>;
  /** resolves when the chain entry has this status; fails when the drill ends before */
  reached(chainId: string, status: string, deadlineMs?: number): Promise<void>;
  history(): HistoryEntry[];
}

/** On a machine with much else to do a worker takes its time to answer. */
const STATE_MS = 5_000;

function context(cwd: string): CliContext {
  return {
    cwd,
    root: ROOT,
    cacheDir: CACHE_DIR,
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    colour: false,
    tools: () => Promise.resolve(testTools()),
    exit: () => undefined,
  };
}

/** The default runbook with some texts replaced: a shorter lease, a longer phase. Each text must be there. */
export function runbookWith(dir: string, changes: [string, string][]): string {
  let text = readFileSync(join(ROOT, 'runbooks', 'mysql-stale-promotion.yaml'), 'utf8');
  for (const [from, to] of changes) {
    if (!text.includes(from)) throw new Error(`the default runbook has no ${from}`);
    text = text.replace(from, to);
  }
  const file = join(dir, 'mysql-stale-promotion.yaml');
  writeFileSync(file, text);
  return file;
}

export interface StartOptions {
  rehearse?: string;
  changes?: [string, string][];
  /** text of a crew file: people do it, whom the test plays */
  crew?: string;
  more?: Partial<Wanted>;
}

export async function startDrill(o: StartOptions = {}): Promise<TestDrill> {
  const dir = mkdtempSync(join(realpathSync(tmpdir()), 'dbt-'));
  const ctx = context(dir);
  const runbook = runbookWith(dir, o.changes ?? []);
  if (o.crew !== undefined) writeFileSync(join(dir, 'crew.yaml'), o.crew);
  const who = o.crew === undefined ? { rehearse: o.rehearse ?? 'default' } : { crew: './crew.yaml' };
  const prepared = prepareDrill({ root: ROOT, cwd: dir, runbook, target: 'local', who, out: 'drills', now: new Date(), ...o.more });
  const session = await Session.start({ ctx, tools: await ctx.tools(), prepared, ports: {}, note: () => undefined });
  const input: DrillInput = {
    ref: { drillId: prepared.drillId, bundle: prepared.bundle, target: prepared.drillId },
    plan: prepared.plan,
    planDigest: prepared.planDigest,
  };
  const handle = await startWorkflow(session.client, input, () => undefined);
  session.startOperator();
  const state = (): Promise<DrillState> => session.client.connection.withDeadline(Date.now() + STATE_MS, () => handle.query(drillState));
  return {
    dir,
    session,
    prepared,
    handle,
    bundle: prepared.bundle,
    runbook,
    state,
    result: () => resultOf(handle),
    history: () => parseChain<HistoryEntry>(readFileSync(join(prepared.bundle, BUNDLE.history), 'utf8'), BUNDLE.history).lines,
    async reached(chainId, status, deadlineMs = 60_000) {
      const deadline = Date.now() + deadlineMs;
      for (;;) {
        const now = await state().catch(() => null);
        const entry = now?.chain.find((c) => c.id === chainId);
        if (entry?.status === status) return;
        if (now && ['sealing', 'ended'].includes(now.phase)) throw new Error(`the drill went to ${now.phase}: ${now.problems.join('; ')}`);
        if (Date.now() > deadline) throw new Error(`${chainId} did not become ${status}: ${JSON.stringify(now?.chain)}`);
        await new Promise((r) => setTimeout(r, 50));
      }
    },
    async [Symbol.asyncDispose]() {
      await session.end();
      if (!process.env['DRILLBOOK_KEEP_TESTS']) rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function resultOf(handle: WorkflowHandle): Promise<DrillResult> {
  for (;;) {
    try {
      return (await handle.result()) as DrillResult;
    } catch (e) {
      if (e instanceof WorkflowFailedError) return (e.cause as ApplicationFailure).details![0] as DrillResult;
      await new Promise((r) => setTimeout(r, 300));
    }
  }
}
