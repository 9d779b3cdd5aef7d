/** `drillbook ack | done | approve | send-back | reject | skip | delegate | comment | abort`: a person's signed word to a drill, with that person's own key. */
import { Command } from 'commander';
import { DrillError, isDrillError } from '../../../core/errors.ts';
import { crewOf } from '../../../core/message.ts';
import type { CrewMember, PublicKeyEntry, Transition } from '../../../core/message.ts';
import type { Plan } from '../../../core/plan.ts';
import { inputProblem } from '../../../core/step-input.ts';
import type { StepState } from '../../../workflows/steps.ts';
import { send } from '../../door.ts';
import type { Act, Signer } from '../../door.ts';
import { ask, confirmed, interactive } from '../ask.ts';
import { EXIT } from '../context.ts';
import type { CliContext } from '../context.ts';
import { openDrill, stepOf } from '../../people/drills.ts';
import type { OpenDrill } from '../../people/drills.ts';
import { allKeys, keyFolder } from '../../people/keys.ts';
import type { PersonKey } from '../../people/keys.ts';
import { roleFor } from '../../people/who.ts';
import { signedText } from './show.ts';

const SEND_MS = 60_000;
/** As much of a digest as a person can be asked to type. */
const VIEW_CHARS_MIN = 8;

export interface ActFlags {
  drill?: string;
  as?: string;
  view?: string;
  input?: Record<string, string>;
  reason?: string;
  json?: boolean;
}

interface Verb {
  transition: Transition;
  says: string;
  /** of what is typed behind the verb and the step */
  takes?: { name: string; what: string };
  /** what is signed is bound to what the person was shown */
  bound?: true;
  /** without a step: the one in such a state */
  status: readonly StepState['status'][];
}

export const VERBS: Readonly<Record<string, Verb>> = {
  ack: { transition: 'acknowledge', says: 'take a step: its clock of waiting stops, and it is yours', status: ['active'] },
  done: { transition: 'done', says: 'sign a step as done; its checks run', bound: true, status: ['acknowledged'] },
  approve: { transition: 'approve', says: 'approve, as a second person, what the checks of a step found', bound: true, status: ['checked'] },
  'send-back': { transition: 'send-back', says: 'send a checked step back to the one who did it', takes: { name: 'reason', what: 'why' }, status: ['checked'] },
  reject: {
    transition: 'reject',
    says: 'say that a step cannot be done: the drill ends as unknown',
    takes: { name: 'reason', what: 'why' },
    status: ['active', 'acknowledged'],
  },
  skip: { transition: 'skip', says: 'go on without a step', takes: { name: 'reason', what: 'why' }, status: ['active', 'acknowledged'] },
  delegate: {
    transition: 'delegate',
    says: 'hand a step to another person',
    takes: { name: 'to', what: 'name of that person' },
    status: ['active', 'acknowledged'],
  },
  comment: {
    transition: 'comment',
    says: 'say something that goes into the history',
    takes: { name: 'text', what: 'what you say' },
    status: ['active', 'acknowledged', 'done', 'checked'],
  },
};

const input = (text: string, before: Record<string, string> = {}): Record<string, string> => {
  const at = text.indexOf('=');
  if (at < 1) throw new DrillError('DRILL_USAGE', `--input ${text}: no name`, 'the form is --input name=value');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
};

export function actCommand(ctx: CliContext, name: string): Command {
  const verb = VERBS[name]!;
  const command = common(new Command(name).description(verb.says)).argument('[step]', 'its id or number (default: the only one that waits for this)');
  if (verb.takes) command.option(`--${verb.takes.name} <text>`, verb.takes.what);
  if (verb.bound)
    command.option('--view <digest>', `the view you were shown (its first ${VIEW_CHARS_MIN} digits or more; on a terminal you are asked instead)`);
  if (verb.transition === 'done') command.option('--input <name=value>', 'what the step asks for (again for more)', input);
  return command
    .addHelpText('after', '\nExit status: 0 accepted, 1 refused (the reason is on record), 2 usage, no key or no drill.')
    .action(async (step: string | undefined, flags: ActFlags & Record<string, string>) =>
      ctx.exit(await act(ctx, verb, step, verb.takes ? { ...flags, reason: flags[verb.takes.name] ?? '' } : flags)),
    );
}

export function abortCommand(ctx: CliContext): Command {
  return common(new Command('abort').description('end the drill: what it broke is healed, its evidence sealed, its verdict unknown'))
    .requiredOption('--reason <text>', 'why')
    .addHelpText('after', '\nExit status: 0 accepted, 1 refused, 2 usage, no key or no drill.')
    .action(async (flags: ActFlags) => ctx.exit(await act(ctx, { transition: 'abort', says: '', status: [] }, undefined, flags)));
}

const common = (command: Command): Command =>
  command
    .option('--drill <id>', 'which drill (default: the only one that runs here)')
    .option('--as <name>', 'whose key signs (default: the only key here that takes part)')
    .option('--json', 'print what was accepted as JSON');

