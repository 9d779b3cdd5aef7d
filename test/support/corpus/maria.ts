/** MariaDB's corpus under each of its settings. */
import type { Connection } from 'mysql2/promise';
import type { TestMariadb } from '../mariadb.ts';
import { mariaTables, OLD_MOMENTS } from './maria-tables.ts';
import type { RowImageMode } from './present.ts';
import { quote } from './table.ts';
import type { Table } from './table.ts';
import { ODD_SCHEMA, SCHEMA } from './tables.ts';
import { CorpusWriter } from './write.ts';
import type { Change } from './write.ts';

export interface MariaCell {
  metadata: 'NO_LOG' | 'MINIMAL' | 'FULL';
  image: RowImageMode;
  checksum: 'CRC32' | 'NONE';
  /** log_bin_compress */
  compressed: boolean;
}
export const textOf = (c: MariaCell): string =>
  `${c.metadata} metadata, ${c.image} image, ${c.checksum === 'NONE' ? 'no checksums' : 'CRC32'}${c.compressed ? ', compressed' : ''}`;

export const MARIA_CELLS: readonly MariaCell[] = (['NO_LOG', 'MINIMAL', 'FULL'] as const).flatMap((metadata) =>
  (['FULL', 'MINIMAL', 'NOBLOB'] as const).flatMap((image) =>
    (['CRC32', 'NONE'] as const).flatMap((checksum) => [false, true].map((compressed) => ({ metadata, image, checksum, compressed }))),
  ),
);
/** A few cells in which every setting occurs; the same at every run. */
export const MARIA_SAMPLE: readonly MariaCell[] = [0, 18, 33].map((i) => MARIA_CELLS[i]!);

export interface MariaWritten {
  cell: MariaCell;
  files: string[];
  changes: Map<Table, Change[]>;
}

export class MariaCorpus {
  readonly leftOut: string[] = [];
  private tables: Table[] = [];
  private readonly server: TestMariadb;
  private readonly db: Connection;

  private constructor(server: TestMariadb, db: Connection) {
    this.server = server;
    this.db = db;
  }

  static async on(server: TestMariadb): Promise<MariaCorpus> {
    const db = await server.connect();
    const corpus = new MariaCorpus(server, db);
    const [names] = await db.query('SELECT CHARACTER_SET_NAME AS name FROM information_schema.CHARACTER_SETS ORDER BY 1');
    corpus.tables = mariaTables(
      (names as { name: string }[]).map((r) => r.name),
      (what) => corpus.leftOut.push(`character set ${what}`),
    );
    await db.query(`SET time_zone = '+00:00', sql_mode = ''`);
    for (const schema of [SCHEMA, ODD_SCHEMA]) await db.query(`CREATE DATABASE ${quote(schema)} CHARACTER SET utf8mb4`);
    const writer = new CorpusWriter(db);
    await writer.create(corpus.tables);
    await db.query('SET GLOBAL mysql56_temporal_format = OFF');
    await writer.create([OLD_MOMENTS]);
    await db.query('SET GLOBAL mysql56_temporal_format = ON');
    return corpus;
  }

  /** Writes the life of every table (or of `tables`) under the settings of `cell`, into files of its own. */
  async write(cell: MariaCell, tables: readonly Table[] = this.tables): Promise<MariaWritten> {
    await this.db.query(
      `SET GLOBAL binlog_row_metadata = ${cell.metadata}, GLOBAL binlog_checksum = ${cell.checksum}, GLOBAL log_bin_compress = ${cell.compressed ? 'ON' : 'OFF'}, SESSION binlog_row_image = ${cell.image}`,
    );
    await this.db.query('FLUSH BINARY LOGS');
    const first = await logNow(this.db);
    const writer = new CorpusWriter(this.db);
    const changes = new Map<Table, Change[]>();
    for (const table of tables) changes.set(table, await writer.live(table));
    const last = await logNow(this.db);
    await this.db.query('FLUSH BINARY LOGS');
    return { cell, files: Array.from({ length: last - first + 1 }, (_, i) => `${this.server.dataDir}/binlog.${String(first + i).padStart(6, '0')}`), changes };
  }

  close(): void {
    this.db.destroy();
  }
}

async function logNow(db: Connection): Promise<number> {
  const [rows] = await db.query('SHOW MASTER STATUS');
  return Number((rows as { File: string }[])[0]!.File.split('.').at(-1));
}
