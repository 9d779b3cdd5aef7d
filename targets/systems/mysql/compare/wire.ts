/**
 * The result of a query as the bytes that come over the wire: rows of the text protocol, not parsed. mysql2 connects, authenticates and encrypts; for the time of
 * one result its connection's bytes are ours. Source of the format: MySQL's client/server protocol, COM_QUERY text result set, without CLIENT_DEPRECATE_EOF.
 */
import type { Duplex } from 'node:stream';
import type { Connection } from 'mysql2/promise';
import { DrillError } from '../../../../core/errors.ts';
import { TappedSocket } from '../binlog/socket.ts';
import { connect, parseDsn } from '../dsn.ts';
import type { Endpoint } from '../dsn.ts';

/** What of mysql2's connection is used (lib/base/connection.js). */
interface Wire {
  stream: Duplex;
  packetParser: { execute(data: Uint8Array): void };
  config: { clientFlags: number };
  serverCapabilityFlags: number;
}

export interface WireNode {
  name: string;
  endpoint: Endpoint;
  connection: Connection;
  /** null under TLS, whose socket hands out buffers of its own */
  tap: TappedSocket | null;
}

/** A connection whose queries mysql2 or a RowFeed can read, one at a time. Throws DRILL_NODE_DOWN. */
export async function openWire(name: string, dsn: string): Promise<WireNode> {
  const endpoint = parseDsn(dsn);
  const tap = endpoint.tls ? null : new TappedSocket();
  const connection = await connect(endpoint, tap ? () => tap.open(endpoint) : undefined);
  // an IN list of any length is a list of ranges
  await connection.query('SET SESSION range_optimizer_max_mem_size = 0').catch(() => {});
  return { name, endpoint, connection, tap };
}

const COM_QUERY = 0x03;
const CLIENT_QUERY_ATTRIBUTES = 0x0800_0000;
const LENGTH_MAX = 0xff_ff_ff;
const EOF = 0xfe;
const ERR = 0xff;
/** An EOF packet is shorter than this; a row that begins with 0xfe has a value of 2^24 bytes and more. */
const EOF_BYTES_MAX = 9;
const NOTHING = new Uint8Array(0);

export const unreadable = (name: string, why: string): DrillError =>
  new DrillError('DRILL_ROWS_UNREADABLE', `${name}: ${why}`, 'the table must exist, with the same columns, on every node');

/** ERR_Packet from its 0xff on: code 2, then `#` and the SQL state 5, then the text. */
export function errorText(payload: Uint8Array): string {
  const code = payload.length < 3 ? 0 : payload[1]! | (payload[2]! << 8);
  return `${new TextDecoder().decode(payload.subarray(payload[3] === 0x23 ? 9 : 3))} (${code})`;
}

/** Whether a message of a result begins an EOF packet. */
export const isEof = (first: number, length: number): boolean => first === EOF && length < EOF_BYTES_MAX;
export const isErr = (first: number): boolean => first === ERR;

/**
 * One result. Its bytes are chunk[pos, end): who reads moves pos, and calls more() when it is at end. Nothing more is taken from the socket until then, so a
 * server that is quicker than its peer waits. Always end() it.
 */
export class RowFeed {
  chunk: Uint8Array = NOTHING;
  pos = 0;
  end = 0;
  bytes = 0;
  readonly node: WireNode;
  private readonly wire: Wire;
  private readonly parser: Wire['packetParser'];
  private readonly queue: Uint8Array[] = [];
  private failed: Error | null = null;
  private wake: (() => void) | null = null;
  private readonly onLost = (cause?: unknown): void => {
    this.failed ??= unreadable(this.node.name, cause instanceof Error ? cause.message : 'the connection is gone');
    this.wake?.();
  };

  constructor(node: WireNode) {
    this.node = node;
    this.wire = (node.connection as unknown as { connection: Wire }).connection;
    this.parser = this.wire.packetParser;
  }

  /** Sends the query and reads past the columns. Throws DRILL_ROWS_UNREADABLE. */
  async start(sql: string): Promise<void> {
    const { wire, node } = this;
    wire.stream.on('error', this.onLost).on('close', this.onLost).on('end', this.onLost);
    if (node.tap) node.tap.take = (chunk, end) => this.take(chunk, end);
    wire.packetParser = { execute: (data) => this.take(data, data.length) };
    wire.stream.write(queryPackets(sql, (wire.config.clientFlags & wire.serverCapabilityFlags & CLIENT_QUERY_ATTRIBUTES) !== 0));
    const head = new PacketReader(this);
    const first = await head.next();
    if (isErr(first[0]!)) throw unreadable(node.name, errorText(first));
    for (;;) {
      const packet = await head.next();
      if (isErr(packet[0]!)) throw unreadable(node.name, errorText(packet));
      if (isEof(packet[0]!, packet.length)) return;
    }
  }

