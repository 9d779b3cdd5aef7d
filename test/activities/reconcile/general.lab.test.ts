/** Two real servers that parted, with tables of every kind: what was lost, what is in conflict with what, and what a log cannot tell. */
import type { LostKey } from '../../../core/bundle.ts';
import type { ReconcileRules } from '../../../core/plan.ts';
import { outcomeOf } from '../../../core/reconcile/outcome.ts';
import { reconcile } from '../../../activities/reconcile/run.ts';
import type { Reconciliation } from '../../../activities/reconcile/run.ts';
import { expectSameInParts } from '../../support/in-parts.ts';
import { startServers } from '../../support/mysqld.ts';
import type { TestMysqld, TestServers } from '../../support/mysqld.ts';

const DDL = [
  'CREATE DATABASE g',
  'CREATE TABLE g.pairs (a INT, b VARCHAR(20), n INT, PRIMARY KEY (a, b))',
  `CREATE TABLE g.names (name VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci PRIMARY KEY, n INT)`,
  `CREATE TABLE g.padded (name VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci PRIMARY KEY, n INT)`,
  'CREATE TABLE g.latin (name VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci PRIMARY KEY, n INT)',
  `CREATE TABLE g.paths (path VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin NOT NULL, n INT, PRIMARY KEY (path(4)))`,
  'CREATE TABLE g.users (id INT PRIMARY KEY, mail VARCHAR(40) NOT NULL UNIQUE, n INT)',
  'CREATE TABLE g.refs (id INT AUTO_INCREMENT PRIMARY KEY, ref VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL UNIQUE, n INT)',
  'CREATE TABLE g.bag (a INT, b VARCHAR(20))',
  `CREATE TABLE g.wide (id BINARY(2) PRIMARY KEY, f FLOAT, d DOUBLE, j JSON, bl BLOB, u VARCHAR(9) CHARACTER SET utf16, s SET('a','b'), p POINT, t TIMESTAMP(3) NULL, x DECIMAL(20,5),
    v INT AS (CAST(x AS SIGNED)) VIRTUAL, w INT AS (CAST(x AS SIGNED) + 1) STORED)`,
  'CREATE TABLE g.audit (id INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(40))',
  'CREATE TABLE g.watched (id INT PRIMARY KEY, n INT)',
  "CREATE TRIGGER g.tr AFTER INSERT ON g.watched FOR EACH ROW INSERT INTO g.audit (what) VALUES (CONCAT('w', NEW.id))",
  'CREATE TABLE g.parent (id INT PRIMARY KEY)',
  'CREATE TABLE g.child (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES g.parent (id) ON DELETE CASCADE ON UPDATE CASCADE)',
  'CREATE TABLE g.orphan (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES g.parent (id) ON DELETE SET NULL)',
  'CREATE TABLE g.minimal (id INT PRIMARY KEY, a INT, b INT, t TEXT)',
  'CREATE TABLE g.branch (id INT PRIMARY KEY)',
  'CREATE TABLE g.shaped (id INT PRIMARY KEY, a INT, b INT)',
  'CREATE TABLE g.noted (id INT PRIMARY KEY, n INT)',
  'CREATE TABLE g.noted2 (id INT PRIMARY KEY, n INT)',
  'SET SESSION sql_generate_invisible_primary_key = 1',
  'CREATE TABLE g.hidden (a INT, b VARCHAR(20))',
  "INSERT INTO g.bag VALUES (1, 'x'), (1, 'x'), (2, 'y')",
  "INSERT INTO g.hidden VALUES (1, 'base')",
  'INSERT INTO g.minimal VALUES (1, 1, 1, REPEAT("t", 100)), (2, 2, 2, "t"), (3, 3, 3, "t")',
  'INSERT INTO g.parent VALUES (1), (2), (3)',
  'INSERT INTO g.child VALUES (11, 1), (12, 1), (21, 2)',
  'INSERT INTO g.orphan VALUES (1, 1)',
  'INSERT INTO g.shaped VALUES (1, 1, 1)',
];
const RULES: ReconcileRules = { conflict: 'new-wins', identity: {} };

