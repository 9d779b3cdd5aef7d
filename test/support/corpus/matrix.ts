/** The settings that a server can write its binary log under, and a corpus written under each. */
import type { Connection } from 'mysql2/promise';
import type { TestMysqld } from '../mysqld.ts';
import { MOMENT } from './objects.ts';
import type { RowImageMode } from './present.ts';
import type { Table } from './table.ts';
import { quote } from './table.ts';
import { KEYLESS, mysqlTables, ODD_SCHEMA, SCHEMA, UNIQUE } from './tables.ts';
import { CorpusWriter } from './write.ts';
import type { Change } from './write.ts';

export interface Cell {
  metadata: 'MINIMAL' | 'FULL';
  image: RowImageMode;
  checksum: 'CRC32' | 'NONE';
  compressed: boolean;
  partial: boolean;
}
export const textOf = (c: Cell): string =>
  `${c.metadata} metadata, ${c.image} image, ${c.checksum === 'NONE' ? 'no checksums' : 'CRC32'}${c.compressed ? ', compressed' : ''}${c.partial ? ', partial JSON' : ''}`;

export const CELLS: readonly Cell[] = (['MINIMAL', 'FULL'] as const).flatMap((metadata) =>
  (['FULL', 'MINIMAL', 'NOBLOB'] as const).flatMap((image) =>
    (['CRC32', 'NONE'] as const).flatMap((checksum) =>
      [false, true].flatMap((compressed) => [false, true].map((partial) => ({ metadata, image, checksum, compressed, partial }))),
    ),
  ),
);

/** A few cells in which every setting occurs, and the last with all at once; the same at every run. */
export const SAMPLE: readonly Cell[] = [13, 18, 25, 47].map((i) => CELLS[i]!);

export interface Written {
  cell: Cell;
  files: string[];
  /** by table */
  changes: Map<Table, Change[]>;
}

export class Corpus {
  readonly tables: readonly Table[];
  readonly leftOut: readonly string[];
  /** the log of making the tables */
  readonly ddlFiles: readonly string[];
  private readonly node: TestMysqld;
  private readonly db: Connection;

  private constructor(node: TestMysqld, db: Connection, tables: readonly Table[], leftOut: readonly string[], ddlFiles: readonly string[]) {
    this.node = node;
    this.db = db;
    this.tables = tables;
    this.leftOut = leftOut;
    this.ddlFiles = ddlFiles;
  }

  static async on(node: TestMysqld): Promise<Corpus> {
    const db = await node.connect();
    const leftOut: string[] = [];
    const [names] = await db.query('SELECT CHARACTER_SET_NAME AS name FROM information_schema.CHARACTER_SETS ORDER BY 1');
    const tables = [
      ...mysqlTables(
        (names as { name: string }[]).map((r) => r.name),
        (what) => leftOut.push(`character set ${what}`),
      ),
      KEYLESS,
      UNIQUE,
    ];
    await db.query(`SET time_zone = '+00:00', sql_mode = '', sql_generate_invisible_primary_key = ON`);
    const first = await logNow(db);
    for (const schema of [SCHEMA, ODD_SCHEMA]) await db.query(`CREATE DATABASE ${quote(schema)} CHARACTER SET utf8mb4`);
    await db.query(`CREATE TABLE ${SCHEMA}.moments (at TIMESTAMP(6) PRIMARY KEY, b BIT(3), bl BLOB)`);
    await db.query(`INSERT INTO ${SCHEMA}.moments VALUES ('${MOMENT}', 5, X'00ff')`);
    const keyless = tables.filter((t) => t.primaryKey.length === 0);
    await new CorpusWriter(db).create(tables.filter((t) => t.primaryKey.length > 0));
    await db.query('SET sql_generate_invisible_primary_key = OFF');
    await new CorpusWriter(db).create(keyless);
    return new Corpus(node, db, tables, leftOut, await this.closed(db, node, first));
  }

  /** Writes the life of every table under the settings of `cell`, into files of its own. */
  async write(cell: Cell): Promise<Written> {
    await this.db.query(`SET GLOBAL binlog_row_metadata = ${cell.metadata}, GLOBAL binlog_checksum = ${cell.checksum}`);
    await this.db.query(
      `SET SESSION binlog_row_image = ${cell.image}, SESSION binlog_transaction_compression = ${cell.compressed ? 'ON' : 'OFF'}, SESSION binlog_row_value_options = '${cell.partial ? 'PARTIAL_JSON' : ''}'`,
    );
    const first = await logNow(this.db);
    const writer = new CorpusWriter(this.db);
    const changes = new Map<Table, Change[]>();
    for (const table of this.tables) changes.set(table, await writer.live(table));
    return { cell, files: await Corpus.closed(this.db, this.node, first), changes };
  }

  close(): void {
    this.db.destroy();
  }

  /** Ends the current log; the files since `first`. */
  private static async closed(db: Connection, node: TestMysqld, first: number): Promise<string[]> {
    const last = await logNow(db);
    await db.query('FLUSH BINARY LOGS');
    return Array.from({ length: last - first + 1 }, (_, i) => `${node.dataDir}/binlog.${String(first + i).padStart(6, '0')}`);
  }
}

async function logNow(db: Connection): Promise<number> {
  const [rows] = await db.query('SHOW BINARY LOG STATUS');
  return Number((rows as { File: string }[])[0]!.File.split('.').at(-1));
}
