/**
 * Signed messages on their way to a drill. A message is in the file before it is sent, and on disk before its sender is told that it is safe; it is sent under one message id
 * until Temporal has answered, by this process or the next: kill -9 of the board neither loses nor doubles an act. The disk works while the message is on its way: what the
 * drill has answered needs no disk of ours. Append-only; what is settled is dropped when the board starts. One board at a time.
 */
import { closeSync, existsSync, fdatasync, ftruncateSync, mkdirSync, openSync, readFileSync } from 'node:fs';
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

export interface Posted {
  message: Message;
  /** on disk; rejects with a coded error when the disk does not take it */
  stored: Promise<void>;
  settled: Promise<Answer>;
}

type Line = { envelope: Envelope } | { settled: string };
const AGAIN_MS = 1_000;

export class Outbox {
  readonly #fd: number;
  readonly #file: string;
  readonly #deliver: Deliver;
  readonly #changed: (m: Message) => void;
  readonly #pending = new Map<string, Posted>();
  /** acts of one person on one drill go in their order */
  readonly #last = new Map<string, Promise<unknown>>();
  /** bytes of whole lines */
  #size: number;
  #syncing = 0;
  #closed = false;

  /** Sends what an earlier process left. `changed` hears of every answer. */
  constructor(file: string, deliver: Deliver, changed: (m: Message) => void) {
    this.#file = file;
    this.#deliver = deliver;
    this.#changed = changed;
    const left = unsettled(file);
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const text = left.map((envelope) => `${JSON.stringify({ envelope })}\n`).join('');
    writeDurably(file, text, 0o600);
    this.#fd = openSync(file, 'a', 0o600);
    this.#size = Buffer.byteLength(text);
    for (const envelope of left) this.#send(envelope, Promise.resolve());
  }

  get pending(): Message[] {
    return [...this.#pending.values()].map((p) => p.message);
  }

  /** In the file when it returns: a process that is killed loses it no more. The same act of the same person that is still on its way is that message. */
  post(envelope: Envelope): Posted {
    const twin = [...this.#pending.values()].find(({ message: { envelope: e } }) => sameAct(e, envelope));
    if (twin) return twin;
    this.#append({ envelope });
    return this.#send(envelope, this.#sync());
  }

  close(): void {
    this.#closed = true;
    this.#release();
  }

  #send(envelope: Envelope, stored: Promise<void>): Posted {
    const message: Message = { envelope, answer: null };
    const line = `${envelope.drillId} ${envelope.by}`;
    const settled = (this.#last.get(line) ?? Promise.resolve()).then(() => this.#untilAnswered(message));
    this.#last.set(line, settled);
    const entry = { message, stored, settled };
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
      this.#append({ settled: messageId });
    } catch {
      // as said
    }
  }

  /** All of the line, or nothing. */
  #append(line: Line): void {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    try {
      writeAll(this.#fd, bytes);
      this.#size += bytes.length;
    } catch (e) {
      ftruncateSync(this.#fd, this.#size);
      throw fileError(e, this.#file);
    }
  }

  #sync(): Promise<void> {
    this.#syncing++;
    const stored = new Promise<void>((resolve, reject) => {
      fdatasync(this.#fd, (e) => {
        this.#syncing--;
        this.#release();
        if (e) reject(fileError(e, this.#file));
        else resolve();
      });
    });
    stored.catch(() => undefined);
    return stored;
  }

  #release(): void {
    if (this.#closed && this.#syncing === 0) closeSync(this.#fd);
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
