import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { byTable, checkMariaCell, textName } from '../../support/corpus/check.ts';
import type { CellReport } from '../../support/corpus/check.ts';
import { decode } from '../../support/corpus/decode.ts';
import { OLD_MOMENTS } from '../../support/corpus/maria-tables.ts';
import { MARIA_CELLS, MARIA_SAMPLE, MariaCorpus, textOf } from '../../support/corpus/maria.ts';
import { compareShape } from '../../support/corpus/metadata.ts';
import { settingsOf } from '../../support/corpus/table.ts';
import type { Table } from '../../support/corpus/table.ts';
import { mustMariadb, TestMariadb } from '../../support/mariadb.ts';
import { printLog } from '../../support/mysqlbinlog-text.ts';

const maria = await mustMariadb();

describe('MariaDB', () => {
  let server: TestMariadb;
  let corpus: MariaCorpus;

  beforeAll(async () => {
    server = await TestMariadb.start(maria);
    corpus = await MariaCorpus.on(server);
  }, 60_000);

  afterAll(async () => {
    corpus?.close();
    await server?.remove();
  });

  test(`${MARIA_SAMPLE.length} of ${MARIA_CELLS.length} settings are tried here, each value of each among them; maria.full.test.ts has the others`, () => {
    expect(settingsOf(MARIA_SAMPLE)).toEqual(settingsOf(MARIA_CELLS));
  });

  test.each(MARIA_SAMPLE.map((cell) => [textOf(cell), cell] as const))(
    'every type at its extremes: %s',
    async (_, cell) => {
      const written = await corpus.write(cell);
      const report = await checkMariaCell(written, maria);
      expect(report.differences).toEqual([]);
      expect(report.decoded.findings.map((f) => f.kind)).toEqual(cell.checksum === 'NONE' ? ['no-checksums'] : []);
      expect(report.decoded.txs.every((tx) => tx.kind === 'mariadb' && tx.end?.sound === true)).toBe(true);
      expect(report.values).toBeGreaterThan(cell.image === 'MINIMAL' ? 6_500 : 15_000);
      expect(report.absent > 0).toBe(cell.image !== 'FULL');
      const compressed = [...report.decoded.events.keys()].some((type) => type >= 165 && type <= 171);
      expect(compressed).toBe(cell.compressed);
      if (cell.metadata !== 'NO_LOG') expect(await shapes(written.changes.keys(), report, cell.metadata === 'FULL')).toEqual([]);
    },
    180_000,
  );

  async function shapes(tables: Iterable<Table>, report: CellReport, full: boolean): Promise<string[]> {
    const rows = byTable(report.decoded);
    const db = await server.connect();
    const differences: string[] = [];
    for (const table of tables) differences.push(...(await compareShape(db, table, rows.get(textName(table))![0]!.table, full, false)));
    db.destroy();
    return differences;
  }

  test('temporals in MariaDB’s old form, of which the log does not tell the fraction, are refused by name and not misread', async () => {
    const written = await corpus.write(MARIA_CELLS[0]!, [OLD_MOMENTS]);
    const { txs, findings } = await decode(written.files);
    expect(txs.flatMap((tx) => tx.rows)).toEqual([]);
    expect(txs.length).toBe(3);
    expect(txs.every((tx) => tx.end?.sound === false)).toBe(true);
    expect(findings.every((f) => f.kind === 'format' && f.text.includes("DATETIME in MariaDB's own format"))).toBe(true);
  });

  test('GTIDs of several domains, annotations, DDL, statements, savepoints and XA', async () => {
    const db = await server.connect();
    const name = async () => ((await db.query('SHOW MASTER STATUS'))[0] as { File: string }[])[0]!.File;
    await db.query('SET GLOBAL binlog_row_metadata = FULL, GLOBAL log_bin_compress = OFF, GLOBAL binlog_checksum = CRC32');
    await db.query('FLUSH BINARY LOGS');
    const file = await name();
    await db.query('CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v VARCHAR(50))');
    await db.query("SET gtid_domain_id = 7; INSERT INTO d.t VALUES (1, 'one')");
    await db.query("SET gtid_domain_id = 0, server_id = 42; INSERT INTO d.t VALUES (2, 'zwei ü')");
    await db.query(
      "BEGIN; INSERT INTO d.t VALUES (3, 'three'); SAVEPOINT s; INSERT INTO d.t VALUES (4, 'gone'); ROLLBACK TO s; UPDATE d.t SET v = 'kept' WHERE id = 3; COMMIT",
    );
    await db.query("XA START 'x','b',7; INSERT INTO d.t VALUES (5, 'xa'); XA END 'x','b',7; XA PREPARE 'x','b',7; XA COMMIT 'x','b',7");
    await db.query("XA START 'y'; INSERT INTO d.t VALUES (6, 'xa'); XA END 'y'; XA PREPARE 'y'; XA ROLLBACK 'y'");
    await db.query("SET binlog_format = STATEMENT; UPDATE d.t SET v = 'by statement' WHERE id = 1; SET binlog_format = ROW");
    await db.query('ALTER TABLE d.t ADD w INT NOT NULL DEFAULT 5; DELETE FROM d.t WHERE id = 2');
    const [position] = await db.query('SELECT @@gtid_binlog_pos AS p');
    await db.query('FLUSH BINARY LOGS');
    const next = await name();
    db.destroy();
    const path = join(server.dataDir, file);
    const log = await decode([path]);
    const printed = await printLog(maria.binlog, path);
    expect(log.txs.map((tx) => tx.gtid)).toEqual(printed.gtids);
    const last = new Map(log.txs.map((tx) => [tx.gtid!.split('-')[0], tx.gtid!]));
    expect([...last.values()].toSorted()).toEqual((position as { p: string }[])[0]!.p.split(',').toSorted());
    const says = log.txs.map(
      (tx) =>
        `${tx.end?.how} ${tx.rows.map((r) => `${r.op} ${JSON.stringify(r.after ?? r.before)}`).join('; ')}${tx.statements.map((s) => `${s.ddl ? 'ddl ' : 'statement '}${s.text}`).join('; ')}`,
    );
    expect(says).toEqual([
      'ddl ddl CREATE DATABASE d',
      'ddl ddl CREATE TABLE d.t (id INT PRIMARY KEY, v VARCHAR(50))',
      'xid insert ["1","one"]',
      'xid insert ["2","zwei ü"]',
      'xid insert ["3","three"]; update ["3","kept"]',
      'xa-prepare insert ["5","xa"]',
      'xa-commit ',
      'xa-prepare insert ["6","xa"]',
      'xa-rollback ',
      "xid statement UPDATE d.t SET v = 'by statement' WHERE id = 1",
      'ddl ddl ALTER TABLE d.t ADD w INT NOT NULL DEFAULT 5',
      'xid delete ["2","zwei ü","5"]',
    ]);
    expect(log.txs[4]!.rows.map((r) => r.rowsQuery)).toEqual(["INSERT INTO d.t VALUES (3, 'three')", "UPDATE d.t SET v = 'kept' WHERE id = 3"]);
    expect(log.findings.map((f) => f.kind)).toEqual(['statement']);
    expect(log.rotates).toEqual([next]);
    const after = await decode([join(server.dataDir, next)]);
    expect(after.gtidLists.map((list) => list.split(',').length)).toEqual([3]);
    expect(after.findings.map((f) => f.kind)).toEqual(['in-use']);
  }, 30_000);

  test('an encrypted log is refused by name', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'dbm-keys-'));
    const keys = join(folder, 'keys.txt');
    await writeFile(keys, `1;${'0123456789abcdef'.repeat(4)}\n`);
    const other = await TestMariadb.start(maria, ['--plugin-load-add=file_key_management', `--file-key-management-filename=${keys}`, '--encrypt-binlog=ON']);
    try {
      const db = await other.connect();
      await db.query('CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); INSERT INTO d.t VALUES (1)');
      const [status] = await db.query('SHOW MASTER STATUS');
      db.destroy();
      const log = await decode([join(other.dataDir, (status as { File: string }[])[0]!.File)]);
      expect(log.txs).toEqual([]);
      expect(log.findings.map((f) => f.kind)).toContain('encrypted');
      expect(log.findings.filter((f) => f.level === 'damage')).toEqual([]);
    } finally {
      await other.remove();
      await rm(folder, { recursive: true });
    }
  }, 60_000);
});