let servers: TestServers;
let old: TestMysqld;
let fresh: TestMysqld;

async function begin(): Promise<void> {
  servers = await startServers(['old', 'fresh'], DDL);
  [old, fresh] = servers.nodes as [TestMysqld, TestMysqld];
}
const judge = async (rules: Partial<ReconcileRules> = {}): Promise<Reconciliation> => {
  const opts = { old: old.dataDir, new: fresh.dsn, rules: { ...RULES, ...rules }, plan: true };
  const whole = await reconcile(opts);
  await expectSameInParts(opts, whole);
  return whole;
};
const of = (r: Reconciliation, table: string) => [...r.lost].filter((l) => l.table === table);
const branch = (name: string, id: number) => [`XA START '${name}'`, `INSERT INTO g.branch VALUES (${id})`, `XA END '${name}'`, `XA PREPARE '${name}'`];
const brief = (l: LostKey) => [l.key, l.effect, l.conflict, l.inPlace];
const set = (values: Record<string, string>) => Object.entries(values).map(([c, v]) => `${c} = ${v}`);
const unknowns = (r: Reconciliation) => r.summary.findings.filter((f) => f.severity === 'unknown').map((f) => f.text);

describe('tables of every kind', () => {
  beforeAll(async () => {
    await begin();
    await old.sql(
      "INSERT INTO g.pairs VALUES (1, 'one', 1), (1, 'two', 2)",
      "INSERT INTO g.names VALUES ('Straße', 1), ('a ', 2), ('only', 3)",
      "INSERT INTO g.padded VALUES ('Ab', 1), ('c', 2)",
      "INSERT INTO g.latin VALUES ('Ü', 1), ('x', 2)",
      "INSERT INTO g.paths VALUES ('abcdef', 1), ('zzzz', 2)",
      "INSERT INTO g.users VALUES (1, 'A@x', 1), (2, 'b@x', 2), (3, 'c@x', 3)",
      "INSERT INTO g.refs (ref, n) VALUES ('old', 1)",
      "INSERT INTO g.bag VALUES (3, 'z'), (3, 'z'), (4, 'gone')",
      'DELETE FROM g.bag WHERE a = 4',
      'DELETE FROM g.bag WHERE a = 1 LIMIT 1',
      "UPDATE g.bag SET b = 'yy' WHERE a = 2",
      `INSERT INTO g.wide (id, f, d, j, bl, u, s, p, t, x) VALUES (X'0001', 804924.6875, -1.2345678901234567e-100, '{"b": 1.0, "a": "ü"}', X'00FF', 'ü', 'a,b', ST_GeomFromText('POINT(1 2)'), '2025-01-02 03:04:05.678', 1.5)`,
      'INSERT INTO g.watched VALUES (7, 7)',
      "INSERT INTO g.hidden VALUES (2, 'old')",
    );
    await fresh.sql(
      "INSERT INTO g.pairs VALUES (1, 'two', 22)",
      "INSERT INTO g.names VALUES ('strasse', 10), ('a', 20)",
      "INSERT INTO g.padded VALUES ('aB  ', 10)",
      "INSERT INTO g.latin VALUES ('ü ', 10)",
      "INSERT INTO g.paths VALUES ('abcdXX', 10)",
      "INSERT INTO g.users VALUES (9, 'a@X', 9), (2, 'b2@x', 9)",
      "INSERT INTO g.refs (ref, n) VALUES ('new', 1)",
      "INSERT INTO g.hidden VALUES (3, 'new')",
    );
  }, 120_000);
  afterAll(async () => servers.stop());

  let r: Reconciliation;
  test('nothing is unknown', async () => {
    r = await judge();
    expect(unknowns(r)).toEqual([]);
    expect(outcomeOf(r, null).verdict).toBe('fail');
  });
  test.each<[string, unknown[][]]>([
    [
      'g.pairs',
      [
        ['["1","one"]', 'insert', null, false],
        ['["1","two"]', 'insert', 'insert/insert', true],
      ],
    ],
    // equal under the collation, and a trailing space that counts
    [
      'g.names',
      [
        ['Straße', 'insert', 'insert/insert', true],
        ['a ', 'insert', null, false],
        ['only', 'insert', null, false],
      ],
    ],
    // a trailing space that does not
    [
      'g.padded',
      [
        ['Ab', 'insert', 'insert/insert', true],
        ['c', 'insert', null, false],
      ],
    ],
    [
      'g.latin',
      [
        ['Ü', 'insert', 'insert/insert', true],
        ['x', 'insert', null, false],
      ],
    ],
    [
      'g.paths',
      [
        ['abcdef', 'insert', 'insert/insert', true],
        ['zzzz', 'insert', null, false],
      ],
    ],
    ['g.wide', [['0001', 'insert', null, false]]],
    ['g.watched', [['7', 'insert', null, false]]],
    ['g.audit', [['1', 'insert', null, false]]],
    ['g.hidden', [['["2","old"]', 'insert', null, false]]],
    [
      'g.bag',
      [
        ['["3","z"]', 'insert', null, false],
        ['["4","gone"]', 'none', null, true],
        ['["1","x"]', 'delete', null, false],
        ['["2","y"]', 'delete', null, false],
        ['["2","yy"]', 'insert', null, false],
      ],
    ],
  ])('%s', (table, expected) => {
    expect(of(r, table).map((l) => brief(l))).toEqual(expected);
  });
  test('a value that another row has in a unique index is insert/insert, and a person’s decision', () => {
    expect(of(r, 'g.users').map((l) => [...brief(l), l.note ?? ''])).toEqual([
      ['1', 'insert', 'insert/insert', false, expect.stringContaining('its value in mail was given to another row')],
      ['2', 'insert', 'insert/insert', true, 'settled by the rule: the new side stands'],
      ['3', 'insert', null, false, ''],
    ]);
    expect(of(r, 'g.refs').map((l) => [...brief(l), l.note ?? ''])).toEqual([['old', 'insert', 'insert/insert', false, expect.stringContaining('PRIMARY')]]);
  });
  test('a declared identity makes the id meaningless', async () => {
    const declared = await judge({ identity: { 'g.refs': 'ref' } });
    const change = [...declared.changes!].find((c) => c.table.name === 'g.refs');
    expect(change).toMatchObject({ key: 'old', conflict: 'insert/insert', kind: 'rule', rekey: true, seen: null, target: expect.anything() });
  });
  test('what was put back is in place, by every cell', async () => {
    await fresh.sql(
      "INSERT INTO g.pairs VALUES (1, 'one', 1)",
      "INSERT INTO g.names VALUES ('a ', 2), ('only', 3)",
      "INSERT INTO g.padded VALUES ('c', 2)",
      "INSERT INTO g.latin VALUES ('x', 2)",
      "INSERT INTO g.paths VALUES ('zzzz', 2)",
      "INSERT INTO g.users VALUES (3, 'c@x', 3)",
      "INSERT INTO g.bag VALUES (3, 'z'), (3, 'z')",
      'DELETE FROM g.bag WHERE a = 1 LIMIT 1',
      "UPDATE g.bag SET b = 'yy' WHERE a = 2",
      `INSERT INTO g.wide (id, f, d, j, bl, u, s, p, t, x) VALUES (X'0001', 804924.6875, -1.2345678901234567e-100, '{"a": "ü", "b": 1.0}', X'00FF', 'ü', 'a,b', ST_GeomFromText('POINT(1 2)'), '2025-01-02 03:04:05.678', 1.5)`,
      'INSERT INTO g.watched VALUES (7, 7)',
      "INSERT INTO g.hidden VALUES (2, 'old')",
    );
    const again = await judge();
    expect([...again.lost].filter((l) => l.inPlace !== true).map((l) => [l.table, l.key])).toEqual([
      ['g.users', '1'],
      ['g.refs', 'old'],
    ]);
  }, 60_000);
  // a float that prints alike, a document of another number type, a trailing byte
  test('a silent change of any column is seen', async () => {
    const values = { f: '804925', d: '-1.2345678901234577e-100', j: `'{"a": "ü", "b": 1}'`, bl: "X'00FF00'", u: "'u'", t: 'NULL', s: '1', x: '1.50001' };
    const back = {
      f: '804924.6875',
      d: '-1.2345678901234567e-100',
      j: `'{"a": "ü", "b": 1.0}'`,
      bl: "X'00FF'",
      u: "'ü'",
      t: "'2025-01-02 03:04:05.678'",
      s: '3',
      x: '1.5',
    };
    for (const change of set(values)) {
      // by way of NULL: to the server 1.0 is 1 in a document, and it would change nothing
      await fresh.sql('SET SESSION sql_log_bin = 0', 'UPDATE g.wide SET j = NULL', `UPDATE g.wide SET ${[...set(back), change].join(', ')}`);
      expect([change, of(await judge(), 'g.wide')[0]!.inPlace]).toEqual([change, false]);
    }
    await fresh.sql('SET SESSION sql_log_bin = 0', 'UPDATE g.wide SET j = NULL', `UPDATE g.wide SET ${set(back).join(', ')}`);
    expect(of(await judge(), 'g.wide')[0]!.inPlace).toBe(true);
  }, 60_000);
});

