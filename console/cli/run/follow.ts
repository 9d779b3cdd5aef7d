/** Follows a drill by query until it has ended, shows it, and tells its verdict as an exit status. */
import type { WorkflowHandle } from '@temporalio/client';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { messageOf } from '../../../core/errors.ts';
import type { DrillResult, DrillState } from '../../../workflows/messages.ts';
import { drillState } from '../../../workflows/messages.ts';
import { EXIT } from '../context.ts';
import type { CliContext } from '../context.ts';
import type { Prepared } from './prepare.ts';
import type { Session } from './session.ts';

const POLL_MS = 250;
/** after the lab is gone the drill has this long to seal what there is */
const LAB_LOST_MS = 3_500;

export class Follower {
  readonly #ctx: CliContext;
  readonly #started = Date.now();
  #last = '';

  constructor(ctx: CliContext, _prepared: Prepared, _o: { json: boolean }) {
    this.#ctx = ctx;
  }
  note(line: string): void {
    this.#ctx.stderr.write(`${((Date.now() - this.#started) / 1000).toFixed(1)} ${line}\n`);
  }
  engine(s: Session): void {
    this.note(`Temporal ${s.address} ${s.uiUrl ?? ''}`);
  }
  kept(s: Session): void {
    this.note(`lab kept: ${s.lab.stateFile}; Ctrl-C ends it`);
  }
  close(): void {}

  async follow(handle: WorkflowHandle, session: Session): Promise<number> {
    let labLostAt: number | null = null;
    void session.lab.exited.then((how) => {
      labLostAt = Date.now();
      this.note(`the lab is gone: ${how}`);
    });
    const result = resultOf(handle);
    for (;;) {
      const ended = await Promise.race([result, new Promise<null>((r) => setTimeout(() => r(null), POLL_MS))]);
      if (ended) {
        this.note(`${ended.verdict} ${ended.code ?? ''} ${ended.sentence} ${ended.bundle}`);
        return EXIT[ended.verdict];
      }
      const state = await handle.query(drillState).catch((e: unknown) => messageOf(e));
      this.#show(state);
      if (labLostAt !== null && Date.now() - labLostAt > LAB_LOST_MS) return EXIT.unknown;
    }
  }

  #show(state: DrillState | string): void {
    const line = typeof state === 'string' ? state : `${state.phase}: ${state.doing} | ${state.chain.map((c) => `${c.id}=${c.status}`).join(' ')} | ${state.steps.map((s) => `${s.id}=${s.status}`).join(' ')} ${state.problems.join(';')}`;
    if (line !== this.#last) this.note(line);
    this.#last = line;
  }
}

async function resultOf(handle: WorkflowHandle): Promise<DrillResult> {
  for (;;) {
    try {
      return (await handle.result()) as DrillResult;
    } catch (e) {
      if (e instanceof WorkflowFailedError) {
        const cause = e.cause;
        if (cause instanceof ApplicationFailure && cause.details?.[0]) return cause.details[0] as DrillResult;
        return { verdict: 'unknown', code: 'DRILL_TERMINATED', sentence: messageOf(cause ?? e), bundle: '', digest: '' };
      }
      await new Promise((r) => setTimeout(r, POLL_MS));
    }
  }
}
