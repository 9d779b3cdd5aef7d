/**
 * Bodies of the events that are not rows. `start` and `end` bound the body: behind the common header, before the checksum.
 * Every function throws BinlogDamage where a length runs past `end`; no function reads beyond it.
 */
import { CHECKSUM_BYTES, EVENT, FLAG, HEADER_BYTES } from './codes.ts';
import { BinlogDamage } from './finding.ts';
import { latin1Of, nameOf, utf8OrLatin1 } from './query-text.ts';
import type { Format } from './visitor.ts';
import { need, safe, u16, u32, u64, u64Big, VarintReader } from './wire.ts';

export { parseGtid, parsePreviousGtids, parseTaggedGtid } from './gtid-event.ts';
export { compressedPart, parseGtidList, parseMariaGtid } from './events-mariadb.ts';
export type { MariaGroup } from './events-mariadb.ts';
export { isDdl, parseLoadQuery, parseQuery, queryKind, statementKind, statementStart } from './query.ts';
export type { Query, QueryKind } from './query.ts';
export { branchOfStatement, parseXaPrepare } from './xa.ts';

const varint = new VarintReader();

/** version 2, server version 50, created 4, header length 1 */
const FORMAT_FIXED_BYTES = 57;
const SERVER_VERSION_BYTES = 50;
/** MariaDB's own events begin at 160; MySQL counts to 42 */
const MARIADB_TYPES_MIN = 160;
const CHECKSUM_CRC32 = 1;

/**
 * The whole event with its header and, if it has one, its checksum. Since 5.6.1 (MariaDB 5.3) the event ends with the checksum algorithm of the file and a
 * checksum of its own, whatever the algorithm; how many bytes it would have without them, it says itself in its own post-header length.
 */
export function parseFormat(buf: Uint8Array, start: number, end: number): Format {
  const body = start + HEADER_BYTES;
  need(body, FORMAT_FIXED_BYTES, end, 'a format description');
  const binlogVersion = u16(buf, body);
  if (binlogVersion !== 4) throw new BinlogDamage('format', `binary log version ${binlogVersion}: only 4 (since MySQL 5.0) is read`);
  const headerLength = buf[body + FORMAT_FIXED_BYTES - 1]!;
  if (headerLength !== HEADER_BYTES) throw new BinlogDamage('format', `events have headers of ${headerLength} bytes; 19 are known`);
  const types = typesOf(buf, body, end);
  const typesEnd = body + FORMAT_FIXED_BYTES + types;
  const serverVersion = latin1Of(buf, body + 2, body + 2 + SERVER_VERSION_BYTES).replace(/\0.*$/s, '');
  const algorithm = end === typesEnd ? 0 : buf[typesEnd]!;
  if (algorithm > CHECKSUM_CRC32) throw new BinlogDamage('format', `checksum algorithm ${algorithm}; 0 (none) and 1 (CRC32) are known`);
  const flags = u16(buf, start + 17);
  return {
    flavour: types >= MARIADB_TYPES_MIN || /mariadb/i.test(serverVersion) ? 'mariadb' : 'mysql',
    binlogVersion,
    serverVersion,
    createdAt: u32(buf, body + 2 + SERVER_VERSION_BYTES),
    headerLength,
    postHeaderLengths: new Uint8Array(buf.subarray(body + FORMAT_FIXED_BYTES, typesEnd)),
    checksums: algorithm === CHECKSUM_CRC32,
    inUse: (flags & FLAG.IN_USE) !== 0,
    relay: (flags & FLAG.RELAY_LOG) !== 0,
    serverId: u32(buf, start + 5),
  };
}

/** How many event types it knows: what is left behind the fixed part, without the algorithm and the checksum where it has them. */
function typesOf(buf: Uint8Array, body: number, end: number): number {
  const rest = end - body - FORMAT_FIXED_BYTES;
  // the format description's own post-header length is the fixed part and one byte for each type
  const own = rest >= EVENT.FORMAT_DESCRIPTION ? (buf[body + FORMAT_FIXED_BYTES + EVENT.FORMAT_DESCRIPTION - 1]! - FORMAT_FIXED_BYTES) & 0xff : -1;
  for (const types of [rest - 1 - CHECKSUM_BYTES, rest]) if (types >= EVENT.FORMAT_DESCRIPTION && types === own) return types;
  throw new BinlogDamage('format', `a format description of ${end - body} bytes does not say how many event types it knows`);
}

/** XID (16): 8 bytes. */
export function parseXid(buf: Uint8Array, start: number, end: number): bigint {
  need(start, 8, end, 'an XID event');
  return u64Big(buf, start);
}

/** ROTATE (4): position 8, and the name of the next file. */
export function parseRotate(buf: Uint8Array, start: number, end: number): { next: string; position: number } {
  need(start, 8, end, 'a ROTATE event');
  return { next: nameOf(buf, start + 8, end), position: safe(u64(buf, start), 'the position of a ROTATE event') };
}

/** INCIDENT (26): code 2, message length 1, message. */
export function parseIncident(buf: Uint8Array, start: number, end: number): { code: number; text: string } {
  need(start, 2, end, 'an INCIDENT event');
  const code = u16(buf, start);
  if (start + 2 === end) return { code, text: '' };
  const bytes = buf[start + 2]!;
  need(start + 3, bytes, end, 'the message of an INCIDENT event');
  return { code, text: utf8OrLatin1(buf, start + 3, start + 3 + bytes).text };
}

