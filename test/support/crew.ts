/** People with keys of their own, in the hands of a test: what they sign goes by update, as people send it, or by signal, as an integration would. */
import { newKeyPair } from '../../core/message.ts';
import type { Envelope, Transition } from '../../core/message.ts';
import type { Accepted, DrillState } from '../../workflows/messages.ts';
import { transitionSignal } from '../../workflows/messages.ts';
import type { StepState } from '../../workflows/steps.ts';
import { folderStore } from '../../evidence/store.ts';
import type { StepView } from '../../evidence/views.ts';
import { makeKey } from '../../console/people/keys.ts';
import { envelopeOf, sendEnvelope } from '../../console/door.ts';
import type { Act, Signer } from '../../console/door.ts';
import type { TestDrill } from './drill.ts';

const WAIT_MS = 120_000;

/** A disaster that a machine with much else to do can bear: of such a drill only what people say is judged. */
export const CALM: [string, string][] = [
  ['rate: 100, concurrency: 16, payload: 64, hot-keys: 64, timeout: 1s', 'rate: 40, concurrency: 64, payload: 64, hot-keys: 64, timeout: 20s'],
  ['service-rto: { within: 30s,', 'service-rto: { within: 5m,'],
  ['data-rto: { within: 5m }', 'data-rto: { within: 30m }'],
  ['convergence: { within: 5m }', 'convergence: { within: 30m }'],
  ['drill: 10m', 'drill: 30m'],
  ['lease: 30s', 'lease: 2m'],
  ['conflicts: { insert/insert: 20, update/update: 20, update/delete: 5, delete/update: 5 }', 'conflicts: { insert/insert: 1 }'],
  ['with: { for: 3s }', 'with: { for: 1s }'],
];

export interface Person {
  roles: string[];
  /** left out: a responder */
  rights?: string[];
}

export class TestCrew {
  readonly signers: Readonly<Record<string, Signer>>;
  /** the crew file */
  readonly text: string;
  readonly #people: Readonly<Record<string, Person>>;

  /** `folder`: their keys are files there, for the command line. */
  constructor(people: Readonly<Record<string, Person>>, folder?: string) {
    this.#people = people;
    const keys = Object.keys(people).map((name) => [name, folder === undefined ? newKeyPair() : makeKey(folder, name, new Date()).key] as const);
    this.signers = Object.fromEntries(keys.map(([name, { secretKey }]) => [name, { by: name, keyId: name, secretKey }]));
    const lines = keys.map(([name, { publicKey }]) => `  - ${JSON.stringify({ name, ...people[name], 'public-key': publicKey })}`);
    this.text = `crew: crew\ntitle: People of a test\npeople:\n${lines.join('\n')}\n`;
  }

  /** Signed now, in the person's first role unless told otherwise. */
  says(d: TestDrill, who: string, transition: Transition, step: Pick<StepState, 'id' | 'attempt'> | null, more: Partial<Act> = {}): Envelope {
    const about = { drillId: d.prepared.drillId, stepId: step?.id ?? '', attempt: step?.attempt ?? 0, transition, role: this.#people[who]!.roles[0]! };
    return envelopeOf(this.signers[who]!, { ...about, ...more });
  }
}

export const byUpdate = (d: TestDrill, e: Envelope): Promise<Accepted> => sendEnvelope(d.handle, e, WAIT_MS);
export const bySignal = (d: TestDrill, e: Envelope): Promise<void> => d.handle.signal(transitionSignal, e);

/** The step, when it is so. Fails when the drill ends before. */
export async function stepThat(d: TestDrill, id: string, so: (s: StepState) => boolean): Promise<StepState> {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const state: DrillState | null = await d.state().catch(() => null);
    const step = state?.steps.find((s) => s.id === id);
    if (step && so(step)) return step;
    if (Date.now() > deadline || (state && ['sealing', 'ended'].includes(state.phase)))
      throw new Error(`step ${id} did not become so: ${JSON.stringify(step)}, ${JSON.stringify(state?.problems)}`);
    await new Promise((r) => setTimeout(r, 50));
  }
}
export const stepIs = (d: TestDrill, id: string, status: StepState['status'], attempt = 1): Promise<StepState> =>
  stepThat(d, id, (s) => s.status === status && s.attempt === attempt);

/** What a person of that step is shown. */
export const viewOf = (d: TestDrill, step: StepState): StepView => JSON.parse(folderStore(d.bundle).getView(step.viewDigest)) as StepView;
