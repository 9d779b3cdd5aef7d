/** Binary logs made by hand: events with right lengths, positions and checksums, as MySQL 9.7 writes them, and ways to break them. */
import { crc32, zstdCompressSync } from 'node:zlib';
import { EVENT, FLAG } from '../../core/binlog/codes.ts';

export const UUID = '00112233-4455-6677-8899-aabbccddeeff';
const SERVER_VERSION = '9.7.4';
/** of the types 1 to 42, as 9.7.4 writes them */
const POST_HEADERS = [0, 13, 0, 8, 0, 0, 0, 0, 4, 0, 4, 0, 0, 0, 98, 0, 4, 26, 8, 0, 0, 0, 8, 8, 8, 2, 0, 0, 0, 10, 10, 10, 42, 42, 0, 18, 52, 0, 10, 40, 0, 0];
POST_HEADERS[EVENT.FORMAT_DESCRIPTION - 1] = 57 + POST_HEADERS.length;
/** of MariaDB's types 1 to 171 */
const MARIA_POST_HEADERS = Array.from({ length: 171 }, (_, i) => POST_HEADERS[i] ?? 0);
MARIA_POST_HEADERS[EVENT.FORMAT_DESCRIPTION - 1] = 57 + 171;

export interface EventOptions {
  flags?: number;
  seconds?: number;
  serverId?: number;
  /** instead of the right one */
  logPos?: number;
}

export interface FormatOptions {
  checksums?: boolean;
  flags?: number;
  maria?: boolean;
  version?: string;
  binlogVersion?: number;
  createdAt?: number;
}

const u16 = (n: number): number[] => [n & 255, (n >>> 8) & 255];
const u32 = (n: number): number[] => [n & 255, (n >>> 8) & 255, (n >>> 16) & 255, (n >>> 24) & 255];
const u64 = (n: number): number[] => [...u32(n % 2 ** 32), ...u32(Math.floor(n / 2 ** 32))];
const packed = (n: number): number[] => (n < 251 ? [n] : n < 65536 ? [252, ...u16(n)] : [254, ...u64(n)]);

/** Type, length and value of a payload's field. */
const payloadField = (type: number, value: number): number[] => [type, ...packed(packed(value).length), ...packed(value)];

/** One file (or the inside of a payload), event after event. */
export class LogBytes {
  readonly parts: Buffer[] = [];
  /** beginning of each event */
  readonly offsets: number[] = [];
  length = 0;
  private checksums = false;
  private readonly magic: boolean;
  private sequence = 0;

  constructor(magic = true) {
    this.magic = magic;
    if (magic) this.add(Buffer.from([0xfe, 0x62, 0x69, 0x6e]));
  }

  private add(bytes: Buffer): void {
    this.parts.push(bytes);
    this.length += bytes.length;
  }

  bytes(): Buffer {
    return Buffer.concat(this.parts);
  }

  event(type: number, body: ArrayLike<number>, options: EventOptions = {}, checksums = this.checksums): this {
    const length = 19 + body.length + (checksums ? 4 : 0);
    const flags = options.flags ?? 0;
    const head = (f: number) => [
      ...u32(options.seconds ?? 1_700_000_000),
      type,
      ...u32(options.serverId ?? 1),
      ...u32(length),
      ...u32(options.logPos ?? (this.magic ? this.length + length : 0)),
      ...u16(f),
    ];
    const bytes = Buffer.alloc(length);
    bytes.set(head(type === EVENT.FORMAT_DESCRIPTION ? flags & ~FLAG.IN_USE : flags));
    bytes.set(body, 19);
    if (checksums) bytes.writeUInt32LE(crc32(bytes.subarray(0, length - 4)), length - 4);
    bytes.set(head(flags));
    this.offsets.push(this.length);
    this.add(bytes);
    return this;
  }

