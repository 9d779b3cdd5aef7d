/**
 * The binary form of GTID sets: PREVIOUS_GTIDS and COM_BINLOG_DUMP_GTID. How many sources 8, then each: UUID 16, tag (tagged form only), how many intervals 8,
 * and the intervals, start 8 and end 8, half-open, rising and never adjacent. The tagged form (since 8.3) has 1 in the first and the last byte of the first eight,
 * the count between them, and a tag as its length doubled and its characters. Source: Gtid_set::encode in sql/rpl_gtid_set.cc.
 */
import { DrillError } from './errors.ts';
import type { GtidInterval, GtidSource } from './gtid.ts';

const TAG_BYTES_MAX = 32;
const TAG = /^[a-z_][a-z0-9_]*$/;
/** A source without a tag and without intervals. */
const SOURCE_BYTES_MIN = 24;

export function gtidTooLarge(what: string): DrillError {
  return new DrillError(
    'DRILL_GTID_TOO_LARGE',
    `the GTID number ${what} is above 2^53 - 1: such numbers are not handled`,
    'no server that counts from 1 gets there; look where it comes from',
  );
}

const malformed = (why: string): DrillError => new DrillError('DRILL_GTID_INVALID', `a GTID set in binary form is damaged: ${why}`);

export function decodeGtidSet(buf: Uint8Array, start: number, end: number): Map<GtidSource, GtidInterval[]> {
  const found = new Map<GtidSource, GtidInterval[]>();
  if (end - start < 8) throw malformed(`${end - start} bytes`);
  const data = new DataView(buf.buffer, buf.byteOffset + start, end - start);
  const format = data.getUint8(7);
  if (format > 1) throw malformed(`its format is ${format}; 0 and 1 (tagged) are known`);
  const head = data.getBigUint64(0, true);
  const sources = Number(format === 1 ? (head >> 8n) & 0xffff_ffff_ffffn : head);
  if (format === 1 && data.getUint8(0) !== 1) throw malformed('its two format bytes are not equal');
  if (sources > (end - start - 8) / SOURCE_BYTES_MIN) throw malformed(`${sources} sources in ${end - start} bytes`);
  let pos = 8;
  for (let i = 0; i < sources; i++) pos = decodeSource(data, pos, format === 1, found);
  if (pos !== data.byteLength) throw malformed(`${data.byteLength - pos} bytes are left over`);
  return found;
}

function decodeSource(data: DataView, start: number, tagged: boolean, found: Map<GtidSource, GtidInterval[]>): number {
  let pos = start + 16;
  if (pos + 8 > data.byteLength) throw malformed('it ends inside a source');
  let source = uuidText(new Uint8Array(data.buffer, data.byteOffset + start, 16), 0);
  if (tagged) {
    const bytes = data.getUint8(pos++) / 2;
    if (!Number.isInteger(bytes) || bytes > TAG_BYTES_MAX || pos + bytes + 8 > data.byteLength) throw malformed('the length of a tag is impossible');
    const tag = String.fromCharCode(...new Uint8Array(data.buffer, data.byteOffset + pos, bytes));
    if (bytes > 0 && !TAG.test(tag)) throw malformed('a tag has a character that none can have');
    if (bytes > 0) source += `:${tag}`;
    pos += bytes;
  }
  const intervals = Number(data.getBigUint64(pos, true));
  pos += 8;
  if (intervals > (data.byteLength - pos) / 16) throw malformed(`${intervals} intervals in ${data.byteLength - pos} bytes`);
  const list = found.get(source) ?? [];
  found.set(source, list);
  let last = 0;
  for (let i = 0; i < intervals; i++, pos += 16) {
    const [from, to] = [numberAt(data, pos), numberAt(data, pos + 8)];
    if (from <= last || to <= from) throw malformed(`the interval [${from}, ${to}) after ${last}`);
    list.push([from, to]);
    last = to;
  }
  if (list.length === 0) found.delete(source);
  return pos;
}

/** An end is one above a number and may be 2^53. */
function numberAt(data: DataView, pos: number): number {
  const n = data.getBigUint64(pos, true);
  if (n > 1n << 53n) throw gtidTooLarge(String(n));
  return Number(n);
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** The 16 bytes from `at` as 8-4-4-4-12 hexadecimal digits. */
export function uuidText(buf: Uint8Array, at: number): string {
  let text = '';
  for (let i = 0; i < 16; i++) text += (i === 4 || i === 6 || i === 8 || i === 10 ? '-' : '') + HEX[buf[at + i]!]!;
  return text;
}

export function uuidBytes(text: string): Uint8Array {
  const hex = text.replaceAll('-', '');
  return Uint8Array.from({ length: 16 }, (_, i) => parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}

/** `sources` sorted by UUID, then tag. */
export function encodeGtidSet(sources: readonly (readonly [GtidSource, readonly GtidInterval[]])[]): Uint8Array {
  const tagged = sources.some(([source]) => source.length > 36);
  const bytes = sources.reduce((sum, [source, list]) => sum + SOURCE_BYTES_MIN + (tagged ? 1 + tagOf(source).length : 0) + 16 * list.length, 8);
  const buf = new Uint8Array(bytes);
  const data = new DataView(buf.buffer);
  const count = BigInt(sources.length);
  data.setBigUint64(0, tagged ? (1n << 56n) | (count << 8n) | 1n : count, true);
  let pos = 8;
  for (const [source, list] of sources) {
    buf.set(uuidBytes(source.slice(0, 36)), pos);
    pos += 16;
    if (tagged) {
      const tag = tagOf(source);
      buf[pos++] = tag.length * 2;
      for (let i = 0; i < tag.length; i++) buf[pos++] = tag.charCodeAt(i);
    }
    data.setBigUint64(pos, BigInt(list.length), true);
    pos += 8;
    for (const bound of list.flat()) {
      data.setBigUint64(pos, BigInt(bound), true);
      pos += 8;
    }
  }
  return buf;
}

const tagOf = (source: GtidSource): string => source.slice(37);
