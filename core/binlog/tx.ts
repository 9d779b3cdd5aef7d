/** The head of the current transaction: one object, refilled; the GTID's text is made on demand and kept until the next refill. */
import { uuidText } from '../gtid-bytes.ts';
import type { TxHead, TxKind } from './visitor.ts';

const TAG_BYTES_MAX = 32;

export class TxHeadState implements TxHead {
  kind: TxKind = 'none';
  readonly uuid: Uint8Array = new Uint8Array(16);
  tag = '';
  gno = 0;
  domain = 0;
  serverId = 0;
  lastCommitted = 0;
  sequenceNumber = 0;
  immediateCommitUs = 0;
  originalCommitUs = 0;
  /** bytes of the transaction on disk, from its GTID event to its end; 0 where the log has none (before 8.0.2, MariaDB) */
  transactionBytes = 0;
  seconds = 0;
  compressed = false;
  file = '';
  offset = 0;
  private readonly tagBytes = new Uint8Array(TAG_BYTES_MAX);
  /** of `uuid`: most transactions of a log have the same */
  private uuidText: string | null = null;
  private text: string | null = null;

  /** Makes it the head of a transaction of this kind: everything that its GTID event tells is zero. The header's part (serverId, seconds, file, offset) stays. */
  reset(kind: TxKind): void {
    this.kind = kind;
    if (this.tag !== '') this.tag = '';
    this.gno = 0;
    this.domain = 0;
    this.lastCommitted = 0;
    this.sequenceNumber = 0;
    this.immediateCommitUs = 0;
    this.originalCommitUs = 0;
    this.transactionBytes = 0;
    this.compressed = false;
    this.text = null;
  }

  setUuid(buf: Uint8Array, at: number): void {
    const uuid = this.uuid;
    for (let i = 0; i < 16; i++) {
      const byte = buf[at + i]!;
      if (uuid[i] !== byte) {
        uuid[i] = byte;
        this.uuidText = null;
      }
    }
  }

  /** At most 32 bytes of [a-z0-9_]. */
  setTag(buf: Uint8Array, at: number, bytes: number): void {
    let same = this.lastTag.length === bytes;
    for (let i = 0; i < bytes; i++) {
      const byte = buf[at + i]!;
      if (this.tagBytes[i] !== byte) {
        this.tagBytes[i] = byte;
        same = false;
      }
    }
    if (!same) this.lastTag = String.fromCharCode(...this.tagBytes.subarray(0, bytes));
    this.tag = this.lastTag;
  }
  private lastTag = '';

  gtid(): string | null {
    if (this.text !== null) return this.text;
    if (this.kind === 'none' || this.kind === 'anonymous') return null;
    if (this.kind === 'mariadb') return (this.text = `${this.domain}-${this.serverId}-${this.gno}`);
    this.uuidText ??= uuidText(this.uuid, 0);
    return (this.text = this.tag === '' ? `${this.uuidText}:${this.gno}` : `${this.uuidText}:${this.tag}:${this.gno}`);
  }
}
