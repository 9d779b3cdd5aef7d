import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { isDrillError, messageOf } from '../../core/errors.ts';
import type { Transition } from '../../core/message.ts';
import type { Rehearsal } from '../../core/runbook/rehearsal.ts';
import { renderText } from '../../evidence/instructions.ts';
import { folderStore } from '../../evidence/store.ts';
import type { StepView } from '../../evidence/views.ts';
import type { DrillState } from '../../workflows/messages.ts';
import { drillState } from '../../workflows/messages.ts';
import type { StepState } from '../../workflows/steps.ts';
import { send } from '../door.ts';
import type { Signer } from '../door.ts';

export interface OperatorConfig {
  drillId: string;
  bundle: string;
  signer: Signer;
  /** the second person of steps that need one */
  second: Signer;
  /** folder of drillbook, mysql, mysqlbinlog, …: goes first on the scripts' PATH */
  binDir: string;
  /** the environment of the scripts; it also says which Temporal (TEMPORAL_…) */
  env: Record<string, string>;
  rehearsal: Rehearsal;
}

/** The manual's role unless that is absent: then the first that was called in its place. */
const roleFor = (step: StepState, transition: Transition): string =>
  transition === 'approve' ? (step.approver ?? '') : step.roles?.includes(step.role) === false ? (step.roles[0] ?? step.role) : step.role;

const POLL_MS = 120;
const SEND_MS = 60_000;
const SCRIPT_MS = 180_000;

export class Operator {
  readonly #handle: WorkflowHandle;
  readonly #config: OperatorConfig;
  readonly #say: (line: string) => void;

  constructor(client: Client, config: OperatorConfig, say: (line: string) => void) {
    this.#handle = client.workflow.getHandle(config.drillId);
    this.#config = config;
    this.#say = say;
  }

  /** Until the drill has ended. An unreachable engine is waited for: a person would wait too. */
  async run(): Promise<void> {
    for (;;) {
      const state = await this.#look();
      if (state?.phase === 'ended') return;
      const steps = state?.phase === 'manual' ? state.steps : [];
      const checked = steps.find((s) => s.status === 'checked');
      const step = steps.find((s) => s.status === 'active' || s.status === 'acknowledged');
      if (checked) await this.#send(checked, 'approve', { viewDigest: checked.viewDigest });
      else if (step) await this.#act(step);
      else await new Promise((r) => setTimeout(r, POLL_MS));
    }
  }

  async #look(): Promise<DrillState | null> {
    try {
      return await this.#handle.query(drillState);
    } catch (e) {
      const { status } = await this.#handle.describe().catch(() => ({ status: { name: 'UNREACHABLE' } }));
      if (!['RUNNING', 'UNREACHABLE'].includes(status.name)) return { phase: 'ended' } as DrillState;
      this.#say(`waiting for the engine: ${messageOf(e)}`);
      return null;
    }
  }

  async #act(step: StepState): Promise<void> {
    if (step.attempt > 1) {
      const why = `sent back: ${step.sentBack.join('; ')}`.slice(0, 500);
      if (this.#config.rehearsal.onSentBack === 'skip') return this.#send(step, 'skip', { reason: `going on without it; ${why}` });
      return this.#send(step, 'reject', { reason: why });
    }
    if (step.status === 'active') return this.#send(step, 'acknowledge', {});
    const done = await this.#perform(step);
    if (done.code !== 0) return this.#send(step, 'reject', { reason: `the script ended with ${done.code}: ${done.tail}`.slice(0, 500) });
    return this.#send(step, 'done', { inputs: done.inputs, viewDigest: step.viewDigest });
  }

  async #send(step: StepState, transition: Transition, more: { reason?: string; inputs?: Record<string, string>; viewDigest?: string }): Promise<void> {
    this.#say(`${transition} ${step.id} ${more.reason ?? ''}`);
    try {
      await send(
        this.#handle,
        transition === 'approve' ? this.#config.second : this.#config.signer,
        { drillId: this.#config.drillId, stepId: step.id, attempt: step.attempt, transition, role: roleFor(step, transition), ...more },
        SEND_MS,
      );
    } catch (e) {
      if (!isDrillError(e) || e.code !== 'DRILL_REFUSED') throw e;
      this.#say(messageOf(e));
      await new Promise((r) => setTimeout(r, POLL_MS));
    }
  }

  /** Runs the step's script as a person would type it, with the values of the view that the step shows. */
  async #perform(step: StepState): Promise<{ code: number; tail: string; inputs: Record<string, string> }> {
    const rehearse = this.#config.rehearsal.steps[step.id];
    if (!rehearse?.script) return { code: 0, tail: '', inputs: {} };
    const view = JSON.parse(folderStore(this.#config.bundle).getView(step.viewDigest)) as StepView;
    const work = String(view.values['work']);
    mkdirSync(work, { recursive: true });
    const log = join(this.#config.bundle, 'engine', `operator-${step.id}.log`);
    const script = await this.#bash(renderText(rehearse.script, view.values), work, log);
    if (script.code !== 0) return { ...script, inputs: {} };
    const inputs: Record<string, string> = {};
    for (const [name, word] of Object.entries(rehearse.inputs)) {
      const value = await this.#bash(`printf %s "${renderText(word, view.values)}"`, work, log);
      inputs[name] = value.out.trim();
    }
    return { ...script, inputs };
  }

  #bash(script: string, cwd: string, logFile: string): Promise<{ code: number; tail: string; out: string }> {
    const log = createWriteStream(logFile, { flags: 'a' });
    log.write(`$ ${script}\n`);
    const env = { ...this.#config.env, PATH: `${this.#config.binDir}:${this.#config.env['PATH'] ?? '/usr/bin:/bin'}` };
    const child = spawn('bash', ['-euo', 'pipefail', '-c', script], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: SCRIPT_MS });
    let out = '';
    let all = '';
    child.stdout.on('data', (d: Buffer) => {
      out += d.toString();
      all = (all + d.toString()).slice(-2000);
      log.write(d);
    });
    child.stderr.on('data', (d: Buffer) => {
      all = (all + d.toString()).slice(-2000);
      log.write(d);
    });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        log.end();
        const tail = all.trim().split('\n').slice(-4).join(' | ');
        resolve({ code: code ?? 1, tail: signal ? `${signal} after ${SCRIPT_MS / 1000} s: ${tail}` : tail, out });
      });
    });
  }
}