/** HEARTBEAT (27: the file name; position from the header's log_pos given by the caller) and HEARTBEAT_V2 (41: type, length and value each, until type 0). */
export function parseHeartbeat(buf: Uint8Array, start: number, end: number, v2: boolean): { file: string; position: number | null } {
  if (!v2) return { file: nameOf(buf, start, end), position: null };
  let file = '';
  let position: number | null = null;
  varint.open(buf, start, end);
  while (varint.pos < end) {
    const type = varint.packed('a field of a heartbeat');
    if (type === 0) break;
    const bytes = varint.packed('the length of a field of a heartbeat');
    const at = varint.pos;
    need(at, bytes, end, 'a field of a heartbeat');
    if (type === 1) file = nameOf(buf, at, at + bytes);
    else if (type === 2) position = varint.packed('the position of a heartbeat');
    varint.pos = at + bytes;
  }
  return { file, position };
}

/** ROWS_QUERY (a length byte that is too small for long texts and so ignored, then the text) and MariaDB's ANNOTATE_ROWS (the text). */
export function parseRowsQuery(buf: Uint8Array, start: number, end: number, annotate: boolean): string {
  if (annotate) return utf8OrLatin1(buf, start, end).text;
  need(start, 1, end, 'a ROWS_QUERY event');
  return utf8OrLatin1(buf, start + 1, end).text;
}

/** Enough of a TRANSACTION_PAYLOAD for parsePayloadHead: three fields of at most 1 + 1 + 9 bytes and the end mark. */
export const PAYLOAD_HEAD_BYTES_MAX = 64;
const PAYLOAD_FIELD = { END: 0, PAYLOAD_SIZE: 1, COMPRESSION: 2, UNCOMPRESSED_SIZE: 3 } as const;
const COMPRESSION = { ZSTD: 0, NONE: 255 } as const;

/**
 * TRANSACTION_PAYLOAD (40): fields of type, length and value (all packed integers) until type 0, then the data. `end` may lie before the data's end:
 * the fields are all that is read; `size` uncompressed. Source: mysql::binlog::event::codecs::binary::Transaction_payload.
 */
export function parsePayloadHead(
  buf: Uint8Array,
  start: number,
  end: number,
): { compression: 'zstd' | 'none'; size: number; dataStart: number; dataLength: number } {
  let compression = -1;
  let size = -1;
  let dataLength = -1;
  varint.open(buf, start, end);
  for (;;) {
    const type = varint.packed('a field of a payload');
    if (type === PAYLOAD_FIELD.END) break;
    const bytes = varint.packed('the length of a field of a payload');
    const at = varint.pos;
    need(at, bytes, end, 'a field of a payload');
    if (type === PAYLOAD_FIELD.PAYLOAD_SIZE) dataLength = varint.packed('the size of a payload');
    else if (type === PAYLOAD_FIELD.COMPRESSION) compression = varint.packed('the compression of a payload');
    else if (type === PAYLOAD_FIELD.UNCOMPRESSED_SIZE) size = varint.packed('the uncompressed size of a payload');
    if (type <= PAYLOAD_FIELD.UNCOMPRESSED_SIZE && varint.pos !== at + bytes)
      throw new BinlogDamage('structure', 'a field of a payload is not as long as it says');
    varint.pos = at + bytes;
  }
  if (dataLength === -1 || compression === -1) throw new BinlogDamage('structure', 'a payload does not say its size and its compression');
  if (compression !== COMPRESSION.ZSTD && compression !== COMPRESSION.NONE)
    throw new BinlogDamage('format', `a payload is compressed with algorithm ${compression}; 0 (zstd) and 255 (none) are known`);
  const zstd = compression === COMPRESSION.ZSTD;
  if (size === -1 && zstd) throw new BinlogDamage('structure', 'a compressed payload does not say its uncompressed size');
  if (!zstd && size !== -1 && size !== dataLength)
    throw new BinlogDamage('structure', `a payload that is not compressed has ${dataLength} bytes and says ${size}`);
  return { compression: zstd ? 'zstd' : 'none', size: zstd ? size : dataLength, dataStart: varint.pos, dataLength };
}

const ZSTD_MAGIC = 0xfd2fb528;

/** Window size and content size (null: not in the header) of a zstd frame, from its first 18 bytes (RFC 8878, 3.1.1.1). Throws BinlogDamage when it is no frame. */
export function zstdHead(buf: Uint8Array, start: number, end: number): { windowBytes: number; contentBytes: number | null } {
  need(start, 5, end, 'a zstd frame');
  if (u32(buf, start) !== ZSTD_MAGIC) throw new BinlogDamage('compression', 'a zstd payload does not begin as a zstd frame');
  const descriptor = buf[start + 4]!;
  const single = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x08) !== 0) throw new BinlogDamage('compression', 'a zstd frame has its reserved bit set');
  const sizeFlag = descriptor >> 6;
  const sizeBytes = sizeFlag === 0 ? (single ? 1 : 0) : 1 << sizeFlag;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
  let pos = start + 5;
  need(pos, (single ? 0 : 1) + dictionaryBytes + sizeBytes, end, 'the header of a zstd frame');
  const window = single ? 0 : buf[pos++]!;
  pos += dictionaryBytes;
  let contentBytes: number | null = null;
  if (sizeBytes === 1) contentBytes = buf[pos]!;
  else if (sizeBytes === 2) contentBytes = u16(buf, pos) + 256;
  else if (sizeBytes === 4) contentBytes = u32(buf, pos);
  else if (sizeBytes === 8) contentBytes = safe(u64(buf, pos), 'the content size of a zstd frame');
  const base = 2 ** (10 + (window >> 3));
  return { windowBytes: single ? contentBytes! : base + (base / 8) * (window & 7), contentBytes };
}
