/** Values of every kind arrive to the bit; those of every type at its extremes do in values.full.test.ts. */
import { closeCorpus, openCorpus, valuesArrive } from './values.ts';

const SOME = ['floats', 'labels', 'documents', 'geometries', 'vectors', 'generated'];

afterAll(closeCorpus);

test('by the file, by --apply and by row events', async () => {
  const tables = (await openCorpus()).filter((t) => SOME.includes(t.name));
  expect(tables.map((t) => t.name)).toEqual(SOME);
  const told = new Set<string>();
  for (const t of tables) for (const why of await valuesArrive(t)) told.add(why);
  expect([...told].map((why) => why.replaceAll('corpus.documents', ''))).toEqual([
    ' j holds an opaque value in a JSON document, which has no literal, and j is a JSON document, which is not made into row events',
    '  has triggers, which statements would fire again, and j is a JSON document, which is not made into row events',
  ]);
}, 120_000);
