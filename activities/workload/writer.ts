/**
 * The writer: sends writes to the service address at a fixed rate and keeps the ledger (docs/semantics.md, 1).
 *
 * Open loop: arrival k is due at start + k / rate whether or not earlier ones were answered, and its intended time stays when it
 * has to wait for a free connection; so a stall is seen by every write that it would have hit. When no connection is up at all, an arrival
 * fails at once ("connection refused before sending"), as it would in an application whose pool is empty; so the end of an outage is not dated back.
 */
import fs from 'node:fs';
import { DrillError } from '../../core/errors.ts';
import { AttemptFold, type LedgerAttempt, type LedgerRecord } from '../../core/ledger.ts';
import { ChainFile } from './chainFile.ts';
import { PHASES, WRITER_SOCKET, type Phase, type WriterConfig, type WriterStatus } from './config.ts';
import { serveControl } from './control.ts';
import { Heartbeat } from './heartbeat.ts';
import { Lane } from './lane.ts';
import { Mix, type Write } from './mix.ts';
import { outcomeOf, type Outcome } from './outcome.ts';
import { Tally } from './tally.ts';

interface Arrival {
  intendedNs: bigint;
  /** a retry: the same write again */
  again?: { write: Write; attempt: number };
}

/** Waits before a second, third and fourth attempt of a write that may be sent again. */
const RETRY_AFTER_MS = [1000, 2000, 4000];
/** Arrivals that wait, at most, in seconds of the rate: a service that is slower than the rate must not fill the memory. */
const QUEUE_SECONDS_MAX = 30;
/** The first connection of a new ledger must be there by then. */
const FIRST_CONNECT_MS = 15_000;

const nowNs = (): bigint => process.hrtime.bigint();

export class Writer {
  readonly #config: WriterConfig;
  readonly #mix: Mix;
  readonly #tally = new Tally();
  readonly #ledger: ChainFile<LedgerRecord>;
  readonly #lanes: Lane[];
  readonly #endpoint: { host: string; port: number; user: string; password: string };
  readonly #queue: Arrival[] = [];
  readonly #retries = new Set<NodeJS.Timeout>();
  readonly #timeoutMs: number;
  readonly #failed: (e: DrillError) => void;
  /** rejects when the ledger can not be written any more */
  readonly broken: Promise<never>;
  #phaseNs = '';
  #resumed = false;
  #inFlight = 0;
  #lastAckNs = '';
  #lastConnectError = '';
  #startNs = 0n;
  #arrivals = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopping: Promise<object> | undefined;
  #idle: () => void = () => {};

