/** Every type at its extremes arrives to the bit: by the file that mysql runs, by --apply, and by the row events of --apply. */
import { closeCorpus, openCorpus, valuesArrive } from './values.ts';

afterAll(closeCorpus);

test('every table of the corpus', async () => {
  const tables = await openCorpus();
  expect(tables.length).toBeGreaterThan(15);
  for (const t of tables) await valuesArrive(t);
}, 600_000);
