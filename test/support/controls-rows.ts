/** Negative controls: what makes two rows the same, what a row's value is to the bit, and changes that no row image tells. */
import { acct, order, setAcct } from './controls-failover.ts';
import type { Control } from './controls.ts';

const PARENTS = [
  'CREATE TABLE parent (id INT PRIMARY KEY)',
  'CREATE TABLE child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE)',
];
const NATIVE = '--innodb-native-foreign-keys=ON';
const audited = (columns: string): string[] => [
  'CREATE TABLE t (id INT PRIMARY KEY)',
  `CREATE TABLE audit (${columns})`,
  "CREATE TRIGGER audited AFTER INSERT ON t FOR EACH ROW INSERT INTO audit (ref, what) VALUES (NEW.id, 'insert')",
];
const named = (collation: string): string[] => [`CREATE TABLE n (name VARCHAR(20) CHARACTER SET utf8mb4 COLLATE ${collation} PRIMARY KEY, v INT)`];
/** Two texts that are one key to the server, given to different rows on the two sides. */
function sameKey(name: string, collation: string, old: string, fresh: string): Control {
  return {
    name,
    ddl: named(collation),
    lost: [`INSERT INTO c.n VALUES ('${old}', 1)`],
    fresh: [`INSERT INTO c.n VALUES ('${fresh}', 2)`],
    good: [`UPDATE c.n SET name = '${old}', v = 1`],
    flags: () => ['--rule', 'old-wins'],
    ...(collation.includes('0900') ? { mariadb: { ddl: named('utf8mb4_uca1400_ai_ci') } } : {}),
    wanted: 'fail',
    names: ['c.n'],
    conflict: 'insert/insert',
  };
}

