/**
 * Signed messages on their way to a drill. A message is on disk before its sender is told anything, and is sent under one message id until Temporal has answered, by this
 * process or the next: kill -9 of the board neither loses nor doubles an act. Append-only; what is settled is dropped when the board starts. One board at a time.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { messageOf } from '../../core/errors.ts';
import type { Envelope } from '../../core/message.ts';
import type { Moved } from '../../workflows/messages.ts';
import { fileError, writeAll, writeDurably } from '../../evidence/files.ts';

export type Answer = { state: 'accepted'; now?: Moved } | { state: 'refused'; why: string };
/** Resolves with Temporal's answer; throws when there is none yet. */
export type Deliver = (envelope: Envelope) => Promise<Answer>;
export interface Message {
  envelope: Envelope;
  answer: Answer | null;
}

type Line = { envelope: Envelope } | { settled: string };
const AGAIN_MS = 1_000;

export class Outbox {
  readonly #fd: number;
  readonly #file: string;
  readonly #deliver: Deliver;
  readonly #changed: (m: Message) => void;
  readonly #pending = new Map<string, { message: Message; settled: Promise<Answer> }>();
  /** acts of one person on one drill go in their order */
  readonly #last = new Map<string, Promise<unknown>>();
  #closed = false;

  /** Sends what an earlier process left. `changed` hears of every answer. */
  constructor(file: string, deliver: Deliver, changed: (m: Message) => void) {
    this.#file = file;
    this.#deliver = deliver;
    this.#changed = changed;
    const left = unsettled(file);
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeDurably(file, left.map((envelope) => `${JSON.stringify({ envelope })}\n`).join(''), 0o600);
    this.#fd = openSync(file, 'a', 0o600);
    for (const envelope of left) this.#send(envelope);
  }

  get pending(): Message[] {
    return [...this.#pending.values()].map((p) => p.message);
  }

  /** On disk when it returns. The same act of the same person that is still on its way is that message. */
  post(envelope: Envelope): { message: Message; settled: Promise<Answer> } {
    const twin = [...this.#pending.values()].find(({ message: { envelope: e } }) => sameAct(e, envelope));
    if (twin) return twin;
    this.#append({ envelope });
    return this.#send(envelope);
  }

  close(): void {
    this.#closed = true;
    closeSync(this.#fd);
  }

  #send(envelope: Envelope): { message: Message; settled: Promise<Answer> } {
    const message: Message = { envelope, answer: null };
    const line = `${envelope.drillId} ${envelope.by}`;
    const settled = (this.#last.get(line) ?? Promise.resolve()).then(() => this.#untilAnswered(message));
    this.#last.set(line, settled);
    const entry = { message, settled };
    this.#pending.set(envelope.messageId, entry);
    return entry;
  }

  async #untilAnswered(message: Message): Promise<Answer> {
    for (;;) {
      const answer = await this.#deliver(message.envelope).catch((e: unknown) => messageOf(e));
      if (this.#closed) return new Promise(() => undefined);
      if (typeof answer !== 'string') {
        message.answer = answer;
        this.#pending.delete(message.envelope.messageId);
        this.#changed(message);
        this.#settled(message.envelope.messageId);
        return answer;
      }
      await new Promise((r) => setTimeout(r, AGAIN_MS).unref());
    }
  }

  /** Not waited for: where it is lost, by a crash or a full disk, the next process sends the message once more, and the drill knows its id. */
  #settled(messageId: string): void {
    try {
      writeAll(this.#fd, Buffer.from(`${JSON.stringify({ settled: messageId } satisfies Line)}\n`));
    } catch {
      // as said
    }
  }

  #append(line: Line): void {
    try {
      writeAll(this.#fd, Buffer.from(`${JSON.stringify(line)}\n`));
      fsyncSync(this.#fd);
    } catch (e) {
      throw fileError(e, this.#file);
    }
  }
}

/** All but what makes a message one of its own. */
const sameAct = (a: Envelope, b: Envelope): boolean =>
  JSON.stringify({ ...a, messageId: '', claimedAt: 0, signature: '' }) === JSON.stringify({ ...b, messageId: '', claimedAt: 0, signature: '' });

/** A last line that a crash tore was never acknowledged to anybody: it is left out. */
function unsettled(file: string): Envelope[] {
  if (!existsSync(file)) return [];
  const open = new Map<string, Envelope>();
  for (const text of readFileSync(file, 'utf8').split('\n').slice(0, -1)) {
    const line = parsed(text);
    if (line && 'envelope' in line) open.set(line.envelope.messageId, line.envelope);
    else if (line) open.delete(line.settled);
  }
  return [...open.values()];
}

function parsed(text: string): Line | null {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return null;
  }
}
