/** STUB: signatures only, to be built. Row hash and key per row image: what lost-set and touched-key passes work from. */
import type { RowsEvent } from './rows.ts';
import type { TableMap } from './table-map.ts';

/** 64 bits each, as two unsigned 32-bit halves, refilled per row. Not cryptographic: equal hashes are a reason to compare, different ones a proof of difference. */
export interface RowHash {
  /** of the key columns' bytes as stored; 0, 0 when the table has no known key */
  keyHigh: number;
  keyLow: number;
  /** of the whole image: null bitmap and values */
  high: number;
  low: number;
}
/** Positions of the columns that identify a row of this table, or null. FULL metadata names the primary key; else the caller knows it from information_schema. */
export type KeyColumns = (table: TableMap) => readonly number[] | null;

export class RowHasher {
  readonly before: RowHash = { keyHigh: 0, keyLow: 0, high: 0, low: 0 };
  readonly after: RowHash = { keyHigh: 0, keyLow: 0, high: 0, low: 0 };
  constructor(_keys?: KeyColumns) {
    // stub
  }
  /** Hashes the images that rows.next() has just filled. */
  hash(_rows: RowsEvent): void {
    throw new Error('not built yet');
  }
}