async function act(ctx: CliContext, verb: Verb, wanted: string | undefined, flags: ActFlags): Promise<number> {
  const drill = await openDrill(ctx, flags.drill);
  try {
    const state = await drill.state();
    const step = verb.transition === 'abort' ? null : stepOf(state, wanted, (s) => verb.status.includes(s.status));
    const { signer, person } = signerFor(drill.plan, allKeys(keyFolder(ctx.env)), flags.as);
    const inputs = verb.transition === 'done' && step ? await inputsFor(ctx, drill, step, flags) : {};
    const viewDigest = verb.bound && step ? await shown(ctx, drill, step, inputs, flags) : '';
    if (viewDigest === null) return EXIT.fail;
    const about: Act = {
      drillId: drill.running.drillId,
      stepId: step?.id ?? '',
      attempt: step?.attempt ?? 0,
      transition: verb.transition,
      role: roleFor(person, step, verb.transition),
      reason: flags.reason ?? '',
      inputs,
      viewDigest,
    };
    const accepted = await send(drill.handle, signer, about, SEND_MS);
    const what = step ? `${verb.transition} of step ${step.id}` : 'abort of the drill';
    ctx.stdout.write(
      flags.json
        ? `${JSON.stringify({ ...accepted, by: signer.by, transition: verb.transition, step: step?.id ?? null })}\n`
        : `accepted: ${what} by ${signer.by}\n`,
    );
    return EXIT.pass;
  } catch (e) {
    if (!isDrillError(e) || e.code !== 'DRILL_REFUSED') throw e;
    ctx.stderr.write(`${e.toText()}\n`);
    return EXIT.fail;
  } finally {
    await drill.close();
  }
}

/** Whose key signs: of the keys here, the one of this drill's crew. DRILL_NO_KEY, DRILL_WHICH_KEY. */
export function signerFor(plan: Plan, keys: readonly PersonKey[], wanted?: string): { signer: Signer; person: CrewMember } {
  const own = plan.keys.flatMap((entry) => {
    const key = entry.kind === 'person' ? keys.find((k) => k.publicKey === entry.publicKey) : undefined;
    return key ? [{ entry, key }] : [];
  });
  const found = own.filter(({ entry }) => wanted === undefined || nameOf(entry) === wanted);
  if (found.length === 1) {
    const { entry, key } = found[0]!;
    return { signer: { by: nameOf(entry), keyId: entry.id, secretKey: key.secretKey }, person: entry.people[0]! };
  }
  if (found.length > 1)
    throw new DrillError('DRILL_WHICH_KEY', `several keys here take part: ${own.map(({ entry }) => nameOf(entry)).join(', ')}`, 'name one with --as');
  throw new DrillError(
    'DRILL_NO_KEY',
    wanted === undefined ? 'none of the keys here takes part in this drill' : `there is no key of ${wanted} here that takes part`,
    `who takes part: ${crewOf(plan.keys)
      .map((p) => p.name)
      .join(', ')}; drillbook key new makes a key, its public half goes into the crew file before the drill starts`,
  );
}
const nameOf = (entry: PublicKeyEntry): string => entry.people[0]!.name;

/** What the step asks for: from the flags, else asked for at the terminal. */
async function inputsFor(ctx: CliContext, { plan }: OpenDrill, step: StepState, flags: ActFlags): Promise<Record<string, string>> {
  const inputs = { ...flags.input };
  const asked = plan.steps.find((s) => s.id === step.id)?.inputs ?? [];
  const stranger = Object.keys(inputs).find((name) => !asked.some((i) => i.name === name));
  if (stranger !== undefined)
    throw new DrillError('DRILL_USAGE', `step ${step.id} asks for no ${stranger}`, `it asks for: ${asked.map((i) => i.name).join(', ') || 'nothing'}`);
  for (const spec of asked) {
    while (inputs[spec.name] === undefined && interactive(ctx)) {
      const answer = await ask(ctx, `${spec.ask}${spec.choices ? ` (${spec.choices.join(', ')})` : ''}: `);
      const problem = inputProblem(spec, answer);
      if (problem === null) inputs[spec.name] = answer;
      else ctx.stderr.write(`  ${problem}\n`);
    }
  }
  return inputs;
}

/** The view that is signed: the one whose digest the person gives, or that the person is shown now and confirms. null: not confirmed. */
async function shown(ctx: CliContext, drill: OpenDrill, step: StepState, inputs: Record<string, string>, { view }: ActFlags): Promise<string | null> {
  if (view !== undefined) {
    if (!/^[0-9a-f]{8,64}$/.test(view))
      throw new DrillError('DRILL_USAGE', `--view ${view}: not the first ${VIEW_CHARS_MIN} or more digits of a digest`, 'drillbook show prints it');
    // another one goes as it is: the drill refuses it, and the attempt is on record
    return step.viewDigest.startsWith(view) ? step.viewDigest : view.padEnd(64, '0');
  }
  if (!interactive(ctx))
    throw new DrillError('DRILL_USAGE', 'what you sign is bound to what you were shown', `drillbook show ${step.id} shows it; sign with --view <its digest>`);
  ctx.stdout.write(signedText(drill, step, inputs));
  const yes = await confirmed(ctx, 'Sign this?');
  if (!yes) ctx.stderr.write('not signed\n');
  return yes ? step.viewDigest : null;
}
