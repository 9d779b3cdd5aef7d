import { CELLS, Corpus, SAMPLE, textOf } from '../../support/corpus/matrix.ts';
import { byTable, checkCell, textName } from '../../support/corpus/check.ts';
import type { CellReport } from '../../support/corpus/check.ts';
import { agree } from '../../support/corpus/agree.ts';
import { compareTable } from '../../support/corpus/compare.ts';
import type { Written } from '../../support/corpus/matrix.ts';
import { compareShape } from '../../support/corpus/metadata.ts';
import { spoil } from '../../support/corpus/plant.ts';
import { settingsOf } from '../../support/corpus/table.ts';
import { startServers } from '../../support/mysqld.ts';
import type { TestServers } from '../../support/mysqld.ts';

let servers: TestServers;
let corpus: Corpus;
const written = new Map<string, { written: Written; report: CellReport }>();
const FULL = SAMPLE.find((cell) => cell.metadata === 'FULL' && cell.image === 'FULL')!;

beforeAll(async () => {
  servers = await startServers(['source'], []);
  corpus = await Corpus.on(servers.nodes[0]!);
}, 60_000);

afterAll(async () => {
  corpus?.close();
  await servers?.stop();
});

test('every character set of the server is in the corpus', () => {
  expect(corpus.leftOut).toEqual([]);
});

test(`${SAMPLE.length} of ${CELLS.length} settings are tried here, each value of each among them; corpus.full.test.ts has the others`, () => {
  expect(settingsOf(SAMPLE)).toEqual(settingsOf(CELLS));
});

test.each(SAMPLE.map((cell) => [textOf(cell), cell] as const))(
  'every type at its extremes: %s',
  async (_, cell) => {
    const cellWritten = await corpus.write(cell);
    const report = await checkCell(cellWritten, servers.tools);
    written.set(textOf(cell), { written: cellWritten, report });
    expect(report.differences).toEqual([]);
    expect(report.decoded.findings.map((f) => f.kind)).toEqual(cell.checksum === 'NONE' ? ['no-checksums'] : []);
    expect(report.decoded.txs.every((tx) => tx.end?.sound === true && tx.compressed === cell.compressed)).toBe(true);
    expect(report.values).toBeGreaterThan(cell.image === 'MINIMAL' ? 7_000 : 15_000);
    expect(report.absent > 0).toBe(cell.image !== 'FULL');
    expect(report.underivable > 0).toBe(cell.partial && cell.image === 'MINIMAL');
  },
  180_000,
);

test.each(SAMPLE.map((cell) => [textOf(cell), cell] as const))('the shape of every table is the server’s: %s', async (name, cell) => {
  const { written: w, report } = written.get(name)!;
  const rows = byTable(report.decoded);
  const db = await servers.nodes[0]!.connect();
  const differences: string[] = [];
  for (const table of w.changes.keys()) differences.push(...(await compareShape(db, table, rows.get(textName(table))![0]!.table, cell.metadata === 'FULL')));
  db.destroy();
  expect(differences).toEqual([]);
});

test('a wrong value in any column of any table is seen, and so are a row too many, a NULL and a column that should be absent', () => {
  const { written: w, report } = written.get(textOf(FULL))!;
  const context = { full: true, collations: true, signs: true };
  const rows = byTable(report.decoded);
  const unseen: string[] = [];
  for (const [table, changes] of w.changes) {
    const decoded = rows.get(textName(table))!;
    const seen = (at: number, column: number, token: unknown) => {
      const row = decoded[at]!;
      const after = row.after!.with(column, token);
      return compareTable([changes[at]!], [{ ...row, after }], 'FULL', context).differences.length > 0;
    };
    const printed = report.printed.get(textName(table))!;
    const disagreed = (at: number, column: number) => {
      const row = decoded[at]!;
      const after = row.after!.with(column, spoil(row.after![column]));
      return agree([changes[at]!], [{ ...row, after }], [printed[at]!], context).differences.length > 0;
    };
    for (const [i, column] of table.columns.entries()) {
      const at = decoded.findIndex((row) => row.op === 'insert' && row.after![i] !== null);
      for (const [what, token] of [
        ['another value', spoil(decoded[at]!.after![i])],
        ['NULL', null],
        ['absent', undefined],
      ] as const)
        if (!seen(at, i, token)) unseen.push(`${table.name}.${column.name}: ${what}`);
      // mysqlbinlog prints no more than the first digits of these, or nothing
      if (!['float', 'vector', 'geometry'].includes(column.kind.name) && printed.length === decoded.length && !disagreed(at, i))
        unseen.push(`${table.name}.${column.name}: mysqlbinlog`);
    }
    if (compareTable(changes, [...decoded, decoded[0]!], 'FULL', context).differences.length === 0) unseen.push(`${table.name}: a row too many`);
    if (compareTable(changes, decoded.slice(1), 'FULL', context).differences.length === 0) unseen.push(`${table.name}: a row too few`);
  }
  expect(unseen).toEqual([]);
});
