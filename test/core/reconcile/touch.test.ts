/** Which row changes of the new side concern the lost part, by keys in memory and by parts. */
import { GtidSet } from '../../../core/gtid.ts';
import { KeyIds } from '../../../core/reconcile/keys.ts';
import { lostChanges, touchIndex } from '../../../core/reconcile/lost.ts';
import { Parts } from '../../../core/reconcile/parts.ts';
import type { RowChange, SideTransaction } from '../../../core/reconcile/side.ts';
import { SpilledRows, TableNumbers } from '../../../core/reconcile/spill-rows.ts';
import type { Row } from '../../../core/reconcile/tables.ts';
import { MemorySpill } from '../../support/simulated-spilled.ts';
import { SHAPES } from '../../support/simulated-tables.ts';

const TABLE = 'drill.orders';
const OLD = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const tx = (gtid: string, rows: RowChange[]): SideTransaction => ({ gtid, commitUs: 1n, rows, statements: [], index: 0, heartbeat: false });
const change = (before: Row | null, after: Row | null): RowChange => ({
  table: TABLE,
  op: before === null ? 'insert' : after === null ? 'delete' : 'update',
  before,
  after,
});
/** id, write_id, customer, amount, note; write_id is the identity, and id unique */
const LOST = change(null, ['7', 'w7', '1', '1.00', '']);

test.each<[string, RowChange, boolean]>([
  ['the same key', change(null, ['9', 'w7', '1', '2.00', '']), true],
  ['another key with the same unique value', change(null, ['7', 'w8', '1', '2.00', '']), true],
  ['another key that gives it up', change(['7', 'w8', '1', '2.00', ''], ['8', 'w8', '1', '2.00', '']), true],
  ['neither', change(null, ['8', 'w8', '1', '2.00', '']), false],
  ['images without the key', change(['8', undefined, undefined, undefined, undefined], [undefined, undefined, undefined, '2.00', undefined]), true],
])('%s', async (_, fresh, touches) => {
  const lost = tx(`${OLD}:1`, [LOST]);
  expect(touchIndex({ transactions: [lost] }, SHAPES, new KeyIds())(fresh)).toBe(touches);
  const [spill, tables] = [new MemorySpill(), new TableNumbers()];
  const rows = new SpilledRows(spill, tables);
  rows.put(LOST, lost);
  rows.end(lost, 0, true, false);
  const keys = { weights: async (__: unknown, ___: unknown, texts: readonly string[]) => [...texts] };
  const parts = new Parts({ spill, count: 3, rows: 1, shapes: SHAPES, keys, tables, ledger: null, pause: async () => {} });
  await parts.takeOld(rows);
  expect(parts.mayTouch(fresh)).toBe(touches);
});

test('a change of the new side without the key makes its table unknown', () => {
  const none = GtidSet.empty;
  const after = [
    tx('00000000-0000-0000-0000-000000000001:1', [
      change(['7', undefined, undefined, undefined, undefined], [undefined, undefined, undefined, '2.00', undefined]),
    ]),
  ];
  const set = { lost: GtidSet.parse(`${OLD}:1`), transactions: [tx(`${OLD}:1`, [LOST])], after, undecided: [], late: none, forced: none };
  const { keys, unsupported } = lostChanges(set, SHAPES, { conflict: 'new-wins', identity: {} }, new Set());
  expect(keys).toEqual([]);
  expect([...unsupported.keys()]).toEqual([TABLE]);
});
