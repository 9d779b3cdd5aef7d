/** GTID events of MySQL: GTID and ANONYMOUS_GTID (33, 34), GTID_TAGGED (42), PREVIOUS_GTIDS (35). Source: libs/mysql/binlog/event/control_events.{h,cpp}. */
import { isDrillError } from '../errors.ts';
import { GtidSet } from '../gtid.ts';
import { BinlogDamage } from './finding.ts';
import type { TxHeadState } from './tx.ts';
import { need, safe, u16, u32, u64, VarintReader } from './wire.ts';

const GTID_BYTES_MIN = 25;
const LOGICAL_CLOCK = 2;
const varint = new VarintReader();

/**
 * GTID and ANONYMOUS_GTID (33, 34), fills `tx` without allocating on the usual path.
 * flags 1, uuid 16, number 8; since 5.7 type code 1 (= 2), last_committed 8, sequence_number 8; since 8.0 the optional tail.
 */
export function parseGtid(buf: Uint8Array, start: number, end: number, anonymous: boolean, tx: TxHeadState): void {
  need(start, GTID_BYTES_MIN, end, 'a GTID event');
  tx.reset(anonymous ? 'anonymous' : 'gtid');
  tx.setUuid(buf, start + 1);
  if (!anonymous) tx.gno = numberOf(u64(buf, start + 17));
  const pos = start + GTID_BYTES_MIN;
  if (pos === end || buf[pos] !== LOGICAL_CLOCK) return;
  need(pos, 17, end, 'the logical clock of a GTID event');
  tx.lastCommitted = safe(u64(buf, pos + 1), 'last_committed');
  tx.sequenceNumber = safe(u64(buf, pos + 9), 'sequence_number');
  if (pos + 17 < end) parseTail(buf, pos + 17, end, tx);
}

/**
 * Since 8.0.1 commit timestamps, 7 bytes each: the top bit of the first says that the second follows, else they are equal. Since 8.0.2 the transaction's length
 * as a packed integer. Since 8.0.14 server versions, 4 bytes each, with a top bit of the same meaning; since 8.0.28 a commit group ticket, 8 bytes. Each needs those before it.
 */
function parseTail(buf: Uint8Array, start: number, end: number, tx: TxHeadState): void {
  need(start, 7, end, 'the commit timestamp of a GTID event');
  tx.immediateCommitUs = u55(buf, start);
  tx.originalCommitUs = tx.immediateCommitUs;
  let pos = start + 7;
  if ((buf[start + 6]! & 0x80) !== 0) {
    need(pos, 7, end, 'the original commit timestamp of a GTID event');
    tx.originalCommitUs = u55(buf, pos);
    pos += 7;
  }
  if (pos === end) return;
  varint.open(buf, pos, end);
  tx.transactionBytes = varint.packed('the transaction length of a GTID event');
  pos = varint.pos;
  if (pos === end) return;
  need(pos, 4, end, 'the server version of a GTID event');
  if ((buf[pos + 3]! & 0x80) !== 0) need(pos, 8, end, 'the original server version of a GTID event');
}

const u55 = (buf: Uint8Array, pos: number): number => u32(buf, pos) + (u16(buf, pos + 4) + (buf[pos + 6]! & 0x7f) * 0x10000) * 0x1_0000_0000;

function numberOf(gno: number): number {
  if (gno === 0) throw new BinlogDamage('structure', 'a GTID has the number 0');
  return safe(gno, 'the number of a GTID');
}

const FIELD = {
  FLAGS: 0,
  UUID: 1,
  NUMBER: 2,
  TAG: 3,
  LAST_COMMITTED: 4,
  SEQUENCE_NUMBER: 5,
  IMMEDIATE_COMMIT: 6,
  ORIGINAL_COMMIT: 7,
  TRANSACTION_LENGTH: 8,
  IMMEDIATE_VERSION: 9,
  ORIGINAL_VERSION: 10,
  GROUP_TICKET: 11,
} as const;

/**
 * GTID_TAGGED (42): a message of mysql::serialization: format version, bytes of the whole message, last field that a reader must know, then fields in rising order,
 * each its number and its value. Optional fields are left out.
 */