  constructor(config: WriterConfig, password: string) {
    this.#config = config;
    this.#timeoutMs = config.workload.timeoutMs;
    this.#endpoint = { host: config.service.address, port: config.service.port, user: config.user, password };
    const broken = Promise.withResolvers<never>();
    this.broken = broken.promise;
    this.broken.catch(() => {});
    this.#failed = broken.reject;
    this.#mix = new Mix({ drillId: config.drillId, ...config.workload });
    const resume = new Resume(this.#mix, this.#tally);
    this.#ledger = new ChainFile(config.ledger, { onRecord: (r) => resume.record(r), onFatal: this.#failed });
    resume.end();
    this.#resumed = this.#ledger.lines > 0;
    this.#phaseNs = resume.phaseNs;
    this.#lastAckNs = resume.lastAckNs;
    this.#lanes = Array.from({ length: config.workload.concurrency }, () => this.#newLane());
  }

  /** Opens the ledger, the control socket and the connections, then lets writes arrive. `onStop` is called when a stop was asked for by the socket and is done. */
  async start(onStop: () => void): Promise<void> {
    const { rate, concurrency, payloadBytes } = this.#config.workload;
    const boot = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const torn = this.#ledger.tornBytes > 0 ? { tornBytes: this.#ledger.tornBytes } : {};
    this.#ledger.append({
      e: 'open',
      version: 1,
      drillId: this.#config.drillId,
      boot,
      wallMs: Date.now(),
      monoNs: nowNs().toString(),
      rate,
      concurrency,
      payloadBytes,
      ...torn,
    });
    if (this.#phaseNs === '') this.#recordPhase('baseline');
    const control = await serveControl(this.#config.dir, WRITER_SOCKET, (request) => this.#control(request, onStop));
    this.#closeControl = () => control.close();
    for (const lane of this.#lanes) lane.connect();
    await this.#firstConnection();
    if (this.#stopping) return;
    this.#heartbeat = new Heartbeat(this.#endpoint, this.#timeoutMs);
    this.#startNs = nowNs();
    this.#arrive();
  }
  #closeControl: () => void = () => {};
  #heartbeat: Heartbeat | undefined;

  status(): WriterStatus {
    return {
      pid: process.pid,
      writes: this.#mix.ordinal,
      ...this.#tally.total,
      inFlight: this.#inFlight,
      queued: this.#queue.length,
      connections: this.#lanes.filter((l) => l.session).length,
      phase: this.#mix.phase,
      lastSecond: this.#tally.lastSecond(performance.now()),
      curve: this.#tally.curve(performance.now(), Date.now()),
      lastAckNs: this.#lastAckNs,
      perPhase: this.#tally.perPhase,
      hot: this.#mix.hot,
      lastConnectError: this.#lastConnectError,
    };
  }

  /** Stops the arrivals, waits for what is in flight at most timeoutMs (the rest is unknown), closes the ledger. Idempotent. */
  stop(): Promise<object> {
    this.#stopping ??= this.#drainAndClose();
    return this.#stopping;
  }

  async #drainAndClose(): Promise<object> {
    clearTimeout(this.#timer);
    for (const timer of this.#retries) clearTimeout(timer);
    this.#heartbeat?.stop();
    this.#queue.length = 0;
    await this.#drained(this.#timeoutMs + 500);
    for (const lane of this.#lanes) lane.stop();
    await new Promise((resolve) => setImmediate(resolve)); // what was still in flight has settled as unknown
    this.#ledger.append({ e: 'close', r: nowNs().toString(), writes: this.#mix.ordinal });
    this.#ledger.close();
    return { writes: this.#mix.ordinal, ...this.#tally.total };
  }

  #drained(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#idle = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#inFlight === 0) this.#idle();
    });
  }

  /** After stop: lets the last answer out and removes the socket. */
  end(): void {
    this.#closeControl();
  }

  async #control(request: Record<string, unknown>, onStop: () => void): Promise<object> {
    const { op, phase } = request;
    if (op === 'status') return this.status();
    if (op === 'phase') return this.#setPhase(phase);
    if (op !== 'stop') throw new DrillError('DRILL_CONTROL_REQUEST', `no operation ${JSON.stringify(op)}`, 'status, phase and stop are known');
    const result = await this.stop();
    setImmediate(onStop);
    return result;
  }

  #setPhase(phase: unknown): object {
    const known = PHASES.find((p) => p === phase);
    if (!known) throw new DrillError('DRILL_PHASE_UNKNOWN', `no phase ${JSON.stringify(phase)}`, `phases: ${PHASES.join(', ')}`);
    if (known !== this.#mix.phase) this.#recordPhase(known);
    return { phase: known, sinceNs: this.#phaseNs };
  }

  #recordPhase(phase: Phase): void {
    this.#phaseNs = nowNs().toString();
    this.#ledger.append({ e: 'phase', phase, r: this.#phaseNs });
    this.#mix.phase = phase;
  }

  #newLane(): Lane {
    return new Lane(this.#endpoint, this.#timeoutMs, {
      up: () => {
        this.#lastConnectError = '';
        this.#dispatch();
      },
      down: () => this.#dispatch(),
      connectFailed: (code) => {
        this.#lastConnectError = code;
        this.#dispatch();
      },
    });
  }

