/** Identities, net effects and multisets, without a server. */
import * as fc from 'fast-check';
import { GtidSet } from '../../../core/gtid.ts';
import { lostSet } from '../../../core/reconcile/fork.ts';
import { KeyIds } from '../../../core/reconcile/keys.ts';
import type { Keys } from '../../../core/reconcile/keys.ts';
import { inPlace, lostChanges } from '../../../core/reconcile/lost.ts';
import type { KeyState } from '../../../core/reconcile/lost.ts';
import { GtidOrder } from '../../../core/reconcile/order.ts';
import type { ColumnInfo, IndexInfo, TableInfo } from '../../../core/reconcile/schema.ts';
import { SideLog } from '../../../core/reconcile/side.ts';
import type { RowChange } from '../../../core/reconcile/side.ts';
import { shapeOf } from '../../../core/reconcile/tables.ts';
import type { Row, TableShape } from '../../../core/reconcile/tables.ts';

const O = 'aaaaaaaa-0000-0000-0000-000000000001';
const N = 'bbbbbbbb-0000-0000-0000-000000000002';
const RULES = { conflict: 'new-wins' as const, identity: {} };
const column = (name: string, more: Partial<ColumnInfo> = {}): ColumnInfo => ({
  name,
  dataType: 'int',
  columnType: 'int',
  unsigned: false,
  nullable: false,
  charset: null,
  collation: null,
  autoIncrement: false,
  generated: null,
  invisible: false,
  ...more,
});
const text = (name: string, collation: string, more: Partial<ColumnInfo> = {}) =>
  column(name, { dataType: 'varchar', columnType: 'varchar(20)', charset: collation.split('_')[0]!, collation, ...more });
const index = (name: string, ...columns: number[]): IndexInfo => ({ name, unique: true, parts: columns.map((c) => ({ column: c, prefix: null })) });
const table = (columns: ColumnInfo[], indexes: IndexInfo[], more: Partial<TableInfo> = {}): TableInfo => ({
  name: 't.x',
  engine: 'InnoDB',
  columns,
  indexes,
  triggers: [],
  foreignKeys: [],
  referencedBy: [],
  ...more,
});
const shaped = (info: TableInfo, identity?: string): TableShape => {
  const shape = shapeOf(info, identity);
  if (typeof shape === 'string') throw new Error(shape);
  return shape;
};

const change = (before: Row | null, after: Row | null): RowChange => ({
  table: 't.x',
  op: before ? (after ? 'update' : 'delete') : 'insert',
  before,
  after,
});
function side(uuid: string, changes: readonly RowChange[]): SideLog {
  const log = new SideLog();
  log.file('f');
  log.previousGtids(GtidSet.empty);
  for (const [i, c] of changes.entries()) log.transaction({ gtid: `${uuid}:${i + 1}`, commitUs: 0n, rows: [c], statements: [] });
  return log;
}
function judged(shape: TableShape, lost: RowChange[], fresh: RowChange[], ids = new KeyIds()) {
  const set = lostSet(side(O, lost), side(N, fresh), GtidSet.empty);
  return lostChanges(set, new Map([[shape.name, shape]]), RULES, new Set(), ids);
}
const row = (n: number): Row => [String(n), null];
const finals = (found: Row | null) => ({ rows: () => (found ? [found] : []), bound: GtidSet.empty });
const at = (keys: readonly KeyState[], key: string) => keys.find((k) => k.key === key)!;

test.each<[string, TableInfo, string | undefined, unknown]>([
  [
    'an AUTO_INCREMENT id and nothing better',
    table([column('id', { autoIncrement: true }), column('n')], [index('PRIMARY', 0)]),
    undefined,
    { key: ['id'], counted: true },
  ],
  [
    'a unique column is better',
    table([column('id', { autoIncrement: true }), column('n')], [index('PRIMARY', 0), index('n', 1)]),
    undefined,
    { key: ['n'], uniques: ['PRIMARY'] },
  ],
  [
    'unless it may be NULL',
    table([column('id', { autoIncrement: true }), column('n', { nullable: true })], [index('PRIMARY', 0), index('n', 1)]),
    undefined,
    { key: ['id'], counted: true, uniques: ['n'] },
  ],
  [
    'declared: the id means nothing',
    table([column('id', { autoIncrement: true }), column('n')], [index('PRIMARY', 0)]),
    'n',
    { key: ['n'], rekeyable: true, body: [1], uniques: ['PRIMARY'] },
  ],
  [
    'declared, but a foreign key names the id',
    table([column('id', { autoIncrement: true }), column('n')], [index('PRIMARY', 0)], {
      referencedBy: [{ name: 'f', table: 't.c', columns: ['p'], parent: 't.x', parentColumns: ['id'], onDelete: 'RESTRICT', onUpdate: 'RESTRICT' }],
    }),
    'n',
    { key: ['n'], uniques: ['PRIMARY'] },
  ],
  [
    'a generated invisible key is none',
    table([column('my_row_id', { autoIncrement: true, invisible: true }), column('n')], [index('PRIMARY', 0)]),
    undefined,
    { key: null, body: [1] },
  ],
  ['several columns', table([column('a'), column('b'), column('n')], [index('PRIMARY', 0, 1)]), undefined, { key: ['a', 'b'] }],
])('identity: %s', (_, info, declared, expected) => {
  const shape = shaped(info, declared);
  const found = {
    key: shape.key?.parts.map((p) => p.info.name) ?? null,
    ...(shape.autoIncrement ? { counted: true } : {}),
    ...(shape.rekeyable ? { rekeyable: true } : {}),
    ...(shape.body.length < info.columns.length ? { body: shape.body } : {}),
    ...(shape.uniques.length > 0 ? { uniques: shape.uniques.map((u) => u.index) } : {}),
  };
  expect(found).toEqual(expected);
});

