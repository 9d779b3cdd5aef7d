/** What comes before what in a plan, what is committed together, and what is left to a person. */
import { recoverySql } from '../../../core/reconcile/plan-file.ts';
import { jsonLiteral } from '../../../core/reconcile/plan-json.ts';
import { makePlan } from '../../../core/reconcile/plan-make.ts';
import { countsOf } from '../../../core/reconcile/plan-model.ts';
import type { PlannedChange } from '../../../core/reconcile/plan-model.ts';
import type { Cells, ColumnInfo, ForeignKey, TableInfo } from '../../../core/reconcile/schema.ts';

const column = (name: string, more: Partial<ColumnInfo> = {}): ColumnInfo => ({
  name,
  dataType: 'int',
  columnType: 'int',
  unsigned: false,
  nullable: true,
  charset: null,
  collation: null,
  autoIncrement: false,
  generated: null,
  invisible: false,
  ...more,
});
const key: ForeignKey = { name: 'fk', table: 't.child', columns: ['p'], parent: 't.parent', parentColumns: ['id'], onDelete: 'RESTRICT', onUpdate: 'RESTRICT' };
const unique = (name: string, at: number) => ({ name, unique: true, parts: [{ column: at, prefix: null }] });
const table = (name: string, more: Partial<TableInfo> = {}): TableInfo => ({
  name,
  engine: 'InnoDB',
  columns: [column('id'), column('p')],
  indexes: [unique('PRIMARY', 0)],
  triggers: [],
  foreignKeys: [],
  referencedBy: [],
  ...more,
});
const parent = table('t.parent', { referencedBy: [key] });
const child = table('t.child', { foreignKeys: [key] });
const other = table('t.other', { indexes: [unique('PRIMARY', 0), unique('u', 1)] });

let n = 0;
const change = (t: TableInfo, seen: Cells | null, target: Cells | null, more: Partial<PlannedChange> = {}): PlannedChange => {
  const id = (seen ?? target)![0]!;
  return { table: t, key: id, where: [id, undefined], seen, target, gtids: [`g:${++n}`], kind: 'safe', conflict: null, note: '', ...more };
};
const plan = (...changes: PlannedChange[]) => makePlan({ fork: 'f', read: '', source: 's', changes, uneventful: () => null });
const orderOf = (...changes: PlannedChange[]): string[] =>
  plan(...changes).transactions.flatMap((t) => t.changes.map((c) => `${c.table.name.slice(2)} ${c.key}${c.seen ? (c.target ? '*' : '-') : '+'}`));

test('parents come before their children, and go after them', () => {
  expect(orderOf(change(child, null, ['1', '7']), change(parent, null, ['7', null]))).toEqual(['parent 7+', 'child 1+']);
  expect(orderOf(change(parent, ['7', null], null), change(child, ['1', '7'], null))).toEqual(['child 1-', 'parent 7-']);
  expect(orderOf(change(parent, ['7', null], null), change(child, ['1', '7'], ['1', '8']), change(parent, null, ['8', null]))).toEqual([
    'parent 8+',
    'child 1*',
    'parent 7-',
  ]);
});

test('a table that is its own parent', () => {
  const self = { ...key, table: 't.self', parent: 't.self' };
  const t = table('t.self', { foreignKeys: [self], referencedBy: [self] });
  expect(orderOf(change(t, null, ['1', '2']), change(t, null, ['2', '3']), change(t, null, ['3', null]))).toEqual(['self 3+', 'self 2+', 'self 1+']);
});

test('who frees a unique value comes before who takes it; a circle is for a person', () => {
  expect(orderOf(change(other, null, ['1', '5']), change(other, ['2', '5'], ['2', '6']), change(other, ['3', '6'], null))).toEqual([
    'other 3-',
    'other 2*',
    'other 1+',
  ]);
  const swap = plan(change(other, ['1', '5'], ['1', '6']), change(other, ['2', '6'], ['2', '5']), change(other, null, ['9', '9']));
  expect([swap.decisions.map((d) => d.key), countsOf(swap)]).toEqual([['1', '2'], { safe: 1, rule: 0, person: 2 }]);
});