  /** A new ledger begins with a service that is there; one that is carried on may meet an outage, which it must see. */
  async #firstConnection(): Promise<void> {
    const until = performance.now() + FIRST_CONNECT_MS;
    while (!this.#stopping && !this.#lanes.some((l) => l.session)) {
      if (this.#resumed && this.#lastConnectError !== '') return;
      const { host, port } = this.#endpoint;
      if (performance.now() > until)
        throw new DrillError(
          'DRILL_SERVICE_DOWN',
          `no connection to ${host}:${port} within ${FIRST_CONNECT_MS / 1000} s: ${this.#lastConnectError}`,
          'start the target before the workload; check its account',
        );
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Queues every arrival that is due, then sleeps until the next. */
  #arrive(): void {
    if (this.#stopping) return;
    const { rate } = this.#config.workload;
    const dueNs = (): bigint => this.#startNs + BigInt(Math.round((this.#arrivals * 1e9) / rate));
    for (const now = nowNs(); dueNs() <= now; this.#arrivals += 1) this.#queue.push({ intendedNs: dueNs() });
    this.#dispatch();
    this.#timer = setTimeout(() => this.#arrive(), Math.max(1, Math.ceil(Number(dueNs() - nowNs()) / 1e6)));
  }

  #dispatch(): void {
    if (this.#stopping) return;
    for (const lane of this.#lanes) {
      if (this.#queue.length === 0) return;
      if (lane.free) void this.#send(lane, this.#queue.shift()!);
    }
    const kept = this.#lanes.some((l) => l.session) ? Math.ceil(this.#config.workload.rate * QUEUE_SECONDS_MAX) : 0;
    for (const arrival of this.#queue.splice(kept)) this.#refuse(arrival, kept > 0 ? 'the queue is full' : this.#lastConnectError || 'no connection');
  }

  #intend(arrival: Arrival): { write: Write; attempt: number } {
    const { write, attempt } = arrival.again ?? { write: this.#mix.next(), attempt: 1 };
    if (attempt > 1) this.#mix.retaken(write);
    const { writeId: w, kind: k, table: t, key, digest: d } = write;
    this.#ledger.append({ e: 'intent', w, a: attempt, k, t, key, d, i: arrival.intendedNs.toString(), s: nowNs().toString() });
    return { write, attempt };
  }

  async #send(lane: Lane, arrival: Arrival): Promise<void> {
    const session = lane.session!;
    lane.busy = true;
    this.#inFlight += 1;
    const { phase } = this.#mix;
    const { write, attempt } = this.#intend(arrival);
    const reply = await session.run(write.sql, write.values, this.#timeoutMs);
    lane.busy = false;
    this.#inFlight -= 1;
    this.#settle(write, attempt, outcomeOf(reply, write, attempt), phase, session.serverUuid);
    if (this.#inFlight === 0) this.#idle();
    this.#dispatch();
  }

  /** The statement is not sent. */
  #refuse(arrival: Arrival, why: string): void {
    const { write, attempt } = this.#intend(arrival);
    this.#settle(write, attempt, { o: 'failed', err: `not sent: ${why}` }, this.#mix.phase, undefined);
  }

  #settle(write: Write, attempt: number, outcome: Outcome, phase: Phase, uuid: string | undefined): void {
    const r = nowNs().toString();
    const { o, ...rest } = outcome;
    this.#ledger.append({ e: 'reply', w: write.writeId, a: attempt, o, r, ...rest, ...(uuid ? { u: uuid } : {}) });
    this.#tally.add(phase, o, performance.now());
    this.#mix.settled(write, o);
    if (o === 'acked') this.#lastAckNs = r;
    else if (write.retryable) this.#retryLater(write, attempt);
  }

  #retryLater(write: Write, attempt: number): void {
    const waitMs = RETRY_AFTER_MS[attempt - 1];
    if (waitMs === undefined || this.#stopping) return;
    const timer = setTimeout(() => {
      this.#retries.delete(timer);
      this.#queue.push({ intendedNs: nowNs(), again: { write, attempt: attempt + 1 } });
      this.#dispatch();
    }, waitMs);
    this.#retries.add(timer);
  }
}

/** Brings a mix and a tally to where the writer before us left them. */
class Resume {
  readonly #fold = new AttemptFold();
  readonly #mix: Mix;
  readonly #tally: Tally;
  phaseNs = '';
  lastAckNs = '';

  constructor(mix: Mix, tally: Tally) {
    this.#mix = mix;
    this.#tally = tally;
  }

  record(record: LedgerRecord): void {
    if (record.e === 'intent') this.#mix.ordinal = Math.max(this.#mix.ordinal, Number(record.w.split('-')[1]));
    if (record.e === 'phase') {
      this.#mix.phase = record.phase as Phase;
      this.phaseNs = record.r;
    }
    for (const attempt of this.#fold.push(record)) this.#attempt(attempt);
  }

  end(): void {
    for (const attempt of this.#fold.end()) this.#attempt(attempt);
  }

  #attempt(attempt: LedgerAttempt): void {
    this.#tally.add(this.#mix.phase, attempt.outcome, -Infinity);
    if (attempt.outcome !== 'acked') return;
    this.lastAckNs = String(attempt.repliedNs);
    if (attempt.sentNs >= BigInt(this.phaseNs || 0)) this.#mix.settled(attempt, 'acked');
  }
}
