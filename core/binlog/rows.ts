/** STUB: signatures only, to be built. Row events: a cursor over their images. */
import type { Bytes } from './bytes.ts';
import type { TableMap, TableMaps } from './table-map.ts';

/** One row image: where each column's value stands in the event's buffer. */
export interface RowImage {
  buf: Uint8Array;
  /** the image's bytes: null bitmap and values; what the row hash is made of */
  start: number;
  end: number;
  /** by column: offset of the value as stored (its length prefix included); ABSENT or NULL */
  at: Int32Array;
  /** columns that a partial update gave as JSON diffs: value text is to be got from RowsEvent.patched; null: none */
  patched: (PatchedJson | null)[] | null;
}
export const ABSENT = -1;
export const NULL = -2;

/** The after-image of a JSON column in a partial update: the new binary document, or why it cannot be told. */
export type PatchedJson = { doc: Uint8Array } | { underivable: string };

export interface RowsEvent {
  table: TableMap;
  op: 'insert' | 'update' | 'delete';
  /** file offset of the event */
  offset: number;
  /** of the event header, epoch s */
  seconds: number;
  before: RowImage | null;
  after: RowImage | null;
  /** Moves to the next row and fills before and after. false at the end. Throws BinlogDamage. */
  next(): boolean;
}

/** The one RowsEvent that a reader refills. */
export class RowsCursor implements RowsEvent {
  table!: TableMap;
  op: RowsEvent['op'] = 'insert';
  offset = 0;
  seconds = 0;
  before: RowImage | null = null;
  after: RowImage | null = null;

  constructor(_bytes: Bytes, _eventBytesMax: number) {
    // stub
  }
  /**
   * Opens the body of a row event of any kind (v1, v2, partial, MariaDB's compressed). Throws BinlogDamage, among others for an unknown table id.
   * null: it is the event that ends a statement and holds no rows (table id 0xffffff, MySQL's dummy).
   */
  open(_type: number, _buf: Uint8Array, _start: number, _end: number, _postHeaderLength: number, _tables: TableMaps): RowsCursor | null {
    throw new Error('not built yet');
  }
  next(): boolean {
    throw new Error('not built yet');
  }
}