describe('what a log does not hold', () => {
  beforeAll(begin, 120_000);
  afterAll(async () => servers.stop());

  test('columns that were not logged owe nothing', async () => {
    const minimal = "SET SESSION binlog_row_image = 'MINIMAL'";
    await old.sql(minimal, 'UPDATE g.minimal SET a = 10 WHERE id = 1', 'UPDATE g.minimal SET a = 20 WHERE id = 2', 'DELETE FROM g.minimal WHERE id = 3');
    await fresh.sql(minimal, 'UPDATE g.minimal SET b = 20 WHERE id = 2');
    const r = await judge();
    expect(unknowns(r)).toEqual([]);
    expect(of(r, 'g.minimal').map((l) => brief(l))).toEqual([
      ['1', 'update', null, false],
      // what the new side logged stands: nothing is owed of a column that it did not touch
      ['2', 'update', 'update/update', true],
      ['3', 'delete', null, false],
    ]);
    await fresh.sql(minimal, 'UPDATE g.minimal SET a = 10 WHERE id = 1', 'DELETE FROM g.minimal WHERE id = 3');
    expect(of(await judge(), 'g.minimal').map((l) => l.inPlace)).toEqual([true, true, true]);
  });

  test('a branch counts where it is decided, and is unknown where it is not', async () => {
    await old.sql(...branch('a', 1), "XA COMMIT 'a'");
    await old.sql(...branch('b', 2), "XA ROLLBACK 'b'");
    await old.sql(...branch('d', 4).slice(0, 3), "XA COMMIT 'd' ONE PHASE");
    const decided = await judge();
    expect(unknowns(decided)).toEqual([]);
    expect(of(decided, 'g.branch').map((l) => brief(l))).toEqual([
      ['1', 'insert', null, false],
      ['4', 'insert', null, false],
    ]);
    await old.sql(...branch('c', 3));
    const open = await judge();
    expect(unknowns(open)).toEqual([expect.stringMatching(/prepared the XA branch .*'c'.*rows of g\.branch are unknown/)]);
    expect(of(open, 'g.branch').map((l) => l.key)).toEqual(['1', '4']);
    await old.sql("XA ROLLBACK 'c'");
  });

  test('images decode by the table of their time: columns that came are not owed, columns that are gone make it unknown', async () => {
    await old.sql("SET GLOBAL binlog_row_metadata = 'FULL'", 'UPDATE g.shaped SET b = 5 WHERE id = 1', 'INSERT INTO g.shaped VALUES (2, 2, 2)');
    await fresh.sql('ALTER TABLE g.shaped ADD COLUMN z INT DEFAULT 9 FIRST');
    const r = await judge();
    expect(of(r, 'g.shaped').map((l) => brief(l))).toEqual([
      ['1', 'update', null, false],
      ['2', 'insert', null, false],
    ]);
    expect(unknowns(r)).toEqual([expect.stringContaining('ALTER TABLE g.shaped')]);
    await fresh.sql('ALTER TABLE g.shaped DROP COLUMN a');
    expect(unknowns(await judge())).toContainEqual(expect.stringContaining('g.shaped has no column a any more'));
    await fresh.sql('ALTER TABLE g.shaped ADD COLUMN a BIGINT');
    expect(unknowns(await judge())).toContainEqual(expect.stringMatching(/g\.shaped has changed since: a is bigint now, and in the log INT/));
    await old.sql("SET GLOBAL binlog_row_metadata = 'MINIMAL'");
  });

  test('statements without row images are unknown, by name', async () => {
    await old.sql("SET SESSION binlog_format = 'STATEMENT'", 'INSERT INTO g.noted VALUES (1, 1)');
    expect(unknowns(await judge())).toContainEqual(expect.stringContaining('INSERT INTO g.noted'));
    await old.sql('INSERT INTO g.noted VALUES (2, 2)');
    const r = await judge();
    expect(unknowns(r)).toContainEqual(expect.stringMatching(/^g\.noted was changed by a statement without row images in the lost part/));
    expect(of(r, 'g.noted')).toEqual([]);
    await old.sql('TRUNCATE TABLE g.noted');
    expect(unknowns(await judge())).toContainEqual(expect.stringContaining('TRUNCATE TABLE g.noted'));
    await old.sql('INSERT INTO g.noted2 VALUES (2, 2)');
    await fresh.sql('TRUNCATE TABLE g.noted2');
    const later = await judge();
    expect(unknowns(later)).toContainEqual(expect.stringMatching(/^g\.noted2 was changed by a statement without row images on the new side/));
    expect(of(later, 'g.noted2')).toEqual([]);
  });

  test('a table that only the old side has', async () => {
    await old.sql('CREATE TABLE g.lost (id INT PRIMARY KEY)', 'INSERT INTO g.lost VALUES (1)');
    expect(unknowns(await judge())).toContainEqual('g.lost is not on the new source: its lost rows are unknown');
  });
});