test('safe changes first; the rows of a lost transaction together; batches of bounded size', () => {
  expect(orderOf(change(other, ['1', '1'], ['1', '2'], { kind: 'rule', conflict: 'update/update' }), change(other, null, ['2', '3']))).toEqual([
    'other 2+',
    'other 1*',
  ]);
  const many = Array.from({ length: 450 }, (_, i) => change(other, null, [String(i), String(i)], { gtids: [`g:${Math.floor(i / 150)}`] }));
  const { transactions } = plan(...many);
  expect(transactions.map((t) => [t.number, t.changes.length, t.gtids])).toEqual([
    [1, 150, ['g:0']],
    [2, 150, ['g:1']],
    [3, 150, ['g:2']],
  ]);
  const one = plan(...Array.from({ length: 2_500 }, (_, i) => change(other, null, [String(i), String(i)], { gtids: ['g:0'] })));
  expect(one.transactions.map((t) => t.changes.length)).toEqual([1_000, 1_000, 500]);
});

const base = () => change(other, ['1', '1'], ['1', '2'], { gtids: ['g:1'] });

test('equal plans have one digest; any difference gives another', () => {
  const digests = [
    base(),
    { ...base(), target: ['1', null] },
    { ...base(), target: ['1', undefined] },
    { ...base(), seen: ['1', '3'] },
    { ...base(), gtids: ['g:2'] },
  ].map((c) => plan(c).digest);
  expect(new Set(digests).size).toBe(digests.length);
  expect(plan(base()).digest).toBe(digests[0]);
});

test('tables with triggers need --apply; what row events cannot carry is for a person', () => {
  const t = table('t.fires', { triggers: ['x'] });
  const made = plan(change(t, null, ['1', '1']), change(other, null, ['1', '1']));
  expect(made.transactions.map((p) => p.needsApply)).toEqual(['t.fires has triggers, which statements would fire again', null]);
  expect([...recoverySql(made, '')].join('')).toMatch(/-- needs --apply: t\.fires has triggers/);
  const told = makePlan({ fork: '', read: '', source: '', changes: [change(t, null, ['1', '1'])], uneventful: () => 'cannot' });
  expect(told.decisions.map((d) => d.note)).toEqual(['t.fires has triggers, which statements would fire again, and cannot']);
});

test('whatever a key or a name holds, a comment stays a comment', () => {
  const t = table('t.a`b\nDROP DATABASE x; --\u2028', { columns: [column('id'), column('x\n; DROP')] });
  const text = [
    ...recoverySql(
      plan(change(t, null, ['1', '1'], { key: '1\n; DROP DATABASE x; \\! ls\r\n' }), change(t, ['2', '1'], ['2', '2'], { kind: 'person', note: 'a\nb' })),
      'now\nDROP',
    ),
  ].join('');
  const outside = text.split('\n').filter((l) => /DROP/.test(l) && !l.startsWith('--'));
  // only where they are quoted names
  for (const line of outside) expect(line).toMatch(/^DROP DATABASE x; --\u2028`|^; DROP`/);
});

const sql = (text: string) => jsonLiteral(text, (t) => `'${t}'`);

test('numbers of a JSON document that a DOUBLE does not print alike are typed', () => {
  expect(sql('{"a": [1, 1.5, 1e300, "x, {1.50"]}')).toBe(`CAST('{"a": [1, 1.5, 1e300, "x, {1.50"]}' AS JSON)`);
  expect(sql('[1.50, {"k": 2.0}]')).toBe(`JSON_ARRAY(CAST(1.50 AS JSON), CAST('{"k": 2.0}' AS JSON))`);
  expect(sql('{"k": -99999999999999999999}')).toBe(`JSON_OBJECT('k', CAST(-99999999999999999999 AS JSON))`);
  for (const bad of ['', '[', '[1', '{"a"}', 'tru', '1 2', '"', '{"a": }', '[1,2]']) expect(() => sql(bad)).toThrow(TypeError);
});