test('a declared column that is not there is a reason', () => {
  expect(shapeOf(table([column('id')], [index('PRIMARY', 0)]), 'gone')).toBe('has no column gone, which was declared as its identity');
});

test('keys are equal as the server says, and padding is the collation’s', async () => {
  const asked: string[][] = [];
  const keys: Keys = {
    weights: (_, prefix, texts) => {
      asked.push([...texts]);
      return Promise.resolve(texts.map((t) => (prefix === null ? t : t.slice(0, prefix)).toUpperCase()));
    },
  };
  const ids = new KeyIds(keys);
  const folding = shaped(table([text('k', 'utf8mb4_0900_ai_ci'), column('n')], [index('PRIMARY', 0)]));
  await ids.learn(folding.key!, [['a', '1'], ['A', '2'], null, [undefined, '1']]);
  await ids.learn(folding.key!, [
    ['a', '1'],
    ['b', '2'],
  ]);
  expect(asked).toEqual([['a', 'A'], ['b']]);
  expect(ids.idOf(folding.key!, ['a', null])).toBe(ids.idOf(folding.key!, ['A', null]));
  const padded = shaped(table([text('k', 'latin1_bin')], [index('PRIMARY', 0)]));
  expect(ids.idOf(padded.key!, ['a  '])).toBe(ids.idOf(padded.key!, ['a']));
  const exact = shaped(table([text('k', 'utf8mb4_0900_bin')], [index('PRIMARY', 0)]));
  expect(ids.idOf(exact.key!, ['a '])).not.toBe(ids.idOf(exact.key!, ['a']));
  const prefix = shaped(table([text('k', 'utf8mb4_0900_bin')], [{ name: 'PRIMARY', unique: true, parts: [{ column: 0, prefix: 2 }] }]));
  expect(ids.idOf(prefix.key!, ['😀bc'])).toBe(ids.idOf(prefix.key!, ['😀bd']));
  const double = shaped(table([column('d', { dataType: 'double' })], [index('PRIMARY', 0)]));
  expect(ids.idOf(double.key!, ['-0'])).toBe(ids.idOf(double.key!, ['0']));
  const two = shaped(table([column('a'), column('b')], [index('PRIMARY', 0, 1)]));
  expect(new Set([ids.idOf(two.key!, ['1', '11']), ids.idOf(two.key!, ['11', '1']), ids.idOf(two.key!, ['1', null])]).size).toBe(3);
});

describe('images that leave columns out', () => {
  const shape = shaped(table([column('id'), column('a', { nullable: true }), column('b', { nullable: true })], [index('PRIMARY', 0)]));
  const no = undefined;
  test('the net effect owes what was logged, and knows what was there before', () => {
    const { keys } = judged(shape, [change(['1', no, no], [no, '2', no]), change(['1', no, no], [no, no, '3'])], []);
    expect(keys).toMatchObject([{ key: '1', after: ['1', '2', '3'], conflict: null, owed: true }]);
    const partial = judged(shape, [change(['1', no, no], [no, '2', no])], []).keys[0]!;
    expect(inPlace(partial, finals(['1', '2', 'anything']), RULES)).toBe(true);
    expect(inPlace(partial, finals(['1', '9', 'anything']), RULES)).toBe(false);
    expect(inPlace(partial, finals(null), RULES)).toBe(false);
  });
  test('the new side changed another column: still both changed the row', () => {
    const { keys } = judged(shape, [change(['1', no, no], [no, '2', no])], [change(['1', no, no], [no, no, '3'])]);
    expect(keys[0]).toMatchObject({ conflict: 'update/update', demanded: ['1', no, '3'], owed: false });
  });
  test('a recovery is known by the columns that it wrote', () => {
    const { keys } = judged(shape, [change(['1', no, no], [no, '2', no])], [change(['1', '5', '7'], ['1', '2', '7'])]);
    expect(keys[0]).toMatchObject({ conflict: null, owed: true, fresh: [{ own: false }] });
  });
  test('a key that is not in an image makes the table unknown', () => {
    const { keys, unsupported } = judged(shape, [change(null, [no, '1', '1'])], []);
    expect(keys).toEqual([]);
    expect(unsupported.get('t.x')).toMatch(/without all columns of its key/);
  });
});