describe.each<[string, string[], boolean]>([
  ['logged', [], true],
  ['not logged', ['--innodb-native-foreign-keys=ON'], false],
])('cascades that are %s', (_, extra, logged) => {
  beforeAll(async () => {
    await begin();
    await old.kill();
    await old.start(extra);
    await old.sql(
      'DELETE FROM g.parent WHERE id = 1',
      'UPDATE g.parent SET id = 22 WHERE id = 2',
      'INSERT INTO g.child VALUES (31, 3)',
      'DELETE FROM g.parent WHERE id = 3',
    );
  }, 120_000);
  afterAll(async () => servers.stop());

  test('every row that the old side changed is named', async () => {
    const r = await judge();
    const told = [...of(r, 'g.child').map((l) => `child ${l.key} ${l.effect}`), ...of(r, 'g.orphan').map((l) => `orphan ${l.key} ${l.effect}`)].sort();
    if (logged) {
      expect(unknowns(r)).toEqual([]);
      expect(told).toEqual(['child 11 delete', 'child 12 delete', 'child 21 update', 'child 31 none', 'orphan 1 update']);
      return;
    }
    expect(told).toEqual(['child 31 insert']);
    expect(unknowns(r)).toEqual([
      expect.stringMatching(/^g\.child: 4 rows \(11, 12, 21, 31\) refer to rows of g\.parent/),
      expect.stringMatching(/^g\.orphan: 1 row \(1\) refer/),
    ]);
    expect(outcomeOf(r, null).verdict).toBe('fail');
  });
});
