/** STUB: signatures only, to be built. TABLE_MAP events: the shape of the images that follow. */
import type { Flavour } from './visitor.ts';

export interface ColumnMeta {
  /** from 0 */
  index: number;
  /** real type: ENUM, SET and the STRING family resolved out of the STRING metadata (codes.ts, COLUMN) */
  type: number;
  /** the type's metadata, as fits the type: max bytes of strings, precision << 8 | scale of DECIMAL, fraction digits of temporals, length bytes of blobs, bits of BIT, bytes of ENUM and SET */
  meta: number;
  nullable: boolean;
  /** null: the log does not say (no SIGNEDNESS metadata: 5.7, MariaDB's default) */
  unsigned: boolean | null;
  /** null: not logged (binlog_row_metadata MINIMAL) */
  name: string | null;
  /** collation id; 63 is binary; null: not logged */
  collation: number | null;
  /** ENUM and SET; null: not logged */
  labels: readonly string[] | null;
  /** null: not logged */
  visible: boolean | null;
  geometryType: number | null;
  vectorDimension: number | null;
  /** e.g. BIGINT UNSIGNED, VARCHAR(160 bytes), DECIMAL(10,2), DATETIME(6) */
  typeText: string;
}

export interface TableMap {
  id: number;
  schema: string;
  table: string;
  /** `schema.table` */
  name: string;
  flavour: Flavour;
  columns: readonly ColumnMeta[];
  /** primary key by column, prefix in characters (0: the whole column); null: not logged */
  primaryKey: readonly { column: number; prefix: number }[] | null;
}

/** The table maps of a log, by id. A map that comes again with the same bytes costs one comparison and gives the same object. */
export class TableMaps {
  /** the last `read` gave a map that is new or has changed */
  changed = false;
  constructor(_flavour: Flavour) {
    // stub
  }
  /** Body of a TABLE_MAP event. Throws BinlogDamage. `postHeaderLength` from the format (6 or 8). */
  read(_buf: Uint8Array, _start: number, _end: number, _postHeaderLength: number): TableMap {
    throw new Error('not built yet');
  }
  get(_id: number): TableMap | undefined {
    throw new Error('not built yet');
  }
  clear(): void {
    throw new Error('not built yet');
  }
}
