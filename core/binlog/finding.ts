/**
 * What a reader of binary logs must tell about them besides their contents. Damage is never an exception at this border: what stands before it stays usable.
 * `note`: normal, worth saying. `damage`: bytes are not what a server wrote (verify exits 1). `unknown`: sound as far as can be seen, and we cannot tell
 * what it says (verify exits 3). A verdict that rests on a log with damage or an unknown is unknown, never pass.
 */
export type FindingLevel = 'note' | 'unknown' | 'damage';

export const FINDINGS = {
  /** The in-use flag is set: the server was killed, or still writes the file. */
  'in-use': 'note',
  /** The file was written without checksums: contents unverifiable, only its structure is promised. */
  'no-checksums': 'note',
  /** The rows were skipped on purpose: inventory. */
  'rows-unverified': 'note',
  /** A binary log that its server is done with ends without ROTATE or STOP: the server was killed, or the last events are missing. */
  unclosed: 'note',
  /** A relay log gave up a half-received group and got it again. */
  'restarted-group': 'note',
  /** An XA branch was prepared and the log does not say what became of it. */
  'xa-undecided': 'note',
  /** The file ends inside an event, or the log inside a transaction. The text names the last whole transaction and the bytes behind it. */
  cut: 'damage',
  /** An event's CRC32 is not that of its bytes. */
  checksum: 'damage',
  /** A length runs past the end of its container, is smaller than its header, or an event's end is not where its log_pos says. */
  length: 'damage',
  /** An event's inside contradicts itself: a row beyond its event, a field beyond its body, an unknown table id. */
  structure: 'damage',
  /** Events in an order that no server writes: a COMMIT without BEGIN, a second GTID inside a group, a duplicate XID, a sequence number out of order. */
  grammar: 'damage',
  /** A compressed payload or event does not decompress. */
  compression: 'damage',
  /** GTIDs or positions of one file do not go on where the file before ended: files are missing between them. A hole, not damage. */
  gap: 'unknown',
  /** A file of another server in between. */
  foreign: 'unknown',
  /** An event type that we do not know, inside a transaction. */
  'unknown-event': 'unknown',
  /** The server itself said that changes may be missing (INCIDENT). */
  incident: 'unknown',
  /** A statement where row images were expected: what it changed is not in the log. */
  statement: 'unknown',
  /** A partial update whose base is not in the image. */
  underivable: 'unknown',
  /** Encrypted by the server. */
  encrypted: 'unknown',
  /** Not a binary log, too old, or made by something we do not read; the text names it. */
  format: 'unknown',
  /** An event, a window or a payload is larger than the memory that was allowed; --memory allows more. */
  'too-large': 'unknown',
} as const satisfies Record<string, FindingLevel>;

export type FindingKind = keyof typeof FINDINGS;

export interface Finding {
  kind: FindingKind;
  level: FindingLevel;
  /** as given to beginFile */
  file: string;
  /** of the event, in bytes from the beginning of the file; for an event inside a compressed payload the payload's own */
  offset: number;
  /** a sentence that names what was seen */
  text: string;
  /** of the transaction it is in */
  gtid?: string;
}

export function finding(kind: FindingKind, file: string, offset: number, text: string, gtid?: string | null): Finding {
  return { kind, level: FINDINGS[kind], file, offset, text, ...(gtid ? { gtid } : {}) };
}

/** Thrown inside the decoder where bytes contradict themselves; LogReader turns it into a finding. Nobody outside core/binlog sees it. */
export class BinlogDamage extends Error {
  override readonly name = 'BinlogDamage';
  readonly kind: FindingKind;
  constructor(kind: FindingKind, text: string) {
    super(text);
    this.kind = kind;
  }
}