  private take(chunk: Uint8Array, end: number): void {
    this.bytes += end;
    if (this.pos === this.end && this.queue.length === 0) {
      this.chunk = chunk;
      this.pos = 0;
      this.end = end;
    } else if (this.node.tap) this.failed ??= unreadable(this.node.name, 'its socket gave bytes while it was paused');
    else this.queue.push(chunk);
    this.wire.stream.pause();
    this.wake?.();
  }

  /** Waits for bytes. Only when pos is at end. Throws DRILL_ROWS_UNREADABLE when there will be none. */
  async more(): Promise<void> {
    while (this.pos === this.end || this.failed) {
      if (this.failed) throw this.failed;
      const next = this.queue.shift();
      if (next) {
        this.chunk = next;
        this.pos = 0;
        this.end = next.length;
        return;
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.wake = resolve;
      this.wire.stream.resume();
      await promise;
      this.wake = null;
    }
  }

  /** Gives the connection back to mysql2: after the result's last packet. */
  stop(): void {
    const { wire, node } = this;
    wire.stream.off('error', this.onLost).off('close', this.onLost).off('end', this.onLost);
    if (node.tap) node.tap.take = null;
    wire.packetParser = this.parser;
    wire.stream.resume();
  }

  /** Ends a result that is not wanted any more: the query is killed from a second connection, what was under way is read and dropped. `rows`: behind what was read last. */
  async cancel(rows: PacketReader): Promise<void> {
    const id = (this.node.connection as unknown as { connection: { connectionId: number } }).connection.connectionId;
    const second = await connect(this.node.endpoint);
    try {
      await second.query(`KILL QUERY ${id}`);
    } finally {
      second.destroy();
    }
    for (;;) {
      const first = await rows.skip();
      if (first === EOF || first === ERR) return this.stop();
    }
  }
}

function queryPackets(sql: string, attributes: boolean): Buffer {
  // no attributes in one set
  const body = Buffer.concat([Buffer.from(attributes ? [COM_QUERY, 0, 1] : [COM_QUERY]), Buffer.from(sql)]);
  const parts: Buffer[] = [];
  for (let at = 0, seq = 0; at <= body.length; at += LENGTH_MAX, seq++) {
    const part = body.subarray(at, at + LENGTH_MAX);
    const header = Buffer.alloc(4);
    header.writeUIntLE(part.length, 0, 3);
    header[3] = seq & 0xff;
    parts.push(header, part);
    if (part.length < LENGTH_MAX) break;
  }
  return Buffer.concat(parts);
}

/** Takes messages out of a feed one at a time, copied: where speed does not matter. `carry`: bytes before the feed's that were taken already. */
export class PacketReader {
  /** read so far */
  packets = 0;
  private readonly feed: RowFeed;
  private carry: Uint8Array;

  constructor(feed: RowFeed, carry: Uint8Array = NOTHING) {
    this.feed = feed;
    this.carry = carry;
  }

  /** A message's payload. */
  async next(): Promise<Uint8Array> {
    let whole: Uint8Array | null = null;
    for (;;) {
      const header = await this.read(4);
      const length = header[0]! | (header[1]! << 8) | (header[2]! << 16);
      this.packets++;
      const part = await this.read(length);
      whole = whole === null ? part : Buffer.concat([whole, part]);
      if (length < LENGTH_MAX) return whole;
    }
  }

  /** The same without its bytes: EOF, ERR or 0 for a row. */
  async skip(): Promise<number> {
    const message = await this.next();
    return isEof(message[0]!, message.length) ? EOF : isErr(message[0]!) ? ERR : 0;
  }

  private async read(length: number): Promise<Uint8Array> {
    const out = new Uint8Array(length);
    let have = 0;
    while (have < length) {
      let from = this.carry;
      if (from.length > 0) {
        const n = Math.min(length - have, from.length);
        out.set(from.subarray(0, n), have);
        this.carry = from.subarray(n);
        have += n;
        continue;
      }
      const { feed } = this;
      if (feed.pos === feed.end) await feed.more();
      from = feed.chunk;
      const n = Math.min(length - have, feed.end - feed.pos);
      out.set(from.subarray(feed.pos, feed.pos + n), have);
      feed.pos += n;
      have += n;
    }
    return out;
  }
}
