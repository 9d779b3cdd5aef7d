/**
 * The ledger: the client-side record of every write attempted through the service address (docs/semantics.md, 1).
 * A JSON Lines file, one object a line, each with its number and the SHA-256 of the line before it. Pure: parsing and folding only.
 */
import { CHAIN_START } from './history.ts';
import { DrillError } from './errors.ts';
import { sha256Hex } from './json.ts';

export type WriteKind = 'insert' | 'set' | 'add' | 'delete';
export type WriteOutcome = 'acked' | 'failed' | 'unknown';

interface Chained {
  n: number;
  /** SHA-256 (hex) of the previous line's bytes without its newline; 64 zeros on the first line. */
  prev: string;
}
/** First line of a ledger, and again after a writer restarted on the same file. */
export interface LedgerOpen extends Chained {
  e: 'open';
  version: 1;
  drillId: string;
  boot: string;
  /** A pair of readings of the two clocks, taken together: ties monotonic to wall time. */
  wallMs: number;
  monoNs: string;
  rate: number;
  concurrency: number;
  payloadBytes: number;
  /** bytes of a torn last line that a restarted writer cut off: that record was never whole, its attempt stays unknown */
  tornBytes?: number;
}
/** Handed to the kernel before the first byte of the statement is sent. */
export interface LedgerIntent extends Chained {
  e: 'intent';
  /** writeId: unique per logical write; a retry is a new attempt of the same writeId. */
  w: string;
  /** attempt, from 1 */
  a: number;
  k: WriteKind;
  /** table, `schema.table` */
  t: string;
  /** The client's identity of the row: the write id where the id is AUTO_INCREMENT, the client-made key elsewhere. */
  key: string;
  /** SHA-256 of canonical JSON of the client-supplied columns {column: text}; "" for a delete (its effect is absence). */
  d: string;
  /** intended send time of the open-loop schedule, monotonic ns */
  i: string;
  /** when the statement was handed over, monotonic ns */
  s: string;
}
/**
 * An idempotent retry (attempt > 1 of an insert under a unique write id) that the server refuses with 1062 on that unique key is
 * `acked` with m 1, c 0, err "1062" and no GTID: its own statement did nothing, but the server told the client that the write is there
 * (a duplicate is reported only against a committed row, and only this write has this id and these values). Calling it
 * failed would leave the loss of a write that the client was told about uncounted.
 */
export interface LedgerReply extends Chained {
  e: 'reply';
  w: string;
  a: number;
  o: WriteOutcome;
  /** reply seen, monotonic ns */
  r: string;
  /** rows matched / changed by the statement (acked only) */
  m?: number;
  c?: number;
  /** server_uuid of the connection, when known */
  u?: string;
  /** GTID from session_track_gtids=OWN_GTID ("" when the statement wrote nothing) */
  g?: string;
  /** MySQL error number or client error code, for failed and unknown */
  err?: string;
}
/** A named phase of the disaster, told by the engine, so that a reader of the file alone can follow. */
export interface LedgerPhase extends Chained {
  e: 'phase';
  phase: string;
  r: string;
}
export interface LedgerClose extends Chained {
  e: 'close';
  r: string;
  writes: number;
}
export type LedgerRecord = LedgerOpen | LedgerIntent | LedgerReply | LedgerPhase | LedgerClose;

/** One attempt, intent and reply joined. No reply in the file: outcome unknown, repliedNs undefined. */
export interface LedgerAttempt {
  writeId: string;
  attempt: number;
  kind: WriteKind;
  table: string;
  key: string;
  digest: string;
  intendedNs: bigint;
  sentNs: bigint;
  repliedNs: bigint | undefined;
  outcome: WriteOutcome;
  matched: number | undefined;
  changed: number | undefined;
  serverUuid: string | undefined;
  gtid: string | undefined;
  error: string | undefined;
}

const NEWLINE = 0x0a;
const NOTHING: Uint8Array = new Uint8Array(0);

/**
 * Reads a chained JSON Lines file as it arrives: bytes in, verified records out, in memory only the unfinished last line.
 * The same law as parseChain (core/history.ts), for files that do not fit into memory. Throws DRILL_CHAIN_BROKEN with the line.
 * `hash` may be a faster SHA-256 (hex); the default costs about 10 µs a line.
 */
