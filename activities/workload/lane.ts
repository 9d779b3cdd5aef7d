/** One of the writer's places for a statement in flight: a connection to the service address that is opened again whenever it ends. */
import { messageOf } from '../../core/errors.ts';
import { Session, type Endpoint } from './session.ts';

/** Short, so that the end of an outage is seen soon; random, so that the lanes do not knock all at once. */
const BACKOFF_MS = { least: 25, most: 150 };
/** A connect to an address that nobody holds gets no answer; giving up early and asking again finds the new holder sooner than the kernel's retransmission. */
const CONNECT_MS_MOST = 1000;

export interface LaneEvents {
  up(lane: Lane): void;
  down(lane: Lane, code: string): void;
  connectFailed(code: string): void;
}

export class Lane {
  session: Session | null = null;
  busy = false;
  readonly #endpoint: Endpoint;
  readonly #timeoutMs: number;
  readonly #events: LaneEvents;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(endpoint: Endpoint, timeoutMs: number, events: LaneEvents) {
    this.#endpoint = endpoint;
    this.#timeoutMs = Math.min(timeoutMs, CONNECT_MS_MOST);
    this.#events = events;
  }

  get free(): boolean {
    return !this.busy && this.session !== null;
  }

  connect(): void {
    if (this.#stopped) return;
    Session.open(this.#endpoint, this.#timeoutMs).then(
      (session) => this.#opened(session),
      (e: unknown) => {
        this.#events.connectFailed(messageOf(e));
        this.#again();
      },
    );
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.session?.destroy();
    this.session = null;
  }

  #opened(session: Session): void {
    if (this.#stopped || !session.alive) {
      session.destroy();
      this.#again();
      return;
    }
    this.session = session;
    session.onEnd((code) => {
      this.session = null;
      this.#events.down(this, code);
      this.#again();
    });
    this.#events.up(this);
  }

  #again(): void {
    if (this.#stopped) return;
    const waitMs = BACKOFF_MS.least + Math.random() * (BACKOFF_MS.most - BACKOFF_MS.least);
    this.#timer = setTimeout(() => this.connect(), waitMs);
  }
}
