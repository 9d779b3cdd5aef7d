/** The workload's activities: start (a second call attaches), tell the phase, wait, stop. The writer and the reader are processes of the target's client place. */
import { join } from 'node:path';
import { heartbeat } from '@temporalio/activity';
import { BUNDLE } from '../core/bundle.ts';
import { DrillError, messageOf } from '../core/errors.ts';
import type { ChainEntry, WorkloadSpec } from '../core/plan.ts';
import type { Instant } from '../core/time.ts';
import { msBetween } from '../core/time.ts';
import { entry } from '../setup/entry.mjs';
import type { DrillRef } from '../workflows/messages.ts';
import type { Deps, Target } from './deps.ts';
import { drillDir } from './collect.ts';
import { writerClient } from './workload/client.ts';
import type { WriterClient } from './workload/client.ts';
import { SQL_PASSWORD_VARIABLE } from './workload/config.ts';
import type { Phase, ReaderConfig, WriterConfig, WriterStatus } from './workload/config.ts';
import { APP } from '../targets/systems/mysql/accounts.ts';
import { mkdirSync } from 'node:fs';

const START_MS = 15_000;
const POLL_MS = 50;
/** a phase may take this much longer than asked, then it is said what it waited for */
const PHASE_GRACE_MS = 20_000;
const STEADY = 0.99;

async function place(t: Target, ref: DrillRef): Promise<{ dir: string; client: WriterClient }> {
  const dir = drillDir((await t.platform.facts()).workDir, ref.drillId);
  mkdirSync(dir, { recursive: true });
  return { dir, client: writerClient(join(dir, 'writer.sock')) };
}

async function untilStarted(t: Target, client: WriterClient, log: string): Promise<void> {
  const deadline = Date.now() + START_MS;
  for (let last = 'no answer yet'; ;) {
    try {
      const s = await client.status();
      if (s.acked > 0) return;
      last = `${s.acked} acked, ${s.failed} failed, ${s.unknown} unknown`;
    } catch (e) {
      last = messageOf(e);
    }
    const writer = (await t.platform.processes()).find((p) => p.name === 'writer');
    if (writer && !writer.running)
      throw new DrillError('DRILL_WRITER_DIED', `the writer ended with ${writer.exitCode} before its first acknowledged write`, `its log is ${log}`);
    if (Date.now() > deadline) throw new DrillError('DRILL_WRITER_SILENT', `no acknowledged write within ${START_MS / 1000} s (${last})`, `its log is ${log}`);
    heartbeat();
    await new Promise((r) => setTimeout(r, POLL_MS));
  }
}

export interface PhaseArgs {
  phase: string;
  forMs: number;
  chain: ChainEntry[];
}
interface PhaseResult {
  acked: number;
  notAcked: number;
  at: Instant;
}

function countsIn(status: WriterStatus, phase: string): { acked: number; notAcked: number } {
  const c = status.perPhase[phase as Phase] ?? { acked: 0, failed: 0, unknown: 0 };
  return { acked: c.acked, notAcked: c.failed + c.unknown };
}

export function workloadActivities(deps: Deps) {
  /** Tells the phase (again: no harm) and waits until it has lasted and every hot key was touched in it. */
  async function phase(ref: DrillRef, args: PhaseArgs): Promise<{ status: WriterStatus; at: Instant }> {
    const t = await deps.target(ref.target);
    const { client } = await place(t, ref);
    const { sinceNs } = await client.phase(args.phase);
    const deadline = Date.now() + args.forMs + PHASE_GRACE_MS;
    for (;;) {
      const status = await client.status();
      const now = await t.platform.now();
      if (status.phase === args.phase && msBetween(sinceNs, now.monoNs) >= args.forMs && status.hot.done) return { status, at: now };
      if (Date.now() > deadline)
        throw new DrillError(
          'DRILL_WORKLOAD_STALLED',
          `phase ${args.phase} was not done ${PHASE_GRACE_MS / 1000} s late: ${status.hot.acked} of ${status.hot.of} hot keys touched`,
          'the service took no writes; look at the samples',
        );
      heartbeat();
      await new Promise((r) => setTimeout(r, POLL_MS));
    }
  }

  return {
    async startWorkload(ref: DrillRef, spec: WorkloadSpec): Promise<{ at: Instant }> {
      const t = await deps.target(ref.target);
      const { dir, client } = await place(t, ref);
      const facts = await t.platform.facts();
      const log = (name: string) => join(ref.bundle, 'engine', `${name}.log`);
      const program = (name: string) => entry(join(deps.root, 'worker'), name);
      const writer: WriterConfig = {
        drillId: ref.drillId,
        dir,
        ledger: join(ref.bundle, BUNDLE.ledger),
        service: facts.service,
        user: APP.user,
        workload: spec,
      };
      const nodes = facts.nodes.map((n) => ({ node: n.name, host: n.address, port: n.port }));
      const reader: ReaderConfig = { samples: join(ref.bundle, BUNDLE.samples), nodes, user: APP.user, everyMs: 200, timeoutMs: 1_000 };
      const secret = { [SQL_PASSWORD_VARIABLE]: APP.password };
      await t.platform.spawn('writer', [deps.tools.node, program('writer'), JSON.stringify(writer)], secret, log('writer'));
      await t.platform.spawn('reader', [deps.tools.node, program('reader'), JSON.stringify(reader)], secret, log('reader'));
      await untilStarted(t, client, log('writer'));
      return { at: await t.platform.now() };
    },

    async baseline(ref: DrillRef, args: PhaseArgs): Promise<PhaseResult> {
      const { status, at } = await phase(ref, args);
      const c = countsIn(status, args.phase);
      if (c.acked < STEADY * (c.acked + c.notAcked)) {
        throw new DrillError(
          'DRILL_BASELINE_NOT_STEADY',
          `${c.notAcked} of ${c.acked + c.notAcked} writes were not acknowledged before anything was broken`,
          'a drill starts from a healthy system; look at the writer’s log',
        );
      }
      return { ...c, at };
    },

    async writes(ref: DrillRef, args: PhaseArgs): Promise<PhaseResult> {
      const { status, at } = await phase(ref, args);
      return { ...countsIn(status, args.phase), at };
    },

    /** Idempotent: drains what is in flight, closes the ledger, ends the reader. */
    async stopWorkload(ref: DrillRef): Promise<{ writes: number; at: Instant }> {
      const t = await deps.target(ref.target);
      const { client } = await place(t, ref);
      const running = new Set((await t.platform.processes()).filter((p) => p.running).map((p) => p.name));
      let writes = 0;
      if (running.has('writer')) {
        writes = await client.stop().catch(() => 0);
        await t.platform.end('writer', 3_000);
      }
      if (running.has('reader')) await t.platform.end('reader', 2_000);
      return { writes, at: await t.platform.now() };
    },
  };
}
