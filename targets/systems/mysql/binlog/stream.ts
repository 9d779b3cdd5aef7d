/**
 * A live server's binary log, as a replica receives it. mysql2 connects, authenticates and encrypts; then the bytes are ours, and go from the socket's buffers
 * into the reader without a copy.
 */
import { randomInt, randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from 'mysql2/promise';
import type { LogReader } from '../../../../core/binlog/log.ts';
import { MariaPosition } from '../../../../core/binlog/maria.ts';
import { DrillError, isDrillError, messageOf } from '../../../../core/errors.ts';
import { GtidSet } from '../../../../core/gtid.ts';
import { connect, parseDsn } from '../dsn.ts';
import type { Endpoint } from '../dsn.ts';
import type { ReadProgress } from './files.ts';
import { Assembler } from './assemble.ts';
import type { EventSink } from './assemble.ts';
import { FileDigests } from './digest.ts';
import type { FileDigest } from './digest.ts';
import { PacketSplitter } from './packets.ts';
import type { Outcome } from './packets.ts';
import { TappedSocket } from './socket.ts';
import { Until } from './until.ts';
import type { LogEnd } from './until.ts';

/** What the reader has already: MySQL's, MariaDB's. */
export type Executed = GtidSet | MariaPosition;

export interface StreamOptions extends ReadProgress {
  /**
   * What the reader has already: the server sends the rest. Without it everything that the server still has. A function says that whole transactions can be
   * told apart: a cut connection is then made again, up to three times, from what it returns, and the reader gets the half-received transaction once more.
   */
  executed?: Executed | (() => Executed);
  /**
   * `end`: stop where the log ended when it was asked for, which takes REPLICATION CLIENT; an account without it stops where the server has no more to send.
   * `never`: go on until the signal.
   */
  until: 'end' | 'never';
  /** what a replica would call itself; a random one in the upper range otherwise */
  serverId?: number;
  /** the server must say something at least this often; it is asked to send heartbeats three times as often */
  silenceMsMax?: number;
  /** the files' digests are wanted: of a stream from the beginning of the first file on, over one connection */
  sha256?: boolean;
}

const SILENCE_MS_MAX = 60_000;
const RECONNECTS_MAX = 3;
const RECONNECT_PAUSE_MS = 1_000;
/** A week. */
const WRITE_SECONDS_MAX = 604_800;
/** Above what people number their servers with. */
const SERVER_ID_MIN = 0x8000_0000;

const COM_BINLOG_DUMP = 0x12;
const COM_BINLOG_DUMP_GTID = 0x1e;
const DUMP_NON_BLOCK = 0x01;
const DUMP_THROUGH_GTID = 0x04;
const FIRST_POSITION = 4;

/** Server errors that end a session, not the attempt: shutdown, killed, inactive. */
const SESSION_ENDED = new Set([1053, 1317, 3169, 4031]);

/** What of mysql2's connection is used: its socket (TLS included), and the object that gets every chunk from it (lib/base/connection.js). */
interface Wire {
  stream: Duplex;
  packetParser: { execute(data: Uint8Array): void };
}

/**
 * Reads a live server's binary log. Needs REPLICATION SLAVE. Throws DRILL_NODE_DOWN, DRILL_LOGS_UNREADABLE (the server refuses), DRILL_STREAM_SILENT,
 * DRILL_STREAM_CUT (the connection is gone), and the signal's reason. Gives one digest per file when they are asked for.
 */
export async function readStream(dsn: string, reader: LogReader, options: StreamOptions): Promise<FileDigest[]> {
  const endpoint = parseDsn(dsn);
  const digests = options.sha256 ? new FileDigests(reader) : null;
  const log: AskedEnd = {};
  let failed = 0;
  for (;;) {
    let received = 0;
    try {
      await receive(endpoint, digests ?? reader, log, { ...options, onBytes: (n) => ((received += n), options.onBytes?.(n)) });
      digests?.end();
      reader.end();
      return digests?.files ?? [];
    } catch (cause) {
      failed = received > 0 ? 1 : failed + 1;
      const again = isDrillError(cause) && (cause.code === 'DRILL_STREAM_CUT' || (failed > 1 && cause.code === 'DRILL_NODE_DOWN'));
      if (!again || failed > RECONNECTS_MAX || typeof options.executed !== 'function') throw cause;
      await sleep(RECONNECT_PAUSE_MS * 2 ** (failed - 1), undefined, options.signal ? { signal: options.signal } : {});
    }
  }
}

/** null: cannot be told */
interface AskedEnd {
  end?: LogEnd | null;
}

/** One connection, to its end. Asks for the log's end once. */
async function receive(endpoint: Endpoint, reader: EventSink, log: AskedEnd, options: StreamOptions): Promise<void> {
  options.signal?.throwIfAborted();
  const silenceMsMax = options.silenceMsMax ?? SILENCE_MS_MAX;
  const executed = typeof options.executed === 'function' ? options.executed() : options.executed;
  const tap = endpoint.tls ? null : new TappedSocket();
  const connection = await connect(endpoint, tap ? () => tap.open(endpoint) : undefined);
  try {
    await prepare(connection, endpoint, executed, silenceMsMax);
    const wire = (connection as unknown as { connection: Wire }).connection;
    if (options.until === 'end' && log.end === undefined) log.end = await endOf(connection);
    const until = log.end ? new Until(reader, log.end) : null;
    const inlet = new Inlet(wire, until ?? reader, () => until?.reached ?? false, options.onBytes);
    const outcome = await drain(wire, tap, dumpRequest(executed, options), endpoint, inlet, { ...options, silenceMsMax });
    if (outcome.kind === 'eof') return;
    if (outcome.kind === 'error' && !SESSION_ENDED.has(outcome.code)) throw refused(endpoint, outcome);
    throw cut(endpoint, outcome.message);
  } finally {
    connection.destroy();
  }
}

/** MySQL's name since 8.2, and everybody's before. */
const ASK_END = ['SHOW BINARY LOG STATUS', 'SHOW MASTER STATUS'];

async function endOf(connection: Connection): Promise<LogEnd | null> {
  for (const sql of ASK_END) {
    const asked = await connection.query(sql).catch(() => null);
    if (asked === null) continue;
    const [row] = asked[0] as { File: string; Position: number | string }[];
    return row ? { file: row.File, position: Number(row.Position) } : null;
  }
  return null;
}

const cut = (endpoint: Endpoint, why: string) =>
  new DrillError('DRILL_STREAM_CUT', `the connection to ${endpoint.name} is gone: ${why}`, 'what was read stays usable; try again when the server is back');

function refused(endpoint: Endpoint, { code, message }: Extract<Outcome, { kind: 'error' }>): DrillError {
  const hint = code === 1236 ? 'name the files instead, where they are still to be had' : 'the account needs REPLICATION SLAVE, and the server log_bin';
  return new DrillError('DRILL_LOGS_UNREADABLE', `${endpoint.name} does not send its binary log: ${message} (${code})`, hint);
}

/** Tells the server what a replica would: that checksums are understood, how often to send heartbeats, and who asks. Both spellings: MySQL's of 8.0.26 and before, and MariaDB's. */
async function prepare(connection: Connection, endpoint: Endpoint, executed: Executed | undefined, silenceMsMax: number): Promise<void> {
  const heartbeatNs = Math.max(1, Math.floor(silenceMsMax / 3)) * 1_000_000;
  const uuid = randomUUID();
  const settings = ['source', 'master'].flatMap((s) => [`@${s}_binlog_checksum = @@global.binlog_checksum`, `@${s}_heartbeat_period = ${heartbeatNs}`]);
  settings.push(`@replica_uuid = '${uuid}'`, `@slave_uuid = '${uuid}'`, '@mariadb_slave_capability = 4');
  // a consumer may take its time: the server does not give up on it
  settings.push(`@@session.net_write_timeout = ${WRITE_SECONDS_MAX}`);
  if (executed instanceof MariaPosition) settings.push(`@slave_connect_state = '${executed.toString()}'`);
  try {
    await connection.query(`SET ${settings.join(', ')}`);
  } catch (cause) {
    throw new DrillError('DRILL_LOGS_UNREADABLE', `${endpoint.name} is not ready to send its binary log: ${messageOf(cause)}`, '', { cause });
  }
}

/** COM_BINLOG_DUMP from the first file on (an empty name), also for MariaDB, which takes its position from @slave_connect_state; else COM_BINLOG_DUMP_GTID. */
function dumpRequest(executed: Executed | undefined, { until, serverId = randomInt(SERVER_ID_MIN, 0xffff_ffff) }: StreamOptions): Buffer {
  const flags = until === 'end' ? DUMP_NON_BLOCK : 0;
  if (!(executed instanceof GtidSet)) {
    const body = Buffer.alloc(11);
    body[0] = COM_BINLOG_DUMP;
    body.writeUInt32LE(FIRST_POSITION, 1);
    body.writeUInt16LE(flags, 5);
    body.writeUInt32LE(serverId, 7);
    return packet(body);
  }
  const set = executed.toBytes();
  const body = Buffer.alloc(23);
  body[0] = COM_BINLOG_DUMP_GTID;
  body.writeUInt16LE(flags | DUMP_THROUGH_GTID, 1);
  body.writeUInt32LE(serverId, 3);
  body.writeUInt32LE(0, 7);
  body.writeBigUInt64LE(BigInt(FIRST_POSITION), 11);
  body.writeUInt32LE(set.length, 19);
  return packet(Buffer.concat([body, set]));
}

function packet(body: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUIntLE(body.length, 0, 3);
  return Buffer.concat([header, body]);
}

/** Sends the request and hands every event to the inlet until the server ends the stream, or the inlet has what it wants. The socket rests while the reader or the consumer is busy. */
async function drain(
  wire: Wire,
  tap: TappedSocket | null,
  request: Buffer,
  endpoint: Endpoint,
  inlet: Inlet,
  options: StreamOptions & { silenceMsMax: number },
): Promise<Outcome> {
  const { signal, silenceMsMax } = options;
  const lost = (cause?: unknown) =>
    inlet.lose(cut(endpoint, `${cause instanceof Error ? cause.message : 'the server closed it'}, after ${inlet.received} bytes`));
  const aborted = () => inlet.fail(signal!.reason);
  const periodMs = Math.min(1_000, silenceMsMax / 4);
  const look = setInterval(() => {
    if (inlet.silentMs(periodMs) < silenceMsMax) return;
    const awaited = inlet.received === 0 ? 'the beginning of its binary log' : `the next event or heartbeat after ${inlet.received} bytes`;
    const seen = `${endpoint.name} said nothing for ${silenceMsMax} ms; awaited was ${awaited}`;
    inlet.fail(new DrillError('DRILL_STREAM_SILENT', seen, 'look whether the server and the network are alive'));
  }, periodMs);
  wire.stream.on('error', lost).on('close', lost).on('end', lost);
  signal?.addEventListener('abort', aborted);
  if (tap) tap.take = (chunk, end) => inlet.execute(chunk, end);
  wire.packetParser = inlet;
  wire.stream.write(request);
  try {
    return await inlet.outcome;
  } finally {
    clearInterval(look);
    signal?.removeEventListener('abort', aborted);
    if (tap) tap.take = () => {};
    wire.packetParser = { execute: () => {} };
  }
}

/** Where the socket's chunks come in. */
class Inlet {
  received = 0;
  readonly outcome: Promise<Outcome>;
  private readonly stream: Duplex;
  private readonly splitter: PacketSplitter;
  private readonly reader: EventSink;
  private readonly enough: () => boolean;
  private readonly onBytes: StreamOptions['onBytes'];
  private readonly resolve: (outcome: Outcome) => void;
  readonly fail: (cause: unknown) => void;
  /** since it was last asked */
  private heard = true;
  private askedMs = 0;
  private quietMs = 0;
  private busy = false;
  private lost: DrillError | null = null;

  /** `enough`: nothing more is wanted */
  constructor(wire: Wire, reader: EventSink, enough: () => boolean, onBytes: StreamOptions['onBytes']) {
    const events = new Assembler(reader);
    this.splitter = new PacketSplitter((buf, start, end, first, last) => events.part(buf, start, end, first, last));
    this.stream = wire.stream;
    this.reader = reader;
    this.enough = enough;
    this.onBytes = onBytes;
    ({ promise: this.outcome, resolve: this.resolve, reject: this.fail } = Promise.withResolvers<Outcome>());
  }

  /**
   * How long the server has been silent, asked every `periodMs`; 0 while it is us who do not listen. When the asking comes late, this process was held up (a
   * blocking write to a reader that rests), and what the server sent meanwhile may lie unread: no more than twice the period counts.
   */
  silentMs(periodMs: number): number {
    const nowMs = performance.now();
    if (this.heard || this.busy) this.quietMs = 0;
    else this.quietMs += Math.min(nowMs - this.askedMs, 2 * periodMs);
    this.heard = false;
    this.askedMs = nowMs;
    return this.quietMs;
  }

  execute(data: Uint8Array, end = data.length): void {
    this.heard = true;
    this.received += end;
    try {
      this.reader.beginPackets(data, end);
      const taken = this.splitter.take(data, end);
      const shown = this.onBytes?.(end);
      if (taken === undefined && shown === undefined) this.rest();
      else {
        this.busy = true;
        this.stream.pause();
        Promise.all([taken, shown]).then(() => this.rested(), this.fail);
      }
    } catch (cause) {
      this.fail(cause);
    }
  }

  private rested(): void {
    this.busy = false;
    this.heard = true;
    this.stream.resume();
    this.rest();
  }

  private rest(): void {
    if (this.enough()) this.resolve({ kind: 'eof' });
    else if (this.splitter.outcome) this.resolve(this.splitter.outcome);
    else if (this.lost) this.fail(this.lost);
  }

  /** The connection is gone: told when all that had come is taken. */
  lose(cause: DrillError): void {
    this.lost ??= cause;
    if (!this.busy) this.rest();
  }
}