  format(options: FormatOptions = {}): this {
    this.checksums = options.checksums ?? true;
    const version = Buffer.alloc(50);
    version.write(options.version ?? (options.maria ? '10.11.19-MariaDB-log' : SERVER_VERSION));
    const types = options.maria ? MARIA_POST_HEADERS : POST_HEADERS;
    const body = [...u16(options.binlogVersion ?? 4), ...version, ...u32(options.createdAt ?? 0), 19, ...types, this.checksums ? 1 : 0];
    return this.event(EVENT.FORMAT_DESCRIPTION, body, { flags: options.flags ?? 0 }, true);
  }

  previousGtids(): this {
    return this.event(EVENT.PREVIOUS_GTIDS, u64(0));
  }

  /** `sequence` instead of the next one; `bytes` of the whole transaction, where it is to say that */
  gtid(gno: number, options: EventOptions & { sequence?: number; anonymous?: boolean; bytes?: number } = {}): this {
    this.sequence = options.sequence ?? this.sequence + 1;
    const uuid = Buffer.from(UUID.replaceAll('-', ''), 'hex');
    const clock = [2, ...u64(Math.max(0, this.sequence - 1)), ...u64(this.sequence)];
    const body = [
      1,
      ...uuid,
      ...u64(options.anonymous ? 0 : gno),
      ...clock,
      ...u64(1_700_000_000_000_000).slice(0, 7),
      ...(options.bytes === undefined ? [] : packed(options.bytes)),
    ];
    return this.event(options.anonymous ? EVENT.ANONYMOUS_GTID : EVENT.GTID, body, options);
  }

  mariaGtid(seq: number, flags = 0, options: EventOptions = {}): this {
    return this.event(EVENT.MARIA_GTID, [...u64(seq), ...u32(0), flags, 0, 0, 0, 0, 0, 0], options);
  }

  query(text: string, options: EventOptions = {}): this {
    const schema = 'test';
    const body = [...u32(7), ...u32(0), schema.length, ...u16(0), ...u16(0), ...Buffer.from(schema), 0, ...Buffer.from(text)];
    return this.event(EVENT.QUERY, body, options);
  }

  /** test.t (INT NOT NULL, VARCHAR(65000)) */
  tableMap(id = 100, options: EventOptions = {}): this {
    const body = [...u32(id), 0, 0, 1, 0, 4, ...Buffer.from('test'), 0, 1, 0x74, 0, 2, 3, 15, 2, ...u16(65_000), 0b10];
    return this.event(EVENT.TABLE_MAP, body, options);
  }

  /** Inserts (n, text) into test.t. */
  rows(values: readonly (readonly [number, string])[], id = 100, options: EventOptions = {}): this {
    const images = values.flatMap(([n, text]) => [0, ...u32(n), ...u16(text.length), ...Buffer.from(text, 'latin1')]);
    return this.event(EVENT.WRITE_ROWS, [...u32(id), 0, 0, ...u16(1), ...u16(2), 2, 0xff, ...images], options);
  }

  xid(n: number, options: EventOptions = {}): this {
    return this.event(EVENT.XID, u64(n), options);
  }

  rotate(next: string, options: EventOptions = {}): this {
    return this.event(EVENT.ROTATE, [...u64(4), ...Buffer.from(next)], options);
  }

  stop(): this {
    return this.event(EVENT.STOP, []);
  }

  /** A whole transaction that inserts one row. */
  transaction(gno: number, text = `row ${gno}`): this {
    return this.gtid(gno)
      .query('BEGIN')
      .tableMap()
      .rows([[gno, text]])
      .xid(gno + 1000);
  }

  /** What `inside` holds, as a TRANSACTION_PAYLOAD. */
  payload(inside: LogBytes, how: { size?: number; none?: boolean; frame?: Buffer } = {}): this {
    const raw = inside.bytes();
    const data = how.frame ?? (how.none ? raw : zstdCompressSync(raw));
    const head = [...payloadField(2, how.none ? 255 : 0), ...payloadField(3, how.size ?? raw.length), ...payloadField(1, data.length), 0];
    return this.event(EVENT.TRANSACTION_PAYLOAD, Buffer.concat([Buffer.from(head), data]));
  }
}
