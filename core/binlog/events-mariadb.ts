/** Bodies of MariaDB's own events. Source: MariaDB's sql/log_event.{h,cc}. */
import { BinlogDamage } from './finding.ts';
import type { MariaGtid } from './maria.ts';
import { branchOf } from './xa.ts';
import type { TxHeadState } from './tx.ts';
import { need, safe, u32, u64 } from './wire.ts';

const FLAG = { STANDALONE: 1, GROUP_COMMIT: 2, DDL: 32, PREPARED_XA: 64, COMPLETED_XA: 128 } as const;
const GTID_BYTES_MIN = 13;
const XA_PART_BYTES_MAX = 64;

export interface MariaGroup {
  /** the next event is the whole transaction */
  standalone: boolean;
  ddl: boolean;
  /** XA PREPARE of `branch` */
  prepared: boolean;
  /** XA COMMIT or XA ROLLBACK of `branch` */
  completed: boolean;
  /** as XA RECOVER's parts; '' without XA */
  branch: string;
}
const group: MariaGroup = { standalone: false, ddl: false, prepared: false, completed: false, branch: '' };

/**
 * MariaDB GTID (162): sequence number 8, domain 4, flags 1, then a commit id of 8 bytes or an XA branch (format 4, lengths 1 and 1, bytes) or padding. The server is the header's.
 * The result is refilled by the next call.
 */
export function parseMariaGtid(buf: Uint8Array, start: number, end: number, tx: TxHeadState): MariaGroup {
  need(start, GTID_BYTES_MIN, end, 'a GTID event');
  const flags = buf[start + 12]!;
  tx.reset('mariadb');
  tx.gno = safe(u64(buf, start), 'the sequence number of a GTID');
  tx.domain = u32(buf, start + 8);
  group.standalone = (flags & FLAG.STANDALONE) !== 0;
  group.ddl = (flags & FLAG.DDL) !== 0;
  group.prepared = (flags & FLAG.PREPARED_XA) !== 0;
  group.completed = (flags & FLAG.COMPLETED_XA) !== 0;
  group.branch = '';
  if (group.prepared || group.completed) group.branch = parseBranch(buf, start + GTID_BYTES_MIN + ((flags & FLAG.GROUP_COMMIT) === 0 ? 0 : 8), end);
  return group;
}

function parseBranch(buf: Uint8Array, pos: number, end: number): string {
  need(pos, 6, end, 'the XA branch of a GTID event');
  const gtrid = buf[pos + 4]!;
  const bqual = buf[pos + 5]!;
  if (gtrid > XA_PART_BYTES_MAX || bqual > XA_PART_BYTES_MAX)
    throw new BinlogDamage('structure', `an XA branch has parts of ${gtrid} and ${bqual} bytes; 64 are the most`);
  need(pos + 6, gtrid + bqual, end, 'the XA branch of a GTID event');
  return branchOf(buf, pos + 6, gtrid, bqual, u32(buf, pos));
}

/** GTID_LIST (163): a count in the lower 28 bits (above: flags that only a stream sets), then domain 4, server 4, sequence number 8 each. */
export function parseGtidList(buf: Uint8Array, start: number, end: number): MariaGtid[] {
  need(start, 4, end, 'a GTID list');
  const count = u32(buf, start) & 0x0fff_ffff;
  need(start + 4, count * 16, end, 'a GTID list');
  const list: MariaGtid[] = [];
  for (let i = 0, pos = start + 4; i < count; i++, pos += 16)
    list.push({ domain: u32(buf, pos), server: u32(buf, pos + 4), seq: safe(u64(buf, pos + 8), 'the sequence number of a GTID') });
  return list;
}

/**
 * What begins a compressed statement or the compressed rows of an event: a byte 0x80 | algorithm << 4 | bytes of the size, then the uncompressed size, big-endian.
 * The only algorithm is 0, a whole zlib stream.
 */
export function compressedPart(buf: Uint8Array, start: number, end: number): { size: number; dataStart: number } {
  need(start, 1, end, 'a compressed part');
  const head = buf[start]!;
  const sizeBytes = head & 7;
  if ((head & 0x80) === 0 || sizeBytes === 0 || sizeBytes > 4)
    throw new BinlogDamage('structure', `a compressed part begins with the byte ${head}, which says no size`);
  if ((head & 0x70) !== 0) throw new BinlogDamage('format', `a compressed part uses the algorithm ${(head & 0x70) >> 4}; 0 (zlib) is known`);
  need(start + 1, sizeBytes, end, 'a compressed part');
  let size = 0;
  for (let i = 1; i <= sizeBytes; i++) size = size * 256 + buf[start + i]!;
  return { size, dataStart: start + 1 + sizeBytes };
}
