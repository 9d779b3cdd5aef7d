/** `drillbook run`: one drill from set-up to verdict. Exit status 0 pass, 1 fail, 2 usage or set-up error, 3 unknown. */
import { Command, Option } from 'commander';
import { ensureKernel } from '../../setup/kernel.mjs';
import { DrillError, messageOf } from '../../core/errors.ts';
import type { DrillInput } from '../../workflows/messages.ts';
import { send } from '../door.ts';
import { consoleKey } from '../people/console-key.ts';
import { configFolder } from '../people/private.ts';
import { startDrill } from '../start-drill.ts';
import { EXIT } from './context.ts';
import type { CliContext } from './context.ts';
import { Follower } from './run/follow.ts';
import { prepareDrill } from './run/prepare.ts';
import { Session } from './run/session.ts';

interface RunOptions {
  target: string;
  rehearse?: string;
  crew?: string;
  unannounced?: boolean;
  out: string;
  keep?: boolean;
  json?: boolean;
  temporalPort?: string;
  uiPort?: string;
}

export function runCommand(ctx: CliContext): Command {
  return new Command('run')
    .description('run a drill: break the target, follow the manual, prove every acknowledged write')
    .argument('[runbook]', 'name of a runbook, or path of a runbook file', 'mysql-stale-promotion')
    .option('--target <name>', 'inventory name of the target', 'local')
    .option('--rehearse <name>', 'which rehearsal the operator (a script) performs in place of people (default: default)')
    .addOption(new Option('--crew <name|file>', 'people do it: who they are, and the keys they sign with').conflicts('rehearse'))
    .addOption(
      new Option('--unannounced', 'with --crew: nobody but coordinators and auditors knows of the drill until its first fault has taken effect').conflicts(
        'rehearse',
      ),
    )
    .option('--out <folder>', 'where the evidence folder is made', 'drills')
    .option('--keep', 'keep the lab after the verdict, until Ctrl-C')
    .option('--json', 'print the report model as JSON; progress goes to standard error')
    .option('--temporal-port <port>', 'port of the built-in Temporal server (default: a free one)')
    .option('--ui-port <port>', 'port of its web page (default: a free one)')
    .addHelpText(
      'after',
      '\nExit status: 0 pass, 1 fail, 2 usage or set-up error, 3 unknown.\nExamples:\n  drillbook run\n  drillbook run mysql-stale-promotion --rehearse=forced-replay\n  drillbook run --crew ./on-call.yaml      # then, in other terminals: drillbook show, ack, done, approve, …',
    )
    .action(async (runbook: string, options: RunOptions) => ctx.exit(await runDrill(ctx, runbook, options)));
}

async function runDrill(ctx: CliContext, runbook: string, o: RunOptions): Promise<number> {
  if (o.unannounced && o.crew === undefined)
    throw new DrillError('DRILL_USAGE', '--unannounced without --crew: a script is never surprised', 'name the crew that should be');
  const ports = { ...portOf('--temporal-port', o.temporalPort, 'frontend'), ...portOf('--ui-port', o.uiPort, 'ui') };
  const tools = await ctx.tools();
  await ensureKernel({ env: ctx.env, nft: [tools.nft] });
  const prepared = prepareDrill({
    root: ctx.root,
    cwd: ctx.cwd,
    runbook,
    target: o.target,
    who: o.crew === undefined ? { rehearse: o.rehearse ?? 'default' } : { crew: o.crew },
    unannounced: o.unannounced === true,
    board: o.crew === undefined ? null : consoleKey(configFolder(ctx.env)),
    out: o.out,
    now: new Date(),
  });
  const follower = new Follower(ctx, prepared, { json: o.json === true, keep: o.keep === true });
  const stop = new Interrupts();
  try {
    const session = await Session.start({ ctx, tools, prepared, ports, note: (line) => follower.note(line) });
    try {
      follower.engine(session);
      const input: DrillInput = {
        ref: { drillId: prepared.drillId, bundle: prepared.bundle, target: prepared.drillId },
        plan: prepared.plan,
        planDigest: prepared.planDigest,
      };
      const handle = await startDrill(session.client, input, (line) => follower.note(line));
      session.startOperator();
      if (!prepared.operator) follower.crew();
      stop.onFirst(() => {
        follower.note('stopping: the drill undoes what it broke (again Ctrl-C: at once)');
        const { signer, role } = prepared.aborter;
        const act = { drillId: prepared.drillId, stepId: '', attempt: 0, transition: 'abort' as const, role, reason: 'interrupted at the terminal' };
        send(handle, signer, act, 5_000).catch((e: unknown) => follower.note(messageOf(e)));
      });
      const code = await Promise.race([follower.follow(handle, session), stop.second]);
      if (o.keep && code !== EXIT.usage) await keep(follower, session, stop);
      return code;
    } finally {
      await session.end();
    }
  } finally {
    stop.dispose();
    follower.close();
  }
}

/** The lab stays for a look by hand, until the first signal. */
async function keep(follower: Follower, session: Session, stop: Interrupts): Promise<void> {
  follower.kept(session);
  await Promise.race([stop.any, session.lab.exited]);
}

/** First Ctrl-C (or TERM, HUP): end in order. Second: end at once; the target heals by itself. */
class Interrupts {
  readonly second: Promise<number>;
  readonly any: Promise<void>;
  readonly #handler: () => void;
  #count = 0;
  #first: () => void = () => undefined;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<number>();
    const any = Promise.withResolvers<void>();
    this.second = promise;
    this.any = any.promise;
    this.#handler = () => {
      any.resolve();
      if (++this.#count === 1) this.#first();
      else resolve(EXIT.unknown);
    };
    for (const s of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(s, this.#handler);
  }
  /** A signal that came before, while things were starting, counts too. */
  onFirst(act: () => void): void {
    this.#first = act;
    if (this.#count > 0) act();
  }
  dispose(): void {
    for (const s of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(s, this.#handler);
  }
}

function portOf(flag: string, text: string | undefined, name: 'frontend' | 'ui'): object {
  if (text === undefined) return {};
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new DrillError('DRILL_USAGE', `${flag} ${text} is no port`, 'a whole number from 1 to 65535');
  return { [name]: port };
}
