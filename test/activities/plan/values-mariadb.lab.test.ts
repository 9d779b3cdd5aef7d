/** On MariaDB, values of some kinds arrive to the bit; all types at their extremes do in values-mariadb.full.test.ts. */
import { closeCorpus, openMariaCorpus, valuesArrive } from './values.ts';

const SOME = ['floats', 'labels', 'documents', 'geometries', 'fixed'];

afterAll(closeCorpus);

test('by the file, by --apply and by row events', async () => {
  const tables = (await openMariaCorpus()).filter((t) => SOME.includes(t.name));
  expect(tables.map((t) => t.name).toSorted()).toEqual(SOME.toSorted());
  for (const t of tables) expect([...(await valuesArrive(t))]).toEqual([]);
}, 120_000);