export const ROWS: readonly Control[] = [
  {
    name: 'a row that the new side deleted is back after the recovery',
    past: [acct(1), acct(2)],
    lost: [setAcct(1, 'old')],
    fresh: ['DELETE FROM drill.acct WHERE id = 1'],
    bad: ["INSERT INTO drill.acct VALUES (1, 10, 'old', 'old-1')"],
    wanted: 'fail',
    names: ['drill.acct 1'],
  },
  {
    name: 'a row that the old side deleted, the client was told so, is there again',
    past: async (s) => {
      const c = await s.session(s.old);
      for (const id of [1, 2]) await s.client.write(c, { w: `p${id}`, kind: 'set', table: 'acct', id });
    },
    lost: async (s) => s.client.write(await s.session(s.old), { w: 'd1', kind: 'delete', table: 'acct', id: 1 }),
    good: ['DELETE FROM drill.acct WHERE id = 1'],
    wanted: 'fail',
    names: ['drill.acct 1'],
    fates: { d1: 'altered' },
  },
  {
    name: 'two floats that print alike',
    ddl: ['CREATE TABLE f (id INT PRIMARY KEY, x FLOAT, y DOUBLE)'],
    past: ['INSERT INTO c.f VALUES (1, 0, 0), (2, 0, 0)'],
    lost: ['UPDATE c.f SET x = 804924.6875, y = 0.1 WHERE id = 1', 'UPDATE c.f SET x = 16777216, y = 1e300 WHERE id = 2'],
    bad: ['UPDATE c.f SET x = 804925, y = 0.1 WHERE id = 1', 'UPDATE c.f SET x = 16777200, y = 1e300 WHERE id = 2'],
    good: ['UPDATE c.f SET x = 804924.6875, y = 0.1 WHERE id = 1', 'UPDATE c.f SET x = 16777216, y = 1e300 WHERE id = 2'],
    // under new-wins a rounded value is the new side's own write, and stands
    flags: () => ['--rule', 'old-wins'],
    wanted: 'fail',
    names: ['c.f 1', 'c.f 2'],
  },
  {
    name: 'a cascade that was not logged',
    ddl: PARENTS,
    past: async (s) => {
      if (!s.healthy) {
        await s.restart(s.old, NATIVE);
        await s.until('replication', async () => (await s.fresh.sql('SHOW REPLICA STATUS'))[0]!['Replica_IO_Running'] === 'Yes');
      }
      await s.old.sql('INSERT INTO c.parent VALUES (1), (2)', 'INSERT INTO c.child VALUES (10, 1), (20, 2)');
    },
    lost: ['DELETE FROM c.parent WHERE id = 1'],
    mariadb: { past: ['INSERT INTO c.parent VALUES (1), (2)', 'INSERT INTO c.child VALUES (10, 1), (20, 2)'] },
    bad: ['SET SESSION foreign_key_checks = 0', 'DELETE FROM c.parent WHERE id = 1'],
    good: ['DELETE FROM c.parent WHERE id = 1'],
    wanted: 'unknown',
    names: ['c.child'],
  },
  {
    name: 'a trigger that fired again in a replay of statements',
    ddl: audited('ref INT NOT NULL, what VARCHAR(20), id INT AUTO_INCREMENT PRIMARY KEY, KEY (ref)'),
    lost: ['INSERT INTO c.t VALUES (5)'],
    bad: ['INSERT INTO c.t VALUES (5)', "INSERT INTO c.audit (ref, what) VALUES (5, 'insert')"],
    good: (s) => s.replay(),
    flags: () => ['--identity', 'c.audit=ref'],
    wanted: 'fail',
    names: ['c.audit 5'],
  },
  {
    // an equal row more than the lost part left: a second replay, or somebody's own; no log tells
    name: 'a trigger that fired again, into a table without a key',
    ddl: audited('ref INT, what VARCHAR(20)'),
    lost: ['INSERT INTO c.t VALUES (5)'],
    bad: ['INSERT INTO c.t VALUES (5)', "INSERT INTO c.audit (ref, what) VALUES (5, 'insert')"],
    good: (s) => s.replay(),
    wanted: 'unknown',
    names: ['c.audit'],
  },
  {
    name: 'one of two equal rows of a table without a key is not recovered',
    ddl: ['CREATE TABLE bag (v INT, w VARCHAR(10))'],
    past: ["INSERT INTO c.bag VALUES (1, 'x')"],
    lost: ["INSERT INTO c.bag VALUES (1, 'x'), (1, 'x')"],
    bad: ["INSERT INTO c.bag VALUES (1, 'x')"],
    good: ["INSERT INTO c.bag VALUES (1, 'x'), (1, 'x')"],
    wanted: 'fail',
    names: ['c.bag'],
  },
  {
    name: 'generated invisible keys that both sides counted up',
    ddl: ['SET SESSION sql_generate_invisible_primary_key = ON', 'CREATE TABLE g (v INT)'],
    lost: ['INSERT INTO c.g VALUES (1)'],
    fresh: ['INSERT INTO c.g VALUES (2)'],
    good: ['INSERT INTO c.g VALUES (1)'],
    mariadb: 'MariaDB generates no invisible keys',
    wanted: 'fail',
    names: ['c.g'],
  },
  sameKey('keys equal by collation: Straße and strasse', 'utf8mb4_0900_ai_ci', 'Straße', 'strasse'),
  sameKey('keys equal by padding: a and a with a space', 'utf8mb4_general_ci', 'a ', 'a'),
  {
    name: 'a second unique index: its value was given to another row',
    ddl: ['CREATE TABLE u (id INT PRIMARY KEY, mail VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL UNIQUE)'],
    past: ["INSERT INTO c.u VALUES (1, 'one@x'), (2, 'two@x')"],
    lost: ["UPDATE c.u SET mail = 'new@x' WHERE id = 1"],
    fresh: ["UPDATE c.u SET mail = 'new@x' WHERE id = 2"],
    good: ["UPDATE c.u SET mail = 'two@x' WHERE id = 2", "UPDATE c.u SET mail = 'new@x' WHERE id = 1"],
    flags: () => ['--rule', 'old-wins'],
    wanted: 'fail',
    names: ['c.u 1'],
  },
  {
    name: 'a key of two columns',
    ddl: ['CREATE TABLE pair (a INT, b INT, v INT, PRIMARY KEY (a, b))'],
    past: ['INSERT INTO c.pair VALUES (1, 1, 0), (1, 2, 0)'],
    lost: ['UPDATE c.pair SET v = 1 WHERE a = 1 AND b = 2'],
    good: ['UPDATE c.pair SET v = 1 WHERE a = 1 AND b = 2'],
    wanted: 'fail',
    names: ['c.pair'],
  },
  {
    name: 'images of the changed columns only (MINIMAL), not recovered',
    past: [acct(1), acct(2)],
    lost: ['SET SESSION binlog_row_image = MINIMAL', setAcct(1, 'old')],
    fresh: [setAcct(2, 'new')],
    good: [setAcct(1, 'old')],
    wanted: 'fail',
    names: ['drill.acct 1'],
  },
  {
    name: 'a duplicate: the client sent again what the recovery brought back too',
    past: [order('p1')],
    lost: async (s) => s.client.write(await s.session(s.old), { w: 'j1', kind: 'insert', table: 'journal' }, true),
    fresh: async (s) => s.client.write(await s.session(s.fresh), { w: 'j1', kind: 'insert', table: 'journal', attempt: 2 }),
    bad: ["INSERT INTO drill.journal (account, delta, note, write_id) VALUES (1, -5, 'of j1', 'j1')"],
    wanted: 'fail',
    names: ['drill.journal j1'],
    fates: { j1: 'duplicated' },
  },
];
