/**
 * Judges one watched direction from what both ends reported. A datagram counts as lost only if its sender's kernel took it and its
 * receiver had emptied its socket LOST_AFTER_MS later without having it, so a stall of a busy machine is never taken for a cut.
 * One lost datagram may be bad luck: LOST_IN_ROW make a transition. One that gets through proves the way open. Pure.
 */
const LOST_AFTER_NS = 100e6;
/** A receiver that was silent for so long may have lost datagrams to its own full socket: those are not judged. */
const STALL_NS = 250e6;
const LOST_IN_ROW = 2;

export interface Transition {
  to: 'lost' | 'ok';
  /** send time of the last datagram that met the old state, of the first that met the new one */
  absentNs: number;
  presentNs: number;
}

export class Judge {
  /** sent and not judged yet, in sending order */
  readonly #open: { seq: number; ns: number }[] = [];
  readonly #got = new Set<number>();
  readonly #last: { lost: Transition | null; ok: Transition | null } = { lost: null, ok: null };
  readonly #tell: (t: Transition) => void;
  #judgedSeq = -1;
  #state: 'lost' | 'ok' | null = null;
  #okNs: number | null = null;
  #lostNs = 0;
  #row = 0;
  #rowFirstNs = 0;
  #aliveNs = 0;

  constructor(tell: (t: Transition) => void) {
    this.#tell = tell;
  }

  last(to: 'lost' | 'ok'): Transition | null {
    return this.#last[to];
  }

  sent(seq: number, ns: number): void {
    this.#open.push({ seq, ns });
  }

  got(seq: number): void {
    if (seq > this.#judgedSeq) this.#got.add(seq);
  }

  /** The receiver had read everything that arrived before ns. */
  alive(ns: number): void {
    const stalled = this.#aliveNs > 0 && ns - this.#aliveNs > STALL_NS;
    for (;;) {
      const d = this.#open[0];
      if (d === undefined) break;
      const got = this.#got.has(d.seq);
      if (!got && d.ns + LOST_AFTER_NS > ns) break;
      this.#open.shift();
      this.#got.delete(d.seq);
      this.#judgedSeq = Math.max(this.#judgedSeq, d.seq);
      if (got) this.#ok(d.ns);
      else if (!stalled) this.#lost(d.ns);
    }
    this.#aliveNs = ns;
  }

  #ok(ns: number): void {
    this.#row = 0;
    if (this.#state === 'lost') this.#change({ to: 'ok', absentNs: this.#lostNs, presentNs: ns });
    this.#state = 'ok';
    this.#okNs = ns;
  }

  #lost(ns: number): void {
    if (this.#row++ === 0) this.#rowFirstNs = ns;
    this.#lostNs = ns;
    if (this.#row < LOST_IN_ROW || this.#state === 'lost') return;
    if (this.#okNs !== null) this.#change({ to: 'lost', absentNs: this.#okNs, presentNs: this.#rowFirstNs });
    this.#state = 'lost';
  }

  #change(t: Transition): void {
    this.#last[t.to] = t;
    this.#tell(t);
  }
}
