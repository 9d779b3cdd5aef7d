import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadCrew } from '../../evidence/load-crew.ts';
import { loadInventory } from '../../evidence/load-inventory.ts';

const RUNBOOKS = join(import.meta.dirname, '../../runbooks');
const dir = mkdtempSync(join(tmpdir(), 'drillbook-inventory-'));
afterAll(() => rmSync(dir, { recursive: true }));
const coded = (code: string, message = '', hint = '') =>
  expect.objectContaining({ code, message: expect.stringContaining(message) as string, hint: expect.stringContaining(hint) as string }) as Error;
const inventory = (text: string) => {
  writeFileSync(join(dir, 'mine.yaml'), text);
  return () => loadInventory(dir, 'mine');
};
const RIGHT = 'target: mine\nplatform: local\nsystem: mysql\nsite: here\nnodes: [a, b]\n';

test('the local target and the example of a crew are right', () => {
  expect(loadInventory(join(RUNBOOKS, 'targets'), 'local')).toMatchObject({ nodes: ['db1', 'db2', 'db3'], disposable: true, drills: 'allowed' });
  expect(loadCrew(join(RUNBOOKS, 'crews'), 'example').people.map((p) => p.rights)).toEqual([
    ['responder'],
    ['responder'],
    ['responder', 'approver', 'coordinator'],
  ]);
});

test('what a file does not allow is forbidden', () => expect(inventory(RIGHT)()).toMatchObject({ disposable: false, drills: 'forbidden' }));

test.each([
  ['an unknown key', `${RIGHT}disposible: true\n`, 'mine.yaml:6:1: unknown key disposible in the file; did you mean disposable?'],
  ['a missing key', RIGHT.replace('site: here\n', ''), 'mine.yaml:1:1: site is missing in the file'],
  ['another name inside', RIGHT.replace('mine', 'yours'), 'mine.yaml:1:9: the file is named mine, the target in it yours'],
  ['no YAML', '{', 'mine.yaml:'],
  ['nothing', '', 'mine.yaml:1:1: the file: '],
])('%s: DRILL_INVENTORY_INVALID', (_, text, message) => expect(inventory(text)).toThrow(coded('DRILL_INVENTORY_INVALID', message)));

test('an unknown target names those that exist; a path is no name', () => {
  inventory(RIGHT);
  expect(() => loadInventory(dir, 'mien')).toThrow(coded('DRILL_TARGET_UNKNOWN', 'there is no', 'that folder has: mine'));
  expect(() => loadInventory(dir, '../mine')).toThrow(coded('DRILL_TARGET_UNKNOWN', 'is no name of a target', 'known targets: mine'));
  expect(() => loadCrew(dir, 'nobody')).toThrow(coded('DRILL_CREW_UNKNOWN'));
});