test('a value of another unique index that the new side gave to another row', () => {
  const shape = shaped(table([column('id'), column('m', { nullable: true }), column('n')], [index('PRIMARY', 0), index('m', 1)]));
  const { keys } = judged(
    shape,
    [change(null, ['1', '7', '0']), change(null, ['2', '8', '0']), change(['3', '5', '0'], ['3', '9', '0']), change(null, ['4', null, '0'])],
    [change(null, ['11', '7', '1']), change(['12', '1', '0'], ['12', '9', '0']), change(['13', '8', '0'], ['13', '8', '1']), change(null, ['14', null, '0'])],
  );
  expect(keys.map((k) => [k.key, k.taken, k.conflict, k.demanded === undefined])).toEqual([
    ['1', ['m'], 'insert/insert', true],
    // the other row had it before the sides parted, and has it still: it was not given now
    ['2', [], null, false],
    ['3', ['m'], 'insert/insert', true],
    ['4', [], null, false],
  ]);
});

const changes = (steps: { n: number; add: boolean }[], have: Map<string, number>) =>
  steps.flatMap(({ n, add }) => {
    const key = JSON.stringify(row(n));
    const count = have.get(key) ?? 0;
    if (!add && count === 0) return [];
    have.set(key, count + (add ? 1 : -1));
    return [add ? change(null, row(n)) : change(row(n), null)];
  });

describe('tables without a key', () => {
  const shape = shaped(table([column('a'), column('b', { nullable: true })], []));
  const bag = fc.array(fc.record({ n: fc.nat({ max: 2 }), add: fc.boolean() }), { maxLength: 8 });
  test('what the lost part added and took away is owed once, and in place when it was put back', () => {
    fc.assert(
      fc.property(bag, (lost) => {
        const base = new Map([0, 1, 2].map((n) => [JSON.stringify(row(n)), 5]));
        const old = new Map(base);
        const done = changes(lost, old);
        const before = judged(shape, done, []);
        for (const k of before.keys) expect(k.copies).toBe(old.get(k.key)! - base.get(k.key)!);
        const recovery = before.keys.flatMap((k) =>
          Array.from({ length: Math.abs(k.copies!) }, () => (k.copies! > 0 ? change(null, JSON.parse(k.key) as Row) : change(JSON.parse(k.key) as Row, null))),
        );
        const after = judged(shape, done, recovery);
        const there = { rows: (_: string, id: string) => Array.from({ length: old.get(id)! }, () => JSON.parse(id) as Row), bound: GtidSet.empty };
        expect(after.keys.map((k) => [k.copies, inPlace(k, there, RULES)])).toEqual(after.keys.map(() => [0, true]));
        for (const k of before.keys) expect(inPlace(k, there, RULES)).toBe(k.copies === 0);
      }),
    );
  });

  test('a row that is not whole is none that could be found again', () => {
    expect(judged(shape, [change(null, ['1', undefined])], []).unsupported.get('t.x')).toMatch(/without all columns/);
  });

  test('equal rows that the new side added itself are its own', () => {
    const { keys } = judged(shape, [change(null, row(1))], [change(null, row(1)), change(null, row(1))]);
    expect(at(keys, '["1",null]')).toMatchObject({ copies: 0, fresh: [{ own: false }, { own: true }] });
  });
});

test('GTIDs in order: sets, prefixes, places', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(O, `${O}:tag`, N), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 5 })), { maxLength: 10 }),
      fc.nat({ max: 30 }),
      (list, cut) => {
        const gtids = [...new Set(list.flatMap(([u, n, length]) => Array.from({ length }, (_, i) => `${u}:${n + i}`)))];
        const order = new GtidOrder();
        expect(gtids.map((g) => order.add(g))).toEqual(gtids.map((_, i) => i));
        expect(order.set().toString()).toBe(GtidSet.of(gtids).toString());
        expect(gtids.map((g) => order.indexOf(g))).toEqual(gtids.map((_, i) => i));
        expect(order.indexOf(`${O}:99`)).toBe(-1);
        // what comes again is where it was first
        for (const g of gtids.toReversed()) order.add(g);
        expect(gtids.map((g) => order.indexOf(g))).toEqual(gtids.map((_, i) => i));
        const known = GtidSet.of(gtids.filter((_, i) => i !== cut));
        expect(order.prefix(known).toString()).toBe(GtidSet.of(gtids.slice(0, Math.min(cut, gtids.length))).toString());
        expect(order.firstOf(GtidSet.of(gtids.slice(cut)))).toBe(cut < gtids.length ? cut : -1);
      },
    ),
  );
});
