import { checkMariaCell } from '../../support/corpus/check.ts';
import { MARIA_CELLS, MARIA_SAMPLE, MariaCorpus, textOf } from '../../support/corpus/maria.ts';
import { mustMariadb, TestMariadb } from '../../support/mariadb.ts';

const maria = await mustMariadb();

describe('MariaDB, every setting', () => {
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

  test.each(MARIA_CELLS.filter((cell) => !MARIA_SAMPLE.includes(cell)).map((cell) => [textOf(cell), cell] as const))(
    'every type at its extremes: %s',
    async (_, cell) => {
      const report = await checkMariaCell(await corpus.write(cell), maria);
      expect(report.differences).toEqual([]);
      expect(report.decoded.findings.map((f) => f.kind)).toEqual(cell.checksum === 'NONE' ? ['no-checksums'] : []);
    },
    180_000,
  );
});