export class ChainReader<T extends { n: number; prev: string }> {
  readonly #name: string;
  readonly #hash: (line: Uint8Array) => string;
  readonly #text = new TextDecoder();
  #rest = NOTHING;
  /** whole lines seen */
  lines = 0;
  /** bytes of these lines: where a torn tail begins */
  bytes = 0;
  /** digest of the last whole line */
  head = CHAIN_START;

  constructor(name: string, hash: (line: Uint8Array) => string = sha256Hex) {
    this.#name = name;
    this.#hash = hash;
  }

  push(chunk: Uint8Array): T[] {
    const data = this.#rest.length === 0 ? chunk : joined(this.#rest, chunk);
    const out: T[] = [];
    let from = 0;
    for (let to = data.indexOf(NEWLINE, from); to !== -1; to = data.indexOf(NEWLINE, from)) {
      out.push(this.#line(data.subarray(from, to)));
      from = to + 1;
    }
    this.#rest = data.slice(from);
    return out;
  }

  /** Bytes of a last line without its newline: 0 when the file ended whole. */
  get tornBytes(): number {
    return this.#rest.length;
  }

  #line(bytes: Uint8Array): T {
    const broken = (why: string) =>
      new DrillError('DRILL_CHAIN_BROKEN', `${this.#name} line ${this.lines + 1}: ${why}`, 'the file was changed after it was written; use the original');
    let value: T;
    try {
      value = JSON.parse(this.#text.decode(bytes)) as T;
    } catch {
      throw broken('not JSON');
    }
    if (value.n !== this.lines + 1) throw broken(`number ${value.n} where ${this.lines + 1} belongs`);
    if (value.prev !== this.head) throw broken('the digest of the line before does not fit');
    this.lines += 1;
    this.bytes += bytes.length + 1;
    this.head = this.#hash(bytes);
    return value;
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

/**
 * Joins intents and replies: every intent comes out once, with its reply when that is known, else as unknown when a later `open` (the
 * writer died in between) or the end of the file shows that no reply can follow. Memory: the attempts in flight.
 * Throws DRILL_LEDGER_INCONSISTENT on a reply without its intent and on an intent that is there twice.
 */
export class AttemptFold {
  readonly #pending = new Map<string, LedgerIntent>();

  push(record: LedgerRecord): LedgerAttempt[] {
    if (record.e === 'open') return this.end();
    if (record.e === 'intent') {
      const id = attemptId(record);
      if (this.#pending.has(id)) throw inconsistent(record.n, `attempt ${record.a} of ${record.w} is there twice`);
      this.#pending.set(id, record);
    }
    if (record.e !== 'reply') return [];
    const intent = this.#pending.get(attemptId(record));
    if (!intent) throw inconsistent(record.n, `a reply to attempt ${record.a} of ${record.w}, which is not in flight`);
    this.#pending.delete(attemptId(record));
    return [joinAttempt(intent, record)];
  }

  /** The attempts without a reply, all unknown. */
  end(): LedgerAttempt[] {
    const out = [...this.#pending.values()].map((intent) => joinAttempt(intent, undefined));
    this.#pending.clear();
    return out;
  }
}

/** All attempts of a ledger, in the order of their replies; see AttemptFold. */
export function* foldAttempts(records: Iterable<LedgerRecord>): Generator<LedgerAttempt> {
  const fold = new AttemptFold();
  for (const record of records) yield* fold.push(record);
  yield* fold.end();
}

const attemptId = (r: LedgerIntent | LedgerReply): string => `${r.w}#${r.a}`;

const inconsistent = (n: number, seen: string) =>
  new DrillError('DRILL_LEDGER_INCONSISTENT', `ledger line ${n}: ${seen}`, 'the file is not the work of one writer; keep it and look into the writer');

function joinAttempt(intent: LedgerIntent, reply: LedgerReply | undefined): LedgerAttempt {
  return {
    writeId: intent.w,
    attempt: intent.a,
    kind: intent.k,
    table: intent.t,
    key: intent.key,
    digest: intent.d,
    intendedNs: BigInt(intent.i),
    sentNs: BigInt(intent.s),
    repliedNs: reply && BigInt(reply.r),
    outcome: reply?.o ?? 'unknown',
    matched: reply?.m,
    changed: reply?.c,
    serverUuid: reply?.u,
    gtid: reply?.g,
    error: reply?.err,
  };
}
