/** On MariaDB, every type at its extremes arrives to the bit: by the file that mariadb runs, by --apply, and by the row events of --apply. */
import { closeCorpus, openMariaCorpus, valuesArrive } from './values.ts';

afterAll(closeCorpus);

test('every table of the corpus', async () => {
  const tables = await openMariaCorpus();
  expect(tables.length).toBeGreaterThan(12);
  const told: string[] = [];
  for (const t of tables) for (const why of await valuesArrive(t)) told.push(why);
  // all the rest arrived
  const triggers = 'has triggers, which statements would fire again, and';
  expect(told).toEqual([
    `corpus.compressed corpus.compressed ${triggers} v is compressed, which is not made into row events`,
    `corpus.generated corpus.generated ${triggers} stored is a stored generated column, which MariaDB does not compute for row events`,
  ]);
}, 600_000);
