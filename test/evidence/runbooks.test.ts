/** Every runbook that is shipped: right, compiles for its target in every rehearsal, and its scripts are bash. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CATALOGUE } from '../../activities/catalogue.ts';
import { compilePlan } from '../../core/runbook/plan-compile.ts';
import { rehearsalCrew, rehearsalOf } from '../../core/runbook/rehearsal.ts';
import { loadCrew } from '../../evidence/load-crew.ts';
import { loadInventory } from '../../evidence/load-inventory.ts';
import { inspectRunbook, loadRunbook } from '../../evidence/load-runbook.ts';

const dir = join(import.meta.dirname, '../../runbooks');
const files = readdirSync(dir).filter((f) => f.endsWith('.yaml'));
const inventory = loadInventory(join(dir, 'targets'), 'local');
test('the example of a crew can do the default runbook', () => {
  const { people } = loadCrew(join(dir, 'crews'), 'example');
  const keys = people.map((p) => ({ id: p.name, publicKey: p['public-key']!, kind: 'person' as const, people: [p] }));
  const loaded = loadRunbook(join(dir, 'mysql-stale-promotion.yaml'), CATALOGUE);
  expect(compilePlan({ ...loaded, ...CATALOGUE, inventory, keys, rehearsal: null }).rehearsal).toBeNull();
});

test.each(files)('%s has no problem on the local target', (file) => expect(inspectRunbook(join(dir, file), CATALOGUE, inventory).problems).toEqual([]));

const rehearsals = files.flatMap((file) => Object.keys(loadRunbook(join(dir, file), CATALOGUE).runbook.rehearsals).map((name) => [file, name] as const));
test.each(rehearsals)('%s compiles for the rehearsal %s, whose scripts are bash', (file, name) => {
  const loaded = loadRunbook(join(dir, file), CATALOGUE);
  const keys = [{ id: 'operator', publicKey: 'a'.repeat(64), kind: 'operator' as const, people: rehearsalCrew(loaded.runbook) }];
  expect(compilePlan({ ...loaded, ...CATALOGUE, inventory, keys, rehearsal: name }).rehearsal).toBe(name);
  for (const [id, { script }] of Object.entries(rehearsalOf(loaded.runbook, name).steps)) {
    const bash = spawnSync('bash', ['-n'], { input: script.replaceAll(/\{\{[^}]*\}\}/g, 'x'), encoding: 'utf8' });
    expect(`${id}: ${bash.stderr}`).toBe(`${id}: `);
  }
});
