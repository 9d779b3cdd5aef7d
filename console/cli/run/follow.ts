/** Follows a drill by query until it has ended, shows it, and tells its verdict as an exit status. */
import { relative, join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { BUNDLE } from '../../../core/bundle.ts';
import { canonicalJson } from '../../../core/json.ts';
import { crewOf } from '../../../core/message.ts';
import { messageOf } from '../../../core/errors.ts';
import { reportOf } from '../../../evidence/load.ts';
import { COMMAND } from '../../../setup/entry.mjs';
import type { DrillResult } from '../../../workflows/messages.ts';
import { drillState } from '../../../workflows/messages.ts';
import { TargetEye } from '../../target-now.ts';
import { LocalTarget } from '../ask-target.ts';
import { EXIT } from '../context.ts';
import type { CliContext } from '../context.ts';
import { createLiveView, isUtf8 } from '../live.ts';
import type { LiveView } from '../live.ts';
import { LiveModel } from '../../live-model.ts';
import { rpcMessageOf } from '../../temporal.ts';
import { TERMINAL } from './prepare.ts';
import type { Prepared } from './prepare.ts';
import type { Session } from './session.ts';

const POLL_MS = 250;
const QUERY_MS = 1_500;
/** a drill that has not answered for this long is said to be silent, again after each such time */
const SILENT_MS = 15_000;
/** after the lab is gone the drill has this long to seal what there is */
const LAB_LOST_MS = 2_500;
/** a drill ends itself at its limit; when nothing was heard this long after, nobody is there to end it */
const OVERDUE_MS = 120_000;

export class Follower {
  readonly #ctx: CliContext;
  readonly #prepared: Prepared;
  readonly #json: boolean;
  /** the lab outlives the verdict: what is there can be looked at by hand */
  readonly #keep: boolean;
  readonly #view: LiveView;
  readonly #model: LiveModel;
  readonly #target = new LocalTarget();
  #heardMs = Date.now();
  #saidSilentMs = 0;

  constructor(ctx: CliContext, prepared: Prepared, o: { json: boolean; keep: boolean }) {
    this.#ctx = ctx;
    this.#prepared = prepared;
    this.#json = o.json;
    this.#keep = o.keep;
    const stdout = o.json ? ctx.stderr : ctx.stdout;
    this.#view = createLiveView({ stdout, colour: ctx.colour && !o.json, unicode: isUtf8(ctx.env) });
    this.#model = new LiveModel(prepared.plan, Date.now());
  }

  note(line: string): void {
    this.#view.note(line);
  }

  /** Said once: where the engine is, for whoever wants to look inside. */
  engine(s: Session): void {
    this.note(`Temporal   ${s.address}${s.uiUrl ? `   page ${s.uiUrl}` : ''}   logs ${this.#show(this.#prepared.logDir)}`);
  }

  /** Said once: how people take part. */
  crew(): void {
    const { keys } = this.#prepared.plan;
    const people = crewOf(keys.filter((k) => k.id !== TERMINAL)).map((p) => `${p.name} (${p.roles.join(', ')})`);
    this.note(`people     ${people.join(', ')}`);
    if (this.#prepared.plan.announce === 'at-fault')
      this.note('unannounced: they are told when the first fault has taken effect; until then only coordinators and auditors see this drill');
    this.note(`in other terminals of this machine: ${COMMAND} show, ack, done, approve, watch; each has --help. A page for all: ${COMMAND} board`);
  }

  kept(s: Session): void {
    this.note(`the lab is kept: DRILLBOOK_LAB=${s.lab.stateFile}`);
    this.note('Ctrl-C ends the lab');
  }

  close(): void {
    this.#view.close();
    this.#target.close();
  }

  async follow(handle: WorkflowHandle, session: Session): Promise<number> {
    let labLostAt = Infinity;
    this.#heardMs = Date.now();
    void session.lab.exited.then(() => (labLostAt = Date.now()));
    const { drillId, bundle } = this.#prepared;
    const eye = new TargetEye({ drillId, bundle, dir: session.dir.path, temporal: null }, this.#target);
    const result = resultOf(handle);
    const deadline = Date.now() + this.#prepared.plan.limits.drillMs + OVERDUE_MS;
    for (;;) {
      const ended = await Promise.race([result, session.failed, new Promise<null>((r) => setTimeout(() => r(null), POLL_MS))]);
      if (ended) return this.#finish(ended, session);
      await this.#look(handle, session, eye);
      if (Date.now() > deadline) {
        this.note(
          `DRILL_NO_ENGINE: the drill's limit passed ${OVERDUE_MS / 1000} s ago and Temporal at ${session.address} tells no end of it; the lab ends now, the evidence is not sealed`,
        );
        return EXIT.unknown;
      }
      if (Date.now() - labLostAt > LAB_LOST_MS) {
        this.note(`DRILL_LAB_LOST: the lab ended (${await session.lab.exited}) and the drill could not be sealed in time`);
        return EXIT.unknown;
      }
    }
  }

  async #look(handle: WorkflowHandle, session: Session, eye: TargetEye): Promise<void> {
    const asked = session.client.connection.withDeadline(Date.now() + QUERY_MS, () => handle.query(drillState));
    const state = await asked.catch((e: unknown) => this.#silent(e, session));
    if (!state) return;
    this.#heardMs = Date.now();
    this.#view.update(this.#model.state(state, await eye.look(state, Date.now()), Date.now()));
  }

  /** Who waits for a drill that says nothing learns for how long, why as far as it is known, and who else is there. */
  #silent(e: unknown, session: Session): null {
    const now = Date.now();
    if (now - Math.max(this.#heardMs, this.#saidSilentMs) < SILENT_MS) return null;
    this.#saidSilentMs = now;
    const { temporal, worker } = session.pids();
    const engine = `Temporal ${session.address}${temporal ? ` pid ${temporal}` : ''}, worker ${worker ? `pid ${worker}` : 'not there'}`;
    this.note(`the drill has not answered for ${Math.round((now - this.#heardMs) / 1000)} s: ${rpcMessageOf(e)} (${engine})`);
    return null;
  }

  #finish(r: DrillResult, session: Session): number {
    const folder = this.#prepared.bundle;
    try {
      const { report } = reportOf(folder);
      const paths = {
        report: this.#show(join(folder, BUNDLE.reportHtml)),
        folder: this.#show(folder),
        ...(this.#keep ? { reconcile: this.#reconcileLine(session) } : {}),
      };
      if (this.#json) this.#ctx.stdout.write(`${canonicalJson(report)}\n`);
      else this.#view.finish(report, paths);
    } catch (e) {
      this.note(messageOf(e));
    }
    if (r.code === 'DRILL_NOT_SEALED' || r.code === 'DRILL_TERMINATED') this.note(`${r.code}: ${r.sentence}`);
    return EXIT[r.verdict];
  }

  #reconcileLine(s: Session): string {
    const promoted = this.#prepared.plan.chain.findLast((e) => e.do === 'promote')?.with['node'];
    const work = join(s.dir.path, 'lab', 'work', this.#prepared.drillId);
    return `${COMMAND} reconcile --old ${join(work, 'engine-old-logs')} --new ${join(s.dir.path, 'lab', `${String(promoted)}.sock`)} --ledger ${this.#show(join(this.#prepared.bundle, BUNDLE.ledger))} --list`;
  }

  #show(path: string): string {
    const short = relative(this.#ctx.cwd, path);
    return short.startsWith('..') ? path : short;
  }
}

/** The drill's result, also when it ended as failed; waits out an engine that is away. */
async function resultOf(handle: WorkflowHandle): Promise<DrillResult> {
  for (;;) {
    try {
      return (await handle.result()) as DrillResult;
    } catch (e) {
      if (e instanceof WorkflowFailedError) {
        const cause = e.cause;
        if (cause instanceof ApplicationFailure && cause.details?.[0]) return cause.details[0] as DrillResult;
        return {
          verdict: 'unknown',
          code: 'DRILL_TERMINATED',
          sentence: `the workflow ended without a verdict: ${messageOf(cause ?? e)}`,
          bundle: '',
          digest: '',
        };
      }
      await new Promise((r) => setTimeout(r, POLL_MS));
    }
  }
}