export function parseTaggedGtid(buf: Uint8Array, start: number, end: number, tx: TxHeadState): void {
  varint.open(buf, start, end);
  const version = varint.unsigned('the version of a tagged GTID event');
  if (version !== 1) throw new BinlogDamage('format', `a tagged GTID event is in serialization format ${version}; 1 is known`);
  const bytes = varint.unsigned('the size of a tagged GTID event');
  if (bytes > end - start) throw new BinlogDamage('structure', `a tagged GTID event says that it has ${bytes} bytes, and has ${end - start}`);
  const last = varint.unsigned('the field limit of a tagged GTID event');
  if (last > FIELD.GROUP_TICKET) throw new BinlogDamage('format', `a tagged GTID event has the field ${last}, which is not known and must be`);
  tx.reset('tagged');
  let seen = -1;
  let required = 0;
  const messageEnd = start + bytes;
  varint.open(buf, varint.pos, messageEnd);
  while (varint.pos < messageEnd) {
    const field = varint.unsigned('a field of a tagged GTID event');
    if (field > FIELD.GROUP_TICKET) break;
    if (field <= seen) throw new BinlogDamage('structure', `field ${field} of a tagged GTID event comes after ${seen}`);
    seen = field;
    if (field >= FIELD.UUID && field <= FIELD.TAG) required++;
    readField(field, buf, messageEnd, tx);
  }
  if (required !== 3) throw new BinlogDamage('structure', 'a tagged GTID event has not all of UUID, number and tag');
  // the server leaves it out where it equals the immediate one
  if (tx.originalCommitUs === 0) tx.originalCommitUs = tx.immediateCommitUs;
}

const uuidBytes = new Uint8Array(16);

function readField(field: number, buf: Uint8Array, end: number, tx: TxHeadState): void {
  switch (field) {
    case FIELD.UUID:
      varint.bytes(uuidBytes, 'the UUID of a tagged GTID event');
      return tx.setUuid(uuidBytes, 0);
    case FIELD.NUMBER:
      tx.gno = numberOf(varint.signed('the number of a GTID'));
      return;
    case FIELD.TAG: {
      const length = tagLength(buf, end);
      tx.setTag(buf, varint.pos, length);
      varint.pos += length;
      return;
    }
    case FIELD.LAST_COMMITTED:
      tx.lastCommitted = varint.signed('last_committed');
      return;
    case FIELD.SEQUENCE_NUMBER:
      tx.sequenceNumber = varint.signed('sequence_number');
      return;
    case FIELD.IMMEDIATE_COMMIT:
      tx.immediateCommitUs = varint.unsigned('a commit timestamp');
      return;
    case FIELD.ORIGINAL_COMMIT:
      tx.originalCommitUs = varint.unsigned('a commit timestamp');
      return;
    case FIELD.TRANSACTION_LENGTH:
      tx.transactionBytes = varint.unsigned('a transaction length');
      return;
    default:
      varint.skip('a field of a tagged GTID event');
  }
}

/** Of the tag whose length stands at varint.pos; its characters are checked, and varint.pos is then their beginning. */
function tagLength(buf: Uint8Array, end: number): number {
  const length = varint.unsigned('the length of a tag');
  if (length > 32) throw new BinlogDamage('structure', `a tag of ${length} bytes; 32 is the most`);
  need(varint.pos, length, end, 'a tag');
  for (let i = 0; i < length; i++) {
    const c = buf[varint.pos + i]!;
    const letter = (c >= 0x61 && c <= 0x7a) || c === 0x5f;
    const digit = c >= 0x30 && c <= 0x39;
    if (!letter && !(digit && i > 0)) throw new BinlogDamage('structure', 'a tag has a character that none can have');
  }
  return length;
}

/** PREVIOUS_GTIDS (35): the encoding that GtidSet.fromBytes reads. */
export function parsePreviousGtids(buf: Uint8Array, start: number, end: number): GtidSet {
  try {
    return GtidSet.fromBytes(buf, start, end);
  } catch (e) {
    if (!isDrillError(e)) throw e;
    throw new BinlogDamage(e.code === 'DRILL_GTID_TOO_LARGE' ? 'format' : 'structure', e.message);
  }
}
