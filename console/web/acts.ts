/** From a form to a signed message: the board vouches for the person whom it signed in, the outbox sees the message through, the page shows how far it is. */
import { isDrillError } from '../../core/errors.ts';
import { crewOf, TRANSITIONS } from '../../core/message.ts';
import type { Envelope, Transition } from '../../core/message.ts';
import { INPUT_CHARS_MAX, inputProblem } from '../../core/step-input.ts';
import { envelopeOf, sendEnvelope } from '../door.ts';
import { entryOf } from '../people/console-key.ts';
import type { ConsoleKey } from '../people/console-key.ts';
import { roleFor } from '../people/who.ts';
import type { Drills } from './drills.ts';
import type { Seen } from './feed.ts';
import { Outbox } from './outbox.ts';
import type { Answer } from './outbox.ts';
import type { Outcome } from './page.ts';
import { Problem } from './problem.ts';

const ATTEMPT_MS = 30_000;
/** What takes longer is shown as on its way. */
const QUICK_MS = 2_500;
/** Nobody should see "sending" flash by. */
const SHOW_MS = 250;
const REASON_CHARS_MAX = 2_000;
const DIGEST = /^([0-9a-f]{64})?$/;

export class Acts {
  readonly #drills: Drills;
  readonly #key: ConsoleKey;
  readonly #outbox: Outbox;
  readonly #outcomes = new Map<string, Outcome>();

  constructor(drills: Drills, key: ConsoleKey, outboxFile: string) {
    this.#drills = drills;
    this.#key = key;
    this.#outbox = new Outbox(
      outboxFile,
      (e) => this.#deliver(e),
      ({ envelope, answer }) => this.#answered(envelope, answer!),
    );
    for (const { envelope } of this.#outbox.pending) this.#show(envelope, 'sending', '');
  }

  /** Of one person on one drill. */
  outcomes(drillId: string, name: string | null): Outcome[] {
    return [...this.#outcomes].flatMap(([key, o]) => (key.startsWith(JSON.stringify([drillId, name]).slice(0, -1)) ? [o] : []));
  }

  vouched(seen: Seen): boolean {
    return entryOf(seen.plan, this.#key) !== null;
  }

  /** The answer, or null when it is still on its way. What is not even sent throws a Problem. */
  async post(seen: Seen, name: string, form: URLSearchParams): Promise<Answer | null> {
    const envelope = this.#envelope(seen, name, form);
    this.#outcomes.delete(keyOf(envelope));
    const { stored, settled } = this.#outbox.post(envelope);
    const later = setTimeout(() => this.#show(envelope, 'sending', ''), SHOW_MS);
    void settled.then(
      () => clearTimeout(later),
      () => clearTimeout(later),
    );
    const safe = stored.then(() => new Promise<null>((r) => setTimeout(() => r(null), QUICK_MS).unref()));
    return Promise.race([settled, safe]);
  }

  close(): void {
    this.#outbox.close();
  }

  #envelope(seen: Seen, name: string, form: URLSearchParams): Envelope {
    const { plan, state, drillId } = seen;
    const field = (key: string) => form.get(key) ?? '';
    const transition = TRANSITIONS.find((t) => t === field('transition'));
    const step = transition === 'abort' ? null : state?.steps.find((s) => s.id === field('step'));
    const [attempt, viewDigest, reason] = [transition === 'abort' ? 0 : Number(field('attempt')), field('view'), field('reason')];
    if (!transition || step === undefined || !Number.isSafeInteger(attempt) || !DIGEST.test(viewDigest) || reason.length > REASON_CHARS_MAX)
      throw new Problem(400, 'DRILL_WEB_FORM', 'this is no form of this page', 'load the page again');
    const entry = entryOf(plan, this.#key);
    const member = crewOf(entry ? [entry] : []).find((p) => p.name === name);
    if (!entry || !member)
      throw new Problem(403, 'DRILL_WEB_NO_PART', `this board cannot sign for ${name} in this drill`, 'take part by the command line, with your own key');
    const inputs = transition === 'done' ? inputsOf(seen, step!.id, form) : {};
    return envelopeOf(
      { by: name, keyId: entry.id, secretKey: this.#key.secretKey },
      {
        drillId,
        stepId: step?.id ?? '',
        attempt,
        transition,
        role: roleFor(member, step, transition),
        inputs,
        viewDigest: bound(transition) ? viewDigest : '',
        reason,
      },
    );
  }

  async #deliver(envelope: Envelope): Promise<Answer> {
    const feed = await this.#drills.find(envelope.drillId);
    if (!feed) return { state: 'refused', why: 'the drill does not run any more' };
    try {
      const { now } = await sendEnvelope(await feed.handle(), envelope, ATTEMPT_MS);
      return { state: 'accepted', ...(now ? { now } : {}) };
    } catch (e) {
      if (isDrillError(e) && e.code === 'DRILL_REFUSED') return { state: 'refused', why: e.message };
      throw e;
    }
  }

  #answered(envelope: Envelope, answer: Answer): void {
    if (answer.state === 'refused') return this.#show(envelope, 'refused', answer.why);
    const shown = this.#outcomes.delete(keyOf(envelope));
    const feed = this.#drills.feed(envelope.drillId);
    if (answer.now) feed?.moved(answer.now);
    else void feed?.look();
    if (shown) feed?.poke();
  }

  #show(envelope: Envelope, state: Outcome['state'], why: string): void {
    this.#outcomes.set(keyOf(envelope), { stepId: envelope.stepId, transition: envelope.transition, state, why });
    this.#drills.feed(envelope.drillId)?.poke();
  }
}

const keyOf = ({ drillId, by, stepId }: Envelope): string => JSON.stringify([drillId, by, stepId]);
const bound = (t: Transition): boolean => t === 'done' || t === 'approve';

/** What the step asks for and nothing else. What is missing or mistyped is told at once, and is no attempt to sign. DRILL_WEB_INPUT. */
function inputsOf({ plan }: Seen, stepId: string, form: URLSearchParams): Record<string, string> {
  const specs = plan.steps.find((s) => s.id === stepId)?.inputs ?? [];
  const inputs = Object.fromEntries(specs.map((i) => [i.name, (form.get(`input.${i.name}`) ?? '').slice(0, INPUT_CHARS_MAX + 1).trim()]));
  const problem = specs.map((i) => inputProblem(i, inputs[i.name])).find((p) => p !== null);
  if (problem) throw new Problem(422, 'DRILL_WEB_INPUT', problem, 'fill it in, and sign again');
  return inputs;
}
