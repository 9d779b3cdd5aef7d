import { CELLS, Corpus, SAMPLE, textOf } from '../../support/corpus/matrix.ts';
import { checkCell } from '../../support/corpus/check.ts';
import { startServers } from '../../support/mysqld.ts';
import type { TestServers } from '../../support/mysqld.ts';

let servers: TestServers;
let corpus: Corpus;

beforeAll(async () => {
  servers = await startServers(['source'], []);
  corpus = await Corpus.on(servers.nodes[0]!);
}, 60_000);

afterAll(async () => {
  corpus?.close();
  await servers?.stop();
});

test.each(CELLS.filter((cell) => !SAMPLE.includes(cell)).map((cell) => [textOf(cell), cell] as const))(
  'every type at its extremes: %s',
  async (_, cell) => {
    const report = await checkCell(await corpus.write(cell), servers.tools);
    expect(report.differences).toEqual([]);
    expect(report.decoded.findings.map((f) => f.kind)).toEqual(cell.checksum === 'NONE' ? ['no-checksums'] : []);
  },
  180_000,
);
